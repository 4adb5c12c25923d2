"""Pages of what a caller reaches in several ways: their own rows, those of their organisations, …

Asked for rows of which one condition or another holds, in order of their ids, both databases walk
all rows of the ledger.  So each way is asked by itself for its first ones, which is a range of an
index, and the page is taken of these.  One way alone is such a range as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    false,
    func,
    or_,
    select,
    union_all,
)

Ways = Sequence[ColumnElement[bool]]
"""In which ways rows are reached, each a condition that an index serves."""

WAYS_PER_STATEMENT = 100
"""SQLite takes 500 SELECTs in one, and no expression deeper than 1,000."""


def find(
    conn: Connection, table: Table, ledger_id: int, name: str, ways: Ways
) -> Sequence[Row[Any]]:
    """The row of that id, if it is there and reached in one of the ways.  One statement."""
    return rows_of(conn, table, ledger_id, table.c.id == name, any_of(ways), limit=1)


def page(
    conn: Connection,
    table: Table,
    ledger_id: int,
    ways: Ways,
    *conditions: ColumnElement[bool],
    asked: Ways | None = None,
    after: str | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """The first `limit` rows by their ids, of those `after` one, that are reached in any way.

    All conditions hold for them.  Where somebody's are `asked` for, in these ways, indexes find
    those, and each is looked at whether it is reached.  One statement, or those of `first_of` too.
    """
    found = list(conditions) if after is None else [*conditions, table.c.id > after]
    if asked is not None:
        found.append(any_of(ways))
    first = first_of(conn, table, ledger_id, ways if asked is None else asked, *found, limit=limit)
    return rows_of(conn, table, ledger_id, first, limit=limit)


def rows_of(
    conn: Connection, table: Table, ledger_id: int, *conditions: ColumnElement[bool], limit: int
) -> Sequence[Row[Any]]:
    """At most `limit` rows for which all conditions hold, in order of their ids.  One statement."""
    query = select(table).where(table.c.ledger_id == ledger_id, *conditions)
    return conn.execute(query.order_by(table.c.id).limit(limit)).all()


def first_of(
    conn: Connection,
    table: Table,
    ledger_id: int,
    ways: Ways,
    *conditions: ColumnElement[bool],
    limit: int,
) -> ColumnElement[bool]:
    """Whether a row is among the first `limit`, by its id, reached in any way; all conditions hold.

    It holds for more than `limit` rows, where there is one way: take the first of these.  One
    statement, where there are several, and another for each further 100 of them: as a part of the
    caller's, PostgreSQL might walk all rows and look each up among the first ones.
    """
    if len(ways) == 1:
        return and_(*ways, *conditions)
    firsts = [
        select(table.c.id).where(table.c.ledger_id == ledger_id, way, *conditions) for way in ways
    ]
    parts = [select(each.order_by(table.c.id).limit(limit).subquery().c.id) for each in firsts]
    found: set[str] = set()
    for batch in _batches(parts):
        found |= set(conn.execute(union_all(*batch)).scalars())
    return table.c.id.in_(sorted(found)[:limit]) if parts else false()


def any_of(ways: Ways) -> ColumnElement[bool]:
    """Whether a row is reached in any of the ways; of none, that it is not."""
    batches = [or_(false(), *batch) for batch in _batches(ways)]
    if len(batches) == 1:
        return batches[0]
    # A function keeps its argument together, which SQLAlchemy would make one list with the others.
    return or_(false(), *(func.coalesce(batch, false()) for batch in batches))


def _batches(several: Sequence[Any]) -> list[Sequence[Any]]:
    step = WAYS_PER_STATEMENT
    return [several[at : at + step] for at in range(0, len(several), step)]
