"""Pages of what a caller reaches in several ways: their own rows, those of their organisations, …

Asked for rows of which one condition or another holds, in order of their ids, both databases walk
all rows of the ledger.  So each way is asked by itself for its first ones, which is a range of an
index, and the page is taken of these.  One way alone is such a range as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Table, and_, false, select, union_all


def first_of(
    conn: Connection,
    table: Table,
    ledger_id: int,
    ways: Sequence[ColumnElement[bool]],
    *conditions: ColumnElement[bool],
    limit: int,
) -> ColumnElement[bool]:
    """Whether a row is among the first `limit`, by its id, of one of the ways; all conditions hold.

    It holds for more than `limit` rows, where there is one way: take the first of these.  One
    statement, where there are several: as a part of the caller's, PostgreSQL might walk all rows
    and look each up among the first ones.
    """
    if len(ways) == 1:
        return and_(*ways, *conditions)
    firsts = [
        select(table.c.id).where(table.c.ledger_id == ledger_id, way, *conditions) for way in ways
    ]
    parts = [select(each.order_by(table.c.id).limit(limit).subquery().c.id) for each in firsts]
    return table.c.id.in_(conn.execute(union_all(*parts)).scalars().all()) if parts else false()
