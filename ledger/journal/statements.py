"""Entries without postings: who takes part, what is allowed, what was recorded.

As in `flows.py`, each function takes the state before and an entry of the right form, and returns
the rows that change, or raises `Refused`.  Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import orjson

from ledger.journal.entry import POINTS_MAX, Entry, person_of, to_base64
from ledger.journal.rules import refuse
from ledger.journal.state import (
    Account,
    Budget,
    Change,
    KeySet,
    Policy,
    Service,
    State,
    fixed_accounts,
)
from ledger.tlog.errors import VkeyError
from ledger.tlog.merkle import leaf_hash, root_of
from ledger.tlog.note import KeyType, parse_vkey

FOUNDERS = (1, 2)
FOUNDING_POLICY = 3


def hash_vkeys(vkeys: Iterable[str]) -> str:
    """The commitment to a set of verifier keys: SHA-256 over each followed by a newline."""
    text = "".join(vkey + "\n" for vkey in vkeys)
    return to_base64(hashlib.sha256(text.encode("ascii")).digest())


def state_leaf(name: str, account: Account, held: int) -> bytes:
    """One account as a leaf of the state tree: JCS of six values (rule 12)."""
    return orjson.dumps([name, account.balance, held, account.count, account.last, account.nonce])


def state_root(state: State) -> str:
    """The RFC 6962 root over all accounts in order of their names, held points beside them."""
    accounts = dict(state.rows("accounts"))
    leaves = []
    for name, account in accounts.items():
        if not name.endswith("/held"):
            held = accounts.get(name + "/held")
            leaves.append(leaf_hash(state_leaf(name, account, held.balance if held else 0)))
    return to_base64(root_of(leaves))


def _own_vkeys(entry: Entry) -> KeySet:
    """The log keys that an entry reveals: of this origin, well-formed, one at least Ed25519."""
    vkeys = entry["vkeys"]
    try:
        keys = [parse_vkey(vkey) for vkey in vkeys]
    except VkeyError as error:
        refuse("keys", f"one of `vkeys` is no verifier key: {error}")
    if any(key.name != entry["ledger"] for key in keys):
        refuse("keys", "a log key's name is the origin of its ledger")
    if not {key.type for key in keys} <= {KeyType.ED25519, KeyType.MLDSA44_COSIGNATURE}:
        refuse("keys", "a log key is of type Ed25519 or ML-DSA-44")
    if all(key.type != KeyType.ED25519 for key in keys) or len(set(vkeys)) != len(vkeys):
        refuse("keys", "`vkeys` has one Ed25519 key at least, and each key once")
    return KeySet(tuple(vkeys), entry["next"])


def _ledger(state: State, entry: Entry, day: str) -> list[Change]:
    return [*fixed_accounts(entry["nonce"]), ("keys", entry["seq"], _own_vkeys(entry))]


def _person(state: State, entry: Entry, day: str) -> list[Change]:
    founding = entry["seq"] in FOUNDERS
    if entry["standing"] == "office" and "approver" not in entry and not founding:
        refuse("two-people", "raising a person to `office` needs an approver")
    if entry["person"] in (entry.get("actor"), entry.get("approver")):
        refuse("self", "nobody decides on their own standing")
    return [("persons", entry["person"], entry["standing"])]


def _open(state: State, entry: Entry, day: str) -> list[Change]:
    name = entry["account"]
    account = state.account(name)
    if account is not None and account.open:
        refuse("opening", f"the account {name} is open already")
    held = state.account(name + "/held")
    fresh = Account(0, entry["seq"], entry["nonce"])
    return [
        ("accounts", name, account._replace(open=True) if account else fresh),
        ("accounts", name + "/held", held._replace(open=True) if held else fresh),
    ]


def _close(state: State, entry: Entry, day: str) -> list[Change]:
    name = entry["account"]
    account, held = state.account(name), state.account(name + "/held")
    if account is None or held is None:
        refuse("account", f"there is no account {name}")
    if not account.open:
        refuse("closed", f"the account {name} is closed already")
    if account.balance or account.holds:
        refuse(
            "closing",
            f"{name} has {account.balance} points and {len(account.holds)} open holds:"
            " bring both to zero first",
        )
    return [
        ("accounts", name, account._replace(open=False)),
        ("accounts", name + "/held", held._replace(open=False)),
    ]


def _budget(state: State, entry: Entry, day: str) -> list[Change]:
    name = entry["budget"]
    others = sum(budget.limit for other, budget in state.rows("budgets") if other != name)
    if others + entry["limit"] > POINTS_MAX:
        refuse("limits", "the limits of all budgets would sum to more than 2^53-1")
    if entry["from"] > entry["to"]:
        refuse("from", f"a budget from {entry['from']} to {entry['to']} covers no day")
    budget = Budget(entry["limit"], entry["from"], entry["to"], entry.get("project"))
    changes: list[Change] = [("budgets", name, budget)]
    if state.account(name) is None:
        changes.append(("accounts", name, Account(0, entry["seq"], entry["nonce"])))
    return changes


def _policy(state: State, entry: Entry, day: str) -> list[Change]:
    seq = entry["seq"]
    if seq != FOUNDING_POLICY and entry["from"] < day:
        refuse("from", f"a policy starts on {day} or later, not on {entry['from']}")
    transfers = {(t["purpose"], t["from"], t["to"]): t["limit"] for t in entry["transfers"]}
    if len(transfers) != len(entry["transfers"]):
        refuse("from", "a policy lists each transfer of one purpose and two kinds once")
    policy = Policy(
        seq,
        entry["from"],
        entry["grant_limit"],
        entry["reversal_limit"],
        entry["hold_days"],
        transfers,
    )
    return [("policies", seq, policy)]


def _service(state: State, entry: Entry, day: str) -> list[Change]:
    member, seq = entry["member"], entry["seq"]
    _two_of_service(entry)
    earlier_seq = entry.get("for")
    earlier: Service | None = state.get("services", earlier_seq)
    if earlier_seq is None:
        if not entry["minutes"]:
            refuse("reference", "only a service that withdraws an earlier one has 0 minutes")
    elif earlier is None or earlier.member != member:
        refuse("reference", f"entry {earlier_seq} is no service of {member}")
    account = state.account(member)
    if account is None:
        refuse("account", f"there is no account {member}: open it first")
    if not account.open:
        refuse("closed", f"the account {member} is closed: open it again first")
    if earlier is None:
        return [("services", seq, Service(member, seq, entry["minutes"], entry["effective_at"]))]
    if not earlier.last:
        refuse("replaced", f"service {earlier_seq} was replaced already: name its last successor")
    return [
        ("services", earlier_seq, earlier._replace(last=False)),
        ("services", seq, Service(member, earlier.root, entry["minutes"], entry["effective_at"])),
    ]


def _two_of_service(entry: Entry) -> None:
    """Recorder, verifier and approver differ and none is the member, but for check-ins."""
    approver = entry.get("approver")
    if (entry["assurance"] == "back-entry" or "for" in entry) and approver is None:
        refuse("two-people", "back entries and corrections of service need an approver")
    if entry["recorder"] in (entry["actor"], approver):
        refuse("self", "who recorded a service neither verifies nor approves it")
    member = person_of(entry["member"])
    if member in (entry["actor"], approver):
        refuse("self", "nobody verifies or approves their own service")
    if member == entry["recorder"] and entry["assurance"] != "checked-in":
        refuse("self", "a member records their own service by checking in only")


def _key(state: State, entry: Entry, day: str) -> list[Change]:
    fresh = _own_vkeys(entry)
    current: KeySet = list(state.rows("keys"))[-1][1]
    if hash_vkeys(fresh.vkeys) != current.next:
        refuse("keys", "these are not the keys that the ones before committed to")
    if fresh.next == current.next:
        refuse("keys", "the keys that follow must be others than these")
    revoked = entry.get("revoked")
    if revoked is not None and not revoked["size"] <= state.head.size:
        refuse("keys", "the last trusted size is beyond the log")
    return [("keys", entry["seq"], fresh)]


def _erasure(state: State, entry: Entry, day: str) -> list[Change]:
    if entry["on"] < day:
        refuse("from", f"an erasure is announced for {day} or later, not for {entry['on']}")
    return []


def _state(state: State, entry: Entry, day: str) -> list[Change]:
    if entry["root"] != state_root(state):
        refuse("root", "the root is not the one over all accounts at this point")
    return []


def _record(state: State, entry: Entry, day: str) -> list[Change]:
    return []


STATEMENTS: dict[str, Callable[[State, Entry, str], list[Change]]] = {
    "ledger": _ledger,
    "person": _person,
    "open": _open,
    "close": _close,
    "budget": _budget,
    "policy": _policy,
    "service": _service,
    "key": _key,
    "erasure": _erasure,
    "state": _state,
    "record": _record,
}
