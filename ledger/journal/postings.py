"""What every flow of points asks and does: the accounts it joins, what they have, what changes.

Used by `flows.py` and `reversal.py`.  Refusals are raised as `Refused`.  Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ledger.journal import parts
from ledger.journal.entry import (
    HOLDER_KINDS,
    POINTS_MAX,
    POSTING_PARTS_MAX,
    Entry,
    person_of,
)
from ledger.journal.parts import NEVER, Parts
from ledger.journal.rules import ORDER, Refused, refuse
from ledger.journal.state import Account, Change, Policy, State

DATES_MAX = 64

_HOLDERS = tuple(f"{kind}/" for kind in HOLDER_KINDS)

Expected = Mapping[str, Parts]


def policy_on(state: State, day: str) -> Policy | None:
    """The policy in force on a local day: the last one published that starts by then."""
    in_force = None
    for policy in state.policies():
        if policy.first <= day:
            in_force = policy
    return in_force


def is_due(account: Account, at: str, day: str) -> bool:
    """Whether holds of the account are past their `until`, or points past their day, at `at`."""
    if account.holds and account.until < at:
        return True
    return bool(account.dated) and account.dated[0][0] < day


def due_holds(state: State, account: Account, at: str) -> list[int]:
    """The account's holds that are past their `until`, oldest first."""
    return [seq for seq in account.holds if state.get("holds", seq).until < at]


def due_points(account: Account, day: str) -> Parts:
    """The account's dated parts whose local day is over, as many as one posting can list."""
    return tuple(part for part in account.dated if part[0] < day)[:POSTING_PARTS_MAX]


# --- what every flow needs ---------------------------------------------------------------------


def sides(entry: Entry) -> tuple[str, str, int]:
    """Giver, receiver and amount of an entry that has one of each, in order of account."""
    postings = entry["postings"]
    if len(postings) != 2:
        refuse("flow", f"a {entry['type']} has two postings, not {len(postings)}")
    first, second = postings
    giver, receiver = (first, second) if first["amount"] < 0 else (second, first)
    amount: int = receiver["amount"]
    if giver["amount"] != -amount:
        refuse("flow", "the postings do not sum to zero")
    if first["account"] >= second["account"]:
        refuse("flow", "postings stand in order of account, one an account")
    return giver["account"], receiver["account"], amount


def joins(entry: Entry, names: Collection[str]) -> None:
    """The postings are to these accounts and no others, in order, and sum to zero."""
    postings = entry["postings"]
    if [posting["account"] for posting in postings] != sorted(names):
        refuse("flow", "the postings want to be to " + ", ".join(sorted(names)))
    if sum(posting["amount"] for posting in postings):
        refuse("flow", "the postings do not sum to zero")


def wants(condition: bool, kind: str, way: str) -> None:
    if not condition:
        refuse("flow", f"a {kind} goes from {way}")


def is_holder(account: str) -> bool:
    return account.startswith(_HOLDERS) and not account.endswith("/held")


def not_own(entry: Entry, account: str) -> None:
    """Who acts or approves does not do so for their own account."""
    if person_of(account) in (entry["actor"], entry.get("approver")):
        refuse("self", f"nobody acts or approves in a {entry['type']} of their own account")


def live(state: State, name: str) -> Account:
    """The account, which must exist and be open."""
    account = state.account(name)
    if account is None:
        refuse("account", f"there is no account {name}: open it first")
    if not account.open:
        refuse("closed", f"the account {name} is closed: open it again first")
    return account


def ready(state: State, name: str, at: str, day: str) -> Account:
    """The live account of a member or organisation, of which nothing is due."""
    account = live(state, name)
    nothing_due(account, name, at, day)
    return account


def nothing_due(account: Account, name: str, at: str, day: str) -> None:
    if is_due(account, at, day):
        refuse("due", f"holds or points of {name} are due: release and expire them first")


