"""A person's basics: what is kept of them by name, and how it is corrected.

Order 67 of the Ministry of Civil Affairs, art. 5: name, sex, date of birth, identity document,
area of residence, contact, skills, service categories.  A name and one confirmed contact are enough
to take part; the rest is given when something needs it.  A correction is the next version of the
record, so nothing that was kept before is lost (PIPL, art. 46).

Who corrects for somebody else says why; the person is told in a message, as of what a helper wrote
down.  A change of contacts takes codes (`confirming.py`), is told at the contact that goes, and
signs the person out elsewhere.
A minor's date of birth is changed by the office, or by the document that tells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger.clock import Clock
from ledger.db import Database
from ledger.installation import OpenLedger
from ledger.journal.orders import Companion, Group, Order, Refusal
from ledger.programme import messages, records
from ledger.programme.channels import Outgoing
from ledger.programme.commitments import FieldRefused
from ledger.programme.findable import FINDABLE
from ledger.programme.messages import Kind, New, Text
from ledger.programme.people import confirming, numbers, sessions
from ledger.programme.people.ages import GROWN, stage_on
from ledger.programme.people.confirming import CONTACTS, BasicsRefused
from ledger.programme.people.labels import FIELDS, label
from ledger.programme.reading.days import today_of
from ledger.programme.recording import Change, RecordChanged, compose
from ledger.programme.records import BASICS, Record, RecordUnknown
from ledger.programme.vault import ERASED, Erased, lawful

CORRECTION = "correction"
MESSAGE = "basics-corrected"
SEXES = ("female", "male")
DOCUMENT_KINDS = ("citizen", "residence-permit", "passport", "other")
LIST_MAX = 30
WITH_CHECK_DIGIT = ("citizen", "residence-permit")
KNOWN = frozenset(
    {"full_name", "called", "sex", "birth_date", "document_kind", "document_number"}
    | {"area", "phone", "email", "skills", "service_categories"}
)
"""The fields of this room; others that a record has stay as they are."""

_FIRST_BIRTH = date(1850, 1, 1)

messages.register(
    MESSAGE,
    Kind(
        frozenset({"fields"}),
        Text("您的信息已更正", "工作人员更正了您的以下信息：$fields。如有疑问，请联系办公室。"),
        Text(
            "Your basics were corrected",
            "Somebody corrected these of your basics for you: $fields. If that is wrong, tell the"
            " office.",
        ),
    ),
)


class Corrected(NamedTuple):
    """The new version, and what is to be sent at once to contacts of what became of them."""

    record: Record
    farewells: tuple[tuple[str, Outgoing], ...]  # each with its channel


def basics_of(conn: Connection, ledger: OpenLedger, person: str) -> Record:
    """The newest version of a person's basics; `RecordUnknown`, also where they were erased."""
    found = records.newest(conn, ledger, BASICS, (person,)).get(person)
    if found is None or found.fields is None:
        raise RecordUnknown(f"Nothing is kept of {person} here.")
    return found


def correct(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    person: str,
    said: Mapping[str, Any],
    *,
    seen: int,
    by: str,
    shown: Mapping[str, str] | None = None,
    reason: str | None = None,
    session: str | None = None,
    helper: str | None = None,
) -> Corrected:
    """Makes `said` what is kept of a person, if the version is still `seen`.

    `shown` are the codes that a change of contacts takes (`confirming.want_codes`); by that all
    sessions of the person end but `session`.  `reason` is given by who does it for somebody else.
    A `helper` writes down what the person says who is `by`, contacts by the same codes as theirs;
    then `session` is the helping one, so that the visit goes on.
    Raises `RecordUnknown`, `RecordChanged`, `BasicsRefused`, `FieldRefused`, `NumberRefused`,
    `CodeRefused` (then nothing was changed but that codes were tried), `Erased`, and what
    `Appender.submit` raises.
    """
    if by != person and not reason:
        raise BasicsRefused("Who corrects for somebody else says why.")
    # One's own are open to oneself also where they are restricted.
    mine = lawful(ledger, (person,)) if by == person else ledger
    with database.reading() as conn:
        before = basics_of(conn, mine, person)
        today = date.fromisoformat(today_of(conn, ledger.id, clock.now()))
        reasons = records.newest(conn, ledger, CORRECTION, (_of(person),)).get(_of(person))
    if before.version != seen:
        raise RecordChanged(f"Somebody changed this since version {seen}.")
    kept = before.fields or {}
    fields = {name: value for name, value in kept.items() if name not in KNOWN}
    fields |= checked(said, today, reached="reached" in fields)
    if by == person:
        _want_proof(kept, fields, today)
    contacts = confirming.changing(kept, fields)
    own, helped = by == person, helper is not None
    confirming.want_codes(database, ledger, clock, contacts, shown or {}, own=own, helped=helped)
    changes = [Change(BASICS, person, person, fields, seen)]
    if reason:
        why = {"basics_version": seen + 1, "how": "helped", "reason": reason}
        changes.append(
            Change(CORRECTION, _of(person), person, why, reasons.version if reasons else 0)
        )
    composed = compose(database, ledger, clock, changes, by=helper or by)
    told: tuple[Companion, ...] = ()
    if reason or helped:
        whose = (person, kept, fields, seen + 1, helper or by)
        told = _message(database, ledger, clock, *whose)
    order = Order(companions=(*composed.companions, *told))
    if contacts.coming or contacts.going:  # before it, so that none outlives the change
        sessions.revoke_all(database, ledger, clock, person, but=session)
    (outcome,) = ledger.appender.submit(Group((order,)))
    if isinstance(outcome, Refusal):
        if outcome.rule == ERASED:
            raise Erased(f"All that was kept of {person} has been erased.")
        raise RecordChanged(f"Somebody changed this since version {seen}.")
    alone = own and not helped
    return Corrected(composed.records[0], confirming.farewells(contacts, alone=alone))


