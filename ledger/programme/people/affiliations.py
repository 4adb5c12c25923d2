"""Who is of an organisation on a local day: its confirmed members, and who has a role of it."""

from __future__ import annotations

from sqlalchemy import ColumnElement, FromClause, and_, exists, or_

from ledger.programme.people.memberships import CONFIRMED
from ledger.programme.people.tables import merged
from ledger.programme.tables import membership, role_grant


def affiliated(
    ledger_id: int, person: ColumnElement[str], organisation: ColumnElement[str], day: str
) -> ColumnElement[bool]:
    """Whether a person is of an organisation on that day; whoever was merged into them counts."""
    c, m, g = membership.c, merged.c, role_grant.c
    member = and_(
        *(c.ledger_id == ledger_id, c.organisation == organisation, c.state == CONFIRMED),
        lasts(membership, day),
    )
    before = and_(m.ledger_id == ledger_id, m.into == person, m.person == c.subject)
    holds = and_(
        *(g.ledger_id == ledger_id, g.person == person, g.organisation == organisation),
        *(g.ended_at.is_(None), lasts(role_grant, day)),
    )
    # Each by itself, so that it begins with the person and not with all of the organisation.
    return or_(
        exists().where(member, c.subject == person),
        exists().where(member, before),
        exists().where(holds),
    )


def lasts(table: FromClause, day: str) -> ColumnElement[bool]:
    """Whether a row with a first and perhaps a last day holds on that one."""
    return and_(table.c.first <= day, or_(table.c.last.is_(None), table.c.last >= day))
