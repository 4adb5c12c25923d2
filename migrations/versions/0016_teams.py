"""Venues and teams of organisations, and who is in a team."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INDEXES = (
    ("venue", ("organisation", "id")),
    ("team", ("organisation", "id")),
    ("team", ("leader", "organisation")),
    ("team_member", ("person", "team")),
)


def upgrade() -> None:
    _table("venue", ("id",), ("organisation", "at"))
    _table("team", ("id",), ("organisation", "leader", "at"), optional="leader")
    _table("team_member", ("team", "person", "first"), ("last",), optional="last")
    for table, columns in INDEXES:
        name = f"{table}_ledger_id_{'_'.join(columns)}_idx"
        op.create_index(name, table, ["ledger_id", *columns])


def downgrade() -> None:
    for name in ("team_member", "team", "venue"):
        op.drop_table(name)


def _table(name: str, key: tuple[str, ...], rest: tuple[str, ...], optional: str = "") -> None:
    op.create_table(
        name,
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(word, WORD, nullable=word == optional) for word in (*key, *rest)),
        sa.PrimaryKeyConstraint("ledger_id", *key, name=f"{name}_pk"),
    )
