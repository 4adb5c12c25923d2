"""Rows in one state in the order in which they came into it: what waits for somebody."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

WAITING = {"proposal": "state", "membership": "state", "organisation": "status"}


def upgrade() -> None:
    for table, state in WAITING.items():
        op.create_index(_name(table, state), table, ("ledger_id", state, "at", "id"))


def downgrade() -> None:
    for table, state in WAITING.items():
        op.drop_index(_name(table, state), table)


def _name(table: str, state: str) -> str:
    return f"{table}_ledger_id_{state}_at_id_idx"
