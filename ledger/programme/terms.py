"""What a ledger allows an import of earnings: its budget, its people, its clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, select

from ledger.clock import Clock
from ledger.journal import tables as t
from ledger.journal.bulk import keyed
from ledger.journal.entry import POINTS_MAX
from ledger.journal.times import format_time, local_day, to_us
from ledger.programme.csvlines import CsvFile, HistoryError
from ledger.programme.history import Columns, Limits
from ledger.programme.reading.days import offset_of


@dataclass(frozen=True, slots=True)
class Plan:
    """What is imported, by whom, out of which budget."""

    file: CsvFile
    source: str
    columns: Columns
    budget: str
    actor: str
    approver: str | None = None


class Terms(NamedTuple):
    """The rules and the clock of a ledger, as far as an import depends on them."""

    utc_offset_minutes: int
    limits: Limits
    points_left: int


def terms_of(conn: Connection, ledger_id: int, clock: Clock, plan: Plan) -> Terms:
    """What the ledger allows; `HistoryError` where the plan names what is not there."""
    offset = offset_of(conn, ledger_id)
    today = local_day(format_time(to_us(clock.now())), offset)
    budget = keyed(conn, t.budget.c, ledger_id, t.budget.c.account, [plan.budget])
    if not budget:
        raise HistoryError(f"There is no budget {plan.budget[:60]!r} in this ledger.")
    if budget[0].project is not None:
        raise HistoryError(f"The budget is for {budget[0].project} only: name a general one.")
    _want_office(conn, ledger_id, plan)
    (issuer,) = keyed(conn, t.account.c, ledger_id, t.account.c.name, [plan.budget])
    highest = POINTS_MAX if plan.approver else _grant_limit(conn, ledger_id, today)
    limits = Limits(budget[0].first, budget[0].last, today, highest)
    return Terms(offset, limits, max(budget[0].limit + issuer.balance, 0))


def _grant_limit(conn: Connection, ledger_id: int, today: str) -> int:
    """That of the policy in force: the last one published that starts by today."""
    query = (
        select(t.policy.c.grant_limit)
        .where(t.policy.c.ledger_id == ledger_id, t.policy.c.first <= today)
        .order_by(t.policy.c.seq.desc())
        .limit(1)
    )
    return conn.execute(query).scalar_one_or_none() or 0


def _want_office(conn: Connection, ledger_id: int, plan: Plan) -> None:
    if plan.actor == plan.approver:
        raise HistoryError("The approver is another person than the actor.")
    people = [person for person in (plan.actor, plan.approver) if person is not None]
    found = keyed(conn, t.person.c, ledger_id, t.person.c.person, people)
    office = {row.person for row in found if row.standing == "office"}
    for person in people:
        if person not in office:
            raise HistoryError(f"{person[:60]!r} is nobody of standing office in this ledger.")
