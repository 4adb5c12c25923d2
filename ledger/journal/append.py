"""Group commit: many threads' commands, one transaction after another.

A thread that has a group of orders puts it into its ledger's queue and waits, holding no
transaction, lock or session meanwhile.  The first waiting thread leads: it locks the head row, and
only then drains the queue, so that waiting makes the batch.  It decides and writes all of it
(`batch.py`), commits, answers everybody, and hands the lead to the next in the queue.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import (
    AppendFailed,
    ClockFault,
    LedgerStopped,
    OutcomeUnknown,
    PointsError,
    QueueFull,
)
from ledger.journal.batch import Batch
from ledger.journal.observer import BatchSeen, Observer, Telling
from ledger.journal.orders import Credentials, Group, HoldCompanions, Outcome, Refusal
from ledger.journal.store import Position, lock_head
from ledger.journal.times import US_PER_SECOND, parse_time, to_us
from ledger.logs import log_fault

BATCH_COMMANDS_TARGET = 256
QUEUE_GROUPS_MAX = 4_096
CLOCKS_APART_SECONDS_MAX = 5
BEHIND_HEAD_SECONDS_MAX = 60
JUMP_SECONDS_MAX = 86_400


class _Ticket:
    """One group in the queue; its thread waits for an answer or for the lead."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self._asleep = threading.Lock()  # an Event is made of one and much more
        self._asleep.acquire()
        self.leads = False
        self.outcomes: list[Outcome] | None = None
        self.error: PointsError | None = None

    def wait(self) -> None:
        """Returns once somebody calls `wake`, or has."""
        self._asleep.acquire()

    def wake(self) -> None:
        """Lets the thread go on that waits."""
        with suppress(RuntimeError):  # it was told before
            self._asleep.release()

    def result(self) -> list[Outcome]:
        """The answer; raises what went wrong."""
        if self.error is not None:
            raise self.error
        assert self.outcomes is not None
        return self.outcomes

    def fail(self, error: PointsError) -> None:
        """Answers with an error, unless there is an answer."""
        if self.outcomes is None and self.error is None:
            self.error = error


