"""The audit trail, its head, and the sizes whose roots are in the log."""

import sqlalchemy as sa
from alembic import op

from ledger.journal import triggers

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "trail",
        _ledger_id(),
        _number("seq"),
        *(sa.Column(name, sa.LargeBinary(), nullable=False) for name in ("raw", "leaf")),
        *(sa.Column(name, WORD, nullable=False) for name in ("actor", "action", "subject")),
        sa.PrimaryKeyConstraint("ledger_id", "seq", name="trail_pk"),
    )
    for name in ("actor", "action", "subject"):
        op.create_index(f"trail_ledger_id_{name}_seq_idx", "trail", ["ledger_id", name, "seq"])
    op.create_table(
        "trail_head",
        _ledger_id(),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("edge", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", name="trail_head_pk"),
    )
    op.create_table(
        "trail_root",
        _ledger_id(),
        _number("size"),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "size", name="trail_root_pk"),
    )
    triggers.create(op.get_bind(), ("trail",))


def downgrade() -> None:
    triggers.drop(op.get_bind(), ("trail",))
    for name in ("trail_root", "trail_head", "trail"):
        op.drop_table(name)


def _ledger_id() -> sa.Column[int]:
    return sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)
