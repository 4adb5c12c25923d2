"""Importing a real history and verifying its bundle, in entries a second."""

from __future__ import annotations

import time
from pathlib import Path

from bench.desk import BenchDesk
from ledger.audit.bundle import write_bundle
from ledger.audit.verify import verify_bundle
from ledger.programme.csvlines import CsvFile
from ledger.programme.history import Columns
from ledger.programme.importing import Import
from ledger.programme.terms import Plan
from ledger.tlog.note import parse_vkey

HISTORY = Path(__file__).parent.parent / "tests" / "data" / "cdnow.csv.gz"
MAPPING = "account=customer,points=dollars:floor,date=date"


def import_per_second(data: Path, database_url: str | None = None) -> float:
    """Rows a second of checking and entering the file; leaves `bundle.zip` and `vkey` in `data`."""
    desk = BenchDesk(data, database_url)
    installation, ledger = desk.installation, desk.ledger
    plan = Plan(
        CsvFile(HISTORY), "cdnow", Columns.parse(MAPPING), desk.budget, desk.actor, desk.second
    )
    start = time.perf_counter()
    work = Import(installation.database, installation.clock, ledger, plan)
    work.check(_ignore, _ignore)
    summary = work.enter(_ignore, _ignore)
    rate = summary.rows / (time.perf_counter() - start)
    write_bundle(
        installation.database,
        ledger.id,
        ledger.origin,
        data / "bundle.zip",
        publisher=ledger.publisher,
    )
    (data / "vkey").write_text(ledger.keys.vkeys(1)[0])
    installation.close()
    return rate


def verify_per_second(data: Path) -> float:
    """Entries a second of verifying the bundle that an import left in `data`, on one core."""
    trusted = [parse_vkey((data / "vkey").read_text())]
    start = time.perf_counter()
    report = verify_bundle(data / "bundle.zip", trusted)
    return report.size / (time.perf_counter() - start)


def _ignore(_: object) -> None:
    """Nobody watches."""
