"""Entries as they stand in the log: one by one, and lists of all, of one type, of one account."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Table, select

from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.asof import Span
from ledger.journal.bulk import keyed
from ledger.journal.entry import POINTS_MAX, Entry, decode
from ledger.journal.reversal import REVERSIBLE, original_sides

ENTRIES_PER_READ = 4_096


class Listed(NamedTuple):
    """One entry of a list: its place and its bytes."""

    seq: int
    raw: bytes


def list_entries(
    conn: Connection, ledger_id: int, span: Span, *, newest_first: bool, limit: int
) -> list[Listed]:
    """At most `limit` entries of a span."""
    c = t.entry.c
    query = (
        select(c.seq, c.raw)
        .where(c.ledger_id == ledger_id, c.seq >= span.first, c.seq <= span.last)
        .order_by(c.seq.desc() if newest_first else c.seq)
        .limit(limit)
    )
    return [Listed(row.seq, bytes(row.raw)) for row in conn.execute(query)]


def list_entries_of_type(
    conn: Connection, ledger_id: int, kind: str, span: Span, *, newest_first: bool, limit: int
) -> list[Listed]:
    """At most `limit` entries of a span that are of one type."""
    runs = (_runs_down if newest_first else _runs_up)(conn, ledger_id, kind, span, limit)
    step = -1 if newest_first else 1
    seqs = (
        seq
        for first, last in runs
        for seq in range(max(first, span.first), min(last, span.last) + 1)[::step]
    )
    return _entries(conn, ledger_id, list(islice(seqs, limit)))


def _runs_up(
    conn: Connection, ledger_id: int, kind: str, span: Span, limit: int
) -> list[tuple[int, int]]:
    """The first runs that end in the span or after it, at most `limit`, as first and last."""
    c = t.run.c
    query = (
        select(c.first, c.last)
        .where(c.ledger_id == ledger_id, c.type == kind, c.last >= span.first)
        .order_by(c.last)
        .limit(limit)
    )
    return [(row.first, row.last) for row in conn.execute(query)]


def _runs_down(
    conn: Connection, ledger_id: int, kind: str, span: Span, limit: int
) -> list[tuple[int, int]]:
    """The last runs of the span, downwards: the one that goes on beyond it, then `limit` others."""
    c = t.run.c
    query = (
        select(c.first, c.last)
        .where(
            c.ledger_id == ledger_id,
            c.type == kind,
            c.last >= span.first,
            c.last < span.last,
        )
        .order_by(c.last.desc())
        .limit(limit)
    )
    beyond = _runs_up(conn, ledger_id, kind, Span(span.last, span.last), 1)
    return [*beyond, *((row.first, row.last) for row in conn.execute(query))]


def list_entries_of(
    conn: Connection, ledger_id: int, account: str, span: Span, *, newest_first: bool, limit: int
) -> list[Listed]:
    """At most `limit` entries of a span that post to an account or are about it.

    About it are `open` and `close`, the `budget`s of an issuer, the `service`s of a member.
    """
    seqs: set[int] = set()
    for table, column in (
        (t.posting, t.posting.c.account),
        (t.mention, t.mention.c.account),
        (t.service, t.service.c.member),
    ):
        seqs |= _places(conn, ledger_id, table, column == account, span, newest_first, limit)
    return _entries(conn, ledger_id, sorted(seqs, reverse=newest_first)[:limit])


def _places(
    conn: Connection,
    ledger_id: int,
    table: Table,
    mine: Any,
    span: Span,
    newest_first: bool,
    limit: int,
) -> set[int]:
    seq: Column[int] = table.c.seq
    query = (
        select(seq)
        .where(table.c.ledger_id == ledger_id, mine, seq >= span.first, seq <= span.last)
        .order_by(seq.desc() if newest_first else seq)
        .limit(limit)
    )
    return set(conn.execute(query).scalars())


def _entries(conn: Connection, ledger_id: int, seqs: Sequence[int]) -> list[Listed]:
    c = t.entry.c
    rows = {row.seq: row.raw for row in keyed(conn, (c.seq, c.raw), ledger_id, c.seq, seqs)}
    return [Listed(seq, bytes(rows[seq])) for seq in seqs]


def find_entry(conn: Connection, ledger_id: int, seq: int) -> bytes | None:
    """The bytes of one entry."""
    found = log.raw_entries(conn, ledger_id, seq, seq + 1)
    return found[0] if found else None


def entries_of_type(conn: Connection, ledger_id: int, kind: str) -> Iterator[Entry]:
    """All entries of one type, in order; read in parts of bounded length."""
    return chain.from_iterable(parts_of_type(conn, ledger_id, kind))


def parts_of_type(conn: Connection, ledger_id: int, kind: str) -> Iterator[list[Entry]]:
    """The same, a part at a time: at most 4,096 entries, which two statements read."""
    seqs = _seqs_of_type(conn, ledger_id, kind)
    while part := list(islice(seqs, ENTRIES_PER_READ)):
        rows = keyed(conn, (t.entry.c.seq, t.entry.c.raw), ledger_id, t.entry.c.seq, part)
        yield [decode(bytes(row.raw)) for row in sorted(rows, key=lambda row: row.seq)]


def _seqs_of_type(conn: Connection, ledger_id: int, kind: str) -> Iterator[int]:
    place = -1
    while runs := _runs_up(conn, ledger_id, kind, Span(place + 1, POINTS_MAX), ENTRIES_PER_READ):
        for first, place in runs:
            yield from range(first, place + 1)


def reversible_points(conn: Connection, ledger_id: int, seqs: Collection[int]) -> dict[int, int]:
    """What is left to reverse of those entries that can be reversed, by their `seq`."""
    entries = keyed(conn, (t.entry.c.seq, t.entry.c.raw), ledger_id, t.entry.c.seq, seqs)
    done = {
        row.seq: row.points
        for row in keyed(conn, t.reversed_.c, ledger_id, t.reversed_.c.seq, seqs)
    }
    originals = {row.seq: decode(bytes(row.raw)) for row in entries}
    return {
        seq: original_sides(original)[2] - done.get(seq, 0)
        for seq, original in originals.items()
        if original["type"] in REVERSIBLE
    }
