"""Gates: what is missing on a day, and why."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.programme.people.gates import Fact, Need, lacking

COURSE = "course/" + "a" * 26
INSURED, TRAINED = Need("insurance", "accident"), Need("training", COURSE)
DAY = "2026-11-24"


@pytest.mark.parametrize(
    ("facts", "need", "why"),
    [
        ([], INSURED, "The insurance accident is missing."),
        ([], TRAINED, f"The training {COURSE} is missing."),
        (
            [Fact("insurance", "accident", "2026-11-25", "2027-01-01")],
            INSURED,
            "The insurance accident counts from 2026-11-25 on only.",
        ),
        (
            [
                Fact("insurance", "accident", "2025-01-01", "2025-12-31"),
                Fact("insurance", "accident", "2026-01-01", "2026-11-23"),
            ],
            INSURED,
            "The insurance accident ended on 2026-11-23.",
        ),
        (
            [Fact("training", COURSE, "2026-01-01", result="failed")],
            TRAINED,
            f"The training {COURSE} is not passed: failed.",
        ),
        (
            [Fact("qualification", "accident", "2026-01-01")],
            INSURED,
            "The insurance accident is missing.",
        ),
    ],
)
def test_it_says_why_a_need_is_not_met(facts: list[Fact], need: Need, why: str) -> None:
    assert lacking(facts, (need,), DAY) == ((need, why),)


@pytest.mark.parametrize(
    "fact",
    [
        Fact("insurance", "accident", DAY, DAY),
        Fact("insurance", "accident", "2026-01-01", None),
        Fact("training", COURSE, DAY, result="passed"),
    ],
)
def test_what_holds_on_the_day_meets_the_need(fact: Fact) -> None:
    assert lacking([fact], (fact.need,), DAY) == ()


def test_several_needs_are_told_in_the_gates_order() -> None:
    first_aid = Need("qualification", "first-aid")
    facts = [Fact("qualification", "first-aid", "2026-01-01")]

    told = lacking(facts, (TRAINED, first_aid, INSURED), DAY)

    assert [each.need for each in told] == [TRAINED, INSURED]


DAYS = st.dates(datetime.date(2026, 1, 1), datetime.date(2026, 1, 20)).map(str)
PERIODS = st.lists(st.tuples(DAYS, DAYS).map(sorted), max_size=4)


@given(PERIODS, DAYS)
def test_a_need_is_met_on_exactly_the_days_of_its_periods(
    periods: list[list[str]], day: str
) -> None:
    facts = [Fact("insurance", "accident", first, last) for first, last in periods]

    met = not lacking(facts, (INSURED,), day)

    assert met == any(first <= day <= last for first, last in periods)


@given(PERIODS, DAYS, PERIODS)
def test_more_facts_never_close_a_gate(
    periods: list[list[str]], day: str, more: list[list[str]]
) -> None:
    facts = [Fact("insurance", "accident", first, last) for first, last in periods]
    further = [Fact("insurance", "accident", first, last) for first, last in more]

    assert len(lacking(facts + further, (INSURED,), day)) <= len(lacking(facts, (INSURED,), day))
