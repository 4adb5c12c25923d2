"""Exports a ledger's published log as a bundle: one zip that anyone can check offline.

The size is fixed first, by the newest published checkpoint. Entries are then read by ranges of
`seq` in short transactions, so that an export of any length holds nothing up, and the zip is handed
out in chunks as it grows, in bounded memory. The same size gives the same bytes (deflate may differ
between versions of zlib). `layout.py` says what stands where.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, func, select

from ledger.audit.faults import ExportFault
from ledger.audit.layout import FORMAT, HEAD, MANIFEST, checkpoint_path, tiles_in_order
from ledger.db import Database
from ledger.errors import LedgerStopped, MalformedEntry, NotPublished
from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.entry import decode
from ledger.journal.publish import Publisher
from ledger.journal.times import local_day
from ledger.tlog.tiles import TILE_WIDTH, Tile, encode_bundle
from ledger.zipstream import Sink

ENTRIES_PER_READ = 4 * TILE_WIDTH
CHECKPOINTS_PER_READ = 4_096
_DEFLATE_LEVEL = 1
_UNIX = 3
_FILE_MODE = 0o100600
_START_OF_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


class File(NamedTuple):
    """A file of a bundle: its path, its bytes, and whether deflating it is worth the time."""

    path: str
    content: bytes
    deflate: bool = False


def bundle_chunks(
    database: Database, ledger_id: int, origin: str, publisher: Publisher | None = None
) -> Iterator[bytes]:
    """The bundle of a ledger as chunks of a zip.

    With a `publisher`, what is appended by now is published first. What can be refused is refused
    by the call, before the first chunk: `NotPublished` when there is no checkpoint yet,
    `LedgerStopped` when there are fewer entries than were published, and what `Publisher.publish`
    and `Database.reading` raise. `DatabaseBusy` and `DatabaseDown` may still
    end a bundle half way: such a zip lacks its directory and no reader takes it for whole.
    """
    if publisher is not None:
        publisher.publish()
    with database.reading() as conn:
        head = log.latest_checkpoint(conn, ledger_id)
        size = log.log_size(conn, ledger_id)
        first = log.raw_entries(conn, ledger_id, 0, 1)
    if head is None:
        raise NotPublished("Nothing of this ledger is published yet. Ask again soon.")
    if head.size > size or not first:
        raise LedgerStopped(
            f"A head of {head.size} entries was published, but there are {size}. Restore a backup."
        )
    try:
        # Not from the head row: an export needs none of the projections.
        offset_minutes = decode(first[0])["utc_offset_minutes"]
    except (MalformedEntry, KeyError) as error:
        raise LedgerStopped("Entry 0 is none any more. Restore a backup.") from error
    return _zipped(_Export(database, ledger_id, origin, head, offset_minutes).files())


def write_bundle(
    database: Database,
    ledger_id: int,
    origin: str,
    path: Path,
    *,
    publisher: Publisher | None = None,
    overwrite: bool = False,
) -> int:
    """Writes the bundle to `path`, whole or not at all and readable by its owner; its bytes.

    Raises what `bundle_chunks` does, and `ExportFault` where the file is there already and not to
    be overwritten, or cannot be written.
    """
    _want_free(path, overwrite)
    chunks = bundle_chunks(database, ledger_id, origin, publisher)
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as fresh:
            try:
                length = sum(fresh.write(chunk) for chunk in chunks)
                fresh.flush()
                os.fsync(fresh.fileno())
                _want_free(path, overwrite)
                Path(fresh.name).replace(path)
            except BaseException:
                Path(fresh.name).unlink()
                raise
        _sync_folder(path.parent)
    except OSError as error:
        raise ExportFault(
            f"The bundle cannot be written to {path}: {error.strerror}. Choose another place."
        ) from error
    return length


def _want_free(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise ExportFault(f"{path} is there already. Choose another name, or say to overwrite it.")


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# --- what goes in --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Export:
    database: Database
    ledger_id: int
    origin: str
    head: log.Published
    offset_minutes: int

    def files(self) -> Iterator[File]:
        size = self.head.size
        with self.database.reading() as conn:
            vkeys = self._vkeys(conn)
            sizes = self._checkpoint_sizes(conn)
        manifest = {"format": FORMAT, "keys": vkeys, "origin": self.origin, "size": size}
        yield File(MANIFEST, orjson.dumps(manifest) + b"\n")
        yield File(HEAD, self.head.note)
        for start in range(0, len(sizes), CHECKPOINTS_PER_READ):
            with self.database.reading() as conn:
                notes = self._notes(conn, sizes[start : start + CHECKPOINTS_PER_READ])
            yield from notes
        yield from self._tiles(size)

    def _vkeys(self, conn: Connection) -> list[str]:
        mine = t.keyset.c.ledger_id == self.ledger_id
        query = select(t.keyset.c.vkeys).where(mine, t.keyset.c.seq < self.head.size)
        rows = conn.execute(query.order_by(t.keyset.c.seq)).scalars()
        return list(dict.fromkeys(vkey for row in rows for vkey in orjson.loads(row)))

    def _checkpoint_sizes(self, conn: Connection) -> list[int]:
        """The last of each local day, what each `key` entry asks for, and the newest.

        That is the first over it, and the last up to the head that it names as trusted last.
        """
        wanted = {self.head.size}
        mine = t.keyset.c.ledger_id == self.ledger_id
        for seq in conn.execute(select(t.keyset.c.seq).where(mine)).scalars().all():
            first = log.first_checkpoint_over(conn, self.ledger_id, seq)
            if first is not None and first.size <= self.head.size:
                wanted.add(first.size)
                wanted |= self._trusted_last(conn, seq)
        last_of_day = {day: size for size, day in self._dated_sizes(conn)}
        return sorted(wanted | set(last_of_day.values()))

    def _trusted_last(self, conn: Connection, seq: int) -> set[int]:
        """The newest size up to the head that entry `seq` names, if it revokes keys."""
        try:
            named = [decode(raw) for raw in log.raw_entries(conn, self.ledger_id, seq, seq + 1)]
        except MalformedEntry:
            return set()  # which whoever reads the bundle is told of
        c = t.checkpoint.c
        up_to = [c.size <= entry["revoked"]["size"] for entry in named if "revoked" in entry]
        if not up_to:
            return set()
        query = select(func.max(c.size)).where(c.ledger_id == self.ledger_id, *up_to)
        return set(conn.execute(query).scalars()) - {None}

    def _dated_sizes(self, conn: Connection) -> Iterator[tuple[int, str]]:
        """Size and local day of every checkpoint up to the head, in order of size."""
        c = t.checkpoint.c
        done = 0
        while done < self.head.size:
            query = (
                select(c.size, c.at)
                .where(c.ledger_id == self.ledger_id, c.size > done, c.size <= self.head.size)
                .order_by(c.size)
                .limit(CHECKPOINTS_PER_READ)
            )
            for done, at in conn.execute(query).all():
                yield done, local_day(at, self.offset_minutes)

    def _notes(self, conn: Connection, sizes: Sequence[int]) -> list[File]:
        c = t.checkpoint.c
        query = select(c.size, c.note).where(c.ledger_id == self.ledger_id, c.size.in_(sizes))
        rows = conn.execute(query.order_by(c.size)).all()
        return [File(checkpoint_path(size), bytes(note)) for size, note in rows]

    def _tiles(self, size: int) -> Iterator[File]:
        """All tiles in order; level 0 and entry bundles come from the same rows."""
        rows: list[tuple[bytes, bytes]] = []
        start = 0
        for tile in tiles_in_order(size):
            first = tile.index * TILE_WIDTH
            if tile.level:
                with self.database.reading() as conn:
                    hashes = log.hash_tile(conn, self.ledger_id, tile)
                yield File(tile.path, hashes)
                continue
            if first >= start + len(rows):
                start, rows = first, self._rows(first, min(first + ENTRIES_PER_READ, size))
            yield _tile_of(tile, rows[first - start :][: tile.width])

    def _rows(self, start: int, end: int) -> list[tuple[bytes, bytes]]:
        c = t.entry.c
        query = (
            select(c.raw, c.leaf)
            .where(c.ledger_id == self.ledger_id, c.seq >= start, c.seq < end)
            .order_by(c.seq)
        )
        with self.database.reading() as conn:
            return [(bytes(raw), bytes(leaf)) for raw, leaf in conn.execute(query).all()]


def _tile_of(tile: Tile, rows: Sequence[tuple[bytes, bytes]]) -> File:
    if tile.level is None:
        return File(tile.path, encode_bundle([raw for raw, _ in rows]), deflate=True)
    return File(tile.path, b"".join(leaf for _, leaf in rows))


# --- the zip -------------------------------------------------------------------------------------


def _zipped(files: Iterable[File]) -> Iterator[bytes]:
    sink = Sink()
    with zipfile.ZipFile(sink, "w") as archive:  # type: ignore[call-overload]  # it needs no more
        for file in files:
            how = zipfile.ZIP_DEFLATED if file.deflate else zipfile.ZIP_STORED
            archive.writestr(_info(file.path), file.content, how, _DEFLATE_LEVEL)
            yield sink.take()
    yield sink.take()


def _info(path: str) -> zipfile.ZipInfo:
    """A directory entry that tells nothing of when and where the bundle was made."""
    info = zipfile.ZipInfo(path, _START_OF_ZIP_TIME)
    info.create_system = _UNIX
    info.external_attr = _FILE_MODE << 16
    return info
