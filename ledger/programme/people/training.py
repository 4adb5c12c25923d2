"""Courses: training that an organisation gives, as a series of sessions.

A course has a name, its main content, its sessions with day and minutes, and the organisation that
gives it: what Order 67 of the Ministry of Civil Affairs, art. 8, wants recorded.  The sessions are
a list of {day, minutes}, in order of their days.  Its cohort, and what came of it for each, are
attainments of the people (`attainments.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.orders import Outcome
from ledger.programme.people import belongings
from ledger.programme.people.belongings import Belonging, Kind, of_organisations
from ledger.programme.people.tables import course as table
from ledger.programme.roles import Reach
from ledger.programme.wishes import Wish

SESSIONS_MAX = 100
MINUTES_OF_A_DAY = 1_440


class CourseUnknown(PointsError):
    """The ledger has no course of that id that the caller may see."""

    code = "course-unknown"


class CourseRefused(PointsError):
    """What is said of a course does not fit together."""

    code = "course-refused"


COURSE = Kind("course", table, CourseUnknown, CourseRefused)


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
    return belongings.take_up(database, ledger, clock, COURSE, wish, organisation, checked(fields))


def amend(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    course: Belonging,
    fields: Mapping[str, Any],
    *,
    seen: int,
    by: str,
) -> Outcome:
    """Gives a course's record these fields, if its version is still `seen`; else a `Refusal`.

    Raises as `give` does.
    """
    said = checked(fields)
    return belongings.amend(database, ledger, clock, COURSE, course, said, seen=seen, by=by)


def checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A course's fields, its sessions in order; `CourseRefused`."""
    sessions = sorted(fields["sessions"], key=lambda each: (each["day"], each["minutes"]))
    if not 1 <= len(sessions) <= SESSIONS_MAX:
        raise CourseRefused(f"A course has 1 to {SESSIONS_MAX} sessions, not {len(sessions)}.")
    minutes = Counter[Any]()
    for each in sessions:
        minutes[each["day"]] += each["minutes"]
    for day, taken in minutes.items():
        if taken > MINUTES_OF_A_DAY:
            raise CourseRefused(
                f"The sessions of {day} take {taken} minutes together, and a day has"
                f" {MINUTES_OF_A_DAY}: shorten them, or give some another day."
            )
    return {**fields, "sessions": sessions}


def minutes_of(course: Belonging) -> int:
    """How long all sessions of a course take together."""
    return sum(each["minutes"] for each in (course.fields or {}).get("sessions", ()))


def find_course(conn: Connection, ledger: OpenLedger, course_id: str, reach: Reach) -> Belonging:
    """One course that `reach` reaches; `CourseUnknown`, whether it is there or not."""
    return belongings.find(conn, ledger, COURSE, course_id, of_organisations(COURSE, reach))
