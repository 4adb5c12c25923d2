"""Group commit: many threads' commands, one transaction after another.

A thread that has a group of orders puts it into its ledger's queue and waits, holding no
transaction, lock or session meanwhile.  The first waiting thread leads: it locks the head row, and
only then drains the queue, so that waiting makes the batch.  It decides and writes all of it
(`batch.py`), commits, answers everybody, and hands the lead to the next in the queue.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from sqlalchemy.exc import DBAPIError

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import AppendFailed, ClockFault, LedgerStopped, PointsError, QueueFull
from ledger.journal.batch import Batch
from ledger.journal.orders import Group, HoldCompanions, Outcome
from ledger.journal.store import Position, load_position
from ledger.journal.times import parse_time, to_us

BATCH_COMMANDS_TARGET = 256
QUEUE_GROUPS_MAX = 4_096
CLOCKS_APART_SECONDS_MAX = 5
BEHIND_HEAD_SECONDS_MAX = 60


class _Ticket:
    """One group in the queue; its thread waits for an answer or for the lead."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.woken = threading.Event()
        self.outcomes: list[Outcome] | None = None
        self.error: PointsError | None = None

    def result(self) -> list[Outcome]:
        """The answer; raises what went wrong."""
        if self.error is not None:
            raise self.error
        assert self.outcomes is not None
        return self.outcomes

    @property
    def answered(self) -> bool:
        """Whether there is a result."""
        return self.outcomes is not None or self.error is not None


class Appender:
    """The one way into a ledger's journal.  Safe to share between threads; one a process."""

    def __init__(
        self,
        database: Database,
        ledger_id: int,
        origin: str,
        clock: Clock,
        *,
        hold_companions: HoldCompanions | None = None,
        on_commit: Callable[[int], None] = lambda _: None,
        queue_groups_max: int = QUEUE_GROUPS_MAX,
    ) -> None:
        self._database = database
        self._ledger_id = ledger_id
        self._origin = origin
        self._clock = clock
        self._hold_companions = hold_companions or {}
        self._on_commit = on_commit
        self._queue_groups_max = queue_groups_max
        self._lock = threading.Lock()
        self._queue: deque[_Ticket] = deque()
        self._led = False

    def submit(self, group: Group) -> list[Outcome]:
        """Enters a group; one outcome an order, in their order.  Waits until it is durable.

        Raises `QueueFull`, `DatabaseBusy`, `DatabaseDown`, `ClockFault`, `LedgerStopped` (nothing
        was entered), `AppendFailed` (nothing of this group was), and `OutcomeUnknown`.
        """
        ticket = _Ticket(group)
        with self._lock:
            if len(self._queue) >= self._queue_groups_max:
                raise QueueFull("Too many commands wait for this ledger. Try again in a moment.")
            self._queue.append(ticket)
            lead, self._led = not self._led, True
        if not lead:
            ticket.woken.wait()
        if not ticket.answered:
            self._lead()
        return ticket.result()

    def _lead(self) -> None:
        """Appends one batch, which has the leader's own group in it, and hands over."""
        batch: list[_Ticket] = []
        try:
            self._append(lambda: batch or self._drain(batch))
        except PointsError as error:
            # A lock that one could not have, the others in the queue would wait for in vain too.
            self._fail(batch or self._drain(batch, everything=True), error)
        except DBAPIError:
            self._append_in_halves(batch or self._drain(batch))
        except BaseException:
            self._fail(batch or self._drain(batch), _unforeseen())
            raise
        finally:
            self._hand_over(batch)

    def _append_in_halves(self, tickets: Sequence[_Ticket]) -> None:
        """Finds the group that the database refuses, so that it fails alone."""
        if len(tickets) == 1:
            self._fail(tickets, _unforeseen())
            return
        middle = len(tickets) // 2
        for half in (tickets[:middle], tickets[middle:]):
            try:
                self._append(lambda half=half: half)  # type: ignore[misc]
            except PointsError as error:
                self._fail(half, error)
            except DBAPIError:
                self._append_in_halves(half)

    def _append(self, drain: Callable[[], Sequence[_Ticket]]) -> None:
        """Decides and writes what `drain` gives once the head is locked, in one transaction."""
        with self._database.writing() as conn:
            position = load_position(conn, self._ledger_id, self._origin, lock=True)
            if position is None:
                raise LedgerStopped("This ledger has no head row. Restore it from a backup.")
            tickets = drain()
            now = self._clock.now()
            self._check_clocks(now.timestamp(), self._clock.database_now(conn).timestamp())
            now_us = to_us(now)
            _check_head(position, now_us)
            batch = Batch(conn, self._ledger_id, position, self._hold_companions)
            outcomes, size = batch.run([ticket.group for ticket in tickets], now_us)
        for ticket, answer in zip(tickets, outcomes, strict=True):
            ticket.outcomes = answer
        self._on_commit(size)

    def _check_clocks(self, host_seconds: float, database_seconds: float) -> None:
        if abs(host_seconds - database_seconds) > CLOCKS_APART_SECONDS_MAX:
            raise ClockFault(
                "The clocks of this host and of its database differ by more than"
                f" {CLOCKS_APART_SECONDS_MAX} seconds. Set both by a time server."
            )

    def _drain(self, batch: list[_Ticket], *, everything: bool = False) -> list[_Ticket]:
        commands = 0
        with self._lock:
            while self._queue and (everything or commands < BATCH_COMMANDS_TARGET):
                ticket = self._queue.popleft()
                commands += len(ticket.group.orders)
                batch.append(ticket)
        return batch

    def _fail(self, tickets: Sequence[_Ticket], error: PointsError) -> None:
        for ticket in tickets:
            if not ticket.answered:
                ticket.error = error

    def _hand_over(self, batch: Sequence[_Ticket]) -> None:
        with self._lock:
            heir = self._queue[0] if self._queue else None
            self._led = heir is not None
        for ticket in batch:
            ticket.woken.set()
        if heir is not None:
            heir.woken.set()


def _check_head(position: Position, now_us: int) -> None:
    at = position.head.at
    if at and parse_time(at) - now_us > BEHIND_HEAD_SECONDS_MAX * 1_000_000:
        raise ClockFault(
            f"The last entry is of {at}, more than {BEHIND_HEAD_SECONDS_MAX} seconds ahead of this"
            " host's clock. Set the clock by a time server."
        )


def _unforeseen() -> AppendFailed:
    return AppendFailed("The database refused to store this command. Nothing was entered.")
