"""The only ways points flow: one function for each type of entry with postings.

Each function takes the state before, an entry of the right form whose people and clock have been
checked, and the local day of its `at`.  It works out from the state what change the entry must make
to each account, compares that with the entry's postings, and returns the rows that change.
Refusals are raised as `Refused`.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from ledger.journal import parts, times
from ledger.journal.entry import FIXED_ACCOUNTS, PURPOSES_OF_TWO, Entry, kind_of
from ledger.journal.parts import NEVER, Parts
from ledger.journal.postings import (
    amount_on,
    both_live,
    both_ready,
    change_of,
    due_holds,
    due_points,
    few_dates,
    funded,
    is_holder,
    joins,
    live,
    not_own,
    nothing_due,
    policy_on,
    posted,
    ready,
    sides,
    wants,
    with_holds,
)
from ledger.journal.reversal import reverse
from ledger.journal.rules import refuse
from ledger.journal.state import Account, Budget, Change, Hold, Service, State

HOLDS_MAX = 64


def _credit(state: State, entry: Entry, day: str) -> list[Change]:
    issuer, receiver, amount = sides(entry)
    wants(
        issuer.startswith("issuer/") and is_holder(receiver),
        "credit",
        "a budget's issuer to a member or organisation",
    )
    not_own(entry, receiver)
    service = _service_of(state, entry, receiver)
    source, account = both_live(state, issuer, receiver)
    nothing_due(account, receiver, entry["at"], day)
    served_on = times.local_day(entry["effective_at"], state.head.utc_offset_minutes)
    changes = _earned(state, entry, service, served_on, amount, day)
    _within_budget(state.get("budgets", issuer), entry, source, served_on, amount)
    change = _brought(state, entry, receiver, account, day)
    return changes + posted(state, entry, {issuer: (), receiver: change})


def _brought(state: State, entry: Entry, receiver: str, account: Account, day: str) -> Parts:
    """The receiver's change as the entry states it: a credit alone brings days of its own."""
    posting = entry["postings"][1]  # holders sort after issuers
    change = change_of(posting)
    if "parts" not in posting:
        return change
    first = min(change)[0]
    if first < day:
        refuse("past-day", f"points valid until {first} cannot be credited on {day}")
    few_dates(state, receiver, account, change)
    if change != parts.tidy(change) or any(points < 0 for _, points in change):
        refuse("parts", f"the parts of {receiver} are not in order of day, each once and positive")
    undated = change[-1][1] if change[-1][0] == NEVER else 0
    if account.balance < 0 and undated < min(-account.balance, posting["amount"]):
        refuse("parts", f"{receiver} is in debt, which what comes in fills first")
    return change


def _within_budget(
    budget: Budget, entry: Entry, source: Account, served_on: str, amount: int
) -> None:
    if not budget.first <= served_on <= budget.last:
        refuse(
            "budget-period",
            f"the budget covers {budget.first} to {budget.last}, not {served_on}",
        )
    if budget.project is not None and entry.get("project") != budget.project:
        refuse("budget-project", f"the budget is for {budget.project} only")
    if source.balance - amount < -budget.limit:
        left = max(budget.limit + source.balance, 0)
        refuse("budget-limit", f"the budget has {left} points left, {amount} are needed")


def _service_of(state: State, entry: Entry, receiver: str) -> Service | None:
    """The service that a credit names, which is the receiver's own and of the same time."""
    seq = entry.get("for")
    if seq is None:
        return None
    service: Service | None = state.get("services", seq)
    if service is None or service.member != receiver:
        refuse("reference", f"entry {seq} is no service of {receiver}")
    if entry["effective_at"] != service.effective_at:
        refuse("reference", f"service {seq} was at {service.effective_at}: credit it as of then")
    return service


