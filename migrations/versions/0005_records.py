"""Records, the data keys that open them, and the blind indexes that find them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _table(
        "record",
        _word("kind"),
        _word("id"),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        _word("subject"),
        _word("key"),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        _word("at"),
        _word("by"),
        key=("kind", "id", "version"),
    )
    _index("record", "subject", "kind", "id")
    _table(
        "data_key",
        _word("subject"),
        _word("key"),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary()),
        _word("destroyed_on", nullable=True),
        key=("subject",),
    )
    _index("data_key", "generation", "subject")
    _table(
        "blind_index",
        _word("kind"),
        _word("id"),
        _word("field"),
        _word("value", nullable=True),
        _word("subject"),
        key=("kind", "id", "field"),
    )
    _index("blind_index", "field", "value")
    _index("blind_index", "subject")


def downgrade() -> None:
    for name in ("blind_index", "data_key", "record"):
        op.drop_table(name)


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
