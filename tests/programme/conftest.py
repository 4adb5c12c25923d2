"""What several tests of the programme start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import make_cheap_keys
from tests.programme.registry import Registry


@pytest.fixture
def registry(database_url: str, tmp_path: Path, cheap: None) -> Iterator[Registry]:
    """A ledger with records, on each database in turn."""
    yield from _opened(tmp_path, database_url)


@pytest.fixture
def sqlite_registry(sqlite_url: str, tmp_path: Path, cheap: None) -> Iterator[Registry]:
    """The same on SQLite alone."""
    yield from _opened(tmp_path, sqlite_url)


@pytest.fixture
def postgresql_registry(postgresql_url: str, tmp_path: Path, cheap: None) -> Iterator[Registry]:
    """The same on PostgreSQL alone."""
    yield from _opened(tmp_path, postgresql_url)


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys whose passphrase costs next to nothing to try."""
    make_cheap_keys(monkeypatch)


def _opened(folder: Path, database_url: str) -> Iterator[Registry]:
    made = Registry(folder, database_url)
    yield made
    made.installation.close()
