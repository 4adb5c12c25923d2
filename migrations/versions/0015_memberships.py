"""Who belongs to which organisation, and the links by which they join."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _table("membership", ("id", "organisation", "subject", "first", "last", "state", "by", "at"))
    for column in ("subject", "organisation"):
        name = f"membership_ledger_id_{column}_id_idx"
        op.create_index(name, "membership", ["ledger_id", column, "id"])
    op.create_table(
        "joining_link",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("organisation", WORD, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        *(sa.Column(name, WORD, nullable=False) for name in ("state", "by", "at")),
        sa.PrimaryKeyConstraint("ledger_id", "organisation", name="joining_link_pk"),
    )


def downgrade() -> None:
    op.drop_table("joining_link")
    op.drop_table("membership")


def _table(name: str, words: tuple[str, ...]) -> None:
    op.create_table(
        name,
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(word, WORD, nullable=word == "last") for word in words),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=f"{name}_pk"),
    )
