"""The tables of people who sign in, on the same `metadata` as the others; none is in the log.

No column holds a word about anybody: names, numbers and addresses are in `record`.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, text

from ledger.journal.tables import metadata
from ledger.programme.tables import INSTALLATION, Word, ledger_id

__all__ = [
    "INSTALLATION",
    "attainment",
    "consent",
    "course",
    "distinct_people",
    "errand",
    "invitation_batch",
    "joining_link",
    "merged",
    "metadata",
    "organisation",
    "organisation_code",
    "organisation_member",
    "organisation_status",
    "team",
    "team_member",
    "venue",
]

# What a helper changed for a member, from before it was changed.
errand = Table(
    "errand",
    metadata,
    ledger_id(),
    Column("id", Word, primary_key=True),
    Column("session", Word, nullable=False),
    Column("helper", Word, nullable=False),
    Column("action", Word, nullable=False),
    Column("method", Word, nullable=False),  # of the request: post, put, delete
    Column("thing", Word),  # what it was about
    Column("outcome", Word, nullable=False),  # begun, done, refused
    Column("at", Word, nullable=False),
    Index(None, "ledger_id", "session", "at"),
    Index(None, "ledger_id", "thing"),
)

# An organisation's names, code and contacts are its record.
organisation = Table(
    "organisation",
    metadata,
    ledger_id(),
    Column("id", Word, primary_key=True),
    Column("kind", Word, nullable=False),
    Column("subkind", Word),
    Column("status", Word, nullable=False),
    Column("changes", Integer, nullable=False),  # of its status, so far
    Column("at", Word, nullable=False),
    Index(None, "ledger_id", "kind", "id"),
    Index(None, "ledger_id", "status", "id"),
    Index(None, "ledger_id", "kind", "status", "id"),
    Index(None, "ledger_id", "status", "at", "id"),
)

organisation_status = Table(
    "organisation_status",
    metadata,
    ledger_id(),
    Column("organisation", Word, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("status", Word, nullable=False),
    Column("by", Word, nullable=False),
    Column("at", Word, nullable=False),
)

# Whose code it is: one organisation's of a ledger.
organisation_code = Table(
    "organisation_code",
    metadata,
    ledger_id(),
    Column("code", Word, primary_key=True),  # blind index, in base64
    Column("organisation", Word, nullable=False),
)

# Organisations of an alliance, from a local day to another.
organisation_member = Table(
    "organisation_member",
    metadata,
    ledger_id(),
    Column("alliance", Word, primary_key=True),
    Column("organisation", Word, primary_key=True),
    Column("first", Word, primary_key=True),
    Column("last", Word),
    Index(None, "ledger_id", "organisation", "alliance"),
)

# A course's name, content and sessions are its record.
course = Table(
    "course",
    metadata,
    ledger_id(),
    Column("id", Word, primary_key=True),
    Column("organisation", Word, nullable=False),
    Column("at", Word, nullable=False),
    Index(None, "ledger_id", "organisation", "id"),
)

# A venue's name, address and the rest are its record.
venue = Table(
    "venue",
    metadata,
    ledger_id(),
    Column("id", Word, primary_key=True),
    Column("organisation", Word, nullable=False),
    Column("at", Word, nullable=False),
    Index(None, "ledger_id", "organisation", "id"),
)

# A team's name is its record, and so is its leader: the newest one stands here too.
team = Table(
    "team",
    metadata,
    ledger_id(),
    Column("id", Word, primary_key=True),
    Column("organisation", Word, nullable=False),
    Column("leader", Word),  # a person
    Column("at", Word, nullable=False),
    Index(None, "ledger_id", "organisation", "id"),
    Index(None, "ledger_id", "leader", "organisation"),
)

# People of a team, from a local day to another.
team_member = Table(
    "team_member",
    metadata,
    ledger_id(),
    Column("team", Word, primary_key=True),
    Column("person", Word, primary_key=True),
    Column("first", Word, primary_key=True),
    Column("last", Word),
    Index(None, "ledger_id", "person", "team"),
)

# What gates ask of an attainment's newest version; who issued it, and its number, are its record.
attainment = Table(
    "attainment",
    metadata,
    ledger_id(),
    Column("id", Word, primary_key=True),
    Column("person", Word, nullable=False),
    Column("organisation", Word, nullable=False),  # the one that keeps it
    Column("kind", Word, nullable=False),
    Column("what", Word, nullable=False),  # a course's id, or a word
    Column("result", Word),
    Column("first", Word, nullable=False),
    Column("last", Word),
    Index(None, "ledger_id", "person", "id"),
    Index(None, "ledger_id", "organisation", "id"),
    Index(None, "ledger_id", "what", "id"),
)

# The newest state of each consent; what was said before is in its record's versions.
consent = Table(
    "consent",
    metadata,
    ledger_id(),
    Column("person", Word, primary_key=True),
    Column("purpose", Word, primary_key=True),
    Column("state", Word, nullable=False),  # given, withdrawn
    Column("version", Integer, nullable=False),  # of its record
    Column("notice", Integer, nullable=False),  # the notice's version
    Column("notice_hash", Word, nullable=False),
    Column("how", Word, nullable=False),  # self, helped, paper
    Column("by", Word, nullable=False),
    Column("at", Word, nullable=False),
)

# The newest joining link of each organisation; the code follows from its number.
joining_link = Table(
    "joining_link",
    metadata,
    ledger_id(),
    Column("organisation", Word, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("state", Word, nullable=False),  # open, revoked
    Column("by", Word, nullable=False),
    Column("at", Word, nullable=False),
)

# People whom an organisation asked to invite: who they are is its records, until it is done.
invitation_batch = Table(
    "invitation_batch",
    metadata,
    ledger_id(),
    Column("id", Word, primary_key=True),
    Column("organisation", Word, nullable=False),
    Column("by", Word, nullable=False),
    Column("people", Integer, nullable=False),
    Column("parts", Integer, nullable=False),  # its records
    Column("at", Word, nullable=False),
    Column("next_at", Word),  # when it may next be tried; null once it is done
    Column("done_at", Word),
    Index(
        None,
        "ledger_id",
        "next_at",
        "id",
        postgresql_where=text("next_at IS NOT NULL"),
        sqlite_where=text("next_at IS NOT NULL"),
    ),
)

# Two people who look like one and are two, the lesser id first.
distinct_people = Table(
    "distinct_people",
    metadata,
    ledger_id(),
    Column("first", Word, primary_key=True),
    Column("second", Word, primary_key=True),
    Column("by", Word, nullable=False),
    Column("at", Word, nullable=False),
)

# Who was merged into whom; who remains has a row of their own, into themselves.
merged = Table(
    "merged",
    metadata,
    ledger_id(),
    Column("person", Word, primary_key=True),
    Column("into", Word, nullable=False),
    Column("merge", Word),  # null for who remains
    Column("at", Word, nullable=False),
    Column("seq", BigInteger),  # of the entry that binds the record; null for who remains
    Index(None, "ledger_id", "into", "person"),
    Index(None, "ledger_id", "merge", unique=True),
)
