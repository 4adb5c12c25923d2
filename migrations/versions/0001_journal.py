"""The journal: its log, its projections, what is kept beside it, and the triggers that guard it."""

import sqlalchemy as sa
from alembic import op

from ledger.journal import triggers

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger()
BYTES = sa.LargeBinary()
INTEGER = sa.Integer()
SMALL = sa.SmallInteger()
TEXT = sa.Text()
TRUTH = sa.Boolean()
# Compared byte by byte on PostgreSQL too, whatever the database's own collation is.
WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# In the order in which they can be dropped.
TABLES = (
    "publication",
    "checkpoint",
    "proposal",
    "outside_name",
    "request",
    "subtree",
    "keyset",
    "reversed",
    "service",
    "person",
    "policy",
    "budget",
    "hold",
    "account",
    "posting",
    "entry",
    "head",
    "token",
    "ledger",
)


def upgrade() -> None:
    _installation()
    _log()
    _balances()
    _programme()
    _tree()
    _kept_beside_the_log()
    _published()
    triggers.create(op.get_bind(), triggers.JOURNAL)


def downgrade() -> None:
    triggers.drop(op.get_bind(), triggers.JOURNAL)
    for table in TABLES:
        op.drop_table(table)  # its indexes go with it


def _column(name: str, type_: sa.types.TypeEngine, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, type_, autoincrement=False, nullable=nullable)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"{table}_pk")


def _of_a_ledger(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["ledger_id"], ["ledger.ledger_id"], name=f"{table}_ledger_fk")


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, postgresql_where=condition, sqlite_where=condition)


def _installation() -> None:
    op.create_table(
        "ledger",
        sa.Column("ledger_id", INTEGER, nullable=False),  # numbered by the database
        _column("name", WORD),
        _column("origin", WORD),
        _key("ledger", "ledger_id"),
        sa.UniqueConstraint("name", name="ledger_name_key"),
        sa.UniqueConstraint("origin", name="ledger_origin_key"),
    )
    op.create_table(
        "token",
        _column("hash", BYTES),
        _column("id", WORD),
        _column("ledger", WORD),
        _column("person", WORD),
        _column("role", WORD),
        _column("created_at", WORD),
        _column("expires_at", WORD),
        _column("revoked_at", WORD, nullable=True),
        _key("token", "hash"),
        sa.UniqueConstraint("id", name="token_id_key"),
    )
    op.create_index("token_ledger_idx", "token", ["ledger"])


def _log() -> None:
    op.create_table(
        "head",
        _column("ledger_id", INTEGER),
        _column("size", BIG),
        _column("at", WORD),
        _column("utc_offset_minutes", SMALL),
        _column("edge", BYTES),
        _key("head", "ledger_id"),
        _of_a_ledger("head"),
    )
    op.create_table(
        "entry",
        _column("ledger_id", INTEGER),
        _column("seq", BIG),
        _column("raw", BYTES),
        _column("leaf", BYTES),
        _key("entry", "ledger_id", "seq"),
    )
    op.create_table(
        "posting",
        _column("ledger_id", INTEGER),
        _column("account", WORD),
        _column("seq", BIG),
        _column("amount", BIG),
        _column("balance", BIG),
        _column("prev", BIG),
        _key("posting", "ledger_id", "account", "seq"),
    )


def _balances() -> None:
    op.create_table(
        "account",
        _column("ledger_id", INTEGER),
        _column("name", WORD),
        _column("balance", BIG),
        _column("last", BIG),
        _column("nonce", WORD),
        _column("count", BIG),
        _column("dated", TEXT),
        _column("open", TRUTH),
        _column("holds", TEXT),
        _column("until", WORD),
        _column("lapses", WORD),
        _key("account", "ledger_id", "name"),
    )
    _partial_index("account_lapses_idx", "account", ["ledger_id", "lapses"], "lapses <> ''")
    _partial_index("account_until_idx", "account", ["ledger_id", "until"], "until <> ''")
    op.create_table(
        "hold",
        _column("ledger_id", INTEGER),
        _column("seq", BIG),
        _column("account", WORD),
        _column("payee", WORD),
        _column("until", WORD),
        _column("lots", TEXT),
        _column("companion", TEXT),
        _key("hold", "ledger_id", "seq"),
    )
    _partial_index("hold_open_idx", "hold", ["ledger_id", "account"], "lots <> '[]'")
    op.create_table(
        "budget",
        _column("ledger_id", INTEGER),
        _column("account", WORD),
        _column("limit", BIG),
        _column("first", WORD),
        _column("last", WORD),
        _column("project", WORD, nullable=True),
        _key("budget", "ledger_id", "account"),
    )


