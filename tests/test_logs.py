"""Logs tell where something failed, and nothing of what it was about."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import structlog

from ledger.logs import configure_logging, log_fault

PHONE = "13800138000"


@pytest.fixture(autouse=True)
def restored() -> object:
    yield
    structlog.reset_defaults()


def test_a_fault_has_kinds_and_places_and_no_values(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()

    def fail(phone: str) -> None:
        raise ValueError(f"cannot store {phone}")

    try:
        fail(PHONE)
    except ValueError as error:
        log_fault("a command could not be entered", error, code="append-failed")

    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["event"], told["level"]) == ("a command could not be entered", "error")
    assert (told["errors"], told["code"]) == (["ValueError"], "append-failed")
    assert "in fail" in told["tracebacks"][0]
    assert PHONE not in line


def test_threads_at_once_write_each_line_whole() -> None:
    # given a pipe that is read slowly, and threads that log at once
    program = (
        "import structlog, threading\n"
        "from ledger.logs import configure_logging\n"
        "configure_logging()\n"
        "log = structlog.get_logger()\n"
        "def many(who): [log.warning('x' * 300, who=who, at=at) for at in range(200)]\n"
        "threads = [threading.Thread(target=many, args=(who,)) for who in range(8)]\n"
        "[each.start() for each in threads]; [each.join() for each in threads]\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, check=True)
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    found = sorted((line["who"], line["at"]) for line in lines)
    assert found == [(who, at) for who in range(8) for at in range(200)]


def test_a_log_that_nobody_reads_any_more_stops_nothing() -> None:
    program = (
        "import structlog\n"
        "from ledger.logs import configure_logging\n"
        "configure_logging()\n"
        "input()\n"
        "structlog.get_logger().warning('nobody reads this')\n"
        "print('went on')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    process.stderr.close()
    process.stderr = None
    said, _ = process.communicate("\n", timeout=60)
    assert (said, process.returncode) == ("went on\n", 0)
