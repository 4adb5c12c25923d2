"""The page that says which test holds which demand of the specifications."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/conformance.md").read_text(encoding="utf-8")
ELSEWHERE = "_nobody here:_"


def rows() -> list[list[str]]:
    """The cells of each row: statement, where, test."""
    lines = [line for line in PAGE.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] != "Statement" and not row[0].startswith("---")]


def test_every_test_that_the_conformance_page_names_exists() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE))

    assert len(named) > 60
    for path, name in named:
        assert f"\ndef {name}(" in (ROOT / path).read_text(), f"{path}::{name}"


def test_every_row_names_tests_and_nothing_else_unless_the_duty_is_anothers() -> None:
    assert len(rows()) > 50
    for row in rows():
        statement, where, test = row
        assert statement, row
        assert where, row
        if test.startswith(ELSEWHERE):
            assert "duty" in test, row
        else:
            assert re.fullmatch(r"`tests/[\w/]+\.py::\w+`(, `tests/[\w/]+\.py::\w+`)*", test), row


def test_few_duties_are_anothers() -> None:
    assert sum(test.startswith(ELSEWHERE) for _, _, test in rows()) == 3
