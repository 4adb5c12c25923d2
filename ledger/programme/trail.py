"""The audit trail: who did, or was refused, what is privileged, line by line in a tree of its own.

A *line* is JCS {action, actor, at, outcome, subject}, with `commitment` where something outside it
is bound, and `helping` where a helper acted for the subject.  It holds ids, words and a time, and
nothing that anybody wrote.  Lines are the leaves of an RFC 6962 tree; each hour in which it grew,
its root goes into the ledger's log as a `record` entry, so that whoever has the log's receipt can
tell whether a line was changed or left out.

    outcome   done · refused (by a rule, or as it was asked) · denied (by role or scope)

Lines are written in batches, in the order in which they came, by a thread of their own (`Trail`);
what must be on record before something is shown is written at once (`write_lines`).  A process that
is killed loses the lines of its last moment; what these did is in the log all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, Connection, func, select

from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.bulk import write
from ledger.journal.commands import Statement
from ledger.journal.entry import to_base64
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order, Refusal
from ledger.journal.store import decode_edge
from ledger.programme.reading.entries import entries_of_type
from ledger.programme.tables import trail as table
from ledger.programme.tables import trail_head, trail_root
from ledger.programme.vault import subject_of_ledger
from ledger.tlog.merkle import CompactRange, leaf_hash, prove_inclusion

OUTCOMES = ("done", "refused", "denied")
LINES_PER_READ = 4_096
BOUND_ALREADY = "trail-bound"


class TrailUnproven(PointsError):
    """No root in the log covers the line yet, or there is no such line."""

    code = "trail-unproven"


class Line(NamedTuple):
    """One line, before it has its place; `subject` is the id that the action was about."""

    at: str
    actor: str
    action: str
    subject: str
    outcome: str
    commitment: str | None = None
    helping: str | None = None  # the session in which the actor helped the subject

    def encode(self) -> bytes:
        """The line's canonical bytes (RFC 8785), which are its leaf."""
        fields = {name: value for name, value in self._asdict().items() if value is not None}
        return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True, slots=True)
