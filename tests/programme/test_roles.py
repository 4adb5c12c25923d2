"""What the table of roles says of one person, asked in short and at length."""

from __future__ import annotations

import pytest

from ledger.programme.roles import ACTIONS, ROLES, Held, Principal

HERE, THERE = "org/" + "a" * 26, "org/" + "b" * 26
ME, ABSENT = "person/" + "a" * 26, "person/" + "b" * 26


def principal(*held: Held) -> Principal:
    return Principal("token/" + "a" * 26, "beiyuan", ME, held)


def test_who_may_do_something_is_who_reaches_something() -> None:
    callers = [principal(), *(principal(Held(role, HERE)) for role in ROLES)]
    callers += [principal(Held(role, HERE), Held("member")) for role in ROLES]
    callers += [principal(Held(role, THERE, ABSENT, ("team/x",))) for role in ROLES]
    for action in ACTIONS:
        for caller in callers:
            assert caller.may(action) is bool(caller.reach(action)), (action, caller.held)


def test_who_acts_for_nobody_acts_in_nobodys_place() -> None:
    for held in ((), (Held("officer"),), (Held("desk", HERE), Held("member"))):
        assert principal(*held).in_place_of("points:write") is None


def test_a_deputy_acts_in_somebodys_place_where_no_role_of_their_own_goes_as_far() -> None:
    deputy = Held("admin", deputy_of=ABSENT)

    assert principal(deputy, Held("member")).in_place_of("basics:write") == ABSENT
    assert principal(deputy, Held("officer")).in_place_of("basics:write") is None
    assert principal(deputy).in_place_of("points:write") is None


def test_an_action_that_there_is_not_is_no_question() -> None:
    for asked in (principal().may, principal().reach, principal().in_place_of):
        with pytest.raises(KeyError):
            asked("weather:change")
