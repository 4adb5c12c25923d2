"""Entering a history of earnings: every row checked first, then credited, each row once.

A row's idempotency key is its key within the source, the principal `import:<source>`, so that a
run that was killed is resumed by running it again, and a file entered whole enters nothing more.
Rows go in by groups, each row on its own; what is there already, and which account a reference
names, is looked up by sets.

A row that the book refused in an earlier run is tried anew, under the next index of its key: what
stood in its way (a budget, a closed account) may have been put right since.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import NamedTuple, Protocol

from sqlalchemy import Connection

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import DatabaseBusy
from ledger.journal import tables as t
from ledger.journal.append import Appender
from ledger.journal.bulk import keyed, row_mapping
from ledger.journal.commands import Credit, Statement
from ledger.journal.entry import new_id, to_base64
from ledger.journal.keys import KeyRing
from ledger.journal.orders import Done, Group, Order, Outcome, Refusal
from ledger.journal.times import start_of_day
from ledger.programme.csvlines import HistoryError
from ledger.programme.history import Earning, Fault, History, Zero
from ledger.programme.names import TAKEN, naming, reference_index
from ledger.programme.tables import outside_name
from ledger.programme.terms import Plan, terms_of

CHUNK_ROWS = 1_000  # the most that one group may have
TRIES_WHEN_BUSY = 3
# A refusal by one of these concerns one row; by any other rule all that follow would be refused.
ROW_RULES = frozenset({"closed", "dates", "past-day", "self", "grant", "range"})
CONFLICT = "it was imported before with another account, date, last day or number of points"


Progress = Callable[[int], None]
Report = Callable[[Fault], None]
Fresh = list[tuple[Earning, str]]
"""Rows that no entry stands for, each with the request that it is entered under."""
Names = Mapping[str, str]
"""The account that each reference names."""


class Sorted(NamedTuple):
    """So many rows, sorted out: `already` of them are there."""

    rows: int
    fresh: Fresh
    zeros: list[Zero]
    faults: list[Fault]
    already: int


@dataclass(slots=True)
class Summary:
    """What a file holds and what became of it; `points` are those of the rows imported now."""

    rows: int = 0
    imported: int = 0
    already: int = 0
    zero: int = 0
    bad: int = 0
    refused: int = 0
    accounts_opened: int = 0
    points: int = 0

    def count(self, chunk: Sorted) -> None:
        """Adds what was read."""
        self.rows += chunk.rows
        self.zero += len(chunk.zeros)
        self.bad += len(chunk.faults)
        self.already += chunk.already

    def to_json(self) -> dict[str, int]:
        """The counts by name."""
        return asdict(self)


class Journal(Protocol):
    """The ledger that is imported into; `installation.OpenLedger` is one."""

    @property
    def id(self) -> int:
        """Its number in the database."""

    @property
    def keys(self) -> KeyRing:
        """Its keys: references and requests are known by them alone."""

    @property
    def appender(self) -> Appender:
        """The way into it."""


class Import:
    """One run over one file.  `check` looks at every row, `enter` credits those that are new."""

    def __init__(self, database: Database, clock: Clock, ledger: Journal, plan: Plan) -> None:
        """Raises `HistoryError` where the plan does not fit the ledger or the file."""
        self._database = database
        self._ledger = ledger
        self._plan = plan
        self._principal = f"import:{plan.source}"
        with database.reading() as conn:
            self._terms = terms_of(conn, ledger.id, clock, plan)
        self._history = History(plan.file, plan.source, plan.columns, self._terms.limits)

    def check(self, report: Report, progress: Progress) -> Summary:
        """Counts the rows, reports those that cannot be entered, enters nothing.

        Raises `HistoryError` where the budget has too few points left for the new rows.
        """
        summary = Summary()
        needed = 0
        for chunk in self._sorted():
            summary.count(chunk)
            for fault in chunk.faults:
                report(fault)
            needed += sum(earning.points for earning, _ in chunk.fresh)
            progress(chunk.rows)
        if needed > self._terms.points_left:
            raise HistoryError(
                f"The rows that are not there yet are worth {needed:,} points, the budget has"
                f" {self._terms.points_left:,} left. Raise its limit first; nothing was entered."
            )
        return summary

    def enter(self, report: Report, progress: Progress) -> Summary:
        """Credits each row that is not there yet and reports each that the book refused.

        Bad rows are passed over.  Raises `HistoryError` at the first refusal that would meet all
        other rows too, and what `Appender.submit` raises.  What was entered until then stays, and
        is not entered again.
        """
        summary = Summary()
        for chunk in self._sorted():
            summary.count(chunk)
            references = {earning.reference for earning, _ in chunk.fresh}
            references |= {zero.reference for zero in chunk.zeros}
            accounts = self._accounts(references, summary)
            if chunk.fresh:
                self._enter(chunk.fresh, accounts, summary, report)
            progress(chunk.rows)
        return summary

    # --- what is there already -------------------------------------------------------------------

    def _sorted(self) -> Iterator[Sorted]:
        """All rows by chunks of at most one group."""
        rows = self._history.rows()
        while chunk := list(islice(rows, CHUNK_ROWS)):
            earnings = [row for row in chunk if isinstance(row, Earning)]
            faults = [row for row in chunk if isinstance(row, Fault)]
            zeros = [row for row in chunk if isinstance(row, Zero)]
            with self._database.reading() as conn:
                fresh, conflicts = self._compared(conn, earnings)
            already = len(earnings) - len(fresh) - len(conflicts)
            yield Sorted(len(chunk), fresh, zeros, faults + conflicts, already)

    def _compared(self, conn: Connection, earnings: Sequence[Earning]) -> tuple[Fresh, list[Fault]]:
        """The rows that are not there, and those that are there with another content."""
        fresh: Fresh = []
        conflicts: list[Fault] = []
        index = 0
        while earnings:
            refused = []
            requests = [self._request(earning.key, index) for earning in earnings]
            rows = keyed(conn, t.request.c, self._ledger.id, t.request.c.request, requests)
            known = {row.request: row for row in rows}
            for earning, request in zip(earnings, requests, strict=True):
                row = known.get(request)
                if row is None:
                    fresh.append((earning, request))
                elif row.rule is not None:
                    refused.append(earning)
                elif row.fingerprint not in (None, self._fingerprint(earning)):
                    conflicts.append(Fault(earning.line, CONFLICT))
            earnings, index = refused, index + 1
        return fresh, conflicts

    def _request(self, key: str, index: int) -> str:
        return to_base64(self._ledger.keys.request_id(self._principal, key, index))

    def _fingerprint(self, earning: Earning) -> bytes:
        return self._ledger.keys.fingerprint(earning.content())

    # --- entering --------------------------------------------------------------------------------

    def _enter(self, fresh: Fresh, accounts: Names, summary: Summary, report: Report) -> None:
        orders = [
            self._order(earning, request, accounts[earning.reference]) for earning, request in fresh
        ]
        for (earning, _), outcome in zip(fresh, self._submit(orders), strict=True):
            self._count(earning, outcome, summary, report)

    def _order(self, earning: Earning, request: str, account: str) -> Order:
        plan = self._plan
        credit = Credit(
            account=account,
            amount=earning.points,
            budget=plan.budget,
            effective_at=start_of_day(earning.date, self._terms.utc_offset_minutes),
            valid_until=earning.valid_until,
            actor=plan.actor,
            approver=plan.approver,
        )
        return Order(command=credit, request=request, fingerprint=self._fingerprint(earning))

    def _count(self, earning: Earning, outcome: Outcome, summary: Summary, report: Report) -> None:
        if isinstance(outcome, Done):
            if outcome.replayed:
                summary.already += 1
            else:
                summary.imported += 1
                summary.points += earning.points
            return
        if isinstance(outcome, Refusal) and outcome.rule not in ROW_RULES:
            raise HistoryError(
                f"Line {earning.line} was refused, as the rows after it would be:"
                f" {outcome.message}. {summary.imported:,} rows were entered before; put it right"
                " and run the import again, which enters none of them twice."
            )
        summary.refused += 1
        reason = outcome.message if isinstance(outcome, Refusal) else CONFLICT
        report(Fault(earning.line, reason))

    def _accounts(self, references: Collection[str], summary: Summary) -> Names:
        """The account that each reference names, opened now where it names none."""
        index = {
            reference: reference_index(self._ledger.keys, reference) for reference in references
        }
        while True:
            with self._database.reading() as conn:
                column = outside_name.c.index
                rows = keyed(conn, outside_name.c, self._ledger.id, column, list(index.values()))
            known = {
                found["index"]: found["account"]
                for found in (row_mapping(outside_name, row) for row in rows)
            }
            missing = dict.fromkeys(one for one in index.values() if one not in known)
            if not missing:
                return {reference: known[index[reference]] for reference in references}
            summary.accounts_opened += self._open(list(missing))

    def _open(self, indexes: Sequence[str]) -> int:
        """Opens an account for each; how many.  One that somebody just named is left as is."""
        outcomes = self._submit([self._opening(index) for index in indexes])
        for outcome in outcomes:
            if isinstance(outcome, Refusal) and outcome.rule != TAKEN:
                raise HistoryError(f"An account cannot be opened: {outcome.message}.")
        return sum(isinstance(outcome, Done) for outcome in outcomes)

    def _opening(self, index: str) -> Order:
        account = new_id("member", os.urandom(16))
        command = Statement(kind="open", fields={"account": account}, actor=self._plan.actor)
        return Order(command=command, companions=(naming(index, account),))

    def _submit(self, orders: Sequence[Order]) -> list[Outcome]:
        group = Group(tuple(orders), atomic=False)
        for _ in range(TRIES_WHEN_BUSY - 1):
            try:
                return self._ledger.appender.submit(group)
            except DatabaseBusy:
                continue  # it has waited for the lock by itself
        return self._ledger.appender.submit(group)
