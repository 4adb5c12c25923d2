"""The newest state of each person's consents."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "consent",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, WORD, nullable=False) for name in ("person", "purpose", "state")),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("notice", sa.Integer(), nullable=False),
        *(sa.Column(name, WORD, nullable=False) for name in ("notice_hash", "how", "by", "at")),
        sa.PrimaryKeyConstraint("ledger_id", "person", "purpose", name="consent_pk"),
    )


def downgrade() -> None:
    op.drop_table("consent")
