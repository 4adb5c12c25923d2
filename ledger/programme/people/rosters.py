"""An enterprise's roster: whom it invites, a name and one contact a row.

A roster with a column of identity documents is refused at its header, and at the first cell that
looks like such a number: an enterprise has no need to hand them over, and what was not read need
not be kept safe.  Other columns are passed over; they come back in the report alone.

What is wrong in a row is told beside it, in the table's own layout.  Whether somebody takes part
already is *not* told, and not looked up here: an enterprise learns how many of its people do, never
who.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import IO, NamedTuple

from ledger.programme.commitments import FieldRefused
from ledger.programme.findable import full_name
from ledger.programme.people.contacts import Contact, contact_of
from ledger.programme.people.invitations import Invitee
from ledger.programme.spreadsheets.bounds import COLUMNS_MAX, Row, SheetRefused, letters
from ledger.programme.spreadsheets.columns import Header, Synonyms, find_header, plain
from ledger.programme.spreadsheets.sheets import Sheet, write_sheet

COLUMNS: Synonyms = {
    "full_name": ("姓名", "名字", "员工姓名", "职工姓名", "name", "full name", "employee name"),
    "contact": (
        *("手机号", "手机", "手机号码", "移动电话", "电话", "电话号码", "联系电话", "联系方式"),
        *("邮箱", "电子邮箱", "电子邮件", "邮箱地址"),
        *("phone", "phone number", "mobile", "mobile phone", "mobile number", "telephone"),
        *("contact", "email", "e-mail address"),
    ),
}
"""By field: the headers of its column."""

REASONS = "原因"
"""The header of the report's last column."""

_DOCUMENTS = re.compile(
    "身份证|身份号|证件|护照|居住证|通行证|社保|社会保障|银行卡|passport|identity|identification"
    "|document|idcard|idnumber|idno|^id$|socialsecurity"
)
_LOOKS_LIKE_ONE = re.compile(
    r"(?<!\d)[1-9]\d{5}(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?!\d)",
    re.ASCII,
)
_ENOUGH = "a name and one contact are all that is wanted. Nothing was kept."
_APART = re.compile(r"[\s\-.'·]+")


class Roster(NamedTuple):
    """A roster that was read whole; `width` is the number of its columns.

    `invitees` have the number of their row as their place; `faults` say, by row, what keeps a row
    from naming one.
    """

    header: Header
    width: int
    invitees: Sequence[Invitee]
    faults: Mapping[int, str]


def read_roster(sheet: Sheet) -> Roster:
    """Reads a roster whole.

    `SheetRefused` for what is no roster, or has a column of identity documents.
    """
    with closing(sheet.rows()) as source:
        rows = map(_without_numbers, source)
        header = find_header(map(_without_documents, rows), COLUMNS, COLUMNS)
        drawn = _Drawn(header)
        for row in rows:
            drawn.add(row)
    if drawn.width - (REASONS in map(plain, header.row.cells)) > COLUMNS_MAX:
        raise SheetRefused(
            f"A roster has at most {COLUMNS_MAX} columns. Delete those that are not needed."
        )
    return Roster(header, drawn.width, drawn.sound, drawn.faults)


def write_report(sheet: Sheet, roster: Roster, target: IO[bytes]) -> None:
    """Writes the roster as it came, with a last column that says what is wrong in a row."""
    write_sheet(sheet.form, target, _reported(sheet, roster))


def _without_documents(row: Row) -> Row:
    """A row down to the header, no cell of which names identity documents."""
    for column, cell in enumerate(row.cells, 1):
        if _DOCUMENTS.search(plain(cell)):
            raise SheetRefused(
                f"Row {row.number}, column {letters(column)} speaks of identity documents or the"
                f" like. Delete that column: {_ENOUGH}"
            )
    return row


def _without_numbers(row: Row) -> Row:
    for column, cell in enumerate(row.cells, 1):
        if _LOOKS_LIKE_ONE.search(_APART.sub("", unicodedata.normalize("NFKC", cell))):
            raise SheetRefused(
                f"Row {row.number}, column {letters(column)} holds what looks like the number of"
                f" an identity card. Take it out: {_ENOUGH}"
            )
    return row


class _Drawn:
    """What the rows below a header come to: whom they name, each contact once, and the faults."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.width = len(header.row.cells)
        self.sound: list[Invitee] = []
        self.faults: dict[int, str] = {}
        self._rows: dict[Contact, int] = {}

    def add(self, row: Row) -> None:
        self.width = max(self.width, len(row.cells))
        try:
            self.sound.append(self._invitee(row))
        except FieldRefused as error:
            self.faults[row.number] = str(error)

    def _invitee(self, row: Row) -> Invitee:
        found = {field: self.header.value(row, field) for field in COLUMNS}
        for field, text in found.items():
            if not text:
                raise FieldRefused(f"{self._column(field)} is empty.")
        try:
            full_name(found["full_name"])
        except FieldRefused:
            raise FieldRefused(f"{self._column('full_name')} holds no name that fits.") from None
        try:
            contact = contact_of(found["contact"])
        except FieldRefused:
            raise FieldRefused(
                f"{self._column('contact')} holds neither a telephone number nor an e-mail address."
            ) from None
        before = self._rows.setdefault(contact, row.number)
        if before != row.number:
            raise FieldRefused(
                f"{self._column('contact')} has the contact of row {before}. Give everybody one of"
                " their own."
            )
        return Invitee(row.number, found["full_name"], contact)

    def _column(self, field: str) -> str:
        return f"Column {letters(self.header.places[field] + 1)} ({COLUMNS[field][0]})"


def _reported(sheet: Sheet, roster: Roster) -> Iterator[Sequence[str]]:
    """All rows at their old places, so that their numbers are those of the roster."""
    header, number = roster.header.row, 0
    # A report that comes back has the column already.
    names = [plain(cell) for cell in header.cells]
    place = names.index(REASONS) if REASONS in names else roster.width
    for row in sheet.rows():
        yield from ([""] for _ in range(number + 1, row.number))
        number = row.number
        cells = [*row.cells, *[""] * (place + 1 - len(row.cells))]
        if number >= header.number:
            cells[place] = REASONS if number == header.number else roster.faults.get(number, "")
        yield cells
