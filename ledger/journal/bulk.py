"""Reading and writing many rows by one statement, on either database.

The number of statements is that of the tables concerned, whatever the number of rows: PostgreSQL
takes each column as an array (`unnest`, `= ANY`), SQLite a JSON list of keys and `executemany`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import orjson
import psycopg
from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Delete,
    LargeBinary,
    Row,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    func,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect
from sqlalchemy.exc import DBAPIError

from ledger.db import PREPARED
from ledger.journal.pipeline import Pipeline

Mode = Literal["insert", "upsert"]


class Lookup(NamedTuple):
    """Those rows of one ledger whose column `by` is among `keys`, of each the `columns`.

    Of a table that is no ledger's, those of the installation.  Where `by` is several columns of one
    table, each key is a tuple of their values.
    """

    columns: tuple[Column[Any], ...]
    by: Column[Any] | tuple[Column[Any], ...]
    keys: Collection[Any]
    conditions: tuple[ColumnElement[bool], ...] = ()


def look_up(
    conn: Connection, ledger_id: int, lookups: Sequence[Lookup | Select[Any]]
) -> list[Sequence[Any]]:
    """The rows of each lookup, in their order; they have their columns' names as attributes.

    All keys of a lookup are one parameter a column, and without keys there is no statement.
    PostgreSQL gets all statements at once, and is waited for once.  A lookup may also be a SELECT
    with the parameter `of_ledger`.
    """
    postgresql = conn.dialect.name == "postgresql"
    asked = [_asked(postgresql, ledger_id, lookup) for lookup in lookups]
    found = iter(_rows_of_each(conn, [each for each in asked if each is not None]))
    return [() if each is None else next(found) for each in asked]


def rows_of(conn: Connection, query: Select[Any], parameters: Mapping[str, Any]) -> Sequence[Any]:
    """The rows of a SELECT that is asked often; they have their columns' names as attributes.

    On PostgreSQL it goes past SQLAlchemy's execution, which costs twice what the driver does; the
    first of a transaction is sent together with its BEGIN.
    """
    return _rows_of_each(conn, [(query, parameters)])[0]


def _rows_of_each(
    conn: Connection, queries: Sequence[tuple[Select[Any], Mapping[str, Any]]]
) -> Sequence[Sequence[Any]]:
    if not queries or conn.dialect.name != "postgresql":
        return [conn.execute(query, parameters).all() for query, parameters in queries]
    with _driver_errors(), _pipeline(conn) as pipeline:
        for query, parameters in queries:
            compiled = _compiled(query)
            values = compiled.construct_params(parameters)
            order = compiled.positiontup or ()
            pipeline.send(compiled.string, [values[name] for name in order])
        return pipeline.answers()


def keyed(
    conn: Connection,
    columns: Iterable[Column[Any]],
    ledger_id: int,
    by: Column[Any] | tuple[Column[Any], ...],
    keys: Collection[Any],
    *conditions: ColumnElement[bool],
) -> Sequence[Row[Any]]:
    """The rows of one lookup."""
    return look_up(conn, ledger_id, [Lookup(tuple(columns), by, keys, conditions)])[0]


Asked = tuple[Select[Any], dict[str, Any]]


def _asked(postgresql: bool, ledger_id: int, lookup: Lookup | Select[Any]) -> Asked | None:
    if not isinstance(lookup, Lookup):
        return lookup, {"of_ledger": ledger_id}
    if not lookup.keys:
        return None
    by = lookup.by if isinstance(lookup.by, tuple) else (lookup.by,)
    query = _keyed_query(postgresql, lookup.columns, by, lookup.conditions)
    wanted = list(set(lookup.keys))
    if not postgresql:
        parameters: dict[str, Any] = {"keys": orjson.dumps(wanted).decode()}
    else:
        values = [wanted] if len(by) == 1 else list(zip(*wanted, strict=True))
        parameters = {f"keys{at}": _array(column, values[at]) for at, column in enumerate(by)}
    return query, {"of_ledger": ledger_id, **parameters}


# The parameters' places instead of their names, as the server knows them.
_NUMBERED = psycopg_dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


@lru_cache(maxsize=256)
def _compiled(query: Select[Any]) -> Any:
    return query.compile(dialect=_NUMBERED)


@lru_cache(maxsize=256)
def _keyed_query(
    postgresql: bool,
    columns: tuple[Column[Any], ...],
    by: tuple[Column[Any], ...],
    conditions: tuple[ColumnElement[bool], ...],
) -> Select[Any]:
    """On PostgreSQL each key is looked up by itself, whatever the planner believes.

    Of a table that was small when a statement was prepared, it would go on reading all of the
    ledger's rows.
    """
    table = by[0].table
    mine = select(*columns).where(*conditions)
    if "ledger_id" in table.c:
        mine = mine.where(table.c.ledger_id == bindparam("of_ledger"))
    if not postgresql:
        key = func.json_each(bindparam("keys", type_=Text)).table_valued("value").c.value
        if len(by) == 1:
            return mine.where(by[0].in_(select(key)))
        parts = [func.json_extract(key, f"$[{at}]") for at in range(len(by))]
        return mine.where(tuple_(*by).in_(select(*parts)))
    names = [f"key{at}" for at in range(len(by))]
    arrays = [bindparam(f"keys{at}", type_=ARRAY(c.type)) for at, c in enumerate(by)]
    wanted = func.unnest(*arrays).table_valued(*names, name="wanted").render_derived()
    matches = [column == wanted.c[name] for column, name in zip(by, names, strict=True)]
    found = mine.where(*matches).offset(literal_column("0")).lateral("found")
    return select(found).select_from(wanted.join(found, true()))


def remove(conn: Connection, ledger_id: int, column: Column[Any], keys: Collection[Any]) -> None:
    """Deletes those rows of one ledger whose `column` is among `keys`, all one parameter."""
    if not keys:
        return
    postgresql = conn.dialect.name == "postgresql"
    wanted = _array(column, list(keys)) if postgresql else orjson.dumps(list(keys)).decode()
    conn.execute(_removal(postgresql, column), {"of_ledger": ledger_id, "keys": wanted})


@lru_cache
def _removal(postgresql: bool, column: Column[Any]) -> Delete:
    keys = bindparam("keys", type_=Text)
    mine = delete(column.table).where(column.table.c.ledger_id == bindparam("of_ledger"))
    if postgresql:
        return mine.where(column == func.any(cast(keys, ARRAY(column.type))))
    return mine.where(column.in_(select(func.json_each(keys).table_valued("value").c.value)))


def write(
    conn: Connection, table: Table, ledger_id: int, rows: Iterable[Sequence[Any]], mode: Mode
) -> None:
    """Writes rows, given as the values of the table's columns after `ledger_id`, in order.

    `upsert` replaces the row of the same key.  No statement when there are no rows.
    """
    rows = list(rows)
    if not rows:
        return
    if conn.dialect.name == "postgresql":
        columns = [column for column in table.c if column.name != "ledger_id"]
        arrays = [
            _array(column, values)
            for column, values in zip(columns, zip(*rows, strict=True), strict=True)
        ]
        with pipelined(conn):
            conn.info[_PIPELINE].send(_unnest_sql(table, mode), [ledger_id, *arrays])
    else:
        conn.exec_driver_sql(_row_sql(table, mode), [(ledger_id, *row) for row in rows])


@contextmanager
def pipelined(conn: Connection) -> Iterator[None]:
    """Lets PostgreSQL carry out one `write` while the next is being prepared.

    All of them are carried out when the context ends, where their errors are raised.  Nothing but
    `write` is for within.
    """
    if conn.dialect.name != "postgresql" or _PIPELINE in conn.info:
        yield
        return
    with _driver_errors(), _pipeline(conn) as pipeline:
        conn.info[_PIPELINE] = pipeline
        try:
            yield
        finally:
            del conn.info[_PIPELINE]
        pipeline.answers()


_PIPELINE = "points_pipeline"


def _pipeline(conn: Connection) -> Pipeline:
    driver: Any = conn.connection.driver_connection
    return Pipeline(driver, conn.info.setdefault(PREPARED, {}))


@contextmanager
def _driver_errors() -> Iterator[None]:
    """Raises what the driver raises as SQLAlchemy would."""
    try:
        yield
    except psycopg.Error as error:
        raise DBAPIError.instance(None, None, error, psycopg.Error) from error


def key_columns(table: Table) -> tuple[Column[Any], ...]:
    """The columns of a table's primary key beside `ledger_id`, in order."""
    return tuple(column for column in table.primary_key if column.name != "ledger_id")