def checked(said: Mapping[str, Any], today: date, *, reached: bool = False) -> dict[str, Any]:
    """The fields of somebody's basics, without those that are None or empty, in their one form.

    An empty list stays: it says that there are none.  Who is `reached` otherwise needs no contact.
    A citizen's number gives sex and date of birth where they are not said, and has to agree with
    them.  `BasicsRefused`, `FieldRefused`, `NumberRefused`.
    """
    fields = {name: value for name, value in said.items() if value not in (None, "")}
    if unknown := fields.keys() - KNOWN:
        raise FieldRefused(f"Basics have no field {min(unknown)[:63]}.")
    if "full_name" not in fields:
        raise BasicsRefused("The name is needed.")
    FINDABLE["full_name"](fields["full_name"])
    for name in CONTACTS:
        if name in fields:
            fields[name] = FINDABLE[name](fields[name])
    if not reached and not fields.keys() & set(CONTACTS):
        raise BasicsRefused("A telephone number or an e-mail address is needed.")
    if ("document_number" in fields) != ("document_kind" in fields):
        raise BasicsRefused("A document has a kind and a number: say both, or neither.")
    if "document_number" in fields:
        fields |= _document(fields, today)
    if "birth_date" in fields:
        born = date.fromisoformat(fields["birth_date"])
        if not _FIRST_BIRTH <= born <= today:
            raise BasicsRefused("The date of birth is in the future, or too long ago.")
    return fields


def _want_proof(before: Mapping[str, Any], after: Mapping[str, Any], today: date) -> None:
    """Refuses that somebody alone changes a date of birth by which they are a minor, or were one.

    What a guardian has to consent to follows from it.  The number of a citizen's document tells it.
    """
    dates = {fields.get("birth_date") for fields in (before, after)}
    if len(dates) == 1 or after.get("document_kind") in WITH_CHECK_DIGIT:
        return
    if any(stage_on(date.fromisoformat(each), today) is not GROWN for each in dates if each):
        raise BasicsRefused(
            "The date of birth of somebody under 18 is not changed by themselves alone. Give the"
            " number of their identity card along, which tells it; or ask the office, at a desk."
        )


def _document(fields: Mapping[str, Any], today: date) -> dict[str, Any]:
    """What a document's number says: the number, and of a citizen's sex and date of birth."""
    if fields["document_kind"] not in WITH_CHECK_DIGIT:
        return {"document_number": FINDABLE["document_number"](fields["document_number"])}
    found = numbers.citizen(fields["document_number"], today)
    told = {"birth_date": found.born.isoformat(), "sex": found.sex}
    for name, value in told.items():
        if fields.get(name, value) != value:
            raise BasicsRefused(
                f"The number says another {label(FIELDS, name).en.lower()} than is given: mend one"
                " of them."
            )
    return told | {"document_number": found.number}


def _message(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    person: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    version: int,
    by: str,
) -> tuple[Companion, ...]:
    changed = sorted(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )
    named = ", ".join(str(label(FIELDS, name)) for name in changed) or "–"
    new = New(person, MESSAGE, {"fields": named}, str(version))
    return messages.posting(database, ledger, clock, (new,), by=by)


def _of(person: str) -> str:
    """The id of the record of why somebody's basics were corrected for them."""
    return CORRECTION + person.removeprefix("person")
