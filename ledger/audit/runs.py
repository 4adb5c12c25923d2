"""The rows of `run` against the entries: each entry is in just one run, which is of its type.

How entries were cut into runs depends on the batches that wrote them, so the rows cannot be made
anew and compared; they are followed beside the entries, each type's in order.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from ledger.audit.projections import ABSENT, Differences
from ledger.journal import tables as t

ROWS_PER_READ = 1_024

Run = tuple[int, int]
"""(last, first)."""

NONE: Run = (-1, -1)


class Runs:
    """Takes the entries in order of `seq`, and finds what the runs say otherwise."""

    def __init__(self, conn: Connection, ledger_id: int, found: Differences) -> None:
        self._conn = conn
        self._ledger_id = ledger_id
        self._found = found
        self._rows: dict[str, Iterator[Run]] = {}
        self._now: dict[str, Run] = {}
        self._size = 0

    def take(self, seq: int, kind: str) -> None:
        """The next entry, with its type."""
        self._size = seq + 1
        if kind not in self._rows:
            self._rows[kind], self._now[kind] = self._read(kind), NONE
        if seq > self._now[kind][0]:
            self._now[kind] = next(self._rows[kind], NONE)
        last, first = self._now[kind]
        if not first <= seq <= last:
            self._found.add("run", [kind, last], "*", ABSENT, f"a run that has the entry {seq}")

    def finish(self) -> None:
        """There is no run beside those that the entries are in."""
        c = t.run.c
        covered = func.coalesce(func.sum(c.last - c.first + 1), 0)
        query = select(covered).where(c.ledger_id == self._ledger_id)
        got = int(self._conn.execute(query).scalar_one())
        if got != self._size:
            many = f"runs of {got} entries where there are {self._size}"
            self._found.add("run", "*", "*", many, ABSENT)

    def _read(self, kind: str) -> Iterator[Run]:
        c, after = t.run.c, -1
        query = (
            select(c.last, c.first)
            .where(c.ledger_id == self._ledger_id, c.type == kind)
            .order_by(c.last)
            .limit(ROWS_PER_READ)
        )
        while rows := self._conn.execute(query.where(c.last > after)).all():
            yield from ((row.last, row.first) for row in rows)
            after = rows[-1].last
