"""Ranges of what was walked: grants of a person in order, memberships in one state, and data keys
that were not destroyed."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

STATES = "membership_ledger_id_state_id_idx"
OF_PERSON = "role_grant_ledger_id_person_id_idx"
OF_PERSON_BEFORE = "role_grant_ledger_id_person_idx"
LIVING = "data_key_ledger_id_subject_idx"


def upgrade() -> None:
    op.create_index(OF_PERSON, "role_grant", ("ledger_id", "person", "id"))
    op.drop_index(OF_PERSON_BEFORE, "role_grant")
    op.create_index(STATES, "membership", ("ledger_id", "state", "id"))
    kept = sa.text("wrapped IS NOT NULL")
    columns = ("ledger_id", "subject")
    op.create_index(LIVING, "data_key", columns, postgresql_where=kept, sqlite_where=kept)


def downgrade() -> None:
    op.drop_index(LIVING, "data_key")
    op.drop_index(STATES, "membership")
    op.create_index(OF_PERSON_BEFORE, "role_grant", ("ledger_id", "person"))
    op.drop_index(OF_PERSON, "role_grant")
