"""Databases of a coordinator of Citus: made on each node, distributed, and copied as wholes.

A node finds another's database by its own database's name, and all that Citus knows lies in tables,
so a copy of the template on each node is a distributed database of the new name.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
from psycopg import Connection

from ledger.db import Database, open_engine
from ledger.distribution import distribute, limit_lock_waits

SYSTEM = ("template0", "template1")
SHARDS = 2  # one a worker: copying a database takes as long as it has files


def is_coordinator(conn: Connection) -> bool:
    """Whether the database has Citus and knows workers."""
    (has,) = conn.execute("SELECT to_regclass('pg_dist_node') IS NOT NULL").fetchone()
    return has and conn.execute("SELECT count(*) > 1 FROM pg_dist_node").fetchone()[0]


def everywhere(conn: Connection, statement: str) -> None:
    """Runs a statement on all nodes of a coordinator, on any other server there."""
    if not is_coordinator(conn):
        conn.execute(statement)
        return
    answers = conn.execute("SELECT success, result FROM run_command_on_all_nodes(%s)", [statement])
    failed = [result for success, result in answers if not success]
    assert failed == [], failed


def distribute_template(server_url: str, name: str, url: str) -> None:
    """Distributes a migrated database, and leaves nobody connected; nothing without Citus."""
    with psycopg.connect(server_url, autocommit=True) as server:
        if not is_coordinator(server):
            return
        found_cluster(server, server_url, name)
        _on(url, partial(distribute, shards=SHARDS))
        _lock_out(server, name)


@contextmanager
def left_alone(server: Connection, template: str) -> Iterator[None]:
    """Keeps everybody out of a database while it is copied, where it is one that lets people in.

    Nothing but on a coordinator of Citus: there each database has a worker of its own.
    """
    query = "SELECT datallowconn FROM pg_database WHERE datname = %s"
    shut = template in SYSTEM or not is_coordinator(server)
    if shut or not server.execute(query, [template]).fetchone()[0]:
        yield
        return
    _lock_out(server, template)
    try:
        yield
    finally:
        everywhere(server, f'ALTER DATABASE "{template}" ALLOW_CONNECTIONS true')


def _lock_out(server: Connection, name: str) -> None:
    everywhere(server, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    # The background worker that Citus keeps in each of its databases, and sessions it left.
    everywhere(
        server,
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
        f" WHERE datname = '{name}'",
    )


def limit_waits(server_url: str, url: str) -> None:
    """Gives a copy the settings that belong to a database and are not copied with it."""
    with psycopg.connect(server_url, autocommit=True) as server:
        if is_coordinator(server):
            _on(url, limit_lock_waits)


def _on(url: str, work: Callable[[Database], object]) -> None:
    database = open_engine(url)
    try:
        work(database)
    finally:
        database.close()


def found_cluster(server: Connection, server_url: str, name: str) -> None:
    """Makes a cluster of the databases of this name on the nodes that the server knows."""
    query = "SELECT nodename, nodeport, groupid FROM pg_dist_node ORDER BY groupid"
    nodes = server.execute(query).fetchall()
    for host, port, _ in nodes:
        with psycopg.connect(
            server_url, host=host, port=port, dbname=name, autocommit=True
        ) as conn:
            conn.execute("CREATE EXTENSION citus")
    with psycopg.connect(server_url, dbname=name, autocommit=True) as conn:
        for host, port, group in nodes:
            add = "citus_add_node" if group else "citus_set_coordinator_host"
            conn.execute(f"SELECT {add}(%s, %s)", [host, port])
