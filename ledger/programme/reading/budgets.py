"""Budgets and their use, as of any entry."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from ledger.journal import tables as t
from ledger.journal.bulk import keyed
from ledger.journal.entry import Entry, decode


@dataclass(frozen=True, slots=True)
class BudgetView:
    """A budget, what was issued from it less what came back, and what is left."""

    budget: str
    limit: int
    first: str
    last: str
    project: str | None
    issued: int

    @property
    def left(self) -> int:
        """What can still be issued; 0 where the limit was lowered below what is."""
        return max(self.limit - self.issued, 0)


def list_budgets(
    conn: Connection, ledger_id: int, as_of: int, *, after: str | None, limit: int
) -> list[BudgetView]:
    """At most `limit` budgets as they were after the entry `as_of`, in order of their ids."""
    b, m, p = t.budget.c, t.mention.c, t.posting.c
    said = select(func.max(m.seq)).where(
        m.ledger_id == ledger_id, m.account == b.account, m.seq <= as_of
    )
    balance = (
        select(p.balance)
        .where(p.ledger_id == ledger_id, p.account == b.account, p.seq <= as_of)
        .order_by(p.seq.desc())
        .limit(1)
    )
    query = (
        select(
            said.scalar_subquery().label("said"),
            func.coalesce(balance.scalar_subquery(), 0).label("balance"),
        )
        .where(
            b.ledger_id == ledger_id,
            b.account > (after or ""),
            said.scalar_subquery().is_not(None),
        )
        .order_by(b.account)
        .limit(limit)
    )
    rows = conn.execute(query).all()
    e = t.entry.c
    seqs = [row.said for row in rows]
    terms = {
        row.seq: decode(bytes(row.raw))
        for row in keyed(conn, (e.seq, e.raw), ledger_id, e.seq, seqs)
    }
    return [_view(terms[row.said], -row.balance) for row in rows]


def _view(said: Entry, issued: int) -> BudgetView:
    days = said["from"], said["to"]
    return BudgetView(said["budget"], said["limit"], *days, said.get("project"), issued)
