"""Reading and writing by sets: what goes in comes out, whatever characters it has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, Table, Text

from ledger.db import Database
from ledger.journal.bulk import key_columns, keyed, pipelined, write

things = Table(
    "things",
    MetaData(),
    Column("ledger_id", Integer, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("raw", LargeBinary),
    Column("note", Text),
    Column("number", BigInteger),
    Column("truth", Boolean),
)

ROWS = st.dictionaries(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1),
    st.tuples(
        st.none() | st.binary(),
        st.none() | st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.booleans(),
    ),
    max_size=20,
)


@pytest.fixture
def prepared(database: Database) -> Database:
    with database.writing() as conn:
        things.create(conn)
    return database


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(ROWS)
def test_what_is_written_is_read_back(prepared: Database, rows: dict[str, Any]) -> None:
    with prepared.writing() as conn:
        conn.execute(things.delete())
        with pipelined(conn):
            write(conn, things, 1, ((name, *values) for name, values in rows.items()), "insert")
            write(conn, things, 2, [("another ledger's", None, None, None, None)], "insert")

    with prepared.reading() as conn:
        found = keyed(conn, things.c, 1, key_columns(things), [*rows, "not there"])

    assert {row.name: (row.raw, row.note, row.number, row.truth) for row in found} == rows


def test_an_upsert_replaces_the_row_of_the_same_key(prepared: Database) -> None:
    with prepared.writing() as conn:
        write(conn, things, 1, [("a", b"1", "x", 1, True), ("b", None, "", 2, False)], "upsert")
        write(conn, things, 1, [("b", b"\\", '"{}\\', 3, None)], "upsert")

    with prepared.reading() as conn:
        rows = keyed(conn, things.c, 1, key_columns(things), {"a", "b"})

    assert sorted((r.name, r.raw, r.note, r.number, r.truth) for r in rows) == [
        ("a", b"1", "x", 1, True),
        ("b", b"\\", '"{}\\', 3, None),
    ]


def test_nothing_is_asked_for_no_keys_and_nothing_written_for_no_rows(prepared: Database) -> None:
    with prepared.writing() as conn:
        write(conn, things, 1, [], "insert")
        assert keyed(conn, things.c, 1, key_columns(things), []) == ()


crossings = Table(
    "crossings",
    MetaData(),
    Column("ledger_id", Integer, primary_key=True),
    Column("street", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
)


def test_rows_are_found_by_several_columns_together(database: Database) -> None:
    with database.writing() as conn:
        crossings.create(conn)
        rows = [(street, number) for street in ('a "b', "c,\\{}") for number in (-1, 2)]
        write(conn, crossings, 1, rows, "insert")
        write(conn, crossings, 2, [("c", 1)], "insert")

    with database.reading() as conn:
        wanted = [('a "b', 2), ("c,\\{}", -1), ("c", 1), ('a "b', 3)]
        found = keyed(conn, crossings.c, 1, key_columns(crossings), wanted)

    assert sorted((row.street, row.number) for row in found) == [('a "b', 2), ("c,\\{}", -1)]
