"""Who is of an organisation on a local day: its confirmed members, and who has a role of it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from ledger.journal.bulk import keyed
from ledger.programme.people.memberships import CONFIRMED
from ledger.programme.people.tables import merged
from ledger.programme.tables import membership, role_grant


def organisations_of(
    conn: Connection, ledger_id: int, people: Collection[str], day: str
) -> dict[str, set[str]]:
    """The organisations that each of these people is of on that day.

    By memberships of whoever was merged into them too.  Three statements.
    """
    c, m, g = membership.c, merged.c, role_grant.c
    found: dict[str, set[str]] = {person: set() for person in people}
    of = {person: {person} for person in people}
    for row in keyed(conn, (m.person, m.into), ledger_id, m.into, people):
        of.setdefault(row.person, set()).add(row.into)
    columns = (c.subject, c.organisation, c.state, c.first, c.last)
    for row in keyed(conn, columns, ledger_id, c.subject, of):
        if row.state == CONFIRMED and lasts(row.first, row.last, day):
            for person in of[row.subject]:
                found[person].add(row.organisation)
    columns = (g.person, g.organisation, g.ended_at, g.first, g.last)
    for row in keyed(conn, columns, ledger_id, g.person, people):
        if row.organisation and row.ended_at is None and lasts(row.first, row.last, day):
            found[row.person].add(row.organisation)
    return found


def lasts(first: str, last: str | None, day: str) -> bool:
    """Whether what is from one day to another, or until further notice, holds on that day."""
    return first <= day and (last is None or day <= last)
