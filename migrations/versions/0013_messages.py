"""Messages to people, and how they want to be reached."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "message",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *(_word(name) for name in ("id", "subject", "kind", "channel", "state")),
        sa.Column("tries", sa.Integer(), nullable=False),
        _word("next_at", nullable=True),
        _word("at"),
        *(_word(name, nullable=True) for name in ("read_at", "done_at", "done_by")),
        sa.PrimaryKeyConstraint("ledger_id", "id", name="message_pk"),
    )
    for columns in (["subject", "at", "id"], ["state", "next_at", "id"]):
        name = "_".join(["message", "ledger_id", *columns, "idx"])
        op.create_index(name, "message", ["ledger_id", *columns])
    op.create_table(
        "message_choice",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *(_word(name) for name in ("subject", "channel", "language", "at")),
        sa.PrimaryKeyConstraint("ledger_id", "subject", name="message_choice_pk"),
    )


def downgrade() -> None:
    for name in ("message_choice", "message"):
        op.drop_table(name)


def _word(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, WORD, nullable=nullable)
