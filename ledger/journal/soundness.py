"""What a few reads tell of a ledger's tables: whether its heads go together.

`points verify --database` reads every row. This looks at the right edge of the tree alone, so that
it can be asked of every start and by whoever watches the service: the entries extend the head that
was signed last, the head row and `publication` are those of the entries, and the newest checkpoint
is the head that is said to be published.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, select

from ledger.errors import LedgerStopped, MalformedEntry
from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.entry import decode
from ledger.journal.highwater import read_high_water
from ledger.journal.state import Head
from ledger.journal.store import Position, decode_edge, load_position
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.errors import TlogError
from ledger.tlog.merkle import CompactRange


def check_heads(conn: Connection, ledger_id: int, origin: str, high_water: Path) -> None:
    """Raises `LedgerStopped`, naming the table, unless the ledger's heads go together.

    `conn` is a snapshot, begun but not read from yet: the file is read first, since it is ahead of
    the database.
    """
    mark = read_high_water(high_water, origin)
    try:
        size = log.log_size(conn, ledger_id)
        if mark is not None:
            root = b"" if mark.size > size else log.edge_at(conn, ledger_id, mark.size).root()
            want_extended(mark, size, root)
        position = load_position(conn, ledger_id, origin)
        if position is None:
            raise LedgerStopped("The head row is gone. Restore a backup.")
        if position.head.size != size:
            raise LedgerStopped(
                f"The head row has {position.head.size} entries, but there are rows up to {size}."
            )
        want_head(conn, ledger_id, position)
        published = want_published(conn, ledger_id, size)
        if published and mark is None and read_high_water(high_water, origin) is None:
            raise missing_file(high_water, published)
    except TlogError as error:
        raise LedgerStopped(f"The stored hashes of the tree do not hold: {error}.") from error


def want_extended(mark: Checkpoint, size: int, root: bytes) -> None:
    """Raises `LedgerStopped` unless a database of `size` entries extends the head `mark`.

    `root` is its root at the mark's size, if it has as many.
    """
    if size < mark.size:
        raise LedgerStopped(
            f"The database has {size} entries, but a head of {mark.size} was signed. It was"
            " restored from an old backup: roll it forward with `points restore`."
        )
    if root != mark.root:
        raise LedgerStopped(
            f"The database's root at size {mark.size} is {root.hex()}, but {mark.root.hex()} was"
            " signed. Entries were rewritten: nothing more is signed until that is explained."
        )


def missing_file(high_water: Path, published: int) -> LedgerStopped:
    """The stop where a ledger has published but has no high-water file."""
    return LedgerStopped(
        f"The high-water file {high_water} is missing, though {published} entries were published."
        " Write the first three lines of the newest checkpoint that anybody has into it."
    )


def want_head(conn: Connection, ledger_id: int, position: Position) -> None:
    """Raises `LedgerStopped` unless a head row is that of the entries it stands for."""
    size = position.head.size
    if position.head != _head_of(conn, ledger_id, size):
        raise LedgerStopped("The head row is not that of the first and the last entry.")
    if position.edge != log.edge_at(conn, ledger_id, size):
        raise LedgerStopped("The head row's edge is not that of the stored hashes.")


def _head_of(conn: Connection, ledger_id: int, size: int) -> Head:
    """The head that the first and the last entry make."""
    if size == 0:
        return Head()
    try:
        first, last = (
            decode(raw)
            for seq in (0, size - 1)
            for raw in log.raw_entries(conn, ledger_id, seq, seq + 1)
        )
    except (MalformedEntry, ValueError) as error:
        raise LedgerStopped("The first or the last entry is gone or no entry any more.") from error
    return Head(size, last["at"], last["ledger"], first["utc_offset_minutes"])


def want_published(conn: Connection, ledger_id: int, size: int) -> int:
    """The size of what is published; `LedgerStopped` unless that is one head of this log.

    The newest checkpoint and `publication` are it.
    """
    mine = t.publication.c.ledger_id == ledger_id
    row = conn.execute(select(t.publication).where(mine)).one_or_none()
    if row is None:
        raise LedgerStopped("This ledger has no publication row. Restore it from a backup.")
    edge = decode_edge(row.size, row.edge)
    if edge.size > size:
        raise LedgerStopped("The publication row is beyond the head.")
    if edge != log.edge_at(conn, ledger_id, edge.size):
        raise LedgerStopped("The publication row does not match the entries that it stands for.")
    newest = log.latest_checkpoint(conn, ledger_id)
    root = log.root_in(newest.note) if newest else CompactRange.empty().root()
    if ((newest.size if newest else 0), root) != (edge.size, edge.root()):
        raise LedgerStopped("The newest checkpoint is not the head that was published last.")
    return edge.size
