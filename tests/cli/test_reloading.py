"""A reload drops nobody, a stop loses nothing: with the real server, while clients post.

Clients post credits, each under a key of its own, over connections that they keep.  What they were
told is held against the log: an answer stands for one entry, and a request that got none is
answered when it is sent again, whether it had been entered or not.
"""

import http.client
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import orjson
import pytest

from ledger.journal import log
from ledger.journal.entry import decode, to_base64
from ledger.programme.tokens import create_token
from tests.cli.conftest import Terminal
from tests.cli.test_serving import _free_port

CLIENTS = 6
REQUESTS = 40  # of each client
RELOADS_AFTER = (30, 90)  # answers, of all clients together
STOP_AFTER = 150
LOST = (http.client.HTTPException, ConnectionError, TimeoutError)
TRIES_MAX = 5


class Desk:
    """A ledger with a member, and an officer who credits them over HTTP."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.port = int(terminal.environ["POINTS_PORT"])
        self.demo = terminal.facts("demo")
        self.actor = self.demo["founders"][0]
        installation = terminal.installation()
        made = create_token(
            installation.database,
            installation.clock,
            self.demo["ledger"],
            self.actor,
            "officer",
            1,
        )
        self.token = made.text
        with installation.database.reading() as conn:
            raws = log.raw_entries(conn, 1, 0, self.demo["entries"])
        installation.database.close()
        opened = (decode(raw) for raw in raws if b'"type":"open"' in raw)
        self.member = next(e["account"] for e in opened if e["account"].startswith("member/"))

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def credit(self, connection: http.client.HTTPConnection, key: str) -> int:
        """The `seq` of the entry that a credit of one point made."""
        body = {"account": self.member, "amount": 1, "budget": self.demo["budget"]}
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }
        path = f"/v1/ledgers/{self.demo['ledger']}/credits"
        status, tries = 503, 0
        while status == 503 and tries < TRIES_MAX:  # a busy machine says so: nothing was changed
            connection.request("POST", path, orjson.dumps(body), headers)
            answer = connection.getresponse()
            told, status, tries = orjson.loads(answer.read()), answer.status, tries + 1
        assert status == 201, told
        return int(told["entries"][-1]["seq"])


class Clients:
    """Threads that post, each its own keys in order, until they are done or get no answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._turned = threading.Condition()
        self.answers: dict[str, int] = {}
        self.unanswered: list[str] = []
        self._threads = [
            threading.Thread(target=self._post, args=(number,)) for number in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def await_answers(self, count: int) -> None:
        """Waits until so many were answered."""
        with self._turned:
            assert self._turned.wait_for(
                lambda: len(self.answers) >= count or self.unanswered, timeout=120
            )

    def join(self) -> None:
        for thread in self._threads:
            thread.join(120)

    def _post(self, number: int) -> None:
        keys = [f"{number}-{place}" for place in range(REQUESTS)]
        with closing(self._desk.connect()) as connection:
            for place, key in enumerate(keys):
                try:
                    seq = self._desk.credit(connection, key)
                except LOST:
                    with self._turned:
                        self.unanswered += keys[place:]
                        self._turned.notify_all()
                    return
                with self._turned:
                    self.answers[key] = seq
                    self._turned.notify_all()


@pytest.fixture
def desk(either: Terminal) -> Desk:
    either.environ["POINTS_PORT"] = str(_free_port())
    either.environ["POINTS_RATE_LIMIT"] = "off"
    return Desk(either)


@pytest.fixture
def serve(desk: Desk) -> Iterator[Any]:
    """Starts the service; ends whatever runs at the end."""
    processes: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = desk.terminal.start("serve", "--workers", 2, "--threads", 4)
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Two-Way Points serves")
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_reload_drops_no_connection_and_a_stop_loses_nothing(desk: Desk, serve: Any) -> None:
    # given clients that post, when the service is told twice to reload meanwhile
    service = serve()
    clients = Clients(desk)
    for count in RELOADS_AFTER:
        clients.await_answers(count)
        service.send_signal(signal.SIGHUP)
    clients.await_answers(STOP_AFTER)
    # then everybody was answered
    assert clients.unanswered == []

    # and when it is told to stop while they still post, then it ends well
    service.send_signal(signal.SIGTERM)
    clients.join()
    service.communicate(timeout=60)
    assert service.returncode == 0

    # and each answer stands for one entry, under a published head
    assert len(clients.answers) + len(clients.unanswered) == CLIENTS * REQUESTS
    entered = _entered(desk)
    assert {key: entered[key] for key in clients.answers} == clients.answers

    # and once it serves again, what had no answer is answered, and nothing is entered twice
    serve()
    with closing(desk.connect()) as connection:
        for key in clients.unanswered:
            seq = desk.credit(connection, key)
            assert entered.get(key, seq) == seq
    assert len(_entered(desk)) == CLIENTS * REQUESTS


def _entered(desk: Desk) -> dict[str, int]:
    """The `seq` of each key of the clients' that is in the log; each is there once."""
    installation = desk.terminal.installation()
    ledger = installation.ledger(desk.demo["ledger"])
    size = ledger.publisher.publish()
    with installation.database.reading() as conn:
        raws = log.raw_entries(conn, ledger.id, 0, size)
    installation.close()
    keys = {
        to_base64(ledger.keys.request_id(desk.actor, f"{number}-{place}", 0)): f"{number}-{place}"
        for number in range(CLIENTS)
        for place in range(REQUESTS)
    }
    found = [entry for entry in map(decode, raws) if entry.get("request") in keys]
    assert set(Counter(entry["request"] for entry in found).values()) <= {1}
    return {keys[entry["request"]]: entry["seq"] for entry in found}
