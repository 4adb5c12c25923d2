"""The log at its origin: checkpoints, hash tiles and entry bundles (C2SP tlog-tiles).

The origin is an address without scheme, and this is what is served under it.  Checkpoints and hash
tiles are public; entries are somebody's history, and need a token.  There are tiles of published
sizes only.
"""

from __future__ import annotations

from flask import Response
from sqlalchemy import Connection

from api.auth import installation
from api.problems import Problem
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import log
from ledger.programme.reading.overview import is_published_tile
from ledger.tlog.errors import TileError
from ledger.tlog.tiles import Tile, parse_tile_path

blueprint = Resource("log", __name__, url_prefix="/log/<ledger:ledger>", description=__doc__)

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
FRESH = "public, max-age=3"
PUBLIC = "public, max-age=31536000, immutable"
PRIVATE = "private, max-age=31536000, immutable"


@blueprint.opens("/checkpoint", content_type=TEXT)
def show_checkpoint(ledger: str) -> Response:
    """Fetch the newest checkpoint"""
    here = installation()
    opened = here.ledger(ledger)
    with here.database.reading() as conn:
        newest = log.latest_checkpoint(conn, opened.id)
    if newest is None:
        raise Problem("not-found", "Nothing of this log is published yet.")
    return _served(newest.note, TEXT, FRESH)


@blueprint.opens("/tile/<path:tail>", content_type=BYTES)
def show_tile(ledger: str, tail: str) -> Response:
    """Fetch a hash tile"""
    here = installation()
    opened = here.ledger(ledger)
    tile = _tile(tail)
    with here.database.reading(snapshot=True) as conn:
        _want_published(conn, opened, tile)
        return _served(log.hash_tile(conn, opened.id, tile), BYTES, PUBLIC)


@blueprint.reads("/tile/entries/<path:tail>", None, action="log:read", content_type=BYTES)
def show_entry_tile(ledger: OpenLedger, tail: str) -> Response:
    """Fetch an entry bundle"""
    tile = _tile(f"entries/{tail}")
    with installation().database.reading(snapshot=True) as conn:
        _want_published(conn, ledger, tile)
        return _served(log.entry_tile(conn, ledger.id, tile), BYTES, PRIVATE)


def _tile(tail: str) -> Tile:
    try:
        return parse_tile_path(f"tile/{tail}")
    except TileError as error:
        raise Problem("not-found", f"This is no tile's address: {error}.") from None


def _want_published(conn: Connection, ledger: OpenLedger, tile: Tile) -> None:
    if not is_published_tile(conn, ledger.id, tile):
        raise Problem("not-found", "No published tree has this tile.")


def _served(raw: bytes, content_type: str, caching: str) -> Response:
    response = Response(raw, content_type=content_type)
    response.headers["Cache-Control"] = caching
    return response
