"""Courses: training that organisations give, as series of sessions."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.auth import caller, within
from api.belongings import Views, want_reached
from api.fields import ORGANISATION, Formed, Reason, Reference, id_form, limit
from api.posting import wish_maker
from api.problems import want_done
from api.resource import Resource
from api.versions import seen_version, want_changed
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme.people import belongings, training
from ledger.programme.people.training import MINUTES_OF_A_DAY, SESSIONS_MAX, minutes_of

blueprint = Resource(
    "courses", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/courses", description=__doc__
)
COURSES = Views(training.COURSE, told=lambda course: {"minutes": minutes_of(course)})
COURSE = id_form("course")


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
    return COURSES.page(ledger, caller().reach("courses:read"), query)


@blueprint.posts("", CourseSchema, action="courses:write", body=NewCourseSchema)
def give(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Take up a course"""
    wish, mine = wish_maker(ledger)(0, "course", {}), caller().reach("courses:write")
    organisation = body.pop("organisation")
    want_reached(mine, organisation)
    want_done(training.give(*within(ledger), wish, organisation, body))
    return COURSES.one(ledger, belongings.id_of(training.COURSE, wish.request), mine, 201)


@blueprint.reads("/<id:random>", CourseSchema, action="courses:read")
def show_course(ledger: OpenLedger, random: str) -> Response:
    """See a course"""
    return COURSES.one(ledger, f"course/{random}", caller().reach("courses:read"))


@blueprint.puts("/<id:random>", CourseSchema, action="courses:write", body=SaidOfCourseSchema)
def amend(body: dict[str, Any], ledger: OpenLedger, random: str) -> Response:
    """Change a course

    The body is all that is kept from now on; what was kept before stays in its history.
    """
    seen, mine = seen_version(), caller().reach("courses:write")
    known = COURSES.found(ledger, f"course/{random}", mine)
    outcome = training.amend(*within(ledger), known, body, seen=seen, by=caller().person)
    want_changed(ledger, training.COURSE.word, known.id, outcome, seen)
    return COURSES.one(ledger, known.id, mine)
