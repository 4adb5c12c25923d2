"""The first five entries of a ledger: keys, two founders, first policy, first budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.journal.book import decide
from ledger.journal.commands import Command, Statement
from ledger.journal.entry import to_base64
from ledger.journal.state import Books, Overlay
from ledger.tlog.note import Ed25519Signer

NO_RULES = to_base64(bytes(32))
"""The hash of a rule set that is not published yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Founding:
    """What `points init` is told: who founds, by what policy and with what budget.

    Days are local days, limits whole points.  `founders` are two ids `person/…`, `budget` is an
    id `issuer/…`.
    """

    founders: tuple[str, str]
    budget: str
    budget_limit: int
    budget_from: str
    budget_to: str
    policy_from: str
    utc_offset_minutes: int = 480
    grant_limit: int = 1_000
    reversal_limit: int = 1_000
    hold_days: int = 100
    rules: str = NO_RULES
    transfers: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


def founding_commands(
    founding: Founding, origin: str, vkeys: Sequence[str], next_vkeys: str
) -> list[Command]:
    """The five commands, to be entered as one group."""
    first, second = founding.founders
    return [
        Statement(
            kind="ledger",
            fields={
                "ledger": origin,
                "next": next_vkeys,
                "utc_offset_minutes": founding.utc_offset_minutes,
                "vkeys": list(vkeys),
            },
        ),
        *(
            Statement(kind="person", fields={"person": person, "standing": "office"})
            for person in (first, second)
        ),
        Statement(
            kind="policy",
            fields={
                "from": founding.policy_from,
                "grant_limit": founding.grant_limit,
                "hold_days": founding.hold_days,
                "reversal_limit": founding.reversal_limit,
                "rules": founding.rules,
                "transfers": [dict(transfer) for transfer in founding.transfers],
            },
            actor=first,
            approver=second,
        ),
        Statement(
            kind="budget",
            fields={
                "budget": founding.budget,
                "from": founding.budget_from,
                "limit": founding.budget_limit,
                "to": founding.budget_to,
            },
            actor=first,
            approver=second,
        ),
    ]


def try_founding(founding: Founding, origin: str, now_us: int) -> None:
    """Enters the five commands into books that nobody keeps, with a key that nobody keeps.

    Raises `Refused` or `MalformedEntry` where the book would not allow them.
    """
    books = Overlay(Books(lambda _: None))
    vkey = Ed25519Signer(origin, Ed25519PrivateKey.generate()).verifier.vkey
    for command in founding_commands(founding, origin, [vkey], NO_RULES):
        decide(books, command, now_us, lambda: to_base64(bytes(16)), None)
