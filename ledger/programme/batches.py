"""Batches: many wishes of one person under one idempotency key, in one group.

What needs a second person cannot be part of one: a batch gets its answer at once.  Such a wish is
refused with the book's own rule `two-people`, by a companion, so that the refusal is kept with the
other outcomes and a replay gets it again, whatever the policy says by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from ledger.clock import Clock
from ledger.db import Database
from ledger.installation import OpenLedger
from ledger.journal.orders import Companion, Group, KeyReused, Order, Outcome, Refusal
from ledger.journal.times import format_time, to_us
from ledger.programme.proposals import made_proposal
from ledger.programme.reading.entries import reversible_points
from ledger.programme.reading.policies import policy_in_force
from ledger.programme.tables import proposal
from ledger.programme.wishes import Wish, approval_reason, command_of

TWO_PEOPLE = "two-people"


class Part(NamedTuple):
    """One wish of a batch, with the rows of other rooms that change together with it."""

    wish: Wish
    companions: tuple[Companion, ...] = ()


def submit_batch(
    database: Database, ledger: OpenLedger, clock: Clock, parts: Sequence[Part], *, atomic: bool
) -> list[Outcome]:
    """Enters 1 to 1,000 wishes of one request, all or nothing when `atomic`; their outcomes.

    The wishes bear the request's fingerprint and ids that count from 0 in their order.  The number
    of statements does not depend on theirs.  Raises what `Appender.submit` raises.
    """
    now = format_time(to_us(clock.now()))
    with database.reading() as conn:
        if made_proposal(conn, ledger.id, parts[0].wish.request):
            return [KeyReused()] * len(parts)
        reasons = _reasons(conn, ledger.id, [part.wish for part in parts], now)
    orders = [_order(part, reason) for part, reason in zip(parts, reasons, strict=True)]
    return ledger.appender.submit(Group(tuple(orders), atomic))


def _reasons(
    conn: Connection, ledger_id: int, wishes: Sequence[Wish], now: str
) -> list[str | None]:
    """Why each wish needs a second person; None for those that do not."""
    whole = {w.values["entry"] for w in wishes if w.kind == "reversal" and "amount" not in w.values}
    left = reversible_points(conn, ledger_id, whole)
    policy = policy_in_force(conn, ledger_id, now)
    return [approval_reason(w, policy, left.get(w.values.get("entry", -1))) for w in wishes]


def _order(part: Part, reason: str | None) -> Order:
    wish = part.wish
    if reason is not None:
        refusing = (_refusing(reason),)
        return Order(request=wish.request, fingerprint=wish.fingerprint, companions=refusing)
    return Order(
        command=command_of(wish.kind, wish.values, actor=wish.actor),
        request=wish.request,
        fingerprint=wish.fingerprint,
        companions=part.companions,
    )


def _refusing(reason: str) -> Companion:
    refusal = Refusal(TWO_PEOPLE, f"{reason} Send it by itself, so that it becomes a proposal")
    return Companion(proposal, (), lambda _rows, _done: refusal)
