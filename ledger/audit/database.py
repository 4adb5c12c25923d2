"""Compares a ledger's tables with its entries: `points verify --database`.

The entry rows' bytes are the truth. Everything else that the append path writes follows from them:

1. Each entry row is read in order of `seq`: its leaf hash follows from its bytes, the book allows
   it, its postings are the rows of `posting`, its request has a row that names it (`requests.py`),
   and just one row of `run`, of its type, has it. Where an entry breaks a rule the comparison ends,
   since nothing follows from a broken log.
2. At the size of each published checkpoint, the root is the one that it states and the log's keys
   signed it, when its row says; `publication` has the right edge of the tree at its size. Heads
   that the caller knows of, such as that of the high-water file, are heads of this log.
3. `account`, `hold`, `budget`, `policy`, `person`, `service`, `reversed` and `keyset` are, row by
   row, what the books then are; `mention` what the entries name; `subtree` and `head` what the tree
   is (`projections.py`).

One snapshot is read, in chunks; memory is that of the books.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, func, select, tuple_

from ledger.audit.faults import BundleFault
from ledger.audit.heads import StoredHeads
from ledger.audit.offline import OfflineBooks
from ledger.audit.projections import ABSENT, Difference, Differences, Enough, compare, expected_rows
from ledger.audit.requests import RequestRows
from ledger.audit.runs import Runs
from ledger.audit.trust import KEY_TYPES, KeyRule
from ledger.db import Database
from ledger.errors import MalformedEntry
from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.book import check
from ledger.journal.bulk import keyed
from ledger.journal.entry import Entry, decode, to_base64
from ledger.journal.rules import Refused
from ledger.journal.store import MENTIONING, mention_of
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.errors import TlogError
from ledger.tlog.merkle import CompactRange, Subtree, leaf_hash
from ledger.tlog.note import Verifier

ROWS_PER_READ = 1_024
DIFFERENCES_MAX = 20

Progress = Callable[[int, int], None]
"""Told how many entries are done, and of how many."""


def verify_database(
    database: Database,
    ledger_id: int,
    origin: str,
    trusted: Sequence[Verifier] | None = None,
    *,
    heads: Sequence[Checkpoint] = (),
    differences_max: int = DIFFERENCES_MAX,
    progress: Progress | None = None,
) -> list[Difference]:
    """The first differences between a ledger's tables and its entries; none: all is as it should.

    With `trusted` keys, those must vouch for the log, as in `verify_bundle`; `heads` are earlier
    heads of it that the caller has from elsewhere. Raises what `Database.reading` does.
    """
    with database.reading(snapshot=True) as conn:
        comparison = _Comparison(conn, ledger_id, heads, differences_max)
        with suppress(Enough):
            comparison.run(origin, trusted, progress or (lambda *_: None))
        return comparison.found.differences


class _Comparison:
    """One ledger under one snapshot."""

    def __init__(
        self,
        conn: Connection,
        ledger_id: int,
        heads: Sequence[Checkpoint],
        differences_max: int,
    ) -> None:
        self._conn = conn
        self._ledger_id = ledger_id
        self._size = log.log_size(conn, ledger_id)
        self._books = OfflineBooks(self._original, self._find, self._size, closed_holds=True)
        self._keys = KeyRule()
        self._range = CompactRange.empty()
        self._subtrees: list[Subtree] = []
        self._postings = 0
        self._mentions: list[tuple[str, int]] = []
        self.found = Differences(differences_max)
        self._heads = StoredHeads(conn, ledger_id, self._keys, heads, self.found)
        self._requests = RequestRows(conn, ledger_id, self.found, self._original)
        self._runs = Runs(conn, ledger_id, self.found)

    def run(self, origin: str, trusted: Sequence[Verifier] | None, progress: Progress) -> None:
        """All steps; `Enough` once as many differences were found as are wanted."""
        for start in range(0, self._size, ROWS_PER_READ):  # Steps 1 and 2.
            if not self._take(start, min(start + ROWS_PER_READ, self._size)):
                return
            progress(min(start + ROWS_PER_READ, self._size), self._size)
        self._heads.finish(self._size, self._books.head.origin)
        self._want_names(origin)
        self._stray_postings()
        self._requests.strays()
        self._runs.finish()
        if trusted is not None:
            self._check_trust(trusted)
        self._mentions.sort()
        expected = expected_rows(self._books, self._range, self._subtrees)
        for table, rows in ((t.mention, self._mentions), *expected):  # Step 3.
            compare(self._conn, self._ledger_id, table, rows, self.found)

    # --- step 1 ----------------------------------------------------------------------------------

    def _take(self, start: int, end: int) -> bool:
        """Checks the entries of a chunk and takes them over; whether all of them are sound."""
        raws, leaves, entries = [], [], []
        for seq, row in enumerate(self._entry_rows(start, end), start):
            entry = self._judged(seq, row)
            if entry is None:
                return False
            raws.append(row.raw)
            leaves.append(leaf_hash(bytes(row.raw)))
            entries.append(entry)
            self._want_leaf(seq, bytes(row.leaf), leaves[-1])
            self._runs.take(seq, entry["type"])
        if len(entries) < end - start:
            self.found.add("entry", start + len(entries), "*", ABSENT, "an entry")
            return False
        self._compare_postings(entries)
        self._requests.compare(entries)
        self._mentions += (mention_of(each) for each in entries if each["type"] in MENTIONING)
        self._grow(leaves, entries)
        return True

    def _judged(self, seq: int, row: Any) -> Entry | None:
        """The entry of a row, taken over by the books; None when it breaks a rule."""
        try:
            if row.seq != seq:
                self.found.add("entry", seq, "*", ABSENT, "an entry")
                return None
            entry = decode(bytes(row.raw))
            self._books.apply(*check(self._books, entry))
        except Refused as error:
            wanted = f"what the rule `{error.rule}` allows: {error.message}"
            self.found.add("entry", seq, "raw", "an entry that breaks a rule", wanted)
        except MalformedEntry as error:
            self.found.add("entry", seq, "raw", "an entry of no form", f"rule `form`: {error}")
        else:
            return entry
        return None

    def _want_leaf(self, seq: int, got: bytes, wanted: bytes) -> None:
        if got != wanted:
            self.found.add("entry", seq, "leaf", got, wanted)

    def _entry_rows(self, start: int, end: int) -> Sequence[Any]:
        c = t.entry.c
        query = (
            select(c.seq, c.raw, c.leaf)
            .where(c.ledger_id == self._ledger_id, c.seq >= start, c.seq < end)
            .order_by(c.seq)
        )
        return self._conn.execute(query).all()

    def _compare_postings(self, entries: Sequence[Entry]) -> None:
        wanted = {
            (p["account"], entry["seq"]): (p["amount"], p["balance"], p["prev"])
            for entry in entries
            for p in entry.get("postings", ())
        }
        self._postings += len(wanted)
        if not wanted:
            return
        c = t.posting.c
        # By account first, as the key is: a range of `seq` alone would read the whole table.
        rows: Iterable[Any] = keyed(
            self._conn,
            (c.account, c.seq, c.amount, c.balance, c.prev),
            self._ledger_id,
            c.account,
            {account for account, _ in wanted},
            c.seq.between(entries[0]["seq"], entries[-1]["seq"]),
        )
        got = {(row[0], row[1]): tuple(row[2:]) for row in rows}
        for key in sorted(wanted.keys() | got.keys(), key=lambda key: (key[1], key[0])):
            self.found.row(
                "posting", key, ("amount", "balance", "prev"), got.get(key), wanted.get(key)
            )

    def _stray_postings(self) -> None:
        """Postings to accounts that no entry near them names: seen by their number first."""
        c = t.posting.c
        mine = c.ledger_id == self._ledger_id
        count = self._conn.execute(select(func.count()).where(mine)).scalar_one()
        if count == self._postings:
            return
        last: tuple[str, int] = ("", -1)
        query = select(c.account, c.seq).where(mine).order_by(c.account, c.seq)
        key = tuple_(c.account, c.seq)
        while rows := self._conn.execute(query.where(key > last).limit(ROWS_PER_READ)).all():
            for account, seq in rows:
                entry = self._original(seq) or {}
                if all(p["account"] != account for p in entry.get("postings", ())):
                    self.found.add("posting", (account, seq), "*", "a row", ABSENT)
            last = tuple(rows[-1])

    # --- step 2 ----------------------------------------------------------------------------------

    def _grow(self, leaves: Sequence[bytes], entries: Sequence[Entry]) -> None:
        """Extends the tree by a chunk, passing through the sizes of heads."""
        start = entries[0]["seq"]
        stops = self._heads.stops(start, start + len(entries))
        for first, last in pairwise(dict.fromkeys((start, *stops, start + len(entries)))):
            self._range, finished = self._range.extend(leaves[first - start : last - start])
            self._subtrees += finished
            for entry in entries[first - start : last - start]:
                if entry["type"] in KEY_TYPES:
                    self._keys.enter(entry)
                    self._want_revoked(entry)
            if last in stops:
                self._heads.judge(self._range)

    def _want_revoked(self, entry: Entry) -> None:
        """A revocation names a head that was (step 5 of `verify.py`)."""
        revoked = entry.get("revoked")
        if revoked is None:
            return
        try:
            root = to_base64(log.edge_at(self._conn, self._ledger_id, revoked["size"]).root())
        except TlogError:
            return  # A stored hash is gone or damaged: step 3 names its row.
        if root != revoked["root"]:
            self.found.add("entry", entry["seq"], "revoked", revoked["root"], root)

    def _want_names(self, origin: str) -> None:
        """The ledger is called what its log says."""
        wanted = self._books.head.origin
        if origin != wanted:
            self.found.add("ledger", self._ledger_id, "origin", origin, wanted)
        mine = t.ledger.c.ledger_id == self._ledger_id
        name = self._conn.execute(select(t.ledger.c.name).where(mine)).scalar_one()
        if name != wanted.rpartition("/")[2]:
            self.found.add("ledger", self._ledger_id, "name", name, wanted.rpartition("/")[2])

    def _check_trust(self, trusted: Sequence[Verifier] | None) -> None:
        try:
            trust = self._keys.trust(trusted)
        except BundleFault as fault:
            self.found.add("keyset", "*", "vkeys", str(fault), "a key that you trust")
        else:
            if trust.level == "partly":
                self.found.add("keyset", "*", "vkeys", trust.says, "a key that you trust")

    # --- reading back ----------------------------------------------------------------------------

    def _original(self, seq: int) -> Entry | None:
        raws = log.raw_entries(self._conn, self._ledger_id, seq, seq + 1)
        return decode(raws[0]) if raws else None

    def _find(self, request: str) -> int | None:
        wanted, seq = request.encode(), -1
        for run in log.entry_runs(self._conn, self._ledger_id, 0, self._books.head.size):
            for raw in run:
                seq += 1
                if wanted in raw and decode(raw).get("request") == request:
                    return seq
        return None
