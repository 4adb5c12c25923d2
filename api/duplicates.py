"""Duplicates: people who may be in the ledger twice, and pairs that are known to be two people."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.answers import answer, page
from api.auth import about, installation, within
from api.fields import Formed, limit
from api.posting import wish_maker
from api.problems import want_done
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme.findable import FINDABLE
from ledger.programme.people import duplicates as domain
from ledger.programme.people.duplicates import GRADES, POSSIBLE, Pair

blueprint = Resource(
    "duplicates", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/duplicates", description=__doc__
)
PAIR = e.Form(
    "id", rf'"{e.RANDOM}\.{e.RANDOM}"', "two people's ids without `person/`, a dot between"
)


class DuplicateSchema(Schema):
    """Two people who may be one."""

    people = fields.List(fields.String(), required=True)
    reasons = fields.List(
        fields.String(validate=validate.OneOf(list(FINDABLE))),
        required=True,
        metadata={"description": "what is the same in what is kept of both"},
    )
    grade = fields.String(required=True, validate=validate.OneOf(GRADES))


class DuplicatesSchema(Schema):
    """Pairs of people in order of their ids."""

    duplicates = fields.List(fields.Nested(DuplicateSchema), required=True)


class DuplicatesQuery(Schema):
    """Which pairs."""

    grade = fields.String(
        validate=validate.OneOf(GRADES),
        load_default=POSSIBLE,
        metadata={"description": "those of this grade, and the surer ones"},
    )
    after = Formed(PAIR, load_default=None)
    limit = limit()


class PairSchema(Schema):
    """Two people."""

    people = fields.List(Formed(e.PERSON), required=True, validate=validate.Length(equal=2))


class DistinctSchema(PairSchema):
    """Two people who are two, and who said so first."""

    by = fields.String(required=True)
    at = fields.String(required=True)


@blueprint.reads("", DuplicatesSchema, action="duplicates:read", query=DuplicatesQuery)
def show_duplicates(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List people who may be in it twice

    A pair is `certain` with one document's number, `likely` with one name and one telephone or
    e-mail, and otherwise `possible`: families share a telephone, and namesakes a name.  A page may
    have fewer pairs than its limit, or none, and be followed by others.
    """
    after = None if query["after"] is None else _pair(query["after"])
    with installation().database.reading() as conn:
        found, following = domain.candidates(
            conn, ledger, at_least=query["grade"], after=after, limit=query["limit"]
        )
    shown = [
        {"people": each.people, "reasons": each.reasons, "grade": each.grade} for each in found
    ]
    return page("duplicates", shown, "after", _cursor(following))


@blueprint.posts("/distinct", DistinctSchema, action="duplicates:write", body=PairSchema)
def mark(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Mark two people as two

    They are no longer listed as a pair.
    """
    wish = wish_maker(ledger)(0, "distinct", {})
    people = body["people"]
    about(min(people))
    want_done(domain.mark_distinct(*within(ledger), wish, people))
    with installation().database.reading() as conn:
        said = domain.distinct(conn, ledger.id, people)
    return answer({"people": said.people, "by": said.by, "at": said.at}, 201)


def _pair(cursor: str) -> Pair:
    first, second = (f"person/{each}" for each in cursor.split("."))
    return first, second


def _cursor(pair: Pair | None) -> str | None:
    return None if pair is None else ".".join(each.partition("/")[2] for each in pair)
