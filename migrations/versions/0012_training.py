"""Courses, and what people attained: training, qualifications, insurance."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INDEXES = (
    ("course", "organisation"),
    ("attainment", "person"),
    ("attainment", "organisation"),
    ("attainment", "what"),
)


def upgrade() -> None:
    _table("course", ("id", "organisation", "at"))
    words = ("id", "person", "organisation", "kind", "what", "result", "first", "last")
    _table("attainment", words, optional=("result", "last"))
    for table, column in INDEXES:
        name = f"{table}_ledger_id_{column}_id_idx"
        op.create_index(name, table, ["ledger_id", column, "id"])


def downgrade() -> None:
    op.drop_table("attainment")
    op.drop_table("course")


def _table(name: str, words: tuple[str, ...], optional: tuple[str, ...] = ()) -> None:
    op.create_table(
        name,
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(word, WORD, nullable=word in optional) for word in words),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=f"{name}_pk"),
    )
