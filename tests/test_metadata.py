"""Ledgers can be spread over machines: all keys of a ledger's tables are led by its number."""

from collections.abc import Iterable

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from ledger.programme.people.tables import INSTALLATION, metadata


def not_led_by_the_ledger(tables: Iterable[Table]) -> list[str]:
    """The keys and indexes of these tables whose first column is not `ledger_id`, sorted."""
    return sorted(
        f"{table.name}: {type(key).__name__} ({', '.join(column.name for column in key.columns)})"
        for table in tables
        for key in (*table.constraints, *table.indexes)
        if not isinstance(key, CheckConstraint)
        and (_first(key) != "ledger_id" or _first_target(key) != "ledger_id")
    )


def _first(key) -> str | None:
    # None for an expression, and for a table without a primary key.
    first = next(iter(key.expressions if isinstance(key, Index) else key.columns), None)
    return getattr(first, "name", None)


def _first_target(key) -> str:
    if isinstance(key, ForeignKeyConstraint):
        return key.elements[0].target_fullname.rpartition(".")[2]
    return "ledger_id"


def test_every_key_index_and_foreign_key_of_a_ledger_is_led_by_it() -> None:
    tables = [table for table in metadata.sorted_tables if table not in INSTALLATION]
    assert not_led_by_the_ledger(tables) == []


def test_the_tables_of_the_installation_are_the_only_exceptions() -> None:
    assert [table.name for table in INSTALLATION] == ["ledger", "token"]
    assert all(not_led_by_the_ledger([table]) for table in INSTALLATION)


def test_a_key_that_is_not_led_by_the_ledger_is_found() -> None:
    stray = MetaData()
    Table(
        "stray",
        stray,
        Column("id", Integer, primary_key=True),
        Column("ledger_id", Integer),
        Column("name", Text),
        Column("other", Integer),
        UniqueConstraint("name", "ledger_id"),
        UniqueConstraint("ledger_id", "name"),
        ForeignKeyConstraint(["other"], ["other.ledger_id"]),
        ForeignKeyConstraint(["ledger_id"], ["other.id"]),
        ForeignKeyConstraint(["ledger_id"], ["other.ledger_id"]),
        Index("stray_name", "name"),
        Index("stray_ledger_id_name", "ledger_id", "name"),
    )
    Table("keyless", stray, Column("ledger_id", Integer))
    Table("other", stray, Column("id", Integer), Column("ledger_id", Integer, primary_key=True))
    assert not_led_by_the_ledger(stray.tables.values()) == [
        "keyless: PrimaryKeyConstraint ()",
        "stray: ForeignKeyConstraint (ledger_id)",
        "stray: ForeignKeyConstraint (other)",
        "stray: Index (name)",
        "stray: PrimaryKeyConstraint (id)",
        "stray: UniqueConstraint (name, ledger_id)",
    ]
