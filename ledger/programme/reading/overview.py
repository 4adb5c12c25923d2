"""Where ledgers stand, and how much of a log is published."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from ledger.journal import log
from ledger.journal import tables as t
from ledger.tlog.tiles import TILE_WIDTH, Tile

TILE_BITS = 8


@dataclass(frozen=True, slots=True)
class Overview:
    """Where a ledger stands: entries in the log, entries published, number of budgets."""

    size: int
    at: str
    utc_offset_minutes: int
    published: int
    budgets: int


def list_ledgers(conn: Connection, *, after: str | None, limit: int) -> list[str]:
    """The names of at most `limit` ledgers, in order."""
    query = select(t.ledger.c.name).where(t.ledger.c.name > (after or ""))
    return list(conn.execute(query.order_by(t.ledger.c.name).limit(limit)).scalars())


def overview(conn: Connection, ledger_id: int) -> Overview:
    """Where the ledger stands."""
    head = conn.execute(select(t.head).where(t.head.c.ledger_id == ledger_id)).one()
    newest = log.latest_checkpoint(conn, ledger_id)
    budgets = select(func.count()).select_from(t.budget).where(t.budget.c.ledger_id == ledger_id)
    return Overview(
        head.size,
        head.at,
        head.utc_offset_minutes,
        newest.size if newest else 0,
        conn.execute(budgets).scalar_one(),
    )


def is_published_tile(conn: Connection, ledger_id: int, tile: Tile) -> bool:
    """Whether the tile is full within the newest published tree, or as wide as one tree has it."""
    newest = log.latest_checkpoint(conn, ledger_id)
    shift = TILE_BITS * (tile.level or 0)
    hashes = tile.index * TILE_WIDTH + tile.width
    if newest is None or hashes > newest.size >> shift:
        return False
    if tile.width == TILE_WIDTH:
        return True
    # The trees whose row of this level ends just there.
    first, end = hashes << shift, (hashes + 1) << shift
    query = select(t.checkpoint.c.size).where(
        t.checkpoint.c.ledger_id == ledger_id,
        t.checkpoint.c.size >= first,
        t.checkpoint.c.size < min(end, newest.size + 1),
    )
    return conn.execute(query.limit(1)).one_or_none() is not None
