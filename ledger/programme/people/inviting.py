"""Batches: whom an organisation asked to invite, kept whole first, and invited beside requests.

What is asked for is entered by one order: a row, and the people as records under a data key of the
batch's own.  So nothing is half-done, and since nobody is looked up for it, whoever asks cannot
tell by the clock who takes part already.  Soon afterwards each process looks for batches
(`Inviter`) and carries them out, a part after the other; cut short anywhere, another goes on.  A
batch is claimed before that: its row says when it may be tried next.  Once all are invited, the
organisation does not take part, or the batch is thirty days old, its key is destroyed, and with it
the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
import structlog
from sqlalchemy import Connection, Row, func, select, update

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import Installation, OpenLedger
from ledger.journal import tables as t
from ledger.journal.bulk import keyed
from ledger.journal.orders import Companion, Group, Order, Outcome, Refusal
from ledger.journal.times import format_time, to_us
from ledger.logs import log_fault
from ledger.programme import records
from ledger.programme.due import done_of
from ledger.programme.erasure import destroy
from ledger.programme.ids import id_from
from ledger.programme.people.contacts import Contact
from ledger.programme.people.invitations import KEPT, PER_ORDER, Invitee, enter
from ledger.programme.people.organisations import (
    NOT_ADMITTED,
    Organisation,
    find_organisation,
    taking_part,
)
from ledger.programme.people.tables import invitation_batch as table
from ledger.programme.reading.days import today_of
from ledger.programme.recording import CHANGED, Change, compose
from ledger.programme.roles import Reach
from ledger.programme.rounds import Rounds
from ledger.programme.wishes import Wish

KIND = "invitation-batch"
PART_BYTES_MAX = 60_000  # of the people of one record, below what a record holds
HELD = timedelta(minutes=5)
LOOK_EVERY_SECONDS = 5.0
EVERYTHING = Reach(everything=True)

_logger = structlog.get_logger(__name__)


# --- in the request ------------------------------------------------------------------------------


def invite(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    wish: Wish,
    organisation: Organisation,
    invitees: Sequence[Invitee],
) -> Outcome:
    """Keeps whom an organisation invites, all or none; `carry_out` invites them.

    The same is done whoever they are.  The same request again keeps nothing more.  While the
    organisation is not admitted nothing is kept: a `Refusal` of `NOT_ADMITTED`.  Raises `Erased`
    where the batch was carried out before a backup was restored that does not know the request, and
    what `recording.compose` and `Appender.submit` raise.
    """
    name = id_of(wish.request)
    with database.reading() as conn:
        known = keyed(conn, (table.c.id,), ledger.id, table.c.id, [name])
    # What was carried out has no key any more; the request is known, and answered as before.
    kept = (
        ()
        if known or not invitees
        else _keeping(database, ledger, clock, wish, organisation, invitees)
    )
    order = Order(
        request=wish.request,
        fingerprint=wish.fingerprint,
        companions=(taking_part(organisation.id), *kept),
    )
    (outcome,) = ledger.appender.submit(Group((order,)))
    return outcome


def id_of(request: str) -> str:
    """A batch's id follows from its request; the batch's records are about it."""
    return id_from("batch", request)


def _keeping(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    wish: Wish,
    organisation: Organisation,
    invitees: Sequence[Invitee],
) -> tuple[Companion, ...]:
    name, at = id_of(wish.request), format_time(to_us(clock.now()))
    changes = [
        Change(KIND, _part_of(name, number), name, {"people": people})
        for number, people in enumerate(_parts(invitees))
    ]
    row = {"id": name, "organisation": organisation.id, "by": wish.actor, "people": len(invitees)}
    row |= {"parts": len(changes), "at": at, "next_at": at, "done_at": None}
    return (
        *compose(database, ledger, clock, changes, by=wish.actor).companions,
        Companion(table, (name,), lambda _rows, _done: {name: row}),
    )


def _parts(invitees: Sequence[Invitee]) -> Iterator[list[list[Any]]]:
    """The people of each record: as many as one order invites, and as fit."""
    part: list[list[Any]] = []
    size = 0
    for each in invitees:
        person = [each.place, each.name, *each.contact]
        more = len(orjson.dumps(person)) + 1
        if part and (len(part) == PER_ORDER or size + more > PART_BYTES_MAX):
            yield part
            part, size = [], 0
        part.append(person)
        size += more
    yield part


def _part_of(batch: str, number: int) -> str:
    return id_from("batch-part", batch, str(number), kind="part")


# --- beside requests -----------------------------------------------------------------------------


def carry_out(database: Database, ledger: OpenLedger, clock: Clock) -> int:
    """Invites whom the batches that wait are for; how many batches were done.

    One that fails is logged and tried again minutes later; the others go on.  Raises what
    `Database.reading` and `Database.writing` raise.
    """
    done = 0
    while True:
        now = clock.now()
        with database.reading() as conn:
            row = _next(conn, ledger.id, now)
        if row is None:
            return done
        held = _claimed(database, ledger, row.id, row.next_at, now)
        if held is None:
            continue
        try:
            done += _carried_out(database, ledger, clock, row, held)
        except PointsError as error:
            _logger.warning("batch waits", batch=row.id, code=error.code, reason=str(error))
        except Exception as error:  # noqa: BLE001  # whatever one batch meets, others go on
            log_fault("batch waits", error, batch=row.id)


def _due(conn: Connection, now: datetime) -> Sequence[str]:
    """The names of the ledgers in which a batch waits, and may be tried now."""
    c, ledger = table.c, t.ledger
    query = (
        select(ledger.c.name)
        .join_from(table, ledger, ledger.c.ledger_id == c.ledger_id)
        .where(c.next_at <= _text(now))
        .distinct()
        .order_by(ledger.c.name)
    )
    return conn.execute(query).scalars().all()


def _next(conn: Connection, ledger_id: int, now: datetime) -> Row[Any] | None:
    c = table.c
    query = select(table).where(c.ledger_id == ledger_id, c.next_at <= _text(now))
    return conn.execute(query.order_by(c.next_at, c.id).limit(1)).one_or_none()


def _claimed(
    database: Database, ledger: OpenLedger, batch: str, seen: str, now: datetime
) -> str | None:
    """Until when a batch is ours, if nobody else took it since we saw until when it was."""
    until = _text(now + HELD)
    return until if _settle(database, ledger, batch, seen, next_at=until) else None


def _settle(database: Database, ledger: OpenLedger, batch: str, seen: str, **values: Any) -> bool:
    c = table.c
    as_seen = (c.ledger_id == ledger.id, c.id == batch, c.next_at == seen)
    with database.writing() as conn:
        return bool(conn.execute(update(table).where(*as_seen).values(**values)).rowcount)


def _carried_out(
    database: Database, ledger: OpenLedger, clock: Clock, row: Row[Any], held: str
) -> bool:
    """Whether a batch is done: everybody is invited, or nobody more is to be."""
    with database.reading() as conn:
        inviting = find_organisation(conn, ledger, row.organisation, EVERYTHING)
    old = row.at <= _text(clock.now() - KEPT)
    for number in range(0 if old else row.parts):
        with database.reading() as conn:
            people = _people(conn, ledger, row.id, number)
        if people is None:
            break  # its key was destroyed: a backup was restored
        outcome = enter(database, ledger, clock, inviting, people, batch=row.id, by=row.by)
        rule = outcome.rule if isinstance(outcome, Refusal) else None
        if rule == NOT_ADMITTED:
            break
        if rule != CHANGED:  # else they were entered before, or by another process meanwhile
            done_of(outcome)
        if (again := _claimed(database, ledger, row.id, held, clock.now())) is None:
            return False  # we were so slow that another process took it up
        held = again
    with database.reading() as conn:
        today = today_of(conn, ledger.id, clock.now())
    # First: what is done is not looked at again.
    destroy(database, ledger, (row.id,), today)
    now = _text(clock.now())
    return _settle(database, ledger, row.id, held, next_at=None, done_at=now)


def _people(conn: Connection, ledger: OpenLedger, batch: str, number: int) -> list[Invitee] | None:
    """Whom a part of a batch names; None where it is not there or was erased."""
    name = _part_of(batch, number)
    kept = records.newest(conn, ledger, KIND, (name,)).get(name)
    if kept is None or kept.fields is None:
        return None
    return [
        Invitee(place, called, Contact(field, value))
        for place, called, field, value in kept.fields["people"]
    ]


def _text(moment: datetime) -> str:
    return format_time(to_us(moment))


class Inviter(Rounds):
    """Carries out the batches of all ledgers of an installation, again and again."""

    def __init__(
        self, installation: Installation, *, every_seconds: float = LOOK_EVERY_SECONDS
    ) -> None:
        super().__init__("invitations", every_seconds)
        self._installation = installation

    def look(self) -> int:
        """Carries out what waits now; how many batches were done.

        One statement where nothing waits, however many ledgers there are.
        """
        here = self._installation
        with here.database.reading() as conn:
            names = _due(conn, here.clock.now())
        return sum(self._carry_out(name) for name in names)

    def _carry_out(self, name: str) -> int:
        here = self._installation
        try:
            return carry_out(here.database, here.ledger(name), here.clock)
        except PointsError as error:
            _logger.warning("batches not carried out", code=error.code, reason=str(error))
        except Exception as error:  # noqa: BLE001  # whatever one ledger's meet, others go on
            log_fault("batches not carried out", error)
        return 0


class Waiting(NamedTuple):
    """How many batches of a ledger wait, the oldest since when, and for how many people."""

    ledger: str
    batches: int
    people: int
    since: str


def waiting(conn: Connection) -> list[Waiting]:
    """What waits in each ledger in which anything does, in order of names, by one statement."""
    c, ledger = table.c, t.ledger
    query = (
        select(ledger.c.name, func.count(), func.sum(c.people), func.min(c.at))
        .join_from(table, ledger, ledger.c.ledger_id == c.ledger_id)
        .where(c.next_at.is_not(None))
        .group_by(ledger.c.name)
        .order_by(ledger.c.name)
    )
    return [Waiting(row[0], row[1], int(row[2]), row[3]) for row in conn.execute(query)]
