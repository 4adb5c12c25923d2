"""Importing a real history and verifying bundles, in entries a second.

`python -m bench.offline BUNDLE VKEY_FILE JOBS` verifies a bundle by that many processes in one that
does nothing else, and prints its rate and the memory that it took at its peak as JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from bench.desk import BenchDesk
from ledger.audit.bundle import write_bundle
from ledger.audit.verify import verify_bundle
from ledger.programme.csvlines import CsvFile
from ledger.programme.history import Columns
from ledger.programme.importing import Import
from ledger.programme.terms import Plan
from ledger.tlog.note import parse_vkey
from ledger.tuning import tune_interpreter

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


class Verified(NamedTuple):
    """Entries a second, and MiB resident at the peak: of the process, and of each that helped."""

    per_second: float
    peak_mib: float
    helper_mib: float


def verify_long(bundle: Path, vkey: Path, jobs: int) -> Verified:
    """What verifying a long bundle takes by `jobs` processes, measured in a process of its own."""
    command = [sys.executable, "-m", "bench.offline", str(bundle), str(vkey), str(jobs)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return Verified(*json.loads(ran.stdout))


def _measured(bundle: Path, vkey: Path, jobs: int) -> Verified:
    tune_interpreter()
    trusted = [parse_vkey(vkey.read_text())]
    start = time.perf_counter()
    report = verify_bundle(bundle, trusted, jobs=jobs)
    rate = report.size / (time.perf_counter() - start)
    own, helpers = (
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return Verified(rate, own, helpers)


def _ignore(_: object) -> None:
    """Nobody watches."""


if __name__ == "__main__":
    print(json.dumps(_measured(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))
