"""Compares the stored answers to requests with the entries that carry these.

A row of `request` is what keeps a command that is sent again from being entered again. Which entry
carries a request is in the log; what the request was (its fingerprint), and refusals, are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, func, select

from ledger.audit.projections import ABSENT, Differences
from ledger.journal import tables as t
from ledger.journal.bulk import keyed
from ledger.journal.entry import Entry

ROWS_PER_READ = 1_024


class RequestRows:
    """The comparison for one ledger; `read` gives an entry of it by its `seq`."""

    def __init__(
        self,
        conn: Connection,
        ledger_id: int,
        found: Differences,
        read: Callable[[int], Entry | None],
    ) -> None:
        self._conn = conn
        self._ledger_id = ledger_id
        self._found = found
        self._read = read
        self._matched = 0

    def compare(self, entries: Sequence[Entry]) -> None:
        """Wants a row for each request that these entries carry, which names the entry."""
        wanted = {entry["request"]: entry["seq"] for entry in entries if "request" in entry}
        c = t.request.c
        rows = keyed(
            self._conn, (c.request, c.first, c.last), self._ledger_id, c.request, wanted.keys()
        )
        got = {row.request: row for row in rows}
        self._matched += len(got)
        for request, seq in wanted.items():
            row = got.get(request)
            if row is None:
                self._found.add("request", request, "*", ABSENT, f"a row that names entry {seq}")
            elif row.last != seq:
                self._found.add("request", request, "last", row.last, seq)
            elif not self._may_begin(row.first, seq):
                self._found.add("request", request, "first", row.first, seq)

    def strays(self) -> None:
        """Rows that name an entry which does not carry their request: seen by their number first.

        Where what is due answers a request, the entry named carries none.
        """
        c = t.request.c
        answered = (c.ledger_id == self._ledger_id, c.last.is_not(None), c.last >= 0)
        count = self._conn.execute(select(func.count()).where(*answered)).scalar_one()
        if count == self._matched:
            return
        query = select(c.request, c.last).where(*answered).order_by(c.request).limit(ROWS_PER_READ)
        last = ""
        while rows := self._conn.execute(query.where(c.request > last)).all():
            for last, seq in rows:
                entry = self._read(seq)
                if entry is None or not (_is_due(entry) or entry.get("request") == last):
                    self._found.add("request", last, "last", seq, "an entry that carries it")

    def _may_begin(self, first: int | None, seq: int) -> bool:
        """Whether an order that entered `seq` can have begun at `first`: due work comes before."""
        at = seq
        while first is not None and first < at:
            before = self._read(at - 1)
            if before is None or not _is_due(before):
                return False
            at -= 1
        return first == at


def _is_due(entry: Entry) -> bool:
    return "actor" not in entry and entry["type"] in ("release", "expiry")
