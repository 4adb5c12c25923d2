"""Spreads a migrated PostgreSQL database over machines with Citus, by ledger.

The tables of a ledger are distributed by `ledger_id` and co-located, so that all rows of one ledger
lie on one worker and each transaction of a ledger runs there; the installation's own are reference
tables, whole on each node; Alembic's stays on the coordinator.  Which is which follows from the
metadata alone.  Citus refuses to distribute a table that has triggers, so they are dropped first
and made again on the shards, all in one transaction.

A lock is waited for on the worker, which does not know the session's settings, so the limit on that
wait is a setting of the database there.

Tried on Citus 13.0.5 with PostgreSQL 15; `docs/scaling.md` shows the lay-out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import orjson
from sqlalchemy import Connection, Table, inspect, text

from ledger.db import LOCK_TIMEOUT_SECONDS, Database, prepare_schema_change
from ledger.errors import ConfigError
from ledger.journal import triggers
from ledger.journal.tables import metadata
from ledger.programme.people.tables import INSTALLATION

SHARDS = 32
"""Parts that each table is cut into.  A part can lie on one worker only, so it bounds their number;
each costs files and memory on its worker (`docs/scaling.md`)."""

WORKERS_LOCK_TIMEOUT = f"{round(LOCK_TIMEOUT_SECONDS)}s"


class Placement(NamedTuple):
    """How a table lies on the nodes: `reference`, or `by` a column together with its `group`."""

    kind: Literal["reference", "distributed", "local"]
    by: str | None
    group: int


def distribute(database: Database, shards: int = SHARDS) -> list[str]:
    """Does what is left to do; the tables that were placed, none where all were.

    Safe to call again, and after each migration or new worker.  Rows travel along; while they do,
    nobody else reads or writes.  Raises `ConfigError` where Citus is not ready or a table lies
    otherwise already, and what `Database.writing` raises: nothing was changed.
    """
    if database.dialect != "postgresql":
        raise ConfigError(
            "An SQLite database stays on its machine. Move to PostgreSQL with Citus first, and name"
            " it in POINTS_DATABASE_URL."
        )
    with database.writing() as conn:
        _want_citus(conn)
        placed = placements(conn)
        todo = unplaced(placed)
        if todo or _missing_anywhere(conn):
            _place(conn, todo, _anchor(placed), shards)
    limit_lock_waits(database)
    return [table.name for table in todo]


def limit_lock_waits(database: Database) -> None:
    """Sets how long a lock is waited for, in the database of this name on each worker."""
    with database.writing() as conn:
        if _workers_wait_for_ever(conn):
            name = conn.execute(text("SELECT quote_ident(current_database())")).scalar_one()
            command = f"ALTER DATABASE {name} SET lock_timeout = '{WORKERS_LOCK_TIMEOUT}'"
            _on_nodes(conn, "run_command_on_workers", command)


def faults(conn: Connection) -> list[str]:
    """What a database lacks to be wholly distributed; nothing where none of it is.

    For `/readyz`: names tables, never machines.
    """
    if not is_distributed(conn):
        return []
    found = [f"not distributed: {table.name}" for table in unplaced(placements(conn))]
    if _workers_wait_for_ever(conn):
        found.append("a worker has no lock_timeout")
    return found


def missing_triggers(conn: Connection) -> list[str]:
    """`triggers.missing`, and of a distributed database those missing on any node or shard."""
    return _missing_anywhere(conn) if is_distributed(conn) else triggers.missing(conn)


def is_distributed(conn: Connection) -> bool:
    """Whether any table lies on other nodes."""
    return bool(placements(conn))


def unplaced(placed: Mapping[str, Placement]) -> list[Table]:
    """The tables that are still to be placed, in the order of their foreign keys.

    Raises `ConfigError` for one that lies otherwise than it should.
    """
    anchor = _anchor(placed)
    group = placed[anchor].group if anchor else None
    todo = []
    for table in metadata.sorted_tables:
        lies = placed.get(table.name)
        if lies is None or lies.kind == "local":
            todo.append(table)
        elif table in INSTALLATION:
            _want(lies.kind == "reference", table, "a reference table")
        else:
            together = (lies.kind, lies.by, lies.group) == ("distributed", "ledger_id", group)
            _want(together, table, f"distributed by ledger_id together with {anchor}")
    # Reference tables first: the others have foreign keys to them.
    return sorted(todo, key=lambda table: table not in INSTALLATION)


def placing(todo: Sequence[Table], anchor: str | None, shards: int) -> list[str]:
    """The statements that place tables, each beside `anchor`, or the first of them where None.

    The copies that stay on the coordinator, where nobody sees them any more, are removed.
    """
    statements = []
    for table in todo:
        if table in INSTALLATION:
            statements.append(f"SELECT create_reference_table('{table.name}')")
            continue
        how = f"colocate_with => '{anchor or 'none'}'"
        if anchor is None:
            how, anchor = f"{how}, shard_count => {shards}", table.name
        statements.append(f"SELECT create_distributed_table('{table.name}', 'ledger_id', {how})")
    # Only once all are placed: emptying one empties those that point at it.
    empty = "SELECT truncate_local_data_after_distributing_table"
    return statements + [f"{empty}('{table.name}')" for table in todo]


def placements(conn: Connection) -> dict[str, Placement]:
    """How the tables lie that Citus knows; empty without Citus."""
    if conn.dialect.name != "postgresql" or not _has_citus(conn):
        return {}
    return {row.name: Placement(*row[1:]) for row in conn.execute(text(_PLACEMENTS))}


_PLACEMENTS = """
SELECT c.relname AS name,
  CASE WHEN partmethod = 'h' THEN 'distributed'
    WHEN repmodel = 't' THEN 'reference' ELSE 'local' END,
  column_to_column_name(logicalrelid, partkey), colocationid
