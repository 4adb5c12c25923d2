"""The service starts from nothing, starts again, and stops with everything published."""

import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cli.conftest import Terminal


@pytest.fixture
def fresh(tmp_path: Path) -> Terminal:
    """A terminal on a machine where nothing was set up: no database, no passphrase."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    terminal = Terminal(tmp_path / "data", f"sqlite:///{tmp_path}/data/points.db")
    terminal.environ |= {"POINTS_PASSPHRASE": "", "POINTS_PORT": str(port)}
    return terminal


@pytest.fixture
def started(fresh: Terminal) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes to be ended whatever happens."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.communicate()


def _ready(process: subprocess.Popen[str]) -> list[str]:
    """What it prints when it listens."""
    assert process.stdout is not None
    return [process.stdout.readline() for _ in range(3)]


def _get(terminal: Terminal, path: str) -> Any:
    """An answer of the service, asked for as the hint says."""
    token = (terminal.data / "demo-token").read_text().strip()
    url = f"http://127.0.0.1:{terminal.environ['POINTS_PORT']}{path}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return orjson.loads(response.read())


def test_run_sets_up_serves_stops_and_starts_again_with_the_same_data(
    fresh: Terminal, started: list[subprocess.Popen[str]]
) -> None:
    # When it is run where there is nothing
    started.append(fresh.start("run", "--workers", 2))
    printed = _ready(started[0])
    # Then it says where it serves, and how to ask it something
    assert f"http://127.0.0.1:{fresh.environ['POINTS_PORT']}" in printed[0]
    token = (fresh.data / "demo-token").read_text().strip()
    name = token.split("_")[1]
    assert f"/v1/ledgers/{name}" in printed[2]
    assert _get(fresh, f"/v1/ledgers/{name}")["size"] == 104
    assert not any(token in line for line in printed)
    # When a second one is started beside it, then that says what is in the way
    second = fresh.complaint("run")
    assert "is in use already. Set POINTS_PORT" in second
    # When it is told to stop, then it does, by its own will
    started[0].send_signal(signal.SIGTERM)
    started[0].communicate(timeout=60)
    assert started[0].returncode == 0
    # And a second start finds everything as it was
    started.append(fresh.start("run", "--workers", 1))
    _ready(started[1])
    assert (fresh.data / "demo-token").read_text().strip() == token
    assert _get(fresh, f"/v1/ledgers/{name}")["size"] == 104
    started[1].send_signal(signal.SIGINT)
    started[1].communicate(timeout=60)


def test_what_was_appended_last_is_published_when_it_stops(
    fresh: Terminal, started: list[subprocess.Popen[str]]
) -> None:
    # Given a service, and an entry that another process appends without publishing it
    started.append(fresh.start("run", "--workers", 1))
    _ready(started[0])
    name = (fresh.data / "demo-token").read_text().split("_")[1]
    person = fresh.facts("token", "list")["tokens"][0]["person"]
    started[0].send_signal(signal.SIGSTOP)
    quiet = "from ledger.journal.publish import Publisher\nPublisher.publish = lambda self: 0"
    accept = fresh.start("clock", "accept", "--actor", person, before=quiet)
    assert accept.communicate(timeout=60)[1] == ""
    # When the service is stopped
    started[0].send_signal(signal.SIGTERM)
    started[0].send_signal(signal.SIGCONT)
    started[0].communicate(timeout=60)
    # Then that entry is under a checkpoint
    installation = fresh.start("receipt", "104", "--ledger", name, before=quiet.replace("0", "105"))
    assert installation.communicate(timeout=60)[0].startswith("c2sp.org/tlog-proof@v1")


def test_serve_wants_something_to_serve(fresh: Terminal) -> None:
    assert "There is no database at" in fresh.complaint("serve")
