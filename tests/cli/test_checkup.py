"""`points doctor`: it says what is wrong, in sentences, and nothing where nothing is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
from sqlalchemy import text

from ledger.journal import triggers
from tests.cli.conftest import Terminal
from tests.postgres import PACKAGE


@pytest.fixture
def kept(either: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    """The sample programme, with a backup of today, and what time brings done."""
    tools = PACKAGE / "pginstall" / "bin"
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    either.facts("demo")
    either.facts("work", "--once")
    key = pyrage.x25519.Identity.generate().to_public()
    either.facts("backup", "make", tmp_path / "b.age", "--to", key)
    return either


def bad(terminal: Terminal) -> dict[str, str]:
    """What wants somebody to look, by what it is about."""
    told = terminal.facts("doctor", exits=1)
    assert told["ok"] is False
    return {each["about"]: each["says"] for each in told["findings"] if not each["good"]}


def test_where_all_is_well_it_says_so(kept: Terminal) -> None:
    told = kept.facts("doctor")

    assert told["ok"] is True
    about = [each["about"] for each in told["findings"]]
    assert about == ["clock", "disk", "database", "backup", "ledgers", "publishing", "jobs"]
    assert all(each["says"].endswith(".") for each in told["findings"])


def test_a_day_later_it_asks_for_what_time_brings(
    kept: Terminal, wait: Callable[[int], None]
) -> None:
    wait(3)

    found = bad(kept)

    assert found.keys() == {"backup", "jobs"}
    assert "3 days ago" in found["backup"]
    assert "points work" in found["jobs"]


def test_it_goes_on_after_what_it_finds(kept: Terminal) -> None:
    # given a trigger that somebody dropped, keys that are gone, and no backup
    installation = kept.installation()
    with installation.database.writing() as conn:
        triggers.drop(conn, ("trail",))
    installation.close()
    (keys,) = (kept.data / "keys").iterdir()
    keys.rename(kept.data / "elsewhere")
    (kept.data / "last-backup").unlink()

    found = bad(kept)

    assert found.keys() == {"database", "ledgers", "backup"}
    assert "trail_next" in found["database"]
    assert keys.name in found["ledgers"]
    assert "No backup" in found["backup"]


def test_entries_that_nobody_publishes_are_told(
    kept: Terminal, wait: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an entry of a minute ago under no checkpoint
    installation = kept.installation()
    with installation.database.writing() as conn:
        conn.execute(text("UPDATE publication SET size = size - 1"))
    installation.database.close()
    wait(1)

    found = bad(kept)

    assert "under no checkpoint" in found["publishing"]
