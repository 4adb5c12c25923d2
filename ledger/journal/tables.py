"""The journal's tables.

`entry` is the truth; `account`, `hold`, `posting`, `run`, `mention`, `subtree` and the rest of the
first group are projections that can be rebuilt from it.  Rows that change points carry no foreign
keys: they are written by the append path alone, and `points verify --database` compares all of
them.

Every key and index is led by `ledger_id`, so that ledgers can be spread over machines; the tables
in `INSTALLATION` belong to the installation and are the exceptions.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "fk": "%(table_name)s_%(referred_table_name)s_fk",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

# Ids, times and days are ASCII compared byte by byte, on PostgreSQL too.
_Word = Text().with_variant(Text(collation="C"), "postgresql")


def _ledger_id() -> Column[int]:
    return Column("ledger_id", Integer, primary_key=True, autoincrement=False)


ledger = Table(
    "ledger",
    metadata,
    Column("ledger_id", Integer, primary_key=True),
    Column("name", _Word, nullable=False, unique=True),
    Column("origin", _Word, nullable=False, unique=True),
)

INSTALLATION = (ledger,)

head = Table(
    "head",
    metadata,
    Column("ledger_id", ForeignKey(ledger.c.ledger_id), primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("at", _Word, nullable=False),
    Column("utc_offset_minutes", SmallInteger, nullable=False),
    Column("edge", LargeBinary, nullable=False),  # the compact range of `size` leaves
)

entry = Table(
    "entry",
    metadata,
    _ledger_id(),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("raw", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
)

posting = Table(
    "posting",
    metadata,
    _ledger_id(),
    Column("account", _Word, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("amount", BigInteger, nullable=False),
    Column("balance", BigInteger, nullable=False),
    Column("prev", BigInteger, nullable=False),
)

# Entries of one type that follow one another, from `first` to `last`, as a batch wrote them: what
# lists by type are read from. A batch of a hundred credits is one row, and `entry` stays as it is.
run = Table(
    "run",
    metadata,
    _ledger_id(),
    Column("type", _Word, primary_key=True),
    Column("last", BigInteger, primary_key=True, autoincrement=False),
    Column("first", BigInteger, nullable=False),
)

# Entries that are about an account without posting to it: `open`, `close`, `budget`.
mention = Table(
    "mention",
    metadata,
    _ledger_id(),
    Column("account", _Word, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
)

account = Table(
    "account",
    metadata,
    _ledger_id(),
    Column("name", _Word, primary_key=True),
    Column("balance", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("nonce", _Word, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("dated", Text, nullable=False),  # JSON [[day, points], …]
    Column("open", Boolean, nullable=False),
    Column("holds", Text, nullable=False),  # JSON [seq, …]
    Column("until", _Word, nullable=False),
    Column("lapses", _Word, nullable=False),  # its soonest day, empty when undated
    # Found by `points expire`; partial, so that undated accounts cost nothing.
    Index(
        "account_lapses_idx",
        "ledger_id",
        "lapses",
        postgresql_where=text("lapses <> ''"),
        sqlite_where=text("lapses <> ''"),
    ),
    Index(
        "account_until_idx",
        "ledger_id",
        "until",
        postgresql_where=text("until <> ''"),
        sqlite_where=text("until <> ''"),
    ),
)

hold = Table(
    "hold",
    metadata,
    _ledger_id(),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("account", _Word, nullable=False),
    Column("payee", _Word, nullable=False),
    Column("until", _Word, nullable=False),
    Column("lots", Text, nullable=False),  # JSON [[day, points], …], `[]` once closed
    Column("companion", Text, nullable=False),  # JSON [kind, key], empty for none
    Index(
        "hold_open_idx",
        "ledger_id",
        "account",
        postgresql_where=text("lots <> '[]'"),
        sqlite_where=text("lots <> '[]'"),
    ),
)

budget = Table(
    "budget",
    metadata,
    _ledger_id(),
    Column("account", _Word, primary_key=True),
    Column("limit", BigInteger, nullable=False),
    Column("first", _Word, nullable=False),
    Column("last", _Word, nullable=False),
    Column("project", _Word),
)

policy = Table(
    "policy",
    metadata,
    _ledger_id(),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("first", _Word, nullable=False),
    Column("grant_limit", BigInteger, nullable=False),
    Column("reversal_limit", BigInteger, nullable=False),
    Column("hold_days", Integer, nullable=False),
    Column("transfers", Text, nullable=False),  # JSON [[purpose, from, to, limit], …]
)

person = Table(
    "person",
    metadata,
    _ledger_id(),
    Column("person", _Word, primary_key=True),
    Column("standing", _Word, nullable=False),
)

service = Table(
    "service",
    metadata,
    _ledger_id(),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("member", _Word, nullable=False),
    Column("root", BigInteger, nullable=False),
    Column("minutes", BigInteger, nullable=False),
    Column("effective_at", _Word, nullable=False),
    Column("last", Boolean, nullable=False),
    Column("credit", BigInteger, nullable=False),
    Index(None, "ledger_id", "member", "seq"),
)

reversed_ = Table(
    "reversed",
    metadata,
    _ledger_id(),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("points", BigInteger, nullable=False),
)

keyset = Table(
    "keyset",
    metadata,
    _ledger_id(),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("vkeys", Text, nullable=False),  # JSON [vkey, …]
    Column("next", _Word, nullable=False),
)

subtree = Table(
    "subtree",
    metadata,
    _ledger_id(),
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)

# What follows is not in the log, and is backed up.

request = Table(
    "request",
    metadata,
    _ledger_id(),
    Column("request", _Word, primary_key=True),
    Column("fingerprint", LargeBinary),  # none: rebuilt from the log, which does not hold it
    Column("first", BigInteger),  # `seq`s of the entries made, due work included;
    Column("last", BigInteger),  # none where the book refused
    Column("rule", _Word),
    Column("message", Text),
    Column("at", _Word, nullable=False),
    # Found when refusals are forgotten; partial, so that what is entered costs nothing.
    Index(
        "request_refused_idx",
        "ledger_id",
        "at",
        postgresql_where=text("rule IS NOT NULL"),
        sqlite_where=text("rule IS NOT NULL"),
    ),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("ledger_id", ForeignKey(ledger.c.ledger_id), primary_key=True, autoincrement=False),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
    Column("at", _Word, nullable=False),
)

publication = Table(
    "publication",
    metadata,
    Column("ledger_id", ForeignKey(ledger.c.ledger_id), primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("edge", LargeBinary, nullable=False),
)