def _programme() -> None:
    op.create_table(
        "policy",
        _column("ledger_id", INTEGER),
        _column("seq", BIG),
        _column("first", WORD),
        _column("grant_limit", BIG),
        _column("reversal_limit", BIG),
        _column("hold_days", INTEGER),
        _column("transfers", TEXT),
        _key("policy", "ledger_id", "seq"),
    )
    op.create_table(
        "person",
        _column("ledger_id", INTEGER),
        _column("person", WORD),
        _column("standing", WORD),
        _key("person", "ledger_id", "person"),
    )
    op.create_table(
        "service",
        _column("ledger_id", INTEGER),
        _column("seq", BIG),
        _column("member", WORD),
        _column("root", BIG),
        _column("minutes", BIG),
        _column("effective_at", WORD),
        _column("last", TRUTH),
        _column("credit", BIG),
        _key("service", "ledger_id", "seq"),
    )
    op.create_index("service_ledger_id_member_seq_idx", "service", ["ledger_id", "member", "seq"])
    op.create_table(
        "reversed",
        _column("ledger_id", INTEGER),
        _column("seq", BIG),
        _column("points", BIG),
        _key("reversed", "ledger_id", "seq"),
    )


def _tree() -> None:
    op.create_table(
        "keyset",
        _column("ledger_id", INTEGER),
        _column("seq", BIG),
        _column("vkeys", TEXT),
        _column("next", WORD),
        _key("keyset", "ledger_id", "seq"),
    )
    op.create_table(
        "subtree",
        _column("ledger_id", INTEGER),
        _column("level", SMALL),
        _column("index", BIG),
        _column("hash", BYTES),
        _key("subtree", "ledger_id", "level", "index"),
    )


def _kept_beside_the_log() -> None:
    op.create_table(
        "request",
        _column("ledger_id", INTEGER),
        _column("request", WORD),
        _column("fingerprint", BYTES, nullable=True),
        _column("first", BIG, nullable=True),
        _column("last", BIG, nullable=True),
        _column("rule", WORD, nullable=True),
        _column("message", TEXT, nullable=True),
        _column("at", WORD),
        _key("request", "ledger_id", "request"),
    )
    op.create_table(
        "outside_name",
        _column("ledger_id", INTEGER),
        _column("index", WORD),
        _column("account", WORD),
        _key("outside_name", "ledger_id", "index"),
        sa.UniqueConstraint("ledger_id", "account", name="outside_name_ledger_id_account_key"),
    )
    op.create_table(
        "proposal",
        _column("ledger_id", INTEGER),
        _column("id", WORD),
        _column("actor", WORD),
        _column("kind", WORD),
        _column("command", TEXT),
        _column("fingerprint", BYTES),
        _column("request", WORD),
        _column("state", WORD),
        _column("decided_by", WORD, nullable=True),
        _column("seq", BIG, nullable=True),
        _column("at", WORD),
        _key("proposal", "ledger_id", "id"),
        sa.UniqueConstraint("ledger_id", "request", name="proposal_ledger_id_request_key"),
    )


def _published() -> None:
    op.create_table(
        "checkpoint",
        _column("ledger_id", INTEGER),
        _column("size", BIG),
        _column("note", BYTES),
        _column("at", WORD),
        _key("checkpoint", "ledger_id", "size"),
        _of_a_ledger("checkpoint"),
    )
    op.create_table(
        "publication",
        _column("ledger_id", INTEGER),
        _column("size", BIG),
        _column("edge", BYTES),
        _key("publication", "ledger_id"),
        _of_a_ledger("publication"),
    )
