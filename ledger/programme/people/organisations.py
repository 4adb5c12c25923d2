"""Organisations: who they are, and whether they take part.

An organisation is an id, `org/…`, the same as its account's; a kind and a sub-kind; and a status:

    applied ── admitted ⇄ suspended
       │           └──────┴── left ── admitted again
       └── left

It takes part while it is admitted.  Else nobody holds a role in it (`sessions.py`), is invited to
it, or comes by its link; who belongs to it stays a member, and belongs to it.

Its names, its 统一社会信用代码 and its contacts are one record about it (`records.py`), so they
have versions, and whoever changes them names the version that they saw.  A code is one
organisation's of a ledger.  Admission opens the account, in the same order.  Each change of status
is kept with who made it, and its reason as a record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, select

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.commands import Statement
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order, Outcome, Refusal
from ledger.journal.times import format_time, to_us
from ledger.programme import records
from ledger.programme.ids import id_from
from ledger.programme.pages import find, page, rows_of
from ledger.programme.people import tables as t
from ledger.programme.people.kinds import SUBKINDS
from ledger.programme.people.numbers import credit_code
from ledger.programme.reading.accounts import account_exists
from ledger.programme.recording import Change, compose
from ledger.programme.records import Record, find_value
from ledger.programme.roles import Reach
from ledger.programme.wishes import Wish

RECORD, REASON = "organisation", "organisation-status"
ADMITTED = "admitted"
STATUSES = ("applied", ADMITTED, "suspended", "left")
FOLLOWING: Mapping[str, tuple[str, ...]] = {
    "applied": ("admitted", "left"),
    "admitted": ("suspended", "left"),
    "suspended": ("admitted", "left"),
    "left": ("admitted",),
}
CODE_TAKEN, STATUS_CHANGED = "organisation-code-taken", "organisation-status"
NOT_ADMITTED = "not-admitted"


class OrganisationUnknown(PointsError):
    """The ledger has no organisation of that id that the caller may see."""

    code = "organisation-unknown"


class OrganisationRefused(PointsError):
    """What is said of an organisation does not fit together."""

    code = "organisation-refused"


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation with the newest version of its record; `fields` None where erased."""

    id: str
    kind: str
    subkind: str | None
    status: str
    changes: int  # of its status, so far
    at: str
    version: int
    fields: Mapping[str, Any] | None


class StatusChange(NamedTuple):
    """One change of status; `reason` None where none was given, or it was erased."""

    number: int
    status: str
    by: str
    at: str
    reason: str | None


# --- changing ------------------------------------------------------------------------------------


def register(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    wish: Wish,
    kind: str,
    subkind: str | None,
    fields: Mapping[str, Any],
) -> Outcome:
    """Takes an organisation up, as one that applied; `wish` says who asks, and in which request.

    The same request again changes nothing.  Raises `OrganisationRefused`, `NumberRefused`, and what
    `recording.compose` raises.
    """
    if subkind is not None and subkind not in SUBKINDS[kind]:
        wanted = ", ".join(SUBKINDS[kind]) or "none"
        raise OrganisationRefused(f"The kind {kind} has no such sub-kind: wanted {wanted}.")
    at, by, name = format_time(to_us(clock.now())), wish.actor, id_of(wish.request)
    said = checked(fields)
    with database.reading() as conn:
        known = rows_of(conn, t.organisation, ledger.id, t.organisation.c.id == name, limit=1)
    row = {"id": name, "kind": kind, "subkind": subkind, "status": "applied", "changes": 1}
    companions: tuple[Companion, ...] = ()
    if not known:
        change = Change(RECORD, name, name, said)
        companions = (
            *compose(database, ledger, clock, [change], by=by).companions,
            *_taking_code(ledger, name, said),
            Companion(t.organisation, (name,), lambda _rows, _done: {name: {**row, "at": at}}),
            _noting(name, 1, "applied", by, at),
        )
    order = Order(request=wish.request, fingerprint=wish.fingerprint, companions=companions)
    return _only(ledger, order)


def id_of(request: str) -> str:
    """An organisation's id follows from its request's, so that the same one never makes two."""
    return id_from("organisation", request, kind="org")


def amend(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    organisation: Organisation,
    fields: Mapping[str, Any],
    *,
    seen: int,
    by: str,
) -> Outcome:
    """Gives an organisation's record these fields, if its version is still `seen`.

    A code that it had stays its own, so that nobody takes it over.  Raises as `register` does; a
    `Refusal` says that somebody was quicker, or the code is another organisation's.
    """
    said = checked(fields)
    change = Change(RECORD, organisation.id, organisation.id, said, seen)
    composed = compose(database, ledger, clock, [change], by=by)
    companions = (*composed.companions, *_taking_code(ledger, organisation.id, said))
    return _only(ledger, Order(companions=companions))


def set_status(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    organisation: Organisation,
    status: str,
    reason: str | None,
    *,
    by: str,
) -> Outcome:
    """Gives an organisation, as it was read, another status; its first admission opens its account.

    A status that it has already changes nothing.  A `Refusal` of `STATUS_CHANGED` says that it does
    not follow from the one that it has by then.  Raises what `recording.compose` raises.
    """
    if organisation.status == status:
        return Done(-1, -1, replayed=True)
    at, number = format_time(to_us(clock.now())), organisation.changes + 1
    companions: tuple[Companion, ...] = (
        _moving(organisation, status),
        _noting(organisation.id, number, status, by, at),
    )
    with database.reading() as conn:
        opened = account_exists(conn, ledger.id, organisation.id)
        given = records.newest(conn, ledger, REASON, (organisation.id,))
    if reason is not None:
        seen = given[organisation.id].version if given else 0
        said = {"number": number, "reason": reason}
        change = Change(REASON, organisation.id, organisation.id, said, seen)
        companions += compose(database, ledger, clock, [change], by=by).companions
    command = None
    if status == ADMITTED and not opened:
        command = Statement(kind="open", actor=by, fields={"account": organisation.id})
    return _only(ledger, Order(command=command, companions=companions))


