"""The office's calendar: which local days are working days, and which day is so many of them away.

Working days are Monday to Friday, but for the holidays of a year and the weekend days that are
worked in their place (调休).  The State Council names both each November for the year after, so a
year is known once its notice is here, or in the file that POINTS_CALENDAR names:

    [2027]
    notice = "国办发明电〔2026〕…号"
    off = ["2027-01-01", "2027-02-05/2027-02-11"]
    worked = ["2027-02-14"]

Of a year that is not known Monday to Friday are taken for working days, and the answer says so:
what is due early in January has to be counted in the weeks before the notice is here as well.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from ledger.errors import ConfigError

WORKING_DAYS_MAX = 400
"""How far `due` counts."""

_SATURDAY = 5
_ONE = timedelta(days=1)
_MEMBERS = {"notice", "off", "worked"}


class Due(NamedTuple):
    """A working day; `assumed` where a year on the way to it is not known yet."""

    day: str
    assumed: bool


@dataclass(frozen=True, slots=True)
class Year:
    """The exceptions of one year: weekdays that are free, and weekend days that are worked."""

    notice: str
    off: frozenset[date]
    worked: frozenset[date]


@dataclass(frozen=True, slots=True)
class Calendar:
    """Working days by year."""

    years: Mapping[int, Year]

    def knows(self, day: str) -> bool:
        """Whether the holidays of the day's year are known."""
        return date.fromisoformat(day).year in self.years

    def is_working(self, day: str) -> bool:
        """Whether it is a working day; ValueError for what is no day."""
        return self._is_working(date.fromisoformat(day))

    def due(self, day: str, working_days: int) -> Due:
        """The working day that is so many of them after `day`, 1 to 400; ValueError beyond.

        `day` itself does not count (Civil Code, art. 201).
        """
        if not 1 <= working_days <= WORKING_DAYS_MAX:
            raise ValueError(f"{working_days} working days; wanted 1 to {WORKING_DAYS_MAX}")
        at, left, assumed = date.fromisoformat(day), working_days, False
        while left:
            at += _ONE
            assumed |= at.year not in self.years
            left -= self._is_working(at)
        return Due(at.isoformat(), assumed)

    def first_due(self, day: str, working_days: int) -> str:
        """The first day whose `due` is `day` or later; ValueError as `due`."""
        if not 1 <= working_days <= WORKING_DAYS_MAX:
            raise ValueError(f"{working_days} working days; wanted 1 to {WORKING_DAYS_MAX}")
        at, left = date.fromisoformat(day), working_days
        while left:
            at -= _ONE
            left -= self._is_working(at)
        return at.isoformat()

    def first_after(self, day: str, working_days: int) -> str:
        """The first day whose `due` is later than `day`; ValueError as `due`."""
        return self.first_due((date.fromisoformat(day) + _ONE).isoformat(), working_days)

    def _is_working(self, day: date) -> bool:
        year = self.years.get(day.year)
        if year is not None and day in year.worked:
            return True
        return day.weekday() < _SATURDAY and (year is None or day not in year.off)


def read_calendar(environ: Mapping[str, str]) -> Calendar:
    """The years that are known here, and those of the file POINTS_CALENDAR, which go before.

    Raises `ConfigError` for a file that cannot be used.
    """
    years = dict(KNOWN)
    name = environ.get("POINTS_CALENDAR")
    if not name:
        return Calendar(years)
    try:
        said = tomllib.loads(Path(name).read_text(encoding="utf-8"))
        years |= {int(year): _year(int(year), members) for year, members in said.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"The file that POINTS_CALENDAR names cannot be used: {error}. Wanted is a table a year"
            " with `notice`, `off` and `worked`, days as 2027-01-01 or 2027-02-05/2027-02-11."
        ) from error
    return Calendar(years)


def _year(year: int, members: Mapping[str, Any]) -> Year:
    if set(members) != _MEMBERS or not isinstance(members["notice"], str):
        raise ValueError(f"{year} has {', '.join(sorted(members)) or 'nothing'}")
    off, worked = (frozenset(_days(year, members[name])) for name in ("off", "worked"))
    if off & worked:
        raise ValueError(f"{min(off & worked)} is both off and worked")
    return Year(members["notice"], off, worked)


def _days(year: int, spans: Iterable[str]) -> Iterator[date]:
    for span in spans:
        first, _, last = span.partition("/")
        day, end = date.fromisoformat(first), date.fromisoformat(last or first)
        if not day.year == end.year == year or end < day:
            raise ValueError(f"{span} is no span of {year}")
        while day <= end:
            yield day
            day += _ONE


KNOWN: Mapping[int, Year] = {
    2026: _year(
        2026,
        {
            "notice": "国务院办公厅关于2026年部分节假日安排的通知 (2025-11-04)",
            "off": [
                "2026-01-01/2026-01-03",
                "2026-02-15/2026-02-23",
                "2026-04-04/2026-04-06",
                "2026-05-01/2026-05-05",
                "2026-06-19/2026-06-21",
                "2026-09-25/2026-09-27",
                "2026-10-01/2026-10-07",
            ],
            "worked": [
                "2026-01-04",
                "2026-02-14",
                "2026-02-28",
                "2026-05-09",
                "2026-09-20",
                "2026-10-10",
            ],
        },
    )
}
"""The years whose notice is here."""
