"""The only ways points flow: one function for each type of entry with postings.

Each function takes the state before, an entry of the right form whose people and clock have been
checked, and the local day of its `at`.  It works out from the state what change the entry must make
to each account, compares that with the entry's postings, and returns the rows that change.
Refusals are raised as `Refused`.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from ledger.journal import parts, times
from ledger.journal.entry import (
    FIXED_ACCOUNTS,
    HOLDER_KINDS,
    POINTS_MAX,
    POSTING_PARTS_MAX,
    Entry,
    base_of,
    kind_of,
    person_of,
)
from ledger.journal.parts import NEVER, Parts
from ledger.journal.rules import ORDER, Refused, refuse
from ledger.journal.state import Account, Budget, Change, Hold, Policy, Service, State

HOLDS_MAX = 64
DATES_MAX = 64
REVERSIBLE = ("capture", "credit", "debit", "transfer")

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


def _sides(entry: Entry) -> tuple[str, str, int]:
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


def _joins(entry: Entry, names: Collection[str]) -> None:
    """The postings are to these accounts and no others, in order, and sum to zero."""
    postings = entry["postings"]
    if [posting["account"] for posting in postings] != sorted(names):
        refuse("flow", "the postings want to be to " + ", ".join(sorted(names)))
    if sum(posting["amount"] for posting in postings):
        refuse("flow", "the postings do not sum to zero")


def _wants(condition: bool, kind: str, way: str) -> None:
    if not condition:
        refuse("flow", f"a {kind} goes from {way}")


def _is_holder(account: str) -> bool:
    return account.startswith(_HOLDERS) and not account.endswith("/held")


def _not_own(entry: Entry, gaining: str) -> None:
    """Who acts or approves gains nothing by it."""
    if person_of(gaining) in (entry["actor"], entry.get("approver")):
        refuse("self", f"nobody acts or approves in a {entry['type']} to their own account")


def _live(state: State, name: str) -> Account:
    """The account, which must exist and be open."""
    account = state.account(name)
    if account is None:
        refuse("account", f"there is no account {name}: open it first")
    if not account.open:
        refuse("closed", f"the account {name} is closed: open it again first")
    return account


def _ready(state: State, name: str, at: str, day: str) -> Account:
    """The live account of a member or organisation, of which nothing is due."""
    account = _live(state, name)
    _nothing_due(account, name, at, day)
    return account


def _nothing_due(account: Account, name: str, at: str, day: str) -> None:
    if is_due(account, at, day):
        refuse("due", f"holds or points of {name} are due: release and expire them first")


def _both_live(state: State, first: str, second: str) -> tuple[Account, Account]:
    """Two live accounts; that one does not exist is said before that the other is closed."""
    one, other = state.account(first), state.account(second)
    if one is None or other is None:
        refuse("account", f"there is no account {first if one is None else second}: open it first")
    if not (one.open and other.open):
        closed = second if one.open else first
        refuse("closed", f"the account {closed} is closed: open it again first")
    return one, other


def _both_ready(
    state: State, first: str, second: str, at: str, day: str
) -> tuple[Account, Account]:
    """Two live accounts, of which nothing is due if members or organisations have them."""
    accounts = _both_live(state, first, second)
    for name, account in zip((first, second), accounts, strict=True):
        _nothing_due(account, name, at, day)
    return accounts


def _funded(account: Account, name: str, amount: int) -> None:
    if account.balance < amount:
        refuse("funds", f"{name} has {account.balance} points available, {amount} are needed")


def _few_dates(state: State, name: str, account: Account, change: Parts) -> None:
    """At most 64 days, held ones counted, once a change brings dated points."""
    if change[0][0] == NEVER:
        return
    held = state.account(name + "/held")
    days = {day for day, _ in parts.applied(account.dated, change)}
    days |= {day for day, _ in held.dated} if held else set()
    if len(days) > DATES_MAX:
        refuse("dates", f"{name} would have {len(days)} dated parts, at most {DATES_MAX} are kept")


def _change_of(posting: Mapping[str, Any]) -> Parts:
    listed = posting.get("parts")
    if listed is None:
        return ((NEVER, posting["amount"]),)
    return tuple((day, points) for day, points in listed)


def _post(state: State, entry: Entry, expected: Expected) -> list[Change]:
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


def _with_holds(state: State, changes: list[Change], name: str, holds: tuple[int, ...]) -> None:
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


# --- the flows -----------------------------------------------------------------------------------


def _credit(state: State, entry: Entry, day: str) -> list[Change]:
    issuer, receiver, amount = _sides(entry)
    _wants(
        issuer.startswith("issuer/") and _is_holder(receiver),
        "credit",
        "a budget's issuer to a member or organisation",
    )
    _not_own(entry, receiver)
    service = _service_of(state, entry, receiver)
    source, account = _both_live(state, issuer, receiver)
    _nothing_due(account, receiver, entry["at"], day)
    served_on = times.local_day(entry["effective_at"], state.head.utc_offset_minutes)
    changes = _earned(state, entry, service, served_on, amount, day)
    _within_budget(state.get("budgets", issuer), entry, source, served_on, amount)
    change = _brought(state, entry, receiver, account, day)
    return changes + _post(state, entry, {issuer: (), receiver: change})


def _brought(state: State, entry: Entry, receiver: str, account: Account, day: str) -> Parts:
    """The receiver's change as the entry states it: a credit alone brings days of its own."""
    posting = entry["postings"][1]  # holders sort after issuers
    change = _change_of(posting)
    if "parts" not in posting:
        return change
    first = min(change)[0]
    if first < day:
        refuse("past-day", f"points valid until {first} cannot be credited on {day}")
    _few_dates(state, receiver, account, change)
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
    giver, receiver, amount = _sides(entry)
    _wants(
        _is_holder(giver) and receiver == "withdrawn",
        "debit",
        "a member or organisation to `withdrawn`",
    )
    account = _ready(state, giver, entry["at"], day)
    if "approver" not in entry:
        _funded(account, giver, amount)
    change = parts.spend(account.balance, account.dated, amount)
    return _post(state, entry, {giver: change, receiver: ()})


