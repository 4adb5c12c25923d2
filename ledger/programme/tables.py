"""The programme's tables, on the same `metadata` as the journal's; none of them is in the log."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from ledger.journal import tables as journal
from ledger.journal.tables import metadata

# Compared byte by byte, on PostgreSQL too.
_Word = Text().with_variant(Text(collation="C"), "postgresql")


def _ledger_id() -> Column[int]:
    return Column("ledger_id", Integer, primary_key=True, autoincrement=False)


token = Table(
    "token",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("id", _Word, nullable=False, unique=True),
    Column("ledger", _Word, nullable=False),  # its name, `operator` for the operator's
    Column("person", _Word, nullable=False),
    Column("role", _Word, nullable=False),
    Column("created_at", _Word, nullable=False),
    Column("expires_at", _Word, nullable=False),
    Column("revoked_at", _Word),
    Column("scopes", _Word),  # words with a space between; null: all of the role's
    Index(None, "ledger", "created_at", "id"),
)

INSTALLATION = (*journal.INSTALLATION, token)

outside_name = Table(
    "outside_name",
    metadata,
    _ledger_id(),
    Column("index", _Word, primary_key=True),  # blind index of the name, in base64
    Column("account", _Word, nullable=False),
    UniqueConstraint("ledger_id", "account"),
)

proposal = Table(
    "proposal",
    metadata,
    _ledger_id(),
    Column("id", _Word, primary_key=True),
    Column("actor", _Word, nullable=False),
    Column("kind", _Word, nullable=False),
    Column("command", Text, nullable=False),  # JSON, as the API takes it
    Column("fingerprint", LargeBinary, nullable=False),
    Column("request", _Word, nullable=False),
    Column("state", _Word, nullable=False),  # open, approved, declined, refused
    Column("decided_by", _Word),
    Column("seq", BigInteger),
    Column("at", _Word, nullable=False),
    UniqueConstraint("ledger_id", "request"),
)

job = Table(
    "job",
    metadata,
    _ledger_id(),
    Column("job", _Word, primary_key=True),
    Column("day", _Word, nullable=False),  # the last local day on which it was done
)

lease = Table(
    "lease",
    metadata,
    _ledger_id(),
    Column("job", _Word, primary_key=True),
    Column("holder", _Word, nullable=False),
    Column("until", _Word, nullable=False),
)

# All personal text is here, encrypted; `by` and `at` say who wrote a version and when.
record = Table(
    "record",
    metadata,
    _ledger_id(),
    Column("kind", _Word, primary_key=True),
    Column("id", _Word, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("subject", _Word, nullable=False),
    Column("key", _Word, nullable=False),  # id of the data key that opens it
    Column("ciphertext", LargeBinary, nullable=False),
    Column("commitment", LargeBinary, nullable=False),
    Column("at", _Word, nullable=False),
    Column("by", _Word, nullable=False),
    Index(None, "ledger_id", "subject", "kind", "id"),
)

data_key = Table(
    "data_key",
    metadata,
    _ledger_id(),
    Column("subject", _Word, primary_key=True),
    Column("key", _Word, nullable=False),  # its id; empty where the subject never had one
    Column("generation", Integer, nullable=False),  # of the master key that wraps it
    Column("wrapped", LargeBinary),  # null once destroyed
    Column("destroyed_on", _Word),
    Index(None, "ledger_id", "generation", "subject"),
)

# What the newest version of a record is found by; `value` is null where it has no such field.
blind_index = Table(
    "blind_index",
    metadata,
    _ledger_id(),
    Column("kind", _Word, primary_key=True),
    Column("id", _Word, primary_key=True),
    Column("field", _Word, primary_key=True),
    Column("value", _Word),  # 32 bytes in base64
    Column("subject", _Word, nullable=False),
    Index(None, "ledger_id", "field", "value"),
    Index(None, "ledger_id", "subject"),
)
