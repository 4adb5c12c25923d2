"""Readiness: what has to be known of a member before service of theirs is recorded.

Joining takes a name and a contact.  The rest is asked once service needs it: the consent to
recording, the basics of Order 67 (art. 5), and of a minor what their guardian consents to, as the
age on the local day of the service wants (`ages.py`).  Skills and service categories may be said to
be none.  Whose record is restricted or erased is not recorded at all.

A correction asks for nothing: the record has to be right, whoever it is about.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection

from ledger.installation import OpenLedger
from ledger.journal.entry import person_of
from ledger.journal.orders import Companion, CompanionRow, Done, Refusal
from ledger.journal.times import local_day
from ledger.programme import records
from ledger.programme.people import consents, guardians
from ledger.programme.people.ages import lacking_consents
from ledger.programme.people.labels import FIELDS, Label, label
from ledger.programme.people.notices import RECORDING
from ledger.programme.people.tables import consent as table
from ledger.programme.reading.days import offset_of
from ledger.programme.records import BASICS, Record
from ledger.programme.wishes import Values

RULE = "basics-needed"
_CONSENT, _CONTACT, _RECORD = f"consent:{RECORDING}", "contact", "record"
_REACHED_BY = ("phone", "email", "reached")
_FIELDS = ("full_name", "sex", "birth_date", "document_kind", "document_number", "area")
_LISTS = ("skills", "service_categories")

NEEDED: Mapping[str, Label] = {
    _RECORD: Label("未被限制或删除的记录", "A record that is neither restricted nor erased"),
    _CONSENT: Label("同意记录服务", "Consent to recording"),
    **{field: label(FIELDS, field) for field in _FIELDS},
    _CONTACT: Label("联系方式", "Contact"),
    **{field: label(FIELDS, field) for field in _LISTS},
    "guardian:join": Label("监护人同意加入", "Guardian's consent to joining"),
    "guardian:data": Label("监护人同意保存信息", "Guardian's consent to what is kept"),
    "guardian:volunteer": Label("监护人同意参加服务", "Guardian's consent to volunteering"),
}
"""What can be lacking, in the order in which it is told."""

Served = tuple[str, str]
"""A person, and the local day on which they serve."""

_SAYING, _BETWEEN = "this is lacking of the member: ", ", "


def lacking(
    conn: Connection, ledger: OpenLedger, served: Collection[Served]
) -> dict[Served, tuple[str, ...]]:
    """What lacks of each person before service of that day is recorded: words of `NEEDED`.

    Three statements.  Raises what `records.newest` raises.
    """
    people = {person for person, _ in served}
    agreeing = consents.agreeing(conn, ledger.id, RECORDING, people)
    found = _unknown(conn, ledger, served)
    return {each: _told(found[each], agrees=each[0] in agreeing) for each in served}


def conditions(
    conn: Connection, ledger: OpenLedger, services: Sequence[Values]
) -> list[tuple[Companion, ...]]:
    """Of each wish of the kind `service`, what refuses its order where something lacks.

    The consent is looked at when the order is entered, the rest now.  Three statements, or none
    where nothing is asked.  Raises as `lacking` does.
    """
    served = _served_by(conn, ledger, services)
    found = _unknown(conn, ledger, {each for each in served if each is not None})
    return [() if each is None else (_condition(each[0], found[each]),) for each in served]


def refusal(conn: Connection, ledger: OpenLedger, service: Values) -> Refusal | None:
    """Why a wish of the kind `service` is not to be proposed, or approved, now; four statements.

    Raises as `lacking` does.
    """
    (served,) = _served_by(conn, ledger, (service,))
    lacks = () if served is None else lacking(conn, ledger, (served,))[served]
    return refusing(lacks) if lacks else None


def approving(service: Values) -> tuple[Companion, ...]:
    """What refuses a wish of the kind `service` whose member withdrew the consent since they were
    looked at; nothing for a correction."""
    return () if "replaces" in service else (consenting(person_of(service["member"])),)


def consenting(person: str) -> Companion:
    """Refuses an order where a person's consent to recording does not stand."""
    return _condition(person, ())


def refusing(lacks: Collection[str]) -> Refusal:
    """The refusal for want of these words of `NEEDED`; it names nobody, and no values."""
    return Refusal(RULE, _SAYING + _BETWEEN.join(lacks))


def lacking_in(refused: Refusal) -> tuple[str, ...]:
    """What lacks, by such a refusal."""
    return tuple(refused.message.removeprefix(_SAYING).split(_BETWEEN))


def sentence(lacks: Collection[str]) -> str:
    """What somebody at a desk is told of these words, in both languages."""
    named = ", ".join(str(NEEDED[word]) for word in lacks)
    return f"Ask the member: before anything new is recorded of them, this is needed: {named}."


def _served_by(
    conn: Connection, ledger: OpenLedger, services: Sequence[Values]
) -> list[Served | None]:
    """Whom each wish is about, on which day; None where nothing is asked."""
    if all("replaces" in each for each in services):
        return [None] * len(services)
    offset = offset_of(conn, ledger.id)
    return [
        None
        if "replaces" in each
        else (person_of(each["member"]), local_day(each["effective_at"], offset))
        for each in services
    ]


def _unknown(
    conn: Connection, ledger: OpenLedger, served: Collection[Served]
) -> dict[Served, tuple[str, ...]]:
    """What lacks beside the consent; two statements, or none for nobody."""
    people = {person for person, _ in served}
    places = [(BASICS, person) for person in people]
    places += [(guardians.RECORD, guardians.id_of(person)) for person in people]
    kept = records.newest_of(conn, ledger, places)
    return {
        (person, day): _unknown_of(
            kept.get((BASICS, person)),
            kept.get((guardians.RECORD, guardians.id_of(person))),
            date.fromisoformat(day),
        )
        for person, day in served
    }


def _unknown_of(basics: Record | None, guardian: Record | None, day: date) -> tuple[str, ...]:
    if basics is not None and basics.fields is None:
        return (_RECORD,)
    known: Mapping[str, Any] = (basics.fields or {}) if basics is not None else {}
    said = {**known, _CONTACT: any(known.get(name) for name in _REACHED_BY)}
    lacks = {name for name in (*_FIELDS, _CONTACT) if not said.get(name)}
    lacks |= {name for name in _LISTS if known.get(name) is None}
    if told := known.get("birth_date"):
        born = date.fromisoformat(told)
        given = guardians.consents_in(guardian)
        lacks |= {f"guardian:{each}" for each in lacking_consents(born, max(born, day), given)}
    return tuple(word for word in NEEDED if word in lacks)


def _told(unknown: tuple[str, ...], *, agrees: bool) -> tuple[str, ...]:
    """All that lacks, with the consent where it does; of whom nothing may be kept, no more."""
    return unknown if agrees or unknown == (_RECORD,) else (_CONSENT, *unknown)


def _condition(person: str, unknown: tuple[str, ...]) -> Companion:
    def change(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        lacks = _told(unknown, agrees=consents.stands(rows[key]))
        return refusing(lacks) if lacks else {}

    key = (person, RECORDING)
    return Companion(table, (key,), change)
