"""Requests for erasure, and data keys that are restricted."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NEEDED = ("id", "person", "state", "due", "at")
OPTIONAL = ("decided_by", "approved_by", "decided_at", "until", "decision", "done_at")
INDEXES = (
    ("person", "due", "id"),
    ("state", "due", "id"),
    ("due", "id"),
    ("state", "at", "id"),
)


def upgrade() -> None:
    op.create_table(
        "erasure_request",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, WORD, nullable=False) for name in NEEDED),
        *(sa.Column(name, WORD) for name in OPTIONAL),
        sa.PrimaryKeyConstraint("ledger_id", "id", name="erasure_request_pk"),
    )
    for columns in INDEXES:
        name = f"erasure_request_ledger_id_{'_'.join(columns)}_idx"
        op.create_index(name, "erasure_request", ["ledger_id", *columns])
    op.add_column("data_key", sa.Column("restricted_on", WORD))


def downgrade() -> None:
    op.drop_column("data_key", "restricted_on")
    op.drop_table("erasure_request")
