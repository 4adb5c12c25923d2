"""Roles that people hold, and the sessions of those who signed in."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "role_grant",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *(_word(name) for name in ("id", "person", "role")),
        *(_word(name, nullable=True) for name in ("organisation", "deputy_of")),
        _word("first"),
        _word("last", nullable=True),
        *(_word(name) for name in ("by", "at")),
        *(_word(name, nullable=True) for name in ("ended_by", "ended_at")),
        sa.PrimaryKeyConstraint("ledger_id", "id", name="role_grant_pk"),
    )
    _index("role_grant", "person")
    _index("role_grant", "organisation", "id")
    op.create_table(
        "session",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        *(_word(name) for name in ("id", "person", "lasts", "created_at", "used_on", "expires_at")),
        _word("revoked_at", nullable=True),
        sa.PrimaryKeyConstraint("ledger_id", "hash", name="session_pk"),
    )
    _index("session", "id", unique=True)
    _index("session", "person", "created_at")


def downgrade() -> None:
    for name in ("session", "role_grant"):
        op.drop_table(name)


def _word(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, WORD, nullable=nullable)


def _index(table: str, *columns: str, unique: bool = False) -> None:
    name = f"{table}_ledger_id_{'_'.join(columns)}_idx"
    op.create_index(name, table, ["ledger_id", *columns], unique=unique)
