"""The two databases, fresh for each test.

`database` runs a test twice, on SQLite and on PostgreSQL, each time with a migrated database of its
own. `POINTS_TEST_DATABASE_URL` names a PostgreSQL server to use instead of the wheel's: a user who
may create databases, and any database to connect to. Where that is a coordinator of Citus, each
migrated database is a distributed one. Where PostgreSQL cannot start, tests fail.
"""

import gc
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from ledger.db import Database, open_engine
from ledger.migrating import migrate
from ledger.tuning import tune_interpreter
from tests import citus
from tests.postgres import fresh_database, postgres_server
from tests.scratch import scratch

# The same examples each time, so that a red run is red again; no deadline, since machines differ.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")
# Read when the first temporary directory of pytest's own is made.
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(scratch()))

TESTS = Path(__file__).parent
DIALECTS = ["sqlite", "postgresql"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--torture", action="store_true", help="collect tests/torture too")
    parser.addoption("--citus", action="store_true", help="collect tests/scaleout too")


def pytest_configure() -> None:
    gc.disable()


def pytest_collection_finish() -> None:
    """What was collected lives as long as the run: nobody looks through it for garbage again.

    And for what tests leave behind it is looked as seldom as the service does for its own.
    """
    gc.freeze()
    tune_interpreter()
    gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    rooms = {"torture": "--torture", "scaleout": "--citus"}
    option = rooms.get(collection_path.name) if collection_path.parent == TESTS else None
    return True if option and not config.getoption(option) else None


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The server's URL, naming its maintenance database. One server per worker of pytest-xdist."""
    named = os.environ.get("POINTS_TEST_DATABASE_URL")
    if named:
        yield named
    else:
        with postgres_server() as url:
            yield url


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> Iterator[str]:
    """The name of a migrated database that nobody is connected to."""
    name = f"points_template_{uuid.uuid4().hex}"
    with fresh_database(postgres_url, name) as url:
        migrate(url)
        citus.distribute_template(postgres_url, name, url)
        yield name


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file that nobody has open."""
    path = tmp_path_factory.mktemp("template") / "points.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """The URL of a migrated SQLite database of the test's own."""
    path = tmp_path / "points.db"
    shutil.copy(migrated_sqlite, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgres_url: str, migrated_postgres: str) -> Iterator[str]:
    """The URL of a migrated PostgreSQL database of the test's own."""
    with fresh_database(postgres_url, f"points_{uuid.uuid4().hex}", migrated_postgres) as url:
        citus.limit_waits(postgres_url, url)
        yield url


@pytest.fixture(params=DIALECTS)
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database of the test's own, on each dialect in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=DIALECTS)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables, on each dialect in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        server: str = request.getfixturevalue("postgres_url")
        with fresh_database(server, f"points_{uuid.uuid4().hex}") as url:
            yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database of the test's own, on each dialect in turn."""
    yield from _opened(database_url)


@pytest.fixture
def sqlite_database(sqlite_url: str) -> Iterator[Database]:
    """The same on SQLite alone, for what only SQLite does."""
    yield from _opened(sqlite_url)


@pytest.fixture
def postgresql_database(postgresql_url: str) -> Iterator[Database]:
    """The same on PostgreSQL alone, for what only PostgreSQL does."""
    yield from _opened(postgresql_url)


def _opened(url: str) -> Iterator[Database]:
    opened = open_engine(url)
    yield opened
    opened.close()
