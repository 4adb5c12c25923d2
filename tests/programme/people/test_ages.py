"""What age lets a person do."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.programme.people.ages import (
    DATA,
    JOIN,
    VOLUNTEER,
    age_on,
    lacking_consents,
    stage_on,
)

DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))
TODAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("born", "acts", "guardian"),
    [
        (date(2018, 11, 25), False, {JOIN, DATA, VOLUNTEER}),  # 8 tomorrow
        (date(2018, 11, 24), True, {JOIN, DATA, VOLUNTEER}),  # 8 today
        (date(2012, 11, 25), True, {JOIN, DATA, VOLUNTEER}),  # 14 tomorrow
        (date(2012, 11, 24), True, {VOLUNTEER}),
        (date(2008, 11, 25), True, {VOLUNTEER}),  # 18 tomorrow
        (date(2008, 11, 24), True, set()),
        (date(1931, 2, 28), True, set()),
    ],
)
def test_each_birthday_of_the_law_counts_from_that_day_on(
    born: date, acts: bool, guardian: set[str]
) -> None:
    assert stage_on(born, TODAY).acts is acts
    assert stage_on(born, TODAY).guardian == guardian


def test_one_born_on_the_leap_day_is_older_on_the_first_of_march() -> None:
    born = date(2012, 2, 29)
    assert [age_on(born, date(2026, *day)) for day in ((2, 28), (3, 1))] == [13, 14]
    assert age_on(born, date(2028, 2, 29)) == 16


@given(DAYS, DAYS, DAYS)
def test_nobody_grows_younger_or_needs_more_of_a_guardian(a: date, b: date, c: date) -> None:
    born, before, after = sorted((a, b, c))
    assert 0 <= age_on(born, before) <= age_on(born, after)
    assert stage_on(born, after).guardian <= stage_on(born, before).guardian
    assert stage_on(born, after).acts >= stage_on(born, before).acts


@given(DAYS, DAYS, st.sets(st.sampled_from([JOIN, DATA, VOLUNTEER])))
def test_what_a_guardian_has_given_is_not_lacking(a: date, b: date, consents: set[str]) -> None:
    born, day = sorted((a, b))
    lacking = lacking_consents(born, day, consents)
    assert lacking | (consents & stage_on(born, day).guardian) == stage_on(born, day).guardian
    assert not lacking & consents


def test_nobody_has_an_age_before_birth() -> None:
    with pytest.raises(ValueError, match="before the birth"):
        age_on(date(2026, 11, 25), TODAY)
