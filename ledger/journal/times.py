"""Times and days as the journal writes them.

A *time* is text of the one shape ``2026-11-24T02:03:04.000005Z`` (UTC, six decimals), so that the
order of times is the order of their bytes.  A *day* is ``2026-11-24``.  A ledger's *local day* is
the day at its fixed ``utc_offset_minutes``; which day a point lapses on is a local matter, and a
fixed offset needs no table of time zones to check it again in ten years.

No clock is read here.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

US_PER_SECOND = 1_000_000
US_PER_DAY = 86_400 * US_PER_SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_us(moment: datetime) -> int:
    """Microseconds since 1970 of an aware `moment`, without rounding."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def format_time(us: int) -> str:
    """The journal's text of a time given in microseconds since 1970 (years 1000 to 9999)."""
    seconds, micros = divmod(us, US_PER_SECOND)
    return f"{_second(seconds)}.{micros:06d}Z"


@lru_cache(maxsize=4096)
def _second_us(text: str) -> int:
    return to_us(datetime.fromisoformat(text + "+00:00"))


def parse_time(text: str) -> int:
    """Microseconds since 1970 of a time in the journal's shape; ValueError when no such moment."""
    if len(text) != 27 or text[19] != "." or text[26] != "Z":
        raise ValueError(f"not a journal time: {text!r}, want YYYY-MM-DDTHH:MM:SS.ffffffZ")
    return _second_us(text[:19]) + int(text[20:26])


@lru_cache(maxsize=65536)
def _minute_day(minute: str, offset_minutes: int) -> str:
    local = datetime.fromisoformat(minute) + timedelta(minutes=offset_minutes)
    return local.date().isoformat()


def local_day(time: str, offset_minutes: int) -> str:
    """The local day of `time` at an offset in whole minutes; ValueError when no such moment."""
    return _minute_day(time[:16], offset_minutes)


def start_of_day(day: str, offset_minutes: int) -> str:
    """The first moment of a local day, as a time."""
    midnight = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return format_time(to_us(midnight) - offset_minutes * 60 * US_PER_SECOND)


@lru_cache(maxsize=65536)
def is_day(text: str) -> bool:
    """Whether `text`, already of the shape of a day, is one that the calendar has."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_time(text: str) -> bool:
    """Whether `text`, already of the shape of a time, is of a day that the calendar has."""
    return is_day(text[:10])
