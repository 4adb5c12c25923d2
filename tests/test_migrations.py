"""The migrations and the triggers they leave: read from the catalogue and tried, on both."""

import alembic.command
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from ledger.db import Database, open_engine
from ledger.errors import MigrationError
from ledger.journal import triggers
from ledger.migrating import MIGRATIONS, migrate, migrate_down
from ledger.programme.people.tables import metadata

KEPT = "rows of this table are never changed or removed"
NOT_NEXT_ENTRY = "an entry must have the next seq of its ledger"
NOT_NEXT_POSTING = "a posting must belong to an entry being appended"
NOT_NEXT_CHECKPOINT = "a checkpoint must be above all earlier ones"

# Written out, so that a trigger that is left out of the list in `triggers` is missed here.
ON_BOTH = {
    "checkpoint_next",
    "checkpoint_no_delete",
    "checkpoint_no_update",
    "entry_next",
    "entry_no_delete",
    "entry_no_update",
    "posting_next",
    "posting_no_delete",
    "posting_no_update",
    "trail_next",
    "trail_no_delete",
    "trail_no_update",
}
TRIGGERS = {
    "sqlite": ON_BOTH,
    "postgresql": ON_BOTH
    | {f"{table}_no_truncate" for table in ("checkpoint", "entry", "posting", "trail")},
}

# --- what the catalogue says ---

# Whatever `alembic_version` is like, Alembic keeps it.
SQLITE_SCHEMA = """
SELECT type, name, tbl_name, sql FROM sqlite_master
WHERE type <> 'trigger' AND tbl_name <> 'alembic_version' ORDER BY name
"""
POSTGRESQL_SCHEMA = """
WITH ours AS (
  SELECT oid, relname FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')
    AND relname <> 'alembic_version'
)
SELECT 'column', relname, attname, concat_ws(
  ' ', attnum, format_type(atttypid, atttypmod), collname, attnotnull,
  pg_get_expr(adbin, adrelid)
)
FROM ours JOIN pg_attribute ON attrelid = ours.oid AND attnum > 0
LEFT JOIN pg_collation ON pg_collation.oid = attcollation
LEFT JOIN pg_attrdef ON adrelid = ours.oid AND adnum = attnum
UNION ALL
SELECT 'constraint', relname, conname, pg_get_constraintdef(pg_constraint.oid)
FROM ours JOIN pg_constraint ON conrelid = ours.oid
UNION ALL
SELECT 'index', relname, '', pg_get_indexdef(indexrelid)
FROM ours JOIN pg_index ON indrelid = ours.oid
UNION ALL
SELECT 'function', proname, '', pg_get_functiondef(oid)
FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND NOT :tables_only
ORDER BY 1, 2, 3, 4
"""
POSTGRESQL_C_COLUMNS = """
SELECT attrelid::regclass::text || '.' || attname FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0
  AND attcollation = '"C"'::regcollation
"""


def schema(conn: Connection, *, tables_only: bool = False) -> list[tuple[str, ...]]:
    if conn.dialect.name == "sqlite":
        rows = conn.execute(text(SQLITE_SCHEMA))
    else:
        rows = conn.execute(text(POSTGRESQL_SCHEMA), {"tables_only": tables_only})
    # A column that a later migration adds stands behind the others without their line breaks.
    return [tuple(" ".join(word.split()) for word in map(str, row)) for row in rows]


def trigger_names(conn: Connection) -> set[str]:
    catalogue = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    }
    return set(conn.execute(text(catalogue[conn.dialect.name])).scalars())


@pytest.fixture
def empty_database(empty_database_url: str):
    opened = open_engine(empty_database_url)
    yield opened
    opened.close()


def test_up_then_down_then_up_again_leaves_the_same_schema(
    empty_database_url: str, empty_database: Database
) -> None:
    migrate(empty_database_url)
    with empty_database.reading() as conn:
        first = schema(conn)
    migrate_down(empty_database_url, "base")
    with empty_database.reading() as conn:
        none = schema(conn)
    migrate(empty_database_url)
    with empty_database.reading() as conn:
        again = schema(conn)
    assert first == again
    assert {table.name for table in metadata.sorted_tables} <= {name for _, name, *_ in first}
    assert none == []


def test_the_triggers_are_there_after_up_gone_after_down_and_back_after_up_again(
    empty_database_url: str, empty_database: Database
) -> None:
    wanted = TRIGGERS[empty_database.dialect]
    for step, revision, expected in [
        (migrate, "head", wanted),
        (migrate_down, "base", set()),
        (migrate, "head", wanted),
    ]:
        step(empty_database_url, revision)
        with empty_database.reading() as conn:
            assert trigger_names(conn) == expected
            assert triggers.missing(conn) == sorted(wanted - expected)


