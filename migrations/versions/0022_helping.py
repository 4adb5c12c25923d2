"""Done for somebody: who helps in a session, and what they changed."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
OF_SESSION = ("helper", "way", "reason")


def upgrade() -> None:
    for name in OF_SESSION:
        op.add_column("session", sa.Column(name, WORD))
    op.create_table(
        "errand",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *(
            sa.Column(word, WORD, nullable=word == "thing")
            for word in ("id", "session", "helper", "action", "method", "thing", "outcome", "at")
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name="errand_pk"),
    )
    op.create_index("errand_ledger_id_session_at_idx", "errand", ["ledger_id", "session", "at"])
    op.create_index("errand_ledger_id_thing_idx", "errand", ["ledger_id", "thing"])


def downgrade() -> None:
    op.drop_table("errand")
    for name in reversed(OF_SESSION):
        op.drop_column("session", name)
