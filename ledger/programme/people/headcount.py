"""Totals of an organisation: how many belong to it, and what they did together.

Each number is shown from five people on, and left out below: four could be told apart.  People are
counted in whole fives, since whoever invites one more and sees the number grow by one would know
who accepted.  Minutes and points are left out too where one to four keep their hours to themselves:
they are what the others, who share theirs, leave of the total.  Balances and redemptions are never
among them.  Nor is how many invitations are open: whoever invited one person anew could tell from
it whether they had declined, or accepted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, and_, func, select

from ledger.installation import OpenLedger
from ledger.journal import tables as t
from ledger.programme import lapses
from ledger.programme.people.memberships import CLAIMED, CONFIRMED, shares
from ledger.programme.people.serving import within
from ledger.programme.people.tables import merged
from ledger.programme.tables import invitation, membership

FROM = 5


class Totals(NamedTuple):
    """Numbers of people in whole fives, None below; minutes and points None too if they tell more.

    `minutes` are those of verified service that those who belong to it now gave from the first day
    of their membership on (of UTC), and `points` what these earned.
    """

    members: int | None
    claimed: int | None
    accepted: int | None
    minutes: int | None
    points: int | None


def totals_of(conn: Connection, ledger: OpenLedger, organisation: str) -> Totals:
    """The totals of an organisation.  Four statements, however many people it has."""
    i = invitation.c
    states = _belonging(conn, ledger.id, organisation)
    mine = (i.ledger_id == ledger.id) & (i.organisation == organisation)
    invited = _counted(conn, i.state, mine, i.state == lapses.ACCEPTED)
    members = _shown(states.get(CONFIRMED, 0))
    hidden = _belonging(conn, ledger.id, organisation, ~shares()).get(CONFIRMED, 0)
    minutes, points = _given(conn, ledger.id, organisation)
    is_told = members is not None and not 0 < hidden < FROM
    return Totals(
        members,
        _shown(states.get(CLAIMED, 0)),
        _shown(invited.get(lapses.ACCEPTED, 0)),
        minutes if is_told else None,
        points if is_told else None,
    )


def _belonging(
    conn: Connection, ledger_id: int, organisation: str, *conditions: ColumnElement[bool]
) -> dict[str, int]:
    """People by the state of their memberships; who was merged is who they were merged into."""
    m, g = membership.c, merged.c
    person = func.coalesce(g.into, m.subject)
    query = (
        select(m.state, func.count(func.distinct(person)))
        .select_from(membership)
        .outerjoin(merged, and_(g.ledger_id == m.ledger_id, g.person == m.subject))
        .where(m.ledger_id == ledger_id, m.organisation == organisation, *conditions)
        .group_by(m.state)
    )
    return {row[0]: row[1] for row in conn.execute(query)}


def _counted(
    conn: Connection, state: Column[Any], *conditions: ColumnElement[bool]
) -> dict[str, int]:
    rows = conn.execute(select(state, func.count()).where(*conditions).group_by(state))
    return {row[0]: row[1] for row in rows}


def _shown(number: int) -> int | None:
    return number - number % FROM or None


def _given(conn: Connection, ledger_id: int, organisation: str) -> tuple[int, int]:
    """Minutes of service of those who belong to it, and the points that are credited for them.

    A chain of corrections bears its credit on the first of it; what was reversed is none.
    """
    first = t.service.alias("first")
    m, s, f, p, r = membership.c, t.service.c, first.c, t.posting.c, t.reversed_.c
    query = (
        select(
            func.coalesce(func.sum(s.minutes), 0),
            func.coalesce(func.sum(p.amount - func.coalesce(r.points, 0)), 0),
        )
        .select_from(membership)
        .join(t.service, within())
        .join(first, and_(f.ledger_id == s.ledger_id, f.seq == s.root))
        .outerjoin(
            t.posting,
            and_(p.ledger_id == f.ledger_id, p.account == f.member, p.seq == f.credit),
        )
        .outerjoin(t.reversed_, and_(r.ledger_id == p.ledger_id, r.seq == p.seq))
        .where(m.ledger_id == ledger_id, m.organisation == organisation, m.state == CONFIRMED)
    )
    minutes, points = conn.execute(query).one()
    return int(minutes), int(points)
