"""What a verified bundle holds, as the rows that it puts back into a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ledger.audit.faults import RestoreFault
from ledger.audit.files import LogFiles
from ledger.audit.layout import checkpoint_path
from ledger.audit.reader import BundleReader
from ledger.audit.report import Report
from ledger.audit.trust import parse_keys
from ledger.journal.entry import Entry
from ledger.journal.times import US_PER_SECOND, format_time
from ledger.tlog.checkpoint import Checkpoint, log_signatures, open_checkpoint
from ledger.tlog.errors import TlogError
from ledger.tlog.merkle import CompactRange, range_at
from ledger.tlog.note import open_note
from ledger.tlog.tiles import TileHashes


class Bundled:
    """What a bundle that was verified holds."""

    def __init__(self, reader: BundleReader, report: Report) -> None:
        self._reader = reader
        self._verifiers = parse_keys(report.vkeys)
        self.origin, self.size, self.root = report.origin, report.size, report.root
        self.files = LogFiles(reader, report.size)
        self._tree = TileHashes(self.files.read_tile, report.size)

    def edge(self, size: int) -> CompactRange:
        """The right edge of the tree at `size`."""
        return range_at(size, self._tree)

    def opened(self, note: bytes) -> Checkpoint:
        """A checkpoint from elsewhere that this log's keys signed; `RestoreFault` otherwise."""
        try:
            checkpoint, opened = open_checkpoint(note, self._verifiers)
            log_signatures(checkpoint, opened)
        except TlogError as error:
            raise RestoreFault(
                f"The checkpoint that you gave is none of {self.origin}: {error}. Nothing was"
                " changed."
            ) from error
        return checkpoint

    def checkpoints(self, above: int, up_to: int) -> Iterator[tuple[int, bytes, str]]:
        """The rows of `checkpoint` for these sizes; their times are to the second."""
        for size in self._reader.checkpoint_sizes:
            if above < size <= up_to:
                note = self._reader.read(checkpoint_path(size))
                yield size, note, self._signed_at(note, size)

    def _signed_at(self, note: bytes, size: int) -> str:
        signatures = open_note(note, self._verifiers).signatures
        seconds = max((each.timestamp or 0 for each in signatures), default=0)
        if seconds:
            return format_time(seconds * US_PER_SECOND)
        return str((self.files.entry(size - 1) or {})["at"])

    def requests(self, entries: Sequence[Entry]) -> Iterator[tuple[Any, ...]]:
        """The rows of `request` for these entries; what exactly was asked is not in the log."""
        for entry in entries:
            if "request" in entry:
                first, last = self._first_made(entry), entry["seq"]
                yield (entry["request"], None, first, last, None, None, entry["at"])

    def _first_made(self, entry: Entry) -> int:
        """The first entry of the answer that `entry` ends: due work of its accounts included."""
        touched, first = _accounts(entry), int(entry["seq"])
        while first:
            before = self.files.entry(first - 1) or {}
            if not _is_due(before) or touched.isdisjoint(_accounts(before)):
                break
            first -= 1
        return first


def _accounts(entry: Entry) -> set[str]:
    named = {entry[field] for field in ("account", "member") if field in entry}
    return named | {p["account"].removesuffix("/held") for p in entry.get("postings", ())}


def _is_due(entry: Entry) -> bool:
    return entry.get("type") in ("release", "expiry") and "actor" not in entry
