"""A CSV file from elsewhere, read row by row in bounded memory.

RFC 4180 with a header line, UTF-8 with or without a byte order mark, plain or gzipped (told by its
first bytes, not by its name).  What cannot be read raises `HistoryError` with one sentence; bytes
from outside raise nothing else here.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, TextIO

from ledger.errors import PointsError

ROWS_MAX = 10_000_000
LINE_CHARS_MAX = 65_536
LINES_MAX = 20_000_000  # blank ones included, which make no row
COLUMNS_MAX = 256

_GZIP_MAGIC = b"\x1f\x8b"


class HistoryError(PointsError):
    """A history of earnings, or how it is to be read, cannot be used; nothing more was entered."""

    code = "history"


class Line(NamedTuple):
    """One row: the number of the line that it begins on (the header is line 1), its cells."""

    number: int
    cells: list[str]


class CsvFile:
    """A file and its header.  `rows` can be read again and again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._lines() as lines:
            first = next(lines, None)
        if first is None:
            raise HistoryError(f"{path} is empty, wanted a header line with the columns' names.")
        self.columns = _header(path, first.cells)

    def rows(self) -> Iterator[Line]:
        """The rows after the header, blank lines left out; at most `ROWS_MAX` of them."""
        with self._lines() as lines:
            next(lines)
            for count, line in enumerate(lines, 1):
                if count > ROWS_MAX:
                    raise HistoryError(
                        f"{self.path} has more than {ROWS_MAX:,} rows. Split it; --source stays"
                        " the same."
                    )
                yield line

    @contextmanager
    def _lines(self) -> Iterator[Iterator[Line]]:
        try:
            with self.path.open("rb") as raw, _text(raw) as text:
                yield _parsed(self.path, text)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise HistoryError(
                f"{self.path} is a damaged or incomplete gzip file. Fetch it again."
            ) from error
        except OSError as error:
            raise HistoryError(f"{self.path} cannot be read: {error.strerror}.") from error


def _header(path: Path, cells: list[str]) -> tuple[str, ...]:
    columns = tuple(cell.strip() for cell in cells)
    if len(columns) > COLUMNS_MAX:
        raise HistoryError(f"{path} has {len(columns)} columns, at most {COLUMNS_MAX} are read.")
    for name in columns:
        if columns.count(name) > 1:
            raise HistoryError(f"{path} has two columns called {name[:40]!r}. Rename one.")
    return columns


@contextmanager
def _text(raw: IO[bytes]) -> Iterator[TextIO]:
    packed = raw.read(2) == _GZIP_MAGIC
    raw.seek(0)
    stream = io.BufferedReader(gzip.GzipFile(fileobj=raw, mode="rb")) if packed else raw
    # Undecodable bytes come through as lone surrogates, so that their line can be named.
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield text
    finally:
        text.detach()


def _parsed(path: Path, text: TextIO) -> Iterator[Line]:
    reader = csv.reader(_bounded(path, text), strict=True)
    number = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise HistoryError(f"{path}, line {number}: this is not CSV ({error}).") from error
        if cells is None:
            return
        if cells:
            yield Line(number, cells)
        number = reader.line_num + 1


def _bounded(path: Path, text: TextIO) -> Iterator[str]:
    """The lines of the file, each of bounded length and in UTF-8."""
    number = 0
    while line := text.readline(LINE_CHARS_MAX + 1):
        number += 1
        if number > LINES_MAX:
            raise HistoryError(f"{path} has more than {LINES_MAX:,} lines: split it.")
        if len(line) > LINE_CHARS_MAX:
            raise HistoryError(
                f"{path}, line {number} is longer than {LINE_CHARS_MAX:,} characters: this is no"
                " table of rows."
            )
        if not line.isascii() and any("\udc80" <= character <= "\udcff" for character in line):
            raise HistoryError(
                f"{path}, line {number} is not in UTF-8. Save the table as CSV in UTF-8 and try"
                " again."
            )
        yield line
