"""What the README promises is there, and what is there to be set or called is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ledger.cli import PLACES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
NAMED_ELSEWHERE = {
    "backup",
    "clock",
    "demo",
    "distribute",
    "doctor",
    "expire",
    "export",
    "key",
    "migrate",
    "publish",
    "receipt",
    "restore",
    "settings",
    "user",
    "work",
}
"""Commands that the README's tour leaves to `points --help`."""


def test_every_command_that_the_tour_calls_exists() -> None:
    called = set(re.findall(r"^(?:\$ |.*\$\()points ([a-z]+)", README, re.MULTILINE))
    assert called
    assert called <= set(PLACES)
    assert set(PLACES) - called - NAMED_ELSEWHERE == {"run", "serve"}


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([a-z]+/[^)#]+)\)", README))))
def test_every_page_that_is_linked_exists(link: str) -> None:
    assert (ROOT / link).is_file()


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)", README)) <= targets
