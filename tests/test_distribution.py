"""Distribution without a cluster: who is refused, what would be run, and what `/readyz` is told."""

import pytest
from sqlalchemy import text

from ledger.db import Database
from ledger.distribution import (
    Placement,
    distribute,
    faults,
    is_distributed,
    missing_triggers,
    placing,
    unplaced,
)
from ledger.errors import ConfigError
from ledger.journal import triggers
from ledger.programme.people.tables import INSTALLATION, metadata

REFERENCE = Placement("reference", None, 1)
TOGETHER = Placement("distributed", "ledger_id", 2)
ALL = {t.name: REFERENCE if t in INSTALLATION else TOGETHER for t in metadata.sorted_tables}


def test_a_database_that_is_not_on_citus_is_refused_and_left_as_it_was(database: Database) -> None:
    sentence = {"sqlite": "An SQLite database stays", "postgresql": "has no Citus"}
    with pytest.raises(ConfigError, match=sentence[database.dialect]):
        distribute(database)
    with database.reading() as conn:
        assert triggers.missing(conn) == []


def test_on_one_machine_nothing_is_missing_that_only_several_need(database: Database) -> None:
    with database.reading() as conn:
        assert not is_distributed(conn)
        assert faults(conn) == []
        assert missing_triggers(conn) == []
    with database.writing() as conn:
        on = " ON entry" if database.dialect == "postgresql" else ""
        conn.execute(text(f"DROP TRIGGER entry_next{on}"))
    with database.reading() as conn:
        assert missing_triggers(conn) == ["entry_next"]


# --- what would be run ---


def test_each_table_is_placed_once_the_installations_first_the_ledgers_beside_the_first() -> None:
    # given a database of which nothing is placed
    todo = unplaced({})
    # when the statements are made
    statements = placing(todo, None, 8)
    statements, emptied = statements[: len(todo)], statements[len(todo) :]
    # then the installation's are reference tables, and each other is by ledger beside the first
    count = len(INSTALLATION)
    assert [table.name for table in todo[count:]] == [
        table.name for table in metadata.sorted_tables if table not in INSTALLATION
    ]
    assert sorted(statements[:count]) == sorted(
        f"SELECT create_reference_table('{table.name}')" for table in INSTALLATION
    )
    first, *others = todo[count:]
    create = "SELECT create_distributed_table"
    assert emptied == [
        f"SELECT truncate_local_data_after_distributing_table('{table.name}')" for table in todo
    ]
    assert statements[count:] == [
        f"{create}('{first.name}', 'ledger_id', colocate_with => 'none', shard_count => 8)",
        *(
            f"{create}('{table.name}', 'ledger_id', colocate_with => '{first.name}')"
            for table in others
        ),
    ]


def test_what_was_cut_short_or_came_later_is_placed_beside_what_is_there() -> None:
    rest = {name: lies for name, lies in ALL.items() if name not in ("entry", "token")}
    rest["entry"] = Placement("local", None, 0)
    assert placing(unplaced(rest), "head", 8) == [
        "SELECT create_reference_table('token')",
        "SELECT create_distributed_table('entry', 'ledger_id', colocate_with => 'head')",
        "SELECT truncate_local_data_after_distributing_table('token')",
        "SELECT truncate_local_data_after_distributing_table('entry')",
    ]
    assert unplaced(ALL) == []


@pytest.mark.parametrize(
    ("table", "lies"),
    [
        ("token", TOGETHER),
        ("entry", REFERENCE),
        ("entry", Placement("distributed", "seq", 2)),
        ("posting", Placement("distributed", "ledger_id", 3)),
    ],
)
def test_a_table_that_lies_otherwise_is_named_with_the_way_back(
    table: str, lies: Placement
) -> None:
    with pytest.raises(ConfigError, match=rf"The table {table} lies .*undistribute_table"):
        unplaced(ALL | {table: lies})


def test_the_triggers_have_the_same_conditions_on_shards_by_the_shards_names() -> None:
    for name, table, _ in triggers.expected("postgresql"):
        whole, sharded = triggers.body_of(name), triggers.body_of(name, sharded=True)
        if name.endswith("_next"):
            assert f"FROM {table} AS" not in sharded
            assert whole != sharded
            condition = whole.partition("IF ")[2].partition(" THEN")[0]
            own = "{own}" if table != "posting" else table
            assert (
                condition.replace(f"FROM {table} AS", f"FROM {own} AS").replace(
                    "FROM head AS", "FROM {head} AS"
                )
                in sharded
            )
        else:
            assert whole == sharded
