"""Compares the heads that are stored, or known from elsewhere, with the tree of the entries.

These are the published checkpoints with their times, the right edge in `publication`, and heads
that the caller brings: what was signed last by the high-water file, or a checkpoint that he kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from ledger.audit.faults import BundleFault
from ledger.audit.layout import checkpoint_path
from ledger.audit.projections import ABSENT, Differences
from ledger.audit.trust import KeyRule
from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.times import US_PER_SECOND, format_time
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.merkle import CompactRange


class StoredHeads:
    """The heads of one ledger, judged as its tree grows past them; `brought` are the caller's."""

    def __init__(
        self,
        conn: Connection,
        ledger_id: int,
        keys: KeyRule,
        brought: Sequence[Checkpoint],
        found: Differences,
    ) -> None:
        self._conn = conn
        self._ledger_id = ledger_id
        self._keys = keys
        self._brought = brought
        self._found = found
        mine = t.publication.c.ledger_id == ledger_id
        row = conn.execute(select(t.publication).where(mine)).one_or_none()
        self._published = (row.size, bytes(row.edge)) if row else None
        self._notes: dict[int, tuple[bytes, str]] = {}

    def stops(self, start: int, end: int) -> list[int]:
        """The sizes over `start` up to `end` at which `judge` is to be called, in order."""
        c = t.checkpoint.c
        query = select(c.size, c.note, c.at).where(
            c.ledger_id == self._ledger_id, c.size > start, c.size <= end
        )
        rows = self._conn.execute(query)
        self._notes = {size: (bytes(note), at) for size, note, at in rows}
        brought = {head.size for head in self._brought if start < head.size <= end}
        return sorted(self._notes.keys() | brought)

    def judge(self, edge: CompactRange) -> None:
        """Compares all heads of this size with the tree, whose right edge is `edge`."""
        size, root = edge.size, edge.root()
        if size in self._notes:
            self._judge_checkpoint(size, root)
        if self._published is not None and size == self._published[0]:
            stored = self._published[1]
            if stored != edge.encode():
                self._found.add("publication", self._ledger_id, "edge", stored, edge.encode())
        for head in self._brought:
            if head.size == size and head.root != root:
                wanted = f"the root {head.root.hex()}, a head that was signed"
                self._found.add(
                    "entry", f"0 to {size - 1}", "raw", f"the root {root.hex()}", wanted
                )

    def _judge_checkpoint(self, size: int, root: bytes) -> None:
        note, at = self._notes[size]
        try:
            signed_at = self._keys.check(checkpoint_path(size), note, size, root)
        except BundleFault as fault:
            wanted = "the root of the entries, signed by the log's keys"
            self._found.add("checkpoint", size, "note", str(fault), wanted)
            return
        signed = None if signed_at is None else format_time(signed_at * US_PER_SECOND)
        if signed is not None and at.partition(".")[0] != signed.partition(".")[0]:
            self._found.add("checkpoint", size, "at", at, signed)

    def finish(self, size: int, origin: str) -> None:
        """What can be said once all `size` entries of the log `origin` were read."""
        newest = log.latest_checkpoint(self._conn, self._ledger_id)
        published = newest.size if newest else 0
        if self._published is None:
            self._found.add("publication", self._ledger_id, "*", ABSENT, "a row")
        elif published != self._published[0]:
            self._found.add("publication", self._ledger_id, "size", self._published[0], published)
        if published > size:
            self._found.add("checkpoint", published, "*", "a row", f"sizes up to {size} only")
        for head in self._brought:
            if head.size > size:
                wanted = f"the {head.size} entries of a head that was signed"
                self._found.add("entry", size, "*", ABSENT, wanted)
            if head.origin != origin:
                self._found.add("ledger", self._ledger_id, "origin", origin, head.origin)
