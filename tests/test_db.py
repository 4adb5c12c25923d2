"""The database face: what a transaction promises on both databases, and what its errors say."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import IntegrityError

import ledger.migrating
from ledger.db import Database, database_now, open_engine
from ledger.errors import (
    DatabaseBusy,
    DatabaseDown,
    DatabaseUrlError,
    MigrationError,
    OutcomeUnknown,
    PointsError,
)
from ledger.migrating import migrate, migrate_down

SHORT_SECONDS = 0.1


@pytest.fixture
def counter(database: Database) -> Database:
    with database.writing() as conn:
        conn.execute(text("CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)"))
        conn.execute(text("INSERT INTO counter VALUES (1, 0)"))
    return database


def count(conn: Connection) -> int:
    number: int = conn.execute(text("SELECT n FROM counter")).scalar_one()
    return number


def increment(conn: Connection) -> None:
    conn.execute(text("UPDATE counter SET n = n + 1"))


@contextmanager
def opened(url: str, **options: float) -> Iterator[Database]:
    database = open_engine(url, **options)
    try:
        yield database
    finally:
        database.close()


def impatient(url: str, **options: float) -> AbstractContextManager[Database]:
    return opened(url, lock_timeout_seconds=SHORT_SECONDS, **options)


def url_of(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


# --- transactions ---


def test_what_was_written_is_there_afterwards(counter: Database) -> None:
    with counter.writing() as conn:
        increment(conn)
    with counter.reading() as conn:
        assert count(conn) == 1


def test_an_exception_undoes_everything_and_is_not_changed(counter: Database) -> None:
    with pytest.raises(ZeroDivisionError), counter.writing() as conn:
        increment(conn)
        raise ZeroDivisionError
    with counter.reading() as conn:
        assert count(conn) == 0


def test_a_refusal_by_a_constraint_passes_unchanged(counter: Database) -> None:
    with pytest.raises(IntegrityError), counter.writing() as conn:
        conn.execute(text("INSERT INTO counter VALUES (1, 5)"))


def test_tables_are_made_and_undone_with_the_transaction(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.writing() as conn:
        conn.execute(text("CREATE TABLE gone (n INTEGER)"))
        raise ZeroDivisionError
    with database.writing() as conn:
        conn.execute(text("CREATE TABLE gone (n INTEGER)"))


@pytest.mark.parametrize("snapshot", [False, True])
def test_a_reading_transaction_cannot_write(counter: Database, snapshot: bool) -> None:
    with pytest.raises(DatabaseDown, match="no writes"), counter.reading(snapshot=snapshot) as conn:
        increment(conn)
    with counter.writing() as conn:
        assert count(conn) == 0
        increment(conn)


def test_a_snapshot_does_not_see_what_is_written_meanwhile(counter: Database) -> None:
    with counter.reading(snapshot=True) as conn:
        before = count(conn)
        with counter.writing() as other:
            increment(other)
        assert count(conn) == before == 0
    with counter.reading(snapshot=True) as conn:
        assert count(conn) == 1


def test_a_connection_from_the_pool_has_forgotten_what_it_was_used_for(database_url: str) -> None:
    with impatient(database_url, pool_size=1) as database:
        with database.reading(snapshot=True) as conn:
            conn.execute(text("SELECT 1"))
        with database.writing() as conn:
            conn.execute(text("CREATE TABLE later (n INTEGER)"))
            if database.dialect == "postgresql":
                isolation = conn.execute(text("SHOW transaction_isolation")).scalar_one()
                assert isolation == "read committed"


def test_threads_that_write_at_once_lose_no_update(counter: Database) -> None:
    def read_then_write() -> None:
        for _ in range(10):
            with counter.writing() as conn:
                if counter.dialect == "postgresql":
                    conn.execute(text("SELECT n FROM counter FOR UPDATE"))
                conn.execute(text("UPDATE counter SET n = :n"), {"n": count(conn) + 1})

    threads = [threading.Thread(target=read_then_write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with counter.reading() as conn:
        assert count(conn) == 40


def test_processes_that_write_at_once_lose_no_update(counter: Database) -> None:
    script = """
