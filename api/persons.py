"""People: those whom the log introduces, with their standing."""

from __future__ import annotations

import os
from typing import Any

from flask import Response
from marshmallow import Schema, fields

from api.answers import page
from api.auth import about, installation
from api.fields import Formed, limit
from api.posting import EntriesSchema, WaitingSchema, place
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme.reading.people import list_people

blueprint = Resource(
    "persons", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/persons", description=__doc__
)
STANDING = e.fields_of("person")["standing"][0]


class NewPersonSchema(Schema):
    """A person to be introduced, or given another standing when named."""

    person = Formed(e.PERSON, description="left out: somebody new, whose id the answer tells")
    standing = Formed(STANDING, required=True)


class IntroducedSchema(EntriesSchema):
    """Who was introduced."""

    person = fields.String(required=True)


class PersonSchema(Schema):
    """A person with their standing."""

    person = fields.String(required=True)
    standing = fields.String(required=True)


class PersonsSchema(Schema):
    """People, in order of their ids."""

    persons = fields.List(fields.Nested(PersonSchema), required=True)


class PersonsQuery(Schema):
    """Which part of the list."""

    after = Formed(e.PERSON, load_default=None)
    limit = limit()


@blueprint.reads("", PersonsSchema, action="people:read", query=PersonsQuery)
def show_persons(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List people with their standing"""
    most = query["limit"]
    with installation().database.reading() as conn:
        found = list_people(conn, ledger.id, after=query["after"], limit=most)
    items = [{"person": person, "standing": standing} for person, standing in found]
    return page("persons", items, "after", found[-1][0] if len(found) == most else None)


@blueprint.posts(
    "", IntroducedSchema, action="people:write", body=NewPersonSchema, waits=WaitingSchema
)
def introduce(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Introduce a person, or change a person's standing

    Raising somebody to office needs a second person.
    """
    values = {"person": e.new_id("person", os.urandom(16)), **body}
    about(values["person"])
    return place(ledger, "person", values, extra=lambda entry: {"person": entry["person"]})
