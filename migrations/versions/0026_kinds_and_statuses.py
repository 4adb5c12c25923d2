"""Organisations of one kind and status in order: by either alone, half of all may be walked."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

INDEX = "organisation_ledger_id_kind_status_id_idx"


def upgrade() -> None:
    op.create_index(INDEX, "organisation", ("ledger_id", "kind", "status", "id"))


def downgrade() -> None:
    op.drop_index(INDEX, "organisation")
