"""The interface as it is published.  When it changes on purpose, write it anew and read the diff:

.venv/bin/python -m tests.api.test_openapi
"""

import inspect
import json
from pathlib import Path

from tests.api.interface import operations, published

SNAPSHOT = Path(__file__).with_name("openapi.json")


def spelled(spec: dict) -> str:
    return json.dumps(spec, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def test_the_interface_is_the_one_on_record():
    assert spelled(published()) == SNAPSHOT.read_text(encoding="utf-8")


def test_every_operation_says_what_it_is_and_what_it_refuses():
    spec = published()
    assert spec["openapi"] == "3.1.0"
    for name, operation in operations(spec):
        assert operation["summary"], name
        assert any(status.startswith("2") for status in operation["responses"]), name
        if "security" in operation:
            assert operation["security"] == [{"bearer": []}], name
            below = {"404"} if "{ledger}" in name else set()
            assert {"401", "403"} | below <= set(operation["responses"]), name


def test_every_view_makes_its_answer_itself(app):
    # For what a schema says of answers is only told, and never put to them.
    views = [view for view in app.view_functions.values() if hasattr(view, "_apidoc")]

    assert len(views) > 100
    for view in views:
        assert inspect.unwrap(view).__annotations__["return"] == "Response", view


def test_every_problem_is_declared_as_one():
    for name, operation in operations(published()):
        for status, response in operation["responses"].items():
            if status >= "4" and (name, status) != ("get /readyz", "503"):
                assert list(response["content"]) == ["application/problem+json"], (name, status)


def test_what_watches_the_service_is_in_the_document():
    paths = published()["paths"]
    assert set(paths["/healthz"]["get"]["responses"]) == {"200", "400", "500"}
    readiness = paths["/readyz"]["get"]["responses"]
    assert readiness["503"]["content"].keys() == readiness["200"]["content"].keys()
    assert "security" not in paths["/readyz"]["get"]
    assert paths["/metrics"]["get"]["security"] == [{"bearer": []}]


def test_every_answer_names_its_headers():
    spec = published()
    named = set()
    for name, operation in operations(spec):
        for status, response in operation["responses"].items():
            headers = response["headers"]
            named |= set(headers)
            assert "X-Request-Id" in headers, (name, status)
            assert ("WWW-Authenticate" in headers) == (status == "401"), (name, status)
            if status in ("429", "503") and name != "get /readyz":
                assert "Retry-After" in headers, (name, status)
    assert named == set(spec["components"]["headers"])
    paths = spec["paths"]
    credit = paths["/v1/ledgers/{ledger}/credits"]["post"]["responses"]
    assert {"Idempotency-Replayed", "Location"} <= set(credit["202"]["headers"])
    assert "Idempotency-Replayed" in credit["409"]["headers"]
    team = paths["/v1/ledgers/{ledger}/teams/{random}"]
    assert "ETag" in team["get"]["responses"]["200"]["headers"]
    assert "Link" in paths["/v1/ledgers/{ledger}/entries"]["get"]["responses"]["200"]["headers"]


def test_every_reference_leads_somewhere():
    spec = published()
    text = json.dumps(spec)
    wanted = {part.split('"')[0] for part in text.split('"#/components/')[1:]}
    for reference in wanted:
        kind, _, name = reference.partition("/")
        assert name in spec["components"][kind], reference


if __name__ == "__main__":
    SNAPSHOT.write_text(spelled(published()), encoding="utf-8")
