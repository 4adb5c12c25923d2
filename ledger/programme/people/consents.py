"""Consents: what a person agreed to, purpose by purpose, and how that is shown later.

A consent is given or withdrawn, each time as the next version of a record about the person, whose
commitment an entry of the log can bind: who said it and when, how (oneself, with a helper, on
paper), and to which version of the notice, with its hash.  The table `consent` has the newest state
of each, so that a person's is one statement, and a list of people's too.

Refusing or withdrawing costs nothing that does not need the consent (PIPL, arts. 15 and 16).  All
rests on the one to recording: whoever withdraws that asks by it to be erased, in the same order,
unless they have asked already or are restricted (PIPL, art. 47); whoever gives it again takes that
request back, if nothing was decided yet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.bulk import keyed
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order, Refusal
from ledger.journal.times import format_time, to_us
from ledger.programme import erasure_requests, records
from ledger.programme.calendar import Calendar
from ledger.programme.commitments import Disclosure
from ledger.programme.erasure_requests import (
    CONSENT_WITHDRAWN,
    TAKEN_BACK,
    ErasureRefused,
    asking,
    find_request,
    pending,
    taking_back,
)
from ledger.programme.ids import id_from
from ledger.programme.people import notices
from ledger.programme.people.notices import PURPOSES, RECORDING, Notice
from ledger.programme.people.tables import consent as table
from ledger.programme.reading.days import today_of
from ledger.programme.recording import Change, RecordChanged, compose
from ledger.programme.records import Record
from ledger.programme.vault import error_of, lawful

RECORD = "consent"
GIVEN, WITHDRAWN = "given", "withdrawn"
WAYS = ("self", "guardian", "helped", "paper")
SAID = ("purpose", "state", "notice", "notice_hash", "how")
"""The fields of a consent's record."""


class NoticeNotSeen(PointsError):
    """The consent is to a notice that is not, or no longer, the newest one of its purpose."""

    code = "notice-not-seen"


class Consent(NamedTuple):
    """The newest state of a person's consent to a purpose; `notice` is the version agreed to."""

    purpose: str
    state: str
    version: int
    notice: int
    notice_hash: str
    how: str
    by: str
    at: str


class Saying(NamedTuple):
    """What somebody says: the consent as it will be, its record's change, its row's companion."""

    consent: Consent
    change: Change
    companion: Companion


def give(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    person: str,
    purpose: str,
    *,
    notice: int,
    how: str,
    by: str,
) -> Consent:
    """Enters a consent to version `notice` of the purpose's notice, which was shown before.

    Nothing is changed where that consent is given already.  Raises `NoticeNotSeen` where the notice
    is not the newest one, and what `recording.save` raises.
    """
    with database.reading() as conn:
        shown = seen_notice(conn, ledger, purpose, notice)
        before = of_person(conn, ledger.id, person).get(purpose)
    if before is not None and (before.state, before.notice) == (GIVEN, notice):
        return before
    at = format_time(to_us(clock.now()))
    said = saying(person, shown, before, GIVEN, how=how, by=by, at=at)
    back: tuple[Companion, ...] = ()
    if purpose == RECORDING and before is not None and before.state == WITHDRAWN:
        back = (taking_back(_request_of(person, before.version), by=by, at=at),)
    return _enter(database, ledger, clock, said, companions=back)


def withdraw(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    calendar: Calendar,
    person: str,
    purpose: str,
    *,
    how: str,
    by: str,
) -> Consent | None:
    """Withdraws a consent; what was done under it before stays right.

    What follows where it was the one to recording, `erasure_requests.pending` tells.  None, and
    nothing is changed, where there is none to withdraw.  Raises as `give` does.
    """
    at, asked = format_time(to_us(clock.now())), None
    with database.reading() as conn:
        before = of_person(conn, ledger.id, person).get(purpose)
        if before is None or before.state == WITHDRAWN:
            return before
        (shown,) = notices.history(conn, ledger, purpose, after=before.notice - 1, most=1)
        if purpose == RECORDING and pending(conn, ledger.id, person) is None:
            name = _request_of(person, before.version + 1)
            today = today_of(conn, ledger.id, clock.now())
            cause = {"cause": CONSENT_WITHDRAWN}
            asked = asking(calendar, name, person, cause, today=today, at=at)
    said = saying(person, shown, before, WITHDRAWN, how=how, by=by, at=at)
    if asked is None:
        return _enter(database, ledger, clock, said)
    return _enter(database, ledger, clock, said, (asked.change,), (asked.companion,))


def take_back_request(
    database: Database, ledger: OpenLedger, clock: Clock, person: str, name: str, *, by: str
) -> None:
    """Takes back a person's request to be erased; again, it changes nothing.

    Raises `ErasureUnknown` for one that is not theirs, `ErasureRefused` for one that is decided,
    or while their consent to recording is withdrawn, and what `Appender.submit` raises.
    """
    at = format_time(to_us(clock.now()))
    with database.reading() as conn:
        find_request(conn, ledger.id, name, person)
    order = Order(companions=(_rests_on_something(person), taking_back(name, by=by, at=at)))
    (outcome,) = ledger.appender.submit(Group((order,)))
    if isinstance(outcome, Refusal):
        raise ErasureRefused(outcome.message)
    with database.reading() as conn:
        state = find_request(conn, ledger.id, name, person).state
    if state != TAKEN_BACK:
        raise ErasureRefused(f"This request is {state} already.")


