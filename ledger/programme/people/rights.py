"""The rights of members: to see all that is held about them, and who looked at it.

    records_of()   every version of every record about a person, with what shows it
    rows_of()      the rows of ids, words and days beside them, of every table that has a person's
    entries_of()   what the log says of their account
    lookups_of()   the lines of the audit trail that are about them

PIPL, arts. 44 and 45 (to know, to have a copy); Order 67, art. 12 (to query the record).  What a
member downloads is made of these (`download.py`).  A table that names a person by one of the
columns `WHOSE` is told of without being named here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    Select,
    Table,
    select,
    tuple_,
)

from ledger.db import Database
from ledger.installation import OpenLedger
from ledger.journal.asof import Span
from ledger.journal.bulk import keyed
from ledger.journal.entry import POINTS_MAX
from ledger.programme import messages, records
from ledger.programme.commitments import Disclosure
from ledger.programme.messages import KINDS, RECORD, Text
from ledger.programme.people.merges import together
from ledger.programme.people.tables import errand, metadata
from ledger.programme.reading.entries import Listed, list_entries_of
from ledger.programme.records import Record
from ledger.programme.roles import ACTIONS, roles_of
from ledger.programme.tables import (
    blind_index,
    data_key,
    login,
    message,
    record,
    session,
    token,
    trail,
)
from ledger.programme.trail import Kept, lines_of
from ledger.programme.vault import lawful, subjects_of

WHOSE = ("person", "subject", "auditor", "leader")
"""Columns that say whose a row is."""

ELSEWHERE = frozenset({record.name, trail.name, token.name})
"""Tables that are told of in another way than row by row: `token` is not led by a ledger."""

HIDDEN = frozenset({login.c.password, data_key.c.key, blind_index.c.value})
"""What is of no use to anybody but whoever wants to get in; nor are columns of bytes told."""

ROWS_PER_READ = 500


def all_subjects_of(conn: Connection, ledger_id: int, person: str) -> tuple[str, ...]:
    """What records about a person are kept under: the person, and their account as a member.

    And the same of whoever was merged into them, who has nobody else to ask.  One statement.
    """
    people = together(conn, ledger_id, person)
    return tuple(subject for each in people for subject in subjects_of(each))


def account_of(person: str) -> str:
    """The id of a person's account as a member, whether there is one or not."""
    return "member" + person.removeprefix("person")


# --- records -------------------------------------------------------------------------------------


class After(NamedTuple):
    """Where a page of records goes on: after this version."""

    subject: str
    kind: str
    id: str
    version: int


class Told(NamedTuple):
    """A version of a record about a person.

    `shows` proves its fields by its commitment; `says` are a message's texts by language.
    """

    record: Record
    shows: Disclosure | None
    says: Mapping[str, Text] | None

    @property
    def place(self) -> After:
        """Where the next page goes on."""
        found = self.record
        return After(found.subject, found.kind, found.id, found.version)


def records_of(
    conn: Connection, ledger: OpenLedger, person: str, *, after: After | None = None, limit: int
) -> list[Told]:
    """At most `limit` versions of records about a person, in order of subject, kind, id, version.

    Four statements, whatever the number.  Raises what `records.shown_about` raises.
    """
    mine = all_subjects_of(conn, ledger.id, person)
    found = records.shown_about(conn, lawful(ledger, mine), mine, after=after, limit=limit)
    ids = [each.id for each, _ in found if each.kind == RECORD]
    c = message.c
    kinds = {row.id: row.kind for row in keyed(conn, (c.id, c.kind), ledger.id, c.id, ids)}
    return [Told(each, shows, _says(each, kinds.get(each.id))) for each, shows in found]


def _says(found: Record, kind: str | None) -> Mapping[str, Text] | None:
    if found.kind != RECORD or found.fields is None or kind not in KINDS:
        return None
    return messages.texts_of(kind, found.fields)


# --- rows ----------------------------------------------------------------------------------------


def tables_of_people() -> dict[Table, Column[str]]:
    """The tables that `rows_of` reads, with the column that says whose a row is, by their names."""
    found = {}
    for table in sorted(metadata.tables.values(), key=lambda each: each.name):
        column = next((table.c[name] for name in WHOSE if name in table.c), None)
        if column is not None and "ledger_id" in table.c and table.name not in ELSEWHERE:
            found[table] = column
    return found


