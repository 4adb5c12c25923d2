"""One ledger that lived, exported once for all tests of an auditor's tools."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.audit.bundle import write_bundle
from ledger.db import open_engine
from ledger.tlog.note import Verifier
from tests.audit.lived import Files, Lived, live, unpack


@pytest.fixture(scope="session")
def lived(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """A ledger after its two days, on SQLite; to be read only."""
    folder = tmp_path_factory.mktemp("lived")
    shutil.copy(migrated_sqlite, folder / "points.db")
    database = open_engine(f"sqlite:///{folder / 'points.db'}")
    yield live(database, folder)
    database.close()


@pytest.fixture(scope="session")
def good(lived: Lived, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its bundle."""
    path = tmp_path_factory.mktemp("good") / "beiyuan.zip"
    write_bundle(*lived.where, path)
    return path


@pytest.fixture
def files(good: Path) -> Files:
    """The files of the bundle, for a test to damage."""
    return unpack(good)


@pytest.fixture
def trusted(lived: Lived) -> list[Verifier]:
    """The keys with which the log began."""
    return [signer.verifier for signer in lived.keys.signers(1)]
