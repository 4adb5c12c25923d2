"""A login's lock: every five failures, longer each time, gone by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ledger.programme.people.locks import LONGEST_LOCK, Lock

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def after(failures: int) -> tuple[Lock, datetime]:
    """The lock after that many failures, each tried as soon as it may be."""
    lock, now = Lock(), NOW
    for _ in range(failures):
        now = max(now, lock.until or now)
        lock = lock.failed(now)
    return lock, now


def test_four_failures_lock_nothing_and_the_fifth_does_for_15_minutes() -> None:
    four, _ = after(4)
    assert not four.holds(NOW)
    five = four.failed(NOW)
    assert five.holds(NOW + timedelta(minutes=14, seconds=59))
    assert not five.holds(NOW + timedelta(minutes=15))


def test_each_lock_is_twice_as_long_up_to_a_day() -> None:
    spans = [lock.until - now for lock, now in map(after, range(5, 55, 5)) if lock.until]
    minutes = [span / timedelta(minutes=1) for span in spans]
    assert minutes == [15, 30, 60, 120, 240, 480, 960, 1440, 1440, 1440]


def test_what_is_tried_while_it_is_locked_does_not_count() -> None:
    five, _ = after(5)
    assert five.failed(NOW + timedelta(minutes=5)) == five


def test_in_thirty_days_fewer_than_200_are_tried() -> None:
    lock, now, tried = Lock(), NOW, 0
    while now < NOW + timedelta(days=30):
        lock = lock.failed(now)
        tried += 1
        now = max(now + timedelta(milliseconds=1), lock.until or now)
    assert 100 < tried < 200


@given(st.integers(0, 10_000), st.integers(0, 10**9))
def test_a_lock_is_never_longer_than_a_day(failures: int, seconds: int) -> None:
    now = NOW + timedelta(seconds=seconds)
    lock = Lock(failures).failed(now)
    assert lock.until is None or lock.until - now <= LONGEST_LOCK
