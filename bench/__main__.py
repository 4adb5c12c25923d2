"""`make bench`: our rates beside those of peers, measured in one run, as a table and as JSON.

`python -m bench appends web long offline` measures some parts only.  A figure without its peer in
the same run says little, since machines differ and so do their days: read the ratios.  Nothing here
is asserted.
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
from bench.offline import import_per_second, verify_long, verify_per_second
from bench.peers import prepare_tpcb, tpcb_per_second
from bench.permissions import BenchPermissions
from bench.plpgsql import plpgsql_per_second, prepare_plpgsql
from bench.records import BenchRecords
from bench.size import ACCOUNTS, APPEND, append_during_export, long_ledger, reads
from bench.web import batch_load, credit_load, echo_load
from ledger.tuning import tune_interpreter
from tests.postgres import fresh_database, postgres_server

ROUNDS = 3
SHARED_BUFFERS = "1GB"  # as docs/operating.md has it: what a batch touches lies in memory
PEER_SECONDS = 10
# size of a group, groups a client and round, clients
APPENDS = ((1, 400, 1), (16, 200, 1), (256, 60, 1), (1, 100, 32))
WORKERS = os.cpu_count() or 1
LISTS, LOOK_UPS = 100, 1_000

Say = Callable[[str], None]


class Figures:
    """What was measured, each the median of its rounds, and the peer that it stands beside."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self._values: dict[str, list[float]] = {}
        self._units: dict[str, str] = {}
        self._peers: dict[str, str] = {}

    def note(self, name: str, value: float, *, unit: str = "a second", peer: str = "") -> None:
        """Takes down one round of a figure."""
        self._values.setdefault(name, []).append(value)
        self._units[name], self._peers[name] = unit, peer
        self.say(f"{name}: {_number(value)} {unit}")

    def rows(self) -> list[tuple[str, float, str, str, float | None]]:
        """Name, median, unit, peer, and the ratio to that peer's median."""
        medians = {name: statistics.median(values) for name, values in self._values.items()}
        return [
            (name, value, self._units[name], peer, value / medians[peer] if peer else None)
            for name, value in medians.items()
            for peer in (self._peers[name],)
        ]


# --- the parts -----------------------------------------------------------------------------------


def appends(figures: Figures, server: str, base: Path) -> None:
    """Credits out of one budget account, beside TPC-B and a plain ledger on the same server."""
    tpcb, plain = "TPC-B (pgbench)", "plain PL/pgSQL ledger, one hot account (pgbench)"
    with (
        fresh_database(server, "tpcb") as tpcb_url,
        fresh_database(server, "plain") as plain_url,
        fresh_database(server, "bench") as ours,
    ):
        prepare_tpcb(tpcb_url)
        prepare_plpgsql(plain_url)
        desk = BenchDesk(base / "appends", ours)
        for _ in range(ROUNDS):
            figures.note(tpcb, tpcb_per_second(tpcb_url, PEER_SECONDS))
            figures.note(plain, plpgsql_per_second(plain_url, PEER_SECONDS))
            for size, groups, clients in APPENDS:
                name = f"credits, batches of {size}"
                name += f", {clients} threads" if clients > 1 else ""
                figures.note(name, desk.credits_per_second(size, groups, clients), peer=plain)
        desk.installation.close()


def web(figures: Figures, server: str, base: Path) -> None:
    """Credits over HTTP by 32 clients, beside a bare echo under the same server."""
    echo = f"bare Flask echo, {WORKERS} workers"
    with fresh_database(server, "web") as ours:
        desk = BenchDesk(base / "web", ours)
        for _ in range(ROUNDS):
            found = echo_load(WORKERS)
            figures.note(echo, found.per_second)
            found = echo_load(WORKERS, on_cores=True)
            figures.note(f"{echo}, each on a core as ours", found.per_second, peer=echo)
            for workers in sorted({1, WORKERS}):
                found = credit_load(desk, workers)
                name = f"HTTP credits, {workers} workers"
                figures.note(name, found.per_second, peer=echo)
                figures.note(f"{name}, p50", found.p50_ms, unit="ms")
                figures.note(f"{name}, p99", found.p99_ms, unit="ms")
            found = batch_load(desk, WORKERS)
            figures.note("HTTP credits in batches of 1,000", found.per_second, peer=echo)
        desk.installation.close()


def long(figures: Figures, server: str, base: Path) -> None:
    """A log of a million entries of 100,000 accounts: appends, reads, exports, verification."""
    for database in ("PostgreSQL", "SQLite"):
        with (
            fresh_database(server, f"empty_{database.lower()}") as empty_url,
            fresh_database(server, f"long_{database.lower()}") as url,
        ):
            served = database == "PostgreSQL"
            # As many accounts, since their number is what a batch's rows are spread over.
            empty = BenchDesk(
                base / f"empty-{database}", empty_url if served else None, members=ACCOUNTS
            )
            figures.say(f"appending a million entries on {database} …")
            data = base / f"long-{database}"
            desk = long_ledger(data, url if served else None)
            _appends_when_long(figures, database, empty, desk)
            _reads_when_long(figures, database, desk)
            _export_when_long(figures, database, desk, base / f"{database}.zip")
            (data / "vkey").write_text(desk.ledger.keys.vkeys(1)[0])
            desk.installation.close()
            empty.installation.close()
    _verify_when_long(figures, base)


