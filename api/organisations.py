"""Organisations: who takes part beside the members, with names, codes, contacts and status."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.answers import answer, page
from api.auth import about, caller, installation, within
from api.fields import ORGANISATION, Formed, Reference, limit
from api.posting import wish_maker
from api.problems import want_done
from api.resource import Resource
from api.versions import seen_version, want_changed, with_etag
from ledger.installation import OpenLedger
from ledger.programme.people import organisations as domain
from ledger.programme.people.kinds import KINDS, SUBKINDS
from ledger.programme.people.organisations import STATUSES, Organisation

blueprint = Resource(
    "organisations",
    __name__,
    url_prefix="/v1/ledgers/<ledger:ledger>/organisations",
    description=__doc__,
)
CODE_CHARACTERS_MAX = 40
CONTACTS_MAX = 20


class ContactSchema(Schema):
    """Somebody to turn to."""

    name = Reference(required=True)
    role = Reference()
    phone = Reference()
    email = fields.Email(validate=validate.Length(max=200))


class SaidSchema(Schema):
    """What an organisation is called, and how it is reached."""

    name_zh = Reference(metadata={"description": "the name in Chinese; one of the two is given"})
    name_en = Reference(metadata={"description": "the name in English"})
    credit_code = fields.String(
        validate=validate.Length(1, CODE_CHARACTERS_MAX),
        metadata={"description": "统一社会信用代码 (GB 32100), its check digit included"},
    )
    contacts = fields.List(fields.Nested(ContactSchema), validate=validate.Length(max=CONTACTS_MAX))


class NewOrganisationSchema(SaidSchema):
    """An organisation that applies to take part."""

    kind = fields.String(required=True, validate=validate.OneOf(list(KINDS)))
    subkind = fields.String(
        validate=validate.OneOf(sorted({word for words in SUBKINDS.values() for word in words}))
    )


class OrganisationSchema(SaidSchema):
    """An organisation."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    subkind = fields.String()
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    at = fields.String(required=True, metadata={"description": "when it applied"})
    version = fields.Integer(required=True, metadata={"description": "of what is kept of it"})


class OrganisationsSchema(Schema):
    """Organisations in order of their ids."""

    organisations = fields.List(fields.Nested(OrganisationSchema), required=True)


class OrganisationsQuery(Schema):
    """Which organisations."""

    kind = fields.String(validate=validate.OneOf(list(KINDS)), load_default=None)
    status = fields.String(validate=validate.OneOf(STATUSES), load_default=None)
    after = Formed(ORGANISATION, load_default=None)
    limit = limit()


class StatusSchema(Schema):
    """The status that an organisation is to have."""

    status = fields.String(required=True, validate=validate.OneOf(STATUSES[1:]))
    reason = fields.String(validate=validate.Length(1, 2_000))


class StatusChangeSchema(Schema):
    """A change of status."""

    status = fields.String(required=True)
    by = fields.String(required=True)
    at = fields.String(required=True)
    reason = fields.String()


class VersionSchema(SaidSchema):
    """What was kept of an organisation from some time on."""

    version = fields.Integer(required=True)
    by = fields.String(required=True)
    at = fields.String(required=True)


class OrganisationHistoryQuery(Schema):
    """How much of each."""

    limit = limit()


class OrganisationHistorySchema(Schema):
    """How an organisation came to be what it is: the last changes, the first of them first."""

    statuses = fields.List(fields.Nested(StatusChangeSchema), required=True)
    versions = fields.List(fields.Nested(VersionSchema), required=True)


@blueprint.reads("", OrganisationsSchema, action="organisations:read", query=OrganisationsQuery)
def show_organisations(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List organisations

    The office sees all, people of an organisation their own.
    """
    reach = caller().reach("organisations:read")
    with installation().database.reading() as conn:
        found = domain.list_organisations(conn, ledger, reach, **query)
    following = found[-1].id if len(found) == query["limit"] else None
    return page("organisations", [_shown(each) for each in found], "after", following)


@blueprint.posts("", OrganisationSchema, action="organisations:admit", body=NewOrganisationSchema)
def register(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Take an organisation up

    It has applied; its account is opened once it is admitted.
    """
    wish = wish_maker(ledger)(0, "organisation", {})
    organisation_id = domain.id_of(wish.request)
    about(organisation_id)
    kind, subkind = body.pop("kind"), body.pop("subkind", None)
    want_done(domain.register(*within(ledger), wish, kind, subkind, body))
    return _one(ledger, organisation_id, 201)


@blueprint.reads("/<id:random>", OrganisationSchema, action="organisations:read")
def show_organisation(ledger: OpenLedger, random: str) -> Response:
    """See an organisation"""
    return _one(ledger, f"org/{random}", 200)


@blueprint.puts("/<id:random>", OrganisationSchema, action="organisations:write", body=SaidSchema)
def amend(body: dict[str, Any], ledger: OpenLedger, random: str) -> Response:
    """Change what is kept of an organisation

    The body is all that is kept from now on; what was kept before stays in its history.
    """
    seen = seen_version()
    found = _found(ledger, f"org/{random}", "organisations:write")
    outcome = domain.amend(*within(ledger), found, body, seen=seen, by=caller().person)
    want_changed(ledger, domain.RECORD, found.id, outcome, seen)
    return _one(ledger, found.id, 200)


@blueprint.posts(
    "/<id:random>/status",
    OrganisationSchema,
    action="organisations:admit",
    body=StatusSchema,
    keyed=False,
    status=200,
)
def set_status(body: dict[str, Any], ledger: OpenLedger, random: str) -> Response:
    """Admit, suspend or let go of an organisation

    Its first admission opens its account.
    """
    about(f"org/{random}")
    found = _found(ledger, f"org/{random}", "organisations:admit")
    want_done(
        domain.set_status(
            *within(ledger), found, body["status"], body.get("reason"), by=caller().person
        )
    )
    return _one(ledger, found.id, 200)


@blueprint.reads(
    "/<id:random>/history",
    OrganisationHistorySchema,
    action="organisations:read",
    query=OrganisationHistoryQuery,
)
def show_history(query: dict[str, int], ledger: OpenLedger, random: str) -> Response:
    """See how an organisation came to be what it is"""
    found, most = _found(ledger, f"org/{random}", "organisations:read"), query["limit"]
    with installation().database.reading() as conn:
        statuses = domain.status_history(conn, ledger, found.id, most)
        versions = domain.versions(conn, ledger, found.id)[-most:]
    return answer(
        {
            "statuses": [
                _given(status=each.status, by=each.by, at=each.at, reason=each.reason)
                for each in statuses
            ],
            "versions": [
                {"version": each.version, "by": each.by, "at": each.at, **(each.fields or {})}
                for each in versions
            ],
        }
    )


def _found(ledger: OpenLedger, organisation_id: str, action: str) -> Organisation:
    with installation().database.reading() as conn:
        return domain.find_organisation(conn, ledger, organisation_id, caller().reach(action))


def _one(ledger: OpenLedger, organisation_id: str, status: int) -> Response:
    found = _found(ledger, organisation_id, "organisations:read")
    return with_etag(answer(_shown(found), status), found.version)


def _shown(organisation: Organisation) -> dict[str, Any]:
    return {
        **_given(
            id=organisation.id,
            kind=organisation.kind,
            subkind=organisation.subkind,
            status=organisation.status,
            at=organisation.at,
            version=organisation.version,
        ),
        **(organisation.fields or {}),
    }


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
