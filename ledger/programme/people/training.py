"""Courses: training that an organisation gives, as a series of sessions.

A course has a name, its main content, its sessions with day and minutes, and the organisation that
gives it: what Order 67 of the Ministry of Civil Affairs, art. 8, wants recorded.  All of that is
one record about the organisation (kind `course`), with versions.  Its cohort, and what came of it
for each, are attainments of the people (`attainments.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.orders import Companion, Group, Order, Outcome
from ledger.journal.times import format_time, to_us
from ledger.programme import records
from ledger.programme.ids import id_from
from ledger.programme.people.tables import course as table
from ledger.programme.reading.accounts import account_exists
from ledger.programme.recording import Change, compose
from ledger.programme.roles import Reach
from ledger.programme.wishes import Wish

KIND = "course"
SESSIONS_MAX = 100


class CourseUnknown(PointsError):
    """The ledger has no course of that id that the caller may see."""

    code = "course-unknown"


class CourseRefused(PointsError):
    """What is said of a course does not fit together."""

    code = "course-refused"


@dataclass(frozen=True, slots=True)
class Course:
    """A course with the newest version of its record; `fields` None where erased.

    They are name, content and sessions: a list of {day, minutes}, in order of their days.
    """

    id: str
    organisation: str
    at: str
    version: int
    fields: Mapping[str, Any] | None

    @property
    def minutes(self) -> int:
        """How long all sessions take together."""
        return sum(each["minutes"] for each in (self.fields or {}).get("sessions", ()))


def id_of(request: str) -> str:
    """A course's id follows from its request's, so that the same one never makes two."""
    return id_from("course", request)


def give(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    wish: Wish,
    organisation: str,
    fields: Mapping[str, Any],
) -> Outcome:
    """Takes up a course of an organisation's; the same request again changes nothing.

    Raises `CourseRefused`, and what `recording.compose` raises.
    """
    name, said = id_of(wish.request), checked(fields)
    with database.reading() as conn:
        if not account_exists(conn, ledger.id, organisation):
            raise CourseRefused(f"There is no {organisation} in this ledger. Admit it first.")
        known = _rows(conn, ledger.id, table.c.id == name, limit=1)
    companions: tuple[Companion, ...] = ()
    if not known:
        row = {"id": name, "organisation": organisation, "at": format_time(to_us(clock.now()))}
        change = Change(KIND, name, organisation, said)
        companions = (
            *compose(database, ledger, clock, [change], by=wish.actor).companions,
            Companion(table, (name,), lambda _rows, _done: {name: row}),
        )
    order = Order(request=wish.request, fingerprint=wish.fingerprint, companions=companions)
    (outcome,) = ledger.appender.submit(Group((order,)))
    return outcome


def amend(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    course: Course,
    fields: Mapping[str, Any],
    *,
    seen: int,
    by: str,
) -> Outcome:
    """Gives a course's record these fields, if its version is still `seen`.

    A `Refusal` says that somebody was quicker.  Raises as `give` does.
    """
    change = Change(KIND, course.id, course.organisation, checked(fields), seen)
    companions = compose(database, ledger, clock, [change], by=by).companions
    (outcome,) = ledger.appender.submit(Group((Order(companions=companions),)))
    return outcome


def checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A course's fields, its sessions in order; `CourseRefused`."""
    sessions = sorted(fields["sessions"], key=lambda each: (each["day"], each["minutes"]))
    if not 1 <= len(sessions) <= SESSIONS_MAX:
        raise CourseRefused(f"A course has 1 to {SESSIONS_MAX} sessions, not {len(sessions)}.")
    return {**fields, "sessions": sessions}


def find_course(conn: Connection, ledger: OpenLedger, course_id: str, reach: Reach) -> Course:
    """One course that `reach` reaches; `CourseUnknown`, whether it is there or not."""
    rows = _rows(conn, ledger.id, table.c.id == course_id, reached(reach), limit=1)
    if not rows:
        raise CourseUnknown(f"There is no {course_id} that you may see.")
    return _opened(conn, ledger, rows)[0]


def list_courses(
    conn: Connection, ledger: OpenLedger, reach: Reach, *, after: str | None = None, limit: int
) -> list[Course]:
    """At most `limit` courses that `reach` reaches, in order of their ids; three statements."""
    later = [] if after is None else [table.c.id > after]
    return _opened(conn, ledger, _rows(conn, ledger.id, reached(reach), *later, limit=limit))


def reached(reach: Reach) -> ColumnElement[bool]:
    """The rows that belong to a reach: all, or those of its organisations."""
    if reach.everything:
        return table.c.ledger_id.is_not(None)
    return table.c.organisation.in_(sorted(reach.organisations))


def _rows(
    conn: Connection, ledger_id: int, *conditions: ColumnElement[bool], limit: int
) -> Sequence[Row[Any]]:
    query = select(table).where(table.c.ledger_id == ledger_id, *conditions)
    return conn.execute(query.order_by(table.c.id).limit(limit)).all()


def _opened(conn: Connection, ledger: OpenLedger, rows: Sequence[Row[Any]]) -> list[Course]:
    told = records.newest(conn, ledger, KIND, [row.id for row in rows])
    return [
        Course(row.id, row.organisation, row.at, told[row.id].version, told[row.id].fields)
        for row in rows
    ]
