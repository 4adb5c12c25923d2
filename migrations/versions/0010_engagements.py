"""Engagements of auditors, and what was read within them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "engagement",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *(_word(name) for name in ("id", "auditor", "kinds")),
        _word("subject", nullable=True),
        *(_word(name) for name in ("first", "last")),
        sa.Column("records", sa.Integer(), nullable=False),
        *(_word(name) for name in ("by", "approved_by", "at")),
        *(_word(name, nullable=True) for name in ("ended_by", "ended_at")),
        sa.PrimaryKeyConstraint("ledger_id", "id", name="engagement_pk"),
    )
    op.create_index(
        "engagement_ledger_id_auditor_id_idx", "engagement", ["ledger_id", "auditor", "id"]
    )
    op.create_table(
        "engagement_record",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        _word("engagement"),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        *(_word(name) for name in ("kind", "record", "at")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "engagement"],
            ["engagement.ledger_id", "engagement.id"],
            name="engagement_record_engagement_fk",
        ),
        sa.PrimaryKeyConstraint("ledger_id", "engagement", "number", name="engagement_record_pk"),
    )


def downgrade() -> None:
    for name in ("engagement_record", "engagement"):
        op.drop_table(name)


def _word(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, WORD, nullable=nullable)
