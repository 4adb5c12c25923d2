"""Rosters: an enterprise invites its people by a table of names and contacts, XLSX or CSV."""

from __future__ import annotations

import tempfile
from typing import IO, Any

from flask import Response
from marshmallow import Schema, fields

from api.answers import answer
from api.auth import caller, installation, within
from api.downloads import attached
from api.fields import ORGANISATION, Formed
from api.posting import wish_maker
from api.problems import want_done
from api.resource import Resource
from api.uploads import FILES
from ledger.installation import OpenLedger
from ledger.programme.people import inviting
from ledger.programme.people.organisations import Organisation, find_organisation
from ledger.programme.people.rosters import Roster, read_roster, write_report
from ledger.programme.spreadsheets.sheets import Sheet, open_sheet
from ledger.programme.spreadsheets.texts import CsvForm

blueprint = Resource(
    "rosters", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/rosters", description=__doc__
)
FAULTS_MAX = 1_000
REPORT_IN_MEMORY_BYTES_MAX = 1_000_000


class ReportQuery(Schema):
    """Whose roster it is."""

    organisation = Formed(ORGANISATION, required=True)


class RosterQuery(ReportQuery):
    """Whose roster it is, and what is done with it."""

    dry_run = fields.Boolean(
        load_default=False,
        truthy={"true"},
        falsy={"false"},
        metadata={"description": "whether it is read alone, and nobody invited"},
    )
    partly = fields.Boolean(
        load_default=False,
        truthy={"true"},
        falsy={"false"},
        metadata={
            "description": "whether the sound rows are invited although others are faulty; nobody"
            " is, else"
        },
    )


class RowFaultSchema(Schema):
    """What is wrong with a row."""

    row = fields.Integer(required=True, metadata={"description": "as a spreadsheet numbers it"})
    reason = fields.String(required=True)


class ReadRosterSchema(Schema):
    """What was read, and how many were invited.

    It does not say who takes part already: these are counted, and invited, like everybody.
    """

    organisation = fields.String(required=True)
    rows = fields.Integer(required=True, metadata={"description": "below the header"})
    faulty = fields.Integer(required=True)
    invited = fields.Integer(required=True)
    faults = fields.List(
        fields.Nested(RowFaultSchema),
        required=True,
        metadata={"description": f"the first {FAULTS_MAX:,}; the report has all"},
    )


@blueprint.uploads("", ReadRosterSchema, action="rosters:write", query=RosterQuery, keyed=True)
def enter(query: dict[str, Any], file: IO[bytes], ledger: OpenLedger) -> Response:
    """Invite the people of a roster

    A name and one contact a row, under a header in Chinese or English; other columns are passed
    over, and one of identity documents refuses the file. Where a row is faulty nobody is invited,
    unless `partly` says so. Who is invited gets a message soon. Sent again with the same key,
    nobody is invited twice.
    """
    organisation = _inviting(ledger, query["organisation"])
    roster = read_roster(open_sheet(file))
    is_entered = not query["dry_run"] and (query["partly"] or not roster.faults)
    if is_entered:
        wish = wish_maker(ledger)(0, "roster", {})
        want_done(inviting.invite(*within(ledger), wish, organisation, roster.invitees))
    return answer(_told(organisation, roster, len(roster.invitees) if is_entered else 0))


@blueprint.uploads(
    "/report", None, action="rosters:write", query=ReportQuery, keyed=False, content_type="text/csv"
)
def report(query: dict[str, Any], file: IO[bytes], ledger: OpenLedger) -> Response:
    """Get a roster back with what is wrong in each row

    It is of the form in which it came, XLSX or CSV, with a last column of reasons; nobody is
    invited. Once it is corrected it can be sent as it is.
    """
    _inviting(ledger, query["organisation"])
    sheet = open_sheet(file)
    roster = read_roster(sheet)
    with tempfile.SpooledTemporaryFile(max_size=REPORT_IN_MEMORY_BYTES_MAX) as target:
        write_report(sheet, roster, target)
        target.seek(0)
        body = target.read()
    kind, ending = _kind(sheet)
    return attached(Response(body, content_type=kind), f"roster.{ending}")


def _inviting(ledger: OpenLedger, organisation: str) -> Organisation:
    with installation().database.reading() as conn:
        return find_organisation(conn, ledger, organisation, caller().reach("rosters:write"))


def _told(organisation: Organisation, roster: Roster, invited: int) -> dict[str, Any]:
    faults = sorted(roster.faults.items())[:FAULTS_MAX]
    return {
        "organisation": organisation.id,
        "rows": len(roster.invitees) + len(roster.faults),
        "faulty": len(roster.faults),
        "invited": invited,
        "faults": [{"row": row, "reason": reason} for row, reason in faults],
    }


def _kind(sheet: Sheet) -> tuple[str, str]:
    if isinstance(sheet.form, CsvForm):
        charset = {"utf-8-sig": "utf-8"}.get(sheet.form.encoding, sheet.form.encoding)
        return f"text/csv; charset={charset}", "csv"
    return FILES[-1], "xlsx"
