"""How a bundle is laid out: one log, or its beginning, as a tree of files in a zip.

::

    manifest.json               {"format", "keys", "origin", "size"}; nothing in it is trusted
    checkpoint                  the newest published checkpoint, verbatim: the head of the bundle
    checkpoints/<size>          published checkpoints of that size (decimal), verbatim
    tile/entries/<index>[.p/W]  every entry bundle of the head's size
    tile/<L>/<index>[.p/W]      every hash tile of the head's size

`keys` lists the vkeys of the log in the order in which it revealed them. The checkpoints are at
least the last of each local day, the first over each `key` entry, and the newest, which is the same
note as `checkpoint`. Paths and contents of tiles are those of C2SP tlog-tiles.

The files stand in the order above, but for the tiles: each entry bundle is followed by the hash
tiles that it fills, lowest level first, and the partial hash tiles come last. So a reader who takes
the files as they come has each hash when he needs it. There are no other files, no folders, no
comments; a file is stored or deflated.
"""

from __future__ import annotations

from collections.abc import Iterator

from ledger.tlog.tiles import TILE_WIDTH, Tile, entry_tiles_of, tiles_of

FORMAT = "points-bundle/1"
MANIFEST = "manifest.json"
HEAD = "checkpoint"
CHECKPOINTS = "checkpoints/"
_HEIGHT = 8


def checkpoint_path(size: int) -> str:
    """Where the published checkpoint of a size stands."""
    return f"{CHECKPOINTS}{size}"


def tiles_in_order(size: int) -> Iterator[Tile]:
    """All tiles of a log of `size` entries in the order of a bundle."""
    done = 0
    for entries in entry_tiles_of(size):
        yield entries
        done += entries.width
        level = 0
        while done % TILE_WIDTH ** (level + 1) == 0:
            yield Tile(level, done // TILE_WIDTH ** (level + 1) - 1)
            level += 1
    yield from (tile for tile in tiles_of(size) if tile.width < TILE_WIDTH)


def count_tiles(size: int) -> int:
    """How many tiles a log of `size` entries has, entry bundles included."""
    count = -(-size // TILE_WIDTH)
    while size:
        count += -(-size // TILE_WIDTH)
        size >>= _HEIGHT
    return count
