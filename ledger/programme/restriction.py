"""Restriction: what is kept of somebody is stored, until it is destroyed, and not used any more.

PIPL, art. 47: while a law wants data kept, all is stopped but storing and protecting them.  Here it
is a mark on the data key, which then opens to its person alone, and for legal duties
(`vault.lawful`); so it holds for every room, in reading and in writing.

Whom the log announces as to be erased is restricted until that day, whoever asked for it.  The
order that decides on a person's request does it (`restricting`); for what the office announced by
itself, and where a backup knows nothing of it, `restrict_announced` goes by the log: before a
ledger is served, and daily.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, update

from ledger.db import Database
from ledger.installation import OpenLedger
from ledger.journal.bulk import keyed
from ledger.journal.orders import Companion, CompanionRow, Done
from ledger.journal.store import load_position
from ledger.journal.times import local_day
from ledger.programme.reading.days import offset_of
from ledger.programme.reading.entries import parts_of_type
from ledger.programme.tables import data_key as table

PEOPLE = ("person/", "member/")
_USABLE = (table.c.wrapped.is_not(None), table.c.restricted_on.is_(None))


def restricting(subjects: Collection[str], day: str) -> Companion:
    """Restricts those of these subjects of whom anything is kept, from a local day on."""

    def change(rows: Mapping[Any, CompanionRow | None], _: Done) -> Mapping[Any, CompanionRow]:
        return {
            subject: {**row, "restricted_on": day}
            for subject, row in rows.items()
            if row is not None and row["wrapped"] is not None and row["restricted_on"] is None
        }

    return Companion(table, (*subjects,), change)


def restrict_announced(database: Database, ledger: OpenLedger) -> None:
    """Restricts people of whom the log says that they are to be erased, if they are not yet.

    So a backup from before a restriction does not lift it, once its log was rolled forward.  One
    statement where there are none, else a look at each `erasure` entry, in memory that does not
    grow with them.  Raises what `Database.writing` raises.
    """
    with database.reading() as conn:
        days = _usable_still(conn, ledger.id)
    if not days:
        return
    mine = (table.c.ledger_id == ledger.id) & (table.c.subject == bindparam("whose"))
    change = update(table).where(mine, *_USABLE).values(restricted_on=bindparam("day"))
    with database.writing() as conn:
        # The head's lock keeps the append path from writing these rows meanwhile.
        load_position(conn, ledger.id, ledger.origin, lock=True)
        conn.execute(change, [{"whose": whose, "day": day} for whose, day in days.items()])


def restricted_among(conn: Connection, ledger_id: int, subjects: Collection[str]) -> set[str]:
    """Those of the subjects that are restricted, or were until they were erased."""
    restricted = table.c.restricted_on.is_not(None)
    rows = keyed(conn, (table.c.subject,), ledger_id, table.c.subject, subjects, restricted)
    return {row.subject for row in rows}


def _usable_still(conn: Connection, ledger_id: int) -> dict[str, str]:
    """Who is to be erased by the log and not restricted, and the local day on which it said so."""
    found: dict[str, str] = {}
    for part in parts_of_type(conn, ledger_id, "erasure"):
        said = {entry["subject"]: entry["at"] for entry in part}
        people = [name for name in said if name.startswith(PEOPLE)]
        rows = keyed(conn, (table.c.subject,), ledger_id, table.c.subject, people, *_USABLE)
        found |= {row.subject: said[row.subject] for row in rows}
    offset = offset_of(conn, ledger_id) if found else 0
    return {name: local_day(at, offset) for name, at in found.items()}
