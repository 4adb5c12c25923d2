"""A database that is slow, and locks of processes that were stopped while they held them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from api import create_app
from ledger.db import Database
from ledger.installation import Installation
from tests.api.conftest import PASSPHRASE
from tests.faults.conftest import Customer

ROOT = Path(__file__).parents[2]
STOPS_WITHIN_A_TRANSACTION = """
import os, signal, sys
import ledger.db
ledger.db.IDLE_IN_TRANSACTION_TIMEOUT_SECONDS = int(sys.argv[2])
from ledger.errors import DatabaseDown
from ledger.journal import tables as t
database = ledger.db.open_engine(sys.argv[1])
with database.writing() as conn:
    conn.execute(t.head.select().with_for_update()).all()
    os.kill(os.getpid(), signal.SIGSTOP)
"""
STOPS_WITH_THE_FILE = """
import os, pathlib, signal, sys
from ledger.filelocks import locked
with locked(pathlib.Path(sys.argv[1]), 5):
    os.kill(os.getpid(), signal.SIGSTOP)
"""
IS_SLOW = """
CREATE TABLE slow (); CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
  WHILE EXISTS (SELECT FROM slow) LOOP PERFORM pg_sleep(0.02); END LOOP; RETURN NULL;
END $$;
CREATE TRIGGER slow AFTER INSERT ON entry EXECUTE FUNCTION slow();
INSERT INTO slow DEFAULT VALUES
"""


@contextmanager
def stopped(code: str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ran until it stopped itself."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), status
        yield process
    finally:
        process.kill()
        process.wait()


def url_of(database: Database) -> str:
    """Its URL, password included."""
    return database.engine.url.render_as_string(hide_password=False)


def killed(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    assert process.wait() == -signal.SIGKILL


def continued(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGCONT)
    assert process.wait() == 0


@pytest.mark.parametrize("heal", [killed, continued])
def test_a_lock_of_a_process_that_is_stopped(
    customer: Customer, heal: Callable[[subprocess.Popen[bytes]], None]
) -> None:
    with stopped(STOPS_WITHIN_A_TRANSACTION, url_of(customer.database), 100) as process:
        customer.meets("database-busy")
        customer.meets("database-busy")

        heal(process)

        customer.is_served_again()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_lock_of_a_process_that_stays_stopped(customer: Customer) -> None:
    with stopped(STOPS_WITHIN_A_TRANSACTION, url_of(customer.database), 1):
        customer.meets("database-busy")

        customer.is_served_again()


def test_a_high_water_file_that_a_stopped_process_keeps(
    customer: Customer, here: Installation
) -> None:
    lock = here.settings.high_water / "beiyuan.lock"
    with stopped(STOPS_WITH_THE_FILE, lock) as process:
        customer.is_served()
        last = customer.desk.size() - 1
        receipt = customer.desk.get(f"/entries/{last}/receipt")
        assert (receipt.status_code, receipt.headers["Retry-After"]) == (202, "1")

        killed(process)

        assert here.ledger("beiyuan").publisher.wait_for(last + 1, seconds=60)

        customer.is_served_again()


def test_a_slow_database(customer: Customer, here: Installation) -> None:
    other = beside(here)
    clients = customer.desk.client, create_app(other).test_client()
    first = threading.Thread(target=customer.is_served)
    with slow(customer.database) as until_one_waits:
        first.start()
        until_one_waits()
        customer.desk.client = clients[1]
        customer.meets("database-busy")
    first.join()
    other.close()

    customer.desk.client = clients[0]
    customer.is_served_again()


def beside(here: Installation) -> Installation:
    """What another process of the service has, on the same data."""
    environ = {"POINTS_PASSPHRASE": PASSPHRASE}
    return Installation(here.settings, environ, clock=here.clock)


@contextmanager
def slow(database: Database) -> Iterator[Callable[[], object]]:
    """No insert of entries ends within the block; gives what returns once one is under way."""
    if database.dialect == "postgresql":
        with database.writing() as conn:
            conn.execute(text(IS_SLOW))
        yield lambda: _until_one_sleeps(database)
        with database.writing() as conn:
            conn.execute(text("DELETE FROM slow"))
        return
    begun, enough = threading.Event(), threading.Event()

    def wait(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "INSERT INTO entry" in statement:
            begun.set()
            enough.wait(60)

    event.listen(database.engine, "before_cursor_execute", wait)
    yield lambda: begun.wait(60)
    enough.set()


def _until_one_sleeps(database: Database) -> None:
    query = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    for _ in range(10_000):
        with database.reading() as conn:
            if conn.execute(query).scalar_one():
                return
    raise AssertionError("nobody sleeps")
