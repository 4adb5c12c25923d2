"""What needs a second person, decided from a wish and the policy alone."""

import pytest

from ledger.journal.state import Policy
from ledger.programme.wishes import (
    ALWAYS,
    KINDS,
    SOMETIMES,
    Wish,
    approval_reason,
    command_of,
    may_need_approval,
)

POLICY = Policy(3, "2026-01-01", grant_limit=100, reversal_limit=50, hold_days=30, transfers={})


def reason(kind, policy=POLICY, reversible=None, **values):
    return approval_reason(Wish(kind, values, "person/a", "", b""), policy, reversible)


def test_a_credit_needs_two_above_the_limit_for_a_service_too():
    assert reason("credit", amount=100) is None
    assert "101 points are above the limit of 100" in reason("credit", amount=101)
    assert reason("credit", amount=100, service=7) is None
    assert reason("credit", amount=101, service=7)


def test_taking_office_away_needs_two():
    wish = Wish("person", {"person": "person/b", "standing": "none"}, "person/a", "", b"")
    assert approval_reason(wish, POLICY, None, "office")
    assert approval_reason(wish, POLICY, None, "partner") is None


def test_without_a_policy_every_grant_and_reversal_needs_two():
    assert reason("credit", policy=None, amount=1)
    assert reason("reversal", policy=None, amount=1)


def test_a_reversal_without_an_amount_counts_what_is_left():
    assert reason("reversal", reversible=50) is None
    assert reason("reversal", reversible=51)
    assert reason("reversal", reversible=51, amount=50) is None
    assert reason("reversal", reversible=None) is None  # no such entry: the book says so


@pytest.mark.parametrize(
    ("kind", "one", "two"),
    [
        ("debit", {"overdraw": False}, {"overdraw": True}),
        ("person", {"standing": "partner"}, {"standing": "office"}),
        ("service", {"assurance": "roster"}, {"assurance": "back-entry"}),
        ("service", {"assurance": "roster"}, {"assurance": "roster", "replaces": 4}),
    ],
)
def test_some_wishes_need_two_for_what_they_say(kind, one, two):
    assert reason(kind, **one) is None
    assert reason(kind, **two)


def test_some_kinds_always_need_two_and_some_never():
    assert all(reason(kind) for kind in ALWAYS)
    never = set(KINDS) - set(ALWAYS) - set(SOMETIMES)
    assert never == {"capture", "close", "hold", "open", "release", "transfer"}
    assert [kind for kind in sorted(never) if reason(kind) or may_need_approval(kind)] == []


def test_a_wish_names_both_people_once_it_is_approved():
    values = {"from": "member/a", "to": "member/b", "amount": 5, "purpose": "gift"}

    command = command_of("transfer", values, actor="person/a", approver="person/b")

    assert (command.account, command.receiver) == ("member/a", "member/b")
    assert (command.actor, command.approver) == ("person/a", "person/b")
