"""A backup is put back and rolled forward on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from ledger.db import Database, open_engine
from tests.backups import Backups, backups
from tests.cli.conftest import Terminal

ROWS = "customer,dollars,date\n1,5,1997-01-02\n2,7,1997-01-03\n"


class Loss(NamedTuple):
    """A terminal on a database from an old backup, the last bundle, and how a second one is had."""

    terminal: Terminal
    bundle: Path
    rows: Path
    kept: Backups
    empty: Database


def url_of(database: Database) -> str:
    url = database.engine.url.render_as_string(hide_password=False)
    return url.replace("postgresql+psycopg", "postgresql")


@pytest.fixture
def lost(either: Terminal, tmp_path: Path) -> Iterator[Loss]:
    """The database with the import is lost; the backup has the founding alone."""
    rows, bundle = tmp_path / "earnings.csv", tmp_path / "beiyuan.zip"
    rows.write_text(ROWS)
    database = open_engine(either.environ["POINTS_DATABASE_URL"])
    with backups() as kept:
        empty = kept.copy(database)
        either.found()
        old = kept.copy(database)
        database.close()
        either(*either.importing(rows))
        either("export", bundle)
        either.environ["POINTS_DATABASE_URL"] = url_of(old)
        yield Loss(either, bundle, rows, kept, empty)


def test_an_old_backup_is_restored_and_goes_on(lost: Loss) -> None:
    terminal = lost.terminal
    # Given an old backup, which is not published
    assert "roll it forward with `points restore`" in terminal.complaint("publish")
    # When it is restored
    told = terminal.facts("restore", "--from", lost.bundle)
    # Then what was missing is there
    assert (told["before"], told["size"], told["restored"]) == (5, 9, 4)
    assert terminal.facts("verify", "--database")["ok"] is True
    assert terminal.facts("publish")["size"] == 9
    # And the import, sent again, finds all of its rows there
    again = terminal.facts(*terminal.importing(lost.rows))
    assert (again["imported"], again["already"]) == (0, 2)
    # And to restore once more does nothing
    assert (
        "all 9 entries of the bundle are there" in terminal("restore", "--from", lost.bundle).stdout
    )


def test_bundle_keys_and_high_water_file_are_enough(lost: Loss) -> None:
    terminal = lost.terminal
    terminal.environ["POINTS_DATABASE_URL"] = url_of(lost.empty)
    told = terminal("restore", "--from", lost.bundle, "--ledger", "beiyuan").stdout
    assert "9 entries put back, 9 in the bundle" in told
    assert terminal.facts("verify", "--database")["ok"] is True
    assert terminal.facts("publish")["size"] == 9


def test_what_contradicts_is_said_in_one_sentence(lost: Loss, tmp_path: Path) -> None:
    terminal = lost.terminal
    words = ("restore", "--from", lost.bundle)
    # Given keys that are none of the log's, the caller's sentence is that of verification
    terminal("init", "nanyuan", *("--budget-limit", "1", "--budget-from", "2026-01-01"),
             *("--budget-to", "2026-12-31"))  # fmt: skip
    strange = terminal.facts("key", "show", "--ledger", "nanyuan")["vkeys"][0]
    assert "signed by a key that you trust" in terminal.complaint(*words, "--key", strange)
    # Given another name than that of the bundle's log
    said = terminal.complaint(*words, "--ledger", "nanyuan")
    assert "is of points.example.org/log/beiyuan, so not of the ledger nanyuan" in said
    # Given something that is no bundle
    assert "is not a whole zip file" in terminal.complaint("restore", "--from", lost.rows)
    # Given no directory of keys for the log
    (terminal.data / "keys" / "beiyuan").rename(tmp_path / "elsewhere")
    assert "keys/beiyuan cannot be read" in terminal.complaint(*words)
