"""Wishes: what a caller asks for, as a value, and the command that it becomes.

A wish is a kind and the values that the API took for it, so it can wait as JSON in a proposal and
still become the same.  The kinds of `KINDS` become a command of the journal; what else there is to
wish for is in `deeds.py`.  Their values are described by the request schemas in `api/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ledger.journal import commands as c
from ledger.journal.state import Policy

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """What `actor` asks for.  `request` and `fingerprint` are those of the whole HTTP request.

    `actor_for` is the person in whose place a deputy asks for it.
    """

    kind: str
    values: Values
    actor: str
    request: str
    fingerprint: bytes
    actor_for: str | None = None


def command_of(kind: str, values: Values, *, actor: str, approver: str | None = None) -> c.Command:
    """The command that a wish becomes, in the name of one person or of two."""
    return KINDS[kind]({**values, "actor": actor, "approver": approver})


def approval_reason(
    wish: Wish, policy: Policy | None, reversible: int | None, standing: str | None = None
) -> str | None:
    """Why the wish needs a second person, None when one is enough.

    `policy` is the one in force, `reversible` what is left to reverse of the entry that a reversal
    names, `standing` that of the person whom a wish is about.  Pure.  The book asks again: it
    refuses an entry that lacks a needed approver.
    """
    values = wish.values
    match wish.kind:
        case "credit":
            # Until a rule set says what a service earns, that is the clerk's word too.
            return _above(values["amount"], policy.grant_limit if policy else 0, "credits")
        case "reversal":
            amount = values.get("amount", reversible or 0)
            return _above(amount, policy.reversal_limit if policy else 0, "reversals")
        case "debit" if values.get("overdraw"):
            return "A debit that may overdraw the account needs a second person."
        case "service" if values["assurance"] == "back-entry" or "replaces" in values:
            return "A back entry or a correction of service needs a second person."
        case "person" if "office" in (values["standing"], standing):
            return "Raising a person to office, or taking office away, needs a second person."
        case "budget" | "erasure" | "policy" | "settlement" | "write-off":
            return f"This {wish.kind} needs a second person."
    return None


def may_need_approval(kind: str) -> bool:
    """Whether any wish of that kind needs a second person."""
    return kind in ALWAYS or kind in SOMETIMES


def _above(amount: int, limit: int, what: str) -> str | None:
    if amount <= limit:
        return None
    return f"{amount} points are above the limit of {limit} for {what}: a second person is needed."


def _renamed(**names: str) -> Callable[[Values], dict[str, Any]]:
    return lambda values: {names.get(name, name): value for name, value in values.items()}


def _statement(kind: str, **names: str) -> Callable[[Values], c.Command]:
    rename = _renamed(**names)

    def make(values: Values) -> c.Command:
        fields = rename(values)
        who = {name: fields.pop(name, None) for name in ("actor", "approver", "ref")}
        return c.Statement(kind=kind, fields=fields, **who)

    return make


def _debit(values: Values) -> c.Command:
    return c.Debit(**{name: value for name, value in values.items() if name != "overdraw"})


def _transfer(values: Values) -> c.Command:
    return c.Transfer(**_renamed(**{"from": "account", "to": "receiver"})(values))


def _reversal(values: Values) -> c.Command:
    return c.Reverse(**_renamed(entry="original")(values))


KINDS: dict[str, Callable[[Values], c.Command]] = {
    "budget": _statement("budget"),
    "capture": lambda values: c.Capture(**values),
    "close": _statement("close"),
    "credit": lambda values: c.Credit(**values),
    "debit": _debit,
    "erasure": _statement("erasure"),
    "hold": lambda values: c.PlaceHold(**values),
    "open": _statement("open"),
    "person": _statement("person"),
    "policy": _statement("policy"),
    "release": lambda values: c.Release(**values),
    "reversal": _reversal,
    "service": _statement("service", replaces="for"),
    "settlement": lambda values: c.Settle(**values),
    "transfer": _transfer,
    "write-off": lambda values: c.WriteOff(**values),
}
ALWAYS = ("budget", "erasure", "policy", "settlement", "write-off")
SOMETIMES = ("credit", "debit", "person", "reversal", "service")
