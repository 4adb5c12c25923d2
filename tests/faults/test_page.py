"""docs/faults.md prints the table, and each row of the table is a test."""

from __future__ import annotations

import re
from pathlib import Path

from tests.faults.page import FAULTS, PAGE, written


def test_the_page_has_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert written(page) == page, "run: python -m tests.faults.page"


def test_each_row_is_a_test_and_each_test_a_row() -> None:
    files = [
        path for path in Path(__file__).parent.glob("test_*.py") if path.name != "test_page.py"
    ]
    tests = [
        name for f in files for name in re.findall(r"^def (test_\w+)", f.read_text(), re.MULTILINE)
    ]

    assert sorted(tests) == sorted(FAULTS)
