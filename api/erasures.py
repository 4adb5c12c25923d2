"""Erasures: two people announce that all about somebody is destroyed, and from which day."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema

from api.auth import about, installation
from api.fields import Formed
from api.posting import WaitingSchema, place
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme.erasure_decisions import want_closed

blueprint = Resource(
    "erasures", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/erasures", description=__doc__
)
SUBJECT = e.fields_of("erasure")["subject"][0]


class NewErasureSchema(Schema):
    """Whose records are to be destroyed, and from which local day."""

    subject = Formed(SUBJECT, required=True)
    on = Formed(e.DATE, required=True, description="today or later")
    ref = Formed(e.REF, description="the case in which it was decided")


@blueprint.posts("", WaitingSchema, action="people:erase", body=NewErasureSchema, status=202)
def propose(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Propose an erasure

    Once a second person of the office approves it, the log says so, and from that day on the key of
    all records about the subject is destroyed, which nobody can undo. Until then what is kept of a
    person is used no more; then they are told, where they are reached. A member's account is closed
    before, so that nothing of theirs is left on it.
    """
    about(body["subject"])
    with installation().database.reading() as conn:
        want_closed(conn, ledger.id, body["subject"])
    return place(ledger, "erasure", body)
