"""`make bench`: our rates beside those of peers, measured in one run, as a table and as JSON.

A figure without its peer in the same run says little, since machines differ and so do their days:
read the ratios.  Nothing here is asserted.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.desk import BenchDesk
from bench.offline import import_per_second, verify_per_second
from bench.peers import prepare_tpcb, tpcb_per_second
from ledger.tuning import tune_interpreter
from tests.postgres import fresh_database, postgres_server

ROUNDS = 3
TPCB_SECONDS = 10
# size of a group, groups a client and round, clients
APPENDS = ((1, 400, 1), (16, 200, 1), (256, 60, 1))

Figures = dict[str, float]


def measure(say: Callable[[str], None]) -> Figures:
    """All figures, each the median of the rounds, the peers' rounds between ours."""
    rates: dict[str, list[float]] = {}

    def note(name: str, rate: float) -> None:
        rates.setdefault(name, []).append(rate)
        say(f"{name}: {rate:,.0f}/s")

    with tempfile.TemporaryDirectory(prefix="points-bench-") as folder, postgres_server() as url:
        base = Path(folder)
        with fresh_database(url, "tpcb") as tpcb, fresh_database(url, "bench") as ours:
            say("filling pgbench's tables …")
            prepare_tpcb(tpcb)
            desk = BenchDesk(base / "postgresql", ours)
            for _ in range(ROUNDS):
                note("TPC-B (pgbench)", tpcb_per_second(tpcb, TPCB_SECONDS))
                for size, groups, clients in APPENDS:
                    rate = desk.credits_per_second(size, groups, clients)
                    note(f"credits, batches of {size}", rate)
            desk.installation.close()
            with fresh_database(url, "imported") as imported:
                note("import, PostgreSQL", import_per_second(base / "import-postgresql", imported))
        note("import, SQLite", import_per_second(base / "import-sqlite"))
        for _ in range(ROUNDS):
            note("verify", verify_per_second(base / "import-sqlite"))
    return {name: statistics.median(values) for name, values in rates.items()}


def show(figures: Figures, console: Console) -> None:
    """The figures as a table, with their ratio to TPC-B."""
    table = Table(title="a second, median of the rounds")
    for heading in ("what", "rate", "TPC-B = 1"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    peer = figures["TPC-B (pgbench)"]
    for name, rate in figures.items():
        table.add_row(name, f"{rate:,.0f}", f"{rate / peer:.2f}")
    console.print(table)


def main() -> None:
    """Measures, prints the table, and writes the figures to `.data/bench.json`."""
    tune_interpreter()
    console = Console(stderr=True)
    figures = measure(lambda text: console.print(f"  {text}", highlight=False))
    show(figures, Console())
    target = Path(os.environ.get("POINTS_DATA", ".data")) / "bench.json"
    target.parent.mkdir(mode=0o700, exist_ok=True)
    machine = {"python": platform.python_version(), "cores": os.cpu_count()}
    target.write_text(json.dumps({"machine": machine, "per_second": figures}, indent=2) + "\n")
    print(f"written to {target}")


if __name__ == "__main__":
    sys.exit(main())
