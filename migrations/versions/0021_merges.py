"""Who was merged into whom."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "merged",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *(
            sa.Column(name, WORD, nullable=name == "merge")
            for name in ("person", "into", "merge", "at")
        ),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("ledger_id", "person", name="merged_pk"),
    )
    op.create_index("merged_ledger_id_into_person_idx", "merged", ["ledger_id", "into", "person"])
    op.create_index("merged_ledger_id_merge_idx", "merged", ["ledger_id", "merge"], unique=True)


def downgrade() -> None:
    op.drop_table("merged")
