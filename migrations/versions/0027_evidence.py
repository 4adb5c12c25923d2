"""Files that are kept encrypted beside the database."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "evidence",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("about", WORD, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", WORD, nullable=False),
        sa.Column("subject", WORD, nullable=False),
        sa.Column("organisation", WORD),
        sa.Column("file", WORD, nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "about", "number", name="evidence_pk"),
        sa.UniqueConstraint("ledger_id", "id", name="evidence_ledger_id_id_key"),
        sa.UniqueConstraint("ledger_id", "file", name="evidence_ledger_id_file_key"),
    )
    for column in ("about", "subject", "organisation"):
        name = f"evidence_ledger_id_{column}_id_idx"
        op.create_index(name, "evidence", ["ledger_id", column, "id"])


def downgrade() -> None:
    op.drop_table("evidence")
