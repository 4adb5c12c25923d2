"""Headers and days as people write them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.programme.spreadsheets.bounds import Row, SheetRefused
from ledger.programme.spreadsheets.columns import find_header
from ledger.programme.spreadsheets.days import read_day

COLUMNS = {"full_name": ("姓名", "name"), "phone": ("手机号", "mobile phone")}
FULL_WIDTH = {ord("0") + at: chr(0xFF10 + at) for at in range(10)}


def table(*rows: tuple[str, ...]) -> list[Row]:
    return [Row(number, row) for number, row in enumerate(rows, 1)]


@pytest.mark.parametrize(
    "words", [("姓 名", "手机号："), ("Name", "Mobile_Phone"), ("name", "手机号")]
)
def test_a_header_is_found_below_a_title_in_either_language(words: tuple[str, ...]) -> None:
    rows = iter(table(("花名册",), ("", *words), ("1", "张三", "138")))
    header = find_header(rows, COLUMNS, ["full_name", "phone"])
    (row,) = rows
    assert [header.value(row, field) for field in COLUMNS] == ["张三", "138"]
    assert header.value(Row(9, ("1",)), "phone") == ""


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (("nobody",), "None of the first 10 rows"),
        (("姓名",), "Row 1: there is no column 手机号"),
        (("姓名", "手机号", "name"), "columns A and C are both for 姓名"),
    ],
)
def test_a_header_that_does_not_do_is_refused(row: tuple[str, ...], says: str) -> None:
    with pytest.raises(SheetRefused, match=says):
        find_header(iter(table(row)), COLUMNS, ["full_name", "phone"])


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)), st.booleans())
def test_a_day_is_read_however_it_is_written_year_first(day: date, wide: bool) -> None:
    for form in ("{0}-{1}-{2}", "{0}/{1:02}/{2:02}", "{0}.{1}.{2}", "{0}年{1}月{2}日"):
        text = form.format(day.year, day.month, day.day)
        assert read_day(text.translate(FULL_WIDTH) if wide else text) == day
    assert read_day(f"{day:%Y%m%d}") == day
    assert read_day(f"{day} 00:00:00") == day


@pytest.mark.parametrize(
    "text", ["", "3/4/2026", "2026-02-30", "2026-1/2", "1899-12-31", "2100-01-01", "26-1-2", "今天"]
)
def test_what_is_no_day_is_none(text: str) -> None:
    assert read_day(text) is None
