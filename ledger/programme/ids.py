"""Ids that follow from what they are ids of, so that the same is never made twice.

Such an id is its kind and the first 16 bytes of the SHA-256 of a text: `points/<purpose>/v1`, and
what is said, each on a line of its own.  The purposes keep ids of one kind apart.
"""

from __future__ import annotations

import hashlib

from ledger.journal.entry import new_id


def id_from(purpose: str, *said: str, kind: str | None = None) -> str:
    """The id that follows from what is said for a purpose, which is its kind if none is named."""
    text = "\n".join((f"points/{purpose}/v1", *said))
    return new_id(kind or purpose, hashlib.sha256(text.encode()).digest()[:16])
