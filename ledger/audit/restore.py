"""Rolls a database that was restored from an old backup forward, by a bundle: `points restore`.

What a bundle holds is put back byte for byte: entries, leaf hashes, postings, all projections (by
the book's own `check`), finished subtrees, the head, the bundle's checkpoints, and the requests, so
that a key that is sent again gets its old answer. Up to step 4 nothing is changed:

1. The bundle is verified (`verify.py`), under the keys that lie here or those of the caller.
2. It reaches and contains the head in the high-water file, and the caller's newest checkpoint.
3. The entries in the database are the bundle's first ones, byte for byte.
4. The high-water file is raised to the bundle's head. From now on nobody can enter anything before
   all of it is there, whenever and however often this is cut short.
5. The missing entries are appended, an entry bundle a transaction.

A database with tables but without the ledger takes all of it: then a bundle, the keys and the
high-water file are enough.

Not in a bundle, and therefore as old as the backup: tokens, outside names, proposals, refusals,
fingerprints of requests, companions of holds, and those checkpoints that an export leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, insert, select

from ledger.audit.bundled import Bundled
from ledger.audit.faults import RestoreFault
from ledger.audit.layout import HEAD
from ledger.audit.offline import OfflineBooks
from ledger.audit.reader import BundleReader
from ledger.audit.report import Report
from ledger.audit.trust import parse_keys, read_checkpoint
from ledger.audit.verify import verify_bundle
from ledger.db import Database
from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.book import check
from ledger.journal.bulk import keyed, pipelined, write
from ledger.journal.entry import decode
from ledger.journal.highwater import read_high_water, write_high_water
from ledger.journal.keys import KeyRing
from ledger.journal.state import Overlay, Working
from ledger.journal.store import (
    BESIDE,
    NewEntry,
    Position,
    load_position,
    save_changes,
    save_entries,
    save_position,
)
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.merkle import CompactRange, leaf_hash
from ledger.tlog.note import Verifier
from ledger.tlog.tiles import TILE_WIDTH

Progress = Callable[[int, int], None]
"""Told how many entries are done, and of how many."""

NO_LEDGER = 0
"""The databases number ledgers from 1."""


class Place(NamedTuple):
    """Where a ledger belongs: its database, its name there, its keys, its high-water file."""

    database: Database
    name: str
    keys: KeyRing
    high_water: Path


class Restored(NamedTuple):
    """The head to which a database was brought, and how many entries it had `before`."""

    origin: str
    size: int
    root: bytes
    before: int


def origin_in(bundle: Path) -> str:
    """The origin that a bundle states, unverified; `BundleFault` where it is no bundle."""
    with BundleReader(bundle) as reader:
        checkpoint, _ = read_checkpoint(HEAD, reader.read(HEAD), None)
    return checkpoint.origin


def restore_bundle(
    place: Place,
    bundle: Path,
    *,
    trusted: Sequence[Verifier] | None = None,
    newest: bytes | None = None,
    verifying: Progress | None = None,
    entering: Progress | None = None,
) -> Restored:
    """Brings the ledger at `place` to the head of `bundle`.

    `trusted` are keys to verify the bundle with, those at `place` by default; `newest` is the
    newest checkpoint that the caller has, needed where there is no high-water file. Raises
    `BundleFault` for a bundle that does not verify, `RestoreFault` for one that contradicts what is
    here, `LedgerStopped` for a high-water file that cannot be read, and what `Database.writing`
    raises; after that and after a kill it can be called again.
    """
    report = _verified(place.keys, bundle, trusted, verifying)
    with BundleReader(bundle) as reader:
        roll = _Roll(place, Bundled(reader, report))
        roll.want_published(newest)  # Step 2.
        before = roll.compare()  # Step 3.
        head = Checkpoint(report.origin, report.size, report.root)
        mark = read_high_water(place.high_water, report.origin)
        if mark is None or mark.size < head.size:
            write_high_water(place.high_water, head)  # Step 4.
        roll.forward(entering or (lambda *_: None))  # Step 5.
    return Restored(report.origin, report.size, report.root, before)


def _verified(
    keys: KeyRing, bundle: Path, trusted: Sequence[Verifier] | None, progress: Progress | None
) -> Report:
    """Step 1; the keys that sign now must be here, else nothing could be published afterwards."""
    here = [keys.vkeys(generation) for generation in keys.generations]
    own = parse_keys(vkey for vkeys in here for vkey in vkeys)
    report = verify_bundle(bundle, own if trusted is None else trusted, progress)
    if report.trust != "checked":
        raise RestoreFault(f"The bundle is not verified: {report.says}. Nothing was changed.")
    if not any(report.vkeys[-len(vkeys) :] == vkeys for vkeys in here):
        raise RestoreFault(
            f"The keys that sign {report.origin} in the bundle are not in the key directory."
            " Restore them from their newest backup first. Nothing was changed."
        )
    return report


class _Roll:
    """One ledger on its way to the head of a bundle."""

    def __init__(self, place: Place, source: Bundled) -> None:
        self._place = place
        self._source = source
        self._books = OfflineBooks(
            source.files.entry,
            lambda request: source.files.find(request, self._books.head.size),
            source.size,
        )
        self._edge = CompactRange.empty()
        self._ledger_id = NO_LEDGER
        self._have = 0
        self._published = 0

    # --- looking ---------------------------------------------------------------------------------

    def want_published(self, newest: bytes | None) -> None:
        """Step 2: whatever was signed last, as far as is known here, is in the bundle."""
        source = self._source
        mark = read_high_water(self._place.high_water, source.origin)
        if mark is not None:
            self._want_contained(mark, f"the high-water file {self._place.high_water}")
        if newest is not None:
            self._want_contained(source.opened(newest), "the checkpoint that you gave")
        elif mark is None:
            raise RestoreFault(
                f"There is no high-water file {self._place.high_water} that says how much was"
                " published. Restore it, or name the newest checkpoint that anybody has with"
                " --checkpoint. Nothing was changed."
            )

    def _want_contained(self, mark: Checkpoint, where: str) -> None:
        size = self._source.size
        if mark.origin != self._source.origin:
            raise RestoreFault(
                f"The bundle is of {self._source.origin}, {where} of {mark.origin}. Nothing was"
                " changed."
            )
        if mark.size > size:
            raise RestoreFault(
                f"The bundle ends after {size} entries, but {where} says that a head of"
                f" {mark.size} was signed. Get a newer bundle. Nothing was changed."
            )
        root = self._source.edge(mark.size).root()
        if root != mark.root:
            raise RestoreFault(
                f"The bundle's root at size {mark.size} is {root.hex()}, but {where} says"
                f" {mark.root.hex()}: they contradict each other. Nothing was changed."
            )

    def compare(self) -> int:
        """Step 3: how many entries are here, all of them the bundle's; replays the shared ones."""
        position = self._looked()
        shared = min(self._have, self._source.size)
        for start in range(0, shared, TILE_WIDTH):
            wanted = self._source.files.entries(start // TILE_WIDTH)[: shared - start]
            self._want_same(start, wanted)
            for entry in map(decode, wanted):
                self._books.apply(*check(self._books, entry))
            self._edge, _ = self._edge.extend(list(map(leaf_hash, wanted)))
        if self._have == shared and position is not None and position.edge != self._edge:
            raise RestoreFault(
                "The head row in the database does not stand for its entries: the backup itself is"
                " damaged. Take another one. Nothing was changed."
            )
        return self._have

    def _looked(self) -> Position | None:
        """Finds the ledger in the database, and how much of it is there."""
        place, origin = self._place, self._source.origin
        with place.database.reading(snapshot=True) as conn:
            query = select(t.ledger).where(t.ledger.c.name == place.name)
            row = conn.execute(query).one_or_none()
            if row is None:
                return None
            if row.origin != origin:
                raise RestoreFault(
                    f"The bundle is of {origin}, the ledger {place.name} here is {row.origin}."
                    " Nothing was changed."
                )
            position = load_position(conn, row.ledger_id, origin)
            self._ledger_id, self._have = row.ledger_id, log.log_size(conn, row.ledger_id)
            newest = log.latest_checkpoint(conn, row.ledger_id)
        self._published = newest.size if newest else 0
        if position is None or position.head.size != self._have:
            raise RestoreFault(
                "The head row in the database is missing or of another size than its entries: the"
                " backup itself is damaged. Take another one. Nothing was changed."
            )
        return position

    def _want_same(self, start: int, wanted: Sequence[bytes]) -> None:
        with self._place.database.reading() as conn:
            got = log.raw_entries(conn, self._ledger_id, start, start + len(wanted))
        if got != wanted:
            pairs = enumerate(zip(got, wanted, strict=False), start)
            seq = next((seq for seq, (mine, theirs) in pairs if mine != theirs), start + len(got))
            raise RestoreFault(
                f"Entry {seq} in the database is not the bundle's entry {seq}: this database never"
                " was the beginning of that log. Nothing was changed."
            )

    # --- appending -------------------------------------------------------------------------------

    def forward(self, progress: Progress) -> None:
        """Step 5: appends what is missing, checkpoints included."""
        source = self._source
        whole = False
        while not whole:
            raws = self._missing()
            whole = self._have + len(raws) >= source.size
            with self._place.database.writing() as conn:
                self._append(conn, self._locked(conn), raws)
                if whole and raws and self._edge.root() != source.root:
                    raise RestoreFault("The bundle was changed while it was read. Run it again.")
            progress(min(self._have, source.size), source.size)

    def _missing(self) -> list[bytes]:
        if self._have >= self._source.size:
            return []
        return self._source.files.entries(self._have // TILE_WIDTH)[self._have % TILE_WIDTH :]

    def _locked(self, conn: Connection) -> int:
        """The ledger's number, its head locked and where it was left; made if it is not there."""
        place, origin = self._place, self._source.origin
        if self._ledger_id == NO_LEDGER:
            values = insert(t.ledger).values(name=place.name, origin=origin)
            made = conn.execute(values.returning(t.ledger.c.ledger_id)).scalar_one()
            write(conn, t.head, made, [(0, "", 0, b"")], "insert")
            write(conn, t.publication, made, [(0, b"")], "insert")
            self._ledger_id = made
        position = load_position(conn, self._ledger_id, origin, lock=True)
        if position is None or position.head.size != self._have:
            raise RestoreFault(
                "Somebody else changed the ledger meanwhile, perhaps by restoring it too. Stop the"
                " service, then run it again."
            )
        return self._ledger_id

    def _append(self, conn: Connection, ledger_id: int, raws: Sequence[bytes]) -> None:
        """The next entries with all that follows from them, in the order of the append path."""
        entries = [decode(raw) for raw in raws]
        leaves = list(map(leaf_hash, raws))
        draft = Overlay(self._books)
        for entry in entries:
            draft.apply(*check(draft, entry))
        edge, subtrees = self._edge.extend(leaves)
        changed = _changed(conn, ledger_id, draft)
        fresh = list(map(NewEntry, entries, raws, leaves))
        requests = list(self._source.requests(entries))
        with pipelined(conn):
            save_entries(conn, ledger_id, fresh)
            save_changes(conn, ledger_id, changed, draft.head.at)
            # A refusal in the backup may have been forgotten, and its key used anew, since then.
            write(conn, t.request, ledger_id, requests, "upsert")
            if entries:
                save_position(conn, ledger_id, Position(draft.head, edge), subtrees)
            self._save_checkpoints(conn, ledger_id, self._have + len(raws))
        self._books.apply(draft.head, ((*key, row) for key, row in draft.own.items()))
        self._edge, self._have = edge, self._have + len(raws)

    def _save_checkpoints(self, conn: Connection, ledger_id: int, size: int) -> None:
        rows = list(self._source.checkpoints(self._published, size))
        if rows:
            self._published = rows[-1][0]
            edge = self._source.edge(self._published).encode()
            write(conn, t.checkpoint, ledger_id, rows, "insert")
            write(conn, t.publication, ledger_id, [(self._published, edge)], "upsert")


def _changed(conn: Connection, ledger_id: int, draft: Overlay) -> Working:
    """The rows that a draft changed; what a hold's row keeps beside the log stays there."""
    changed = Working(draft.original, draft.head, BESIDE)
    changed.merge(draft)
    hold = t.hold.c
    seqs = draft.changed.get("holds", {})
    columns, kept = (hold.seq, hold.companion), hold.companion != ""
    for row in keyed(conn, columns, ledger_id, hold.seq, list(seqs), kept):
        kind, key = orjson.loads(row.companion)
        changed.tables["closings"][row.seq] = (kind, key)
    return changed
