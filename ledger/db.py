"""The database: SQLite (embedded) or PostgreSQL (server), one face for both.

`open_engine` gives a `Database`. All work happens in `Database.reading()` or `Database.writing()`;
nothing else in this software begins or commits a transaction. What the drivers raise leaves here
as `DatabaseBusy`, `DatabaseDown` or `OutcomeUnknown` where it is one of those.

SQLite: WAL, `synchronous=FULL`, foreign keys on, deleted content overwritten, explicit BEGIN;
writers of all threads and processes pass the two locks of `ledger.filelocks`, then BEGIN IMMEDIATE.

PostgreSQL: psycopg 3, READ COMMITTED, `synchronous_commit=on`, limits on waiting for a lock and on
idling in a transaction.  Readers have connections of their own, which the server lets write nothing
and which send no BEGIN and no COMMIT around a statement that is a transaction by itself.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError

from ledger.errors import DatabaseDown, DatabaseUrlError, OutcomeUnknown
from ledger.faults import is_surely_undone, translate_errors
from ledger.filelocks import create_private, exclusive

LOCK_TIMEOUT_SECONDS = 5.0
IDLE_IN_TRANSACTION_TIMEOUT_SECONDS = 10
CONNECT_TIMEOUT_SECONDS = 5
POOL_SIZE_CONNECTIONS = 10
# A connection that was used a moment ago is not asked whether it still is one.
IDLE_UNASKED_SECONDS_MAX = 1.0

PREPARED = "points_prepared"
"""Where a PostgreSQL connection keeps what was prepared on it; emptied where that is forgotten."""

# Execution option of a SQLite connection: what its next transaction is for.
_PURPOSE = "points_purpose"


@dataclass(frozen=True, slots=True)
class Database:
    """An open database. Safe to share between threads; open one per process, after a fork."""

    engine: Engine
    reader: Engine  # of PostgreSQL's readers; on SQLite the same
    dialect: Literal["sqlite", "postgresql"]
    path: Path | None  # of the SQLite file
    lock_timeout_seconds: float

    @contextmanager
    def reading(self, *, snapshot: bool = False) -> Iterator[Connection]:
        """A transaction that cannot write; with `snapshot`, all of it sees one state.

        SQLite always reads a snapshot, PostgreSQL otherwise one per statement. Raises
        `DatabaseBusy` and `DatabaseDown`.
        """
        options: dict[str, Any] = {_PURPOSE: "reading"}
        if snapshot and self.dialect == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"
        with (
            self._both_pools(),
            translate_errors(),
            self.reader.connect() as conn,
            conn.execution_options(**options).begin(),
        ):
            yield conn

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that commits on success and rolls back on any exception.

        Raises `DatabaseBusy` (nothing was changed), `DatabaseDown` (nothing was changed) and
        `OutcomeUnknown` (the commit itself failed).
        """
        body_done = False
        try:
            with (
                self._both_pools(),
                translate_errors(),
                self._turn(),  # before a connection is taken, which readers want meanwhile
                self.engine.connect() as conn,
                conn.execution_options(**{_PURPOSE: "writing"}).begin(),
            ):
                yield conn
                body_done = True
        except DatabaseDown as error:
            if not body_done or is_surely_undone(error):
                raise
            raise OutcomeUnknown(
                "The database went away while it was committing, so the change was made either"
                " whole or not at all. Send the request again with the same key."
            ) from error.__cause__

    def close(self) -> None:
        """Close the pool's connections."""
        self.engine.dispose()
        self.reader.dispose()

    @contextmanager
    def _both_pools(self) -> Iterator[None]:
        """Leaves no connection of either pool for others to fail on, once the server was gone."""
        try:
            yield
        except DatabaseDown:
            if self.dialect == "postgresql":
                self.close()
            raise

    def _turn(self) -> AbstractContextManager[None]:
        return exclusive(self.path, self.lock_timeout_seconds) if self.path else nullcontext()


