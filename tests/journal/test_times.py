"""Times and local days."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedEntry
from ledger.journal import times
from tests.journal.books import Desk, refused

EARLIEST, LATEST = datetime(1900, 1, 1), datetime(2999, 12, 31, 23, 59, 59, 999_999)  # noqa: DTZ001
MOMENTS = st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC))
OFFSETS = st.integers(-840, 840)


@given(MOMENTS)
def test_a_time_is_read_back_to_the_microsecond(moment):
    text = times.format_time(times.to_us(moment))
    assert text == moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06d}Z"
    assert times.parse_time(text) == times.to_us(moment)


@given(MOMENTS, MOMENTS)
def test_the_order_of_times_is_the_order_of_their_text(one, other):
    texts = [times.format_time(times.to_us(moment)) for moment in (one, other)]
    assert (one < other) == (texts[0] < texts[1])


@given(MOMENTS, OFFSETS)
def test_the_local_day_is_that_of_the_moment_moved_by_the_offset(moment, offset):
    text = times.format_time(times.to_us(moment))
    day = (moment + timedelta(minutes=offset)).date().isoformat()
    assert times.is_time(text)
    assert times.local_day(text, offset) == day


@given(st.dates(datetime(1900, 1, 2).date(), datetime(2999, 12, 31).date()), OFFSETS)  # noqa: DTZ001
def test_a_local_day_starts_at_its_first_microsecond(day, offset):
    start = times.start_of_day(day.isoformat(), offset)
    before = times.format_time(times.parse_time(start) - 1)
    assert times.local_day(start, offset) == day.isoformat()
    assert times.local_day(before, offset) == (day - timedelta(days=1)).isoformat()


@pytest.mark.parametrize(
    ("time", "offset", "day"),
    [
        ("2026-11-24T15:59:59.999999Z", 480, "2026-11-24"),
        ("2026-11-24T16:00:00.000000Z", 480, "2026-11-25"),
        ("2026-11-24T00:29:59.999999Z", -30, "2026-11-23"),
        ("2027-12-31T23:59:59.999999Z", 0, "2027-12-31"),
        ("2028-02-28T18:15:00.000000Z", 345, "2028-02-29"),
    ],
)
def test_local_days_worked_by_hand(time, offset, day):
    assert times.local_day(time, offset) == day


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T02:03:04Z",
        "2026-11-24T02:03:04.00005Z",
        "2026-11-24T02:03:04,000005Z",
        "2026-11-24T02:03:04.000005+",
        "2026-02-31T02:03:04.000005Z",
        "2026-11-24T02:03:60.000005Z",
        "",
    ],
)
def test_what_is_no_journal_time_is_not_read(text):
    with pytest.raises(ValueError, match=r"."):
        times.parse_time(text)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("2026-02-29", False),
        ("2028-02-29", True),
        ("2100-02-29", False),
        ("2026-11-31", False),
        ("0000-01-01", False),
        ("0001-01-01", True),
    ],
)
def test_a_day_is_one_that_the_calendar_has(text, holds):
    assert times.is_day(text) is holds


@pytest.mark.parametrize("year", ["0001", "1899", "3000", "9999"])
@pytest.mark.parametrize("offset", [-840, 840])
def test_a_time_far_away_has_no_form_so_that_every_time_has_a_local_day(year, offset):
    desk = Desk(utc_offset_minutes=offset)
    entry = desk.draft(desk.grant(desk.open_member(), 1))
    for rest in ("-01-01T00:00:00.000000Z", "-12-31T23:59:59.999999Z"):
        with pytest.raises(MalformedEntry, match="`effective_at`"):
            desk.judge(entry | {"effective_at": year + rest})


@pytest.mark.parametrize("offset", [-840, 840])
def test_the_first_and_the_last_time_of_the_form_have_a_local_day(offset):
    desk = Desk(utc_offset_minutes=offset)
    entry = desk.draft(desk.grant(desk.open_member(), 1))
    with refused("budget-period"):
        desk.judge(entry | {"effective_at": "1900-01-01T00:00:00.000000Z"})
    with refused("effective"):
        desk.judge(entry | {"effective_at": "2999-12-31T23:59:59.999999Z"})