FROM pg_dist_partition JOIN pg_class AS c ON c.oid = logicalrelid
WHERE pg_table_is_visible(c.oid)
"""

# The triggers that one node lacks, of its tables and of the shards that lie on it.
_MISSING_TRIGGERS = """
SELECT coalesce(json_agg(DISTINCT w.name), '[]')
FROM (VALUES {wanted}) AS w (name, "table", body, on_shards),
LATERAL (
  SELECT '' AS suffix
  UNION ALL
  SELECT '_' || s.shardid FROM pg_dist_shard AS s
  JOIN pg_dist_placement AS p ON p.shardid = s.shardid
  JOIN pg_dist_local_group AS g ON g.groupid = p.groupid
  WHERE w.on_shards AND s.logicalrelid = w."table"::regclass
) AS part
WHERE NOT EXISTS (
  SELECT FROM pg_trigger AS t JOIN pg_proc AS f ON f.oid = t.tgfoid
  WHERE t.tgrelid = to_regclass(w."table" || suffix) AND t.tgname = w.name || suffix
    AND t.tgenabled IN ('O', 'A') AND md5(f.prosrc) = w.body
)
"""


def _has_citus(conn: Connection) -> bool:
    query = "SELECT count(*) FROM pg_extension WHERE extname = 'citus'"
    return bool(conn.execute(text(query)).scalar_one())


def _want_citus(conn: Connection) -> None:
    if not _has_citus(conn):
        raise ConfigError(
            "This PostgreSQL database has no Citus. Create the extension on each node and add the"
            " workers, as docs/scaling.md shows, then run this again."
        )
    if not metadata.tables.keys() <= set(inspect(conn).get_table_names()):
        raise ConfigError("The database lacks tables of this version. Run: points migrate")
    nodes = "SELECT count(*) FROM pg_dist_node WHERE isactive AND shouldhaveshards"
    if not conn.execute(text(nodes)).scalar_one():
        raise ConfigError(
            "The coordinator knows no worker. Add each by SELECT citus_add_node('host', 5432), then"
            " run this again."
        )


def _anchor(placed: Mapping[str, Placement]) -> str | None:
    """A table of a ledger that is distributed already."""
    ours = [table.name for table in metadata.sorted_tables if table not in INSTALLATION]
    return next((n for n in ours if n in placed and placed[n].kind == "distributed"), None)


def _want(condition: bool, table: Table, wanted: str) -> None:
    if not condition:
        raise ConfigError(
            f"The table {table.name} lies otherwise than as {wanted}. Take it back by"
            f" SELECT undistribute_table('{table.name}'), then run: points distribute"
        )


def _place(conn: Connection, todo: Sequence[Table], anchor: str | None, shards: int) -> None:
    prepare_schema_change(conn)
    conn.exec_driver_sql("SET LOCAL client_min_messages = warning")
    for name, table, _ in triggers.expected("postgresql"):
        conn.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name} ON {table}")
    for statement in placing(todo, anchor, shards):
        conn.exec_driver_sql(statement)
    triggers.create(conn, sharded=True)


def _missing_anywhere(conn: Connection) -> list[str]:
    """The triggers that any node or shard lacks, sorted.  Tables are emptied by whole tables."""
    wanted = ", ".join(
        f"('{name}', '{table}', md5($body${triggers.body_of(name, sharded=True)}$body$),"
        f" {'TRUNCATE' not in sql})"
        for name, table, sql in triggers.expected("postgresql")
    )
    command = _MISSING_TRIGGERS.format(wanted=wanted)
    said = _on_nodes(conn, "run_command_on_all_nodes", command)
    return sorted({name for names in said for name in orjson.loads(names)})


def _workers_wait_for_ever(conn: Connection) -> bool:
    said = _on_nodes(conn, "run_command_on_workers", "SHOW lock_timeout")
    return any(each != WORKERS_LOCK_TIMEOUT for each in said)


def _on_nodes(conn: Connection, how: str, command: str) -> list[str]:
    """What each node answers, on connections of their own; `ConfigError` where one does not."""
    answers = conn.execute(
        text(f"SELECT success, result FROM {how}(:command)"),  # noqa: S608  # one of two names
        {"command": command},
    ).all()
    if not all(row.success for row in answers):
        raise ConfigError(
            "A node of the database does not answer. Look at its log and its address."
        )
    return [row.result for row in answers]
