"""XLSX: its first visible sheet, read row by row after the package was looked over.

A workbook is a zip of XML from somebody else.  Before a library reads it, its directory is held to
bounds, and each XML part is run through once without keeping anything: a document type declaration,
an unreasonable row or nesting ends it there.  Formulas count as what the program that saved the
file last showed for them.
"""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any
from xml.parsers import expat

import openpyxl
from openpyxl.cell import WriteOnlyCell

from ledger.programme.spreadsheets.bounds import (
    LAST_ROW,
    UNPACKED_BYTES_MAX,
    Counted,
    Row,
    SheetRefused,
    letters,
)
from ledger.programme.spreadsheets.cells import read_cell, shown

_PARTS_MAX = 1_000
_RATIO_MAX = 200
_RATIO_FROM_BYTES = 1_000_000  # short parts of one letter pack better than any real table
_STRINGS_BYTES_MAX = 64_000_000
_OTHER_XML_BYTES_MAX = 8_000_000
_ROW_CELLS_MAX = 16_384  # what Excel has
_ELEMENTS_MAX = 8_000_000
_DEPTH_MAX = 64
_LAST_COLUMN = 256  # blank cells count here
_CHUNK_BYTES = 65_536

# Its warnings repeat what a cell holds.
warnings.filterwarnings("ignore", category=UserWarning, module=r"openpyxl\b")


def workbook_rows(file: IO[bytes]) -> Generator[Row, None, None]:
    """The rows of the first visible sheet that are not blank; `SheetRefused`."""
    with _damage_told():
        _look_over(file)
        file.seek(0)
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        try:
            sheets = [each for each in book.worksheets if each.sheet_state == "visible"]
            if not sheets:
                raise SheetRefused("The workbook has no visible sheet with cells.")
            sheets[0].reset_dimensions()  # what the file says of its size need not be so
            counted = Counted()
            for number, cells in enumerate(sheets[0].iter_rows(values_only=True), 1):
                if len(cells) > _LAST_COLUMN:
                    raise SheetRefused(
                        f"Row {number} goes on to the column {letters(len(cells))}. Delete the"
                        " columns right of the table, empty ones too."
                    )
                row = counted.row(number, [read_cell(cell) for cell in cells])
                if row is not None:
                    yield row
        finally:
            book.close()


def write_workbook(file: IO[bytes], rows: Iterable[Iterable[str]]) -> None:
    """Writes rows as a workbook of one sheet, every cell as text."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    for row in rows:
        sheet.append([_text_cell(sheet, cell) for cell in row])
    book.save(file)


def _text_cell(sheet: Any, text: str) -> Any:
    cell = WriteOnlyCell(sheet, shown(text))
    cell.data_type = "s"
    return cell


@contextmanager
def _damage_told() -> Iterator[None]:
    """Whatever a library says of a file that is broken, in one sentence of ours."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        expat.ExpatError,
        NotImplementedError,  # a way of packing that zipfile does not know
        ArithmeticError,
        AttributeError,
        LookupError,
        OSError,
        SyntaxError,  # ElementTree.ParseError is one
        TypeError,
        ValueError,
    ):
        raise SheetRefused(
            "This workbook is damaged or incomplete. Open it in a spreadsheet program, save it anew"
            " as XLSX, and send that."
        ) from None


def _look_over(file: IO[bytes]) -> None:
    with zipfile.ZipFile(file) as package:
        parts = package.infolist()
        _check_directory(parts)
        for part in parts:
            if part.filename.endswith((".xml", ".rels", ".vml")):
                with package.open(part) as content:
                    _run_through(content)


def _check_directory(parts: list[zipfile.ZipInfo]) -> None:
    names = [part.filename for part in parts]
    if "xl/workbook.xml" not in names:
        raise SheetRefused("This is a zip file, but no workbook. Save the table as XLSX.")
    if any(name.lower().endswith(("vbaproject.bin", ".bin.vba")) for name in names):
        raise SheetRefused("The workbook has macros. Save it as XLSX without macros, not as XLSM.")
    if any(name.lower().startswith("xl/externallinks/") for name in names):
        raise SheetRefused(
            "The workbook refers to other files. Break these links (in Excel: Data, Edit Links), or"
            " paste the table as values into a new workbook."
        )
    if any(part.flag_bits & 1 for part in parts):
        raise SheetRefused("The workbook has a password. Save it without one.")
    if len(parts) > _PARTS_MAX or sum(part.file_size for part in parts) > UNPACKED_BYTES_MAX:
        raise SheetRefused(
            f"The workbook has more than {_PARTS_MAX:,} parts, or more than"
            f" {UNPACKED_BYTES_MAX // 1_000_000} MB when it is unpacked. Paste the table alone into"
            " a new workbook."
        )
    for part in parts:
        packed_well = part.file_size > _RATIO_MAX * max(part.compress_size, 1)
        if (part.file_size > _RATIO_FROM_BYTES and packed_well) or part.file_size > _most(part):
            raise SheetRefused(
                f"The workbook's part {part.filename[:60]!r} is larger than any table makes it."
                " Paste the table as values into a new workbook."
            )


def _most(part: zipfile.ZipInfo) -> int:
    name = part.filename.lower()
    if name.endswith("sharedstrings.xml"):
        return _STRINGS_BYTES_MAX
    if name.startswith("xl/worksheets/") or not name.endswith((".xml", ".rels")):
        return UNPACKED_BYTES_MAX
    return _OTHER_XML_BYTES_MAX


def _run_through(content: IO[bytes]) -> None:
    """Reads XML without keeping it; `SheetRefused` for what would cost too much to keep."""
    elements = depth = cells = rows = 0
    row = ""

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal elements, depth, cells, rows, row
        elements, depth = elements + 1, depth + 1
        local = name.rpartition(":")[2]
        if local == "row":
            cells, rows = 0, rows + 1
            row = attributes.get("r", str(rows))[:10]
        elif local == "c":
            cells += 1
        if cells > _ROW_CELLS_MAX:
            raise SheetRefused(
                f"Row {row} has more than {_ROW_CELLS_MAX:,} cells: this is no table of rows."
            )
        if elements > _ELEMENTS_MAX or depth > _DEPTH_MAX or rows > LAST_ROW:
            raise SheetRefused(
                "The workbook has more cells than any table that is read. Delete the empty rows and"
                " columns around the table."
            )

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_: object) -> None:
        raise SheetRefused("The workbook has a document type declaration, which none needs.")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = doctype
    while chunk := content.read(_CHUNK_BYTES):
        parser.Parse(chunk, False)
    parser.Parse(b"", True)
