"""The application over a database of the test's own, and a desk that asks it things."""

import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.test import TestResponse

from api import create_app
from api.document import FILE
from api.headers import HEADERS
from api.resource import spelled
from ledger.config import read_settings
from ledger.installation import Installation
from ledger.journal.keys import create_keys
from ledger.journal.orders import Companion, Group, Order
from ledger.programme.messages import New, post, values_of
from ledger.programme.opening import open_installation
from ledger.programme.people.inviting import carry_out
from ledger.programme.people.memberships import id_of
from ledger.programme.people.sessions import begin
from ledger.programme.recording import Change, save
from ledger.programme.tables import membership, message
from ledger.programme.tokens import OPERATOR, create_token
from tests.api.interface import published
from tests.journal.live import CHEAP, TestClock
from tests.programme.people.ready import make_ready

HOST = "points.example.org"
PASSPHRASE = "a passphrase of the tests"
LEDGERS = ("beiyuan", "nanyuan")
SOMEBODY = "person/" + "a" * 26
WATCHED = ("/healthz", "/readyz", "/metrics")
SOMETIMES = {"Link", "Idempotency-Replayed"}
"""Headers that depend on what was asked: on whether more follows, or it was asked before."""
FOUNDING = {
    "budget": {"limit": 1_000_000, "from": "2026-01-01", "to": "2030-12-31"},
    "policy": {
        "from": "2026-01-01",
        "transfers": [{"purpose": "gift", "from": "member", "to": "member", "limit": 100}],
    },
}


