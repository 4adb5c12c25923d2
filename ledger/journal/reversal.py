"""Reversal: (part of) one earlier credit, debit, transfer or capture goes back the way it came.

Who gave gets back the days that the original took, the latest first; who got loses first what is
left of the days that it brought (rule 7 of docs/journal.md).  Pure.
"""

from __future__ import annotations

from ledger.journal import parts
from ledger.journal.entry import Entry, base_of
from ledger.journal.parts import Parts
from ledger.journal.postings import (
    amount_on,
    both_ready,
    change_of,
    is_holder,
    joins,
    live,
    not_own,
    policy_on,
    posted,
    sides,
)
from ledger.journal.rules import refuse
from ledger.journal.state import Change, Service, State

REVERSIBLE = ("capture", "credit", "debit", "transfer")


def original_sides(entry: Entry) -> tuple[str, str, int]:
    """Who gave, who got and how much in an entry that can be reversed."""
    if entry["type"] != "capture":
        return sides(entry)
    held = next(p for p in entry["postings"] if p["account"].endswith("/held"))
    holder = base_of(held["account"])
    payee = next(p for p in entry["postings"] if base_of(p["account"]) != holder)
    return holder, payee["account"], payee["amount"]


def _original_parts(entry: Entry, account: str) -> Parts:
    """The days that the original took from or brought to `account`, as positive parts."""
    posting = next(p for p in entry["postings"] if p["account"] == account)
    change = change_of(posting)
    return parts.negated(change) if posting["amount"] < 0 else change


def reversal_changes(state: State, original: Entry, amount: int, day: str) -> dict[str, Parts]:
    """What reversing `amount` of `original` now does to each account (rule 7)."""
    giver, getter, whole = original_sides(original)
    done: int = state.get("reversed", original["seq"]) or 0
    changes: dict[str, Parts] = {}
    if is_holder(giver):
        source = giver + "/held" if original["type"] == "capture" else giver
        took = parts.soonest(_original_parts(original, source), whole)
        account = live(state, giver)
        changes[giver] = parts.receive(account.balance, parts.latest(took, done, amount))
    else:
        changes[giver] = ()
    if is_holder(getter):
        left = parts.soonest(_original_parts(original, getter), whole - done)
        if original["type"] == "credit" and any(part[0] < day for part in left):
            refuse("lapsed", f"the points of credit {original['seq']} have lapsed")
        account = live(state, getter)
        changes[getter] = parts.take_back(account.balance, account.dated, left, amount)
    else:
        changes[getter] = ()
    return changes


def points_left(state: State, seq: int) -> int | None:
    """What is left to reverse of an earlier entry; None where it cannot be reversed at all."""
    original = state.original(seq) if seq < state.head.size else None
    if original is None or original["type"] not in REVERSIBLE:
        return None
    done: int = state.get("reversed", seq) or 0
    return original_sides(original)[2] - done


def reversible(state: State, seq: int) -> Entry:
    """The earlier entry that a reversal names."""
    original = state.original(seq) if seq < state.head.size else None
    if original is None or original["type"] not in REVERSIBLE:
        refuse("reference", f"entry {seq} is no " + ", ".join(REVERSIBLE))
    return original


def reverse(state: State, entry: Entry, day: str) -> list[Change]:
    seq = entry["for"]
    original = reversible(state, seq)
    giver, getter, whole = original_sides(original)
    amount = amount_on(entry, giver)
    if amount <= 0:
        refuse("flow", f"a reversal of entry {seq} gives back to {giver}")
    joins(entry, (giver, getter))
    not_own(entry, giver)
    both_ready(state, giver, getter, entry["at"], day)
    done: int = state.get("reversed", seq) or 0
    if done + amount > whole:
        refuse("reversal", f"of entry {seq} {whole - done} points can be reversed, not {amount}")
    policy = policy_on(state, day)
    if "approver" not in entry and (policy is None or amount > policy.reversal_limit):
        refuse("reversal-limit", f"reversing {amount} points is above the limit: add an approver")
    changes = posted(state, entry, reversal_changes(state, original, amount, day))
    changes.append(("reversed", seq, done + amount))
    if original["type"] == "credit" and "for" in original and done + amount == whole:
        root_seq = state.get("services", original["for"]).root
        root: Service = state.get("services", root_seq)
        changes.append(("services", root_seq, root._replace(credit=0)))
    return changes
