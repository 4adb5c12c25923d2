"""How large a table from outside may be, and what is said of one that cannot be read."""

from __future__ import annotations

from typing import NamedTuple

from ledger.errors import PointsError

PACKED_BYTES_MAX = 20_000_000
UNPACKED_BYTES_MAX = 200_000_000
ROWS_MAX = 20_000
COLUMNS_MAX = 64
ROW_CELLS_MAX = COLUMNS_MAX + 1
"""A report that comes back has a column of reasons beside those of its table."""

CELL_CHARACTERS_MAX = 1_000
LAST_ROW = 100_000
"""Blank rows count here: below it nothing is looked for."""


class SheetRefused(PointsError):
    """A file is no table that can be read; its sentence never repeats what a cell holds."""

    code = "sheet"


class Row(NamedTuple):
    """A row that is not blank: its number as a spreadsheet shows it, and its cells as text."""

    number: int
    cells: tuple[str, ...]


def letters(column: int) -> str:
    """What spreadsheets call the column of that number, from 1 on: A to Z, AA, …"""
    name = ""
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


class Counted:
    """Rows as they come, held to the bounds."""

    def __init__(self) -> None:
        self._rows = 0

    def row(self, number: int, cells: list[str]) -> Row | None:
        """The row without blank cells at its end; None where nothing is in it."""
        if number > LAST_ROW:
            raise SheetRefused(
                f"The table goes on below row {LAST_ROW:,}. Delete the empty rows at its end."
            )
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            return None
        self._rows += 1
        if self._rows > ROWS_MAX + 1:
            raise SheetRefused(
                f"The table has more than {ROWS_MAX:,} rows below its header. Split it."
            )
        if len(cells) > ROW_CELLS_MAX:
            raise SheetRefused(
                f"Row {number}, column {letters(len(cells))}: at most {COLUMNS_MAX} columns are"
                " read. Delete those that are not needed."
            )
        for column, cell in enumerate(cells, 1):
            if len(cell) > CELL_CHARACTERS_MAX:
                raise SheetRefused(
                    f"Row {number}, column {letters(column)} holds {len(cell):,} characters, at"
                    f" most {CELL_CHARACTERS_MAX:,} are read. Shorten it."
                )
        return Row(number, tuple(cells))
