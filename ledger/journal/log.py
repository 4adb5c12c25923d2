"""The published log, read from the database: checkpoints, tiles, entries, receipts.

Everything follows from leaf hashes and finished subtrees; nothing here writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from ledger.errors import NotPublished
from ledger.journal import tables as t
from ledger.journal.bulk import rows_of
from ledger.tlog.checkpoint import parse_checkpoint
from ledger.tlog.merkle import (
    CompactRange,
    prove_consistency,
    prove_inclusion,
    range_at,
)
from ledger.tlog.note import split_note
from ledger.tlog.proof import LogProof
from ledger.tlog.tiles import TILE_WIDTH, Tile, TileHashes, encode_bundle

ENTRIES_PER_READ = 4_096


class Published(NamedTuple):
    """A checkpoint that was signed and stored: the size of its tree, and the note verbatim."""

    size: int
    note: bytes


_NEWEST_CHECKPOINT = (
    select(t.checkpoint.c.size, t.checkpoint.c.note)
    .where(t.checkpoint.c.ledger_id == bindparam("of_ledger"))
    .order_by(t.checkpoint.c.size.desc())
    .limit(1)
)


def latest_checkpoint(conn: Connection, ledger_id: int) -> Published | None:
    """The newest checkpoint, None before the first."""
    for row in rows_of(conn, _NEWEST_CHECKPOINT, {"of_ledger": ledger_id}):
        return Published(row.size, bytes(row.note))
    return None


def first_checkpoint_over(conn: Connection, ledger_id: int, seq: int) -> Published | None:
    """The oldest checkpoint whose tree has the entry `seq`, None when it is not published yet."""
    oldest = (
        select(t.checkpoint.c.size, t.checkpoint.c.note)
        .where(t.checkpoint.c.ledger_id == ledger_id, t.checkpoint.c.size > seq)
        .order_by(t.checkpoint.c.size)
        .limit(1)
    )
    row = conn.execute(oldest).one_or_none()
    return None if row is None else Published(row.size, bytes(row.note))


_LEAVES = (
    select(t.entry.c.leaf.label("hash"))
    .where(
        t.entry.c.ledger_id == bindparam("of_ledger"),
        t.entry.c.seq.between(bindparam("low"), bindparam("high")),
    )
    .order_by(t.entry.c.seq)
)
_SUBTREES = (
    select(t.subtree.c.hash)
    .where(
        t.subtree.c.ledger_id == bindparam("of_ledger"),
        t.subtree.c.level == bindparam("of_level"),
        t.subtree.c.index.between(bindparam("low"), bindparam("high")),
    )
    .order_by(t.subtree.c.index)
)


def hash_tile(conn: Connection, ledger_id: int, tile: Tile) -> bytes:
    """The hashes of a tile one after another; shorter than asked for where the log ends."""
    low = tile.index * TILE_WIDTH
    values = {"of_ledger": ledger_id, "low": low, "high": low + tile.width - 1}
    if tile.level == 0:
        rows = rows_of(conn, _LEAVES, values)
    else:
        rows = rows_of(conn, _SUBTREES, {**values, "of_level": tile.level})
    return b"".join([bytes(row.hash) for row in rows])


def entry_tile(conn: Connection, ledger_id: int, tile: Tile) -> bytes:
    """The entry bundle of a tile."""
    first = tile.index * TILE_WIDTH
    return encode_bundle(raw_entries(conn, ledger_id, first, first + tile.width))


_RAW = (
    select(t.entry.c.raw)
    .where(
        t.entry.c.ledger_id == bindparam("of_ledger"),
        t.entry.c.seq >= bindparam("start"),
        t.entry.c.seq < bindparam("end"),
    )
    .order_by(t.entry.c.seq)
)


def raw_entries(conn: Connection, ledger_id: int, start: int, end: int) -> list[bytes]:
    """The bytes of the entries from `start` up to, not including, `end`."""
    values = {"of_ledger": ledger_id, "start": start, "end": end}
    return [bytes(row.raw) for row in rows_of(conn, _RAW, values)]


def entry_runs(conn: Connection, ledger_id: int, start: int, end: int) -> Iterator[list[bytes]]:
    """The entries from `start` to `end` in runs of bounded length."""
    while start < end:
        run = raw_entries(conn, ledger_id, start, min(start + ENTRIES_PER_READ, end))
        if not run:
            return
        yield run
        start += len(run)


def log_size(conn: Connection, ledger_id: int) -> int:
    """The number of entry rows, published or not."""
    query = select(func.max(t.entry.c.seq)).where(t.entry.c.ledger_id == ledger_id)
    newest = conn.execute(query).scalar_one()
    return 0 if newest is None else newest + 1


def tree(conn: Connection, ledger_id: int, size: int) -> TileHashes:
    """The hashes of the tree at `size`, read tile by tile; each tile is read once."""
    seen: dict[Tile, bytes] = {}

    def read_tile(tile: Tile) -> bytes:
        if tile not in seen:
            seen[tile] = hash_tile(conn, ledger_id, tile)
        return seen[tile]

    return TileHashes(read_tile, size)


def edge_at(conn: Connection, ledger_id: int, size: int) -> CompactRange:
    """The right edge of the tree as it was at `size`."""
    return range_at(size, tree(conn, ledger_id, size))


def consistency(conn: Connection, ledger_id: int, old: int, new: int) -> tuple[bytes, ...]:
    """The proof that the tree at `new` extends that at `old`."""
    return prove_consistency(old, new, tree(conn, ledger_id, new))


def receipt(conn: Connection, ledger_id: int, seq: int) -> LogProof:
    """The receipt of an entry under the newest checkpoint; `NotPublished` until there is one."""
    published = latest_checkpoint(conn, ledger_id)
    if published is None or published.size <= seq:
        raise NotPublished(f"Entry {seq} is not under a published checkpoint yet. Ask again soon.")
    hashes = prove_inclusion(seq, published.size, tree(conn, ledger_id, published.size))
    (raw,) = raw_entries(conn, ledger_id, seq, seq + 1)
    return LogProof(seq, hashes, published.note, raw)


def root_in(note: bytes) -> bytes:
    """The root that a stored checkpoint states; its signatures are not checked."""
    return parse_checkpoint(split_note(note).text).root
