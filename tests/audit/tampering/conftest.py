"""The ledger of the tampering tests, lived through once on each database and copied for a case."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.db import open_engine
from tests.audit.lived import live
from tests.audit.tampering.scene import Scene
from tests.postgres import fresh_database

GRANTS = 300


@pytest.fixture(scope="session")
def lived_sqlite(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The file of a database that nobody has open, and its high-water file."""
    folder = tmp_path_factory.mktemp("tampering")
    shutil.copy(migrated_sqlite, folder / "points.db")
    database = open_engine(f"sqlite:///{folder / 'points.db'}")
    live(database, folder, GRANTS)
    database.close()
    return folder / "points.db", folder / "high-water"


@pytest.fixture(scope="session")
def lived_postgresql(
    postgres_url: str, migrated_postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """The name of a database that nobody is connected to, and its high-water file."""
    folder = tmp_path_factory.mktemp("tampering")
    name = f"points_lived_{uuid.uuid4().hex}"
    with fresh_database(postgres_url, name, migrated_postgres) as url:
        database = open_engine(url)
        live(database, folder, GRANTS)
        database.close()
        yield name, folder / "high-water"


@pytest.fixture(params=["sqlite", "postgresql"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    """A copy of that ledger on each database in turn."""
    make: Callable[[pytest.FixtureRequest, Path], Iterator[Scene]] = {
        "sqlite": _on_sqlite,
        "postgresql": _on_postgresql,
    }[request.param]
    yield from make(request, tmp_path)


def _on_sqlite(request: pytest.FixtureRequest, folder: Path) -> Iterator[Scene]:
    source, high_water = request.getfixturevalue("lived_sqlite")
    shutil.copy(source, folder / "points.db")
    yield from _opened(f"sqlite:///{folder / 'points.db'}", folder, high_water)


def _on_postgresql(request: pytest.FixtureRequest, folder: Path) -> Iterator[Scene]:
    template, high_water = request.getfixturevalue("lived_postgresql")
    server = request.getfixturevalue("postgres_url")
    with fresh_database(server, f"points_{uuid.uuid4().hex}", template) as url:
        yield from _opened(url, folder, high_water)


def _opened(url: str, folder: Path, high_water: Path) -> Iterator[Scene]:
    opened = Scene(url, folder, high_water)
    yield opened
    opened.installation.close()
