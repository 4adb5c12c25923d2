"""The examples in the document are what a real application is asked and answers."""

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from werkzeug.test import TestResponse

from api import create_app
from api.document import EXAMPLES, curl, examples
from api.problems import PROBLEMS
from api.replays import REPLAYED
from api.resource import spelled
from ledger.config import read_settings
from ledger.journal.keys import create_keys
from ledger.migrating import migrate
from ledger.programme.opening import open_installation
from tests.api.conftest import HOST, LEDGERS, PASSPHRASE, Desk
from tests.api.examples import Scribe, tell
from tests.api.interface import operations, published
from tests.journal.live import CHEAP, TestClock

# Drawn anew each time: ids, tokens, hashes, signatures, and an account's place among the others.
CHANCE = re.compile(
    r"\b[a-z2-7]{25}[aeimquy4]\b"
    r"|^left$|^right$"
    r"|\b[A-Z2-7]{32}\b|\b[a-z2-7]{4}(?:-[a-z2-7]{4}){3}\b|^\d{6}$"  # secrets and codes
    r"|\b\d{4} \d{4} \d{4}\b"  # a card's number
    r"|p[ts][se]_(\w+)_[\w-]{43}"
    r"|(?<![\w/])[A-Za-z0-9+/]{22,}={1,2}"
    r"|(?:^[A-Za-z0-9+]|(?<=\s)[A-Za-z0-9+/])[A-Za-z0-9+/]{59,}"
)


