"""The service starts from nothing, starts again, and stops with everything published."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from ledger.journal import log
from ledger.journal.commands import StateOfAll
from ledger.journal.orders import Group, Order
from tests.cli.conftest import Terminal


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def fresh(tmp_path: Path) -> Terminal:
    """A terminal on a machine where nothing was set up: no database, no passphrase."""
    terminal = Terminal(tmp_path / "data", f"sqlite:///{tmp_path}/data/points.db")
    terminal.environ |= {"POINTS_PASSPHRASE": "", "POINTS_PORT": str(_free_port())}
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
    return [process.stdout.readline() for _ in range(4)]


def _workers(process: subprocess.Popen[str]) -> list[int]:
    """The ids of its worker processes."""
    stats = [file.read_text().rpartition(") ") for file in Path("/proc").glob("[0-9]*/stat")]
    return [
        int(name.partition(" ")[0])
        for name, _, rest in stats
        if int(rest.split()[1]) == process.pid
    ]


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
    assert printed[2].strip() == token
    assert f"/v1/ledgers/{name}" in printed[3]
    assert _get(fresh, f"/v1/ledgers/{name}")["size"] == 105
    # And each worker keeps to one core, as far as there are enough to their own
    kept = [os.sched_getaffinity(worker) for worker in _workers(started[0])]
    assert [len(each) for each in kept] == [1, 1]
    assert len(set().union(*kept)) == min(2, len(os.sched_getaffinity(0)))
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
    assert _get(fresh, f"/v1/ledgers/{name}")["size"] == 105
    started[1].send_signal(signal.SIGINT)
    started[1].communicate(timeout=60)


def _taken(terminal: Terminal, workers: list[int], clients: int = 32) -> list[int]:
    """How many connections each worker takes of those that are made at once."""
    before = [_sockets(worker) for worker in workers]
    address = ("127.0.0.1", int(terminal.environ["POINTS_PORT"]))
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection(address)) for _ in range(clients)]
        for each in opened:
            each.sendall(b"GET /healthz HTTP/1.1\r\nHost: points\r\n\r\n")
        for each in opened:
            assert each.recv(1_000).startswith(b"HTTP/1.1 200 ")
        taken = [_sockets(worker) for worker in workers]
    time.sleep(0.3)  # until they saw that we have gone
    return [after - then for then, after in zip(before, taken, strict=True)]


def _sockets(process: int) -> int:
    found = 0
    for file in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found += file.readlink().name.startswith("socket:")
    return found


def test_connections_that_come_at_once_fall_evenly_to_the_workers(
    fresh: Terminal, started: list[subprocess.Popen[str]]
) -> None:
    # given two workers that both serve by now
    started.append(fresh.start("run", "--workers", 2, stderr=subprocess.DEVNULL))
    _ready(started[0])
    deadline = time.monotonic() + 60
    while len(workers := _workers(started[0])) < 2 or not all(_taken(fresh, workers)):
        assert time.monotonic() < deadline, "one of the workers takes nothing"
        time.sleep(0.1)

    # when many come at once, again and again, then mostly neither has much more than its half; who
    # is woken first would take two thirds. A machine that is busy may keep one from being woken.
    rounds = (sorted(min(_taken(fresh, workers)) for _ in range(9)) for _ in range(3))
    assert any(fewest[4] >= 13 for fewest in rounds)


def test_what_was_appended_last_is_published_when_it_stops(
    terminal: Terminal, started: list[subprocess.Popen[str]]
) -> None:
    # Given a service whose workers never get to publish, and an entry that nobody published
    made = terminal.facts("demo")
    idle = "from ledger.journal.publish import Publisher\nPublisher.start = lambda self: None"
    terminal.environ["POINTS_PORT"] = str(_free_port())
    started.append(terminal.start("serve", "--workers", 1, before=idle))
    assert started[0].stdout.readline().startswith("Two-Way Points serves")
    _append(terminal, made)
    assert _published(terminal) == made["entries"]
    # When the service is told to stop
    started[0].send_signal(signal.SIGTERM)
    started[0].communicate(timeout=60)
    # Then the entry is under a checkpoint
    assert started[0].returncode == 0
    assert _published(terminal) == made["entries"] + 1


def _append(terminal: Terminal, made: dict[str, Any]) -> None:
    installation = terminal.installation()
    order = Order(command=StateOfAll(actor=made["founders"][0]))
    installation.ledger(made["ledger"]).appender.submit(Group((order,)))
    installation.database.close()  # and not `installation.close`, which publishes


def _published(terminal: Terminal) -> int:
    installation = terminal.installation()
    with installation.database.reading() as conn:
        published = log.latest_checkpoint(conn, 1)
    installation.database.close()
    assert published is not None
    return published.size


@pytest.mark.parametrize("command", ["run", "serve"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POINTS_PORT", "http"),
        ("POINTS_QUIET_HOURS", "25-8"),
        ("POINTS_CALENDAR", "/nowhere/calendar.toml"),
        ("POINTS_SMTP", "mail.example.org"),
    ],
)
def test_a_setting_that_cannot_be_used_is_said_before_anything_is_set_up(
    fresh: Terminal, command: str, name: str, value: str
) -> None:
    fresh.environ[name] = value
    assert name in fresh.complaint(command)
    assert not fresh.data.exists()


def test_serve_wants_something_to_serve(fresh: Terminal) -> None:
    assert "There is no database at" in fresh.complaint("serve")
