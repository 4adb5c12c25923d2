"""Every error has its problem, and the service's own faults say when to come back."""

import pytest

from api.problems import PROBLEMS
from ledger.errors import (
    ClockFault,
    DatabaseBusy,
    DatabaseDown,
    LedgerStopped,
    OutcomeUnknown,
    QueueFull,
)
from ledger.journal.rules import RULES
from ledger.programme.names import TAKEN
from ledger.programme.proposals import DECIDED


@pytest.fixture
def database_url(sqlite_url):
    """No database is asked here."""
    return sqlite_url


def test_every_rule_of_the_book_has_a_problem():
    codes = [rule.id for rule in RULES] + [TAKEN, DECIDED, "group"]
    assert [code for code in codes if code not in PROBLEMS] == []


@pytest.mark.parametrize(
    "error", [ClockFault, DatabaseBusy, DatabaseDown, LedgerStopped, OutcomeUnknown, QueueFull]
)
def test_what_the_service_cannot_do_now_is_a_503_with_a_time_to_retry(desk, monkeypatch, error):
    # given an appender that fails so
    def fail(_self, _group):
        raise error("Nothing was entered.")

    monkeypatch.setattr("ledger.journal.append.Appender.submit", fail)

    # when points are to be credited
    answer = desk.post("/accounts", {"kind": "org"})

    # then the problem says which, and when to try again
    assert answer.status_code == 503
    assert answer.json["type"] == f"/problems/{error.code}"
    assert answer.json["detail"].startswith("Nothing ")
    assert int(answer.headers["Retry-After"]) >= 1


def test_what_nobody_foresaw_is_logged_without_what_was_sent(desk, monkeypatch, capsys):
    # given a fault of our own
    def fail(_self, _group):
        raise ZeroDivisionError

    monkeypatch.setattr("ledger.journal.append.Appender.submit", fail)

    # when a request meets it
    answer = desk.client.post(
        f"{desk.base}/accounts",
        json={"kind": "org", "reference": "13800000000"},
        headers={"Authorization": f"Bearer {desk.tokens['officer']}", "Idempotency-Key": "k"},
    )

    # then the caller learns nothing of it, and the log nothing of the caller
    assert (answer.status_code, answer.json["type"]) == (500, "/problems/internal")
    assert "ZeroDivision" not in answer.text
    logged = "".join(capsys.readouterr())
    assert "ZeroDivisionError" in logged
    assert "13800000000" not in logged
    assert desk.tokens["officer"][-43:] not in logged
