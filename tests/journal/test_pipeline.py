"""Statements that PostgreSQL gets together: carried out in order, up to the first fault."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import literal, select

from ledger.db import Database, open_engine
from ledger.journal.bulk import rows_of
from ledger.journal.pipeline import Pipeline

COUNT = "SELECT count(*) AS number FROM things"
ADD = "INSERT INTO things VALUES ($1, $2)"


@pytest.fixture
def driver(postgresql_database: Database) -> Iterator[psycopg.Connection]:
    with postgresql_database.engine.connect() as conn:
        found = conn.connection.driver_connection
        found.execute("CREATE TABLE things (number bigint PRIMARY KEY, content bytea)")
        found.commit()
        yield found


def test_each_statement_has_its_rows_and_sees_what_those_before_it_did(
    driver: psycopg.Connection,
) -> None:
    # When a transaction begins with several statements at once
    with Pipeline(driver, {}) as pipeline:
        pipeline.send(COUNT, [])
        pipeline.send(ADD, [1, b"\0\\x"])
        pipeline.send(ADD, ["2", None])
        pipeline.send("SELECT * FROM things ORDER BY number", [])
        pipeline.send(COUNT, [])
        before, first, second, rows, after = pipeline.answers()

    # Then each has its own answer
    assert (before[0].number, after[0].number) == (0, 2)
    assert (first, second) == ([], [])
    assert [(row.number, row.content) for row in rows] == [(1, b"\0\\x"), (2, None)]

    # And all of it is one transaction
    driver.rollback()
    assert driver.execute(COUNT).fetchone() == (0,)


def test_the_first_fault_is_told_and_nothing_after_it_is_done(driver: psycopg.Connection) -> None:
    prepared: dict[str, bytes] = {}
    with pytest.raises(psycopg.errors.UniqueViolation), Pipeline(driver, prepared) as pipeline:
        pipeline.send(ADD, [1, None])
        pipeline.send(ADD, [1, None])
        pipeline.send("SELECT 1 / $1::bigint", [0])
        pipeline.answers()
    driver.rollback()

    # What the server did not prepare is not taken for prepared: the connection goes on
    assert list(prepared) == [ADD]
    with Pipeline(driver, prepared) as pipeline:
        pipeline.send(ADD, [1, None])
        pipeline.send("SELECT 4 / $1::bigint AS half", [2])
        assert pipeline.answers()[1][0].half == 2


def test_whoever_stops_half_way_leaves_a_connection_that_can_be_used(
    driver: psycopg.Connection,
) -> None:
    with pytest.raises(ZeroDivisionError), Pipeline(driver, {}) as pipeline:
        pipeline.send(ADD, [1, None])
        raise ZeroDivisionError

    driver.rollback()
    assert driver.execute(COUNT).fetchone() == (0,)


def test_statements_that_the_server_was_made_to_forget_are_prepared_anew(
    driver: psycopg.Connection,
) -> None:
    prepared: dict[str, bytes] = {}
    with Pipeline(driver, prepared) as pipeline:
        pipeline.send(COUNT, [])
        pipeline.answers()
    driver.execute("DEALLOCATE ALL")

    with (
        pytest.raises(psycopg.errors.InvalidSqlStatementName),
        Pipeline(driver, prepared) as pipeline,
    ):
        pipeline.send(COUNT, [])
        pipeline.answers()
    driver.rollback()

    with Pipeline(driver, prepared) as pipeline:
        pipeline.send(COUNT, [])
        assert pipeline.answers()[0][0].number == 0


def test_what_is_prepared_once_more_takes_the_place_of_what_was(driver: psycopg.Connection) -> None:
    for _ in range(3):
        with Pipeline(driver, {}) as pipeline:
            pipeline.send(COUNT, [])
            assert pipeline.answers()[0][0].number == 0

    names = driver.execute("SELECT name FROM pg_prepared_statements").fetchall()
    assert len(names) == 1


def test_a_reader_that_fails_does_not_spoil_its_connection(postgresql_url: str) -> None:
    # Given one connection on which the driver, too, has prepared something
    database = open_engine(postgresql_url, pool_size=1)
    asked = select(literal(1).label("number"))
    for _ in range(8):
        with database.reading(snapshot=True) as conn:
            conn.execute(asked)
            assert rows_of(conn, asked, {})[0].number == 1

    # When a snapshot is left by an error, so that the driver makes the server forget all of it
    with pytest.raises(ZeroDivisionError), database.reading(snapshot=True) as conn:
        conn.execute(asked)
        raise ZeroDivisionError

    # Then the next reader notices nothing
    with database.reading() as conn:
        assert rows_of(conn, asked, {})[0].number == 1
    database.close()


def test_a_transaction_begins_as_the_connection_wants_it(postgresql_database: Database) -> None:
    asked = "SELECT current_setting('transaction_isolation') AS level"
    for snapshot, level in ((True, "repeatable read"), (False, "read committed")):
        with (
            postgresql_database.reading(snapshot=snapshot) as conn,
            Pipeline(conn.connection.driver_connection, {}) as pipeline,
        ):
            pipeline.send(asked, [])
            assert pipeline.answers()[0][0].level == level


def test_more_goes_both_ways_at_once_than_any_buffer_holds(driver: psycopg.Connection) -> None:
    long = "x" * 8_000_000
    with Pipeline(driver, {}) as pipeline:
        for _ in range(4):
            pipeline.send("SELECT $1::text AS said", [long])
        assert [rows[0].said == long for rows in pipeline.answers()] == [True] * 4


def test_a_server_that_ends_the_session_is_told_of_and_the_connection_closed(
    driver: psycopg.Connection,
) -> None:
    with pytest.raises(psycopg.errors.AdminShutdown), Pipeline(driver, {}) as pipeline:
        pipeline.send(ADD, [1, None])
        pipeline.send("SELECT pg_terminate_backend(pg_backend_pid())", [])
        pipeline.send(COUNT, [])
        pipeline.answers()

    assert driver.closed


def test_why_a_session_was_ended_meanwhile_is_told(driver: psycopg.Connection) -> None:
    # Given a transaction that did nothing for longer than it may
    driver.execute("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
    time.sleep(0.3)

    # When it goes on, then the error is the server's own
    with (
        pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout),
        Pipeline(driver, {}) as pipeline,
    ):
        pipeline.send(COUNT, [])
        pipeline.answers()
    assert driver.closed
