"""Commands on a database that was not set up whole: one sentence that says what to do first."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.migrating import migrate, migrate_down, revisions
from tests.cli.conftest import Terminal
from tests.postgres import fresh_database, other_role


@pytest.fixture
def stranger(postgresql_url: str, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal on a migrated database whose role was granted nothing."""
    with other_role(postgresql_url) as (_, url):
        yield Terminal(tmp_path / "data", url)


@pytest.mark.parametrize(
    "command", [("publish",), ("token", "list"), ("work", "--once"), ("demo",)]
)
def test_before_the_grants_commands_ask_for_them(
    stranger: Terminal, command: tuple[str, ...]
) -> None:
    assert "Run the grants of docs/operating.md again" in stranger.complaint(*command)


def test_tables_are_not_made_by_the_role_of_the_service(postgres_url: str, tmp_path: Path) -> None:
    name = f"points_{uuid.uuid4().hex}"
    with fresh_database(postgres_url, name) as url, other_role(url) as (_, limited):
        told = Terminal(tmp_path / "data", limited).complaint("migrate")
    assert "run by the role that owns the tables" in told


def test_the_doctor_asks_for_the_grants_and_goes_on(stranger: Terminal) -> None:
    told = stranger.facts("doctor", exits=1)["findings"]
    found = {each["about"]: each["says"] for each in told if not each["good"]}
    assert "Run the grants" in found["database"]
    assert {"clock", "disk", "calendar"} <= {each["about"] for each in told}


def test_the_doctor_asks_for_the_migrations_and_goes_on(either: Terminal) -> None:
    either.found()
    migrate_down(either.environ["POINTS_DATABASE_URL"], "0026")
    told = either.facts("doctor", exits=1)["findings"]
    found = {each["about"]: each["says"] for each in told if not each["good"]}
    assert found["database"].startswith("The tables are of migration 0026, wanted")
    assert found["evidence"] == "The database lacks tables of this version. Run: points migrate"


def test_the_doctor_names_a_grant_that_was_forgotten(
    postgresql_url: str, tmp_path: Path, cheap_passphrase: None
) -> None:
    Terminal(tmp_path / "data", postgresql_url).found()
    with other_role(postgresql_url) as (name, url):
        owner = Terminal(tmp_path / "data", postgresql_url).installation()
        with owner.database.writing() as conn:
            every = f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{name}"'
            conn.exec_driver_sql(every)
            conn.exec_driver_sql(f'GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO "{name}"')
            conn.exec_driver_sql(f'REVOKE DELETE ON card FROM "{name}"')
        owner.close()
        told = Terminal(tmp_path / "data", url).facts("doctor", exits=1)["findings"]
    found = {each["about"]: each["says"] for each in told if not each["good"]}
    assert "lacks DELETE on card: run the grants" in found["database"]


def test_tables_are_taken_down_to_nothing_that_is_above_them(
    empty_database_url: str, tmp_path: Path
) -> None:
    terminal = Terminal(tmp_path / "data", empty_database_url)
    assert "nothing to take down" in terminal.complaint("migrate", "--down-to", "0026")
    migrate(empty_database_url, "0026")
    told = terminal.complaint("migrate", "--down-to", "0027")
    assert told == "The tables are of migration 0026, which is not above 0027."
    terminal("migrate", "--down-to", "0026")
    terminal("migrate")


def test_tables_of_a_newer_version_are_left_alone(either: Terminal) -> None:
    installation = either.installation()
    with installation.database.writing() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    installation.close()
    for command in (("migrate",), ("migrate", "--down-to", revisions()[0])):
        assert "9999, which this version does not know" in either.complaint(*command)


def test_a_file_that_is_no_whole_database_is_to_be_restored(terminal: Terminal) -> None:
    terminal.found()
    file = Path(terminal.environ["POINTS_DATABASE_URL"].removeprefix("sqlite:///"))
    file.with_name(f"{file.name}-wal").unlink(missing_ok=True)
    file.write_bytes(b"garbage " * 4_096)
    assert "restore a backup" in terminal.complaint("publish")
