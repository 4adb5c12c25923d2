"""Invitations of people by an organisation."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WORDS = ("id", "organisation", "state", "until", "by", "at")


def upgrade() -> None:
    op.create_table(
        "invitation",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(word, WORD, nullable=False) for word in WORDS),
        sa.PrimaryKeyConstraint("ledger_id", "id", name="invitation_pk"),
    )
    columns = ("ledger_id", "organisation", "state", "until")
    op.create_index(f"invitation_{'_'.join(columns)}_idx", "invitation", columns)


def downgrade() -> None:
    op.drop_table("invitation")
