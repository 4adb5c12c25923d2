"""Evidence: scans and photographs of what people said or got on paper, kept encrypted."""

from __future__ import annotations

from typing import IO, Any

from flask import Response, g, request
from marshmallow import Schema, ValidationError, fields
from werkzeug.http import parse_options_header

from api.answers import answer, page
from api.auth import caller, installation, shows, within
from api.document import FILE
from api.downloads import kept
from api.fields import ANY_ID, Formed, Reference, id_form, limit
from api.posting import wish_maker
from api.problems import Problem, want_done
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme import files
from ledger.programme.files import FILE_BYTES_MAX, FORMS
from ledger.programme.people import evidence as domain
from ledger.programme.people.evidence import Evidence, Scan
from ledger.programme.roles import Reach
from ledger.programme.vault import own

blueprint = Resource(
    "evidence", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/evidence", description=__doc__
)
EVIDENCE = id_form("evidence")
ABOUT = "a person, or a record or membership of theirs, such as `attainment/…`"


class NewEvidenceQuery(Schema):
    """Whom and what a file is about."""

    person = Formed(e.PERSON, required=True)
    about = Formed(ANY_ID, load_default=None, description=f"{ABOUT}; left out: the person")


class EvidenceQuery(Schema):
    """Which evidence."""

    person = Formed(e.PERSON, load_default=None)
    about = Formed(ANY_ID, load_default=None, description=ABOUT)
    after = Formed(EVIDENCE, load_default=None)
    limit = limit()


class EvidenceSchema(Schema):
    """A file that is kept; what it is is left out where that was erased."""

    id = fields.String(required=True)
    person = fields.String(required=True)
    about = fields.String(required=True)
    by = fields.String(required=True)
    at = fields.String(required=True)
    media_type = fields.String()
    bytes = fields.Integer()
    sha256 = fields.String(metadata={"description": "in hexadecimal; its record binds it"})
    title = fields.String(metadata={"description": "the name that it came under, if any"})


class EvidenceListSchema(Schema):
    """Evidence in order of its ids."""

    evidence = fields.List(fields.Nested(EvidenceSchema), required=True)


@blueprint.uploads(
    "",
    EvidenceSchema,
    action="evidence:write",
    query=NewEvidenceQuery,
    keyed=True,
    named=True,
    forms=(FILE, *FORMS),
    most=FILE_BYTES_MAX,
    status=201,
    also=(410,),
)
def keep(query: dict[str, Any], file: IO[bytes], ledger: OpenLedger) -> Response:
    """Keep a scan of what somebody said or got on paper

    A PDF, JPEG or PNG, which its first bytes show. It is encrypted under the person's own key and
    is unreadable from the moment in which that person is erased. About one thing at most 20 files
    are kept, each of at most 10 MB. A desk adds them to what it entered itself, such as the form of
    somebody whom it took up.
    """
    title = g.body["title"] = _title()
    wish = wish_maker(ledger)(0, "evidence", {})
    scan = Scan(query["person"], query["about"] or query["person"], title, file.read())
    reach = caller().reach("evidence:write")
    want_done(domain.keep(*within(ledger), wish, scan, reach))
    # A desk sees what it sent this once, and not again.
    return _one(ledger, files.id_of(wish.request), Reach(everything=True), 201)


@blueprint.reads("", EvidenceListSchema, action="evidence:read", query=EvidenceQuery)
def show_list(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List evidence

    The office sees all, an organisation's managers and organisers what is about attainments that it
    keeps; everybody their own.
    """
    reach = caller().reach("evidence:read")
    with installation().database.reading() as conn:
        found = domain.list_evidence(conn, ledger, reach, **query)
    following = found[-1].id if len(found) == query["limit"] else None
    return page("evidence", [_shown(each) for each in found], "after", following)


@blueprint.reads("/<id:random>", EvidenceSchema, action="evidence:read")
def show_one(ledger: OpenLedger, random: str) -> Response:
    """See what a file is"""
    return _one(ledger, f"evidence/{random}", caller().reach("evidence:read"), 200)


@blueprint.reads("/<id:random>/file", None, action="evidence:read", content_type=FILE, also=(410,))
def download(ledger: OpenLedger, random: str) -> Response:
    """Download a file

    It is compared with its record first.
    """
    reach = caller().reach("evidence:read")
    with installation().database.reading() as conn:
        found = domain.find_evidence(conn, ledger, f"evidence/{random}", reach)
        content = files.content(conn, own(ledger, reach.own), found.record)
    shows(found.person, content)
    return kept(content, found.record)


def _one(ledger: OpenLedger, evidence_id: str, reach: Reach, status: int) -> Response:
    with installation().database.reading() as conn:
        found = domain.find_evidence(conn, ledger, evidence_id, reach)
    return answer(_shown(found), status)


def _shown(found: Evidence) -> dict[str, Any]:
    shows(found.person, found.fields)
    head = {"id": found.id, "person": found.person, "about": found.about}
    return {**head, "by": found.record.by, "at": found.record.at, **(found.fields or {})}


def _title() -> str | None:
    """The name under which a file comes; `Problem` for one that cannot be kept."""
    _, options = parse_options_header(request.headers.get("Content-Disposition"))
    name = options.get("filename")
    try:
        return None if name is None else str(Reference().deserialize(name))
    except ValidationError:
        raise Problem(
            "bad-request",
            "The file's name in Content-Disposition has 1 to 200 printable characters, without"
            " spaces at the ends.",
        ) from None