import sys
from sqlalchemy import text
from ledger.db import open_engine
database = open_engine(sys.argv[1])
for _ in range(10):
    with database.writing() as conn:
        lock = " FOR UPDATE" if database.dialect == "postgresql" else ""
        n = conn.execute(text("SELECT n FROM counter" + lock)).scalar_one()
        conn.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})
"""
    command = [sys.executable, "-c", script, url_of(counter)]
    writers = [subprocess.Popen(command) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    with counter.reading() as conn:
        assert count(conn) == 30


# --- busy ---


def lock_counter(conn: Connection) -> None:
    conn.execute(
        text("SELECT 1 FROM counter" + (" FOR UPDATE" if conn.dialect.name != "sqlite" else ""))
    )


def test_a_writer_that_waits_too_long_is_told_that_the_database_is_busy(counter: Database) -> None:
    with impatient(url_of(counter)) as waiting:
        with counter.writing() as conn:
            lock_counter(conn)
            with pytest.raises(DatabaseBusy, match="try again"), waiting.writing() as other:
                lock_counter(other)
        with waiting.writing() as other:
            increment(other)
    with counter.reading() as conn:
        assert count(conn) == 1


def test_readers_do_not_wait_for_a_writer(counter: Database) -> None:
    with impatient(url_of(counter)) as reader, counter.writing() as conn:
        increment(conn)
        with reader.reading() as other:
            assert count(other) == 0


def test_a_pool_without_a_free_connection_is_busy(database_url: str) -> None:
    with impatient(database_url, pool_size=1) as database, database.reading() as conn:
        conn.execute(text("SELECT 1"))
        with pytest.raises(DatabaseBusy, match="in use"), database.reading():
            pass


def test_a_lock_by_a_foreign_program_is_busy_too(tmp_path: Path) -> None:
    path = tmp_path / "points.db"
    with impatient(f"sqlite:///{path}") as database:
        foreign = sqlite3.connect(path, isolation_level=None)
        foreign.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseBusy), database.writing():
            pass
        foreign.execute("ROLLBACK")
        foreign.close()
        with database.writing() as conn:
            conn.execute(text("CREATE TABLE t (n INTEGER)"))


def test_the_file_locks_hold_for_as_long_as_the_transaction(tmp_path: Path) -> None:
    # Given a writer that passes the file locks, though the database itself is not locked yet,
    # when another asks, then it is the file lock that refuses.
    path = tmp_path / "points.db"
    with impatient(f"sqlite:///{path}") as database, database._turn():
        with pytest.raises(DatabaseBusy) as caught, database.writing():
            pass
        assert caught.value.__cause__ is None


def test_a_child_that_was_forked_meanwhile_does_not_keep_the_file_locks(tmp_path: Path) -> None:
    with impatient(f"sqlite:///{tmp_path / 'points.db'}") as database:
        with database._turn():
            read_end, write_end = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(write_end)
                os.read(read_end, 1)  # until the parent closes its end
                os._exit(0)
        with database.writing() as conn:
            conn.execute(text("CREATE TABLE t (n INTEGER)"))
        os.close(write_end)
        os.close(read_end)
        assert os.waitpid(child, 0)[1] == 0


# --- down ---


def test_a_server_that_is_not_there_is_down() -> None:
    database = open_engine("postgresql://nobody:hunter2@127.0.0.1:1/none")
    with pytest.raises(DatabaseDown, match="cannot be reached") as caught, database.reading():
        pass
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_a_database_that_does_not_exist_is_down(postgres_url: str) -> None:
    url = make_url(postgres_url).set(database="absent").render_as_string(hide_password=False)
    database = open_engine(url)
    with pytest.raises(DatabaseDown, match="cannot be reached"), database.reading():
        pass


def test_a_server_that_dies_during_a_transaction_is_down(postgresql_database: Database) -> None:
    database = postgresql_database
    with pytest.raises(DatabaseDown) as caught, database.writing() as conn:
        terminate(database, conn)
        conn.execute(text("SELECT 1"))
    assert not isinstance(caught.value, OutcomeUnknown)
    with database.reading() as conn:
        assert conn.execute(text("SELECT 1")).scalar_one() == 1


def test_a_server_that_dies_under_a_reader_is_down(postgresql_database: Database) -> None:
    database = postgresql_database
    for snapshot in (True, False):
        with (
            pytest.raises(DatabaseDown, match="cannot be reached"),
            database.reading(snapshot=snapshot) as conn,
        ):
            terminate(database, conn)
            conn.execute(text("SELECT 1"))
    with database.reading() as conn:
        assert conn.execute(text("SELECT 1")).scalar_one() == 1


def test_a_file_that_is_no_database_is_down(tmp_path: Path) -> None:
    path = tmp_path / "points.db"
    path.write_text("no database at all, but long enough to be asked whether it is one\n" * 20)
    with pytest.raises(DatabaseDown, match="restore a backup"):
        open_engine(f"sqlite:///{path}")


def test_a_path_that_is_a_directory_is_down(tmp_path: Path) -> None:
    with pytest.raises(DatabaseDown, match="cannot be read or written"):
        open_engine(f"sqlite:///{tmp_path}")


def test_a_full_disk_is_down_and_nothing_was_changed(sqlite_database: Database) -> None:
    database = sqlite_database
    with database.writing() as conn:
        conn.execute(text("CREATE TABLE blobs (b BLOB)"))
    with pytest.raises(DatabaseDown, match="no room") as caught, database.writing() as conn:
        conn.exec_driver_sql("PRAGMA max_page_count=3")
        conn.execute(text("INSERT INTO blobs VALUES (zeroblob(100000))"))
    assert not isinstance(caught.value, OutcomeUnknown)
    with database.reading() as conn:
        assert conn.execute(text("SELECT count(*) FROM blobs")).scalar_one() == 0


def test_no_message_repeats_the_words_of_the_database_or_a_parameter(counter: Database) -> None:
    with pytest.raises(DatabaseDown) as caught, counter.reading() as conn:
        conn.execute(text("UPDATE counter SET n = :secret"), {"secret": 271828})
    assert str(caught.value.__cause__.orig) not in str(caught.value)
    assert "271828" not in f"{caught.value} {caught.value.__cause__}"


# --- a commit of unknown outcome ---


def terminate(database: Database, conn: Connection) -> None:
    pid = conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with database.reading() as other:
        # Waits up to 5,000 ms until the other is gone.
        assert other.execute(text(f"SELECT pg_terminate_backend({pid}, 5000)")).scalar_one()


def test_a_connection_lost_at_the_commit_leaves_the_outcome_unknown(
    postgresql_database: Database,
) -> None:
    database = postgresql_database
    with pytest.raises(OutcomeUnknown, match="same key") as caught, database.writing() as conn:
        conn.execute(text("CREATE TABLE t (n INTEGER)"))
        terminate(database, conn)
    assert caught.value.code == "outcome-unknown"
    assert caught.value.__cause__ is not None


def test_a_commit_that_a_constraint_refuses_has_a_known_outcome(database: Database) -> None:
    with database.writing() as conn:
        conn.execute(text("CREATE TABLE a (id INTEGER PRIMARY KEY)"))
        conn.execute(
            text("CREATE TABLE b (a INTEGER REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED)")
        )
    with pytest.raises(IntegrityError), database.writing() as conn:
        conn.execute(text("INSERT INTO b VALUES (7)"))


# --- settings ---


def test_sqlite_is_durable_and_strict(sqlite_database: Database) -> None:
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "busy_timeout": 5000,
    }
    with sqlite_database.writing() as conn:
        got = {name: conn.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in wanted}
    assert got == wanted


def test_postgresql_is_durable_and_does_not_wait_for_ever(postgres_url: str) -> None:
    query = "&" if "?" in postgres_url else "?"
    url = f"{postgres_url}{query}options=-c%20work_mem%3D5MB"
    wanted = {
        "synchronous_commit": "on",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "10s",
        "application_name": "points",
        "transaction_isolation": "read committed",
        "transaction_read_only": "off",
        "TimeZone": "UTC",
        "work_mem": "5MB",
    }
    with opened(url) as database, database.writing() as conn:
        got = {name: conn.execute(text(f"SHOW {name}")).scalar_one() for name in wanted}
    assert got == wanted


def test_a_session_of_postgresql_begins_with_nothing_that_a_pooler_refuses(
    postgres_url: str,
) -> None:
    # PgBouncer refuses `options`, or drops them where it is told to, and all that they set.
    with opened(postgres_url) as database, database.reading() as conn:
        driver: Any = conn.connection.driver_connection
        assert "options" not in driver.info.get_parameters()
        assert conn.execute(text("SHOW default_transaction_read_only")).scalar_one() == "on"


def test_the_tests_run_on_postgresql_18_with_fsync(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as conn:
        version = conn.info.server_version
        fsync = conn.execute("SHOW fsync").fetchone()
    assert fsync == ("on",)
    assert version // 10000 == 18 or "POINTS_TEST_DATABASE_URL" in os.environ


def test_the_files_of_a_new_sqlite_database_are_for_its_owner_alone(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'points.db'}") as database, database.writing() as conn:
        conn.execute(text("CREATE TABLE t (n INTEGER)"))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {f"points.db{end}": 0o600 for end in ["", "-wal", "-shm", ".turn", ".write"]}


def test_a_file_that_is_not_in_wal_mode_is_switched(tmp_path: Path) -> None:
    path = tmp_path / "restored.db"
    restored = sqlite3.connect(path)
    restored.execute("CREATE TABLE t (n INTEGER)")
    restored.close()
    with opened(f"sqlite:///{path}") as database, database.reading() as conn:
        assert conn.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"


def test_a_database_with_a_clock_tells_the_time(database: Database) -> None:
    with database.reading() as conn:
        now = database_now(conn)
    if database.dialect == "sqlite":
        assert now is None
    else:
        assert now is not None
        assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_clock_of_the_database_moves_within_a_transaction(
    postgresql_database: Database,
) -> None:
    with postgresql_database.reading() as conn:
        first = database_now(conn)
        while database_now(conn) == first:
            pass
        assert database_now(conn) > first


# --- addresses ---


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?cache=shared&uri=true",
        "sqlite:///file:points.db?mode=memory&uri=true",
    ],
)
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(DatabaseUrlError, match="in memory"):
        open_engine(url)


@pytest.mark.parametrize(
    "url",
    ["mysql://u:hunter2@host/db", "u:hunter2@host", "", "postgresql+psycopg2://u:hunter2@h/d"],
)
def test_another_database_is_refused_without_repeating_its_password(url: str) -> None:
    with pytest.raises(DatabaseUrlError, match="sqlite:///path") as caught:
        open_engine(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUrlError, match="absent"):
        open_engine(f"sqlite:///{tmp_path}/absent/points.db")


def test_options_of_the_sqlite_driver_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUrlError, match="options"):
        open_engine(f"sqlite:///{tmp_path}/points.db?timeout=0")


def test_a_reader_of_postgresql_sends_no_begin(postgresql_database: Database) -> None:
    with postgresql_database.reading() as conn:
        conn.execute(text("SELECT 1"))
        assert conn.connection.driver_connection.info.transaction_status.name == "IDLE"


def test_every_error_is_a_points_error_with_a_code_of_its_own() -> None:
    def below(kind: type[PointsError]) -> list[type[PointsError]]:
        return [kind, *(sub for child in kind.__subclasses__() for sub in below(child))]

    codes = [kind.code for kind in below(PointsError)]
    assert len(codes) == len(set(codes))


# --- migrations ---

ENV = """
from alembic import context
context.configure(connection=context.config.attributes["connection"], target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
"""

REVISION = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = {revision!r}, {down!r}
def upgrade():
    {up}
def downgrade():
    {back}
"""

PARENT_AND_CHILD = """op.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY, note TEXT)")
    op.execute("CREATE TABLE child (parent INTEGER REFERENCES parent (id) ON DELETE CASCADE)")
    op.execute("INSERT INTO parent VALUES (1, 'kept')")
    op.execute("INSERT INTO child VALUES (1)")"""
REBUILD = """with op.batch_alter_table("parent", recreate="auto") as batch:
        batch.alter_column("note", new_column_name="remark")"""


@pytest.fixture
def revisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    scripts = tmp_path / "100% migrations"
    (scripts / "versions").mkdir(parents=True)
    (scripts / "env.py").write_text(ENV)
    monkeypatch.setattr(ledger.migrating, "MIGRATIONS", scripts)

    def add(revision: str, down: str | None, up: str, back: str = "pass") -> None:
        script = REVISION.format(revision=revision, down=down, up=up, back=back)
        (scripts / "versions" / f"{revision}.py").write_text(script)

    return add


def numbers(database_url: str, query: str) -> list[object]:
    with opened(database_url) as database, database.reading() as conn:
        return list(conn.execute(text(query)).scalars())


def test_migrations_go_up_and_down(empty_database_url: str, revisions: Callable[..., None]) -> None:
    revisions("one", None, PARENT_AND_CHILD, "op.drop_table('child'); op.drop_table('parent')")
    revisions(
        "two", "one", "op.execute('CREATE TABLE second (n INTEGER)')", "op.drop_table('second')"
    )
    migrate(empty_database_url)
    assert numbers(empty_database_url, "SELECT version_num FROM alembic_version") == ["two"]
    migrate_down(empty_database_url, "one")
    assert numbers(empty_database_url, "SELECT version_num FROM alembic_version") == ["one"]
    migrate(empty_database_url, "two")
    assert numbers(empty_database_url, "SELECT count(*) FROM second") == [0]
    migrate_down(empty_database_url, "base")
    assert numbers(empty_database_url, "SELECT version_num FROM alembic_version") == []


def test_a_table_that_is_rebuilt_keeps_the_rows_that_point_at_it(
    empty_database_url: str, revisions: Callable[..., None]
) -> None:
    revisions("one", None, PARENT_AND_CHILD)
    revisions("two", "one", REBUILD)
    migrate(empty_database_url)
    assert numbers(empty_database_url, "SELECT remark FROM parent") == ["kept"]
    assert numbers(empty_database_url, "SELECT parent FROM child") == [1]


def test_a_migration_that_would_leave_dangling_rows_is_undone(
    tmp_path: Path, revisions: Callable[..., None]
) -> None:
    url = f"sqlite:///{tmp_path / 'points.db'}"
    revisions("one", None, PARENT_AND_CHILD)
    migrate(url)
    revisions("two", "one", "op.execute('DELETE FROM parent')")
    with pytest.raises(MigrationError, match="rows in child"):
        migrate(url)
    assert numbers(url, "SELECT note FROM parent") == ["kept"]
    assert numbers(url, "SELECT version_num FROM alembic_version") == ["one"]


def test_a_migration_that_fails_changes_nothing(
    empty_database_url: str, revisions: Callable[..., None]
) -> None:
    revisions("one", None, PARENT_AND_CHILD)
    revisions(
        "two", "one", "op.execute('CREATE TABLE second (n INTEGER)'); raise ZeroDivisionError"
    )
    with pytest.raises(ZeroDivisionError):
        migrate(empty_database_url)
    revisions("two", "one", "op.execute('CREATE TABLE second (n INTEGER)')")
    migrate(empty_database_url)
    assert numbers(empty_database_url, "SELECT version_num FROM alembic_version") == ["two"]


def test_two_that_migrate_at_once_take_turns(
    empty_database_url: str, revisions: Callable[..., None]
) -> None:
    revisions("one", None, PARENT_AND_CHILD)
    script = (
        "import sys, pathlib; from ledger import migrating;"
        "migrating.MIGRATIONS = pathlib.Path(sys.argv[2]); migrating.migrate(sys.argv[1])"
    )
    command = [sys.executable, "-c", script, empty_database_url, str(ledger.migrating.MIGRATIONS)]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert numbers(empty_database_url, "SELECT count(*) FROM parent") == [1]
