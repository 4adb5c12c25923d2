"""The headers that answers have beside their bodies, as the OpenAPI document names them.

What an answer has follows from what the document says of it already: who is asked for a token, who
may come again, what has pages, a version, an address, or an answer that is given once more.  The
suite holds each answer against it (`check_declared` in `tests/api/conftest.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from api.problems import PROBLEMS
from api.replays import REPLAYED

HEADERS: dict[str, dict[str, Any]] = {
    "ETag": {
        "description": "the version that the answer shows, to be sent as If-Match with a change",
        "schema": {"type": "string", "pattern": '^"[1-9][0-9]{0,8}"$'},
    },
    REPLAYED: {
        "description": "`true` where the request was carried out before, and this is what became"
        " of it: what was entered then, or a record as it is by now; otherwise left out",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Link": {
        "description": 'the next page, as `<address>; rel="next"`; left out on the last one',
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "where that is which was made, or what waits for a second person",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Retry-After": {
        "description": "after how many seconds to ask again",
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": 'that a token is wanted, as `Bearer realm="points"`; with an `error` where'
        " the one that was sent does not hold",
        "schema": {"type": "string"},
    },
    "X-Request-Id": {
        "description": "the request's own X-Request-Id, if that is a UUID or 32 hexadecimal"
        " digits; otherwise one made for it. The service's log knows the request by it",
        "schema": {"type": "string"},
    },
}
"""Each header that the document names."""

# By the name of the answer's schema.
_ADDRESSED = {"Founded", "Opened", "Waiting"}
_TO_COME = {"Pending", "PendingProof"}
# What approvals answer, which take no key and know who sends them again.
_GIVEN_AGAIN = {"Entries"}
_CURSORS = {"after", "before"}
# What refusals answer that are kept with a key.
_KEPT = {"403", "404", "409", "422"}


def add_headers(spec: dict[str, Any]) -> None:
    """Adds to a document which headers each answer has."""
    spec["components"]["headers"] = HEADERS
    operations = [
        operation
        for item in spec["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    ]
    changed = {
        _schema(operation["responses"]["200"])
        for operation in operations
        if "If-Match" in _parameters(operation)
    }
    for operation in operations:
        for status, response in operation["responses"].items():
            names = {*_everywhere(status, response)}
            if status < "3":
                names |= {*_of_answers(operation, response, changed)}
            elif status in _KEPT and _is_keyed(operation):
                names.add(REPLAYED)
            response["headers"] = {
                name: {"$ref": f"#/components/headers/{name}"} for name in sorted(names)
            }


def _everywhere(status: str, response: Mapping[str, Any]) -> Iterator[str]:
    yield "X-Request-Id"
    if status == "401":
        yield "WWW-Authenticate"
    if status == "429" or any(PROBLEMS[code].retry_after_seconds for code in _problems(response)):
        yield "Retry-After"


def _of_answers(
    operation: Mapping[str, Any], response: Mapping[str, Any], changed: set[str]
) -> Iterator[str]:
    schema = _schema(response)
    if schema in changed:
        yield "ETag"
    if schema in _ADDRESSED:
        yield "Location"
    if schema in _TO_COME:
        yield "Retry-After"
    if _parameters(operation) & _CURSORS:
        yield "Link"
    if _is_keyed(operation) or schema in _GIVEN_AGAIN:
        yield REPLAYED


def _is_keyed(operation: Mapping[str, Any]) -> bool:
    return "Idempotency-Key" in _parameters(operation)


def _parameters(operation: Mapping[str, Any]) -> set[str]:
    return {each["name"] for each in operation.get("parameters", ()) if isinstance(each, dict)}


def _problems(response: Mapping[str, Any]) -> list[str]:
    found = response.get("content", {}).get("application/problem+json", {})
    return list(found.get("examples", ()))


def _schema(response: Mapping[str, Any]) -> str:
    """The name of the answer's schema, empty where it has none."""
    found = response.get("content", {}).get("application/json", {}).get("schema", {})
    name: str = found.get("$ref", "").rpartition("/")[2]
    return name
