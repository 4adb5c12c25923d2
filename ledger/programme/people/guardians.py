"""Guardians: who consents for a minor, and to what (`ages.py` says what is wanted at which age).

What is kept is one record about the minor: the guardian's name, how they are reached and whether a
code has confirmed that, and what they consented to.  A guardian need not be a member.  That they
are the guardian is their own word, or what the desk was shown; nobody's papers are kept.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.programme import records
from ledger.programme.ids import id_from
from ledger.programme.people.ages import DATA, GROWN, JOIN, VOLUNTEER, Stage, stage_on
from ledger.programme.people.codes import spend_code
from ledger.programme.people.contacts import Contact, nobody_of
from ledger.programme.people.devices import CodeRefused
from ledger.programme.reading.accounts import account_exists
from ledger.programme.recording import Change, save
from ledger.programme.records import Record, RecordUnknown
from ledger.programme.roles import Reach

RECORD = "guardian"
CONSENTS = (JOIN, DATA, VOLUNTEER)
CONTACT = "contact"
"""What the codes are for that confirm a contact (`codes.py`)."""

_CONTACTS = ("guardian_phone", "guardian_email")


class GuardianNeeded(PointsError):
    """A minor's guardian has to consent, or to join in the child's place."""

    code = "guardian-needed"


class BirthRefused(PointsError):
    """The day of birth cannot be."""

    code = "birth-refused"


class Guardian(NamedTuple):
    """Who consents for a minor.

    `contact` is None where it is the minor's own, as in families, or where nothing but paper
    reaches them; `code` confirms it.
    """

    name: str
    consents: frozenset[str]
    contact: Contact | None = None
    code: str | None = None

    def __repr__(self) -> str:
        return "<a guardian>"


def stage_of(birth_date: str | None, today: str) -> Stage:
    """What somebody's age lets them do; who tells no day of birth declares to be of age.

    Raises `BirthRefused` for a day that is still to come.
    """
    if birth_date is None:
        return GROWN
    try:
        return stage_on(date.fromisoformat(birth_date), date.fromisoformat(today))
    except ValueError:
        raise BirthRefused("Nobody is born on a day that is still to come.") from None


def check_guardian(stage: Stage, guardian: Guardian | None) -> None:
    """Raises `GuardianNeeded` where a guardian has still to consent to something at that age."""
    given: Collection[str] = guardian.consents if guardian is not None else ()
    missing = [each for each in CONSENTS if each in stage.guardian and each not in given]
    if missing:
        raise GuardianNeeded(
            f"Who is under {stage.below} joins with a guardian, who consents to"
            f" {', '.join(missing)}. Ask them for it."
        )
    if guardian is not None and guardian.contact is not None and not stage.acts:
        raise GuardianNeeded(
            f"For a child under {stage.below} the guardian joins: their telephone or address is"
            " the child's. Leave the guardian's own out."
        )


def change_for(person: str, guardian: Guardian, own: Contact | None, how: str) -> Change:
    """The record of a new minor's guardian, who is reached by the minor's `own` contact if none."""
    said = _said(guardian, guardian.contact or own, how)
    return Change(RECORD, id_of(person), person, said)


def amend(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    person: str,
    guardian: Guardian,
    *,
    seen: int,
    how: str,
    by: str,
) -> Record:
    """Enters who a member's guardian is and what they consent to now, if its version is `seen`.

    0: there is none yet.  A contact that is not told anew stays.  Raises `RecordUnknown` where
    there is no such member, `CodeRefused`, and what `recording.save` raises.
    """
    name = id_of(person)
    with database.reading() as conn:
        if not account_exists(conn, ledger.id, "member" + person.removeprefix("person")):
            raise _unknown(person)
        before = records.newest(conn, ledger, RECORD, (name,)).get(name)
    if guardian.contact is not None:
        place = (database, ledger, clock, CONTACT, guardian.contact)
        if spend_code(*place, guardian.code or "", name) is None:
            raise CodeRefused
    kept = {} if before is None else before.fields or {}
    said = {each: kept[each] for each in _CONTACTS if each in kept and guardian.contact is None}
    said |= _said(guardian, guardian.contact, how)
    (made,) = save(database, ledger, clock, [Change(RECORD, name, person, said, seen)], by=by)
    return made


def find_guardian(conn: Connection, ledger: OpenLedger, person: str, reach: Reach) -> Record:
    """The record of a person's guardian, if there is one that `reach` has; `RecordUnknown`."""
    name = id_of(person if reach.has_person(person) else nobody_of(ledger))
    found = records.newest(conn, ledger, RECORD, (name,)).get(name)
    if found is None or found.fields is None:
        raise _unknown(person)
    return found


def consents_in(found: Record | None) -> frozenset[str]:
    """What a guardian consents to by their record; nothing without one, or where it is shut."""
    said = (found.fields or {}) if found is not None else {}
    return frozenset(said.get("consents", ()))


def id_of(person: str) -> str:
    """The id of the record of a person's guardian."""
    return id_from(RECORD, person)


def _said(guardian: Guardian, reached: Contact | None, how: str) -> dict[str, Any]:
    contact = {} if reached is None else {f"guardian_{reached.field}": reached.value}
    said = {"name": guardian.name, "consents": sorted(guardian.consents), "how": how}
    return said | contact


def _unknown(person: str) -> RecordUnknown:
    return RecordUnknown(f"There is no guardian of {person} that you may see.")
