"""Tables come in as text whatever they were saved as, and what is no table is refused in words."""

from __future__ import annotations

import io
import subprocess
import sys
import tracemalloc
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from ledger.programme.spreadsheets import bounds
from ledger.programme.spreadsheets.bounds import SheetRefused, letters
from ledger.programme.spreadsheets.cells import read_text, shown
from ledger.programme.spreadsheets.sheets import Form, open_sheet, write_sheet
from ledger.programme.spreadsheets.texts import CsvForm
from tests.programme.spreadsheets.workbooks import SHEET, changed, sheet_xml, workbook

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")

NAMES = [("姓名", "手机"), ("张三", "13800138000"), ("𠮷田·热依木", "+8613900139000")]
CELLS = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"]) | st.sampled_from("=+-@＝＋－＠'\t"),
    max_size=20,
).map(str.strip)


def read(content: bytes | io.BytesIO) -> list[tuple[int, tuple[str, ...]]]:
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    return [tuple(row) for row in open_sheet(file).rows()]


def refused(content: bytes | io.BytesIO) -> str:
    with pytest.raises(SheetRefused) as error:
        read(content)
    return str(error.value)


# --- read ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_is_read_as_spreadsheet_programs_write_it(encoding: str, separator: str) -> None:
    text = "\r\n".join(separator.join(f'"{cell}"' for cell in row) for row in NAMES)
    assert [cells for _, cells in read(text.encode(encoding))] == NAMES


def test_a_workbook_shows_what_the_program_shows() -> None:
    rows = [
        ["姓名", None, "日期"],
        [],
        ["  张三 ", 13800138000, date(2026, 11, 26)],
        [True, 1.5, datetime.fromisoformat("2026-11-26T08:30")],
        [13800138000.0, "'=1", None, None],
    ]
    assert read(workbook(rows)) == [
        (1, ("姓名", "", "日期")),
        (3, ("张三", "13800138000", "2026-11-26")),
        (4, ("TRUE", "1.5", "2026-11-26 08:30:00")),
        (5, ("13800138000", "=1")),
    ]


@given(st.dates(date(1904, 1, 2), date(2099, 12, 31)))
def test_days_of_both_calendars_of_excel_are_the_days_that_were_meant(day: date) -> None:
    assert read(workbook([[day]])) == [(1, (day.isoformat(),))]
    assert read(workbook([[day]], epoch=CALENDAR_MAC_1904)) == [(1, (day.isoformat(),))]


def test_a_formula_is_what_was_last_shown_for_it() -> None:
    cells = '<c r="A1" t="str"><f>1+1</f><v>two</v></c><c r="B1"><f>NOW()</f></c>'
    cells += '<c r="C1"><v>3</v></c>'
    file = changed(workbook([["x"]]), {SHEET: sheet_xml(f'<row r="1">{cells}</row>')})
    assert read(file) == [(1, ("two", "", "3"))]


def test_a_table_is_read_again_and_again_in_bounded_memory() -> None:
    text = "name,phone\n" + "".join(f"person {at},138{at:08d}\n" for at in range(20_000))
    sheet = open_sheet(io.BytesIO(text.encode()))
    tracemalloc.start()
    assert sum(1 for _ in sheet.rows()) == sum(1 for _ in sheet.rows()) == 20_001
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


