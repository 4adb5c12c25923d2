"""Tokens narrowed to scopes, and listed page by page."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
LISTED = "token_ledger_created_at_id_idx"


def upgrade() -> None:
    op.add_column("token", sa.Column("scopes", WORD, nullable=True))
    op.drop_index("token_ledger_idx", "token")
    op.create_index(LISTED, "token", ["ledger", "created_at", "id"])


def downgrade() -> None:
    op.drop_index(LISTED, "token")
    op.create_index("token_ledger_idx", "token", ["ledger"])
    op.drop_column("token", "scopes")
