"""What a checked log amounts to: the totals that `points verify` tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ledger.audit.trust import Level
from ledger.journal.entry import to_base64
from ledger.journal.state import Account

_KINDS = ("issuer", "member", "org")


@dataclass(frozen=True, slots=True)
class Accounts:
    """How many accounts there are of each kind, `closed` ones among them."""

    issuer: int
    member: int
    org: int
    closed: int


@dataclass(frozen=True, slots=True)
class Points:
    """Where all points are, reversals taken off.

    issued + written_off = withdrawn + expired + settled + outstanding. `outstanding` are those of
    members and organisations less what is `owed` (balances below zero); `held` ones are among them.
    """

    issued: int
    withdrawn: int
    expired: int
    settled: int
    written_off: int
    outstanding: int
    held: int
    owed: int


@dataclass(frozen=True, slots=True)
class Report:
    """A log that keeps every rule, and how far the caller's keys vouch for it.

    `trust` is `checked`, `partly` (`trusted_size` entries) or `unchecked`; `says` puts it in a
    sentence. `entries` counts them by type, `checkpoints` are the signed heads on the way, `vkeys`
    the log's keys as it revealed them, times are UTC.
    """

    origin: str
    size: int
    root: bytes
    trust: Level
    trusted_size: int
    says: str
    checkpoints: int
    vkeys: tuple[str, ...]
    first_at: str
    last_at: str
    entries: Mapping[str, int]
    accounts: Accounts
    points: Points

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object: the same fields, `root` in base64."""
        return {**asdict(self), "root": to_base64(self.root), "entries": dict(self.entries)}


def count_accounts(accounts: Mapping[str, Account]) -> Accounts:
    """How many accounts there are; the fixed four and the held sides are not counted."""
    own = [name for name in accounts if "/" in name and not name.endswith("/held")]
    kinds = {kind: sum(name.startswith(f"{kind}/") for name in own) for kind in _KINDS}
    return Accounts(**kinds, closed=sum(not accounts[name].open for name in own))


def count_points(accounts: Mapping[str, Account]) -> Points:
    """Where all points are."""
    issued = held = own = owed = 0
    for name, account in accounts.items():
        balance = account.balance
        if name.startswith("issuer/"):
            issued -= balance
        elif name.endswith("/held"):
            held += balance
        elif "/" in name:
            own += balance
            owed -= min(balance, 0)
    return Points(
        issued=issued,
        withdrawn=accounts["withdrawn"].balance,
        expired=accounts["expired"].balance,
        settled=accounts["settled"].balance,
        written_off=-accounts["written-off"].balance,
        outstanding=own + held,
        held=held,
        owed=owed,
    )