def _transfer(state: State, entry: Entry, day: str) -> list[Change]:
    giver, receiver, amount = _sides(entry)
    _wants(_is_holder(giver) and _is_holder(receiver), "transfer", "one holder to another")
    source, target = _both_ready(state, giver, receiver, entry["at"], day)
    policy = policy_on(state, day)
    way = (entry["purpose"], kind_of(giver), kind_of(receiver))
    limit = policy.transfers.get(way) if policy else None
    if limit is None:
        refuse("purpose", f"the policy in force lists no {way[0]} from {way[1]} to {way[2]}")
    if amount > limit:
        refuse("purpose", f"a {way[0]} is at most {limit} points, got {amount}")
    _funded(source, giver, amount)
    spent = parts.spend(source.balance, source.dated, amount)
    received = parts.receive(target.balance, parts.negated(spent))
    _few_dates(state, receiver, target, received)
    return _post(state, entry, {giver: spent, receiver: received})


def _hold(state: State, entry: Entry, day: str) -> list[Change]:
    giver, receiver, amount = _sides(entry)
    _wants(
        _is_holder(giver) and receiver == giver + "/held", "hold", "an account to its own `/held`"
    )
    payee = entry["payee"]
    if payee == giver:
        refuse("flow", "an account does not hold points for itself")
    account, _ = _both_live(state, giver, payee)
    _nothing_due(account, giver, entry["at"], day)
    policy = policy_on(state, day)
    days_max = policy.hold_days if policy else 0
    ahead = times.parse_time(entry["until"]) - times.parse_time(entry["at"])
    if not 0 < ahead <= days_max * times.US_PER_DAY:
        refuse("until", f"a hold ends after it begins and within {days_max} days")
    if len(account.holds) >= HOLDS_MAX:
        refuse("holds", f"{giver} has {HOLDS_MAX} open holds: capture or release one first")
    _funded(account, giver, amount)
    spent = parts.spend(account.balance, account.dated, amount)
    lots = parts.negated(spent)
    changes = _post(state, entry, {giver: spent, receiver: lots})
    seq = entry["seq"]
    changes.append(("holds", seq, Hold(giver, payee, entry["until"], lots)))
    _with_holds(state, changes, giver, (*account.holds, seq))
    return changes


