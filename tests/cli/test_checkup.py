"""`points doctor`: it says what is wrong, in sentences, and nothing where nothing is."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pyrage
import pytest
from sqlalchemy import text

from ledger.journal import triggers
from ledger.journal.entry import new_id
from ledger.journal.orders import Done
from ledger.programme import files
from ledger.programme.messages import Choice, New, choose, post
from ledger.programme.recording import Change, save
from ledger.programme.wishes import Wish
from tests.cli.conftest import Terminal
from tests.postgres import PACKAGE
from tests.programme.people.test_invitations import ask
from tests.programme.people.test_memberships import enterprise


@pytest.fixture
def kept(either: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    """The sample programme, with a backup of today, and what time brings done."""
    tools = PACKAGE / "pginstall" / "bin"
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    years = tmp_path / "years.toml"
    this = datetime.now(tz=UTC).year
    years.write_text(
        "".join(
            f'[{year}]\nnotice = "a test"\noff = []\nworked = []\n'
            for year in range(this, this + 3)
        )
    )
    monkeypatch.setenv("POINTS_CALENDAR", str(years))
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
    assert about == [
        "clock",
        "disk",
        "database",
        "backup",
        "backup",
        "ledgers",
        "publishing",
        "jobs",
        "evidence",
        "messages",
        "invitations",
        "calendar",
    ]
    assert all(each["says"].endswith(".") for each in told["findings"])


def test_a_day_later_it_asks_for_what_time_brings(
    kept: Terminal, wait: Callable[[int], None]
) -> None:
    wait(3)

    found = bad(kept)

    assert found.keys() == {"backup", "jobs"}
    assert "3 days ago" in found["backup"]
    assert "points work" in found["jobs"]


def test_it_says_how_old_the_last_backup_is_that_somebody_opened(
    kept: Terminal, wait: Callable[[int], None], tmp_path: Path
) -> None:
    def told(exits: int = 0) -> list[str]:
        found = kept.facts("doctor", exits=exits)["findings"]
        return [each["says"] for each in found if each["about"] == "backup"]

    # given a backup that nobody opened yet
    assert "No backup was opened" in told()[1]
    pair, archive = pyrage.x25519.Identity.generate(), tmp_path / "tried.age"
    (tmp_path / "key.txt").write_text(f"{pair}\n")
    (tmp_path / "key.txt").chmod(0o600)
    kept.facts("backup", "make", archive, "--to", pair.to_public())

    # when somebody tries it
    identity = ("--identity", tmp_path / "key.txt")
    opened = kept.facts("backup", "open", archive, *identity, "--into", tmp_path / "tried")

    # then that is told, and after a long time that it is time for another one
    assert told()[1] == f"The last backup that was opened is of {opened['at']}."
    wait(101)
    assert "101 days ago: try a newer one" in told(exits=1)[1]


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


def test_files_of_evidence_that_are_missing_are_told(kept: Terminal) -> None:
    # given three files, of which one is there
    with closing(kept.installation()) as here:
        ledger, person = here.ledger(here.names()[0]), new_id("person", os.urandom(16))
        for number in range(3):
            request = new_id("request", os.urandom(16))
            wish = Wish("evidence", {}, person, request, bytes(32))
            new = files.New(person, person, None, None, b"%PDF-" + bytes([number]))
            assert isinstance(files.keep(here.database, ledger, here.clock, wish, new), Done)
    assert "looked for: 3" in str(kept.facts("doctor")["findings"])
    for path in sorted(ledger.evidence.iterdir())[:2]:
        path.unlink()

    found = bad(kept)

    assert found.keys() == {"evidence"}
    assert f"{ledger.name}: 2 of 3 files of evidence" in found["evidence"]


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


def test_messages_that_nobody_takes_and_years_that_nobody_named_are_told(
    kept: Terminal, wait: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a message that waits, another on paper, and a year later without its calendar
    installation = kept.installation()
    (name,) = installation.names()
    place = installation.database, installation.ledger(name), installation.clock
    for cause, channel in (("a", "paper"), ("b", "email")):
        person = new_id("person", os.urandom(16))
        save(*place, [Change("basics", person, person, {"email": "a@example.org"})], by=person)
        choose(*place, person, Choice(channel))
        values = {"proposal": "proposal/" + "a" * 26}
        post(*place, New(person, "proposal-approved", values, cause), by=person)
    installation.close()
    monkeypatch.delenv("POINTS_CALENDAR")
    wait(800)

    told = kept.facts("doctor", exits=1)["findings"]

    says = [each["says"] for each in told if each["about"] == "messages"]
    assert "1 messages wait" in says[0]
    assert "1 messages are to be printed" in says[1]
    assert any("POINTS_CALENDAR" in each["says"] for each in told if each["about"] == "calendar")


def test_lists_of_people_that_nobody_invites_are_told(
    kept: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an organisation whose list was kept, half an hour ago and two hours ago
    installation = kept.installation()
    (name,) = installation.names()
    ledger = installation.ledger(name)
    with installation.database.reading() as conn:
        offices = text("SELECT person FROM person WHERE standing = 'office'")
        office = conn.execute(offices).scalars().first()
    here = SimpleNamespace(
        database=installation.database, ledger=ledger, clock=installation.clock, office=office
    )
    ask(here, enterprise(here), ("王芳", "13912345678"), ("李四", "li@example.org"))
    assert all(each["good"] for each in kept.facts("doctor")["findings"])
    with installation.database.writing() as conn:
        conn.execute(text("UPDATE invitation_batch SET at = '2026-01-01T00:00:00.000000Z'"))
    installation.close()

    found = bad(kept)

    assert found.keys() == {"invitations"}
    assert "1 lists of people to invite, 2 people in all, wait" in found["invitations"]
    kept.facts("work", "--once")
    assert all(each["good"] for each in kept.facts("doctor")["findings"])