def _earned(
    state: State, entry: Entry, service: Service | None, served_on: str, amount: int, day: str
) -> list[Change]:
    """The rules on what a credit is for: a service under its policy, or a grant."""
    if service is None:
        if "policy" in entry:
            refuse("policy", "a credit that names no service names no policy")
        policy = policy_on(state, day)
        if "approver" not in entry and (policy is None or amount > policy.grant_limit):
            refuse("grant", f"a grant of {amount} points is above the limit: it needs an approver")
        return []
    in_force = policy_on(state, served_on)
    if in_force is None or entry.get("policy") != in_force.seq:
        refuse("policy", f"the policy of {served_on} is {in_force and in_force.seq}")
    if not service.last:
        refuse("replaced", "this service was replaced: credit the one that replaced it")
    if not service.minutes:
        refuse("replaced", "this service was withdrawn: it earns nothing")
    root: Service = state.get("services", service.root)
    if root.credit:
        refuse("credited", f"this service bears the credit {root.credit}: reverse that first")
    return [("services", service.root, root._replace(credit=entry["seq"]))]


def _debit(state: State, entry: Entry, day: str) -> list[Change]:
    giver, receiver, amount = sides(entry)
    wants(
        is_holder(giver) and receiver == "withdrawn",
        "debit",
        "a member or organisation to `withdrawn`",
    )
    account = ready(state, giver, entry["at"], day)
    if "approver" not in entry:
        funded(account, giver, amount)
    change = parts.spend(account.balance, account.dated, amount)
    return posted(state, entry, {giver: change, receiver: ()})


def _transfer(state: State, entry: Entry, day: str) -> list[Change]:
    of_two = entry["purpose"] in PURPOSES_OF_TWO
    if of_two and "approver" not in entry:
        refuse("two-people", f"a transfer for the purpose {entry['purpose']} needs an approver")
    giver, receiver, amount = sides(entry)
    wants(is_holder(giver) and is_holder(receiver), "transfer", "one holder to another")
    if of_two:
        for name in (giver, receiver):
            not_own(entry, name)
    source, target = both_ready(state, giver, receiver, entry["at"], day)
    policy = policy_on(state, day)
    way = (entry["purpose"], kind_of(giver), kind_of(receiver))
    limit = policy.transfers.get(way) if policy else None
    if limit is None:
        refuse("purpose", f"the policy in force lists no {way[0]} from {way[1]} to {way[2]}")
    if amount > limit:
        refuse("purpose", f"a {way[0]} is at most {limit} points, got {amount}")
    funded(source, giver, amount)
    spent = parts.spend(source.balance, source.dated, amount)
    received = parts.receive(target.balance, parts.negated(spent))
    few_dates(state, receiver, target, received)
    return posted(state, entry, {giver: spent, receiver: received})


def _hold(state: State, entry: Entry, day: str) -> list[Change]:
    giver, receiver, amount = sides(entry)
    wants(is_holder(giver) and receiver == giver + "/held", "hold", "an account to its own `/held`")
    payee = entry["payee"]
    if payee == giver:
        refuse("flow", "an account does not hold points for itself")
    account, _ = both_live(state, giver, payee)
    nothing_due(account, giver, entry["at"], day)
    policy = policy_on(state, day)
    days_max = policy.hold_days if policy else 0
    ahead = times.parse_time(entry["until"]) - times.parse_time(entry["at"])
    if not 0 < ahead <= days_max * times.US_PER_DAY:
        refuse("until", f"a hold ends after it begins and within {days_max} days")
    if len(account.holds) >= HOLDS_MAX:
        refuse("holds", f"{giver} has {HOLDS_MAX} open holds: capture or release one first")
    funded(account, giver, amount)
    spent = parts.spend(account.balance, account.dated, amount)
    lots = parts.negated(spent)
    changes = posted(state, entry, {giver: spent, receiver: lots})
    seq = entry["seq"]
    changes.append(("holds", seq, Hold(giver, payee, entry["until"], lots)))
    with_holds(state, changes, giver, (*account.holds, seq))
    return changes


def _open_hold(state: State, seq: int) -> Hold:
    hold: Hold | None = state.get("holds", seq)
    if hold is None:
        refuse("reference", f"entry {seq} is no hold")
    if not hold.lots:
        refuse("reference", f"hold {seq} is closed: nothing of it is left")
    return hold


def captured(hold: Hold, amount: int, final: bool) -> tuple[Parts, Parts]:
    """What leaves the hold and what of that goes back, when `amount` is paid to the payee."""
    paid = parts.soonest(hold.lots, amount)
    if not final:
        return paid, ()
    return hold.lots, parts.without(hold.lots, paid)


