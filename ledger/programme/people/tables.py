"""The tables of people who sign in, on the same `metadata` as the others; none is in the log.

No column holds a word about anybody: names, numbers and addresses are in `record`.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, Table

from ledger.journal.tables import metadata
from ledger.programme.tables import INSTALLATION, Word, ledger_id

__all__ = ["INSTALLATION", "metadata", "session"]

session = Table(
    "session",
    metadata,
    ledger_id(),
    Column("hash", LargeBinary, primary_key=True),
    Column("id", Word, nullable=False),
    Column("person", Word, nullable=False),
    Column("lasts", Word, nullable=False),  # `device` or `day`: how it goes on
    Column("created_at", Word, nullable=False),
    Column("used_on", Word, nullable=False),  # a local day
    Column("expires_at", Word, nullable=False),
    Column("revoked_at", Word),
    Index(None, "ledger_id", "id", unique=True),
    Index(None, "ledger_id", "person", "created_at"),
)
