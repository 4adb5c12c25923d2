"""What time brings: jobs that each ledger has done once on each of its local days, or each hour.

    expire   what is due of quiet accounts is entered
    state    a `state` entry sums up all accounts, if anything was entered since the last one
    erase    whoever the log says is to be erased by now is erased, later: restricted until then
    forget   refusals that were remembered for 400 days are forgotten, and codes that were sent a
             while ago; files of evidence that nothing names are deleted
    lapse    what is kept of people whose invitation is over is erased, each hour
    trail    the root of the audit trail goes into the log, each hour in which it grew

A job may run late, twice or on two machines: what time alone decides is decided on reading, and a
job only writes it down.  That a job was done on a day is a row that the append path writes with
what the job enters, so a second one finds it done.  A lease keeps two processes from doing the
same work at once; who dies holding it only delays the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import structlog
from sqlalchemy import delete, select, tuple_

from ledger.errors import PointsError
from ledger.installation import Installation, OpenLedger
from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.bulk import write
from ledger.journal.commands import StateOfAll
from ledger.journal.entry import decode, new_id
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order, Refusal
from ledger.journal.times import format_time, local_day, to_us
from ledger.logs import log_fault
from ledger.programme.courier import Courier
from ledger.programme.due import bring_forward, done_of
from ledger.programme.erasing import finish
from ledger.programme.files import sweep
from ledger.programme.lapses import erase_spent
from ledger.programme.restriction import restrict_announced
from ledger.programme.rounds import Rounds
from ledger.programme.tables import job as job_table
from ledger.programme.tables import lease as lease_table
from ledger.programme.tables import sent_code
from ledger.programme.trail import bind

LOOK_EVERY_SECONDS = 60.0
LEASE_SECONDS = 600
REFUSALS_KEPT_DAYS = 400
CODES_KEPT = timedelta(hours=2)
FORGOTTEN_PER_STATEMENT = 1_000
DONE_ALREADY = "job-done"

_logger = structlog.get_logger(__name__)


class Due(NamedTuple):
    """A job that a ledger has not had done yet on its local day, or in this hour of it (UTC)."""

    ledger: str
    job: str
    period: str


# --- the jobs ------------------------------------------------------------------------------------


def _expire(installation: Installation, ledger: OpenLedger, day: str, _: Courier) -> None:
    bring_forward(installation, ledger, lambda _: None)
    _mark(ledger, "expire", day)


def _state(installation: Installation, ledger: OpenLedger, day: str, _: Courier) -> None:
    with installation.database.reading() as conn:
        size = log.log_size(conn, ledger.id)
        (newest,) = log.raw_entries(conn, ledger.id, size - 1, size)
    if decode(newest)["type"] == "state":
        _mark(ledger, "state", day)
    else:
        _mark(ledger, "state", day, StateOfAll())


def _erase(installation: Installation, ledger: OpenLedger, day: str, courier: Courier) -> None:
    """Whoever is erased is told so by the courier, if this process lives that long (`erasing`)."""
    restrict_announced(installation.database, ledger)
    for channel, message in finish(installation.database, ledger, installation.clock):
        courier.hand_over(channel, message)
    _mark(ledger, "erase", day)


def _forget(installation: Installation, ledger: OpenLedger, day: str, _: Courier) -> None:
    """On each request row that tells of a refusal; those of entries stay, as the log does."""
    limit = installation.clock.now() - timedelta(days=REFUSALS_KEPT_DAYS)
    c = t.request.c
    old = (
        select(c.ledger_id, c.request)
        .where(c.ledger_id == ledger.id, c.rule.is_not(None), c.at < format_time(to_us(limit)))
        .limit(FORGOTTEN_PER_STATEMENT)
    )
    forgotten = FORGOTTEN_PER_STATEMENT
    while forgotten == FORGOTTEN_PER_STATEMENT:
        with installation.database.writing() as conn:
            mine = tuple_(c.ledger_id, c.request).in_(old)
            forgotten = conn.execute(delete(t.request).where(mine)).rowcount
    _forget_codes(installation, ledger)
    _mark(ledger, "forget", day)
    # Not before: a database that was restored and not rolled forward yet names too few.
    sweep(installation.database, ledger, installation.clock)


def _forget_codes(installation: Installation, ledger: OpenLedger) -> None:
    """Codes last ten minutes, and how many were sent is counted by the hour."""
    limit = format_time(to_us(installation.clock.now() - CODES_KEPT))
    c = sent_code.c
    with installation.database.writing() as conn:
        conn.execute(delete(sent_code).where(c.ledger_id == ledger.id, c.hour_from < limit))


def _lapse(installation: Installation, ledger: OpenLedger, hour: str, _: Courier) -> None:
    erase_spent(installation.database, ledger, installation.clock)
    _mark(ledger, "lapse", hour)


def _trail(installation: Installation, ledger: OpenLedger, hour: str, _: Courier) -> None:
    bind(installation.database, ledger)
    _mark(ledger, "trail", hour)


JOBS: Mapping[str, Callable[[Installation, OpenLedger, str, Courier], None]] = {
    "expire": _expire,
    "state": _state,
    "erase": _erase,
    "forget": _forget,
    "lapse": _lapse,
    "trail": _trail,
}
"""The jobs in the order in which they are done."""

HOURLY = frozenset({"lapse", "trail"})
HOUR_CHARACTERS = len("2026-11-24T02")


def _mark(ledger: OpenLedger, job: str, day: str, command: StateOfAll | None = None) -> None:
    """Enters what the job enters, if anything, and that it was done; once a day."""

    def change(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        row = rows[job]
        if row is not None and row["day"] >= day:
            return Refusal(DONE_ALREADY, f"the job {job} was done on {day}")
        return {job: {"job": job, "day": day}}

    order = Order(command=command, companions=(Companion(job_table, (job,), change),))
    (outcome,) = ledger.appender.submit(Group((order,)))
    if not (isinstance(outcome, Refusal) and outcome.rule == DONE_ALREADY):
        done_of(outcome)


# --- doing them ----------------------------------------------------------------------------------


def due_jobs(installation: Installation) -> list[Due]:
    """All jobs that are not done today, of all ledgers, in one look."""
    now = format_time(to_us(installation.clock.now()))
    ledgers = (
        select(t.ledger.c.ledger_id, t.ledger.c.name, t.head.c.utc_offset_minutes)
        .join_from(t.ledger, t.head, t.head.c.ledger_id == t.ledger.c.ledger_id)
        .where(t.head.c.size > 0)
        .order_by(t.ledger.c.name)
    )
    with installation.database.reading() as conn:
        known = conn.execute(ledgers).all()
        marks = conn.execute(select(job_table.c.ledger_id, job_table.c.job, job_table.c.day))
        done = {(row.ledger_id, row.job): row.day for row in marks}
    return [
        Due(row.name, job, period)
        for row in known
        for today in (local_day(now, row.utc_offset_minutes),)
        for job in JOBS
        for period in (now[:HOUR_CHARACTERS] if job in HOURLY else today,)
        if done.get((row.ledger_id, job), "") < period
    ]


def do_due_jobs(installation: Installation, holder: str, courier: Courier) -> list[Due]:
    """Does what is due and nobody else is doing; what was done.

    The courier takes what is to be sent at once: wait for it before the process ends.  A job
    that fails is logged and tried again at the next look; the others go on.
    """
    done: list[Due] = []
    for due in due_jobs(installation):
        try:
            ledger = installation.ledger(due.ledger)
            with _lease(installation, ledger, due.job, holder) as mine:
                if mine:
                    JOBS[due.job](installation, ledger, due.period, courier)
                    done.append(due)
        except PointsError as error:
            _logger.warning("job not done", job=due.job, code=error.code, reason=str(error))
        except Exception as error:  # noqa: BLE001  # whatever one ledger's job meets, others go on
            log_fault("job not done", error, job=due.job)
    return done


@contextmanager
def _lease(installation: Installation, ledger: OpenLedger, job: str, holder: str) -> Iterator[bool]:
    """Whether the job is the holder's to do, for as long as the block runs."""
    now = installation.clock.now()
    until = format_time(to_us(now + timedelta(seconds=LEASE_SECONDS)))
    mine = (lease_table.c.ledger_id == ledger.id) & (lease_table.c.job == job)
    with installation.database.writing() as conn:
        row = conn.execute(select(lease_table).where(mine).with_for_update()).one_or_none()
        taken = row is not None and row.holder != holder and row.until > format_time(to_us(now))
        if not taken:
            write(conn, lease_table, ledger.id, [(job, holder, until)], "upsert")
    try:
        yield not taken
    finally:
        if not taken:
            with installation.database.writing() as conn:
                conn.execute(delete(lease_table).where(mine, lease_table.c.holder == holder))


class Worker(Rounds):
    """Does the due jobs of an installation again and again."""

    def __init__(
        self,
        installation: Installation,
        courier: Courier,
        *,
        every_seconds: float = LOOK_EVERY_SECONDS,
    ) -> None:
        super().__init__("jobs", every_seconds)
        self._installation, self._courier = installation, courier
        self._holder = new_id("worker", os.urandom(16))

    def look(self) -> list[Due]:
        """Does what is due now; what was done."""
        return do_due_jobs(self._installation, self._holder, self._courier)
