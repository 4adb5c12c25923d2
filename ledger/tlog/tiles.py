"""Tiles: the tree and its entries as files that never change (C2SP tlog-tiles).

::

    tile/<level>/<index>[.p/<width>]        hash tile
    tile/entries/<index>[.p/<width>]        entry bundle

`level` is a decimal from 0 to 63. `index` is the decimal index in groups of three digits,
zero-padded, all but the last with an `x` before it: 1234067 is `x001/x234/067`; 0 to 2**53 - 1, no
needless group. `width` is a decimal from 1 to 255, only there when the tile is partial; a full tile
is 256 wide.

Hash n * 256 + i of level l, the i-th of tile n, is the hash of the complete subtree over the leaves
from (n * 256 + i) * 256**l on, 256**l of them. A tile is its hashes one after another, 32 bytes
each. In a tree of size s, level l has s // 256**l hashes; its last tile is partial unless that is a
multiple of 256, and there are no empty tiles. The bundle with the same index as a level 0 tile
holds the entries of its leaves, each as its length (uint16, big-endian) and its bytes, 0 to 65,535.
"""

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ledger.tlog.encoding import shown
from ledger.tlog.errors import TileError
from ledger.tlog.merkle import HASH_BYTES, SIZE_MAX, root_of, split_hashes

TILE_WIDTH = 256
LEVEL_MAX = 63
INDEX_MAX = 2**53 - 1
ENTRY_BYTES_MAX = 65_535
_HEIGHT = 8
_PATH_CHARACTERS_MAX = 64
_PATH = re.compile(
    r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Tile:
    """Which tile: `level` 0 to 63, None for an entry bundle; `width` 1 to 256, 256 when full."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where it stands under the log's prefix, without leading slash."""
        if self.level is None:
            return entries_path(self.index, self.width)
        return tile_path(self.level, self.index, self.width)


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """The path of a hash tile; TileError if a number is out of its range."""
    if not 0 <= level <= LEVEL_MAX:
        raise TileError(f"tile level is {level}, wanted 0 to {LEVEL_MAX}")
    return f"tile/{level}/{_tail(index, width)}"


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """The path of an entry bundle; TileError if a number is out of its range."""
    return f"tile/entries/{_tail(index, width)}"


def parse_tile_path(path: str) -> Tile:
    """Read a path (no leading slash); TileError unless it is the one spelling of a tile's path."""
    found = _PATH.fullmatch(path) if len(path) <= _PATH_CHARACTERS_MAX else None
    if not found:
        raise TileError(
            f"{shown(path)} is not a tile's path, such as tile/0/x001/234 or tile/entries/000.p/7"
        )
    level, index, width = found.groups()
    tile = Tile(
        None if level == "entries" else int(level),
        int(index.replace("/", "").replace("x", "")),
        TILE_WIDTH if width is None else int(width),
    )
    if tile.path != path:
        raise TileError(f"{shown(path)} is not how {tile} is spelled, wanted {tile.path}")
    return tile


def tiles_of(size: int) -> Iterator[Tile]:
    """Every hash tile of a tree of `size` leaves, partial ones included, the lowest level first."""
    _want_size(size)
    level = 0
    while hashes := size >> (_HEIGHT * level):
        yield from _row(level, hashes)
        level += 1


def entry_tiles_of(size: int) -> Iterator[Tile]:
    """Every entry bundle of a tree of `size` leaves, the partial one last."""
    _want_size(size)
    return _row(None, size)


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """The bundle of 1 to 256 entries of at most 65,535 bytes; TileError otherwise."""
    _want_width(len(entries))
    longest = max(map(len, entries))
    if longest > ENTRY_BYTES_MAX:
        raise TileError(f"an entry has {longest} bytes, wanted at most {ENTRY_BYTES_MAX}")
    return b"".join(struct.pack(">H", len(each)) + each for each in entries)


def decode_bundle(raw: bytes, count: int) -> list[bytes]:
    """The `count` (1 to 256) entries of a bundle; TileError unless `raw` holds just these."""
    _want_width(count)
    entries, at = [], 0
    for number in range(count):
        start = at + 2
        at = start + int.from_bytes(raw[at:start], "big")
        if at > len(raw):
            raise TileError(
                f"bundle ends after {len(raw)} bytes, within entry {number + 1} of {count}",
                got=number,
                want=count,
            )
        entries.append(raw[start:at])
    if at != len(raw):
        raise TileError(f"bundle has {len(raw) - at} bytes after its {count} entries", want=count)
    return entries


class TileHashes:
    """The hashes of a tree of `size` leaves out of its tiles: the `subtree` that proof makers ask.

    `read_tile` returns the bytes of one of `tiles_of(size)`; it is called once per hash wanted, so
    let it keep what is costly to fetch. TileError if what it returns has the wrong length. Nothing
    says that the tiles are right: check the proof against a root that is trusted.
    """

    __slots__ = ("_read_tile", "_size")

    def __init__(self, read_tile: Callable[[Tile], bytes], size: int) -> None:
        _want_size(size)
        self._read_tile = read_tile
        self._size = size

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of the complete subtree over the 2**level leaves from index * 2**level on."""
        if level < 0 or index < 0 or (index + 1) << level > self._size:
            raise TileError(f"no complete subtree {index} of level {level} in size {self._size}")
        tile_level, height = divmod(level, _HEIGHT)
        first, count = index << height, 1 << height
        tile = self._tile_with(tile_level, first)
        at = first % TILE_WIDTH
        return root_of(self._hashes(tile, at, count))

    def _tile_with(self, level: int, position: int) -> Tile:
        index = position // TILE_WIDTH
        present = (self._size >> (_HEIGHT * level)) - index * TILE_WIDTH
        return Tile(level, index, min(present, TILE_WIDTH))

    def _hashes(self, tile: Tile, at: int, count: int) -> tuple[bytes, ...]:
        raw = self._read_tile(tile)
        if len(raw) != tile.width * HASH_BYTES:
            raise TileError(
                f"{tile.path} has {len(raw)} bytes, wanted {tile.width * HASH_BYTES}", tile=tile
            )
        return split_hashes(raw[at * HASH_BYTES : (at + count) * HASH_BYTES])


def _row(level: int | None, hashes: int) -> Iterator[Tile]:
    full, rest = divmod(hashes, TILE_WIDTH)
    for index in range(full):
        yield Tile(level, index)
    if rest:
        yield Tile(level, full, rest)


def _tail(index: int, width: int) -> str:
    if not 0 <= index <= INDEX_MAX:
        raise TileError(f"tile index is {index}, wanted 0 to {INDEX_MAX}")
    _want_width(width)
    groups = f"{index:,}".split(",")
    path = "/".join([f"x{int(each):03}" for each in groups[:-1]] + [f"{int(groups[-1]):03}"])
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def _want_width(width: int) -> None:
    if not 1 <= width <= TILE_WIDTH:
        raise TileError(f"tile width is {width}, wanted 1 to {TILE_WIDTH}")


def _want_size(size: int) -> None:
    if not 0 <= size <= SIZE_MAX:
        raise TileError(f"tree size is {size}, wanted 0 to {SIZE_MAX}")
