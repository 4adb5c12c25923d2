"""Lists by type and by account: runs of one type, and accounts named without posting to them.

Both follow from the entries' bytes, in which no value holds a quotation mark; `entry` itself is
append-only and stays as it is.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# How each database reads a member of an entry.
MEMBER = {
    "sqlite": "json_extract(CAST(raw AS TEXT), '$.{name}')",
    "postgresql": """substring(convert_from(raw, 'UTF8') FROM '"{name}":"([^"]+)"')""",
}
# Entries of one type that follow one another are as far from their number among those of the type.
FILL_RUNS = """
INSERT INTO run (ledger_id, type, last, first)
SELECT ledger_id, type, max(seq), min(seq) FROM (
  SELECT ledger_id, type, seq,
    seq - row_number() OVER (PARTITION BY ledger_id, type ORDER BY seq) AS apart
  FROM (SELECT ledger_id, seq, {type} AS type FROM entry) AS typed
) AS numbered
GROUP BY ledger_id, type, apart
"""
FILL_MENTIONS = """
INSERT INTO mention (ledger_id, account, seq)
SELECT e.ledger_id, {account}, e.seq FROM run AS r
JOIN entry AS e ON e.ledger_id = r.ledger_id AND e.seq BETWEEN r.first AND r.last
WHERE r.type = '{type}'
"""
MENTIONING = {"open": "account", "close": "account", "budget": "budget"}


def upgrade() -> None:
    _create("run", "type", "last", beside=["first"])
    _create("mention", "account", "seq")
    member = MEMBER[op.get_bind().dialect.name]
    op.execute(sa.text(_literal(FILL_RUNS.format(type=member.format(name="type")))))
    for kind, name in MENTIONING.items():
        fill = FILL_MENTIONS.format(type=kind, account=member.format(name=name))
        op.execute(sa.text(_literal(fill)))


def downgrade() -> None:
    op.drop_table("mention")
    op.drop_table("run")


def _create(table: str, word: str, number: str, *, beside: list[str] | None = None) -> None:
    op.create_table(
        table,
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(word, WORD, nullable=False),
        sa.Column(number, sa.BigInteger(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in beside or ()),
        sa.PrimaryKeyConstraint("ledger_id", word, number, name=f"{table}_pk"),
    )


def _literal(sql: str) -> str:
    """Colons of the statement's own, which are no parameters."""
    return sql.replace(":", r"\:")
