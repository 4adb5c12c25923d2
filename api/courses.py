"""Courses: training that organisations give, as series of sessions."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.auth import caller, installation
from api.fields import ORGANISATION, Formed, Reason, Reference, id_form, limit
from api.posting import wish_maker
from api.problems import refuse
from api.resource import Resource, answer, page, seen_version, with_etag
from api.versions import refuse_changed
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.journal.orders import Done, Refusal
from ledger.programme import records
from ledger.programme.people import training
from ledger.programme.people.organisations import OrganisationUnknown
from ledger.programme.people.training import SESSIONS_MAX, Course
from ledger.programme.recording import CHANGED
from ledger.programme.roles import Reach

blueprint = Resource(
    "courses", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/courses", description=__doc__
)
COURSE = id_form("course")
MINUTES_OF_A_DAY = 1_440


class CourseSessionSchema(Schema):
    """One session of a course."""

    day = Formed(e.DATE, required=True)
    minutes = fields.Integer(
        required=True, strict=True, validate=validate.Range(1, MINUTES_OF_A_DAY)
    )


class SaidOfCourseSchema(Schema):
    """What a course is about, and when it is given."""

    name = Reference(required=True)
    content = Reason(required=True, metadata={"description": "its main content"})
    sessions = fields.List(
        fields.Nested(CourseSessionSchema), required=True, validate=validate.Length(1, SESSIONS_MAX)
    )


class NewCourseSchema(SaidOfCourseSchema):
    """A course that an organisation is to give."""

    organisation = Formed(ORGANISATION, required=True)


class CourseSchema(Schema):
    """A course."""

    id = fields.String(required=True)
    organisation = fields.String(required=True)
    at = fields.String(required=True, metadata={"description": "when it was taken up"})
    version = fields.Integer(required=True)
    minutes = fields.Integer(
        required=True, metadata={"description": "how long all its sessions take together"}
    )
    name = fields.String()
    content = fields.String()
    sessions = fields.List(fields.Nested(CourseSessionSchema))


class CoursesSchema(Schema):
    """Courses in order of their ids."""

    courses = fields.List(fields.Nested(CourseSchema), required=True)


class CoursesQuery(Schema):
    """Which courses."""

    after = Formed(COURSE, load_default=None)
    limit = limit()


@blueprint.reads("", CoursesSchema, action="courses:read", query=CoursesQuery)
def show_courses(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List courses

    The office sees all, people of an organisation its own.
    """
    with installation().database.reading() as conn:
        found = training.list_courses(conn, ledger, caller().reach("courses:read"), **query)
    following = found[-1].id if len(found) == query["limit"] else None
    return page("courses", [_shown(each) for each in found], "after", following)


@blueprint.posts("", CourseSchema, action="courses:write", body=NewCourseSchema)
def give(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Take up a course"""
    here, wish = installation(), wish_maker(ledger)(0, "course", {})
    organisation = body.pop("organisation")
    want_reached(caller().reach("courses:write"), organisation)
    outcome = training.give(here.database, ledger, here.clock, wish, organisation, body)
    if not isinstance(outcome, Done):
        refuse(outcome)
    return _one(ledger, training.id_of(wish.request), "courses:write", 201)


@blueprint.reads("/<id:random>", CourseSchema, action="courses:read")
def show_course(ledger: OpenLedger, random: str) -> Response:
    """See a course"""
    return _one(ledger, f"course/{random}", "courses:read", 200)


@blueprint.puts("/<id:random>", CourseSchema, action="courses:write", body=SaidOfCourseSchema)
def amend(body: dict[str, Any], ledger: OpenLedger, random: str) -> Response:
    """Change a course

    The body is all that is kept from now on; what was kept before stays in its history.
    """
    here, seen = installation(), seen_version()
    with here.database.reading() as conn:
        reach = caller().reach("courses:write")
        found = training.find_course(conn, ledger, f"course/{random}", reach)
    outcome = training.amend(
        here.database, ledger, here.clock, found, body, seen=seen, by=caller().person
    )
    if isinstance(outcome, Refusal) and outcome.rule == CHANGED:
        with here.database.reading() as conn:
            refuse_changed(records.history(conn, ledger, training.KIND, found.id), seen)
    if not isinstance(outcome, Done):
        refuse(outcome)
    return _one(ledger, found.id, "courses:write", 200)


def want_reached(reach: Reach, organisation: str) -> None:
    """`OrganisationUnknown` unless `reach` has that organisation, whether it is there or not."""
    if not reach.has_organisation(organisation):
        raise OrganisationUnknown(f"There is no {organisation} that you may see.")


def _one(ledger: OpenLedger, course_id: str, action: str, status: int) -> Response:
    with installation().database.reading() as conn:
        found = training.find_course(conn, ledger, course_id, caller().reach(action))
    return with_etag(answer(_shown(found), status), found.version)


def _shown(course: Course) -> dict[str, Any]:
    return {
        "id": course.id,
        "organisation": course.organisation,
        "at": course.at,
        "version": course.version,
        "minutes": course.minutes,
        **(course.fields or {}),
    }
