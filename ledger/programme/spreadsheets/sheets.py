"""A table from outside, known by its content and never by its name, as rows of text.

sheet = open_sheet(file)
for row in sheet.rows(): …             # again and again; in bounded memory
write_sheet(sheet.form, target, rows)  # in the layout that it came in
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from typing import IO, Literal, NamedTuple

from ledger.programme.spreadsheets.bounds import PACKED_BYTES_MAX, Row, SheetRefused
from ledger.programme.spreadsheets.texts import CsvForm, csv_form, csv_rows, write_csv
from ledger.programme.spreadsheets.workbooks import workbook_rows, write_workbook

Form = Literal["xlsx"] | CsvForm

_SAVE = "Open it in a spreadsheet program, save it as XLSX, and send that."
_OTHERS = (
    (b"%PDF-", f"This is a PDF file, whatever its name says. {_SAVE}"),
    (b"\xd0\xcf\x11\xe0", f"This is an old workbook (XLS), or one with a password. {_SAVE}"),
    (b"{\\rtf", f"This is a text document (RTF), whatever its name says. {_SAVE}"),
    (b"\x1f\x8b", "This is packed (gzip). Unpack it, and send what was in it."),
    (b"Rar!", "This is packed (RAR). Unpack it, and send what was in it."),
    (b"7z\xbc\xaf", "This is packed (7z). Unpack it, and send what was in it."),
    (b"\x89PNG", "This is a picture. Send the table itself."),
    (b"\xff\xd8\xff", "This is a picture. Send the table itself."),
)
_WEB = (b"<!doctype", b"<html", b"<?xml", b"<table", b"<meta", b"<head")


class Sheet(NamedTuple):
    """A table; `file` stays open for as long as it is read."""

    file: IO[bytes]
    form: Form

    def rows(self) -> Generator[Row, None, None]:
        """The rows that are not blank, the header among them; `SheetRefused`.

        Whoever stops before the end closes them while the file is open.
        """
        if isinstance(self.form, CsvForm):
            return csv_rows(self.file, self.form)
        return workbook_rows(self.file)


def open_sheet(file: IO[bytes]) -> Sheet:
    """The table in a seekable file; `SheetRefused` where it is none, or longer than 20 MB."""
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        raise SheetRefused("The file is empty.")
    if size > PACKED_BYTES_MAX:
        raise SheetRefused(
            f"The file has {size:,} bytes, at most {PACKED_BYTES_MAX:,} are read. Split it."
        )
    file.seek(0)
    start = file.read(64)
    if start.startswith(b"PK\x03\x04"):
        return Sheet(file, "xlsx")
    for magic, says in _OTHERS:
        if start.startswith(magic):
            raise SheetRefused(says)
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_WEB):
        raise SheetRefused(f"This is a web page or XML, whatever its name says. {_SAVE}")
    return Sheet(file, csv_form(file))


def write_sheet(form: Form, target: IO[bytes], rows: Iterable[Iterable[str]]) -> None:
    """Writes a table in that form; no cell of it is run as a formula."""
    if isinstance(form, CsvForm):
        write_csv(target, form, rows)
    else:
        write_workbook(target, rows)
