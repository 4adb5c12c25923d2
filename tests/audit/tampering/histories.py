"""Whole histories put in the place of the true one, each consistent with itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete

from ledger.audit.projections import expected_rows
from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.book import check
from ledger.journal.bulk import write
from ledger.journal.entry import Entry, decode, encode
from ledger.journal.statements import state_root
from ledger.journal.store import NewEntry, save_entries
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.merkle import CompactRange, leaf_hash
from tests.audit.lived import Forger
from tests.audit.tampering.scene import LEDGER_ID, Scene
from tests.journal.live import ORIGIN

FORGED = 40
"""The grant that is made larger, between the heads of 27 and 327 entries."""
BEFORE = 27
BACKUP = 331


def true_history(scene: Scene) -> list[bytes]:
    """All entries as they are."""
    with scene.database.reading() as conn:
        return log.raw_entries(conn, LEDGER_ID, 0, log.log_size(conn, LEDGER_ID))


def forged_history(scene: Scene) -> list[bytes]:
    """One grant made larger by a point, and everything after it chained to that."""
    entries = true_history(scene)
    forger = Forger(entries[:FORGED])
    for raw in entries[FORGED:]:
        entry = _chained(forger, decode(raw))
        forger.books.apply(*check(forger.books, entry))
        forger.entries.append(encode(entry))
    return forger.entries


def _chained(forger: Forger, entry: Entry) -> Entry:
    for posting in entry.get("postings", ()):
        if entry["seq"] == FORGED:
            posting["amount"] += 1 if posting["amount"] > 0 else -1
        account = forger.books.account(posting["account"])
        assert account is not None
        posting["balance"] = account.balance + posting["amount"]
    if entry["type"] == "state":
        entry["root"] = state_root(forger.books)
    return entry


def install(scene: Scene, entries: Sequence[bytes], published: int) -> None:
    """Every table made anew from these entries; the heads over `published` entries taken away."""
    leaves = [leaf_hash(raw) for raw in entries]
    books = Forger(entries).books
    edge, subtrees = CompactRange.empty().extend(leaves)
    with scene.unguarded() as conn:
        for table in (t.entry, t.posting, t.run, t.mention):
            conn.execute(delete(table))
        rows = [NewEntry(decode(raw), raw, leaf) for raw, leaf in zip(entries, leaves, strict=True)]
        save_entries(conn, LEDGER_ID, rows)
        for table, made in expected_rows(books, edge, subtrees):
            conn.execute(delete(table))
            empty = ("",) if table is t.hold else ()  # its companion
            write(conn, table, LEDGER_ID, [(*row, *empty) for row in made], "insert")
        conn.execute(delete(t.checkpoint).where(t.checkpoint.c.size > published))
        conn.execute(delete(t.request).where(t.request.c.last >= len(entries)))
        conn.execute(delete(t.publication))
        then = CompactRange.empty().extend(leaves[:published])[0]
        write(conn, t.publication, LEDGER_ID, [(published, then.encode())], "insert")


def lose_file(scene: Scene) -> None:
    """The high-water file taken away."""
    scene.file.unlink()


def old_file(scene: Scene, entries: Sequence[bytes], size: int) -> None:
    """The high-water file as it was when there were `size` entries."""
    then = CompactRange.empty().extend([leaf_hash(raw) for raw in entries[:size]])[0]
    scene.file.write_bytes(Checkpoint(ORIGIN, size, then.root()).encode())


@dataclass(frozen=True, slots=True)
class History:
    """A history that is put in the place of the true one, and who notices it.

    `stops`, `names` and `bundle` as in `Case`; `kept` is what an auditor reads who kept the newest
    checkpoint of the true history and gives it to `points verify --head`.
    """

    what: str
    tamper: Callable[[Scene], None]
    stops: str | None
    names: str | None
    bundle: str | None
    kept: str


def _forge(published: int) -> Callable[[Scene], None]:
    return lambda scene: install(scene, forged_history(scene), published)


def _forge_without_file(published: int) -> Callable[[Scene], None]:
    def tamper(scene: Scene) -> None:
        _forge(published)(scene)
        lose_file(scene)

    return tamper


def _forge_with_old_file(scene: Scene) -> None:
    old_file(scene, true_history(scene), BEFORE)
    _forge(BEFORE)(scene)


def _back(scene: Scene) -> None:
    install(scene, true_history(scene)[:BACKUP], BACKUP)


def _back_without_file(scene: Scene) -> None:
    _back(scene)
    lose_file(scene)


def _back_with_old_file(scene: Scene) -> None:
    old_file(scene, true_history(scene), BACKUP)
    _back(scene)


REWRITTEN = "The database's root at size 335"
TWO = "two histories were signed"
SHORT = "but you have a head of 335"
MISSING = "is missing, though"
OLD = "The database has 331 entries, but a head of 335 was signed"

HISTORIES = [
    History(
        "a grant made larger, everything after it made anew, the checkpoints left",
        _forge(335),
        REWRITTEN,
        "checkpoint.note",
        "checkpoints/327 states the root",
        "checkpoints/327 states the root",
    ),
    History(
        "the same, and the checkpoints over it taken away",
        _forge(BEFORE),
        REWRITTEN,
        "entry.raw",
        None,
        "the bundle has 27 entries, but you have a head of 335",
    ),
    History(
        "the same, and the high-water file taken away too",
        _forge_without_file(BEFORE),
        MISSING,
        None,
        None,
        "the bundle has 27 entries, but you have a head of 335",
    ),
    History(
        "the same, and the high-water file put back to what it was before",
        _forge_with_old_file,
        None,
        None,
        None,
        TWO,
    ),
    History(
        "the same without any checkpoint and file, as if nothing had been published ever",
        _forge_without_file(0),
        None,
        None,
        None,
        TWO,
    ),
    History("an old backup put back", _back, OLD, "entry.*", None, SHORT),
    History("the same without the high-water file", _back_without_file, MISSING, None, None, SHORT),
    History(
        "the same with the high-water file of that day",
        _back_with_old_file,
        None,
        None,
        None,
        SHORT,
    ),
]
