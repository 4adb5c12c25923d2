"""The entries and hashes of a log, read out of its bundle's tiles."""

from __future__ import annotations

from functools import lru_cache

from ledger.audit.faults import BundleFault
from ledger.audit.reader import BundleReader, tile_bytes_max
from ledger.journal.entry import Entry, decode
from ledger.tlog.errors import TileError
from ledger.tlog.merkle import HASH_BYTES
from ledger.tlog.tiles import TILE_WIDTH, Tile, decode_bundle

BUNDLES_KEPT = 4


class LogFiles:
    """The first `size` entries of the log in `bundle`, whose tiles are known to be complete."""

    def __init__(self, bundle: BundleReader, size: int) -> None:
        self._bundle = bundle
        self._size = size
        self._kept = lru_cache(maxsize=BUNDLES_KEPT)(self.entries)

    def entries(self, index: int) -> list[bytes]:
        """The entries of one entry bundle; BundleFault where it does not hold as many."""
        tile = self.tile(None, index)
        try:
            return decode_bundle(self._bundle.read(tile.path), tile.width)
        except TileError as error:
            raise BundleFault(f"{tile.path}: {error}", file=tile.path) from error

    def hashes(self, level: int, index: int) -> bytes:
        """The bytes of a hash tile; BundleFault where it is shorter than its name says."""
        tile = self.tile(level, index)
        raw = self._bundle.read(tile.path)
        if len(raw) != tile_bytes_max(tile):
            raise BundleFault(
                f"{tile.path} has {len(raw)} bytes, wanted {tile.width} hashes of {HASH_BYTES}",
                file=tile.path,
            )
        return raw

    def read_tile(self, tile: Tile) -> bytes:
        """The same for a hash tile that is given."""
        return self.hashes(tile.level or 0, tile.index)

    def entry(self, seq: int) -> Entry | None:
        """An entry that was checked before, by its `seq`."""
        if not 0 <= seq < self._size:
            return None
        return decode(self._kept(seq // TILE_WIDTH)[seq % TILE_WIDTH])

    def find(self, request: str, size: int) -> int | None:
        """Which of the first `size` entries carries this request; reads all up to it."""
        wanted = request.encode()
        for start in range(0, size, TILE_WIDTH):
            for seq, raw in enumerate(self.entries(start // TILE_WIDTH)[: size - start], start):
                if wanted in raw and decode(raw).get("request") == request:
                    return seq
        return None

    def tile(self, level: int | None, index: int) -> Tile:
        """The tile at that place, as wide as it is in this log."""
        hashes = self._size >> (8 * (level or 0))
        return Tile(level, index, min(TILE_WIDTH, hashes - index * TILE_WIDTH))
