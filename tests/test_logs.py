"""Logs tell where something failed, and nothing of what it was about."""

from __future__ import annotations

import json

import pytest
import structlog

from ledger.logs import configure_logging


@pytest.fixture(autouse=True)
def restored() -> object:
    yield
    structlog.reset_defaults()


def test_a_traceback_has_places_and_no_values(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()

    def fail(phone: str) -> None:
        raise ValueError(f"cannot store {phone}")

    try:
        fail("13800138000")
    except ValueError as error:
        structlog.get_logger().error("a command could not be entered", exc_info=error)

    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert told["event"] == "a command could not be entered"
    assert told["level"] == "error"
    assert told["exception"][0]["exc_type"] == "ValueError"
    assert told["exception"][0]["frames"][-1]["name"] == "fail"
    assert "13800138000" not in line
