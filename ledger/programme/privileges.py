"""What the service's role of PostgreSQL is granted, and which of it a role lacks.

`docs/operating.md` has the statements that grant it, and a test holds them to this list.  Whoever
owns the tables has all of it; SQLite knows no roles.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from ledger.journal import tables as t
from ledger.programme.erasure import GONE_WITH_SUBJECT
from ledger.programme.people.tables import metadata
from ledger.programme.tables import trail

APPENDED = (t.entry.name, t.posting.name, t.checkpoint.name, trail.name)
"""Tables of which no row is ever changed."""

SWEPT = {"lease", "request", "sent_code", *(column.table.name for column in GONE_WITH_SUBJECT)}
"""Tables of which rows are deleted, once they are over or with the subject that they are about."""


def granted() -> Iterator[tuple[str, str]]:
    """Each table with each privilege that the service needs on it."""
    yield "alembic_version", "SELECT"
    for name in sorted(metadata.tables):
        yield name, "SELECT"
        yield name, "INSERT"
        if name not in APPENDED:
            yield name, "UPDATE"
        if name in SWEPT:
            yield name, "DELETE"


_WANTED = ", ".join(f"('{name}', '{privilege}')" for name, privilege in granted())
# A table that is not there is lacking too, as is one in a schema that the role may not look into.
_LACKING = f"""
SELECT privilege || ' on ' || name FROM (VALUES {_WANTED}) AS w (name, privilege)
WHERE NOT coalesce(has_table_privilege(to_regclass(name), privilege), false)
UNION ALL
SELECT 'USAGE on ' || seqrelid::regclass FROM pg_sequence
WHERE pg_table_is_visible(seqrelid) AND NOT has_sequence_privilege(seqrelid, 'USAGE')
LIMIT 1
"""  # noqa: S608  # names of our own


def lacking(conn: Connection) -> str | None:
    """The first privilege that the connection's role lacks, such as `DELETE on evidence`."""
    if conn.dialect.name != "postgresql":
        return None
    found: str | None = conn.exec_driver_sql(_LACKING).scalar()
    return found