class Kept:
    """A line of the trail at its place."""

    seq: int
    line: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows that a line is in the trail whose root the entry `entry` of the log has.

    `path` are the hashes of the RFC 9162 inclusion proof, section 2.1.3.2, from the leaf up.
    """

    seq: int
    raw: bytes
    size: int
    path: tuple[bytes, ...]
    entry: int


# --- writing -------------------------------------------------------------------------------------


def write_lines(database: Database, ledger_id: int, lines: Sequence[Line]) -> None:
    """Adds lines to the trail, in their order, in one transaction.

    Raises what `Database.writing` raises: nothing was added then.
    """
    raws = [line.encode() for line in lines]
    leaves = [leaf_hash(raw) for raw in raws]
    with database.writing() as conn:
        edge = _locked(conn, ledger_id)
        rows = [
            (edge.size + at, raw, leaf, line.actor, line.action, line.subject)
            for at, (line, raw, leaf) in enumerate(zip(lines, raws, leaves, strict=True))
        ]
        write(conn, table, ledger_id, rows, "insert")
        grown, _ = edge.extend(leaves)
        write(conn, trail_head, ledger_id, [(grown.size, grown.encode())], "upsert")


def _locked(conn: Connection, ledger_id: int) -> CompactRange:
    """The right edge of the trail, locked against other writers."""
    query = select(trail_head).where(trail_head.c.ledger_id == ledger_id).with_for_update()
    row = conn.execute(query).one_or_none()
    if row is None:
        # Two that are the first at once: the second waits here, and then finds the row.
        _begin(conn, ledger_id)
        row = conn.execute(query).one()
    return decode_edge(row.size, row.edge)


def _begin(conn: Connection, ledger_id: int) -> None:
    insert = "INSERT INTO trail_head (ledger_id, size, edge) VALUES ({}, 0, {})"
    empty = "''" if conn.dialect.name == "postgresql" else "x''"
    conn.exec_driver_sql(f"{insert.format(int(ledger_id), empty)} ON CONFLICT DO NOTHING")


def bind(database: Database, ledger: OpenLedger) -> int | None:
    """Enters the trail's root in the log, if it grew since it was last entered; the entry's `seq`.

    Raises what `Appender.submit` raises.
    """
    with database.reading() as conn:
        edge = _edge(conn, ledger.id)
        if edge.size == _bound(conn, ledger.id):
            return None
    root, name = edge.root(), subject_of_ledger(ledger.origin).partition("/")[2]
    ref = {"id": f"trail/{name}", "commitment": to_base64(root)}

    def change(
        rows: Mapping[Any, CompanionRow | None], done: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        if rows[edge.size] is not None:
            return Refusal(BOUND_ALREADY, "this size of the trail is in the log")
        return {edge.size: {"size": edge.size, "root": root, "seq": done.last}}

    command = Statement(kind="record", fields={}, ref=ref)
    companion = Companion(trail_root, (edge.size,), change)
    (outcome,) = ledger.appender.submit(Group((Order(command=command, companions=(companion,)),)))
    return outcome.last if isinstance(outcome, Done) else None


# --- reading -------------------------------------------------------------------------------------


def list_lines(
    conn: Connection,
    ledger_id: int,
    *,
    actor: str | None = None,
    action: str | None = None,
    subject: str | None = None,
    before: int | None = None,
    limit: int,
) -> list[Kept]:
    """At most `limit` lines, the newest first, those of a `seq` below `before`."""
    wanted = ((table.c.actor, actor), (table.c.action, action), (table.c.subject, subject))
    conditions = [column == value for column, value in wanted if value is not None]
    return lines_of(conn, ledger_id, *conditions, before=before, limit=limit)


def lines_of(
    conn: Connection,
    ledger_id: int,
    *conditions: ColumnElement[bool],
    before: int | None = None,
    limit: int,
) -> list[Kept]:
    """The same for lines that meet conditions on the table's columns.  One statement."""
    query = select(table.c.seq, table.c.raw).where(table.c.ledger_id == ledger_id, *conditions)
    if before is not None:
        query = query.where(table.c.seq < before)
    rows = conn.execute(query.order_by(table.c.seq.desc()).limit(limit))
    return [Kept(row.seq, orjson.loads(bytes(row.raw))) for row in rows]


def prove_line(conn: Connection, ledger_id: int, seq: int) -> Proof:
    """The proof of a line under the newest root in the log; `TrailUnproven`.

    Reads the trail's leaf hashes up to that root, some at a time: memory does not grow with them.
    """
    newest = (
        select(trail_root)
        .where(trail_root.c.ledger_id == ledger_id)
        .order_by(trail_root.c.size.desc())
        .limit(1)
    )
    bound = conn.execute(newest).one_or_none()
    if bound is None or bound.size <= seq:
        raise TrailUnproven(
            f"No root in the log covers line {seq} of the trail yet. Ask again in an hour."
        )
    mine = (table.c.ledger_id == ledger_id) & (table.c.seq == seq)
    raw = conn.execute(select(table.c.raw).where(mine)).scalar_one()

    def subtree(level: int, index: int) -> bytes:
        return _root(conn, ledger_id, index << level, (index + 1) << level)

    path = prove_inclusion(seq, bound.size, subtree)
    return Proof(seq, bytes(raw), bound.size, path, bound.seq)


# --- checking ------------------------------------------------------------------------------------


