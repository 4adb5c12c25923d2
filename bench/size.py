"""What a long log costs: appends, reads and receipts at a million entries, beside an empty one."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from bench.desk import BenchDesk
from ledger.audit.bundle import write_bundle
from ledger.journal import log
from ledger.journal.asof import Span, resolve
from ledger.journal.entry import decode
from ledger.programme.reading.accounts import find_account, find_past_account
from ledger.programme.reading.entries import list_entries_of_type
from ledger.programme.reading.histories import account_history

ENTRIES = 1_000_000
ACCOUNTS = 100_000
APPEND = (256, 40, 1)  # size of a group, groups, clients
READS = 1_000
SEED = 20261126


class Took(NamedTuple):
    """How long one took in milliseconds: in the median, and all but one in a hundred."""

    p50_ms: float
    p99_ms: float


def long_ledger(data: Path, database_url: str | None = None) -> BenchDesk:
    """A ledger of a million entries and a hundred thousand accounts, made by the append path."""
    desk = BenchDesk(data, database_url, members=ACCOUNTS)
    desk.fill(ENTRIES)
    desk.ledger.publisher.publish()
    return desk


def reads(desk: BenchDesk) -> dict[str, Took]:
    """How long each kind of read takes, of accounts and entries drawn by chance."""
    rng = random.Random(SEED)
    ledger_id, now = desk.ledger.id, desk.installation.clock.now()

    everything = Span(0, ENTRIES)

    def account() -> str:
        return desk.member(rng.randrange(ACCOUNTS))

    def seq() -> int:
        return rng.randrange(ACCOUNTS, ENTRIES)

    def history(conn: Connection) -> object:
        return account_history(
            conn, ledger_id, account(), everything, page=everything, newest_first=True, limit=50
        )

    def by_time(conn: Connection) -> object:
        (raw,) = log.raw_entries(conn, ledger_id, at := seq(), at + 1)
        return resolve(conn, ledger_id, time=decode(raw)["at"])

    kinds: dict[str, Callable[[Connection], object]] = {
        "a balance": lambda conn: find_account(conn, ledger_id, account(), now),
        "50 lines of a history": history,
        "a balance as of an entry": lambda conn: find_past_account(
            conn, ledger_id, account(), seq()
        ),
        "the entry as of a time": by_time,
        "50 entries of one type": lambda conn: list_entries_of_type(
            conn, ledger_id, "credit", Span(seq(), ENTRIES), newest_first=False, limit=50
        ),
        "a receipt": lambda conn: log.receipt(conn, ledger_id, seq()),
    }
    return {name: _took(desk, read) for name, read in kinds.items()}


def append_during_export(desk: BenchDesk, target: Path) -> tuple[float, float]:
    """Credits a second while the log is exported, and entries a second of that export."""
    here, exported = desk.installation, []

    def export() -> None:
        start = time.perf_counter()
        write_bundle(here.database, desk.ledger.id, desk.ledger.origin, target)
        exported.append(time.perf_counter() - start)

    with here.database.reading() as conn:
        published = log.latest_checkpoint(conn, desk.ledger.id)
    if published is None:
        raise RuntimeError("nothing is published")
    thread = threading.Thread(target=export)
    thread.start()
    rate = desk.credits_per_second(*APPEND)
    thread.join()
    return rate, published.size / exported[0]


def _took(desk: BenchDesk, read: Callable[[Connection], object]) -> Took:
    seconds = []
    for _ in range(READS):
        start = time.perf_counter()
        with desk.installation.database.reading() as conn:
            read(conn)
        seconds.append(time.perf_counter() - start)
    cuts = statistics.quantiles(seconds, n=100)
    return Took(cuts[49] * 1_000, cuts[98] * 1_000)
