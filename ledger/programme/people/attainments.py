"""Attainments: training, qualifications and accident insurance of people, kept by organisations.

An attainment is one record about its person (kind `attainment`), with versions: what it is, its
days, and for a qualification or insurance who issued it and its number.  What gates ask of the
newest version (`gates.py`) stands beside it in a table of ids, words and days.  It belongs to the
organisation that keeps it, and to its person.

    training        what: a course's id; result; first: the day of the result
    qualification   what: a word, such as `first-aid`; issuer, perhaps number, first, perhaps last
    insurance       what: a word, such as `accident`; issuer, number, first, last

Order 67 of the Ministry of Civil Affairs, art. 8 (training); 志愿服务条例, arts. 16 (qualifications
where the law asks for them) and 17 (accident insurance before service).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.bulk import keyed
from ledger.journal.orders import Companion, Group, Order, Outcome, Refusal
from ledger.programme import records
from ledger.programme.ids import id_from
from ledger.programme.pages import find, page
from ledger.programme.people.gates import Fact
from ledger.programme.people.merges import together
from ledger.programme.people.readiness import consenting
from ledger.programme.people.tables import attainment as table
from ledger.programme.people.tables import merged
from ledger.programme.people.teams import shown_in_teams
from ledger.programme.people.training import find_course
from ledger.programme.reading.accounts import account_exists
from ledger.programme.reading.people import is_known
from ledger.programme.recording import CHANGED, Change, compose
from ledger.programme.roles import Reach
from ledger.programme.vault import own
from ledger.programme.wishes import Wish

KIND = "attainment"
RESULTS = ("enrolled", "passed", "failed", "absent")
WANTED: Mapping[str, tuple[str, ...]] = {
    "training": ("result",),
    "qualification": ("issuer",),
    "insurance": ("issuer", "number", "last"),
}
ADMITTED: Mapping[str, tuple[str, ...]] = {
    "training": (),
    "qualification": ("number", "last"),
    "insurance": (),
}
COLUMNS = ("kind", "what", "result", "first", "last")


class AttainmentUnknown(PointsError):
    """The ledger has no attainment of that id that the caller may see."""

    code = "attainment-unknown"


class AttainmentRefused(PointsError):
    """What is said of an attainment does not fit together."""

    code = "attainment-refused"


@dataclass(frozen=True, slots=True)
class Attainment:
    """An attainment with the newest version of its record; `fields` None where erased."""

    id: str
    person: str
    organisation: str
    version: int
    fields: Mapping[str, Any] | None


def id_of(person: str, fields: Mapping[str, Any], request: str) -> str:
    """An attainment's id: one of a person's for each course; of the others, one a request."""
    of = person if fields["kind"] == "training" else request
    return id_from(KIND, fields["kind"], fields["what"], of)


def keep(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    wish: Wish,
    person: str,
    organisation: str,
    fields: Mapping[str, Any],
) -> Outcome:
    """Keeps a new attainment of a person's; the same request again changes nothing.

    Refused (`readiness.RULE`) unless they consent to recording.  Raises `AttainmentRefused` (also
    where the person is in the course's cohort already), `CourseUnknown` unless the course is that
    organisation's, and what `recording.compose` raises.
    """
    said = checked(fields)
    with database.reading() as conn:
        if not is_known(conn, ledger.id, person):
            raise AttainmentRefused(f"This ledger knows no {person}. Introduce them first.")
        if not account_exists(conn, ledger.id, organisation):
            raise AttainmentRefused(f"There is no {organisation} in this ledger. Admit it first.")
        if said["kind"] == "training":
            mine = Reach(organisations=frozenset({organisation}))
            find_course(conn, ledger, said["what"], mine)
    name = id_of(person, said, wish.request)
    made = Attainment(name, person, organisation, 0, said)
    companions = (consenting(person), *_writing(database, ledger, clock, made, by=wish.actor))
    order = Order(request=wish.request, fingerprint=wish.fingerprint, companions=companions)
    (outcome,) = ledger.appender.submit(Group((order,)))
    if isinstance(outcome, Refusal) and outcome.rule == CHANGED:
        raise AttainmentRefused(f"That is kept already, as {name}. Change that one.")
    return outcome


def amend(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    attainment: Attainment,
    fields: Mapping[str, Any],
    *,
    seen: int,
    by: str,
) -> Outcome:
    """Gives an attainment these fields, if its version is still `seen`; a `Refusal` if it is not.

    What it is for stays.  Raises as `keep` does.
    """
    said, before = checked(fields), attainment.fields
    if before is not None and any(said[name] != before[name] for name in ("kind", "what")):
        raise AttainmentRefused("It is of another kind, or for something else. Keep a new one.")
    name, person, organisation = attainment.id, attainment.person, attainment.organisation
    made = Attainment(name, person, organisation, seen, said)
    companions = _writing(database, ledger, clock, made, by=by)
    (outcome,) = ledger.appender.submit(Group((Order(companions=companions),)))
    return outcome


def checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """An attainment's fields, without those that are None; `AttainmentRefused`."""
    said = {name: value for name, value in fields.items() if value is not None}
    kind = said["kind"]
    wanted = {"kind", "what", "first", *WANTED[kind]}
    if lacks := sorted(wanted - said.keys()):
        raise AttainmentRefused(f"The kind {kind} needs {', '.join(lacks)} too.")
    if more := sorted(said.keys() - wanted - {*ADMITTED[kind]}):
        raise AttainmentRefused(f"The kind {kind} has no {', '.join(more)}. Leave that out.")
    if said["what"].startswith("course/") != (kind == "training"):
        raise AttainmentRefused("Training is for a course's id; all else is for a word.")
    if said.get("last", said["first"]) < said["first"]:
        raise AttainmentRefused(f"It would end on {said['last']}, before it begins. Mend the days.")
    return said


def find_attainment(
    conn: Connection, ledger: OpenLedger, attainment_id: str, reach: Reach
) -> Attainment:
    """One attainment that `reach` reaches; `AttainmentUnknown`, whether it is there or not."""
    rows = find(conn, table, ledger.id, attainment_id, _ways(conn, ledger.id, reach))
    if not rows:
        raise AttainmentUnknown(f"There is no {attainment_id} that you may see.")
    return _opened(conn, own(ledger, reach.own), rows)[0]


def list_attainments(
    conn: Connection,
    ledger: OpenLedger,
    reach: Reach,
    *,
    person: str | None = None,
    what: str | None = None,
    after: str | None = None,
    limit: int,
) -> list[Attainment]:
    """At most `limit` attainments that `reach` reaches, in order of their ids.

    At most six statements, and six more for who leads a team.
    `what` is a course's id, for its cohort, or a word.
    """
    ways, asked = _ways(conn, ledger.id, reach), None
    if person is not None:
        asked = [table.c.person == each for each in together(conn, ledger.id, person)]
    of = [table.c.what == what] if what is not None else []
    rows = page(conn, table, ledger.id, ways, *of, asked=asked, after=after, limit=limit)
    return _opened(conn, own(ledger, reach.own), rows)


def facts_of(
    conn: Connection, ledger_id: int, persons: Collection[str]
) -> dict[str, tuple[Fact, ...]]:
    """What gates ask of each of these people, and of who was merged into them; two statements."""
    c, m = table.c, merged.c
    columns = (c.person, c.kind, c.what, c.first, c.last, c.result)
    facts: dict[str, tuple[Fact, ...]] = dict.fromkeys(persons, ())
    of = {person: {person} for person in persons}
    for row in keyed(conn, (m.person, m.into), ledger_id, m.into, persons):
        of.setdefault(row.person, set()).add(row.into)
    for row in keyed(conn, columns, ledger_id, c.person, of):
        for person in of[row.person]:
            facts[person] += (Fact(row.kind, row.what, row.first, row.last, row.result),)
    return facts


def kept_by(reach: Reach) -> Reach:
    """The part of a reach within which attainments are changed: by whoever keeps them."""
    return Reach(everything=reach.everything, organisations=reach.organisations)


def _ways(conn: Connection, ledger_id: int, reach: Reach) -> list[ColumnElement[bool]]:
    """Which rows belong to a reach: a person's own, and those that their organisations keep.

    Who leads a team reaches those of whoever is in it and shows them to the organisation, whoever
    keeps them: before service that asks for a qualification or insurance, the leader sees to it
    that each has one.
    """
    c = table.c
    if reach.everything:
        return [c.ledger_id.is_not(None)]
    people = () if reach.own is None else together(conn, ledger_id, reach.own)
    kept = [c.organisation == each for each in sorted(reach.organisations)]
    shown = sorted(shown_in_teams(conn, ledger_id, reach))
    shared = [c.person.in_(shown)] if shown else []
    return [*(c.person == each for each in people), *kept, *shared]


def _writing(
    database: Database, ledger: OpenLedger, clock: Clock, attainment: Attainment, *, by: str
) -> tuple[Companion, ...]:
    """Writes the version after the one that `attainment` names, and what gates ask of it."""
    name, said = attainment.id, attainment.fields or {}
    row = {
        "id": name,
        "person": attainment.person,
        "organisation": attainment.organisation,
        **{column: said.get(column) for column in COLUMNS},
    }
    change = Change(KIND, name, attainment.person, said, attainment.version)
    composed = compose(database, ledger, clock, [change], by=by)
    return (*composed.companions, Companion(table, (name,), lambda _rows, _done: {name: row}))


def _opened(conn: Connection, ledger: OpenLedger, rows: Sequence[Row[Any]]) -> list[Attainment]:
    told = records.newest(conn, ledger, KIND, [row.id for row in rows])
    return [
        Attainment(row.id, row.person, row.organisation, told[row.id].version, told[row.id].fields)
        for row in rows
    ]
