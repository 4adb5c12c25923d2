"""Where processes enter points against each other: a ledger, its people, its members."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from ledger.config import read_settings
from ledger.installation import Installation, OpenLedger
from ledger.journal.commands import (
    Capture,
    Command,
    Credit,
    Debit,
    PlaceHold,
    Release,
    Reverse,
    Statement,
    StateOfAll,
    Transfer,
)
from ledger.journal.entry import new_id, to_base64
from ledger.journal.founding import Founding
from ledger.journal.keys import create_keys
from ledger.journal.orders import Group, Order
from ledger.migrating import migrate
from tests.journal.live import CHEAP
from tests.torture.history import Answer
from tests.torture.plans import MEMBERS, Wish

LEDGER = "beiyuan"
APPROVED_EACH = 5
"""A debit of a multiple of so many points has an approver, and may go below zero."""


@dataclass(frozen=True)
class Site:
    """An installation that any process can open, and the orders that are given there."""

    environ: Mapping[str, str]
    seed: int
    actor: str
    approver: str
    budget: str
    payee: str
    members: tuple[str, ...]

    @property
    def notes(self) -> Path:
        """The directory of the files that workers write."""
        return Path(self.environ["POINTS_DATA"]) / "notes"

    def installation(self) -> Installation:
        """The installation, opened anew."""
        return Installation(read_settings(self.environ), self.environ)

    def order(self, ledger: OpenLedger, wish: Wish, answers: Mapping[str, Answer]) -> Order:
        """The order of a wish, the same each time it is made."""
        command = self._command(wish, answers)
        return Order(
            command=command,
            request=self.request(ledger, wish.key),
            fingerprint=ledger.keys.fingerprint(repr(command).encode()),
        )

    def request(self, ledger: OpenLedger, key: str) -> str:
        """What the log calls a key."""
        return to_base64(ledger.keys.request_id(self.actor, key, 0))

    def _command(self, wish: Wish, answers: Mapping[str, Answer]) -> Command:
        account, other = self.members[wish.member], self.members[wish.other]
        amount, actor = wish.amount, self.actor
        # What was refused is referred to all the same, under the number of the founding.
        seq = max(0, answers[wish.of].last) if wish.of else 0
        match wish.kind:
            case "credit":
                return Credit(account=account, amount=amount, budget=self.budget, actor=actor)
            case "debit":
                approver = self.approver if amount % APPROVED_EACH == 0 else None
                return Debit(account=account, amount=amount, actor=actor, approver=approver)
            case "transfer":
                return Transfer(
                    account=account, amount=amount, receiver=other, purpose="gift", actor=actor
                )
            case "hold":
                return PlaceHold(account=account, amount=amount, payee=self.payee, actor=actor)
            case "capture":
                return Capture(hold=seq, actor=actor, final=bool(amount % 2))
            case "release":
                return Release(hold=seq, actor=actor)
            case "reversal":
                return Reverse(original=seq, actor=actor, approver=self.approver)
            case "state":
                return StateOfAll(actor=actor)
        raise AssertionError(wish.kind)


def founded(data: Path, url: str, seed: int) -> Site:
    """A ledger with members, in a database of its own."""
    environ = {
        "POINTS_DATA": str(data),
        "POINTS_DATABASE_URL": url,
        "POINTS_PASSPHRASE": "a passphrase of the tests",
        "POINTS_PUBLIC_HOST": "points.example.org",
    }
    office, second = (new_id("person", os.urandom(16)) for _ in range(2))
    members = tuple(new_id("member", os.urandom(16)) for _ in range(MEMBERS))
    budget, payee = new_id("issuer", os.urandom(16)), new_id("org", os.urandom(16))
    site = Site(environ, seed, office, second, budget, payee, members)
    site.notes.mkdir(parents=True)
    migrate(url)
    installation = site.installation()
    founding = Founding(
        founders=(office, second),
        budget=budget,
        budget_limit=10**9,
        budget_from="1997-01-01",
        budget_to="2099-12-31",
        policy_from="1997-01-01",
        transfers=({"purpose": "gift", "from": "member", "to": "member", "limit": 100},),
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ledger.installation.create_keys", partial(create_keys, cost=CHEAP))
        ledger = installation.create_ledger(LEDGER, founding)
    fields = ({"account": account} for account in (payee, *members))
    opening = (Statement(kind="open", actor=office, fields=each) for each in fields)
    ledger.appender.submit(Group(tuple(Order(command=command) for command in opening)))
    installation.close()
    return site
