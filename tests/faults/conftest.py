"""A served ledger, and a customer who meets a fault and comes again with the same keys."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api.problems import PROBLEMS
from ledger.audit.database import verify_database
from ledger.db import open_engine
from ledger.installation import Installation
from ledger.journal import log
from tests.api.conftest import Desk, app, cheap_keys, client, clock, desk, installation
from tests.faults.page import FAULTS

__all__ = ["app", "cheap_keys", "client", "clock", "desk", "installation"]

ID = re.compile(r"\b[a-z]+/[a-z2-7]{26}\b")
LOCK_TIMEOUT_SECONDS = 0.3
TRIES_MAX = 1_000
PAUSE_SECONDS = 0.03


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits five seconds for a lock here."""
    quick = partial(open_engine, lock_timeout_seconds=LOCK_TIMEOUT_SECONDS)
    monkeypatch.setattr("ledger.installation.open_engine", quick)
    monkeypatch.setattr("ledger.journal.highwater.LOCK_TIMEOUT_SECONDS", LOCK_TIMEOUT_SECONDS / 10)


class Customer:
    """Asks for credits of 5 points, in good times and bad, and keeps every key."""

    POINTS = 5

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.seen: set[str] = set()
        self.member = desk.member()
        self._unanswered: list[str] = []
        self._credited = 0
        desk.publish()
        desk.installation.start_publishing()

    @property
    def database(self) -> Any:
        """The service's database."""
        return self.desk.installation.database

    def ask(self, key: str) -> TestResponse:
        """The answer to a credit."""
        return self.desk.credit(self.member, self.POINTS, key=key)

    def is_served(self) -> None:
        """A credit like any other."""
        key = self.desk.key()
        answer = self.ask(key)
        assert answer.status_code == 201, answer.text
        self._credited += 1

    def meets(self, *codes: str) -> None:
        """A credit that is answered by a 503 of one of these codes."""
        key = self.desk.key()
        answer = self.ask(key)
        self._unanswered.append(key)
        self.notes(answer)
        assert answer.json["type"].removeprefix("/problems/") in codes, answer.text

    def notes(self, answer: TestResponse) -> None:
        """Takes a 503 for one: it says what it is, what to do, and when to come again."""
        assert answer.status_code == 503, answer.text
        code = answer.json["type"].removeprefix("/problems/")
        self.seen.add(code)
        assert answer.headers["Retry-After"] == str(PROBLEMS[code].retry_after_seconds)
        assert answer.json["detail"].endswith(".")
        without_ids = ID.sub("", answer.json["detail"])
        assert "/" not in without_ids, "a path of the service's"

    def is_served_again(self) -> None:
        """All keys are answered, once each, by the same process; nothing is lost or doubled."""
        for key in self._unanswered:
            first = self._insist(key)
            again = self.ask(key)
            assert (again.status_code, again.data) == (201, first.data)
            assert again.headers["Idempotency-Replayed"] == "true"
            self._credited += 1
        self._unanswered.clear()
        self.is_served()
        assert self.desk.balance(self.member) == self._credited * self.POINTS
        self._want_sound()

    def _insist(self, key: str) -> TestResponse:
        """Comes again until it is answered, as the 503s say."""
        gate = threading.Event()
        for _ in range(TRIES_MAX):
            answer = self.ask(key)
            if answer.status_code == 201:
                return answer
            self.notes(answer)
            gate.wait(PAUSE_SECONDS)
        raise AssertionError(f"never served again: {answer.text}")

    def _want_sound(self) -> None:
        ledger = self.desk.installation.ledger("beiyuan")
        size = self.desk.size()
        assert ledger.publisher.wait_for(size, seconds=60)
        assert verify_database(self.database, ledger.id, ledger.origin) == []
        with self.database.reading() as conn:
            newest = log.latest_checkpoint(conn, ledger.id)
        assert newest is not None
        assert newest.size == size


@pytest.fixture
def customer(desk: Desk, request: pytest.FixtureRequest) -> Iterator[Customer]:
    """The customer, who at the end has seen what the table says."""
    met = Customer(desk)
    met.is_served()
    yield met
    sees = FAULTS[request.node.originalname].sees
    assert bool(met.seen) == bool(sees)
    assert met.seen <= set(sees)


@pytest.fixture
def here(desk: Desk) -> Installation:
    """The installation that the desk stands in."""
    return desk.installation
