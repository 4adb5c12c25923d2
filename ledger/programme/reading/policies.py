"""Policies: all that were published, and the one in force."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from ledger.journal import tables as t
from ledger.journal.state import Policy
from ledger.journal.store import policy_of
from ledger.journal.times import local_day


def list_policies(conn: Connection, ledger_id: int, *, after: int = -1, limit: int) -> list[Policy]:
    """At most `limit` policies after the entry `after`, in the order of their publishing."""
    query = (
        select(t.policy)
        .where(t.policy.c.ledger_id == ledger_id, t.policy.c.seq > after)
        .order_by(t.policy.c.seq)
        .limit(limit)
    )
    return [policy_of(row) for row in conn.execute(query)]


_POLICIES = (
    select(t.policy, t.head.c.utc_offset_minutes)
    .join_from(t.policy, t.head, t.head.c.ledger_id == t.policy.c.ledger_id)
    .where(t.policy.c.ledger_id == bindparam("of_ledger"))
    .order_by(t.policy.c.seq)
)


def policy_in_force(conn: Connection, ledger_id: int, at: str) -> Policy | None:
    """The policy in force on the local day of the time `at`: the last that starts by then."""
    in_force = None
    # All of them, which are few: the local day is known once the ledger's offset is.
    for row in conn.execute(_POLICIES, {"of_ledger": ledger_id}):
        if row.first <= local_day(at, row.utc_offset_minutes):
            in_force = row
    return None if in_force is None else policy_of(in_force)