def comparable(value: Any) -> Any:
    """A value without what chance put in; lists as sets, since ids decide their order."""
    if isinstance(value, dict):
        return {name: comparable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        unlike = {repr(inner): inner for inner in map(comparable, value)}
        return [unlike[spelled] for spelled in sorted(unlike)]
    return CHANCE.sub("…", value) if isinstance(value, str) else value


def by_file(exchanges: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The exchanges of each resource."""
    tags = {
        name.upper().partition(" ")[0] + name[name.index(" ") :]: o["tags"][0]
        for name, o in operations(published())
    }
    files: dict[str, list[dict[str, Any]]] = {}
    for each in exchanges:
        files.setdefault(tags[each["operation"]], []).append(each)
    return files


@pytest.fixture
def scribe(app, client, installation):
    return Scribe(app, client, installation)


def test_the_examples_are_what_is_asked_and_answered(scribe):
    # when the story is told
    tell(scribe)

    # then each exchange is the one on record, but for what chance put in
    told = by_file(scribe.exchanges)
    assert set(told) == {file.stem for file in EXAMPLES.glob("*.json")}
    for name, exchanges in told.items():
        recorded = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
        for one, other in zip(exchanges, recorded, strict=True):
            assert comparable(one) == comparable(other), name


def test_every_operation_with_a_key_says_when_it_is_sent_again(app, client, installation):
    # when each request of the story that has a key is sent twice, and then with a spent key
    again = Again(app, client, installation)
    tell(again)

    # then these were all operations that the document gives a key, and each answers as it should
    assert again.asked == {name for name, operation in operations(published()) if keyed(operation)}
    assert again.unlike == []


def test_the_document_says_of_every_operation_with_a_key_that_answers_come_again():
    for name, operation in operations(published()):
        for status, response in operation["responses"].items():
            if keyed(operation) and status < "3":
                assert REPLAYED in response["headers"], (name, status)


def keyed(operation: dict[str, Any]) -> bool:
    return any(each.get("name") == "Idempotency-Key" for each in operation.get("parameters", ()))


class Again(Scribe):
    """A scribe who sends what has a key twice, and holds the second answer to the first.

    Then it is sent with a key under which the same person sent something else.
    """

    def __init__(self, *place: Any) -> None:
        self.asked: set[str] = set()
        self.spent: dict[str, tuple[str, str]] = {}
        self.unlike: list[tuple[str, str]] = []
        super().__init__(*place)

    def ask(
        self, method: str, path: str, role: str = "nobody", body: Any = None, **headers: str
    ) -> TestResponse:
        first = super().ask(method, path, role, body, **headers)
        name = f"{method.lower()} {spelled(self.rule_of(method, path.partition('?')[0]) or '')}"
        is_keyed = keyed(dict(operations(published())).get(name, {}))
        # Of what only tries something nothing is kept, so nothing comes again.
        if first.status_code < 300 and is_keyed and "dry_run=true" not in path:
            self.asked.add(name)
            self._again(name, first, (method, path, role, body), headers)
        return first

    def _again(
        self, name: str, first: TestResponse, request: tuple[Any, ...], headers: dict[str, str]
    ) -> None:
        again, role = Desk.ask(self, *request, **headers), request[2]
        if REPLAYED in first.headers or again.headers.get(REPLAYED) != "true":
            self.unlike.append((name, "does not say so"))
        if (again.status_code, again.data) != (first.status_code, first.data):
            self.unlike.append((name, again.text))
        used_for, key = self.spent.get(role, (name, ""))
        if used_for != name:
            other = Desk.ask(self, *request, **headers | {"Idempotency_Key": key})
            if other.status_code < 400:
                self.unlike.append((name, "takes a spent key"))
        self.spent[role] = (name, headers["Idempotency_Key"])


def test_every_operation_has_an_example_of_each_good_answer_and_of_its_body():
    for name, operation in operations(published()):
        for status, response in operation["responses"].items():
            if status < "3" and "content" in response:
                for kind, content in response["content"].items():
                    assert content["examples"], (name, status, kind)
        if "requestBody" in operation:
            (content,) = operation["requestBody"]["content"].values()
            assert content["examples"], name
        assert operation["x-codeSamples"], name


def test_every_problem_is_in_the_document_with_an_example():
    spec = published()
    found = spec["components"]["examples"]
    assert set(found) == set(PROBLEMS)
    for code, example in found.items():
        assert example["value"]["type"] == f"/problems/{code}"
        assert valid(spec, {"$ref": "#/components/schemas/Problem"}, example["value"])


def test_every_answer_of_trouble_names_the_problems_that_it_can_be():
    spec = published()
    for name, operation in operations(spec):
        for status, response in operation["responses"].items():
            if status >= "4" and "application/json" not in response["content"]:
                codes = response["content"]["application/problem+json"]["examples"]
                assert codes, (name, status)
                assert {PROBLEMS[code].status for code in codes} == {int(status)}, name


def test_each_example_is_of_its_own_schema_and_has_no_other_field():
    spec = published()
    for name, operation in operations(spec):
        parts = [operation.get("requestBody", {}), *operation["responses"].values()]
        for kind, content in (each for part in parts for each in part.get("content", {}).items()):
            if kind == "application/json":
                for example in content["examples"].values():
                    assert valid(spec, content["schema"], example["value"]), name
                    assert strange(spec, content["schema"], example["value"]) == [], name


def test_a_curl_line_says_the_whole_request():
    made = {"operation": "POST /v1/x", "path": "/v1/x?a=1&b=2", "token": True}
    made |= {"headers": {"Idempotency-Key": "k'1"}, "body": {"amount": 5}}

    assert curl(made).split(" \\\n  ") == [
        "curl -X POST 'https://points.example.org/v1/x?a=1&b=2'",
        """-H 'Idempotency-Key: k'"'"'1'""",
        '-H "Authorization: Bearer $TOKEN"',
        """--json '{"amount":5}'""",
    ]


def test_an_operation_is_looked_up_as_the_document_spells_it():
    spelled = {
        name.partition(" ")[0].upper() + name[name.index(" ") :]
        for name, _ in operations(published())
    }
    assert set(examples()) == spelled


def valid(spec: dict, schema: dict, value: Any) -> bool:
    """Whether a value is of a schema of the document."""
    whole = {"components": spec["components"], **schema}
    return jsonschema_rs.validator_for(whole).is_valid(value)


def strange(spec: dict, schema: dict, value: Any, path: str = "") -> list[str]:
    """The fields of a value that its schema does not name."""
    if "$ref" in schema:
        schema = spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if isinstance(value, list):
        return [found for each in value for found in strange(spec, schema["items"], each, path)]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    if schema.get("additionalProperties"):
        return []
    known = schema["properties"]
    return [f"{path}.{name}" for name in value if name not in known] + [
        found
        for name in known
        if name in value
        for found in strange(spec, known[name], value[name], f"{path}.{name}")
    ]


def written_anew() -> None:
    """Tells the story once more, and writes it down."""
    with tempfile.TemporaryDirectory() as place:
        url = f"sqlite:///{place}/points.db"
        environ = {"POINTS_DATA": place, "POINTS_DATABASE_URL": url}
        environ |= {"POINTS_PASSPHRASE": PASSPHRASE, "POINTS_PUBLIC_HOST": HOST}
        migrate(url)
        settings = read_settings(environ)
        for name in LEDGERS:
            directory = Path(settings.keys) / name
            directory.parent.mkdir(exist_ok=True)
            create_keys(directory, f"{HOST}/log/{name}", PASSPHRASE.encode(), cost=CHEAP)
        installation = open_installation(settings, environ, clock=TestClock())
        app = create_app(installation)
        scribe = Scribe(app, app.test_client(), installation)
        tell(scribe)
        installation.close()
    shutil.rmtree(EXAMPLES, ignore_errors=True)
    EXAMPLES.mkdir()
    for name, exchanges in by_file(scribe.exchanges).items():
        text = json.dumps(exchanges, indent=2, ensure_ascii=False)
        (EXAMPLES / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    written_anew()
