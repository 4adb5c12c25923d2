"""People whom the log introduces, with their standing."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from ledger.journal import tables as t
from ledger.programme.reading.accounts import account_exists

_STANDING = select(t.person.c.standing).where(
    t.person.c.ledger_id == bindparam("of_ledger"), t.person.c.person == bindparam("wanted")
)


def standing_of(conn: Connection, ledger_id: int, person: str) -> str | None:
    """The standing that a person's last `person` entry gave; None without one."""
    found = conn.execute(_STANDING, {"of_ledger": ledger_id, "wanted": person})
    standing: str | None = found.scalar_one_or_none()
    return standing


def is_known(conn: Connection, ledger_id: int, person: str) -> bool:
    """Whether the log knows a person: by an entry of theirs, or as the holder of an account."""
    account = "member" + person.removeprefix("person")
    return standing_of(conn, ledger_id, person) is not None or account_exists(
        conn, ledger_id, account
    )


def list_people(
    conn: Connection, ledger_id: int, *, after: str | None, limit: int
) -> list[tuple[str, str]]:
    """At most `limit` people that the log introduces with their standing, in order of their ids."""
    query = (
        select(t.person.c.person, t.person.c.standing)
        .where(t.person.c.ledger_id == ledger_id)
        .order_by(t.person.c.person)
        .limit(limit)
    )
    if after is not None:
        query = query.where(t.person.c.person > after)
    return [(row.person, row.standing) for row in conn.execute(query)]
