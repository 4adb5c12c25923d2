"""Venues: where an organisation receives people: name, address, capacity, accessible or not."""

from __future__ import annotations

from ledger.errors import PointsError
from ledger.programme.people.belongings import Kind
from ledger.programme.people.tables import venue as table

CAPACITY_MAX = 100_000


class VenueUnknown(PointsError):
    """The ledger has no venue of that id that the caller may see."""

    code = "venue-unknown"


class VenueRefused(PointsError):
    """The venue's organisation is none of this ledger's."""

    code = "venue-refused"


VENUE = Kind("venue", table, VenueUnknown, VenueRefused)
