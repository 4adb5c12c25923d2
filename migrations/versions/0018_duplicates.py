"""People who look like one and are two."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "distinct_people",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, WORD, nullable=False) for name in ("first", "second", "by", "at")),
        sa.PrimaryKeyConstraint("ledger_id", "first", "second", name="distinct_people_pk"),
    )


def downgrade() -> None:
    op.drop_table("distinct_people")
