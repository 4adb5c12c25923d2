"""Alliances: organisations whose members are organisations."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.journal.orders import Done
from ledger.programme.people.alliances import Membership, join_alliance, members_of
from ledger.programme.people.organisations import (
    Organisation,
    OrganisationRefused,
    find_organisation,
    id_of,
    register,
)
from ledger.programme.roles import Reach
from ledger.programme.wishes import Wish
from tests.programme.registry import Registry

EVERYTHING = Reach(everything=True)


def taken_up(registry: Registry, kind: str, name: str) -> Organisation:
    wish = Wish("organisation", {}, registry.office, f"{name:A<43}=", name.encode())
    said: dict[str, Any] = {"name_en": name}
    place = (registry.database, registry.ledger, registry.clock)
    assert isinstance(register(*place, wish, kind, None, said), Done)
    with registry.database.reading() as conn:
        return find_organisation(conn, registry.ledger, id_of(wish.request), EVERYTHING)


def members(registry: Registry, alliance: Organisation, **part: Any) -> list[Membership]:
    wanted = {"after": None, "limit": 10} | part
    with registry.database.reading() as conn:
        return members_of(conn, registry.ledger.id, alliance.id, **wanted)


def test_an_organisation_is_in_an_alliance_for_some_days_and_again(registry: Registry) -> None:
    # given an alliance that an enterprise joined, left, and joined again
    alliance = taken_up(registry, "alliance", "federation")
    firm = taken_up(registry, "enterprise", "firm")
    join_alliance(registry.ledger, alliance, firm, "2026-01-01", None)
    join_alliance(registry.ledger, alliance, firm, "2026-01-01", "2026-06-30")
    join_alliance(registry.ledger, alliance, firm, "2026-09-01", None)

    first = Membership(firm.id, "2026-01-01", "2026-06-30")
    second = Membership(firm.id, "2026-09-01", None)
    assert members(registry, alliance) == [first, second]
    assert members(registry, alliance, limit=1) == [first]
    assert members(registry, alliance, after=(firm.id, "2026-01-01")) == [second]


@pytest.mark.parametrize(
    ("kind", "itself", "last", "why"),
    [
        ("enterprise", False, None, "An alliance has"),
        ("alliance", True, None, "An alliance has"),
        ("alliance", False, "2025-12-31", "before it begins"),
    ],
)
def test_what_is_no_membership_is_refused(
    registry: Registry, kind: str, itself: bool, last: str | None, why: str
) -> None:
    alliance = taken_up(registry, kind, "federation")
    member = alliance if itself else taken_up(registry, "enterprise", "firm")

    with pytest.raises(OrganisationRefused, match=why):
        join_alliance(registry.ledger, alliance, member, "2026-01-01", last)

    assert members(registry, alliance) == []
