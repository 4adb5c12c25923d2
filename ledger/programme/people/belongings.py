"""What belongs to an organisation and is told by one record about it: a venue, team or course.

Each is an id, a row that says whose it is, and a record about the organisation with versions:
whoever changes it names the version that they saw.  Some fields of the newest version, ids alone,
stand in the row too, to be asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Table

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.orders import Companion, Group, Order, Outcome
from ledger.journal.times import format_time, to_us
from ledger.programme import pages, records
from ledger.programme.ids import id_from
from ledger.programme.pages import Ways, rows_of
from ledger.programme.reading.accounts import account_exists
from ledger.programme.recording import Change, compose
from ledger.programme.roles import Reach
from ledger.programme.wishes import Wish


class Kind(NamedTuple):
    """A kind of belonging: the word of its ids and records, its rows, and what it raises.

    `columns` are the fields that stand in its rows too.
    """

    word: str
    table: Table
    unknown: type[PointsError]
    refused: type[PointsError]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Belonging:
    """One of them with the newest version of its record; `fields` None where erased."""

    id: str
    organisation: str
    at: str
    version: int
    fields: Mapping[str, Any] | None


def id_of(kind: Kind, request: str) -> str:
    """Its id follows from its request's, so that the same one never makes two."""
    return id_from(kind.word, request)


def take_up(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    kind: Kind,
    wish: Wish,
    organisation: str,
    fields: Mapping[str, Any],
) -> Outcome:
    """Takes one up for an organisation; the same request again changes nothing.

    Raises the kind's refusal where there is no such organisation, and what `recording.compose`
    raises.
    """
    name = id_of(kind, wish.request)
    with database.reading() as conn:
        if not account_exists(conn, ledger.id, organisation):
            raise kind.refused(f"There is no {organisation} in this ledger. Admit it first.")
        known = rows_of(conn, kind.table, ledger.id, kind.table.c.id == name, limit=1)
    companions: tuple[Companion, ...] = ()
    if not known:
        made = Belonging(name, organisation, format_time(to_us(clock.now())), 0, said(fields))
        companions = _writing(database, ledger, clock, kind, made, by=wish.actor)
    order = Order(request=wish.request, fingerprint=wish.fingerprint, companions=companions)
    (outcome,) = ledger.appender.submit(Group((order,)))
    return outcome


def amend(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    kind: Kind,
    known: Belonging,
    fields: Mapping[str, Any],
    *,
    seen: int,
    by: str,
) -> Outcome:
    """Gives its record these fields, if its version is still `seen`.

    A `Refusal` says that somebody was quicker.  Raises what `recording.compose` raises.
    """
    made = Belonging(known.id, known.organisation, known.at, seen, said(fields))
    companions = _writing(database, ledger, clock, kind, made, by=by)
    (outcome,) = ledger.appender.submit(Group((Order(companions=companions),)))
    return outcome


def said(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of which something was said."""
    return {name: value for name, value in fields.items() if value is not None}


def find(conn: Connection, ledger: OpenLedger, kind: Kind, name: str, ways: Ways) -> Belonging:
    """One that is reached in one of the ways; the kind's `unknown`, whether it is there or not."""
    rows = pages.find(conn, kind.table, ledger.id, name, ways)
    if not rows:
        raise kind.unknown(f"There is no {name} that you may see.")
    return _opened(conn, ledger, kind, rows)[0]


def listed(
    conn: Connection,
    ledger: OpenLedger,
    kind: Kind,
    ways: Ways,
    *,
    organisation: str | None = None,
    after: str | None = None,
    limit: int,
) -> list[Belonging]:
    """At most `limit` that are reached in one of the ways, in order of their ids.

    Three statements; one more where there are several ways.
    """
    asked = None if organisation is None else [kind.table.c.organisation == organisation]
    rows = pages.page(conn, kind.table, ledger.id, ways, asked=asked, after=after, limit=limit)
    return _opened(conn, ledger, kind, rows)


def of_organisations(kind: Kind, reach: Reach) -> Ways:
    """In which ways rows of a kind belong to a reach: all do, or those of each organisation."""
    c = kind.table.c
    if reach.everything:
        return [c.ledger_id.is_not(None)]
    return [c.organisation == each for each in sorted(reach.organisations)]


def _writing(
    database: Database, ledger: OpenLedger, clock: Clock, kind: Kind, made: Belonging, *, by: str
) -> tuple[Companion, ...]:
    """Writes the version after the one that `made` names, and the row beside it."""
    fields = made.fields or {}
    row: dict[str, Any] = {"id": made.id, "organisation": made.organisation, "at": made.at}
    row |= {column: fields.get(column) for column in kind.columns}
    change = Change(kind.word, made.id, made.organisation, fields, made.version)
    composed = compose(database, ledger, clock, [change], by=by)
    beside = Companion(kind.table, (made.id,), lambda _rows, _done: {made.id: row})
    return (*composed.companions, beside)


def _opened(
    conn: Connection, ledger: OpenLedger, kind: Kind, rows: Sequence[Row[Any]]
) -> list[Belonging]:
    told = records.newest(conn, ledger, kind.word, [row.id for row in rows])
    return [
        Belonging(row.id, row.organisation, row.at, told[row.id].version, told[row.id].fields)
        for row in rows
    ]
