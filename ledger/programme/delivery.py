"""Sending messages out: by the channel that each person chose, until it is taken or on paper.

A message is claimed before it is sent: its row says when it may be tried next.  So two processes
never send one at once, and one that dies in between has it sent again later, under the same id.
After ten tries in some seventeen hours, or where there is no such contact or channel, it is put on
paper (`paper.py`).  In quiet hours nothing goes out but codes, which their owners wait for: a
courier has them (`courier.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection, Row, case, func, select, update

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import ConfigError, PointsError
from ledger.installation import Installation, OpenLedger
from ledger.journal import tables as t
from ledger.journal.times import format_time, to_us
from ledger.logs import log_fault
from ledger.programme import records
from ledger.programme.channels import Channel, NotSent, Outgoing, channels
from ledger.programme.messages import KINDS, Text, choices_of, values_of
from ledger.programme.reading.days import offset_of
from ledger.programme.records import BASICS, INVITED
from ledger.programme.rounds import Rounds
from ledger.programme.tables import message as table
from ledger.programme.vault import lawful

TRIES = 10
BATCH = 20
LOOK_EVERY_SECONDS = 15.0

_logger = structlog.get_logger(__name__)


class Quiet(NamedTuple):
    """Local hours in which nobody is disturbed: from `first` on, before `last`; equal: none."""

    first: int = 21
    last: int = 8

    def holds(self, now: datetime, offset_minutes: int) -> bool:
        """Whether it is quiet at a moment, `offset_minutes` from UTC."""
        hour = (now + timedelta(minutes=offset_minutes)).hour
        if self.first <= self.last:
            return self.first <= hour < self.last
        return hour >= self.first or hour < self.last


def read_quiet_hours(environ: Mapping[str, str]) -> Quiet:
    """POINTS_QUIET_HOURS, such as `21-8`, or `off`; `ConfigError`."""
    text = environ.get("POINTS_QUIET_HOURS") or "21-8"
    if text == "off":
        return Quiet(0, 0)
    first, _, last = text.partition("-")
    hours = [int(each) for each in (first, last) if each.isascii() and each.isdigit()]
    if len(hours) < 2 or not all(0 <= hour < 24 for hour in hours):
        raise ConfigError(
            f"POINTS_QUIET_HOURS is {text[:20]!r}, wanted two hours of the local day such as 21-8,"
            " or off."
        )
    return Quiet(*hours)


# --- what waits ----------------------------------------------------------------------------------


def deliver(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    by: Mapping[str, Channel],
    quiet: Quiet,
) -> int:
    """Sends what waits and may be tried now; how many were taken.

    Raises what `Database.writing` and `records.newest` raise.
    """
    sent = 0
    while True:
        now = clock.now()
        with database.reading() as conn:
            if quiet.holds(now, offset_of(conn, ledger.id)):
                return sent
            rows = _waiting(conn, ledger.id, now)
            outgoing = {
                row.id: Outgoing(row.id, person[row.channel], row.kind, *text)
                for row, person, text in written(conn, ledger, rows)
                if person.get(row.channel)
            }
        for row in rows:
            message, channel = outgoing.get(row.id), by.get(row.channel)
            if message is None or channel is None or row.tries >= TRIES:
                _settle(database, ledger, row, state="paper", next_at=_text(now))
            elif _claimed(database, ledger, row, clock.now()):
                sent += _sent(database, ledger, clock, row, (channel, message))
        if len(rows) < BATCH:
            return sent


def _sent(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    row: Row[Any],
    by: tuple[Channel, Outgoing],
) -> bool:
    channel, message = by
    try:
        channel.send(message)
    except NotSent:
        _logger.warning("message not sent", message=row.id, tries=row.tries + 1)
        return False
    done_at = _text(clock.now())
    _settle(database, ledger, row, claimed=1, state="sent", next_at=None, done_at=done_at)
    return True


def _waiting(conn: Connection, ledger_id: int, now: datetime) -> Sequence[Row[Any]]:
    c = table.c
    mine = (c.ledger_id == ledger_id) & (c.state == "waiting") & (c.next_at <= _text(now))
    return conn.execute(select(table).where(mine).order_by(c.next_at, c.id).limit(BATCH)).all()


def written(
    conn: Connection, ledger: OpenLedger, rows: Sequence[Row[Any]]
) -> Iterator[tuple[Row[Any], Mapping[str, Any], Text]]:
    """These messages, each with what is known of its person, and its text in their language.

    A person's basics are known, or what is kept of who is invited.  A message whose own words were
    erased is left out.  Raises what `records.newest` raises.
    """
    people = {row.subject for row in rows}
    known = records.newest(conn, lawful(ledger), BASICS, people)
    known |= records.newest(conn, lawful(ledger), INVITED, people)
    values = values_of(conn, ledger, [row.id for row in rows])
    languages = choices_of(conn, ledger.id, people)
    for row in rows:
        if row.id in values:
            person = known.get(row.subject)
            text = KINDS[row.kind].text(languages[row.subject].language, values[row.id])
            yield row, (person and person.fields) or {}, text


def _claimed(database: Database, ledger: OpenLedger, row: Row[Any], now: datetime) -> bool:
    """Whether it is ours to send: nobody else tried since we looked."""
    next_at = now + timedelta(minutes=2**row.tries)
    return _settle(database, ledger, row, tries=row.tries + 1, next_at=_text(next_at))


def _settle(
    database: Database, ledger: OpenLedger, row: Row[Any], claimed: int = 0, **values: Any
) -> bool:
    c = table.c
    mine = (c.ledger_id == ledger.id) & (c.id == row.id)
    as_seen = (c.state == "waiting") & (c.tries == row.tries + claimed)
    with database.writing() as conn:
        return bool(conn.execute(update(table).where(mine, as_seen).values(**values)).rowcount)


def _text(moment: datetime) -> str:
    return format_time(to_us(moment))


class Postman(Rounds):
    """Delivers the messages of all ledgers of an installation, again and again."""

    def __init__(
        self,
        installation: Installation,
        by: Mapping[str, Channel],
        quiet: Quiet,
        *,
        every_seconds: float = LOOK_EVERY_SECONDS,
    ) -> None:
        super().__init__("messages", every_seconds)
        self._installation, self._channels, self._quiet = installation, by, quiet

    @classmethod
    def configured(cls, installation: Installation, environ: Mapping[str, str]) -> Postman:
        """One with the channels and quiet hours of the environment; `ConfigError`."""
        return cls(installation, channels(environ), read_quiet_hours(environ))

    def look(self) -> int:
        """Delivers what waits now; how many were taken."""
        return sum(self._deliver(name) for name in self._installation.names())

    def _deliver(self, name: str) -> int:
        here = self._installation
        try:
            ledger = here.ledger(name)
            return deliver(here.database, ledger, here.clock, self._channels, self._quiet)
        except PointsError as error:
            _logger.warning("messages not delivered", code=error.code, reason=str(error))
        except Exception as error:  # noqa: BLE001  # whatever one ledger's meet, others go on
            log_fault("messages not delivered", error)
        return 0


class Backlog(NamedTuple):
    """What of a ledger's messages is not delivered: how many wait to be sent, the oldest since
    when (None without any), and how many are to be printed or told."""

    ledger: str
    waiting: int
    since: str | None
    paper: int


def backlogs(conn: Connection) -> list[Backlog]:
    """The backlog of each ledger, in order of their names, by one statement."""
    c, ledger = table.c, t.ledger
    waits, on_paper = c.state == "waiting", c.state == "paper"
    of_it = (c.ledger_id == ledger.c.ledger_id) & c.state.in_(("waiting", "paper"))
    query = (
        select(
            ledger.c.name,
            func.count(case((waits, 1))).label("waiting"),
            func.min(case((waits, c.at))).label("since"),
            func.count(case((on_paper, 1))).label("paper"),
        )
        .select_from(ledger.outerjoin(table, of_it))
        .group_by(ledger.c.name)
        .order_by(ledger.c.name)
    )
    return [Backlog(row.name, row.waiting, row.since, row.paper) for row in conn.execute(query)]
