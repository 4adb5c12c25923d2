"""Columns by their headers, Chinese or English, from a table of synonyms."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ledger.programme.spreadsheets.bounds import Row, SheetRefused, letters

HEADER_WITHIN_ROWS = 10
"""A title and a date may stand above the header."""

_BETWEEN = re.compile(r"[\s_\-./:*()\[\]'\u3000、·]+")

Synonyms = Mapping[str, tuple[str, ...]]
"""By field: the headers that it has, the first one the one to recommend."""


class Header(NamedTuple):
    """A header row, and the place of each field that it names, from 0 on."""

    row: Row
    places: Mapping[str, int]

    def value(self, row: Row, field: str) -> str:
        """The cell of that field, empty where there is none."""
        place = self.places.get(field)
        return row.cells[place] if place is not None and place < len(row.cells) else ""


def plain(text: str) -> str:
    """A header in the form in which headers are compared."""
    return _BETWEEN.sub("", unicodedata.normalize("NFKC", text).casefold())


def find_header(rows: Iterator[Row], synonyms: Synonyms, needed: Iterable[str]) -> Header:
    """The first row that names a needed field; the rows below it are left in `rows`.

    `SheetRefused` where none of the first rows is one, where a needed field has no column, or one
    has two.
    """
    needed = tuple(needed)
    fields = {plain(word): field for field, words in synonyms.items() for word in words}
    for row, _ in zip(rows, range(HEADER_WITHIN_ROWS), strict=False):
        found = [(fields.get(plain(cell)), place) for place, cell in enumerate(row.cells)]
        if any(field in needed for field, _ in found):
            return _checked(row, found, synonyms, needed)
    wanted = ", ".join(synonyms[field][0] for field in needed)
    raise SheetRefused(
        f"None of the first {HEADER_WITHIN_ROWS} rows is a header with the column {wanted}. Write"
        " the columns' names above the table."
    )


def _checked(
    row: Row, found: list[tuple[str | None, int]], synonyms: Synonyms, needed: tuple[str, ...]
) -> Header:
    places: dict[str, int] = {}
    for field, place in found:
        if field is None:
            continue
        if field in places:
            raise SheetRefused(
                f"Row {row.number}: the columns {letters(places[field] + 1)} and"
                f" {letters(place + 1)} are both for {synonyms[field][0]}. Delete one."
            )
        places[field] = place
    for field in needed:
        if field not in places:
            raise SheetRefused(
                f"Row {row.number}: there is no column {synonyms[field][0]}. Add it."
            )
    return Header(row, places)