def trail_faults(conn: Connection, ledger: OpenLedger) -> list[str]:
    """What is wrong with a trail, in sentences: against itself, its head, and the roots in the log.

    Memory does not grow with the trail.
    """
    faults: list[str] = []
    edge = CompactRange.empty()
    query = select(trail_root).where(trail_root.c.ledger_id == ledger.id)
    bound = {row.size: row for row in conn.execute(query.order_by(trail_root.c.size))}
    for rows in _runs(conn, ledger.id):
        for row in rows:
            if row.seq != edge.size:
                return [*faults, f"line {edge.size} of the trail is missing"]
            faults += _line_faults(row)
            edge, _ = edge.extend([leaf_hash(bytes(row.raw))])
            if edge.size in bound and edge.root() != bytes(bound[edge.size].root):
                faults.append(f"the trail of {edge.size} lines has another root than is kept of it")
    faults += _head_faults(conn, ledger.id, edge)
    faults += [f"the trail lacks lines below {size}" for size in bound if size > edge.size]
    return faults + _log_faults(conn, ledger, bound)


def _line_faults(row: Any) -> list[str]:
    faults = []
    if leaf_hash(bytes(row.raw)) != bytes(row.leaf):
        faults.append(f"line {row.seq} of the trail has another hash than is kept of it")
    try:
        line = orjson.loads(bytes(row.raw))
        words = (line["actor"], line["action"], line["subject"])
    except (ValueError, TypeError, KeyError):
        return [*faults, f"line {row.seq} of the trail is none"]
    if words != (row.actor, row.action, row.subject):
        faults.append(f"line {row.seq} of the trail is found by other words than it has")
    return faults


def _head_faults(conn: Connection, ledger_id: int, edge: CompactRange) -> list[str]:
    query = select(trail_head).where(trail_head.c.ledger_id == ledger_id)
    row = conn.execute(query).one_or_none()
    size, hashes = (0, b"") if row is None else (row.size, bytes(row.edge))
    if size != edge.size:
        return [f"the trail's head says {size} lines, and it has {edge.size}"]
    if hashes != edge.encode():
        return [f"the trail's head has other hashes than its {edge.size} lines"]
    return []


def _log_faults(conn: Connection, ledger: OpenLedger, bound: Mapping[int, Any]) -> list[str]:
    """Roots that are not those of their entries in the log."""
    from_log = {
        entry["seq"]: entry["ref"]["commitment"]
        for entry in entries_of_type(conn, ledger.id, "record")
        if entry["ref"]["id"].startswith("trail/")
    }
    kept = {row.seq: to_base64(bytes(row.root)) for row in bound.values()}
    faults = [
        f"entry {seq} has a root of the trail that is not kept"
        for seq in from_log
        if seq not in kept
    ]
    return faults + [
        f"entry {seq} has another root of the trail than is kept"
        for seq, root in kept.items()
        if from_log.get(seq) != root
    ]


# --- rows ----------------------------------------------------------------------------------------


def _edge(conn: Connection, ledger_id: int) -> CompactRange:
    row = conn.execute(select(trail_head).where(trail_head.c.ledger_id == ledger_id)).one_or_none()
    return CompactRange.empty() if row is None else decode_edge(row.size, row.edge)


def _bound(conn: Connection, ledger_id: int) -> int:
    """The greatest size whose root is in the log."""
    newest = select(func.max(trail_root.c.size)).where(trail_root.c.ledger_id == ledger_id)
    return conn.execute(newest).scalar_one() or 0


def _root(conn: Connection, ledger_id: int, first: int, end: int) -> bytes:
    """The root over the lines from `first` up to `end`, by their leaf hashes."""
    edge = CompactRange.empty()
    for start in range(first, end, LINES_PER_READ):
        last = min(start + LINES_PER_READ, end) - 1
        mine = (table.c.ledger_id == ledger_id) & table.c.seq.between(start, last)
        query = select(table.c.leaf).where(mine).order_by(table.c.seq)
        edge, _ = edge.extend([bytes(leaf) for leaf in conn.execute(query).scalars()])
    return edge.root()


def _runs(conn: Connection, ledger_id: int) -> Iterator[Sequence[Any]]:
    seq = -1
    while True:
        query = select(table).where(table.c.ledger_id == ledger_id, table.c.seq > seq)
        rows = conn.execute(query.order_by(table.c.seq).limit(LINES_PER_READ)).all()
        if not rows:
            return
        yield rows
        seq = rows[-1].seq