def rows_of(
    database: Database, ledger: OpenLedger, person: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows that are a person's, each with its table's name, table by table.

    Read in short transactions, in memory that does not grow with them.  Raises what
    `Database.reading` raises.
    """
    with database.reading() as conn:
        mine = all_subjects_of(conn, ledger.id, person)
    for table, whose in tables_of_people().items():
        keys = [column for column in table.primary_key if column.name != "ledger_id"]
        for each in mine:
            query = select(table).where(table.c.ledger_id == ledger.id, whose == each)
            for row in _paged(database, query, keys):
                yield table.name, _words(table, row)
    helped = select(session.c.id).where(
        session.c.ledger_id == ledger.id, session.c.person.in_(mine)
    )
    done = select(errand).where(errand.c.ledger_id == ledger.id, errand.c.session.in_(helped))
    for row in _paged(database, done, [errand.c.session, errand.c.at, errand.c.id]):
        yield errand.name, _words(errand, row)
    mine_too = (token.c.ledger == ledger.name) & token.c.person.in_(mine)
    for row in _paged(database, select(token).where(mine_too), [token.c.hash]):
        yield token.name, _words(token, row)


def _paged(database: Database, query: Select[Any], keys: list[Column[Any]]) -> Iterator[Any]:
    beyond: tuple[ColumnElement[bool], ...] = ()
    while True:
        page = query.where(*beyond).order_by(*keys).limit(ROWS_PER_READ)
        with database.reading() as conn:
            rows = conn.execute(page).mappings().all()
        yield from rows
        if len(rows) < ROWS_PER_READ:
            return
        last = [rows[-1][key] for key in keys]
        beyond = (tuple_(*keys) > tuple_(*last),) if len(keys) > 1 else (keys[0] > last[0],)


def _words(table: Table, row: Any) -> dict[str, Any]:
    shown = [
        column
        for column in table.c
        if not isinstance(column.type, LargeBinary)
        and column.name != "ledger_id"
        and column not in HIDDEN
    ]
    values = {str(column.name): row[column] for column in shown}
    return {name: value for name, value in values.items() if value is not None}


# --- the log -------------------------------------------------------------------------------------


def entries_of(
    conn: Connection, ledger_id: int, person: str, *, after: int | None = None, limit: int
) -> list[Listed]:
    """At most `limit` entries that post to a person's account or are about it, those after `after`.

    Points that are set aside are the account's too, and so is the account of who was merged.
    """
    span = Span(0 if after is None else after + 1, POINTS_MAX)
    accounts = map(account_of, together(conn, ledger_id, person))
    found = {
        each.seq: each
        for account in accounts
        for name in (account, f"{account}/held")
        for each in list_entries_of(conn, ledger_id, name, span, newest_first=False, limit=limit)
    }
    return [found[seq] for seq in sorted(found)[:limit]]


def has_entry(conn: Connection, ledger_id: int, person: str, seq: int) -> bool:
    """Whether `entries_of` tells of that entry."""
    found = entries_of(conn, ledger_id, person, after=seq - 1, limit=1)
    return bool(found) and found[0].seq == seq


# --- who looked ----------------------------------------------------------------------------------


class Lookup(NamedTuple):
    """A line of the trail about a person, and the roles of whoever may do what it tells of."""

    line: Kept
    roles: tuple[str, ...]


def lookups_of(
    conn: Connection, ledger: OpenLedger, person: str, *, before: int | None = None, limit: int
) -> list[Lookup]:
    """At most `limit` lines about a person or a record about them, the newest first.

    Four statements, each a range of an index: as one, PostgreSQL walks the whole trail, as long as
    it believes of it what was so when it was small.
    """
    mine = all_subjects_of(conn, ledger.id, person)
    c = record.c
    about = select(c.id).where(c.ledger_id == ledger.id, c.subject.in_(mine)).distinct()
    names = {*mine, *conn.execute(about).scalars()}
    lines = keyed(conn, (trail.c.seq,), ledger.id, trail.c.subject, names)
    theirs = sorted(row.seq for row in lines if before is None or row.seq < before)[-limit:]
    found = lines_of(conn, ledger.id, trail.c.seq.in_(theirs), before=before, limit=limit)
    return [Lookup(each, _roles(each.line["action"])) for each in found]


def deeds_of(
    conn: Connection, ledger: OpenLedger, person: str, *, before: int | None = None, limit: int
) -> list[Kept]:
    """At most `limit` lines of what a person did or was refused, the newest first."""
    people = together(conn, ledger.id, person)
    return lines_of(conn, ledger.id, trail.c.actor.in_(people), before=before, limit=limit)


def _roles(action: str) -> tuple[str, ...]:
    # One that is no longer in the table may still be in old lines.
    return roles_of(action) if action in ACTIONS else ()
