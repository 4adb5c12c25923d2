"""`points distribute`: from one machine to several."""

from __future__ import annotations

import os

import click

from ledger.cli.place import stored
from ledger.cli.terminal import as_json, tell
from ledger.config import read_settings
from ledger.distribution import SHARDS
from ledger.distribution import distribute as distribute_tables

SHARDS_MAX = 1_024


@click.command(short_help="Spread a PostgreSQL database over machines.")
@click.option(
    "--shards",
    type=click.IntRange(1, SHARDS_MAX),
    default=SHARDS,
    show_default=True,
    help="Parts that each table is cut into, fixed the first time: at least as many as workers.",
)
@as_json
def distribute(shards: int, as_json: bool) -> None:
    """Spread the tables over the workers of a Citus coordinator, each ledger whole on one of them.

    Stop the service first, and start it again afterwards. Run this again after each migration and
    each new worker: it does what is left to do. docs/scaling.md shows the lay-out.

    \b
    Example:
      points distribute --shards 64
    """
    with stored(read_settings(os.environ)) as database:
        placed = distribute_tables(database, shards)
    said = f"Placed {len(placed)} tables: {', '.join(placed)}." if placed else "All is distributed."
    tell(said, {"placed": placed}, as_json)