def both_live(state: State, first: str, second: str) -> tuple[Account, Account]:
    """Two live accounts; that one does not exist is said before that the other is closed."""
    one, other = state.account(first), state.account(second)
    if one is None or other is None:
        refuse("account", f"there is no account {first if one is None else second}: open it first")
    if not (one.open and other.open):
        closed = second if one.open else first
        refuse("closed", f"the account {closed} is closed: open it again first")
    return one, other


def both_ready(state: State, first: str, second: str, at: str, day: str) -> tuple[Account, Account]:
    """Two live accounts, of which nothing is due if members or organisations have them."""
    accounts = both_live(state, first, second)
    for name, account in zip((first, second), accounts, strict=True):
        nothing_due(account, name, at, day)
    return accounts


def funded(account: Account, name: str, amount: int) -> None:
    if account.balance < amount:
        refuse("funds", f"{name} has {account.balance} points available, {amount} are needed")


def few_dates(state: State, name: str, account: Account, change: Parts) -> None:
    """At most 64 days, held ones counted, once a change brings dated points."""
    if change[0][0] == NEVER:
        return
    held = state.account(name + "/held")
    days = {day for day, _ in parts.applied(account.dated, change)}
    days |= {day for day, _ in held.dated} if held else set()
    if len(days) > DATES_MAX:
        refuse("dates", f"{name} would have {len(days)} dated parts, at most {DATES_MAX} are kept")


def change_of(posting: Mapping[str, Any]) -> Parts:
    listed = posting.get("parts")
    if listed is None:
        return ((NEVER, posting["amount"]),)
    return tuple((day, points) for day, points in listed)


def posted(state: State, entry: Entry, expected: Expected) -> list[Change]:
    """Compares the postings with the `expected` change of each account; what they make of it."""
    seq, nonce = entry["seq"], entry["nonce"]
    changes: list[Change] = []
    faults: list[Refused] = []
    for posting in entry["postings"]:
        name, amount = posting["account"], posting["amount"]
        account = state.account(name)
        assert account is not None
        balance = account.balance + amount
        change = expected[name]
        if not _states(posting, change):
            faults.append(Refused("parts", f"the parts of {name} are not those the rules give"))
        if not -POINTS_MAX <= balance <= POINTS_MAX:
            faults.append(Refused("range", f"{name} would hold {balance} points, beyond 2^53-1"))
        if posting["balance"] != balance:
            said = f"{name} has {balance} points now, not {posting['balance']}"
            faults.append(Refused("balance", said))
        if posting["prev"] != account.last:
            said = f"{name} was last changed by {account.last}, not {posting['prev']}"
            faults.append(Refused("prev", said))
        dated = parts.applied(account.dated, change) if "parts" in posting else account.dated
        after = Account(
            balance, seq, nonce, account.count + 1, dated, True, account.holds, account.until
        )
        changes.append(("accounts", name, after))
    if faults:
        raise min(faults, key=lambda fault: ORDER[fault.rule])
    return changes


def _states(posting: Mapping[str, Any], change: Parts) -> bool:
    """Whether the posting lists the parts of `change`, and lists none where it need not."""
    listed = posting.get("parts")
    if not change:  # issuers and the fixed accounts have no parts
        return listed is None
    amount = posting["amount"]
    if listed is None:
        return len(change) == 1 and change[0] == (NEVER, amount)
    if len(change) == 1 and change[0][0] == NEVER:
        return False
    return tuple(map(tuple, listed)) == change and parts.total(change) == amount


def with_holds(state: State, changes: list[Change], name: str, holds: tuple[int, ...]) -> None:
    """Puts the open `holds` of `name` into `changes`, whose hold rows are there already."""
    fresh = {key: row for table, key, row in changes if table == "holds"}
    untils = [(fresh.get(seq) or state.get("holds", seq)).until for seq in holds]
    for place, (table, key, row) in enumerate(changes):
        if table == "accounts" and key == name:
            del changes[place]
            account = row
            break
    else:
        account = state.account(name)
    account = account._replace(holds=holds, until=min(untils, default=""))
    changes.append(("accounts", name, account))


def amount_on(entry: Entry, account: str) -> int:
    return next((p["amount"] for p in entry["postings"] if p["account"] == account), 0)
