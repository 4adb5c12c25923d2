"""Members of whom all is known that is asked before service of theirs is recorded."""

from __future__ import annotations

from typing import Any

from ledger.clock import Clock
from ledger.db import Database
from ledger.installation import OpenLedger
from ledger.journal.entry import person_of
from ledger.journal.orders import Done, Group, Order
from ledger.journal.times import format_time, to_us
from ledger.programme import records
from ledger.programme.people import consents
from ledger.programme.people.consents import GIVEN
from ledger.programme.people.notices import LANGUAGES, PARTS, RECORDING, Notice
from ledger.programme.recording import Change, compose
from ledger.programme.records import BASICS

NOTICE = Notice(
    RECORDING,
    1,
    "2026-11-24T00:00:00.000000Z",
    {part: dict.fromkeys(LANGUAGES, part) for part in PARTS},
)
"""What they saw, which nobody published."""


def basics_of(person: str) -> dict[str, Any]:
    """All of somebody's basics, like nobody else's."""
    word = person.partition("/")[2][:12]
    return {
        "full_name": f"王{word}",
        "sex": "female",
        "birth_date": "1990-05-01",
        "document_kind": "passport",
        "document_number": word.upper(),
        "area": "北苑街道",
        "email": f"{word}@example.org",
        "skills": [],
        "service_categories": ["环保"],
    }


def make_ready(
    database: Database, ledger: OpenLedger, clock: Clock, *members: str, **basics: Any
) -> None:
    """What lacks of these members, people or accounts, is kept of each; of `basics` nothing else.

    None as a field's value leaves that out.
    """
    people = [person_of(each) if each.startswith("member") else each for each in members]
    with database.reading() as conn:
        kept = records.newest(conn, ledger, BASICS, people)
        agreeing = consents.agreeing(conn, ledger.id, RECORDING, people)
    at = format_time(to_us(clock.now()))
    changes, companions = [], []
    for person in people:
        before = kept.get(person)
        said = basics_of(person) | dict((before.fields if before else None) or {}) | basics
        fields = {name: value for name, value in said.items() if value is not None}
        changes.append(Change(BASICS, person, person, fields, before.version if before else 0))
        if person not in agreeing:
            agreed = consents.saying(person, NOTICE, None, GIVEN, how="self", by=person, at=at)
            changes.append(agreed.change)
            companions.append(agreed.companion)
    composed = compose(database, ledger, clock, changes, by=people[0])
    order = Order(companions=(*composed.companions, *companions))
    (outcome,) = ledger.appender.submit(Group((order,)))
    assert isinstance(outcome, Done), outcome
