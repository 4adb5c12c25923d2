"""What a batch decides, on its way to the database while it goes on deciding.

PostgreSQL carries out meanwhile what it was sent.  Waiting for that at the end alone would take a
quarter of a large batch's time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table

from ledger.journal import store
from ledger.journal.book import Made
from ledger.journal.bulk import write
from ledger.journal.orders import CompanionRow
from ledger.journal.state import Working
from ledger.journal.store import NewEntry, Position
from ledger.journal.times import format_time
from ledger.tlog.merkle import leaf_hash


class Saving:
    """Writes entries and the rows of `books` that changed with them; for one `pipelined` block."""

    def __init__(self, conn: Connection, ledger_id: int, books: Working, now_us: int) -> None:
        self._conn = conn
        self._ledger_id = ledger_id
        self._books = books
        self._at = format_time(now_us)
        self._leaves: list[bytes] = []
        self._companions: dict[tuple[str, Any], CompanionRow] = {}

    def write(self, made: Sequence[Made]) -> None:
        """Writes these entries, the next ones, and all that changed in the journal's tables."""
        entries = [NewEntry(entry, raw, leaf_hash(raw)) for entry, raw in made]
        store.save_entries(self._conn, self._ledger_id, entries)
        store.save_changes(self._conn, self._ledger_id, self._books, self._at)
        self._companions |= self._books.changed["companions"]
        self._books.forget_changed()
        self._leaves += [new.leaf for new in entries]

    def finish(self, tables: Mapping[str, Table], before: Position) -> None:
        """Writes the companions' rows, of these `tables` by name, and last of all the head.

        `before` is where the ledger stood.
        """
        self._write_companions(tables)
        if self._leaves:
            edge, subtrees = before.edge.extend(self._leaves)
            after = Position(self._books.head, edge)
            store.save_position(self._conn, self._ledger_id, after, subtrees)

    def _write_companions(self, tables: Mapping[str, Table]) -> None:
        """Table by table, once each, in a fixed order: others lock rows of theirs too."""
        by_table: dict[str, list[tuple[Any, ...]]] = {}
        for (name, _), row in self._companions.items():
            columns = [c.name for c in tables[name].c if c.name != "ledger_id"]
            by_table.setdefault(name, []).append(tuple(row[column] for column in columns))
        for name in sorted(by_table):
            write(self._conn, tables[name], self._ledger_id, by_table[name], "upsert")
