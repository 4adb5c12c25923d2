"""The verified service that people gave while they belonged to an organisation.

From the first day of a membership on, to its last: days of UTC, of the time at which service began.
Minutes are those given, never capped; of each correction the last one counts.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from ledger.journal.tables import service
from ledger.programme.tables import membership

_DAY_CHARACTERS = len("2026-11-24")


def within() -> ColumnElement[bool]:
    """Joins each membership with the service that its person gave within it."""
    m, s = membership.c, service.c
    day = func.substr(s.effective_at, 1, _DAY_CHARACTERS)
    return and_(
        s.ledger_id == m.ledger_id,
        s.member == "member" + func.substr(m.subject, len("person") + 1),
        s.last,
        day >= m.first,
        or_(m.last.is_(None), day <= m.last),
    )


def minutes_of(conn: Connection, ledger_id: int, ids: Collection[str]) -> dict[str, int]:
    """The minutes given within each of these memberships, a page of them.  One statement."""
    m = membership.c
    query = (
        select(m.id, func.sum(service.c.minutes).label("minutes"))
        .select_from(membership)
        .join(service, within())
        .where(m.ledger_id == ledger_id, m.id.in_(sorted(ids)))
        .group_by(m.id)
    )
    given = {row.id: int(row.minutes) for row in conn.execute(query)} if ids else {}
    return {name: given.get(name, 0) for name in ids}
