"""Rosters of enterprises: a name and one contact a row, and what is wrong is told in its row."""

from __future__ import annotations

import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.programme.people.contacts import Contact, contact_of
from ledger.programme.people.invitations import Invitee
from ledger.programme.people.rosters import (
    REASONS,
    Roster,
    read_roster,
    write_report,
)
from ledger.programme.spreadsheets.bounds import SheetRefused
from ledger.programme.spreadsheets.sheets import Sheet, open_sheet
from tests.programme.spreadsheets.workbooks import workbook

NUMBER = "11010519491231002X"  # the example of GB 11643


def csv(*lines: str) -> Sheet:
    return open_sheet(io.BytesIO("\n".join(lines).encode()))


def report(sheet: Sheet, roster: Roster) -> list[list[str]]:
    target = io.BytesIO()
    write_report(sheet, roster, target)
    return [list(row.cells) for row in open_sheet(target).rows()]


def test_whom_a_roster_invites_and_what_is_wrong_in_the_others() -> None:
    # given a workbook with a title and a column of its own
    rows = [
        ["花名册"],
        ["序号", "姓 名", "手机号码"],
        [1, "张三", 13800138000],
        [2, "𠮷田·热依木", "li＠Example.ORG"],
        [],
        [3, "李四", "+86 138-0013-8000"],
        [4, "", "13900139000"],
        [5, "赵", "'=1+1"],
        [6, "王五", "１３７００１３７０００"],
        [7, "孙", "", "a note"],
    ]
    sheet = open_sheet(workbook(rows))

    roster = read_roster(sheet)

    # then those are to be invited of whom there is a name and a contact
    assert roster.invitees == [
        Invitee(3, "张三", Contact("phone", "+8613800138000")),
        Invitee(4, "𠮷田·热依木", Contact("email", "li@example.org")),
        Invitee(9, "王五", Contact("phone", "+8613700137000")),
    ]
    assert roster.faults == {
        6: "Column C (手机号) has the contact of row 3. Give everybody one of their own.",
        7: "Column B (姓名) is empty.",
        8: "Column C (手机号) holds neither a telephone number nor an e-mail address.",
        10: "Column C (手机号) is empty.",
    }

    # and the report has the roster's layout, with a column of reasons
    shown = report(sheet, roster)
    assert shown[:2] == [["花名册"], ["序号", "姓 名", "手机号码", "", REASONS]]
    assert shown[2] == ["1", "张三", "13800138000"]
    assert shown[6] == ["5", "赵", "=1+1", "", roster.faults[8]]
    assert shown[8] == ["7", "孙", "", "a note", roster.faults[10]]


def test_a_report_that_comes_back_corrected_has_one_column_of_reasons() -> None:
    sheet = csv("name,phone", "张三,nothing", "", "李四,13800138000")
    target = io.BytesIO()
    write_report(sheet, read_roster(sheet), target)
    back = open_sheet(io.BytesIO(target.getvalue().replace(b"nothing", b"13900139000")))

    roster = read_roster(back)

    assert [each.place for each in roster.invitees] == [2, 4]
    assert report(back, roster) == [
        ["name", "phone", REASONS],
        ["张三", "13900139000"],
        ["李四", "13800138000"],
    ]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["姓名,手机,身份证号码"], "Row 1, column C speaks of identity documents"),
        (["name,ID Number,phone"], "Row 1, column B speaks of identity documents"),
        (["姓名,手机,备注", f"张三,13800138000,{NUMBER}"], "Row 2, column C holds what looks like"),
        (["姓名,手机", f"张三,{NUMBER[:6]} {NUMBER[6:].lower()}"], "Row 2, column B holds what"),
        (["姓名,手机", f"张三（身份证{NUMBER}）,13800138000"], "Row 2, column A holds what"),
        (["姓名,单位", "张三,某公司"], "no column 手机号"),
        (["姓名,手机,邮箱"], "both for 手机号"),
        ([f"姓名,手机{',x' * 63}"], "at most 64 columns"),
        ([f"姓名,手机{',x' * 64}"], "at most 64 columns"),
    ],
)
def test_what_is_no_roster_is_refused_and_repeats_nothing(lines: list[str], says: str) -> None:
    with pytest.raises(SheetRefused, match=says) as refused:
        read_roster(csv(*lines))
    assert NUMBER[6:14] not in str(refused.value)


def test_a_roster_of_sixty_four_columns_is_read_and_so_is_its_report() -> None:
    sheet = csv(f"姓名,手机{',x' * 62}", "张三,1")
    back = csv(*(",".join(row) for row in report(sheet, read_roster(sheet))))

    assert read_roster(back).width == 65
    assert report(back, read_roster(back))[0][-1] == REASONS


def test_a_header_with_documents_ends_the_reading_there() -> None:
    # given a roster whose second line could not be read without a complaint of its own
    sheet = csv("姓名,手机,证件号码", '"张三')
    with pytest.raises(SheetRefused, match="Row 1, column C"):
        read_roster(sheet)


def test_ten_thousand_rows_with_three_hundred_bad_ones() -> None:
    # given a roster in which every thirty-third row is bad, 300 in all
    bad = set(range(2, 2 + 33 * 300, 33))
    lines = [f"员工{at},{'无' if at in bad else 13800000000 + at}" for at in range(2, 10_002)]
    sheet = csv("姓名,手机号", *lines)

    # when it is read and reported
    tracemalloc.start()
    roster = read_roster(sheet)
    target = io.BytesIO()
    write_report(sheet, roster, target)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    # then exactly these rows have a reason, in bounded memory
    assert set(roster.faults) == bad
    assert len(roster.invitees) == 9_700
    marked = {row.number for row in open_sheet(target).rows() if len(row.cells) == 3}
    assert marked == bad | {1}
    assert peak < 40_000_000


PHONES = st.integers(13_000_000_000, 19_999_999_999).map(str)


@given(
    phone=PHONES, form=st.sampled_from(["{}", "+86 {}", "0086-{}", " {}\u3000"]), wide=st.booleans()
)
def test_a_telephone_number_is_one_however_it_is_written(phone: str, form: str, wide: bool) -> None:
    written = form.format(phone)
    if wide:
        written = written.translate({ord("0") + at: chr(0xFF10 + at) for at in range(10)})
    assert contact_of(written) == Contact("phone", f"+86{phone}")