def test_the_migrated_tables_are_those_of_the_metadata(
    empty_database_url: str, empty_database: Database
) -> None:
    migrate(empty_database_url)
    with empty_database.reading() as conn:
        migrated = schema(conn, tables_only=True)
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    migrate_down(empty_database_url, "base")
    with empty_database.writing() as conn:
        metadata.create_all(conn)
    with empty_database.reading() as conn:
        assert migrated == schema(conn, tables_only=True)


def test_words_are_compared_byte_by_byte_and_so_is_every_text_in_an_index(
    postgresql_database: Database,
) -> None:
    with postgresql_database.reading() as conn:
        compared_by_byte = set(conn.execute(text(POSTGRESQL_C_COLUMNS)).scalars())
    dialect = postgresql.dialect()
    texts = {
        f"{table.name}.{column.name}": column.type.dialect_impl(dialect).collation
        for table in metadata.sorted_tables
        for column in table.columns
        if hasattr(column.type, "collation")
    }
    indexed = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for key in (*table.constraints, *table.indexes)
        for column in key.columns
    }
    assert compared_by_byte == {name for name, collation in texts.items() if collation == "C"}
    assert texts.keys() & indexed <= compared_by_byte


def test_the_migrations_do_not_run_outside_the_transaction_of_the_module_for_it() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with pytest.raises(MigrationError, match=r"Call ledger\.migrating\.migrate"):
        alembic.command.upgrade(config, "head")


# --- what the triggers do ---


def run(database: Database, *statements: str) -> None:
    with database.writing() as conn:
        for statement in statements:
            conn.exec_driver_sql(statement)


def is_refused(database: Database, statement: str, sentence: str) -> None:
    with pytest.raises(IntegrityError, match=sentence):
        run(database, statement)


def add_ledgers(database: Database) -> None:
    """Ledger 1 with entries 0 to 2, ledger 2 with entry 0, ledger 3 without a head."""
    run(
        database,
        "INSERT INTO ledger (ledger_id, name, origin) VALUES (1, 'a', 'a.example/a')",
        "INSERT INTO ledger (ledger_id, name, origin) VALUES (2, 'b', 'b.example/b')",
        "INSERT INTO ledger (ledger_id, name, origin) VALUES (3, 'c', 'c.example/c')",
        "INSERT INTO head (ledger_id, size, at, utc_offset_minutes, edge)"
        " VALUES (1, 0, '', 0, ''), (2, 0, '', 0, '')",
        entries("(1, 0, '', ''), (1, 1, '', ''), (1, 2, '', ''), (2, 0, '', '')"),
        postings("(1, 'm', 0, 5, 5, -1), (1, 'm', 2, 5, 10, 0), (2, 'm', 0, 5, 5, -1)"),
        checkpoints("(1, 1, '', ''), (1, 3, '', ''), (2, 1, '', '')"),
        "UPDATE head SET size = 3 WHERE ledger_id = 1",
        "UPDATE head SET size = 1 WHERE ledger_id = 2",
    )


def entries(rows: str) -> str:
    return f"INSERT INTO entry (ledger_id, seq, raw, leaf) VALUES {rows}"


def postings(rows: str) -> str:
    columns = "ledger_id, account, seq, amount, balance, prev"
    return f"INSERT INTO posting ({columns}) VALUES {rows}"


def checkpoints(rows: str) -> str:
    return f"INSERT INTO checkpoint (ledger_id, size, note, at) VALUES {rows}"


TABLES = [("entry", "raw = raw"), ("posting", "amount = 0"), ("checkpoint", "note = note")]


@pytest.mark.parametrize(("table", "change"), TABLES)
def test_rows_are_neither_changed_nor_removed(database: Database, table: str, change: str) -> None:
    add_ledgers(database)
    is_refused(database, f"UPDATE {table} SET {change} WHERE ledger_id = 1", KEPT)
    is_refused(database, f"DELETE FROM {table} WHERE ledger_id = 1", KEPT)
    is_refused(database, f"DELETE FROM {table}", KEPT)


@pytest.mark.parametrize("table", ["entry", "posting", "checkpoint", "ledger CASCADE"])
def test_tables_are_not_emptied(postgresql_database: Database, table: str) -> None:
    add_ledgers(postgresql_database)
    is_refused(postgresql_database, f"TRUNCATE {table}", KEPT)


