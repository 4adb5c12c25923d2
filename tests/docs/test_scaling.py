"""docs/scaling.md counts the tables that there are, and reckons with them."""

from __future__ import annotations

import re

from ledger.programme.people.tables import INSTALLATION, metadata
from tests.cli.conftest import ROOT

PAGE = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
SPREAD = len(metadata.tables) - len(INSTALLATION)


def row(what: str) -> str:
    """The row of the fleet's table, arithmetic and result."""
    (found,) = re.findall(rf"^\| {what} +\| (.*) \|$", PAGE, re.MULTILINE)
    return str(found)


def test_the_tables_that_are_placed_are_counted() -> None:
    assert re.findall(r"^Placed (\d+) tables: ", PAGE, re.MULTILINE) == [str(len(metadata.tables))]


def test_the_relations_of_a_worker_follow_from_them() -> None:
    assert row("relations a worker").startswith(f"64 shards ÷ 4 × {SPREAD} tables × about 4 ")
    assert f"| {round(64 // 4 * SPREAD * 4, -2):,} " in row("relations a worker")


def test_the_room_of_empty_shards_follows_from_them() -> None:
    assert f"11.7 MB measured for 32 shards of 19 tables; × 2 × {SPREAD} ÷ 19 " in row(
        "empty shards"
    )
    assert f"| {11.7 * 2 * SPREAD / 19:.0f} MB " in row("empty shards")
