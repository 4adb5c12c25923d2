"""A history of earnings from elsewhere, as credits: what a row of it says.

A table kept in another system, such as a spreadsheet of past service, becomes credits: one a row,
effective at the start of the row's local day.  `Columns` says which column holds what.  Whose
points they are is known by a reference `<source>:<value of the account column>`.

A row has a key within its source, by which it is known again when the file is imported once more:
its own reference where a column holds one, else the SHA-256 of its cells together with its place
among the rows equal to it.

No database here; `importing.py` enters the rows.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import orjson

from ledger.journal.entry import POINTS_MAX
from ledger.journal.times import is_day
from ledger.programme.csvlines import CsvFile, HistoryError, Line
from ledger.programme.names import is_printable

CELL_CHARS_MAX = 100
ROLES = ("account", "points", "date", "reference", "valid_until")
ROUNDINGS = ("exact", "floor", "round")

_SOURCE = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NUMBER = re.compile(r"(-?)(\d{1,16})(?:\.(\d{1,9}))?", re.ASCII)
_BUCKETS = 256


@dataclass(frozen=True, slots=True)
class Columns:
    """The column that holds each role, and how a number becomes whole points."""

    account: str
    points: str
    date: str
    reference: str | None = None
    valid_until: str | None = None
    rounding: str = "exact"

    @classmethod
    def parse(cls, text: str) -> Columns:
        """Reads `account=customer,points=dollars:floor,date=date`; `HistoryError`."""
        given: dict[str, str] = {}
        for item in text.split(","):
            role, equals, column = (part.strip() for part in item.partition("="))
            if role not in ROLES or not equals or not column or role in given:
                raise HistoryError(
                    f"The mapping says {item[:60]!r}, wanted each of these at most once, with the"
                    f" name of a column: {', '.join(f'{role}=…' for role in ROLES)}."
                )
            given[role] = column
        missing = [role for role in ("account", "points", "date") if role not in given]
        if missing:
            raise HistoryError(f"The mapping lacks {missing[0]}=…, the column that holds it.")
        column, colon, rounding = given["points"].rpartition(":")
        if colon and rounding in ROUNDINGS:
            return cls(**{**given, "points": column}, rounding=rounding)
        return cls(**given)


def check_source(source: str) -> str:
    """The name of a source itself; `HistoryError` when it cannot be one."""
    if not _SOURCE.fullmatch(source):
        raise HistoryError(
            f"A source cannot be called {source[:40]!r}: 1 to 32 lower-case letters, digits, dots,"
            " hyphens and underscores, a letter or digit first."
        )
    return source


class Earning(NamedTuple):
    """A row that becomes a credit of `points`, 1 or more; days are local."""

    line: int
    key: str
    reference: str
    points: int
    date: str
    valid_until: str | None

    def content(self) -> bytes:
        """What the row says, in one form: another content under the same key is a conflict."""
        return orjson.dumps([self.reference, self.points, self.date, self.valid_until])


class Zero(NamedTuple):
    """A row that is worth 0 points: it makes its account known, and nothing else."""

    line: int
    reference: str


class Fault(NamedTuple):
    """A row that cannot be entered, and why."""

    line: int
    reason: str


Row = Earning | Zero | Fault


@dataclass(frozen=True, slots=True)
class Limits:
    """What the ledger allows: days of the budget, today, the most points of one credit."""

    first: str
    last: str
    today: str
    points_max: int


class _Bad(Exception):
    """A cell that cannot be used; the text says why."""


class History:
    """The rows of a file, read by its columns.  Reading it twice gives the same rows."""

    def __init__(self, file: CsvFile, source: str, columns: Columns, limits: Limits) -> None:
        self._file = file
        self._source = check_source(source)
        self._rounding = columns.rounding
        self._limits = limits
        self._width = len(file.columns)
        self._account = self._place(columns.account)
        self._points = self._place(columns.points)
        self._date = self._place(columns.date)
        self._reference = None if columns.reference is None else self._place(columns.reference)
        self._until = None if columns.valid_until is None else self._place(columns.valid_until)
        self._repeated = frozenset(_repeated(self._hash(line) for line in file.rows()))

    def rows(self) -> Iterator[Row]:
        """Every row in order."""
        seen: Counter[bytes] = Counter()
        for line in self._file.rows():
            digest = self._hash(line)
            ordinal = 0
            if _prefix(digest) in self._repeated:
                ordinal = seen[digest]
                seen[digest] += 1
            yield self._row(line, digest, ordinal)

    def _place(self, column: str) -> int:
        if column not in self._file.columns:
            raise HistoryError(
                f"{self._file.path} has no column {column[:40]!r}; it has"
                f" {', '.join(self._file.columns)[:200]}."
            )
        return self._file.columns.index(column)

    def _hash(self, line: Line) -> bytes:
        if self._reference is None or len(line.cells) != self._width:
            return hashlib.sha256(orjson.dumps(line.cells)).digest()
        return hashlib.sha256(line.cells[self._reference].strip().encode()).digest()

    def _row(self, line: Line, digest: bytes, ordinal: int) -> Row:
        if len(line.cells) != self._width:
            reason = f"it has {len(line.cells)} cells, the header has {self._width}"
            return Fault(line.number, reason)
        try:
            return self._earning(line, digest, ordinal)
        except _Bad as bad:
            return Fault(line.number, str(bad))

    def _earning(self, line: Line, digest: bytes, ordinal: int) -> Earning | Zero:
        cells = line.cells
        points = self._worth(cells[self._points].strip())
        date = self._day("date", cells[self._date].strip())
        until = self._valid_until(cells)
        reference = f"{self._source}:{_cell('account', cells[self._account])}"
        key = self._key(cells, digest, ordinal)
        if points == 0:
            return Zero(line.number, reference)
        return Earning(line.number, key, reference, points, date, until)

    def _key(self, cells: list[str], digest: bytes, ordinal: int) -> str:
        if self._reference is None:
            return f"{digest.hex()}:{ordinal}"
        reference = _cell("reference", cells[self._reference])
        if ordinal:
            raise _Bad(f"an earlier row has the same reference, {reference[:40]!r}")
        return reference

    def _worth(self, text: str) -> int:
        match = _NUMBER.fullmatch(text)
        if match is None:
            raise _Bad(f"points are {text[:40]!r}, wanted a number such as 12 or 12.50")
        sign, whole, fraction = match.groups(default="")
        points = int(whole)
        if sign and (points or fraction.strip("0")):
            raise _Bad(f"points are {text[:40]!r}: points are earned here, not taken back")
        if self._rounding == "exact" and fraction.strip("0"):
            raise _Bad(f"points are {text[:40]!r}, not whole: say points=<column>:floor or :round")
        if self._rounding == "round" and fraction >= "5":
            points += 1
        if points > POINTS_MAX:
            raise _Bad(f"{points} points are more than one account can hold")
        if points > self._limits.points_max:
            raise _Bad(
                f"{points} points are above the grant limit of {self._limits.points_max}:"
                " name an --approver"
            )
        return points

    def _day(self, role: str, text: str) -> str:
        if not (_DAY.fullmatch(text) and is_day(text)):
            raise _Bad(f"{role} is {text[:40]!r}, wanted a day such as 1997-01-31")
        limits = self._limits
        if role == "date" and text > limits.today:
            raise _Bad(f"date is {text}, which is yet to come")
        if role == "date" and not limits.first <= text <= limits.last:
            raise _Bad(f"date is {text}, the budget is for {limits.first} to {limits.last}")
        return text

    def _valid_until(self, cells: list[str]) -> str | None:
        text = "" if self._until is None else cells[self._until].strip()
        if not text:
            return None
        day = self._day("valid_until", text)
        if day < self._limits.today:
            raise _Bad(f"valid_until is {day}, which is past: such points have lapsed already")
        return day


def _cell(role: str, cell: str) -> str:
    text = cell.strip()
    if not 1 <= len(text) <= CELL_CHARS_MAX:
        raise _Bad(f"{role} has {len(text)} characters, wanted 1 to {CELL_CHARS_MAX}")
    if not is_printable(text):
        raise _Bad(f"{role} has a character that cannot be printed")
    return text


def _repeated(digests: Iterable[bytes]) -> set[int]:
    """The first eight bytes of digests that occur more than once (and of hardly any other).

    Only those eight bytes a row are kept, in buckets that are sorted one by one: 80 MB for ten
    million rows.
    """
    buckets = [array("Q") for _ in range(_BUCKETS)]
    for digest in digests:
        buckets[digest[0]].append(_prefix(digest))
    return {one for bucket in buckets for one, other in pairwise(sorted(bucket)) if one == other}


def _prefix(digest: bytes) -> int:
    return int.from_bytes(digest[:8], "big")
