"""On a coordinator of Citus: what `points distribute` leaves, and what it mends.

Collected with `--citus` alone (`make citus`), since it needs a cluster.
"""

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from ledger.audit.database import verify_database
from ledger.db import Database, open_engine
from ledger.distribution import distribute, faults, missing_triggers
from ledger.journal import tables as t
from ledger.migrating import migrate, migrate_down
from tests import citus
from tests.journal.live import ORIGIN, Counter
from tests.postgres import fresh_database


@pytest.fixture
def on_one_machine(postgres_url: str) -> Iterator[Database]:
    """A migrated database on the nodes of a cluster, of which nothing is distributed yet."""
    name = f"points_{uuid.uuid4().hex}"
    with fresh_database(postgres_url, name) as url:
        migrate(url)
        with psycopg.connect(postgres_url, autocommit=True) as server:
            citus.found_cluster(server, postgres_url, name)
        database = open_engine(url)
        yield database
        database.close()


def test_a_ledger_with_rows_travels_whole_and_goes_on(
    on_one_machine: Database, tmp_path: Path
) -> None:
    # given a ledger on one machine, with a published head
    counter = Counter(on_one_machine)
    member = counter.open()
    counter.enter(counter.credit(member))
    counter.publisher(tmp_path / "mark").publish()
    before = counter.everything()
    # when it is distributed, twice
    placed = distribute(on_one_machine, shards=2)
    assert sorted(placed) == sorted(t.metadata.tables)
    assert distribute(on_one_machine, shards=2) == []
    # then the rows are the same, it takes credits, and it is what its log says
    on_one_machine.engine.dispose()  # as a restart of the service does
    assert counter.everything() == before
    counter.enter(counter.credit(member))
    counter.publisher(tmp_path / "mark").publish()
    assert verify_database(on_one_machine, counter.id, ORIGIN) == []
    with on_one_machine.reading() as conn:
        assert faults(conn) == []
        assert missing_triggers(conn) == []


def test_no_copy_stays_behind_on_the_coordinator(on_one_machine: Database) -> None:
    Counter(on_one_machine)
    distribute(on_one_machine, shards=2)
    with on_one_machine.reading() as conn:
        sizes = conn.execute(text("SELECT pg_relation_size('entry'), pg_relation_size('ledger')"))
        assert tuple(sizes.one()) == (0, 0)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE entry SET raw = '' WHERE ledger_id = {id}", "never changed or removed"),
        ("DELETE FROM posting WHERE ledger_id = {id}", "never changed or removed"),
        ("TRUNCATE checkpoint", "never changed or removed"),
        ("INSERT INTO entry VALUES ({id}, 99, '', '')", "an entry must have the next seq"),
        ("INSERT INTO posting VALUES ({id}, 'm', 0, 5, 5, 0)", "a posting must belong"),
        ("INSERT INTO checkpoint VALUES ({id}, 0, '', '')", "a checkpoint must be above"),
    ],
)
def test_the_shards_are_append_only(
    postgresql_database: Database, statement: str, sentence: str
) -> None:
    counter = Counter(postgresql_database)
    with pytest.raises(DBAPIError, match=sentence), postgresql_database.writing() as conn:
        conn.exec_driver_sql(statement.format(id=counter.id))


def test_a_trigger_that_one_shard_lacks_is_named_and_made_again(
    postgresql_database: Database,
) -> None:
    # given a shard without a trigger
    with postgresql_database.writing() as conn:
        shard, node = conn.execute(
            text("SELECT shardid, nodeport FROM citus_shards WHERE table_name::text = 'entry'")
        ).first()
        gone = f"DROP TRIGGER entry_next_{shard} ON entry_{shard}"
        query = text("SELECT success, nodeport FROM run_command_on_workers(:gone)")
        answers = conn.execute(query, {"gone": gone}).all()
        assert [port for success, port in answers if success] == [node]
    # when one looks, it is seen; when it is distributed again, it is back
    with postgresql_database.reading() as conn:
        assert missing_triggers(conn) == ["entry_next"]
    assert distribute(postgresql_database) == []
    with postgresql_database.reading() as conn:
        assert missing_triggers(conn) == []


def test_a_table_that_a_later_version_adds_is_named_until_it_is_placed(
    postgresql_database: Database,
) -> None:
    with postgresql_database.writing() as conn:
        conn.exec_driver_sql("SELECT undistribute_table('proposal')")
    with postgresql_database.reading() as conn:
        assert faults(conn) == ["not distributed: proposal"]
    assert distribute(postgresql_database) == ["proposal"]
    with postgresql_database.reading() as conn:
        assert faults(conn) == []


def test_migrations_run_on_a_distributed_database(
    postgresql_url: str, postgresql_database: Database
) -> None:
    # given a distributed database, when it is taken down a revision and up again
    migrate_down(postgresql_url, "0001")
    migrate(postgresql_url)
    # then what came new is on the coordinator alone, until it is placed too
    with postgresql_database.reading() as conn:
        assert faults(conn)
    assert distribute(postgresql_database)
    with postgresql_database.reading() as conn:
        assert faults(conn) == []
        assert missing_triggers(conn) == []


def test_a_snapshot_sees_one_state_of_a_ledger(postgresql_database: Database) -> None:
    counter = Counter(postgresql_database)
    member = counter.open()
    mine = t.entry.c.ledger_id == counter.id
    size = select(t.head.c.size).where(t.head.c.ledger_id == counter.id)
    with postgresql_database.reading(snapshot=True) as conn:
        before = conn.execute(size).scalar_one()
        counter.enter(counter.credit(member))
        entries = select(func.count()).select_from(t.entry).where(mine)
        assert conn.execute(entries).scalar_one() == before
    with postgresql_database.reading(snapshot=True) as conn:
        assert conn.execute(size).scalar_one() == before + 1
