"""A desk where the tests of the journal keep books: one founded ledger in memory.

Its clock stands still until `wait`, its ids and nonces are counted, so a test that fails fails
again.  `do` is the live path (decide over an overlay, take it over); `draft` and `judge` are the
path of a checker who is handed an entry: `draft` composes one without judging it, so that it may
break any rule, and `judge` asks `check` about its bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.journal import entry as entries
from ledger.journal import parts, times
from ledger.journal.book import Made, check, decide, next_at
from ledger.journal.commands import Command, Credit, Debit, PlaceHold, Statement, StateOfAll
from ledger.journal.entry import VERSION, Entry, to_base64
from ledger.journal.rules import Refused
from ledger.journal.state import Account, Books, Overlay, Policy
from ledger.journal.statements import hash_vkeys
from ledger.tlog.note import Ed25519Signer
from tests.replay import Broken, replay

START = "2026-11-24T02:03:04.000005Z"
"""The desk's first moment: 10:03 on 24 November at its offset of eight hours."""

ORIGIN = "points.example.org/log/beiyuan"
GAP_DAYS = 31
NO_HASH = to_base64(bytes(32))

TRANSFERS = [
    {"from": "member", "limit": 500, "purpose": "gift", "to": "member"},
    {"from": "member", "limit": 800, "purpose": "merge", "to": "member"},
    {"from": "member", "limit": 10_000, "purpose": "pooling", "to": "org"},
    {"from": "org", "limit": 10_000, "purpose": "allocation", "to": "member"},
    {"from": "org", "limit": 10_000, "purpose": "donation", "to": "org"},
]
POLICY: dict[str, Any] = {
    "from": "2026-11-20",
    "grant_limit": 1_000,
    "hold_days": 100,
    "reversal_limit": 1_000,
    "rules": NO_HASH,
    "transfers": TRANSFERS,
}
BUDGET: dict[str, Any] = {"from": "2026-01-01", "limit": 1_000_000, "to": "2030-12-31"}


def vkeys(*letters: str) -> list[str]:
    """Log keys of the desk's origin, one for each letter; nothing is signed with them here."""
    seeds = [Ed25519PrivateKey.from_private_bytes(letter.encode() * 32) for letter in letters]
    return [Ed25519Signer(ORIGIN, seed).verifier.vkey for seed in seeds]


@contextmanager
def refused(rule: str) -> Iterator[None]:
    """What stands inside is refused by the rule of this id, and by no other."""
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.rule == rule, f"refused by {caught.value.rule}: {caught.value}"