def row_mapping(table: Table, row: Row[Any]) -> dict[str, Any]:
    """A row as a dictionary without its `ledger_id`."""
    mapping = row._asdict()
    return {column.name: mapping[column.name] for column in table.c if column.name != "ledger_id"}


@lru_cache
def _unnest_sql(table: Table, mode: Mode) -> str:
    columns = [column for column in table.c if column.name != "ledger_id"]
    types = enumerate(map(_array_type, columns), 2)
    arrays = ", ".join(f"${at}::{each}[]" for at, each in types)
    names = _names(["ledger_id", *(column.name for column in columns)])
    return (
        f"INSERT INTO {table.name} ({names}) SELECT $1::bigint, * FROM unnest({arrays})"
        + _conflict(table, mode)
    )


@lru_cache
def _row_sql(table: Table, mode: Mode) -> str:
    names = ["ledger_id", *(column.name for column in table.c if column.name != "ledger_id")]
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {table.name} ({_names(names)}) VALUES ({marks})" + _conflict(table, mode)


def _conflict(table: Table, mode: Mode) -> str:
    if mode == "insert":
        return ""
    keys = [column.name for column in table.primary_key]
    others = [column.name for column in table.c if column.name not in keys]
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in others)
    return f" ON CONFLICT ({_names(keys)}) DO UPDATE SET {changes}"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