class Appender:
    """The one way into a ledger's journal.  Safe to share between threads; one a process.

    `guard` is called with the locked head before anything is entered on top of it; it raises
    `LedgerStopped` where nothing may be.  `credentials` says how to ask, under the lock, about
    those that orders have; without it none lasts.
    """

    def __init__(
        self,
        database: Database,
        ledger_id: int,
        origin: str,
        clock: Clock,
        *,
        guard: Callable[[Position], None] = lambda _: None,
        hold_companions: HoldCompanions | None = None,
        credentials: Credentials | None = None,
        queue_groups_max: int = QUEUE_GROUPS_MAX,
        observer: Observer | None = None,
    ) -> None:
        self._database = database
        self._ledger_id = ledger_id
        self._origin = origin
        self._clock = clock
        self._guard = guard
        self._hold_companions = hold_companions or {}
        self._credentials = credentials
        self._queue_groups_max = queue_groups_max
        self._telling = Telling(observer)
        self._lock = threading.Lock()
        self._queue: deque[_Ticket] = deque()
        self._led = False
        self._last: tuple[datetime, float] | None = None

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
            self._tell_queue()
            ticket.leads, self._led = not self._led, True
        if not ticket.leads:
            self._await(ticket)
        if ticket.leads:
            self._lead(ticket)
        return ticket.result()

    def _await(self, ticket: _Ticket) -> None:
        try:
            ticket.wait()
        except BaseException:  # an interrupt: whoever leaves must not keep the lead
            with self._lock:
                if ticket in self._queue:
                    self._queue.remove(ticket)
            if ticket.leads:
                self._hand_over()
            raise

    def _lead(self, ticket: _Ticket) -> None:
        """Appends one batch, which has the leader's own group in it, and hands over."""
        batch: list[_Ticket] = []
        attempt = _Attempt()
        try:
            self._append(attempt, lambda: self._drain(batch))
        except PointsError as error:
            # A lock that one could not have, the others in the queue would wait for in vain too.
            _fail(batch or self._drain(batch, everything=True), error)
        except Exception as error:
            self._append_in_halves(batch or self._drain(batch), error)
        finally:
            with self._lock:
                if ticket in self._queue:  # interrupted before it was drained
                    self._queue.remove(ticket)
                    batch.append(ticket)
            _fail(batch, attempt.cut_short())
            self._hand_over()
            for other in batch:
                other.wake()

    def _append_in_halves(self, tickets: Sequence[_Ticket], cause: Exception) -> None:
        """Finds the group that fails for a reason nobody foresaw, so that it fails alone."""
        if len(tickets) == 1:
            log_fault("a command could not be entered", cause)
            _fail(tickets, AppendFailed("This command could not be stored. Nothing was entered."))
            return
        middle = len(tickets) // 2
        for half in (tickets[:middle], tickets[middle:]):
            attempt = _Attempt()
            try:
                self._append(attempt, lambda half=half: half)  # type: ignore[misc]
            except PointsError as error:
                _fail(half, error)
            except Exception as error:
                self._append_in_halves(half, error)
            finally:
                _fail(half, attempt.cut_short())

    def _append(self, attempt: _Attempt, drain: Callable[[], Sequence[_Ticket]]) -> None:
        """Decides and writes what `drain` gives once the head is locked, in one transaction."""
        began = time.perf_counter()
        with self._database.writing() as conn:
            position, told = lock_head(conn, self._ledger_id, self._origin)
            locked = time.perf_counter()
            if position is None:
                raise LedgerStopped("This ledger has no head row. Restore it from a backup.")
            tickets = drain()
            self._guard(position)
            now, running = self._clock.now(), self._clock.running()
            _check_clocks(now, self._clock.database_now(told))
            self._check_jump(now, running)
            _check_head(position, to_us(now))
            batch = Batch(conn, self._ledger_id, position, self._hold_companions, self._credentials)
            outcomes = batch.run([ticket.group for ticket in tickets], now)
            attempt.committing = True
        self._last = now, running
        ended = time.perf_counter()
        for ticket, answer in zip(tickets, outcomes, strict=True):
            ticket.outcomes = answer
        commands = [outcome for answer in outcomes for outcome in answer]
        self._tell_batch(commands, locked - began, ended - locked)

    def _tell_queue(self) -> None:
        groups = len(self._queue)
        self._telling.tell(lambda observer: observer.queued(groups))

    def _tell_batch(self, commands: Sequence[Outcome], waited: float, worked: float) -> None:
        """Tells of a batch that was committed."""
        batch = BatchSeen(len(commands), waited, worked)
        refusals = [c.rule for c in commands if isinstance(c, Refusal) and not c.replayed]

        def tell(observer: Observer) -> None:
            observer.appended(batch)
            for rule in refusals:
                observer.refused(rule)

        self._telling.tell(tell)

    def _check_jump(self, now: datetime, running: float) -> None:
        """Wants that the clock went on since the last entry as one does that nobody sets.

        A head that is a month ahead of the true time would stop the ledger for a month.
        """
        if self._last is None:
            return
        then, ran = self._last
        if (now - then).total_seconds() - (running - ran) > JUMP_SECONDS_MAX:
            raise ClockFault(
                f"This host's clock was set ahead by more than a day, to {now:%Y-%m-%d}. Set it by"
                " a time server; if it is right now, start the service again."
            )

    def _drain(self, batch: list[_Ticket], *, everything: bool = False) -> list[_Ticket]:
        commands = 0
        with self._lock:
            while self._queue and (everything or commands < BATCH_COMMANDS_TARGET):
                ticket = self._queue.popleft()
                commands += len(ticket.group.orders)
                batch.append(ticket)
            self._tell_queue()
        return batch

    def _hand_over(self) -> None:
        with self._lock:
            heir = self._queue[0] if self._queue else None
            self._led = heir is not None
            if heir is not None:
                heir.leads = True
                heir.wake()


class _Attempt:
    """One transaction, and how far it came."""

    committing = False

    def cut_short(self) -> PointsError:
        """What to say to those whom an interrupt leaves without an answer."""
        if self.committing:
            return OutcomeUnknown(
                "The service was interrupted while it was committing, so the change was made either"
                " whole or not at all. Send the request again with the same key."
            )
        return AppendFailed("The service was interrupted. Nothing was entered: send it again.")


def _fail(tickets: Sequence[_Ticket], error: PointsError) -> None:
    for ticket in tickets:
        ticket.fail(error)


def _check_clocks(host: datetime, database: datetime) -> None:
    if abs((host - database).total_seconds()) > CLOCKS_APART_SECONDS_MAX:
        raise ClockFault(
            "The clocks of this host and of its database differ by more than"
            f" {CLOCKS_APART_SECONDS_MAX} seconds. Set both by a time server."
        )


def _check_head(position: Position, now_us: int) -> None:
    at = position.head.at
    if at and parse_time(at) - now_us > BEHIND_HEAD_SECONDS_MAX * US_PER_SECOND:
        raise ClockFault(
            f"The last entry is of {at}, more than {BEHIND_HEAD_SECONDS_MAX} seconds ahead of this"
            " host's clock. Set the clock by a time server."
        )
