"""Tokens that were found a moment ago, so that a request that only enters something asks less.

What is remembered says who sends a request, and not that they still may: the append path asks that
again under the ledger's lock (`posting.place`), and everything else asks the database first.  So
what was revoked enters nothing and is shown nothing, however many workers there are.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Generic, TypeVar

SECONDS = 60
TOKENS_MAX = 1_000

Found = TypeVar("Found")


class Remembered(Generic[Found]):
    """What tokens were found to be, by their text.  Safe to share between threads."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._known: dict[bytes, tuple[float, Found]] = {}

    def find(self, text: str) -> Found | None:
        """What was kept of a token less than a minute ago."""
        kept = self._known.get(_key(text))
        if kept is None or self._now() - kept[0] >= SECONDS:
            return None
        return kept[1]

    def keep(self, text: str, found: Found) -> None:
        """Keeps what a token was found to be just now."""
        if len(self._known) >= TOKENS_MAX:
            self._known.clear()
        self._known[_key(text)] = self._now(), found


def _key(text: str) -> bytes:
    # No secret is kept any longer than a request takes.
    return hashlib.sha256(text.encode()).digest()
