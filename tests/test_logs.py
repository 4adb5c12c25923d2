"""Logs tell where something failed, and nothing of what it was about."""

from __future__ import annotations

import json

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