def _appends_when_long(figures: Figures, database: str, empty: BenchDesk, desk: BenchDesk) -> None:
    """By turns, since a machine's pace changes from one minute to the next."""
    bare = _when_empty(database)
    for _ in range(ROUNDS):
        figures.note(bare, empty.credits_per_second(*APPEND))
        name = f"credits, batches of 256, a million entries, {database}"
        figures.note(name, desk.credits_per_second(*APPEND), peer=bare)


def _when_empty(database: str) -> str:
    return f"credits, batches of 256, 100,000 accounts and few credits, {database}"


def _reads_when_long(figures: Figures, database: str, desk: BenchDesk) -> None:
    for name, took in reads(desk).items():
        figures.note(f"{name}, {database}, p50", took.p50_ms, unit="ms")
        figures.note(f"{name}, {database}, p99", took.p99_ms, unit="ms")


def _export_when_long(figures: Figures, database: str, desk: BenchDesk, bundle: Path) -> None:
    rate, exported = append_during_export(desk, bundle)
    name = f"credits, batches of 256, during an export, {database}"
    figures.note(name, rate, peer=_when_empty(database))
    figures.note(f"export, {database}, during appends", exported)


def _verify_when_long(figures: Figures, base: Path) -> None:
    for jobs in sorted({1, WORKERS}):
        verified = verify_long(base / "SQLite.zip", base / "long-SQLite" / "vkey", jobs)
        name = f"verify, a million entries, {jobs} cores"
        figures.note(name, verified.per_second)
        figures.note(f"{name}, memory", verified.peak_mib, unit="MiB")
        figures.note(f"{name}, memory of each helper", verified.helper_mib, unit="MiB")


def offline(figures: Figures, server: str, base: Path) -> None:
    """A real history, imported and verified."""
    with fresh_database(server, "imported") as url:
        figures.note("import, PostgreSQL", import_per_second(base / "import-postgresql", url))
    figures.note("import, SQLite", import_per_second(base / "import-sqlite"))
    for _ in range(ROUNDS):
        figures.note("verify", verify_per_second(base / "import-sqlite"))


def kept(figures: Figures, server: str, base: Path) -> None:
    """Permissions checked; records of members: lists decrypted, look-ups by document number."""
    for database in ("PostgreSQL", "SQLite"):
        with fresh_database(server, f"kept_{database.lower()}") as url:
            figures.say(f"filling the index of records on {database} …")
            desk = BenchDesk(base / f"kept-{database}", url if database == "PostgreSQL" else None)
            members, staff = BenchRecords(desk), BenchPermissions(desk)
            for _ in range(ROUNDS):
                rate = staff.sessions_per_second(LOOK_UPS)
                figures.note(f"permissions checked, a session with 3 roles, {database}", rate)
                rate = staff.tokens_per_second(LOOK_UPS)
                figures.note(f"permissions checked, a token, {database}", rate)
                rate = members.lists_per_second(LISTS)
                figures.note(f"lists of 100 records decrypted, {database}", rate)
                rate = members.lookups_per_second(LOOK_UPS)
                figures.note(f"look-ups by document number among a million, {database}", rate)
            desk.installation.close()


PARTS = {"appends": appends, "web": web, "long": long, "offline": offline, "records": kept}


# --- showing them --------------------------------------------------------------------------------


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _shown(figures: Figures) -> Table:
    table = Table(title="median of the rounds")
    for heading in ("what", "figure", "unit", "beside", "ratio"):
        table.add_column(heading, justify="right" if heading in ("figure", "ratio") else "left")
    for name, value, unit, peer, ratio in figures.rows():
        table.add_row(name, _number(value), unit, peer, "" if ratio is None else f"{ratio:.2f}")
    return table


def main(names: list[str]) -> int:
    """Measures the parts named, or all, prints a table, and writes `.data/bench.json`."""
    if not set(names) <= set(PARTS):
        print(f"usage: python -m bench [{' | '.join(PARTS)}] …", file=sys.stderr)
        return 2
    tune_interpreter()
    console = Console(stderr=True)
    figures = Figures(lambda text: console.print(f"  {text}", highlight=False))
    disk = Path(tempfile.gettempdir())  # where a commit waits for it, unlike in the tests
    with (
        tempfile.TemporaryDirectory(prefix="points-bench-") as folder,
        postgres_server(disk, shared_buffers=SHARED_BUFFERS) as url,
    ):
        for name in names or PARTS:
            PARTS[name](figures, url, Path(folder))
    Console(width=140).print(_shown(figures))
    target = Path(os.environ.get("POINTS_DATA", ".data")) / "bench.json"
    target.parent.mkdir(mode=0o700, exist_ok=True)
    machine = {"python": platform.python_version(), "cores": os.cpu_count()}
    fields = ("what", "figure", "unit", "beside", "ratio")
    told = [dict(zip(fields, row, strict=True)) for row in figures.rows()]
    target.write_text(json.dumps({"machine": machine, "figures": told}, indent=2) + "\n")
    print(f"written to {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
