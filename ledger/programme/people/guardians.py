"""Guardians: who consents for a minor, and to what (`ages.py` says what is wanted at which age).

What is kept is one record about the minor: the guardian's name, how they are reached and whether a
code has confirmed that, and what they consented to.  A guardian need not be a member.  That they
are the guardian is their own word, or what the desk was shown; nobody's papers are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection

from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.entry import new_id
from ledger.programme import records
from ledger.programme.people.ages import DATA, GROWN, JOIN, VOLUNTEER, Stage, stage_on
from ledger.programme.people.contacts import Contact
from ledger.programme.recording import Change

RECORD = "guardian"
CONSENTS = (JOIN, DATA, VOLUNTEER)


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


def stage_of(born: str | None, today: str) -> Stage:
    """What somebody's age lets them do; who tells no day of birth declares to be of age.

    Raises `BirthRefused` for a day that is still to come.
    """
    if born is None:
        return GROWN
    try:
        return stage_on(date.fromisoformat(born), date.fromisoformat(today))
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
    reached = guardian.contact or own
    said = {
        "name": guardian.name,
        "consents": sorted(guardian.consents),
        "how": how,
        **({} if reached is None else {f"guardian_{reached.field}": reached.value}),
    }
    return Change(RECORD, id_of(person), person, said)


def consents_for(conn: Connection, ledger: OpenLedger, person: str) -> frozenset[str]:
    """What a person's guardian consents to; nothing where there is none.  Two statements."""
    found = records.newest(conn, ledger, RECORD, (id_of(person),)).get(id_of(person))
    said = (found.fields or {}) if found is not None else {}
    return frozenset(said.get("consents", ()))


def id_of(person: str) -> str:
    """The id of the record of a person's guardian."""
    digest = hashlib.sha256(f"points/guardian/v1\n{person}".encode("ascii")).digest()
    return new_id(RECORD, digest[:16])
