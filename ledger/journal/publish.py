"""Publishing: signing heads, never two that contradict each other.

The publisher reads the committed head, hashes the new entries' bytes on from where it stopped,
writes the head to the high-water file, then signs, then stores.  It locks the ledger's
`publication` row, never the head row, so that appending goes on.  A database that does not extend
the file's head (a restored backup, a rewritten table) is not signed: the ledger stops.

After a crash the file may be ahead of the table; that is normal.
"""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

import orjson
import structlog
from sqlalchemy import Connection, select

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import LedgerStopped, PointsError
from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.bulk import write
from ledger.journal.entry import decode
from ledger.journal.highwater import Watched, read_high_water, write_high_water
from ledger.journal.keys import KeyRing
from ledger.journal.soundness import (
    check_heads,
    missing_file,
    want_extended,
    want_head,
    want_published,
)
from ledger.journal.store import Position, decode_edge, load_position
from ledger.journal.times import format_time, to_us
from ledger.logs import log_fault
from ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from ledger.tlog.errors import TlogError
from ledger.tlog.merkle import CompactRange, leaf_hash
from ledger.tlog.note import Signer

PUBLISH_EVERY_SECONDS = 1.0

_logger = structlog.get_logger(__name__)


class Publisher:
    """Signs a ledger's heads: `publish` in the caller's thread, `start` in one of its own."""

    def __init__(
        self, database: Database, ledger_id: int, keys: KeyRing, clock: Clock, high_water: Path
    ) -> None:
        self._database = database
        self._ledger_id = ledger_id
        self._keys = keys
        self._clock = clock
        self._high_water = high_water
        self._watched = Watched(high_water, keys.origin)
        self._wake = threading.Event()
        self._turned = threading.Condition()
        self._published = 0
        self._stopped: LedgerStopped | None = None
        self._ending = False
        self._thread: threading.Thread | None = None

    def publish(self) -> int:
        """Publishes the head if it grew; the size that is published then.

        Raises `LedgerStopped` when the database contradicts the high-water file or itself, and
        what `Database.writing` raises.
        """
        try:
            with self._database.writing() as conn:
                size = self._publish(conn)
        except LedgerStopped as stopped:
            self._stopped = stopped
            raise
        self._stopped = None
        with self._turned:
            self._published = max(self._published, size)
            self._turned.notify_all()
        return size

    def guard(self, position: Position) -> None:
        """Raises `LedgerStopped` where nothing may be entered on top of the locked head.

        That is where the last look at the whole found a contradiction, or where the head is not
        one that can follow the high-water file's.
        """
        if self._stopped is not None:
            raise self._stopped
        mark = self._watched.mark()
        size = position.head.size
        if mark is None and self._published:
            raise missing_file(self._high_water, self._published)
        if mark is not None and mark.size >= size:
            want_extended(mark, size, position.edge.root())

    def look(self) -> None:
        """Looks whether the ledger's heads go together, and stops the ledger if not."""
        try:
            with self._database.reading(snapshot=True) as conn:
                self.check(conn)
        except LedgerStopped as stopped:
            self._stopped = stopped

    def check(self, conn: Connection) -> None:
        """Raises `LedgerStopped` unless the ledger's heads go together (`soundness.py`).

        `conn` is a snapshot that was not read from yet.
        """
        check_heads(conn, self._ledger_id, self._keys.origin, self._high_water)

    def seen(self) -> Checkpoint | None:
        """The last head that may have been signed, None before the first; `LedgerStopped`."""
        return read_high_water(self._high_water, self._keys.origin)

    def _publish(self, conn: Connection) -> int:
        done = self._locked_publication(conn)
        position = load_position(conn, self._ledger_id, self._keys.origin)
        mark = self.seen()
        if position is None or position.head.size < done.size:
            raise LedgerStopped("The head row is gone or behind what was published.")
        if mark is None and done.size:
            raise missing_file(self._high_water, done.size)
        size = position.head.size
        edge = self._grow(conn, done, size, mark)
        if edge != position.edge:
            raise LedgerStopped("The head row does not match the entries that it stands for.")
        self._want_sound(conn, position)
        head = Checkpoint(self._keys.origin, size, edge.root())
        if (mark is not None and mark.size < size) or (mark is None and size):
            write_high_water(self._high_water, head)
        if size > done.size:
            self._sign_and_store(conn, head, edge, done.size)
        return size

    def _want_sound(self, conn: Connection, position: Position) -> None:
        """What the bytes did not tell, so that no publishing unsays what a look found."""
        try:
            want_head(conn, self._ledger_id, position)
            want_published(conn, self._ledger_id, position.head.size)
        except TlogError as error:
            raise LedgerStopped(f"The stored hashes of the tree do not hold: {error}.") from error

    def _locked_publication(self, conn: Connection) -> CompactRange:
        mine = t.publication.c.ledger_id == self._ledger_id
        row = conn.execute(select(t.publication).where(mine).with_for_update()).one_or_none()
        if row is None:
            raise LedgerStopped("This ledger has no publication row. Restore it from a backup.")
        return decode_edge(row.size, row.edge)

    def _grow(
        self, conn: Connection, edge: CompactRange, size: int, mark: Checkpoint | None
    ) -> CompactRange:
        """Hashes the entries' bytes on to `size`, passing through the high-water mark's head."""
        if mark is not None and mark.size > size:
            want_extended(mark, size, b"")
        if mark is not None and mark.size <= edge.size:
            same = mark.size == edge.size
            then = edge if same else log.edge_at(conn, self._ledger_id, mark.size)
            want_extended(mark, size, then.root())
            mark = None
        stops = [size] if mark is None else [mark.size, size]
        for stop in stops:
            for run in log.entry_runs(conn, self._ledger_id, edge.size, stop):
                edge, _ = edge.extend([leaf_hash(raw) for raw in run])
            if mark is not None and stop == mark.size:
                want_extended(mark, size, edge.root())
        return edge

    def _sign_and_store(
        self, conn: Connection, head: Checkpoint, edge: CompactRange, before: int
    ) -> None:
        now = self._clock.now()
        note = sign_checkpoint(head, self._signers(conn, head.size, before), int(now.timestamp()))
        row = (head.size, note, format_time(to_us(now)))
        write(conn, t.checkpoint, self._ledger_id, [row], "insert")
        write(conn, t.publication, self._ledger_id, [(head.size, edge.encode())], "upsert")

    def _signers(self, conn: Connection, size: int, before: int) -> list[Signer]:
        """The keys for a checkpoint of `size`, the one before being of size `before` (rule 11).

        The newest keys sign, and those that they and others since `before` took over from, unless
        these were revoked.
        """
        mine = t.keyset.c.ledger_id == self._ledger_id
        query = select(t.keyset).where(mine, t.keyset.c.seq < size).order_by(t.keyset.c.seq.desc())
        rows = conn.execute(query).all()
        signers = list(self._of(rows[0].vkeys))
        for newer, older in pairwise(rows):
            if newer.seq < before:
                break
            (raw,) = log.raw_entries(conn, self._ledger_id, newer.seq, newer.seq + 1)
            if "revoked" not in decode(raw):
                signers += self._of(older.vkeys)
        return signers

    def _of(self, vkeys: str) -> tuple[Signer, ...]:
        wanted = tuple(orjson.loads(vkeys))
        for generation in self._keys.generations:
            if self._keys.vkeys(generation) == wanted:
                return self._keys.signers(generation)
        raise LedgerStopped("The keys that the log names are not in the key directory.")

    # --- the thread ------------------------------------------------------------------------------

    def start(self) -> None:
        """Publishes each second, and at once when `wake` is called, until `stop`."""
        if self._thread is not None:
            return
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Asks for the next head to be published now."""
        self._wake.set()

    def wait_for(self, size: int, seconds: float) -> bool:
        """Waits until `size` entries are published, at most `seconds`; whether they are."""
        self.wake()
        with self._turned:
            return self._turned.wait_for(lambda: self._published >= size, timeout=seconds)

    def stop(self) -> None:
        """Ends the thread, if there is one, after a last head was published."""
        self._ending = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._ending:
            self._wake.wait(PUBLISH_EVERY_SECONDS)
            self._wake.clear()
            self._try()
        self._try()

    def _try(self) -> None:
        try:
            self.publish()
        except PointsError as error:
            _logger.warning("not published", code=error.code, reason=str(error))
        except Exception as error:
            log_fault("not published", error)
