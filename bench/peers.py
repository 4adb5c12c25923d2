"""What we are compared with: PostgreSQL's own benchmark on the same server."""

from __future__ import annotations

import re
import subprocess
from urllib.parse import parse_qs, urlsplit

from tests.postgres import PACKAGE

SCALE = 50
CLIENTS = 16
JOBS = 2


def prepare_tpcb(url: str) -> None:
    """Fills the tables of pgbench's TPC-B-like script at scale 50: 5 million accounts."""
    _run(url, "--initialize", "--quiet", f"--scale={SCALE}")


def tpcb_per_second(url: str, seconds: int) -> float:
    """Transactions a second of `pgbench -s 50 -c 16 -j 2 -M prepared`."""
    clients = (f"--client={CLIENTS}", f"--jobs={JOBS}")
    return pgbench(url, *clients, "--protocol=prepared", f"--time={seconds}")


def pgbench(url: str, *arguments: str) -> float:
    """Transactions a second of a run of pgbench."""
    said = _run(url, *arguments)
    found = re.search(r"tps = ([0-9.]+)", said)
    if found is None:
        raise RuntimeError(f"pgbench told no rate:\n{said}")
    return float(found.group(1))


def _run(url: str, *arguments: str) -> str:
    parts = urlsplit(url)
    socket = parse_qs(parts.query)["host"][0]
    command = [PACKAGE / "pginstall" / "bin" / "pgbench", "--host", socket]
    command += ["--username", parts.username or "postgres", *arguments, parts.path.lstrip("/")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return ran.stdout + ran.stderr