# --- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7\n...", "PDF file, whatever its name says"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old workbook"),
        (b"\xef\xbb\xbf <html><table>", "web page"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\x00\x01\x02\xff", "neither a workbook"),
        (b"PK\x03\x04 and no more", "damaged or incomplete"),
        (b'a,b\n"c,d\n', "Line 2 is not CSV"),
        (b"a" * 1_001, "Row 1, column A holds 1,001 characters"),
        (b"," * 65 + b"x", "Row 1, column BN: at most 64 columns"),
        (b"a" * 70_000, "Line 1 is longer"),
        (b"a\n" * 20_002, "more than 20,000 rows"),
        (b"\n" * 100_001, "below row 100,000"),
        (b"a" * 20_000_001, "at most 20,000,000"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(content: bytes, says: str) -> None:
    assert says in refused(content)


@pytest.mark.parametrize(
    ("part", "content", "says"),
    [
        ("xl/vbaProject.bin", b"macro", "has macros"),
        ("xl/externalLinks/externalLink1.xml", b"<x/>", "refers to other files"),
        ("xl/media/bomb.bin", bytes(50_000_000), "larger than any table"),
        ("xl/styles.xml", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", "document type"),
        (SHEET, sheet_xml("<row r='7'>" + "<c/>" * 16_385 + "</row>"), "Row 7 has more than"),
        (SHEET, sheet_xml("<row/>" * 100_001), "more cells than any"),
        (SHEET, sheet_xml("<row r='999999999'><c><v>1</v></c></row>"), "below row 100,000"),
        (SHEET, sheet_xml("<row><c r='XFD1'><v>1</v></c></row>"), "column XFD"),
        (SHEET, sheet_xml("<row><c t='s'><v>99</v></c></row>"), "damaged or incomplete"),
        (SHEET, "<worksheet", "damaged or incomplete"),
        (SHEET, "<a>" * 65, "more cells than any"),
    ],
)
def test_a_hostile_workbook_is_refused_before_it_costs_anything(
    part: str, content: str | bytes, says: str
) -> None:
    assert says in refused(changed(workbook([["a"]]), {part: content}))


def test_a_zip_bomb_of_many_parts_is_refused_by_its_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ledger.programme.spreadsheets.workbooks.UNPACKED_BYTES_MAX", 10_000)
    assert "when it is unpacked" in refused(workbook([["a"]]))


def test_a_zip_of_something_else_is_told_from_a_workbook() -> None:
    whole = workbook([["a"]]).getvalue().replace(b"xl/workbook.xml", b"xl/warkbook.xml")
    assert "but no workbook" in refused(whole)


def test_a_date_beyond_the_calendar_is_not_repeated_to_anybody(tmp_path: Path) -> None:
    # given a telephone number in a column that is formatted as dates
    style = '<row r="1"><c r="A1" s="1"><v>13800138000</v></c></row>'
    file = changed(workbook([[date(2026, 1, 1)]]), {SHEET: sheet_xml(style)})
    path = tmp_path / "dates.xlsx"
    path.write_bytes(file.getvalue())

    # when a process reads it, with its own filters of warnings
    program = (
        "import sys; from ledger.programme.spreadsheets.sheets import open_sheet;"
        "print([*open_sheet(open(sys.argv[1], 'rb')).rows()])"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True)

    # then the cell is what Excel shows, and nothing is said of its content
    assert "#VALUE!" in done.stdout
    assert "13800138000" not in done.stdout + done.stderr


# --- written -------------------------------------------------------------------------------------


@given(CELLS)
def test_no_cell_is_run_and_each_comes_back_as_it_was(text: str) -> None:
    assert read_text(shown(text)) == text
    assert not shown(text).startswith(tuple("=+-@＝＋－＠\t\r"))


@pytest.mark.parametrize(
    "form", ["xlsx", CsvForm("utf-8", ","), CsvForm("gb18030", ";"), CsvForm("utf-16", "\t")]
)
@given(rows=st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=5))
def test_a_table_that_is_written_is_read_as_the_same(form: Form, rows: list[list[str]]) -> None:
    rows = [["a header", "of two columns"], *rows]
    file = io.BytesIO()
    write_sheet(form, file, rows)

    sheet = open_sheet(file)
    found = {number: list(cells) for number, cells in sheet.rows()}
    assert isinstance(form, str) or sheet.form[1] == form.separator
    for number, row in enumerate(rows, 1):
        filled = len(row)
        while filled and not row[filled - 1]:
            filled -= 1
        assert found.get(number, []) == row[:filled]


def test_columns_are_called_as_spreadsheets_call_them() -> None:
    assert [letters(at) for at in (1, 26, 27, 65, 702, 703)] == ["A", "Z", "AA", "BM", "ZZ", "AAA"]
    assert bounds.COLUMNS_MAX == 64
