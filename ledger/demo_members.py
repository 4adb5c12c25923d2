"""What is kept of the members of the sample programme: made up, and enough to record service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.clock import Clock
from ledger.db import Database
from ledger.installation import OpenLedger
from ledger.journal.entry import person_of
from ledger.journal.orders import Companion, Order
from ledger.journal.times import format_time, to_us
from ledger.programme.people import consents
from ledger.programme.people.notices import Notice
from ledger.programme.recording import Change, compose
from ledger.programme.records import BASICS

_SEXES = ("female", "male")
_SKILLS = ("", "急救", "手语 英语", "摄影")
_CATEGORIES = ("环保", "文化", "兴趣", "助老助残", "职业指导")


def acquainted(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    members: Mapping[str, str],
    notice: Notice,
    *,
    by: str,
) -> Order:
    """The order that keeps the basics and the consent of members, accounts by their names.

    They signed the notice on paper.  Raises what `recording.compose` raises.
    """
    at = format_time(to_us(clock.now()))
    changes: list[Change] = []
    agreed: list[Companion] = []
    for place, (name, account) in enumerate(members.items()):
        person = person_of(account)
        said = consents.saying(person, notice, None, consents.GIVEN, how="paper", by=by, at=at)
        changes += [Change(BASICS, person, person, _basics(place, name)), said.change]
        agreed.append(said.companion)
    composed = compose(database, ledger, clock, changes, by=by)
    return Order(companions=(*composed.companions, *agreed))


def _basics(place: int, name: str) -> dict[str, Any]:
    return {
        "full_name": name,
        "sex": _SEXES[place % len(_SEXES)],
        "birth_date": f"{1962 + 2 * place}-{1 + place % 12:02}-15",
        "document_kind": "other",
        "document_number": f"SAMPLE{place + 1:04}",
        "area": "北苑街道",
        "email": f"member{place + 1}@example.org",
        "skills": _SKILLS[place % len(_SKILLS)].split(),
        "service_categories": [_CATEGORIES[place % len(_CATEGORIES)]],
    }
