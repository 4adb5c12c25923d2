"""Rounds go on, whatever a look meets: those of jobs, of invitations and of messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from ledger.errors import DatabaseDown
from ledger.installation import Installation
from ledger.programme import jobs
from ledger.programme.courier import Courier
from ledger.programme.delivery import Postman, Quiet
from ledger.programme.people import inviting
from ledger.programme.people.inviting import Inviter
from ledger.programme.rounds import Rounds
from tests.programme.registry import Registry

Made = Callable[[Installation], Rounds]

ROUNDS: dict[str, tuple[Made, Any, str]] = {
    "jobs": (lambda here: jobs.Worker(here, Courier({}), every_seconds=0.0), jobs, "do_due_jobs"),
    "invitations": (lambda here: Inviter(here, every_seconds=0.0), inviting, "_due"),
    "messages": (
        lambda here: Postman(here, {}, Quiet(0, 0), every_seconds=0.0),
        Installation,
        "names",
    ),
}


@pytest.mark.parametrize(
    ("met", "level"),
    [
        (RuntimeError("a row that nobody foresaw: wang@example.org"), "error"),
        (DatabaseDown("The database is not there."), "warning"),
    ],
)
@pytest.mark.parametrize("name", ROUNDS)
def test_rounds_go_on_after_a_look_that_fails(
    sqlite_registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    met: Exception,
    level: str,
) -> None:
    # given rounds whose first look meets what nobody foresaw, or a database that is away
    made, place, asked = ROUNDS[name]
    rounds = made(sqlite_registry.installation)
    looks: list[None] = []

    def fails_first(*_: Any) -> list[Any]:
        looks.append(None)
        if len(looks) == 1:
            raise met
        rounds.stop()
        return []

    monkeypatch.setattr(place, asked, fails_first)

    # when they run
    with capture_logs() as logged:
        rounds.run()

    # then they look again, and what was met is in the log, without what it quotes
    assert len(looks) == 2
    (line,) = (each for each in logged if each["event"] == f"{name} not looked at")
    assert line["log_level"] == level
    assert "wang@example.org" not in repr(line)
