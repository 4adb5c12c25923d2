"""Members' cards."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "card",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *(
            sa.Column(word, WORD, nullable=word == "code")
            for word in ("subject", "id", "code", "by", "at")
        ),
        sa.PrimaryKeyConstraint("ledger_id", "subject", name="card_pk"),
        sa.UniqueConstraint("ledger_id", "id", name="card_ledger_id_id_key"),
        sa.UniqueConstraint("ledger_id", "code", name="card_ledger_id_code_key"),
    )


def downgrade() -> None:
    op.drop_table("card")
