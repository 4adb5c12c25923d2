"""Merges: somebody who is in the ledger twice is there once, and both histories stay."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.answers import answer, page
from api.auth import about, installation, shows, within
from api.fields import Formed, Reason, limit
from api.posting import WaitingSchema, place, wish_maker
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme.findable import FINDABLE
from ledger.programme.people import merges as domain
from ledger.programme.people.merges import Merge

blueprint = Resource(
    "merges", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/merges", description=__doc__
)


class NewMergeSchema(Schema):
    """Who is merged into whom, and why."""

    person = Formed(e.PERSON, required=True, data_key="from", attribute="from")
    into = Formed(e.PERSON, required=True, description="who remains")
    reason = Reason(required=True, metadata={"description": "how it is known that they are one"})


class MergedSchema(Schema):
    """Who was merged into whom."""

    person = fields.String(required=True, data_key="from")
    into = fields.String(required=True)
    merge = fields.String(required=True)
    at = fields.String(required=True)
    entry = fields.Integer(required=True, metadata={"description": "the one that binds it"})


class MergedListSchema(Schema):
    """Who was merged, in order of their ids."""

    merges = fields.List(fields.Nested(MergedSchema), required=True)


class MergesQuery(Schema):
    """Which merges."""

    into = Formed(e.PERSON, load_default=None)
    after = Formed(e.PERSON, load_default=None)
    limit = limit()


class MergeSchema(Schema):
    """A merge; what was said of it is left out where that was erased."""

    id = fields.String(required=True)
    by = fields.String(required=True, metadata={"description": "who proposed it"})
    person = fields.String(data_key="from")
    into = fields.String()
    reason = fields.String()
    shared = fields.List(
        fields.String(validate=validate.OneOf(list(FINDABLE))),
        metadata={"description": "what was the same in what was kept of both"},
    )
    at = fields.String(metadata={"description": "once it was approved"})
    entry = fields.Integer()


@blueprint.reads("", MergedListSchema, action="merges:read", query=MergesQuery)
def show_merges(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List who was merged"""
    with installation().database.reading() as conn:
        found = domain.list_merged(conn, ledger.id, **query)
    following = found[-1].person if len(found) == query["limit"] else None
    shown = [
        {"from": each.person, "into": each.into, "merge": each.merge}
        | {"at": each.at, "entry": each.seq}
        for each in found
    ]
    return page("merges", shown, "after", following)


@blueprint.posts("", WaitingSchema, action="merges:write", body=NewMergeSchema, status=202)
def propose(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Propose a merge

    Once a second person of the office approves it, all points of the one go to the other with their
    days, the emptied account is closed, and who was merged can no longer sign in.  It takes a
    policy that lists transfers for `merge` from member to member.
    """
    about(body["from"])
    values = {name: body[name] for name in ("from", "into")}
    wish = wish_maker(ledger)(0, domain.KIND, values)
    asked = domain.prepare(*within(ledger), wish, body["reason"])
    return place(ledger, domain.KIND, asked)


@blueprint.reads("/<id:random>", MergeSchema, action="merges:read")
def show_merge(ledger: OpenLedger, random: str) -> Response:
    """See a merge, and why it was proposed

    The proposal has its id, so that whoever decides reads it before.
    """
    with installation().database.reading() as conn:
        return answer(_shown(domain.find_merge(conn, ledger, f"merge/{random}")))


def _shown(merge: Merge) -> dict[str, Any]:
    said = merge.fields or {}
    for person in (said.get("from"), said.get("into")):
        if person is not None:
            shows(person, said["reason"])
    done = {} if merge.done is None else {"at": merge.done.at, "entry": merge.done.seq}
    return {"id": merge.id, "by": merge.by, **said, **done}