def _open_hold(state: State, seq: int) -> Hold:
    hold: Hold | None = state.get("holds", seq)
    if hold is None:
        refuse("reference", f"entry {seq} is no hold")
    if not hold.lots:
        refuse("reference", f"hold {seq} is closed: nothing of it is left")
    return hold


def _amount_on(entry: Entry, account: str) -> int:
    return next((p["amount"] for p in entry["postings"] if p["account"] == account), 0)


def captured(hold: Hold, amount: int, final: bool) -> tuple[Parts, Parts]:
    """What leaves the hold and what of that goes back, when `amount` is paid to the payee."""
    paid = parts.soonest(hold.lots, amount)
    if not final:
        return paid, ()
    return hold.lots, parts.without(hold.lots, paid)


def _capture(state: State, entry: Entry, day: str) -> list[Change]:
    seq = entry["for"]
    hold = _open_hold(state, seq)
    amount = _amount_on(entry, hold.payee)
    final = "final" in entry
    if amount < 1:
        refuse("flow", f"a capture pays {hold.payee}")
    held = parts.total(hold.lots)
    if amount <= held:
        gone, back = captured(hold, amount, final)
        touched = (hold.account,) if back else ()
        _joins(entry, (hold.account + "/held", hold.payee, *touched))
    holder, payee = _both_ready(state, hold.account, hold.payee, entry["at"], day)
    if amount > held:
        refuse("funds", f"hold {seq} has {held} points left, {amount} are needed")
    expected = {
        hold.account + "/held": parts.negated(gone),
        hold.payee: parts.receive(payee.balance, ((NEVER, amount),)),
    }
    if back:
        expected[hold.account] = parts.receive(holder.balance, back)
    changes = _post(state, entry, expected)
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
        _with_holds(state, changes, hold.account, open_holds)