_SPECIAL = re.compile(r'["\\\\]')


def _array(column: Column[Any], values: Sequence[Any]) -> str | bytes:
    """A column's values as PostgreSQL's array literal (its manual, section 8.15.6); bytes as below.

    The driver's own encoder takes ten times as long, which is a third of an append.
    """
    if isinstance(column.type, LargeBinary):
        return _bytes_array(values)
    if not isinstance(column.type, Text):
        return "{" + ",".join(["NULL" if v is None else str(v) for v in values]) + "}"
    text = "".join([v for v in values if v is not None])
    spelled: Callable[[str], str] = _escaped if _SPECIAL.search(text) else str
    if None in values or not values:
        return "{" + ",".join(["NULL" if v is None else f'"{spelled(v)}"' for v in values]) + "}"
    return '{"' + '","'.join(map(spelled, values)) + '"}'


_BYTEA_OID = 17
_NULL_ELEMENT = (-1).to_bytes(4, "big", signed=True)


def _bytes_array(values: Sequence[bytes | None]) -> bytes:
    """A bytea[] as the server sends and takes it in binary (`array_recv` in its source).

    The number of dimensions, whether there are nulls, what the elements are, how many from which
    index on; then each with its length.
    """
    head = struct.pack(">5i", 1, None in values, _BYTEA_OID, len(values), 1)
    elements = [_NULL_ELEMENT if v is None else len(v).to_bytes(4, "big") + v for v in values]
    return head + b"".join(elements)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _array_type(column: Column[Any]) -> str:
    if isinstance(column.type, LargeBinary):
        return "bytea"
    if isinstance(column.type, Text):
        return "text"
    return "boolean" if isinstance(column.type, Boolean) else "bigint"
