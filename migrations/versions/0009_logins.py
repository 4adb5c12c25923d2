"""How people sign in: logins of the staff, recovery codes, codes that were sent."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "login",
        _ledger_id(),
        _word("subject"),
        _word("password"),
        sa.Column("totp", sa.LargeBinary(), nullable=False),
        sa.Column("next_totp", sa.LargeBinary()),
        sa.Column("step", sa.BigInteger()),
        sa.Column("failures", sa.Integer(), nullable=False),
        _word("locked_until", nullable=True),
        sa.Column("code", sa.LargeBinary()),
        _word("code_until", nullable=True),
        sa.PrimaryKeyConstraint("ledger_id", "subject", name="login_pk"),
    )
    op.create_table(
        "recovery_code",
        _ledger_id(),
        _word("subject"),
        sa.Column("code", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "subject", "code", name="recovery_code_pk"),
    )
    op.create_table(
        "sent_code",
        _ledger_id(),
        _word("contact"),
        _word("purpose"),
        sa.Column("code", sa.LargeBinary()),
        _word("expires_at"),
        sa.Column("tries", sa.Integer(), nullable=False),
        _word("hour_from"),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "contact", "purpose", name="sent_code_pk"),
    )
    op.create_index("sent_code_ledger_id_hour_from_idx", "sent_code", ["ledger_id", "hour_from"])


def downgrade() -> None:
    for name in ("sent_code", "recovery_code", "login"):
        op.drop_table(name)


def _ledger_id() -> sa.Column[int]:
    return sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False)


def _word(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, WORD, nullable=nullable)
