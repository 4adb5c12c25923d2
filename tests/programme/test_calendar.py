"""Working days: weekends, holidays, and the days that are worked in their place."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import ConfigError
from ledger.programme.calendar import KNOWN, WORKING_DAYS_MAX, Calendar, read_calendar

CALENDAR = read_calendar({})
DAYS = st.dates(date(2026, 1, 1), date(2026, 12, 31)).map(date.isoformat)


@pytest.mark.parametrize(
    ("day", "working"),
    [
        ("2026-11-24", True),  # a Tuesday
        ("2026-11-28", False),  # a Saturday
        ("2026-02-14", True),  # a Saturday that is worked before the Spring Festival
        ("2026-02-18", False),  # a Wednesday of it
        ("2026-09-20", True),  # a Sunday that is worked before the National Day
        ("2026-10-08", True),
    ],
)
def test_a_day_is_worked_or_not(day, working):
    assert CALENDAR.is_working(day) is working


@pytest.mark.parametrize(
    ("day", "working_days", "due"),
    [
        ("2026-11-24", 1, "2026-11-25"),
        ("2026-11-27", 1, "2026-11-30"),  # over a weekend
        ("2026-02-13", 3, "2026-02-25"),  # the 14th is worked, then nine days are not
        ("2026-09-24", 10, "2026-10-15"),  # over two holidays; the 10th of October is worked
    ],
)
def test_what_is_due_after_so_many_working_days(day, working_days, due):
    assert CALENDAR.due(day, working_days) == (due, False)


def test_the_year_has_as_many_working_days_as_the_notices_leave():
    first = date(2026, 1, 1)
    year = [(first + timedelta(days=n)).isoformat() for n in range(365)]
    # 261 weekdays, 19 of them free, 6 days of weekends worked
    assert sum(map(CALENDAR.is_working, year)) == 261 - 19 + 6


def test_a_year_without_its_notice_is_counted_by_weekdays_and_said_so():
    assert CALENDAR.due("2026-12-31", 1) == ("2027-01-01", True)
    assert CALENDAR.due("2026-12-30", 1) == ("2026-12-31", False)
    assert not CALENDAR.knows("2027-01-01")


@given(day=DAYS, first=st.integers(1, 200), second=st.integers(1, 200))
def test_so_many_and_then_so_many_more_are_their_sum(day, first, second):
    due = CALENDAR.due(CALENDAR.due(day, first).day, second).day
    assert due == CALENDAR.due(day, first + second).day
    assert CALENDAR.is_working(due)


@pytest.mark.parametrize("working_days", [0, -1, WORKING_DAYS_MAX + 1])
def test_only_so_many_are_counted(working_days):
    with pytest.raises(ValueError, match="wanted 1 to 400"):
        CALENDAR.due("2026-11-24", working_days)


def test_a_file_adds_years(tmp_path: Path):
    file = tmp_path / "calendar.toml"
    file.write_text('[2027]\nnotice = "a notice"\noff = ["2027-01-01"]\nworked = ["2027-01-02"]\n')
    calendar = read_calendar({"POINTS_CALENDAR": str(file)})

    assert calendar.due("2026-12-31", 1) == ("2027-01-02", False)
    assert calendar.years[2026] == KNOWN[2026]


@pytest.mark.parametrize(
    "text",
    [
        "no toml",
        "[2027]\n",
        '[2027]\nnotice = "x"\noff = ["2026-12-31"]\nworked = []\n',
        '[2027]\nnotice = "x"\noff = ["2027-01-05/2027-01-01"]\nworked = []\n',
        '[2027]\nnotice = "x"\noff = ["2027-01-01"]\nworked = ["2027-01-01"]\n',
        '[2027]\nnotice = "x"\noff = ["2027-02-30"]\nworked = []\n',
        '[year]\nnotice = "x"\noff = []\nworked = []\n',
        "2027 = 3\n",
    ],
)
def test_a_file_that_cannot_be_used_is_said(tmp_path: Path, text: str):
    file = tmp_path / "calendar.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="POINTS_CALENDAR"):
        read_calendar({"POINTS_CALENDAR": str(file)})


def test_without_any_year_weekdays_are_worked():
    assert Calendar({}).is_working("2026-10-01")