def _capture(state: State, entry: Entry, day: str) -> list[Change]:
    seq = entry["for"]
    hold = _open_hold(state, seq)
    amount = amount_on(entry, hold.payee)
    final = "final" in entry
    if amount < 1:
        refuse("flow", f"a capture pays {hold.payee}")
    held = parts.total(hold.lots)
    if amount <= held:
        gone, back = captured(hold, amount, final)
        touched = (hold.account,) if back else ()
        joins(entry, (hold.account + "/held", hold.payee, *touched))
    holder, payee = both_ready(state, hold.account, hold.payee, entry["at"], day)
    if amount > held:
        refuse("funds", f"hold {seq} has {held} points left, {amount} are needed")
    expected = {
        hold.account + "/held": parts.negated(gone),
        hold.payee: parts.receive(payee.balance, ((NEVER, amount),)),
    }
    if back:
        expected[hold.account] = parts.receive(holder.balance, back)
    changes = posted(state, entry, expected)
    _close_hold(state, changes, seq, hold, gone)
    return changes


def _close_hold(state: State, changes: list[Change], seq: int, hold: Hold, gone: Parts) -> None:
    """Takes `gone` out of the hold, and the hold off its account when nothing is left."""
    left = parts.without(hold.lots, gone)
    changes.append(("holds", seq, hold._replace(lots=left)))
    if not left:
        account = state.account(hold.account)
        assert account is not None
        open_holds = tuple(other for other in account.holds if other != seq)
        with_holds(state, changes, hold.account, open_holds)


def _release(state: State, entry: Entry, day: str) -> list[Change]:
    seq = entry["for"]
    hold = _open_hold(state, seq)
    joins(entry, (hold.account, hold.account + "/held"))
    account = live(state, hold.account)
    due = due_holds(state, account, entry["at"])
    if "actor" in entry:
        ready(state, hold.account, entry["at"], day)
    elif not due or due[0] != seq:
        refuse("due", f"hold {seq} is not the oldest due one: a release of it needs an actor")
    changes = posted(
        state,
        entry,
        {
            hold.account: parts.receive(account.balance, hold.lots),
            hold.account + "/held": parts.negated(hold.lots),
        },
    )
    _close_hold(state, changes, seq, hold, hold.lots)
    return changes


def _expiry(state: State, entry: Entry, day: str) -> list[Change]:
    giver, receiver, _ = sides(entry)
    wants(
        is_holder(giver) and receiver == "expired",
        "expiry",
        "a member or organisation to `expired`",
    )
    account = live(state, giver)
    if due_holds(state, account, entry["at"]):
        refuse("due", f"holds of {giver} are due: release them before its points expire")
    due = due_points(account, day)
    if not due:
        refuse("due", f"no points of {giver} are due on {day}")
    return posted(state, entry, {giver: parts.negated(due), receiver: ()})


def _settlement(state: State, entry: Entry, day: str) -> list[Change]:
    giver, receiver, amount = sides(entry)
    wants(
        kind_of(giver) == "org" and is_holder(giver) and receiver == "settled",
        "settlement",
        "an organisation to `settled`",
    )
    account = ready(state, giver, entry["at"], day)
    funded(account, giver, amount)
    change = parts.spend(account.balance, account.dated, amount)
    return posted(state, entry, {giver: change, receiver: ()})


def _write_off(state: State, entry: Entry, day: str) -> list[Change]:
    giver, receiver, amount = sides(entry)
    wants(
        giver == "written-off" and is_holder(receiver),
        "write-off",
        "`written-off` to an account below zero",
    )
    not_own(entry, receiver)
    account = ready(state, receiver, entry["at"], day)
    if amount > -account.balance:
        refuse("debt", f"{receiver} owes {max(-account.balance, 0)} points, not {amount}")
    return posted(state, entry, {giver: (), receiver: ((NEVER, amount),)})


FLOWS: dict[str, Callable[[State, Entry, str], list[Change]]] = {
    "credit": _credit,
    "debit": _debit,
    "transfer": _transfer,
    "hold": _hold,
    "capture": _capture,
    "release": _release,
    "reversal": reverse,
    "expiry": _expiry,
    "settlement": _settlement,
    "write-off": _write_off,
}
assert all(not is_holder(name) for name in FIXED_ACCOUNTS)
