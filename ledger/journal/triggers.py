"""Append-only in the database too: the triggers of `entry`, `posting`, `checkpoint` and `trail`.

On each of these tables UPDATE, DELETE and (PostgreSQL) TRUNCATE are refused, and an INSERT
passes only if what it adds comes next in its ledger:

- `entry`, and likewise `trail`: the `seq`s go on from the last one without a gap, from 0;
- `posting`: `seq` is not below the size in `head`, whose row is therefore written after the
  postings in each transaction; a ledger without that row takes none;
- `checkpoint`: the size is at least 1 and above all that are there.

Both drivers report a refusal as an integrity error, with one of the sentences below.

PostgreSQL checks a whole INSERT at once through its transition table `fresh`, which costs a
fraction of what a trigger per row would. SQLite checks row by row and beforehand, because INSERT
OR REPLACE fires no delete triggers; it can also aim at an old row by `rowid` while it carries a
correct key, so that is looked up too.

In a database that Citus spreads over machines (`ledger.distribution`) the triggers work on the
shards, where a query of the whole table is refused. There the functions have the same conditions
with the shards' names put in as they run, which plans them anew each time; `sharded` asks for it.
"""

from collections.abc import Collection
from typing import Literal, NamedTuple, get_args

from sqlalchemy import Connection, text

from ledger.db import prepare_schema_change

Dialect = Literal["sqlite", "postgresql"]
Table = Literal["entry", "posting", "checkpoint", "trail"]

TABLES: tuple[Table, ...] = get_args(Table)

JOURNAL: tuple[Table, ...] = ("entry", "posting", "checkpoint")
"""The tables that are there from the first migration on."""

KEPT = "The journal is append-only: rows of this table are never changed or removed."
NOT_NEXT = {
    "entry": "The journal is append-only: an entry must have the next seq of its ledger.",
    "posting": "The journal is append-only: a posting must belong to an entry being appended.",
    "checkpoint": "The journal is append-only: a checkpoint must be above all earlier ones.",
    "trail": "The trail is append-only: a line must have the next seq of its ledger.",
}


class Trigger(NamedTuple):
    """One trigger: its name, its table and the statement that creates it."""

    name: str
    table: Table
    sql: str


def expected(dialect: Dialect) -> tuple[Trigger, ...]:
    """All triggers that a migrated database of this dialect has."""
    make = _sqlite_triggers if dialect == "sqlite" else _postgresql_triggers
    return tuple(trigger for table in TABLES for trigger in make(table))


def create(conn: Connection, tables: Collection[Table] = TABLES, *, sharded: bool = False) -> None:
    """Create the tables' triggers, and their functions in the schema where those were created."""
    dialect = _dialect(conn)
    prepare_schema_change(conn)
    if dialect == "postgresql":
        schema = conn.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
        for name, body in _functions(sharded).items():
            if name == _KEPT_FUNCTION or name.removesuffix("_next") in tables:
                conn.exec_driver_sql(_function(name, body, schema))
    for trigger in expected(dialect):
        if trigger.table in tables:
            conn.exec_driver_sql(trigger.sql)


def drop(conn: Connection, tables: Collection[Table] = TABLES) -> None:
    """Undo `create`; the function that all share goes with those of the journal.

    Raises the driver's error where a trigger is not there.
    """
    dialect = _dialect(conn)
    prepare_schema_change(conn)
    gone = [trigger for trigger in expected(dialect) if trigger.table in tables]
    for name, table, _ in gone:
        on = f" ON {table}" if dialect == "postgresql" else ""
        conn.exec_driver_sql(f"DROP TRIGGER {name}{on}")
    if dialect == "postgresql":
        shared = [_KEPT_FUNCTION] if "entry" in tables else []
        for name in (*shared, *(f"{table}_next" for table in tables)):
            conn.exec_driver_sql(f"DROP FUNCTION {name}()")


def missing(conn: Connection) -> list[str]:
    """The names of the triggers that are absent, disabled or not as they are here, sorted."""
    dialect = _dialect(conn)
    if dialect == "sqlite":
        wanted = {(name, table, sql) for name, table, sql in expected(dialect)}
        found = conn.execute(text(_SQLITE_CATALOGUE))
    else:
        wanted = {(name, table, body_of(name)) for name, table, _ in expected(dialect)}
        found = conn.execute(text(_POSTGRESQL_CATALOGUE))
    return sorted(name for name, _, _ in wanted - {(row[0], row[1], row[2]) for row in found})


def _dialect(conn: Connection) -> Dialect:
    return "sqlite" if conn.dialect.name == "sqlite" else "postgresql"


# --- SQLite ---

_SQLITE_CATALOGUE = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"

# NEW.rowid is -1 unless the statement named one.
_SQLITE_NEXT_SEQ = """NEW.seq IS NOT (
  SELECT coalesce(max(seq), -1) + 1 FROM {own} WHERE ledger_id = NEW.ledger_id
) OR EXISTS (
  SELECT 1 FROM {own} WHERE rowid = NEW.rowid
)"""
_SQLITE_NOT_NEXT = {
    "entry": _SQLITE_NEXT_SEQ.format(own="entry"),
    "posting": """(
  NEW.seq >= (SELECT size FROM head WHERE ledger_id = NEW.ledger_id)
) IS NOT TRUE OR EXISTS (
  SELECT 1 FROM posting
  WHERE ledger_id = NEW.ledger_id AND account = NEW.account AND seq = NEW.seq
    OR rowid = NEW.rowid
)""",
    "checkpoint": """(
  NEW.size > (SELECT coalesce(max(size), 0) FROM checkpoint WHERE ledger_id = NEW.ledger_id)
) IS NOT TRUE OR EXISTS (
  SELECT 1 FROM checkpoint WHERE rowid = NEW.rowid
)""",
    "trail": _SQLITE_NEXT_SEQ.format(own="trail"),
}


