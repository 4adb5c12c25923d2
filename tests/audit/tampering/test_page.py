"""docs/tampering.md tells the cases that the tests try, all of them and no others."""

from __future__ import annotations

from ledger.journal import tables as journal
from ledger.programme.people.tables import metadata
from tests.audit.tampering.damages import DAMAGES, ZIPS
from tests.audit.tampering.histories import HISTORIES
from tests.audit.tampering.page import PAGE, WITHOUT_A_CASE, render
from tests.audit.tampering.rows import ROWS

TEXT = PAGE.read_text(encoding="utf-8")
JOURNAL = {table.name for table in vars(journal).values() if isinstance(table, journal.Table)}


def test_the_page_prints_the_cases() -> None:
    assert render(TEXT) == TEXT, "run: python -m tests.audit.tampering.page"


def test_there_are_enough_cases() -> None:
    assert min(len(ROWS), len(DAMAGES) + len(ZIPS)) >= 40
    assert len({(case.place, case.what) for case in ROWS}) == len(ROWS)
    assert len({each.what for each in HISTORIES}) == len(HISTORIES)


def test_each_column_of_the_journal_has_a_case_or_a_reason() -> None:
    tables = [table for table in metadata.sorted_tables if table.name in JOURNAL]
    columns = {f"{table.name}.{column.name}" for table in tables for column in table.c}
    touched = {column for case in ROWS for column in case.touches}
    assert touched <= columns
    assert columns - touched == set(WITHOUT_A_CASE)


def test_the_page_speaks_of_each_table_outside_the_log() -> None:
    outside = {table.name for table in metadata.sorted_tables} - JOURNAL
    assert outside
    assert {name for name in outside if f"`{name}`" not in TEXT} == set()
