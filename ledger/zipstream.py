"""A zip that is handed out while it grows, so that it takes no more memory than its parts."""

from __future__ import annotations


class Sink:
    """Where `zipfile` writes to: it cannot seek, and what was written is taken out again."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, chunk: bytes) -> int:
        """Keeps a chunk until it is taken."""
        self._chunks.append(bytes(chunk))
        return len(chunk)

    def flush(self) -> None:
        """Nothing waits here."""

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._chunks)
        self._chunks.clear()
        return taken
