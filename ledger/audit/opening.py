"""Opens a bundle's entries: unpacks and hashes them and checks their form, on one core or several.

This is what of a verification needs no knowledge of the entries before. It is done an entry bundle
at a time, by this process or by others started for it, and handed out in the order of the log: the
first thing that is wrong is the same, however many work.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import orjson

from ledger.audit.faults import BundleFault, WorkersLost
from ledger.audit.files import LogFiles
from ledger.audit.reader import BundleReader
from ledger.errors import MalformedEntry
from ledger.journal.entry import Entry, decode
from ledger.tlog.merkle import split_hashes
from ledger.tlog.tiles import TILE_WIDTH, Tile, entry_tiles_of
from ledger.tuning import tune_interpreter

TILES_PER_ERRAND = 8
"""Entry bundles of 256, some 200 kB each, that another process opens at a time.

Handing out and taking back needs this process's interpreter, which the rules keep busy: with one
bundle at a time the others mostly wait for that.
"""
AHEAD_PER_WORKER = 3
"""Errands that each worker may be ahead of the rules."""
LONG_BUNDLE_BYTES = 8_000_000
"""From which length on starting other processes, half a second each, is worth while."""


class OpenedTile(NamedTuple):
    """One entry bundle whose hashes are those of the tile of level 0.

    `entries` are those before the first that has no entry's form, of which `malformed` tells.
    """

    tile: Tile
    leaves: Sequence[bytes]
    entries: Sequence[Entry]
    malformed: MalformedEntry | None


def jobs_for(path: Path) -> int:
    """How many processes to verify the bundle at `path` with: all cores for a long one, else 1."""
    is_long = path.stat().st_size >= LONG_BUNDLE_BYTES
    return len(os.sched_getaffinity(0)) if is_long else 1


def open_tiles(bundle: BundleReader, size: int, jobs: int) -> Iterator[OpenedTile]:
    """All entry bundles of a log of `size` entries, in order.

    With `jobs` above 1, `jobs` - 1 other processes open them. BundleFault names the first that does
    not hold what it should, once those before it were handed out.
    """
    tiles = entry_tiles_of(size)
    if jobs > 1:
        return _opened_by_others(bundle.path, tiles, size, jobs - 1)
    files = LogFiles(bundle, size)
    return (open_tile(files, tile) for tile in tiles)


def open_tile(files: LogFiles, tile: Tile) -> OpenedTile:
    """One entry bundle; BundleFault where its hashes are not those of the tile of level 0."""
    raws, leaves = _hashed(files, tile)
    entries, malformed = _decoded(raws)
    return OpenedTile(tile, leaves, entries, malformed)


def _hashed(files: LogFiles, tile: Tile) -> tuple[list[bytes], list[bytes]]:
    """The entries of a tile and their leaf hashes."""
    raws = files.entries(tile.index)
    leaves = [sha256(b"\0" + raw).digest() for raw in raws]  # leaf_hash(), inline
    wanted = files.hashes(0, tile.index)
    if b"".join(leaves) != wanted:
        pairs = enumerate(zip(leaves, split_hashes(wanted), strict=True))
        at, (got, want) = next((at, pair) for at, pair in pairs if pair[0] != pair[1])
        seq = tile.index * TILE_WIDTH + at
        raise BundleFault(
            f"entry {seq} in {tile.path} has the leaf hash {got.hex()}, but"
            f" {Tile(0, tile.index, tile.width).path} says {want.hex()}",
            file=tile.path,
            seq=seq,
        )
    return raws, leaves


def _decoded(raws: Sequence[bytes]) -> tuple[list[Entry], MalformedEntry | None]:
    entries: list[Entry] = []
    try:
        entries.extend(map(decode, raws))
    except MalformedEntry as malformed:
        return entries, malformed
    return entries, None


# --- by several processes ------------------------------------------------------------------------


class _Parcel(NamedTuple):
    """An opened tile as it travels: parsing again costs less than carrying what was parsed."""

    entries: bytes  # a JSON array
    leaves: bytes
    malformed: str | None


class _Load(NamedTuple):
    """What one errand brings back: the tiles before the first one with a fault, and that fault."""

    parcels: list[_Parcel]
    fault: BundleFault | None


def _opened_by_others(
    path: Path, tiles: Iterator[Tile], size: int, workers: int
) -> Iterator[OpenedTile]:
    executor = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), _begin, (path, size)
    )
    waiting: deque[tuple[list[Tile], Future[_Load]]] = deque()
    try:
        while errand := list(islice(tiles, TILES_PER_ERRAND)):
            waiting.append((errand, executor.submit(_fetch, errand)))
            if len(waiting) > workers * AHEAD_PER_WORKER:
                yield from _unpacked(*waiting.popleft())
        while waiting:
            yield from _unpacked(*waiting.popleft())
    except BrokenProcessPool as error:
        raise WorkersLost(
            "A process that helped to verify was ended from outside. Try again with --jobs 1."
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _unpacked(tiles: Sequence[Tile], errand: Future[_Load]) -> Iterator[OpenedTile]:
    load = errand.result()
    for tile, (entries, leaves, malformed) in zip(tiles, load.parcels, strict=False):
        said = None if malformed is None else MalformedEntry(malformed)
        yield OpenedTile(tile, split_hashes(leaves), orjson.loads(entries), said)
    if load.fault is not None:
        raise load.fault


_here: LogFiles
"""In a process that helps: the bundle, opened once."""


def _begin(path: Path, size: int) -> None:
    global _here  # noqa: PLW0603 (a process of its own, which serves one bundle)
    tune_interpreter()
    _here = LogFiles(BundleReader(path), size)


def _fetch(tiles: Sequence[Tile]) -> _Load:
    parcels: list[_Parcel] = []
    try:
        parcels.extend(map(_pack, tiles))
    except BundleFault as fault:
        return _Load(parcels, fault)
    return _Load(parcels, None)


def _pack(tile: Tile) -> _Parcel:
    raws, leaves = _hashed(_here, tile)
    entries, malformed = _decoded(raws)
    said = None if malformed is None else str(malformed)
    sound = b",".join(raws[: len(entries)])
    return _Parcel(b"[" + sound + b"]", b"".join(leaves), said)
