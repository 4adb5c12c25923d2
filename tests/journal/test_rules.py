"""The table of rules: each has its tests, and where two are broken the first one is named.

The tests of the single rules stand in `test_rules_*.py`, named `test_<rule>_decide…` (a command is
refused by the rule) and `test_<rule>_check…` (an entry that breaks it is caught).
"""

import re
from pathlib import Path

import pytest

from ledger.journal import book
from ledger.journal.commands import (
    Capture,
    Debit,
    PlaceHold,
    Release,
    Reverse,
    Settle,
    StateOfAll,
    Transfer,
    WriteOff,
)
from ledger.journal.entry import TYPES
from ledger.journal.rules import ORDER, RULES, Refused
from ledger.journal.statements import hash_vkeys
from tests.journal.books import POLICY, Desk, refused, statement, vkeys

DECIDE_CANNOT_BREAK = {
    "sequence": "decide counts the entries itself",
    "origin": "decide takes the origin from the head",
    "clock": "decide takes a microsecond after the entry before when its clock is behind",
    "due": "decide does what is due first",
    "parts": "decide works the parts out itself",
    "balance": "decide adds up itself",
    "prev": "decide takes it from the account",
}


def _rules_with_tests(path):
    names = set()
    for file in Path(__file__).parent.glob("test_rules_*.py"):
        names |= set(re.findall(r"^def test_(\w+)", file.read_text(encoding="utf-8"), re.MULTILINE))
    return {
        rule.id
        for rule in RULES
        for name in names
        if re.match(rf"{rule.id.replace('-', '_')}_(decide_and_)?{path}_", name)
    }


def test_every_rule_has_a_test_that_check_catches_what_breaks_it():
    assert sorted({rule.id for rule in RULES} - _rules_with_tests("check")) == []


def test_every_rule_that_a_command_can_break_has_a_test_that_decide_refuses_it():
    missing = {rule.id for rule in RULES} - _rules_with_tests("decide")
    assert missing == set(DECIDE_CANNOT_BREAK)


def test_no_rule_stands_twice_in_the_table():
    assert len(ORDER) == len(RULES)


# --- who may act ---------------------------------------------------------------------------------

STANDINGS = ("office", "partner", "member", "auditor", "none", "unknown")
MAY_ACT = {
    "person": {"office"},
    "open": {"office", "partner"},
    "close": {"office", "partner"},
    "budget": {"office"},
    "policy": {"office"},
    "service": {"office", "partner"},
    "credit": {"office"},
    "debit": {"office"},
    "transfer": {"office", "partner", "member"},
    "hold": {"office", "partner", "member"},
    "capture": {"office", "partner", "member"},
    "release": {"office", "partner", "member"},
    "reversal": {"office"},
    "settlement": {"office", "partner"},
    "write-off": {"office"},
    "key": {"office"},
    "erasure": {"office"},
    "state": {"office"},
    "record": {"office", "partner", "member", "auditor"},
}


def test_the_table_of_actors_names_every_type_that_has_one():
    assert sorted(MAY_ACT) == sorted(set(TYPES) - {"ledger", "expiry"}) == sorted(book.ACTORS)


@pytest.mark.parametrize("standing", STANDINGS)
@pytest.mark.parametrize("kind", MAY_ACT)
def test_who_may_act_in_an_entry_of_each_type(kind, standing):
    desk, entry = _entry_without_approver(kind)
    actor = desk.id("person") if standing == "unknown" else desk.person(standing)
    entry |= {"actor": actor, "seq": desk.books.head.size, "at": desk.time(us=999)}
    if standing in MAY_ACT[kind]:
        desk.judge(entry)
    else:
        with refused("standing"):
            desk.judge(entry)


def _entry_without_approver(kind):
    """A good entry of a type, with an approver only where the form demands one."""
    desk = Desk()
    member, org, debtor = desk.open_member(), desk.open_org(), desk.open_member()
    empty = desk.open_org()
    desk.credit(member, 50)
    desk.credit(org, 50)
    desk.overdraw(debtor, 5)
    hold = desk.hold(member, 10, org)
    credit = desk.credit(member, 10)
    gift = {"receiver": debtor, "purpose": "gift"}
    days = {"budget": desk.id("issuer"), "limit": 5, "from_": "2026-01-01", "to": "2026-12-31"}
    key = {"vkeys": vkeys("b"), "next": hash_vkeys(vkeys("c"))}
    commands = {
        "person": statement("person", person=desk.id("person"), standing="partner", **desk.by),
        "open": statement("open", account=desk.id("org"), **desk.by),
        "close": statement("close", account=empty, **desk.by),
        "budget": statement("budget", **days, **desk.two),
        "policy": statement("policy", **(POLICY | {"from": desk.day(1)}), **desk.two),
        "service": desk.service(member),
        "credit": desk.grant(member, 5, approver=None),
        "debit": Debit(account=member, amount=5, **desk.by),
        "transfer": Transfer(account=member, amount=5, **gift, **desk.by),
        "hold": PlaceHold(account=member, amount=5, payee=org, **desk.by),
        "capture": Capture(hold=hold, **desk.by),
        "release": Release(hold=hold, **desk.by),
        "reversal": Reverse(original=credit, **desk.by),
        "settlement": Settle(account=org, amount=5, ref=desk.ref(), **desk.two),
        "write-off": WriteOff(account=debtor, amount=5, **desk.two),
        "key": statement("key", **key, **desk.two),
        "erasure": statement("erasure", on=desk.day(1), subject=desk.id("case"), **desk.two),
        "state": StateOfAll(**desk.by),
        "record": statement("record", ref=desk.ref(), **desk.by),
    }
    return desk, desk.draft(commands[kind])


def test_a_refusal_says_which_rule_in_a_sentence():
    error = Refused("funds", "there are 3 points available, 4 are needed")
    assert (error.rule, error.code, str(error)) == (
        "funds",
        "refused",
        "there are 3 points available, 4 are needed",
    )
