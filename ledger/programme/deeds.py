"""What wishes become, by one person or by two; deeds are those that are no command of the journal.

A deed is the orders that a wish becomes: companions alone, which enter nothing in the log, or
entries with what travels along.  It waits as a proposal (`proposals.py`) wherever `reason` says why
two people are needed.  Rooms below add their own kinds with `register`, once, when they are
imported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from ledger.clock import Clock
from ledger.db import Database
from ledger.installation import OpenLedger
from ledger.journal.commands import StateOfAll
from ledger.journal.orders import Companion, Order
from ledger.programme.engagements import NEEDS_TWO, engaging
from ledger.programme.grants import TWO_PEOPLE_ROLES, granting
from ledger.programme.wishes import KINDS, Values, Wish, command_of

Orders = Callable[[Wish, str | None, str], tuple[Order, ...]]
After = Callable[[Database, OpenLedger, Clock, Wish], None]


class Deed(NamedTuple):
    """What a kind of wish becomes.

    `reason` says of its values why it needs a second person, None where one is enough.  `orders`
    takes the wish, who approved it (None where nobody had to) and the time, and gives the orders of
    one group, all or nothing: one order where one person is enough.  The last one bears the wish's
    request where it has a command, and no other has one.  What `orders` raises leaves a proposal
    open; what the group is refused for closes it.  `after` is what follows outside of the append
    path once two people's orders are entered; it runs again whenever the approval is sent again.
    """

    reason: Callable[[Values], str | None]
    orders: Orders
    after: After | None = None


def register(kind: str, deed: Deed) -> None:
    """Adds a kind of wish; ValueError where there is one of that name."""
    if kind in KINDS or kind in DEEDS:
        raise ValueError(f"there are wishes of the kind {kind} already")
    DEEDS[kind] = deed


def order_of_one(wish: Wish, at: str, companions: tuple[Companion, ...]) -> Order:
    """What a wish becomes in one person's name: nothing, where that is never enough for a deed.

    Either way with these companions.
    """
    deed = DEEDS.get(wish.kind)
    if deed is None:
        command = command_of(wish.kind, wish.values, actor=wish.actor)
        return Order(command=command, companions=companions)
    if deed.reason(wish.values) is not None:
        return Order(companions=companions)
    (order,) = deed.orders(wish, None, at)
    return replace(order, companions=(*order.companions, *companions))


def orders_of_two(wish: Wish, approver: str, at: str) -> tuple[Order, ...]:
    """What a wish becomes in two people's names: all or nothing."""
    deed = DEEDS.get(wish.kind)
    if deed is not None:
        return deed.orders(wish, approver, at)
    order = Order(command=command_of(wish.kind, wish.values, actor=wish.actor, approver=approver))
    # A settlement stands behind the state of all accounts (rule 12).
    return (Order(command=StateOfAll()), order) if wish.kind == "settlement" else (order,)


# --- the kinds of this room ----------------------------------------------------------------------


def _why_grant(values: Values) -> str | None:
    if "deputy_of" not in values and values["role"] in TWO_PEOPLE_ROLES:
        return "Roles of the office and auditors' are given by two people."
    return None


def _grant(wish: Wish, _: str | None, at: str) -> tuple[Order, ...]:
    given = granting(wish.values, request=wish.request, by=wish.actor, by_for=wish.actor_for, at=at)
    return (Order(companions=(given,)),)


def _engagement(wish: Wish, approver: str | None, at: str) -> tuple[Order, ...]:
    made = engaging(
        wish.values, request=wish.request, by=wish.actor, approved_by=approver or "", at=at
    )
    return (Order(companions=(made,)),)


DEEDS: dict[str, Deed] = {
    "engagement": Deed(lambda _: NEEDS_TWO, _engagement),
    "grant": Deed(_why_grant, _grant),
}
"""By kind; those of this room."""
