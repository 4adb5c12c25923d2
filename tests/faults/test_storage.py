"""Disks that are full, read-only or gone, under the embedded database and under the server's."""

from __future__ import annotations

import os
import pwd
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text

from ledger.db import Database
from tests.faults.conftest import Customer

FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$
"""


def test_a_full_disk(customer: Customer) -> None:
    with full_disk(customer.database):
        customer.meets("database-down")
        customer.meets("database-down")

    customer.is_served_again()


@contextmanager
def full_disk(database: Database) -> Iterator[None]:
    """SQLite may use no page more; PostgreSQL says what it says on a full disk."""
    if database.dialect == "postgresql":
        with database.writing() as conn:
            conn.execute(text(FULL))
            conn.execute(
                text("CREATE TRIGGER fills BEFORE INSERT ON entry EXECUTE FUNCTION full_disk()")
            )
        yield
        with database.writing() as conn:
            conn.execute(text("DROP TRIGGER fills ON entry"))
        return

    def take_last_page(conn: Connection, _cursor: object, statement: str, *_: object) -> None:
        if "INSERT INTO entry" in statement:
            conn.exec_driver_sql("PRAGMA max_page_count=1")  # as many as there are
            conn.exec_driver_sql("CREATE TABLE filler (b BLOB)")
            conn.exec_driver_sql("INSERT INTO filler VALUES (zeroblob(1000000))")

    event.listen(database.engine, "before_cursor_execute", take_last_page)
    yield
    event.remove(database.engine, "before_cursor_execute", take_last_page)
    database.engine.dispose()  # the limit is a connection's


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_that_may_not_grow(customer: Customer) -> None:
    log = Path(f"{customer.database.path}-wal")
    with file_sizes_up_to(log.stat().st_size):
        customer.meets("database-down", "outcome-unknown")
        customer.meets("database-down", "outcome-unknown")

    customer.is_served_again()


@contextmanager
def file_sizes_up_to(size_bytes: int) -> Iterator[None]:
    """This process may make no file larger than that, as under a quota; root may not either."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_database_that_takes_no_writes(customer: Customer) -> None:
    with read_only(customer.database):
        customer.meets("database-down")
        customer.meets("database-down")

    customer.is_served_again()


@contextmanager
def read_only(database: Database) -> Iterator[None]:
    """PostgreSQL by its setting; SQLite by permissions that hold for the service's user."""
    if database.dialect == "postgresql":
        set_read_only(database, "on")
        yield
        set_read_only(database, "off")
        return
    assert database.path is not None
    paths = list(database.path.parent.glob(f"{database.path.name}*"))
    for path in paths:
        path.chmod(stat.S_IRUSR)
    try:
        with not_root():
            yield
    finally:
        for path in paths:
            path.chmod(stat.S_IRUSR | stat.S_IWUSR)


@contextmanager
def not_root() -> Iterator[None]:
    """Permissions bind this process, whoever runs it."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(before)


def set_read_only(database: Database, value: str) -> None:
    """For all sessions from now on; those that there are end."""
    with database.engine.connect() as conn:
        name = conn.execute(text("SELECT current_database()")).scalar_one()
        conn.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"))
        conn.commit()
        conn.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {value}'))
        conn.commit()
        conn.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    database.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_directory_that_is_gone(customer: Customer) -> None:
    path = customer.database.path
    assert path is not None
    elsewhere = path.parent.with_name("unplugged")
    path.parent.rename(elsewhere)
    customer.meets("database-down")
    customer.meets("database-down")

    elsewhere.rename(path.parent)

    customer.is_served_again()
