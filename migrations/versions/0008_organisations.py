"""Organisations: their kinds, their status with its history, and the alliances that they are in."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _table(
        "organisation",
        _word("id"),
        _word("kind"),
        _word("subkind", nullable=True),
        _word("status"),
        sa.Column("changes", sa.Integer(), nullable=False),
        _word("at"),
        key=("id",),
    )
    _index("organisation", "kind", "id")
    _index("organisation", "status", "id")
    _table(
        "organisation_status",
        _word("organisation"),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        *(_word(name) for name in ("status", "by", "at")),
        key=("organisation", "number"),
    )
    _table("organisation_code", _word("code"), _word("organisation"), key=("code",))
    _table(
        "organisation_member",
        *(_word(name) for name in ("alliance", "organisation", "first")),
        _word("last", nullable=True),
        key=("alliance", "organisation", "first"),
    )
    _index("organisation_member", "organisation", "alliance")


def downgrade() -> None:
    for name in ("member", "code", "status"):
        op.drop_table(f"organisation_{name}")
    op.drop_table("organisation")


def _word(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, WORD, nullable=nullable)


def _table(name: str, *columns: sa.Column, key: tuple[str, ...]) -> None:
    op.create_table(
        name,
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("ledger_id", *key, name=f"{name}_pk"),
    )


def _index(table: str, *columns: str) -> None:
    op.create_index(f"{table}_ledger_id_{'_'.join(columns)}_idx", table, ["ledger_id", *columns])