class Desk:
    """A ledger with two founders, a policy and a budget.

    `founded` stops after so many of the five founding entries.  `policy` changes fields of the
    first policy.
    """

    def __init__(
        self,
        *,
        founded: int = 5,
        utc_offset_minutes: int = 480,
        policy: Mapping[str, Any] | None = None,
    ) -> None:
        self.log: list[bytes] = []
        self.books = Books(self._read)
        self.now = times.parse_time(START)
        self._count = 0
        self.office, self.second = self.id("person"), self.id("person")
        self.budget = self.id("issuer")
        self.by = {"actor": self.office}
        self.two = {"actor": self.office, "approver": self.second}
        self.founding = [
            Statement(
                kind="ledger",
                fields={
                    "ledger": ORIGIN,
                    "next": hash_vkeys(vkeys("b")),
                    "utc_offset_minutes": utc_offset_minutes,
                    "vkeys": vkeys("a"),
                },
            ),
            Statement(kind="person", fields={"person": self.office, "standing": "office"}),
            Statement(kind="person", fields={"person": self.second, "standing": "office"}),
            Statement(kind="policy", fields=POLICY | dict(policy or {}), **self.two),
            Statement(kind="budget", fields=BUDGET | {"budget": self.budget}, **self.two),
        ]
        for command in self.founding[:founded]:
            self.do(command)

    # --- what a founded ledger is given ---------------------------------------------------------

    def id(self, kind: str) -> str:
        """A new id of a kind."""
        return entries.new_id(kind, self._counted())

    def nonce(self) -> str:
        """A new nonce; no source of randomness."""
        return to_base64(self._counted())

    def request(self) -> str:
        """A new request hash."""
        return to_base64(self._counted() * 2)

    def ref(self, kind: str = "record") -> dict[str, str]:
        """A record outside the log."""
        return {"commitment": to_base64(self._counted() * 2), "id": self.id(kind)}

    def person(self, standing: str) -> str:
        """A new person of a standing."""
        person = self.id("person")
        self.state("person", person=person, standing=standing, **self.two)
        return person

    def open_member(self) -> str:
        """A new member's account, who has no `person` entry."""
        return self._open("member")

    def open_org(self) -> str:
        """A new organisation's account."""
        return self._open("org")

    def state(self, kind: str, /, **fields: Any) -> Made:
        """One statement; `from_`, `for_` stand for the fields `from`, `for`."""
        return self.do(statement(kind, **fields))[-1]

    def new_policy(self, **changes: Any) -> int:
        """Publishes a policy that starts today and differs from `POLICY`; its `seq`."""
        named = {name.rstrip("_"): value for name, value in changes.items()}
        fields = POLICY | {"from": self.day(0)} | named | self.two
        return int(self.state("policy", **fields).entry["seq"])

    def new_budget(self, **fields: Any) -> str:
        """Opens another budget; its issuer."""
        issuer = self.id("issuer")
        self.state("budget", **(BUDGET | {"budget": issuer} | fields), **self.two)
        return issuer

    def serve(self, member: str, minutes: int = 60, **fields: Any) -> int:
        """A `service` entry of a member; its `seq`."""
        return int(self.do(self.service(member, minutes, **fields))[-1].entry["seq"])

    def service(self, member: str, minutes: int = 60, **fields: Any) -> Statement:
        """The command of a `service` entry: recorded by `second`, verified by `office`."""
        given = {
            "actor": self.office,
            "assurance": "roster",
            "effective_at": self.time(),
            "member": member,
            "minutes": minutes,
            "recorder": self.second,
            "ref": self.ref("contribution"),
        }
        return statement("service", **(given | fields))

    # --- points ---------------------------------------------------------------------------------

    def credit(self, account: str, amount: int, until: str | None = None, **more: Any) -> int:
        """Grants points that are valid until a day; the `seq` of the credit."""
        return self.seq(self.grant(account, amount, until, **more))

    def grant(self, account: str, amount: int, until: str | None = None, **more: Any) -> Credit:
        """The command of a grant, approved so that no grant limit stands in the way."""
        given = {"budget": self.budget, "valid_until": until, **self.two}
        return Credit(account=account, amount=amount, **(given | more))

    def overdraw(self, account: str, amount: int) -> int:
        """A debit that may end below zero."""
        return self.seq(Debit(account=account, amount=amount, **self.two))

    def hold(self, account: str, amount: int, payee: str, until: str | None = None) -> int:
        """Sets points aside; the `seq` of the hold."""
        hold = PlaceHold(account=account, amount=amount, payee=payee, until=until, **self.by)
        return self.seq(hold)

    def balance(self, name: str) -> int:
        """The balance of an account, 0 before it is opened."""
        account = self.books.account(name)
        return account.balance if account else 0

    def parts(self, name: str) -> list[tuple[str, int]]:
        """All parts of an account, the undated one included."""
        account = self.account(name)
        return list(parts.whole(account.balance, account.dated))

    def account(self, name: str) -> Account:
        """An account that exists."""
        account = self.books.account(name)
        assert account is not None, f"{name} was not opened"
        return account

    def policies(self) -> list[Policy]:
        """The policies so far."""
        return list(self.books.policies())

    # --- time -----------------------------------------------------------------------------------

    def wait(self, *, days: int = 0, hours: int = 0, us: int = 0) -> None:
        """Time goes by; after more than 31 days without an entry the office accepts the clock."""
        span = timedelta(days=days, hours=hours, microseconds=us)
        self.now += span // timedelta(microseconds=1)
        if self.now - times.parse_time(self.books.head.at) > GAP_DAYS * times.US_PER_DAY:
            self.do(StateOfAll(**self.by))

    def time(self, *, days: int = 0, us: int = 0) -> str:
        """The present moment, or one so much later, as a time."""
        return times.format_time(self.now + days * times.US_PER_DAY + us)

    def day(self, ahead: int) -> str:
        """The present local day, or one so many days later."""
        today = times.local_day(self.time(), self.books.head.utc_offset_minutes)
        return (date.fromisoformat(today) + timedelta(days=ahead)).isoformat()

    # --- the live path --------------------------------------------------------------------------

    def do(self, command: Command, at: str | None = None, request: str | None = None) -> list[Made]:
        """Decides a command and takes over what it made; a refusal leaves the books as they are."""
        overlay = Overlay(self.books)
        now = self.now if at is None else times.parse_time(at)
        made = decide(overlay, command, now, self.nonce, request)
        self.log.extend(raw for _, raw in made)
        rows = [(t, key, row) for t, new in overlay.changed.items() for key, row in new.items()]
        self.books.apply(overlay.head, rows)
        return made

    def seq(self, command: Command) -> int:
        """Does a command; the `seq` of its own entry, which stands last."""
        return int(self.do(command)[-1].entry["seq"])

    # --- the checker's path ---------------------------------------------------------------------

    def draft(self, command: Command, request: str | None = None, **changes: Any) -> Entry:
        """The command's entry at this point, judged by nobody; `changes` replace its fields."""
        at = next_at(self.books.head, self.now)
        fields = command.compose(self.books, at)
        assert fields is not None
        entry = {
            "ledger": self.books.head.origin,
            **fields,
            "at": at,
            "nonce": self.nonce(),
            "seq": self.books.head.size,
            "v": VERSION,
        }
        if request is not None:
            entry["request"] = request
        return entry | changes

    def judge(self, entry: Entry) -> None:
        """Asks `check` whether the entry's bytes may stand next in the log.

        The second verifier is asked too: the two must agree.
        """
        raw = entries.encode(entry)
        try:
            check(self.books, entries.decode(raw))
        except Refused:
            with pytest.raises(Broken) as second:
                replay([*self.log, raw])
            assert second.value.seq == len(self.log)
            raise
        replay([*self.log, raw])

    def enter(self, entry: Entry) -> int:
        """Appends an entry made by hand that `check` allows; its `seq`."""
        raw = entries.encode(entry)
        self.books.apply(*check(self.books, entries.decode(raw)))
        self.log.append(raw)
        return int(entry["seq"])

    def _open(self, kind: str) -> str:
        account = self.id(kind)
        self.state("open", account=account, **self.by)
        return account

    def _read(self, seq: int) -> Entry | None:
        return entries.decode(self.log[seq]) if 0 <= seq < len(self.log) else None

    def _counted(self) -> bytes:
        self._count += 1
        return self._count.to_bytes(16, "big")


def statement(kind: str, /, **fields: Any) -> Statement:
    """The command of a statement; `from_` and `for_` stand for the fields `from` and `for`."""
    people = {name: fields.pop(name, None) for name in ("actor", "approver", "ref")}
    named = {name.rstrip("_"): value for name, value in fields.items() if value is not None}
    return Statement(kind=kind, fields=named, **people)


def posting(entry: Entry, account: str) -> dict[str, Any]:
    """The entry's posting to an account, for a test to read or to alter."""
    return next(p for p in entry["postings"] if p["account"] == account)


def both_refuse(desk: Desk, rule: str, command: Command) -> None:
    """`decide` refuses the command and changes nothing, `check` the entry that it would make."""
    before = list(desk.log), {name: dict(rows) for name, rows in desk.books.tables.items()}
    with refused(rule):
        desk.do(command)
    assert before == (desk.log, desk.books.tables)
    with refused(rule):
        desk.judge(desk.draft(command))