@pytest.mark.parametrize(
    "statement",
    [
        entries("(1, 3, '', '')"),
        entries("(1, 3, '', ''), (1, 4, '', ''), (1, 5, '', '')"),
        entries("(2, 1, '', ''), (1, 3, '', ''), (2, 2, '', ''), (1, 4, '', '')"),
        entries("(3, 0, '', ''), (3, 1, '', '')"),
        postings("(1, 'm', 3, 5, 5, -1), (1, 'n', 3, 5, 5, -1)"),
        postings("(2, 'm', 2, 5, 5, -1), (1, 'm', 3, 5, 5, -1), (2, 'm', 1, 5, 5, -1)"),
        checkpoints("(1, 4, '', '')"),
        checkpoints("(1, 4, '', ''), (2, 2, '', ''), (1, 9, '', '')"),
        checkpoints("(3, 1, '', '')"),
        "INSERT INTO entry SELECT * FROM entry WHERE ledger_id = 9",
    ],
)
def test_what_comes_next_is_taken(database: Database, statement: str) -> None:
    add_ledgers(database)
    run(database, statement)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (entries("(1, 4, '', '')"), NOT_NEXT_ENTRY),
        (entries("(1, 3, '', ''), (1, 5, '', '')"), NOT_NEXT_ENTRY),
        (entries("(3, 1, '', '')"), NOT_NEXT_ENTRY),
        (entries("(3, -1, '', '')"), NOT_NEXT_ENTRY),
        (entries("(1, -1, '', '')"), NOT_NEXT_ENTRY),
        (entries("(1, 3, '', ''), (2, 3, '', '')"), NOT_NEXT_ENTRY),
        (entries("(2, 1, '', ''), (1, 3, '', ''), (1, 5, '', '')"), NOT_NEXT_ENTRY),
        (postings("(1, 'n', 2, 5, 5, -1)"), NOT_NEXT_POSTING),
        (postings("(1, 'm', 3, 5, 5, -1), (1, 'n', 0, 5, 5, -1)"), NOT_NEXT_POSTING),
        (postings("(2, 'm', 1, 5, 5, -1), (1, 'n', 1, 5, 5, -1)"), NOT_NEXT_POSTING),
        (postings("(3, 'm', 0, 5, 5, -1)"), NOT_NEXT_POSTING),
        (checkpoints("(1, 2, '', '')"), NOT_NEXT_CHECKPOINT),
        (checkpoints("(2, 0, '', '')"), NOT_NEXT_CHECKPOINT),
        (checkpoints("(3, 0, '', '')"), NOT_NEXT_CHECKPOINT),
        (checkpoints("(2, 2, '', ''), (1, 2, '', '')"), NOT_NEXT_CHECKPOINT),
    ],
)
def test_what_does_not_come_next_is_refused(
    database: Database, statement: str, sentence: str
) -> None:
    add_ledgers(database)
    is_refused(database, statement, sentence)


REPEATED = [
    (entries("(1, 2, '!', '')"), "(ledger_id, seq)", "raw = '!'", NOT_NEXT_ENTRY),
    (
        postings("(1, 'm', 2, 6, 6, 6)"),
        "(ledger_id, account, seq)",
        "amount = 6",
        NOT_NEXT_POSTING,
    ),
    (checkpoints("(1, 3, '!', '')"), "(ledger_id, size)", "note = '!'", NOT_NEXT_CHECKPOINT),
]


@pytest.mark.parametrize(("insert", "key", "change", "sentence"), REPEATED)
def test_a_row_is_not_written_over_by_a_second_one(
    database: Database, insert: str, key: str, change: str, sentence: str
) -> None:
    add_ledgers(database)
    is_refused(
        database,
        f"{insert} ON CONFLICT {key} DO UPDATE SET {change}",
        KEPT if database.dialect == "postgresql" else sentence,
    )


@pytest.mark.parametrize(("insert", "key", "change", "sentence"), REPEATED)
def test_a_row_is_not_replaced(
    sqlite_database: Database, insert: str, key: str, change: str, sentence: str
) -> None:
    add_ledgers(sqlite_database)
    is_refused(sqlite_database, insert.replace("INSERT", "INSERT OR REPLACE"), sentence)
    is_refused(sqlite_database, insert.replace("INSERT", "REPLACE"), sentence)


