"""The programme's tables, on the same `metadata` as the journal's; none of them is in the log."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from ledger.journal import tables as journal
from ledger.journal.tables import metadata

# Compared byte by byte, on PostgreSQL too.
Word = Text().with_variant(Text(collation="C"), "postgresql")


def ledger_id() -> Column[int]:
    return Column("ledger_id", Integer, primary_key=True, autoincrement=False)


token = Table(
    "token",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("id", Word, nullable=False, unique=True),
    Column("ledger", Word, nullable=False),  # its name, `operator` for the operator's
    Column("person", Word, nullable=False),
    Column("role", Word, nullable=False),
    Column("created_at", Word, nullable=False),
    Column("expires_at", Word, nullable=False),
    Column("revoked_at", Word),
    Column("scopes", Word),  # words with a space between; null: all of the role's
    Index(None, "ledger", "created_at", "id"),
)

INSTALLATION = (*journal.INSTALLATION, token)

outside_name = Table(
    "outside_name",
    metadata,
    ledger_id(),
    Column("index", Word, primary_key=True),  # blind index of the name, in base64
    Column("account", Word, nullable=False),
    UniqueConstraint("ledger_id", "account"),
)

proposal = Table(
    "proposal",
    metadata,
    ledger_id(),
    Column("id", Word, primary_key=True),
    Column("actor", Word, nullable=False),
    Column("kind", Word, nullable=False),
    Column("command", Text, nullable=False),  # JSON, as the API takes it
    Column("fingerprint", LargeBinary, nullable=False),
    Column("request", Word, nullable=False),
    Column("state", Word, nullable=False),  # open, approved, declined, refused
    Column("decided_by", Word),
    Column("seq", BigInteger),
    Column("at", Word, nullable=False),
    Column("actor_for", Word),  # in whose place, where a deputy proposed it
    Column("decided_for", Word),  # and where one decided
    UniqueConstraint("ledger_id", "request"),
    Index(None, "ledger_id", "state", "at", "id"),
)

# Who holds which role from when to when; `organisation` where the role is one of an organisation.
role_grant = Table(
    "role_grant",
    metadata,
    ledger_id(),
    Column("id", Word, primary_key=True),
    Column("person", Word, nullable=False),
    Column("role", Word, nullable=False),
    Column("organisation", Word),
    Column("deputy_of", Word),  # in whose place, for a deputy's
    Column("first", Word, nullable=False),  # local days, both included
    Column("last", Word),  # null: until it is ended
    Column("by", Word, nullable=False),
    Column("at", Word, nullable=False),
    Column("ended_by", Word),
    Column("ended_at", Word),
    Column("by_for", Word),  # in whose place, where a deputy gave it
    Index(None, "ledger_id", "person", "id"),
    Index(None, "ledger_id", "organisation", "id"),
)

# What lets one auditor read records; `kinds` are words with a space between.
engagement = Table(
    "engagement",
    metadata,
    ledger_id(),
    Column("id", Word, primary_key=True),
    Column("auditor", Word, nullable=False),
    Column("kinds", Word, nullable=False),
    Column("subject", Word),  # null: of any
    Column("first", Word, nullable=False),  # local days, both included
    Column("last", Word, nullable=False),
    Column("records", Integer, nullable=False),  # how many may be read
    Column("by", Word, nullable=False),
    Column("approved_by", Word, nullable=False),
    Column("at", Word, nullable=False),
    Column("ended_by", Word),
    Column("ended_at", Word),
    Index(None, "ledger_id", "auditor", "id"),
)

# The records that were read within an engagement, numbered from 1.
engagement_record = Table(
    "engagement_record",
    metadata,
    ledger_id(),
    Column("engagement", Word, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", Word, nullable=False),
    Column("record", Word, nullable=False),
    Column("at", Word, nullable=False),
    ForeignKeyConstraint(["ledger_id", "engagement"], ["engagement.ledger_id", "engagement.id"]),
)

# The audit trail: `raw` is the truth, the words beside it are what a line is found by.
trail = Table(
    "trail",
    metadata,
    ledger_id(),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("raw", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("actor", Word, nullable=False),
    Column("action", Word, nullable=False),
    Column("subject", Word, nullable=False),
    Index(None, "ledger_id", "actor", "seq"),
    Index(None, "ledger_id", "action", "seq"),
    Index(None, "ledger_id", "subject", "seq"),
)

trail_head = Table(
    "trail_head",
    metadata,
    ledger_id(),
    Column("size", BigInteger, nullable=False),
    Column("edge", LargeBinary, nullable=False),  # the hashes of its compact range
)

# The sizes whose roots the log has, and in which entries.
trail_root = Table(
    "trail_root",
    metadata,
    ledger_id(),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("seq", BigInteger, nullable=False),
)

job = Table(
    "job",
    metadata,
    ledger_id(),
    Column("job", Word, primary_key=True),
    Column("day", Word, nullable=False),  # the last local day on which it was done
)

lease = Table(
    "lease",
    metadata,
    ledger_id(),
    Column("job", Word, primary_key=True),
    Column("holder", Word, nullable=False),
    Column("until", Word, nullable=False),
)

# A member's newest card; its name and number are its record.
card = Table(
    "card",
    metadata,
    ledger_id(),
    Column("subject", Word, primary_key=True),  # a person
    Column("id", Word, nullable=False),
    Column("code", Word),  # blind index of its number, in base64; null: void
    Column("by", Word, nullable=False),
    Column("at", Word, nullable=False),
    UniqueConstraint("ledger_id", "id"),
    UniqueConstraint("ledger_id", "code"),
)

# All personal text is here, encrypted; `by` and `at` say who wrote a version and when.
record = Table(
    "record",
    metadata,
    ledger_id(),
    Column("kind", Word, primary_key=True),
    Column("id", Word, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("subject", Word, nullable=False),
    Column("key", Word, nullable=False),  # id of the data key that opens it
    Column("ciphertext", LargeBinary, nullable=False),
    Column("commitment", LargeBinary, nullable=False),
    Column("at", Word, nullable=False),
    Column("by", Word, nullable=False),
    Index(None, "ledger_id", "subject", "kind", "id"),
)

data_key = Table(
    "data_key",
    metadata,
    ledger_id(),
    Column("subject", Word, primary_key=True),
    Column("key", Word, nullable=False),  # its id; empty where the subject never had one
    Column("generation", Integer, nullable=False),  # of the master key that wraps it
    Column("wrapped", LargeBinary),  # null once destroyed
    Column("destroyed_on", Word),
    Column("restricted_on", Word),  # since then it opens to its subject alone, and for the law
    Index(None, "ledger_id", "generation", "subject"),
    Index(
        None,
        "ledger_id",
        "subject",
        postgresql_where=text("wrapped IS NOT NULL"),
        sqlite_where=text("wrapped IS NOT NULL"),
    ),
)

# Who asks that all about them is destroyed, and what became of it; reasons are records.
erasure_request = Table(
    "erasure_request",
    metadata,
    ledger_id(),
    Column("id", Word, primary_key=True),
    Column("person", Word, nullable=False),
    Column("state", Word, nullable=False),  # open, taken-back, refused, restricted, erased
    Column("due", Word, nullable=False),  # a working day
    Column("at", Word, nullable=False),
    Column("decided_by", Word),
    Column("approved_by", Word),
    Column("decided_at", Word),
    Column("until", Word),  # the local day on which it is destroyed
    Column("decision", Word),  # the record of its reasons
    Column("done_at", Word),
    Index(None, "ledger_id", "person", "due", "id"),
    Index(None, "ledger_id", "state", "due", "id"),
    Index(None, "ledger_id", "due", "id"),
    Index(None, "ledger_id", "state", "at", "id"),
)

# What the newest version of a record is found by; `value` is null where it has no such field.
blind_index = Table(
    "blind_index",
    metadata,
    ledger_id(),
    Column("kind", Word, primary_key=True),
    Column("id", Word, primary_key=True),
    Column("field", Word, primary_key=True),
    Column("value", Word),  # 32 bytes in base64
    Column("subject", Word, nullable=False),
    Index(None, "ledger_id", "field", "value"),
    Index(None, "ledger_id", "subject"),
)

# How one of the staff signs in; hashes, a sealed secret and numbers, gone with the person's key.
login = Table(
    "login",
    metadata,
    ledger_id(),
    Column("subject", Word, primary_key=True),  # the person
    Column("password", Word, nullable=False),  # its argon2id hash
    Column("totp", LargeBinary, nullable=False),  # the secret, sealed by the person's data key
    Column("next_totp", LargeBinary),  # one that no code has confirmed yet
    Column("step", BigInteger),  # the last one whose code was taken
    Column("failures", Integer, nullable=False),
    Column("locked_until", Word),
    Column("code", LargeBinary),  # HMAC of the code that sets a password
    Column("code_until", Word),
)

# Codes that stand in the place of the authenticator application's; each goes when it is used.
recovery_code = Table(
    "recovery_code",
    metadata,
    ledger_id(),
    Column("subject", Word, primary_key=True),
    Column("code", LargeBinary, primary_key=True),  # HMAC
)

# Codes that were sent in a message: one a contact and purpose, the newest.
sent_code = Table(
    "sent_code",
    metadata,
    ledger_id(),
    Column("contact", Word, primary_key=True),  # HMAC of the number or address, in base64
    Column("purpose", Word, primary_key=True),
    Column("code", LargeBinary),  # HMAC; null once it was used
    Column("expires_at", Word, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("hour_from", Word, nullable=False),
    Column("sent", Integer, nullable=False),  # since then, in that hour
    Index(None, "ledger_id", "hour_from"),
)

# Messages to people: what they say is a record of the person of the same id.
message = Table(
    "message",
    metadata,
    ledger_id(),
    Column("id", Word, primary_key=True),
    Column("subject", Word, nullable=False),  # the person
    Column("kind", Word, nullable=False),
    Column("channel", Word, nullable=False),  # inbox, email, phone, paper
    Column("state", Word, nullable=False),  # kept, waiting, sent, paper, handed
    Column("tries", Integer, nullable=False),
    Column("next_at", Word),  # when it may next be tried; since when it is to be printed
    Column("at", Word, nullable=False),
    Column("read_at", Word),
    Column("done_at", Word),
    Column("done_by", Word),
    Index(None, "ledger_id", "subject", "at", "id"),
    Index(None, "ledger_id", "state", "next_at", "id"),
)

# How people want to be reached; who has no row reads their inbox.
message_choice = Table(
    "message_choice",
    metadata,
    ledger_id(),
    Column("subject", Word, primary_key=True),
    Column("channel", Word, nullable=False),
    Column("language", Word, nullable=False),
    Column("at", Word, nullable=False),
)

# Who belongs to an organisation, from a local day to another.
membership = Table(
    "membership",
    metadata,
    ledger_id(),
    Column("id", Word, primary_key=True),
    Column("organisation", Word, nullable=False),
    Column("subject", Word, nullable=False),  # the person
    Column("first", Word, nullable=False),
    Column("last", Word),
    Column("state", Word, nullable=False),  # claimed, confirmed, declined, ended
    Column("by", Word, nullable=False),
    Column("at", Word, nullable=False),
    Index(None, "ledger_id", "subject", "id"),
    Index(None, "ledger_id", "organisation", "id"),
    Index(None, "ledger_id", "state", "id"),
    Index(None, "ledger_id", "state", "at", "id"),
)

# Invitations of people by an organisation: whom they are for is their record, while it is kept.
invitation = Table(
    "invitation",
    metadata,
    ledger_id(),
    Column("id", Word, primary_key=True),
    Column("organisation", Word, nullable=False),
    Column("state", Word, nullable=False),  # open, accepted, declined, expired
    Column("until", Word, nullable=False),
    Column("by", Word, nullable=False),
    Column("at", Word, nullable=False),
    Index(None, "ledger_id", "organisation", "state", "until"),
)

# Who is signed in, or helps somebody.
session = Table(
    "session",
    metadata,
    ledger_id(),
    Column("hash", LargeBinary, primary_key=True),
    Column("id", Word, nullable=False),
    Column("person", Word, nullable=False),
    Column("lasts", Word, nullable=False),  # `device`, `day` or `helping`: how it goes on
    Column("created_at", Word, nullable=False),
    Column("used_on", Word, nullable=False),  # a local day
    Column("expires_at", Word, nullable=False),
    Column("revoked_at", Word),
    Column("helper", Word),  # a person who sends it in the place of its own
    Column("way", Word),  # in which they know whom they help
    Column("reason", Word),
    Index(None, "ledger_id", "id", unique=True),
    Index(None, "ledger_id", "person", "created_at"),
)

# Files that are kept encrypted beside the database (`files.py`); what they are is their record.
evidence = Table(
    "evidence",
    metadata,
    ledger_id(),
    Column("about", Word, primary_key=True),  # the person, or a thing of theirs
    Column(
        "number", Integer, primary_key=True, autoincrement=False
    ),  # of what is about that: 1, 2, 3 …
    Column("id", Word, nullable=False),
    Column("subject", Word, nullable=False),  # the person
    Column("organisation", Word),  # the one that keeps the thing, if any does
    Column("file", Word, nullable=False),  # its name in the ledger's directory
    UniqueConstraint("ledger_id", "id"),
    UniqueConstraint("ledger_id", "file"),
    Index(None, "ledger_id", "about", "id"),
    Index(None, "ledger_id", "subject", "id"),
    Index(None, "ledger_id", "organisation", "id"),
)
