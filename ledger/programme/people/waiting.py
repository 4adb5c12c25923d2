"""What of people and organisations waits for a person: kinds of tasks (`tasks.py`)."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_

from ledger.programme.erasure_requests import (
    DUE_WORKING_DAYS,
    ERASED,
    OPEN,
    REFUSED,
    RESTRICTED,
)
from ledger.programme.people.memberships import CLAIMED, shares
from ledger.programme.people.organisations import FOLLOWING
from ledger.programme.people.tables import organisation
from ledger.programme.roles import Principal
from ledger.programme.tables import erasure_request, membership
from ledger.programme.tasks import KINDS, Kind, register

__all__ = ["KINDS"]  # those of this room among them


def _claimed(who: Principal) -> ColumnElement[bool]:
    """Claims of those who let the organisation know who they are, of the caller's organisations."""
    waits = and_(membership.c.state == CLAIMED, shares())
    reach = who.reach("memberships:decide")
    if reach.everything:
        return waits
    return waits & membership.c.organisation.in_(sorted(reach.organisations))


register(
    "erasure-asked",
    Kind(
        action="erasures:decide",
        role="admin",
        decisions=(REFUSED, RESTRICTED, ERASED),
        working_days=DUE_WORKING_DAYS,
        subject=erasure_request.c.id,
        since=erasure_request.c.at,
        waits=lambda _: erasure_request.c.state == OPEN,
    ),
)
register(
    "organisation-applied",
    Kind(
        action="organisations:admit",
        role="admin",
        decisions=FOLLOWING["applied"],
        working_days=10,
        subject=organisation.c.id,
        since=organisation.c.at,
        waits=lambda _: organisation.c.status == "applied",
        beside={"what": organisation.c.kind},
    ),
)
register(
    "membership-claimed",
    Kind(
        action="memberships:decide",
        role="manager",
        decisions=("confirm", "decline"),
        working_days=10,
        subject=membership.c.id,
        since=membership.c.at,
        waits=_claimed,
        beside={"organisation": membership.c.organisation},
    ),
)
