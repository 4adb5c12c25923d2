"""What several tests of the programme start from."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from tests.cli.conftest import make_cheap_keys
from tests.programme.outside import Mailbox, Service
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


@pytest.fixture
def mailbox(unused_port: int) -> Iterator[tuple[Mailbox, int]]:
    """A mail server, and its port."""
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=unused_port)
    controller.start()
    yield box, unused_port
    controller.stop()


@pytest.fixture
def service() -> Iterator[Service]:
    """A message service."""
    made = Service()
    yield made
    made.end()


@pytest.fixture
def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _opened(folder: Path, database_url: str) -> Iterator[Registry]:
    made = Registry(folder, database_url)
    yield made
    made.installation.close()
