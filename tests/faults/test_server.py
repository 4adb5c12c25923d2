"""A PostgreSQL server of the tests' own that is stopped, or whose disk is full."""

from __future__ import annotations

import resource
import subprocess
import uuid
from collections.abc import Iterator

import psycopg
import pytest

from ledger.migrating import migrate
from tests import postgres
from tests.faults.conftest import Customer
from tests.torture.server import OwnServer, own_server


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    """The server."""
    with own_server() as made:
        yield made


@pytest.fixture
def database_url(server: OwnServer) -> Iterator[str]:
    """A migrated database on it."""
    with postgres.fresh_database(server.url, f"points_{uuid.uuid4().hex}") as url:
        migrate(url)
        yield url


def test_a_server_that_is_stopped(server: OwnServer, customer: Customer) -> None:
    server.stop()
    customer.meets("database-down", "outcome-unknown")
    customer.meets("database-down")

    server.start()

    customer.is_served_again()


def test_a_server_whose_log_may_not_grow(server: OwnServer, customer: Customer) -> None:
    for pid in backends(server):
        limit_file_size(pid, 0)

    customer.meets("database-down", "outcome-unknown")

    server.wait_until_ready()
    customer.is_served_again()


def backends(server: OwnServer) -> list[int]:
    """The processes that serve the customer's service."""
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'points'"
    with psycopg.connect(server.url) as conn:
        return [pid for (pid,) in conn.execute(query)]


def limit_file_size(pid: int, size_bytes: int) -> None:
    """What the server's process writes beyond that fails; told as the user whose process it is."""

    def limit() -> None:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, hard))

    subprocess.run(["true"], check=True, preexec_fn=limit, **postgres._user())
