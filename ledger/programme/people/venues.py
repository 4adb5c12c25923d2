"""Venues: where an organisation receives people: name, address, capacity, accessible or not."""

from __future__ import annotations

from sqlalchemy import ColumnElement

from ledger.errors import PointsError
from ledger.programme.people.belongings import Kind
from ledger.programme.people.tables import venue as table
from ledger.programme.roles import Reach

CAPACITY_MAX = 100_000


class VenueUnknown(PointsError):
    """The ledger has no venue of that id that the caller may see."""

    code = "venue-unknown"


class VenueRefused(PointsError):
    """The venue's organisation is none of this ledger's."""

    code = "venue-refused"


VENUE = Kind("venue", table, VenueUnknown, VenueRefused)


def reached(reach: Reach) -> ColumnElement[bool]:
    """The rows that belong to a reach: all, or those of its organisations."""
    if reach.everything:
        return table.c.ledger_id.is_not(None)
    return table.c.organisation.in_(sorted(reach.organisations))