def open_engine(
    url: str,
    *,
    pool_size: int = POOL_SIZE_CONNECTIONS,
    lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
) -> Database:
    """Open `sqlite:///path` or `postgresql://user@host/name`.

    A SQLite file is created, readable by its owner alone, if it is not there; PostgreSQL is
    reached on first use. Raises `DatabaseUrlError`, and `DatabaseDown` where the SQLite file
    cannot be opened.
    """
    parsed = _parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed, pool_size, lock_timeout_seconds)
    engine, reader = (
        _postgresql_engine(parsed, pool_size, lock_timeout_seconds, **options)
        for options in ({}, {"reading": True})
    )
    return Database(engine, reader, "postgresql", None, lock_timeout_seconds)


DATABASE_NOW = select(func.clock_timestamp().label("now"))
"""Asks PostgreSQL for its time, which moves within a transaction."""


def database_now(conn: Connection) -> datetime | None:
    """The time that the database tells, aware; None of SQLite, which has no clock of its own."""
    if conn.dialect.name != "postgresql":
        return None
    now: datetime = conn.execute(DATABASE_NOW).scalar_one()
    return now


def prepare_schema_change(conn: Connection) -> None:
    """Lets the transaction change tables that Citus has spread over machines, triggers included.

    Anywhere else these are settings that nobody reads.  To be called before the first change.
    """
    if conn.dialect.name == "postgresql":
        # One connection a node, since what a transaction did on one is not seen from another.
        conn.exec_driver_sql("SET LOCAL citus.multi_shard_modify_mode = 'sequential'")
        # Citus cannot know that ours read nothing but shards of the same ledgers.
        conn.exec_driver_sql("SET LOCAL citus.enable_unsafe_triggers = on")


# --- the two databases ---


def _parse_url(url: str) -> URL:
    wanted = "Wanted sqlite:///path/to/file.db or postgresql://user@host/name."
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The URL may hold a password, so it is not repeated, nor is the exception that quotes it.
        raise DatabaseUrlError(f"The database URL cannot be read. {wanted}") from None
    if parsed.drivername not in (
        "sqlite",
        "sqlite+pysqlite",
        "postgresql",
        "postgresql+psycopg",
        "postgres",
    ):
        raise DatabaseUrlError(f"The database URL begins with {parsed.drivername!r}. {wanted}")
    return parsed.set(drivername="postgresql") if parsed.drivername == "postgres" else parsed


def _open_sqlite(url: URL, pool_size: int, lock_timeout_seconds: float) -> Database:
    path = _sqlite_path(url)
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": lock_timeout_seconds},
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=lock_timeout_seconds,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _sqlite_setup(path, lock_timeout_seconds))
    event.listen(engine, "begin", _sqlite_begin)
    create_private(path)
    with translate_errors():
        engine.connect().close()
    engine.dispose()  # so that a caller who forks hands no connection to the child
    return Database(engine, engine, "sqlite", path, lock_timeout_seconds)


def _sqlite_path(url: URL) -> Path:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise DatabaseUrlError(
            "A SQLite database in memory or by a file: URI cannot be used: several processes share"
            " one, and locks lie beside it. Name a file: sqlite:///path/to/file.db."
        )
    if url.query:
        raise DatabaseUrlError("A SQLite URL takes no options here. Remove all from the '?' on.")
    path = Path(url.database).absolute()
    if not path.parent.is_dir():
        raise DatabaseUrlError(
            f"The database is to be in {path.parent}, which is no directory. Create it first."
        )
    return path


def _sqlite_setup(path: Path, lock_timeout_seconds: float) -> Callable[[Any, object], None]:
    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing on its own
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode != "wal":
            # Two processes that switch a file to WAL at once lock each other out.
            with exclusive(path, lock_timeout_seconds):
                connection.execute("PRAGMA journal_mode=WAL")

    return connected


