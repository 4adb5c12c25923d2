"""`points settings`: what can be set, what it is, and nothing secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ledger
from ledger.config import read_settings
from ledger.programme.calendar import read_calendar
from ledger.programme.channels import channels
from ledger.programme.delivery import read_quiet_hours
from ledger.settings import KNOWN, faults_of, settings_of
from tests.cli.conftest import Terminal

SOURCES = Path(ledger.__file__).parent
README = (SOURCES.parent / "README.md").read_text(encoding="utf-8")
SECRET = "hunter2-and-more"


def told(terminal: Terminal, exits: int = 0) -> dict[str, dict[str, object]]:
    facts = terminal.facts("settings", exits=exits)
    return {each["name"]: each for each in facts["settings"]}


def test_every_setting_that_is_read_anywhere_is_told() -> None:
    read = {
        name
        for path in SOURCES.rglob("*.py")
        if path.name != "settings.py"
        for name in re.findall(r"\bPOINTS_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8"))
    }
    # constants of the domain have such names too
    constants = {"POINTS_MAX", "POINTS_PER_HOUR", "POINTS_PER_READ"}
    assert read - constants == KNOWN.keys()


def test_the_readme_has_the_same_settings_and_defaults() -> None:
    rows = re.findall(r"^\| `(POINTS_[A-Z_]+)` *\| (.+?) *\|", README, re.MULTILINE)
    assert {name for name, _ in rows} == KNOWN.keys()
    for name, cell in rows:
        default = KNOWN[name].default
        start = re.split("…|<", default or "–")[0].rstrip("/")[:8]
        assert start in cell, name


def test_what_is_empty_is_not_set_wherever_it_is_read() -> None:
    # as a unit file or a compose file has it: `POINTS_HOST=`, which would listen on all addresses
    empty = dict.fromkeys(KNOWN, "")

    assert read_settings(empty) == read_settings({})
    assert read_quiet_hours(empty) == read_quiet_hours({})
    assert read_calendar(empty) == read_calendar({})
    assert channels(empty) == {}
    assert settings_of(empty) == settings_of({})
    assert faults_of(empty) == []


def test_secrets_of_channels_that_are_empty_are_not_set() -> None:
    environ = {
        "POINTS_SMTP": "smtp://mail.example.org",
        "POINTS_SMTP_PASSWORD_FILE": "",
        "POINTS_MAIL_FROM": "points@example.org",
        "POINTS_SMS_URL": "https://sms.example.org/",
        "POINTS_SMS_SECRET_FILE": "",
    }
    assert channels(environ).keys() == {"email", "phone"}


def test_what_is_set_is_told_apart_from_what_is_not(terminal: Terminal) -> None:
    terminal.environ["POINTS_QUIET_HOURS"] = "20-7"
    found = told(terminal)
    assert found["POINTS_QUIET_HOURS"]["value"] == "20-7"
    assert found["POINTS_QUIET_HOURS"]["default"] == "21-8"
    assert found["POINTS_QUIET_HOURS"]["set"] is True
    assert (found["POINTS_PORT"]["value"], found["POINTS_PORT"]["set"]) == ("8000", False)
    assert "51" in str(found["POINTS_PASSPHRASE"]["source"])
    shown = terminal("settings").stdout
    assert "POINTS_QUIET_HOURS=20-7 (default 21-8)" in shown
    assert "志愿服务记录与证明出具办法" in shown


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("POINTS_PASSPHRASE", SECRET, "(set, not shown)"),
        (
            "POINTS_DATABASE_URL",
            f"postgresql://points:{SECRET}@db.example.org:5433/points?password={SECRET}&a=b",
            "postgresql://points:***@db.example.org:5433/points?password=***&a=***",
        ),
        (
            "POINTS_DATABASE_URL",
            "postgresql://points_service@/points?host=/run/postgresql",
            "postgresql://points_service@/points?host=***",
        ),
        ("POINTS_DATABASE_URL", "sqlite:////srv/points.db", "sqlite:////srv/points.db"),
        ("POINTS_DATABASE_URL", SECRET, "(set, and no URL)"),
        ("POINTS_DATABASE_URL", f"x://[{SECRET}", "(set, and no URL)"),
        ("POINTS_SMTP", f"smtps://me:{SECRET}@mail.example.org", "smtps://me:***@mail.example.org"),
        (
            "POINTS_SMS_URL",
            f"https://sms.example.org/send?key={SECRET}#{SECRET}",
            "https://sms.example.org/send?key=***",
        ),
    ],
)
def test_no_secret_is_shown(name: str, value: str, shown: str) -> None:
    found = {each.name: each.value for each in settings_of({name: value})}
    assert found[name] == shown
    assert SECRET not in repr(found)


def test_what_cannot_be_used_is_said_and_ends_with_1(terminal: Terminal) -> None:
    terminal.environ |= {"POINTS_QUIET_HOURS": "25-8", "POINTS_QUITE_HOURS": "21-8"}
    result = terminal("settings", exits=1)
    assert "POINTS_QUIET_HOURS is '25-8', wanted two hours" in result.stdout
    assert "POINTS_QUITE_HOURS is set, and there is no such setting" in result.stdout
    assert "2 of the settings cannot be used" in result.stderr
    terminal.environ |= {"POINTS_QUIET_HOURS": "", "POINTS_SMTP": f"smtp://a:{SECRET}@b"}
    again = terminal("settings", exits=1)
    assert SECRET not in again.stdout + again.stderr


def test_it_needs_no_database(terminal: Terminal) -> None:
    assert not terminal.data.exists()
    assert told(terminal)["POINTS_DATA"]["value"] == str(terminal.data)
    assert not terminal.data.exists()


def test_an_empty_address_is_the_one_that_is_shown_and_not_all_of_them() -> None:
    empty = {"POINTS_HOST": ""}
    (shown,) = (each.value for each in settings_of(empty) if each.name == "POINTS_HOST")
    assert read_settings(empty).host == shown == "127.0.0.1"
