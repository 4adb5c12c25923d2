"""Batches of people to invite: what is asked for is kept at once, and carried out afterwards."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INDEX = "invitation_batch_ledger_id_next_at_id_idx"


def upgrade() -> None:
    op.create_table(
        "invitation_batch",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, WORD, nullable=False) for name in ("id", "organisation", "by")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("people", "parts")),
        sa.Column("at", WORD, nullable=False),
        *(sa.Column(name, WORD) for name in ("next_at", "done_at")),
        sa.PrimaryKeyConstraint("ledger_id", "id", name="invitation_batch_pk"),
    )
    waits = sa.text("next_at IS NOT NULL")
    columns = ["ledger_id", "next_at", "id"]
    op.create_index(INDEX, "invitation_batch", columns, postgresql_where=waits, sqlite_where=waits)


def downgrade() -> None:
    op.drop_table("invitation_batch")