def _sqlite_begin(conn: Connection) -> None:
    purpose = conn.get_execution_options().get(_PURPOSE)
    driver: Any = conn.connection.driver_connection
    # A write in a reading transaction would slip past the file locks; let it fail instead.
    driver.execute(f"PRAGMA query_only={'ON' if purpose == 'reading' else 'OFF'}")
    conn.exec_driver_sql("BEGIN IMMEDIATE" if purpose == "writing" else "BEGIN")


def _postgresql_engine(
    url: URL, pool_size: int, lock_timeout_seconds: float, *, reading: bool = False
) -> Engine:
    settings = _postgresql_settings(lock_timeout_seconds)
    if reading:
        settings["default_transaction_read_only"] = "on"
    arguments = _postgresql_arguments(url)
    if not reading:
        # What writers ask often is prepared by `journal/pipeline.py`.  Where the driver prepares
        # anything, it has the server forget all of it with each rollback, DROP and ALTER.
        arguments["prepare_threshold"] = None
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args=arguments,
        isolation_level="AUTOCOMMIT" if reading else "READ COMMITTED",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=lock_timeout_seconds,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _postgresql_setup(settings))
    event.listen(engine, "checkin", _note_idle)
    if reading:
        event.listen(engine, "rollback", _forget_prepared)
    event.listen(engine, "checkout", _asked_when_idle(engine))
    return engine


def _forget_prepared(conn: Connection) -> None:
    if conn.invalidated:  # the connection is gone, and what is kept beside it
        return
    driver: Any = conn.connection.driver_connection
    if driver.info.transaction_status != TransactionStatus.IDLE:  # else nothing is rolled back
        conn.info.pop(PREPARED, None)


def _note_idle(_connection: Any, record: Any) -> None:
    record.info["idle_since"] = time.monotonic()


def _asked_when_idle(engine: Engine) -> Callable[[Any, Any, object], None]:
    """As the pool's own `pre_ping`, but for connections alone that may have gone meanwhile."""

    def checked_out(connection: Any, record: Any, _proxy: object) -> None:
        idle_since = record.info.get("idle_since")
        if idle_since is None or time.monotonic() - idle_since < IDLE_UNASKED_SECONDS_MAX:
            return
        try:
            alive = engine.dialect.do_ping(connection)
        except (DBAPIError, psycopg.Error) as error:
            raise DisconnectionError from error
        if not alive:
            raise DisconnectionError

    return checked_out


def _postgresql_setup(settings: dict[str, str]) -> Callable[[Any, object], None]:
    """Makes the settings of a session in it, since poolers take no `options` as it begins.

    One plan for all calls of a statement; not with Citus, which must know whose ledger it is.
    """

    def connected(connection: Any, _record: object) -> None:
        before = connection.autocommit  # a reader's stays on
        connection.autocommit = True
        connection.execute(
            "SELECT set_config(name, value, false)"
            " FROM unnest(%s::text[], %s::text[]) AS setting (name, value)",
            (list(settings), list(settings.values())),
        )
        connection.execute(
            "SELECT set_config('plan_cache_mode', 'force_generic_plan', false)"
            " WHERE to_regclass('pg_catalog.pg_dist_node') IS NULL"
        )
        connection.autocommit = before

    return connected


def _postgresql_settings(lock_timeout_seconds: float) -> dict[str, str]:
    return {
        "synchronous_commit": "on",
        "lock_timeout": f"{round(lock_timeout_seconds * 1000)}ms",
        "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_TIMEOUT_SECONDS}s",
        "TimeZone": "UTC",
        # A plan that was made while a table was small is kept; this makes it the one by index.
        "enable_seqscan": "off",
    }


def _postgresql_arguments(url: URL) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "application_name": "points",
        "client_encoding": "UTF8",  # in which texts are sent, whatever the database's
    }
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = CONNECT_TIMEOUT_SECONDS
    return arguments
