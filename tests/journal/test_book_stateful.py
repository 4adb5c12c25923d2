"""Any sequence of commands leaves books that add up, and a log that checkers agree on.

A machine of Hypothesis enters commands of every type at a desk with a few accounts while time goes
by.  Small amounts, near days and few accounts make debts, lapsing points and open holds common.
"""

import os
from datetime import timedelta

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from ledger.errors import MalformedEntry
from ledger.journal import commands, parts
from ledger.journal.book import check
from ledger.journal.entry import decode
from ledger.journal.rules import Refused
from ledger.journal.state import TABLES, Books
from ledger.journal.statements import hash_vkeys, state_root
from tests.journal.books import POLICY, TRANSFERS, Desk, statement, vkeys
from tests.replay import replay

AMOUNTS = st.integers(1, 40)
SMALL = st.integers(1, 15)
DAYS = st.none() | st.integers(-1, 12)
PURPOSES = st.sampled_from(["allocation", "donation", "gift", "merge", "pooling", "return"])


class Bookkeeping(RuleBasedStateMachine):
    """What the office, its members and its organisations do, in any order."""

    entered = Bundle("entered")
    holds = Bundle("holds")
    services = Bundle("services")

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(policy={"grant_limit": 30, "reversal_limit": 20, "hold_days": 20})
        self.accounts: list[str] = []
        self.may_owe: set[str] = set()
        self.requests = [self.desk.request() for _ in range(6)]
        self.key = 0

    @initialize()
    def open_accounts(self):
        desk = self.desk
        self.accounts = [desk.open_member(), desk.open_member(), desk.open_org(), desk.open_org()]
        self.third = desk.person("partner")
        self.budgets = [desk.budget, desk.new_budget(limit=100), desk.new_budget(limit=10**9)]
        for account in self.accounts:
            desk.credit(account, 25)
            desk.credit(account, 10, desk.day(3))

    # --- doing ----------------------------------------------------------------------------------

    def attempt(self, command, request=None):
        """Does a command; its own entry's `seq`, or None when it is refused or enters nothing."""
        desk = self.desk
        before = len(desk.log), {name: dict(desk.books.tables[name]) for name in TABLES}
        head = desk.books.head
        try:
            made = desk.do(command, request=request)
        except (Refused, MalformedEntry) as refusal:
            event(f"refused: {getattr(refusal, 'rule', 'form')}")
            assert (len(desk.log), desk.books.tables) == before
            assert desk.books.head == head
            return None
        for entry, _ in made:
            event(f"entered: {entry['type']}")
        return made[-1].entry["seq"] if made else None

    def enter(self, command, request=None):
        seq = self.attempt(command, request)
        return multiple() if seq is None else seq

    def account(self, place):
        return self.accounts[place % len(self.accounts)]

    def people(self, approved):
        return self.desk.two if approved else self.desk.by

    @rule(
        target=entered,
        place=st.integers(0, 3),
        amount=AMOUNTS,
        ahead=DAYS,
        budget=st.integers(0, 2),
        approved=st.booleans(),
        request=st.integers(0, 40),
    )
    def grant(self, place, amount, ahead, budget, approved, request):
        desk = self.desk
        command = desk.grant(
            self.account(place),
            amount,
            None if ahead is None else desk.day(ahead),
            budget=self.budgets[budget],
            approver=desk.second if approved else None,
        )
        return self.enter(command, self.requests[request] if request < 6 else None)

    @rule(target=entered, place=st.integers(0, 3), amount=AMOUNTS, approved=st.booleans())
    def debit(self, place, amount, approved):
        account = self.account(place)
        if approved:
            self.may_owe.add(account)
        command = commands.Debit(account=account, amount=amount, **self.people(approved))
        return self.enter(command)

    @rule(
        target=entered,
        giver=st.integers(0, 3),
        receiver=st.integers(0, 3),
        amount=st.integers(-2, 25),
        purpose=PURPOSES,
        approved=st.booleans(),
    )
    def transfer(self, giver, receiver, amount, purpose, approved):
        ways = {"account": self.account(giver), "receiver": self.account(receiver)}
        ways |= {"amount": amount, "purpose": purpose}
        return self.enter(commands.Transfer(**ways, **self.people(approved)))

    @rule(target=entered, giver=st.integers(0, 3), receiver=st.integers(0, 3))
    def transfer_all(self, giver, receiver):
        ways = {"account": self.account(giver), "receiver": self.account(receiver)}
        return self.enter(commands.TransferAll(**ways, purpose="merge", **self.people(True)))

    @rule(target=entered, giver=st.integers(0, 3), amount=SMALL, receiver=st.integers(0, 3))
    def transfer_as_listed(self, giver, amount, receiver):
        pair = self.account(giver), self.account(receiver)
        kinds = [account.partition("/")[0] for account in pair]
        way = next(way for way in TRANSFERS if [way["from"], way["to"]] == kinds)
        ways = {"account": pair[0], "receiver": pair[1], "purpose": way["purpose"]}
        return self.enter(commands.Transfer(**ways, amount=amount, **self.desk.by))

    @rule(
        target=holds,
        place=st.integers(0, 3),
        further=st.sampled_from([1, 2, 3, 1, 2, 3, 0]),
        amount=SMALL,
        hours=st.none() | st.integers(-1, 24 * 21),
    )
    def hold(self, place, further, amount, hours):
        desk = self.desk
        until = None
        if hours is not None:
            until = desk.time(us=timedelta(hours=hours) // timedelta(microseconds=1))
        return self.enter(
            commands.PlaceHold(
                account=self.account(place),
                amount=amount,
                payee=self.account(place + further),
                until=until,
                **desk.by,
            )
        )

    @rule(target=entered, hold=holds, amount=st.none() | st.integers(0, 15), final=st.booleans())
    def capture(self, hold, amount, final):
        command = commands.Capture(hold=hold, amount=amount, final=final, **self.desk.by)
        return self.enter(command)

    @rule(target=entered, hold=holds, share=st.integers(1, 4), final=st.booleans())
    def capture_a_share(self, hold, share, final):
        left = parts.total(self.desk.books.get("holds", hold).lots)
        command = commands.Capture(
            hold=hold, amount=max(left * share // 4, 1), final=final, **self.desk.by
        )
        return self.enter(command)

    @rule(hold=holds)
    def release(self, hold):
        self.attempt(commands.Release(hold=hold, **self.desk.by))

    @rule(original=entered, amount=st.none() | SMALL, approved=st.booleans())
    def reverse(self, original, amount, approved):
        entry = self.desk.books.original(original)
        seq = self.attempt(
            commands.Reverse(original=original, amount=amount, **self.people(approved))
        )
        if seq is not None:
            self.may_owe |= {p["account"] for p in entry["postings"]}

    @rule(
        place=st.integers(0, 3),
        amount=SMALL,
        what=st.sampled_from(["expire", "settle", "write off", "open", "close"]),
    )
    def tidy_up(self, place, amount, what):
        desk, account = self.desk, self.account(place)
        debtors = [name for name in self.accounts if desk.balance(name) < 0]
        if what == "write off" and debtors:
            account = debtors[0]
        debt = max(-desk.balance(account), 1)
        both = {"account": account, **desk.two}
        doing = {
            "expire": commands.Expire(account=account),
            "settle": commands.Settle(amount=amount, ref=desk.ref("settlement"), **both),
            "write off": commands.WriteOff(amount=min(amount, debt), **both),
            "open": statement("open", account=account, **desk.by),
            "close": statement("close", account=account, **desk.by),
        }
        self.attempt(doing[what])

    @rule(target=services, place=st.integers(0, 1), minutes=st.integers(0, 90))
    def serve(self, place, minutes):
        return self.enter(self.desk.service(self.account(place), minutes))

    @rule(target=services, service=services, place=st.integers(0, 1), minutes=st.integers(0, 90))
    def correct(self, service, place, minutes):
        more = {"for_": service, "recorder": self.third, **self.desk.two}
        return self.enter(self.desk.service(self.account(place), minutes, **more))

    @rule(target=entered, service=services, place=st.integers(0, 1), amount=AMOUNTS)
    def credit_service(self, service, place, amount):
        more = {"service": service, "approver": None}
        return self.enter(self.desk.grant(self.account(place), amount, **more))

    @rule(budget=st.integers(0, 2), limit=st.integers(0, 500))
    def change_budget(self, budget, limit):
        fields = {"budget": self.budgets[budget], "from_": "2026-01-01", "to": "2030-12-31"}
        self.attempt(statement("budget", **fields, limit=limit, **self.desk.two))

    @rule(
        ahead=st.integers(-1, 5),
        limit=st.integers(0, 40),
        days=st.integers(1, 20),
        what=st.sampled_from(["erasure", "key", "person", "policy", "record", "state"]),
        standing=st.sampled_from(["partner", "member", "auditor", "none"]),
    )
    def paperwork(self, ahead, limit, days, what, standing):
        desk = self.desk
        shown, following = vkeys("bcdefgh"[self.key % 7]), vkeys("bcdefgh"[(self.key + 1) % 7])
        policy = {"grant_limit": limit, "reversal_limit": limit, "hold_days": days}
        doing = {
            "erasure": {"on": desk.day(ahead), "subject": desk.id("case"), **desk.two},
            "key": {"vkeys": shown, "next": hash_vkeys(following), **desk.two},
            "person": {"person": self.third, "standing": standing, **desk.two},
            "policy": POLICY | policy | {"from": desk.day(ahead), **desk.two},
            "record": {"ref": desk.ref(), **desk.by},
            "state": {"root": state_root(desk.books)},
        }
        if self.attempt(statement(what, **doing[what])) is not None and what == "key":
            self.key += 1

    @rule(hours=st.integers(1, 72))
    def hours_pass(self, hours):
        self.desk.wait(hours=hours)

    @rule(days=st.integers(7, 40))
    def weeks_pass(self, days):
        self.desk.wait(days=days)

    # --- what always holds ----------------------------------------------------------------------

    @invariant()
    def all_balances_sum_to_zero(self):
        tables = self.desk.books.tables
        assert sum(account.balance for account in tables["accounts"].values()) == 0

    @invariant()
    def parts_are_in_order_positive_and_a_debt_is_alone(self):
        for name, account in self.desk.books.tables["accounts"].items():
            days = [day for day, _ in account.dated]
            assert days == sorted(set(days)), name
            assert all(points > 0 for _, points in account.dated), name
            undated = account.balance - parts.total(account.dated)
            assert undated >= 0 or not account.dated, name

    @invariant()
    def what_is_held_is_the_sum_of_the_open_holds(self):
        tables = self.desk.books.tables
        for name in self.accounts:
            account, held = tables["accounts"][name], tables["accounts"][name + "/held"]
            open_holds = {
                seq: hold
                for seq, hold in tables["holds"].items()
                if hold.account == name and hold.lots
            }
            lots = parts.tidy(lot for hold in open_holds.values() for lot in hold.lots)
            assert account.holds == tuple(sorted(open_holds)), name
            assert account.until == min((h.until for h in open_holds.values()), default="")
            assert parts.whole(held.balance, held.dated) == lots, name

    @invariant()
    def nobody_owes_but_after_an_overdraft_or_a_reversal(self):
        for name in self.accounts:
            assert self.desk.balance(name) >= 0 or name in self.may_owe, name
            assert self.desk.balance(name + "/held") >= 0

    @invariant()
    def sinks_fill_and_issuers_issue(self):
        for name in ("expired", "settled"):
            assert self.desk.balance(name) >= 0
        assert self.desk.balance("written-off") <= 0

    # --- what a checker says of the log ---------------------------------------------------------

    def teardown(self):
        log, books = self.desk.log, self.desk.books
        fresh = Books(lambda seq: decode(log[seq]))
        for raw in log:
            fresh.apply(*check(fresh, decode(raw)))
        assert fresh.head == books.head
        assert fresh.tables == books.tables
        assert state_root(fresh) == state_root(books)
        second = replay(log)
        accounts = books.tables["accounts"]
        assert second.balances == {name: row.balance for name, row in accounts.items()}
        assert second.parts == {
            name: [list(part) for part in parts.whole(row.balance, row.dated)]
            for name, row in accounts.items()
            if name.startswith(("member/", "org/"))
        }


def test_any_sequence_of_commands_leaves_books_that_a_checker_agrees_with():
    run_state_machine_as_test(
        Bookkeeping,
        settings=settings(
            max_examples=int(os.environ.get("POINTS_STATEFUL_EXAMPLES", "500")),
            stateful_step_count=60,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
