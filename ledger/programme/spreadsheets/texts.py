"""CSV: UTF-8, UTF-16 with a byte order mark, or GB18030; separated by comma, semicolon or tab."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Generator, Iterable, Iterator
from itertools import count
from typing import IO, NamedTuple, TextIO

from ledger.programme.spreadsheets.bounds import (
    CELL_CHARACTERS_MAX,
    ROW_CELLS_MAX,
    Counted,
    Row,
    SheetRefused,
)
from ledger.programme.spreadsheets.cells import read_text, shown

_LINE_CHARACTERS_MAX = ROW_CELLS_MAX * (CELL_CHARACTERS_MAX + 3)
_CHUNK_BYTES = 65_536
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATORS = ",;\t"


class CsvForm(NamedTuple):
    """How a CSV file is written."""

    encoding: str
    separator: str


def csv_form(file: IO[bytes]) -> CsvForm:
    """How this file is written; `SheetRefused` for what is no text.  Reads it once."""
    encoding = _encoding_of(file)
    with _Text(file, encoding) as text:
        first = text.readline(_LINE_CHARACTERS_MAX)
    outside = "".join(first.split('"')[::2])
    return CsvForm(encoding, max(_SEPARATORS, key=outside.count))


def csv_rows(file: IO[bytes], form: CsvForm) -> Generator[Row, None, None]:
    """The rows that are not blank, in order; `SheetRefused`."""
    counted = Counted()
    with _Text(file, form.encoding) as text:
        reader = csv.reader(_bounded(text), delimiter=form.separator, strict=True)
        for number in count(1):
            try:
                cells = next(reader, None)
            except csv.Error:
                raise SheetRefused(
                    f"Line {reader.line_num} is not CSV: a quotation mark is not closed, or stands"
                    " within a cell. Save the table anew from the spreadsheet program."
                ) from None
            if cells is None:
                return
            row = counted.row(number, [read_text(cell) for cell in cells])
            if row is not None:
                yield row


def write_csv(file: IO[bytes], form: CsvForm, rows: Iterable[Iterable[str]]) -> None:
    """Writes rows as `form` says; UTF-8 gets a byte order mark, which Excel asks for."""
    encoding = "utf-8-sig" if form.encoding == "utf-8" else form.encoding
    text = io.TextIOWrapper(file, encoding, newline="", write_through=True)
    writer = csv.writer(text, delimiter=form.separator)
    writer.writerows([shown(cell) for cell in row] for row in rows)
    text.detach()


class _Text:
    """A binary file, read from its start as text, and left open."""

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        file.seek(0)
        self._text = io.TextIOWrapper(file, encoding, newline="")

    def __enter__(self) -> TextIO:
        return self._text

    def __exit__(self, *_: object) -> None:
        self._text.detach()


def _encoding_of(file: IO[bytes]) -> str:
    file.seek(0)
    start = file.read(4)
    marked = [encoding for mark, encoding in _MARKS if start.startswith(mark)]
    for encoding in marked or ("utf-8", "gb18030"):
        if _decodes(file, encoding):
            return encoding
    raise SheetRefused(
        "This is neither a workbook (XLSX) nor text in UTF-8, UTF-16 or GB18030. Save the table as"
        " XLSX and send that."
    )


def _decodes(file: IO[bytes], encoding: str) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while chunk := file.read(_CHUNK_BYTES):
            if "\0" in decoder.decode(chunk):
                return False
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def _bounded(text: TextIO) -> Iterator[str]:
    number = 0
    while line := text.readline(_LINE_CHARACTERS_MAX + 1):
        number += 1
        if len(line) > _LINE_CHARACTERS_MAX:
            raise SheetRefused(
                f"Line {number} is longer than {_LINE_CHARACTERS_MAX:,} characters: this is no"
                " table of rows."
            )
        yield line