def test_a_posting_made_in_the_same_transaction_is_not_replaced(sqlite_database: Database) -> None:
    add_ledgers(sqlite_database)
    with pytest.raises(IntegrityError, match=NOT_NEXT_POSTING):
        run(
            sqlite_database,
            postings("(1, 'm', 3, 5, 5, 2)"),
            postings("(1, 'm', 3, 9, 9, 2)").replace("INSERT", "REPLACE"),
        )


@pytest.mark.parametrize(
    ("insert", "sentence"),
    [
        ("entry (rowid, ledger_id, seq, raw, leaf) VALUES (1, 1, 3, '', '')", NOT_NEXT_ENTRY),
        (
            """posting (rowid, ledger_id, account, seq, amount, balance, prev)
            VALUES (1, 1, 'm', 3, 5, 5, 2)""",
            NOT_NEXT_POSTING,
        ),
        (
            "checkpoint (rowid, ledger_id, size, note, at) VALUES (1, 1, 4, '', '')",
            NOT_NEXT_CHECKPOINT,
        ),
    ],
)
def test_a_row_is_not_replaced_by_its_rowid_under_a_key_that_comes_next(
    sqlite_database: Database, insert: str, sentence: str
) -> None:
    add_ledgers(sqlite_database)
    is_refused(sqlite_database, f"INSERT OR REPLACE INTO {insert}", sentence)


def test_a_merge_is_refused(postgresql_database: Database) -> None:
    add_ledgers(postgresql_database)
    merge = "MERGE INTO entry USING ledger ON entry.ledger_id = ledger.ledger_id WHEN MATCHED THEN"
    is_refused(postgresql_database, f"{merge} DELETE", KEPT)
    is_refused(postgresql_database, f"{merge} UPDATE SET raw = ''", KEPT)


def test_a_role_that_owns_nothing_appends_and_cannot_slip_a_table_of_its_own_under_the_triggers(
    postgresql_database: Database,
) -> None:
    # Given a role that may only read and insert
    add_ledgers(postgresql_database)
    with postgresql_database.writing() as conn:
        for statement in (
            "CREATE ROLE points_clerk",
            "GRANT SELECT, INSERT ON entry, posting, checkpoint, head, ledger TO points_clerk",
            "SET LOCAL ROLE points_clerk",
            # When it appends, then it may, whatever its search path is
            "SET LOCAL search_path = ''",
            entries("(1, 3, '', '')").replace("entry", "public.entry"),
            postings("(1, 'm', 3, 5, 5, -1)").replace("posting", "public.posting"),
            checkpoints("(1, 4, '', '')").replace("checkpoint", "public.checkpoint"),
            # When it makes a table in the place of `entry`, holding what would let a gap pass
            "CREATE TEMPORARY TABLE entry AS SELECT 1 AS ledger_id, 8 AS seq",
        ):
            conn.exec_driver_sql(statement)
        # Then the triggers do not look there
        with pytest.raises(IntegrityError, match=NOT_NEXT_ENTRY):
            conn.exec_driver_sql(entries("(1, 9, '', '')").replace("entry", "public.entry"))
        conn.rollback()


# --- what `missing` finds ---


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("ALTER TABLE entry DISABLE TRIGGER entry_next", {"entry_next"}),
        ("ALTER TABLE posting ENABLE REPLICA TRIGGER posting_next", {"posting_next"}),
        ("ALTER TABLE checkpoint ENABLE ALWAYS TRIGGER checkpoint_next", set()),
        ("DROP TRIGGER entry_no_truncate ON entry", {"entry_no_truncate"}),
        (
            """CREATE OR REPLACE FUNCTION journal_kept() RETURNS trigger LANGUAGE plpgsql
            AS 'BEGIN RETURN NULL; END'""",
            {name for name in TRIGGERS["postgresql"] if "_no_" in name},
        ),
    ],
)
def test_a_trigger_that_is_off_or_hollow_is_missed(
    postgresql_database: Database, statement: str, found: set[str]
) -> None:
    run(postgresql_database, statement)
    with postgresql_database.reading() as conn:
        assert triggers.missing(conn) == sorted(found)


def test_a_trigger_that_is_gone_or_hollow_is_missed_on_sqlite(sqlite_database: Database) -> None:
    run(
        sqlite_database,
        "DROP TRIGGER entry_next",
        "DROP TRIGGER posting_no_update",
        "CREATE TRIGGER posting_no_update BEFORE UPDATE ON posting BEGIN SELECT 1; END",
    )
    with sqlite_database.reading() as conn:
        assert triggers.missing(conn) == ["entry_next", "posting_no_update"]