def _release(state: State, entry: Entry, day: str) -> list[Change]:
    seq = entry["for"]
    hold = _open_hold(state, seq)
    _joins(entry, (hold.account, hold.account + "/held"))
    account = _live(state, hold.account)
    due = due_holds(state, account, entry["at"])
    if "actor" in entry:
        _ready(state, hold.account, entry["at"], day)
    elif not due or due[0] != seq:
        refuse("due", f"hold {seq} is not the oldest due one: a release of it needs an actor")
    changes = _post(
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
    giver, receiver, _ = _sides(entry)
    _wants(
        _is_holder(giver) and receiver == "expired",
        "expiry",
        "a member or organisation to `expired`",
    )
    account = _live(state, giver)
    if due_holds(state, account, entry["at"]):
        refuse("due", f"holds of {giver} are due: release them before its points expire")
    due = due_points(account, day)
    if not due:
        refuse("due", f"no points of {giver} are due on {day}")
    return _post(state, entry, {giver: parts.negated(due), receiver: ()})


def _settlement(state: State, entry: Entry, day: str) -> list[Change]:
    giver, receiver, amount = _sides(entry)
    _wants(
        kind_of(giver) == "org" and _is_holder(giver) and receiver == "settled",
        "settlement",
        "an organisation to `settled`",
    )
    account = _ready(state, giver, entry["at"], day)
    _funded(account, giver, amount)
    change = parts.spend(account.balance, account.dated, amount)
    return _post(state, entry, {giver: change, receiver: ()})


def _write_off(state: State, entry: Entry, day: str) -> list[Change]:
    giver, receiver, amount = _sides(entry)
    _wants(
        giver == "written-off" and _is_holder(receiver),
        "write-off",
        "`written-off` to an account below zero",
    )
    _not_own(entry, receiver)
    account = _ready(state, receiver, entry["at"], day)
    if amount > -account.balance:
        refuse("debt", f"{receiver} owes {max(-account.balance, 0)} points, not {amount}")
    return _post(state, entry, {giver: (), receiver: ((NEVER, amount),)})


# --- reversal ------------------------------------------------------------------------------------


def original_sides(entry: Entry) -> tuple[str, str, int]:
    """Who gave, who got and how much in an entry that can be reversed."""
    if entry["type"] != "capture":
        return _sides(entry)
    held = next(p for p in entry["postings"] if p["account"].endswith("/held"))
    holder = base_of(held["account"])
    payee = next(p for p in entry["postings"] if base_of(p["account"]) != holder)
    return holder, payee["account"], payee["amount"]


def _original_parts(entry: Entry, account: str) -> Parts:
    """The days that the original took from or brought to `account`, as positive parts."""
    posting = next(p for p in entry["postings"] if p["account"] == account)
    change = _change_of(posting)
    return parts.negated(change) if posting["amount"] < 0 else change


def reversal_changes(state: State, original: Entry, amount: int, day: str) -> dict[str, Parts]:
    """What reversing `amount` of `original` now does to each account (rule 7)."""
    giver, getter, whole = original_sides(original)
    done: int = state.get("reversed", original["seq"]) or 0
    changes: dict[str, Parts] = {}
    if _is_holder(giver):
        source = giver + "/held" if original["type"] == "capture" else giver
        took = parts.soonest(_original_parts(original, source), whole)
        account = _live(state, giver)
        changes[giver] = parts.receive(account.balance, parts.latest(took, done, amount))
    else:
        changes[giver] = ()
    if _is_holder(getter):
        left = parts.soonest(_original_parts(original, getter), whole - done)
        if original["type"] == "credit" and any(part[0] < day for part in left):
            refuse("lapsed", f"the points of credit {original['seq']} have lapsed")
        account = _live(state, getter)
        changes[getter] = parts.take_back(account.balance, account.dated, left, amount)
    else:
        changes[getter] = ()
    return changes


def reversible(state: State, seq: int) -> Entry:
    """The earlier entry that a reversal names."""
    original = state.original(seq) if seq < state.head.size else None
    if original is None or original["type"] not in REVERSIBLE:
        refuse("reference", f"entry {seq} is no " + ", ".join(REVERSIBLE))
    return original


def _reversal(state: State, entry: Entry, day: str) -> list[Change]:
    seq = entry["for"]
    original = reversible(state, seq)
    giver, getter, whole = original_sides(original)
    amount = _amount_on(entry, giver)
    if amount <= 0:
        refuse("flow", f"a reversal of entry {seq} gives back to {giver}")
    _joins(entry, (giver, getter))
    _not_own(entry, giver)
    _both_ready(state, giver, getter, entry["at"], day)
    done: int = state.get("reversed", seq) or 0
    if done + amount > whole:
        refuse("reversal", f"of entry {seq} {whole - done} points can be reversed, not {amount}")
    policy = policy_on(state, day)
    if "approver" not in entry and (policy is None or amount > policy.reversal_limit):
        refuse("reversal-limit", f"reversing {amount} points is above the limit: add an approver")
    changes = _post(state, entry, reversal_changes(state, original, amount, day))
    changes.append(("reversed", seq, done + amount))
    if original["type"] == "credit" and "for" in original and done + amount == whole:
        root_seq = state.get("services", original["for"]).root
        root: Service = state.get("services", root_seq)
        changes.append(("services", root_seq, root._replace(credit=0)))
    return changes


FLOWS: dict[str, Callable[[State, Entry, str], list[Change]]] = {
    "credit": _credit,
    "debit": _debit,
    "transfer": _transfer,
    "hold": _hold,
    "capture": _capture,
    "release": _release,
    "reversal": _reversal,
    "expiry": _expiry,
    "settlement": _settlement,
    "write-off": _write_off,
}
assert all(not _is_holder(name) for name in FIXED_ACCOUNTS)