def seen_notice(conn: Connection, ledger: OpenLedger, purpose: str, version: int) -> Notice:
    """The purpose's newest notice, if that is its version; else `NoticeNotSeen`."""
    newest = notices.current(conn, ledger).get(purpose)
    if newest is None:
        raise NoticeNotSeen(
            f"There is no notice for the purpose {purpose} yet, so nobody can consent to it. Ask"
            " the office to publish one."
        )
    if newest.version != version:
        raise NoticeNotSeen(
            f"The notice for the purpose {purpose} has a version {newest.version} now: show that,"
            " and ask again."
        )
    return newest


def saying(
    person: str, notice: Notice, before: Consent | None, state: str, *, how: str, by: str, at: str
) -> Saying:
    """A consent given or withdrawn, to go into an order with the change composed."""
    if how not in WAYS or state not in (GIVEN, WITHDRAWN):
        raise ValueError(f"no such way or state: {how}, {state}")
    purpose, seen = notice.purpose, 0 if before is None else before.version
    made = Consent(purpose, state, seen + 1, notice.version, notice.hash, how, by, at)
    name, key, row = id_of(person, purpose), (person, purpose), made._asdict() | {"person": person}
    said = {field: row[field] for field in SAID}
    # Of two at once, the record's version refuses the second.
    companion = Companion(table, (key,), lambda _rows, _done: {key: row})
    return Saying(made, Change(RECORD, name, person, said, seen), companion)


def of_person(conn: Connection, ledger_id: int, person: str) -> dict[str, Consent]:
    """The newest state of each purpose of which a person ever said something.  One statement."""
    c = table.c
    query = select(table).where(c.ledger_id == ledger_id, c.person == person)
    return {row.purpose: _consent(row) for row in conn.execute(query)}


def agreeing(
    conn: Connection, ledger_id: int, purpose: str, people: Collection[str]
) -> frozenset[str]:
    """Those of these people who consent to a purpose now.  One statement."""
    keys = [(person, purpose) for person in people]
    c = table.c
    rows = keyed(conn, (c.person,), ledger_id, (c.person, c.purpose), keys, c.state == GIVEN)
    return frozenset(row.person for row in rows)


def stands(row: Mapping[str, Any] | None) -> bool:
    """Whether a consent is given and not withdrawn, by its row of the table."""
    return row is not None and row["state"] == GIVEN


def history(
    conn: Connection,
    ledger: OpenLedger,
    person: str,
    purpose: str,
    *,
    after: int = 0,
    most: int | None = None,
) -> list[Record]:
    """All that a person said of a purpose, the first first; each version has its commitment.

    Or what was said `after` a version, at the most so many times.
    """
    name = id_of(person, purpose)
    return records.history(conn, lawful(ledger, (person,)), RECORD, name, after=after, most=most)


def proofs(
    conn: Connection, ledger: OpenLedger, person: str, purpose: str, *, after: int, most: int
) -> list[tuple[Record, Disclosure]]:
    """The same, each time with what shows, under its commitment, what was said.  Two statements."""
    name = id_of(person, purpose)
    return records.shown(conn, lawful(ledger, (person,)), RECORD, name, after=after, most=most)


def id_of(person: str, purpose: str) -> str:
    """The id of the record of a person's consent to a purpose; KeyError for one there is not."""
    if purpose not in PURPOSES:
        raise KeyError(purpose)
    return id_from("consent", person, purpose, kind="record")


def _enter(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    said: Saying,
    changes: Sequence[Change] = (),
    companions: Sequence[Companion] = (),
) -> Consent:
    """Enters what somebody said, with what follows from it."""
    made = said.consent
    composed = compose(database, ledger, clock, (said.change, *changes), by=made.by, duty=True)
    order = Order(companions=(*composed.companions, said.companion, *companions))
    (outcome,) = ledger.appender.submit(Group((order,)))
    if isinstance(outcome, Refusal):
        with database.reading() as conn:
            now = of_person(conn, ledger.id, said.change.subject).get(made.purpose)
        # Somebody pressed twice: it is said already.
        if now is not None and (now.state, now.notice) == (made.state, made.notice):
            return now
        raise error_of(outcome, RecordChanged)
    return made


def _request_of(person: str, version: int) -> str:
    """The id of the request for erasure that follows from what was said of recording that time."""
    return erasure_requests.id_of(f"{id_of(person, RECORDING)} {version}")


def _rests_on_something(person: str) -> Companion:
    """Refuses while a person's consent to recording is withdrawn."""

    def change(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        row = rows[person, RECORDING]
        if row is not None and row["state"] == WITHDRAWN:
            return Refusal(
                ErasureRefused.code,
                "Your consent to recording is withdrawn, so the office has to decide. Give it"
                " again, then take this back.",
            )
        return {}

    return Companion(table, ((person, RECORDING),), change)


def _consent(row: Any) -> Consent:
    return Consent(
        row.purpose, row.state, row.version, row.notice, row.notice_hash, row.how, row.by, row.at
    )