def taking_part(organisation_id: str) -> Companion:
    """Refuses an order while an organisation is not admitted."""

    def change(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        row = rows[organisation_id]
        if row is None or row["status"] != ADMITTED:
            return Refusal(NOT_ADMITTED, "the organisation does not take part at present")
        return {}

    return Companion(t.organisation, (organisation_id,), change)


def checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an organisation's record, in their one form; raises as `register` does."""
    said = {name: value for name, value in fields.items() if value is not None}
    if "name_zh" not in said and "name_en" not in said:
        raise OrganisationRefused("Give a name: `name_zh`, `name_en` or both.")
    if "credit_code" in said:
        said["credit_code"] = credit_code(said["credit_code"])
    return said


# --- reading -------------------------------------------------------------------------------------


def find_organisation(
    conn: Connection, ledger: OpenLedger, organisation_id: str, reach: Reach
) -> Organisation:
    """One organisation that `reach` reaches; `OrganisationUnknown`, whether it is there or not."""
    rows = find(conn, t.organisation, ledger.id, organisation_id, _ways(reach))
    if not rows:
        raise OrganisationUnknown(f"There is no {organisation_id} that you may see.")
    return _opened(conn, ledger, rows)[0]


def list_organisations(
    conn: Connection,
    ledger: OpenLedger,
    reach: Reach,
    *,
    kind: str | None = None,
    status: str | None = None,
    after: str | None = None,
    limit: int,
) -> list[Organisation]:
    """At most `limit` organisations that `reach` reaches, in order of their ids.

    At most four statements, whatever their number.
    """
    c = t.organisation.c
    conditions = [c.kind == kind] if kind is not None else []
    conditions += [c.status == status] if status is not None else []
    place = (conn, t.organisation, ledger.id)
    return _opened(conn, ledger, page(*place, _ways(reach), *conditions, after=after, limit=limit))


def status_history(
    conn: Connection, ledger: OpenLedger, organisation_id: str, limit: int
) -> list[StatusChange]:
    """The last `limit` changes of an organisation's status, the first of them first."""
    c = t.organisation_status.c
    query = select(t.organisation_status).where(
        c.ledger_id == ledger.id, c.organisation == organisation_id
    )
    told = records.history(conn, ledger, REASON, organisation_id)
    reasons = {each.fields["number"]: each.fields["reason"] for each in told if each.fields}
    rows = conn.execute(query.order_by(c.number.desc()).limit(limit)).all()
    return [
        StatusChange(row.number, row.status, row.by, row.at, reasons.get(row.number))
        for row in reversed(rows)
    ]


def versions(conn: Connection, ledger: OpenLedger, organisation_id: str) -> list[Record]:
    """All versions of an organisation's record, the first one first."""
    return records.history(conn, ledger, RECORD, organisation_id)


# --- within --------------------------------------------------------------------------------------


def _ways(reach: Reach) -> list[ColumnElement[bool]]:
    """In which ways organisations belong to a reach: all do, or each of its own."""
    c = t.organisation.c
    if reach.everything:
        return [c.ledger_id.is_not(None)]
    return [c.id == each for each in sorted(reach.organisations)]


def _opened(conn: Connection, ledger: OpenLedger, rows: Sequence[Row[Any]]) -> list[Organisation]:
    told = records.newest(conn, ledger, RECORD, [row.id for row in rows])
    return [
        Organisation(
            row.id,
            row.kind,
            row.subkind,
            row.status,
            row.changes,
            row.at,
            told[row.id].version,
            told[row.id].fields,
        )
        for row in rows
    ]


def _taking_code(
    ledger: OpenLedger, organisation_id: str, fields: Mapping[str, Any]
) -> tuple[Companion, ...]:
    """Keeps a code for one organisation; none where there is no code."""
    if "credit_code" not in fields:
        return ()
    index = find_value(ledger, "document_number", fields["credit_code"])

    def take(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        row = rows[index]
        if row is not None and row["organisation"] != organisation_id:
            return Refusal(CODE_TAKEN, "another organisation of this ledger has that code")
        return {index: {"code": index, "organisation": organisation_id}}

    return (Companion(t.organisation_code, (index,), take),)


def _moving(organisation: Organisation, status: str) -> Companion:
    """Changes the status, if it is still the one that was seen and the new one follows from it."""
    follows = status in FOLLOWING[organisation.status]
    row = {
        "id": organisation.id,
        "kind": organisation.kind,
        "subkind": organisation.subkind,
        "status": status,
        "changes": organisation.changes + 1,
        "at": organisation.at,
    }

    def move(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        before = rows[organisation.id]
        if before is None or before["changes"] != organisation.changes or not follows:
            known = organisation.status if before is None else before["status"]
            return Refusal(STATUS_CHANGED, f"{status} does not follow from {known}")
        return {organisation.id: row}

    return Companion(t.organisation, (organisation.id,), move)


def _noting(organisation_id: str, number: int, status: str, by: str, at: str) -> Companion:
    key = (organisation_id, number)
    row = {"organisation": organisation_id, "number": number, "status": status, "by": by, "at": at}
    return Companion(t.organisation_status, (key,), lambda _rows, _done: {key: row})


def _only(ledger: OpenLedger, order: Order) -> Outcome:
    (outcome,) = ledger.appender.submit(Group((order,)))
    return outcome