@pytest.fixture(scope="session")
def cheap_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys of two ledgers whose passphrase costs next to nothing to try; to be copied."""
    directory = tmp_path_factory.mktemp("keys")
    for name in LEDGERS:
        origin = f"{HOST}/log/{name}"
        create_keys(directory / name, origin, PASSPHRASE.encode(), cost=CHEAP)
    return directory


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def installation(
    database_url: str, tmp_path: Path, cheap_keys: Path, clock: TestClock
) -> Iterator[Installation]:
    environ = {
        "POINTS_DATA": str(tmp_path / "data"),
        "POINTS_DATABASE_URL": database_url,
        "POINTS_PASSPHRASE": PASSPHRASE,
        "POINTS_PUBLIC_HOST": HOST,
    }
    settings = read_settings(environ)
    opened = open_installation(settings, environ, clock=clock)
    shutil.copytree(cheap_keys, settings.keys)
    yield opened
    opened.close()


@pytest.fixture
def app(installation: Installation) -> Iterator[Flask]:
    made = create_app(installation)
    yield made
    made.extensions["points trail"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


class Desk:
    """Asks the application for one role or another, and holds every answer to its declaration."""

    def __init__(self, app: Flask, client: FlaskClient, installation: Installation) -> None:
        self.app, self.client, self.installation = app, client, installation
        self.base = "/v1/ledgers/beiyuan"
        self.tokens = {"operator": self.operator_token(), "nobody": None}
        self._keys = 0
        made = self.ask("POST", "/v1/ledgers", "operator", {"name": "beiyuan"} | FOUNDING)
        assert made.status_code == 201, made.text
        self.budget = made.json["budget"]
        founders = made.json["founders"]
        self.first, self.second = (each["person"] for each in founders)
        self.tokens |= {"admin": founders[0]["token"], "second admin": founders[1]["token"]}
        self.tokens["officer"] = self.token(self.first, "officer")
        self.tokens["auditor"] = self.token(self.first, "auditor")

    def operator_token(self) -> str:
        here = self.installation
        return create_token(here.database, here.clock, OPERATOR, SOMEBODY, OPERATOR, 30).text

    def token(
        self, person: str, role: str, days: int = 90, scopes: Iterable[str] | None = None
    ) -> str:
        """A token made as whoever runs the service makes it."""
        here = self.installation
        made = create_token(here.database, here.clock, "beiyuan", person, role, days, scopes)
        return made.text

    def session(self, person: str, lasts: str = "day") -> str:
        """A session of a person's, begun as signing in begins it."""
        here = self.installation
        return begin(here.database, here.ledger("beiyuan"), here.clock, person, lasts).text

    def person(self, standing: str = "partner") -> str:
        """A person whom the log introduces with a standing other than office."""
        return self.post("/persons", {"standing": standing}, "admin").json["person"]

    def organisation(self, kind: str = "enterprise", **said: Any) -> str:
        """An organisation that was admitted."""
        made = self.post("/organisations", {"kind": kind, "name_zh": "四美国际"} | said, "admin")
        assert made.status_code == 201, made.text
        name: str = made.json["id"]
        path = f"/organisations/{name.removeprefix('org/')}/status"
        assert self.post(path, {"status": "admitted"}, "admin").status_code == 200
        return name

    def joined(self, organisation: str, person: str | None = None) -> str:
        """A membership that a member, new unless named, claims by the organisation's link."""
        random = organisation.removeprefix("org/")
        link = self.post(f"/organisations/{random}/joining-link", role="admin").json
        person = person or "person" + self.member().removeprefix("member")
        session = self.session(person, "device")
        made = self.post("/memberships", {"code": link["code"]}, session)
        assert made.status_code == 201, made.text
        name: str = made.json["id"]
        return name

    def belongs(self, person: str, organisation: str) -> str:
        """That person, who is a confirmed member of an organisation from today on."""
        name = id_of(organisation, person, "2026-11-24")
        row = {"id": name, "organisation": organisation, "subject": person, "last": None}
        row |= {"first": "2026-11-24", "state": "confirmed", "by": person}
        row |= {"at": "2026-11-24T02:03:04.000005Z"}
        belonging = Companion(membership, (name,), lambda _rows, _done: {name: row})
        appender = self.installation.ledger("beiyuan").appender
        appender.submit(Group((Order(companions=(belonging,)),)))
        return person

    def invitations(self) -> list[str]:
        """The links that went out, or will, to those who are invited by now."""
        here = self.installation
        ledger = here.ledger("beiyuan")
        carry_out(here.database, ledger, here.clock)
        with here.database.reading() as conn:
            query = select(message.c.id).where(message.c.kind == "invitation")
            ids = list(conn.execute(query.order_by(message.c.at)).scalars())
            return [each["url"] for each in values_of(conn, ledger, ids).values()]

    def keep(self, person: str, **basics: str) -> None:
        """What is kept of a person to begin with."""
        here = self.installation
        change = Change("basics", person, person, basics)
        save(here.database, here.ledger("beiyuan"), here.clock, [change], by=self.first)

    def ready(self, *members: str, **basics: Any) -> None:
        """What is asked of these, people or accounts, before service of theirs is recorded."""
        here = self.installation
        make_ready(here.database, here.ledger("beiyuan"), here.clock, *members, **basics)

    def message(self, person: str, cause: str = "first") -> str:
        """A message to somebody: that what they proposed was approved."""
        here = self.installation
        new = New(person, "proposal-approved", {"proposal": "proposal/" + "a" * 26}, cause)
        return post(here.database, here.ledger("beiyuan"), here.clock, new, by=self.first)

    def shows(self, secret: str) -> str:
        """What an authenticator application shows now."""
        return pyotp.TOTP(secret).at(self.installation.clock.now())

    def given(self, person: str, role: str, organisation: str | None = None, **more: Any) -> str:
        """A role given to a person, by two people where that takes two; the grant's id."""
        body = {"person": person, "role": role, "from": "2026-11-24", **more}
        if organisation is not None:
            body["organisation"] = organisation
        answer = self.post("/grants", body, "admin")
        if answer.status_code == 202:
            href = answer.json["href"].removeprefix(self.base)
            assert self.post(f"{href}/approve", role="second admin").status_code == 201
            found = self.get(f"/grants?person={person}", "admin").json["grants"]
            return next(each["id"] for each in found if each["role"] == role)
        assert answer.status_code == 201, answer.text
        return answer.json["grant"]

    def engaged(self, auditor: str | None = None, **more: Any) -> str:
        """An engagement of an auditor's, of somebody new unless one is named; its id."""
        body = {
            "auditor": auditor or self.person("auditor"),
            "kinds": ["basics"],
            "from": "2026-11-24",
            "to": "2026-12-31",
            "records": 2,
            "reason": "Attendance of spring, sampled.",
        } | more
        proposed = self.post("/engagements", body, "admin")
        assert proposed.status_code == 202, proposed.text
        href = proposed.json["href"].removeprefix(self.base)
        assert self.post(f"{href}/approve", role="second admin").status_code == 201
        found: str = self.get(href, "admin").json["values"]["engagement"]
        return found

    def approved(self, path: str, body: Any) -> dict[str, Any]:
        """The last entry of what the first admin proposes and the second approves."""
        proposed = self.post(path, body, "admin")
        assert proposed.status_code == 202, proposed.text
        href = proposed.json["href"].removeprefix("/v1/ledgers/beiyuan")
        approved = self.post(f"{href}/approve", role="second admin")
        assert approved.status_code == 201, approved.text
        return approved.json["entries"][-1]

    def third_of_office(self) -> str:
        """Another person of the office."""
        return self.approved("/persons", {"standing": "office"})["person"]

    def ask(
        self, method: str, path: str, role: str = "nobody", body: Any = None, **headers: str
    ) -> TestResponse:
        """Sends a request with a role's token; the answer's status must be a declared one."""
        token = self.tokens.get(role, role)
        if token:
            headers["Authorization"] = f"Bearer {token}"
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        is_file = isinstance(body, bytes)
        kind = {"data": body, "content_type": FILE} if is_file else {"json": body}
        answer = self.client.open(path, method=method, headers=sent, **kind)
        self.check_declared(method, path, answer)
        return answer

    def post(
        self, path: str, body: Any = None, role: str = "officer", key: str | None = None
    ) -> TestResponse:
        """A POST below the ledger, with a new idempotency key unless one is given."""
        return self.ask("POST", self.base + path, role, body, Idempotency_Key=key or self.key())

    def get(self, path: str, role: str = "auditor") -> TestResponse:
        """A GET below the ledger."""
        return self.ask("GET", self.base + path, role)

    def key(self) -> str:
        self._keys += 1
        return f"key-{self._keys}"

    def check_declared(self, method: str, path: str, answer: TestResponse) -> None:
        if answer.status_code >= 400 and path != "/readyz":
            assert answer.mimetype == "application/problem+json", answer.text
            assert answer.json["type"].startswith("/problems/")
            assert answer.json["status"] == answer.status_code
        if not path.startswith(("/v1/ledgers", "/log/", *WATCHED)):
            return
        rule = self.rule_of(method, path.partition("?")[0])
        if rule is not None:
            declared = published()["paths"][spelled(rule)][method.lower()]["responses"]
            assert str(answer.status_code) in declared, (method, rule, answer.status_code)
            if answer.status_code >= 400 and path != "/readyz":
                content = declared[str(answer.status_code)]["content"]
                code = answer.json["type"].removeprefix("/problems/")
                said = (method, rule, answer.text)
                assert code in content["application/problem+json"]["examples"], said
            check_headers(declared[str(answer.status_code)]["headers"], answer)

    def rule_of(self, method: str, path: str) -> str | None:
        """The rule that serves the path, None where none does."""
        try:
            found, _ = self.app.url_map.bind("").match(path, method, return_rule=True)
        except (NotFound, MethodNotAllowed):
            return None
        return found.rule

    # --- what most stories begin with ----------------------------------------------------------

    def member(self, points: int = 0) -> str:
        account = self.post("/accounts", {"kind": "member"}).json["account"]
        if points:
            assert self.credit(account, points).status_code == 201
        return account

    def org(self) -> str:
        return self.post("/accounts", {"kind": "org"}).json["account"]

    def credit(self, account: str, amount: int, key: str | None = None, **more: Any) -> Any:
        body = {"account": account, "amount": amount, "budget": self.budget, **more}
        return self.post("/credits", body, key=key)

    def balance(self, account: str) -> int:
        return self.get(f"/accounts/{account}").json["balance"]

    def size(self) -> int:
        return self.get("").json["size"]

    def publish(self) -> int:
        return self.installation.ledger("beiyuan").publisher.publish()


def check_headers(declared: Iterable[str], answer: TestResponse) -> None:
    """Of the headers that the document names, an answer has those that it says, and no others."""
    sent = {name for name in HEADERS if name in answer.headers}
    said = (answer.request.method, answer.request.path, answer.status_code, sent, declared)
    assert sent <= set(declared), said
    assert set(declared) - SOMETIMES <= sent, said


@pytest.fixture
def desk(app: Flask, client: FlaskClient, installation: Installation) -> Desk:
    return Desk(app, client, installation)


@pytest.fixture
def at_once(app: Flask) -> Callable[..., list[Any]]:
    """Runs callables in threads that start together; their results in order."""

    def run(*jobs: Callable[[], Any]) -> list[Any]:
        barrier = threading.Barrier(len(jobs))
        results: list[Any] = [None] * len(jobs)

        def work(place: int) -> None:
            barrier.wait(10)
            results[place] = jobs[place]()

        threads = [threading.Thread(target=work, args=(n,)) for n in range(len(jobs))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        return results

    return run
