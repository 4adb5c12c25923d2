"""A web service in processes of its own on a loopback port, for as long as a block runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
THREADS = 32
WORKER = (
    "ledger.cli.patience.PatientWorker"  # of both, so that the application makes the difference
)
START_SECONDS_MAX = 60

Address = tuple[str, int]


@contextmanager
def our_service(environ: Mapping[str, str], workers: int) -> Iterator[Address]:
    """`points serve` on the installation that `environ` names."""
    address = _free_address()
    asked = dict(environ, POINTS_HOST=address[0], POINTS_PORT=str(address[1]))
    asked["POINTS_RATE_LIMIT"] = "off"  # one token sends more than a person's
    command = ["-m", "ledger.cli", "serve", "--workers", str(workers), "--threads", str(THREADS)]
    with _running(command, asked, address):
        yield address


@contextmanager
def echo_service(workers: int, *, on_cores: bool) -> Iterator[Address]:
    """The bare echo under the same server, the same workers and threads.

    Its workers run where the system puts them, as gunicorn's do, or keep to a core each, as ours.
    """
    address = _free_address()
    command = ["-m", "gunicorn", "--worker-class", WORKER, "--workers", str(workers)]
    command += ["--threads", str(THREADS), "--bind", f"{address[0]}:{address[1]}"]
    command += ["--config", "python:bench.cores"] if on_cores else []
    command += ["--no-control-socket", "--log-level", "error", "bench.echo:app"]
    with _running(command, {}, address):
        yield address


def _free_address() -> Address:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()


@contextmanager
def _running(command: list[str], environ: Mapping[str, str], address: Address) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env={**os.environ, **environ}, stdout=subprocess.PIPE
    )
    try:
        _await(process, address)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=START_SECONDS_MAX)


def _await(process: subprocess.Popen[bytes], address: Address) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(address) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the service did not start")
