"""What time brings: which jobs were done when, who does one now, and which refusals are old."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _table("job", "day")
    _table("lease", "holder", "until")
    refused = sa.text("rule IS NOT NULL")
    op.create_index(
        "request_refused_idx",
        "request",
        ["ledger_id", "at"],
        postgresql_where=refused,
        sqlite_where=refused,
    )


def downgrade() -> None:
    op.drop_index("request_refused_idx", "request")
    op.drop_table("lease")
    op.drop_table("job")


def _table(name: str, *columns: str) -> None:
    op.create_table(
        name,
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("job", WORD, autoincrement=False, nullable=False),
        *(sa.Column(column, WORD, nullable=False) for column in columns),
        sa.PrimaryKeyConstraint("ledger_id", "job", name=f"{name}_pk"),
    )