def _sqlite_triggers(table: Table) -> tuple[Trigger, ...]:
    return (
        _sqlite_trigger("no_update", "UPDATE", table, KEPT, ""),
        _sqlite_trigger("no_delete", "DELETE", table, KEPT, ""),
        _sqlite_trigger(
            "next", "INSERT", table, NOT_NEXT[table], f"\nWHEN {_SQLITE_NOT_NEXT[table]}"
        ),
    )


def _sqlite_trigger(suffix: str, event: str, table: Table, message: str, when: str) -> Trigger:
    name = f"{table}_{suffix}"
    sql = f"""CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW{when}
BEGIN
  SELECT RAISE(ABORT, '{message}');
END"""
    return Trigger(name, table, sql)


# --- PostgreSQL ---

# Those that are on, of the tables that unqualified names mean.
_POSTGRESQL_CATALOGUE = """
SELECT t.tgname, c.relname, p.prosrc
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND pg_catalog.pg_table_is_visible(c.oid)
"""

# A scalar subquery where EXISTS would read better: the planner may turn EXISTS into a hash over
# the whole of `entry`, and keep that plan. `{own}` is the table, `{head}` the head's.
_POSTGRESQL_NEXT_SEQ = """
    SELECT FROM (
      SELECT ledger_id, min(seq) AS low, max(seq) AS high, count(*) AS added
      FROM fresh GROUP BY ledger_id
    ) AS f
    WHERE added <> high - low + 1 OR low <> 0 AND (
      SELECT e.seq FROM {own} AS e WHERE e.ledger_id = f.ledger_id AND e.seq = f.low - 1
    ) IS NULL"""
_POSTGRESQL_NOT_NEXT = {
    "entry": _POSTGRESQL_NEXT_SEQ,
    "posting": """
    SELECT FROM (SELECT ledger_id, min(seq) AS low FROM fresh GROUP BY ledger_id) AS f
    WHERE (
      low >= (SELECT h.size FROM {head} AS h WHERE h.ledger_id = f.ledger_id)
    ) IS NOT TRUE""",
    # The rows added are in the table by now, so they must be all there is from the lowest on.
    "checkpoint": """
    SELECT FROM (
      SELECT ledger_id, min(size) AS low, count(*) AS added FROM fresh GROUP BY ledger_id
    ) AS f
    WHERE low < 1 OR added <> (
      SELECT count(*) FROM {own} AS c WHERE c.ledger_id = f.ledger_id AND c.size >= f.low
    )""",
    "trail": _POSTGRESQL_NEXT_SEQ,
}


def _body(condition: str, message: str) -> str:
    return f"""
BEGIN
  IF {condition} THEN
    RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = '{message}';
  END IF;
  RETURN NULL;
END
"""


def _shard_body(condition: str, message: str) -> str:
    # A shard is named after its table and its number; those of one ledger cover the same range.
    return f"""
DECLARE
  own text := TG_RELID::regclass;
  head text := 'head_' || (
    SELECT h.shardid FROM pg_dist_shard AS s JOIN pg_dist_shard AS h USING (shardminvalue)
    WHERE s.shardid = substring(TG_TABLE_NAME FROM '[0-9]+$')::bigint
      AND h.logicalrelid = 'head'::regclass
  );
  refused boolean;
BEGIN
  EXECUTE replace(
    replace($condition$SELECT {condition}$condition$, '{{own}}', own), '{{head}}', head
  ) INTO refused;
  IF refused THEN
    RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = '{message}';
  END IF;
  RETURN NULL;
END
"""  # noqa: S608  # of our own constants


_KEPT_FUNCTION = "journal_kept"


def _functions(sharded: bool = False) -> dict[str, str]:
    """The bodies of the functions by name."""
    bodies = {_KEPT_FUNCTION: _body("TRUE", KEPT)}
    for table, offending in _POSTGRESQL_NOT_NEXT.items():
        condition = f"EXISTS ({offending}\n  )"
        bodies[f"{table}_next"] = (
            _shard_body(condition, NOT_NEXT[table])
            if sharded
            else _body(condition.format(own=table, head="head"), NOT_NEXT[table])
        )
    return bodies


def body_of(trigger: str, *, sharded: bool = False) -> str:
    """The body of the function that a trigger calls on PostgreSQL."""
    functions = _functions(sharded)
    return functions.get(trigger, functions[_KEPT_FUNCTION])


def _function(name: str, body: str, schema: str) -> str:
    # The path is fixed, and temporary tables come last in it, so that a role which may create
    # tables of its own cannot put one in the place of `entry`. Scans are ruled out because a
    # session keeps the plan that it made when the table was small.
    return f"""CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER
SET search_path = pg_catalog, {schema}, pg_temp
SET enable_seqscan = off
AS $body${body}$body$"""


def _postgresql_triggers(table: Table) -> tuple[Trigger, ...]:
    kept = tuple(
        Trigger(
            name := f"{table}_no_{event.lower()}",
            table,
            f"CREATE TRIGGER {name} BEFORE {event} ON {table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {_KEPT_FUNCTION}()",
        )
        for event in ("UPDATE", "DELETE", "TRUNCATE")
    )
    following = Trigger(
        name := f"{table}_next",
        table,
        f"CREATE TRIGGER {name} AFTER INSERT ON {table} REFERENCING NEW TABLE AS fresh"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
    )
    return (*kept, following)
