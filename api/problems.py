"""Problems: the one shape of every answer that is not what was asked for (RFC 9457).

`type` is the relative reference ``/problems/<code>``: stable, and a page of this service.  `title`
says what kind of problem it is, `detail` in a sentence what a person can do about this one, and
`errors` names fields.  `PROBLEMS` is the one table of codes (`problems.toml`): the ids of the
book's rules, the codes of `ledger.errors`, and those of HTTP itself.  A 503 carries Retry-After.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import orjson
from flask import Flask, Response, g, request
from marshmallow import Schema, fields
from werkzeug.exceptions import HTTPException

from api import replays
from ledger.errors import PointsError
from ledger.journal.orders import Done, KeyReused, Outcome, Refusal
from ledger.logs import log_fault
from ledger.programme.people import readiness

MIMETYPE = "application/problem+json"
ERRORS_MAX = 50
NAME_MAX = 40


class Kind(NamedTuple):
    """What all problems of one code have in common, and what their page says of them."""

    group: str
    status: int
    title: str
    when: str
    act: str
    retry: str
    example: str
    errors: Sequence[Mapping[str, str]] = ()
    retry_after_seconds: int | None = None


def _read_problems() -> dict[str, Kind]:
    groups = tomllib.loads(Path(__file__).with_name("problems.toml").read_text(encoding="utf-8"))
    return {
        code: Kind(group=group, **row)
        for group, rows in groups.items()
        for code, row in rows.items()
    }


PROBLEMS = _read_problems()
"""Every code, in the order in which pages list them; the table itself is `problems.toml`."""

# The keys of a ledger and the rule on keys bear one code in two rooms.
_ERROR_CODES = {"keys": "keys-unusable", "refused": "founding"}

_HTTP_CODES = {
    400: "bad-request",
    401: "unauthorized",
    403: "role",
    404: "not-found",
    405: "method",
    413: "too-large",
    415: "content-type",
    422: "fields",
}


class FieldErrorSchema(Schema):
    """One field that is wrong."""

    field = fields.String(required=True, metadata={"description": "where, such as `ref.id`"})
    message = fields.String(required=True)


class ProblemSchema(Schema):
    """Why the request was not fulfilled (RFC 9457)."""

    type = fields.String(required=True, metadata={"description": "`/problems/<code>`, stable"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(
        required=True, metadata={"description": "a sentence that a person can act on"}
    )
    errors = fields.List(fields.Nested(FieldErrorSchema))
    command = fields.Integer(
        metadata={"description": "the place of the refused command in its batch, from 0"}
    )
    changed = fields.List(
        fields.String(), metadata={"description": "the fields that somebody else changed meanwhile"}
    )
    lacking = fields.List(
        fields.String(),
        metadata={"description": "what is still needed of a member, such as `sex`"},
    )
    request_id = fields.String(
        metadata={"description": "what the service's log knows this request by"}
    )


class Problem(Exception):
    """Raised anywhere in a request: the answer is the problem of that code.

    `more` are further members of it, which `ProblemSchema` names.
    """

    def __init__(
        self, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more


def want_done(outcome: Outcome) -> Done:
    """What was done; `refuse` for any other outcome."""
    if not isinstance(outcome, Done):
        refuse(outcome)
    replays.note(replayed=outcome.replayed)
    return outcome


def refuse(outcome: Refusal | KeyReused, command: int | None = None) -> NoReturn:
    """Answers a refusal of the book, of a companion, or of a key used twice.

    `command` is the place of what was refused in its batch.
    """
    if isinstance(outcome, KeyReused):
        raise Problem("key-reused", outcome.message)
    headers = {replays.REPLAYED: "true"} if outcome.replayed else None
    told = {"command": command} | _members_of(outcome)
    raise Problem(outcome.rule, _detail_of(outcome), headers=headers, **told)


def refusal_body(refusal: Refusal) -> dict[str, Any]:
    """The problem that a refusal is, to stand in an answer."""
    return problem_body(refusal.rule, _detail_of(refusal), **_members_of(refusal))


def _detail_of(refusal: Refusal) -> str:
    if refusal.rule == readiness.RULE:
        return readiness.sentence(readiness.lacking_in(refusal))
    return f"{_sentence(refusal.message)}."


def _members_of(refusal: Refusal) -> dict[str, Any]:
    """What the problem of a refusal has beside its sentence."""
    if refusal.rule != readiness.RULE:
        return {}
    return {"lacking": readiness.lacking_in(refusal)}


def problem_body(code: str, detail: str, **more: Any) -> dict[str, Any]:
    """A problem of that code, with such further members as are not None."""
    kind = PROBLEMS[code]
    body = {
        "type": f"/problems/{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
    }
    return body | {name: value for name, value in more.items() if value is not None}


def problem_response(
    code: str,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """The answer to a problem of that code."""
    kind = PROBLEMS[code]
    body = problem_body(code, detail, errors=errors and errors[:ERRORS_MAX], **more)
    response = Response(orjson.dumps(body), kind.status, mimetype=MIMETYPE)
    response.headers.update(headers or {})
    if kind.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(kind.retry_after_seconds)
    return response


def register(app: Flask) -> None:
    """Makes every error of the application a problem."""
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(PointsError, _points_error)
    app.register_error_handler(HTTPException, handle_http)
    app.register_error_handler(Exception, _unforeseen)


def _problem(error: Problem) -> Response:
    return problem_response(error.code, error.detail, headers=error.headers, **error.more)


def code_of(error: PointsError) -> str:
    """The code of the problem that an error of the domain is."""
    code = _ERROR_CODES.get(error.code, error.code)
    return code if code in PROBLEMS else "internal"


def log_if_ours(code: str, error: Exception) -> None:
    """Logs an error that is no fault of whoever asked."""
    if PROBLEMS[code].status >= 500:
        log_fault("request failed", error, code=code, endpoint=request.endpoint)


def _points_error(error: PointsError) -> Response:
    code = code_of(error)
    if code == "internal":
        return _unforeseen(error)
    log_if_ours(code, error)
    # What these say is for whoever runs the service: it names files.
    detail = _HTTP_DETAILS["stopped"] if code in ("keys-unusable", "ledger-stopped") else str(error)
    return problem_response(code, detail)


def _sentence(message: str) -> str:
    """The message with a capital, unless it begins with an id, which has one spelling."""
    first = message.partition(" ")[0]
    return message if "/" in first else f"{message[:1].upper()}{message[1:]}"


def handle_http(error: HTTPException) -> Response:
    """What Flask, Werkzeug or the schema raised."""
    status = error.code or 500
    if status < 400:
        response: Response = error.get_response()  # type: ignore[assignment]
        return response
    data = getattr(error, "data", None) or {}
    if "messages" in data:
        errors = list(field_errors(data["messages"]))
        named = ", ".join(f"`{each['field']}`" for each in errors[:5])
        return problem_response("fields", f"Correct {named}, then send it again.", errors=errors)
    code = _HTTP_CODES.get(status, "bad-request" if status < 500 else "internal")
    headers = {}
    valid_methods = getattr(error, "valid_methods", None)
    if valid_methods:
        headers["Allow"] = ", ".join(sorted(valid_methods))
    return problem_response(code, _HTTP_DETAILS.get(code, "Correct the request."), headers=headers)


_HTTP_DETAILS = {
    "not-found": "Check the address: nothing is served under it.",
    "method": "Use one of the methods that the Allow header lists.",
    "too-large": "Send a shorter body: the interface's description says how long it may be.",
    "stopped": "Nothing can be entered until the operator has looked at it; reading still works.",
    "internal": "It was logged. Try again later, with the same idempotency key if you sent one.",
}


def _unforeseen(error: Exception) -> Response:
    log_if_ours("internal", error)
    return problem_response("internal", _HTTP_DETAILS["internal"], request_id=g.get("request_id"))


def field_errors(messages: Any, path: str = "") -> Iterator[dict[str, str]]:
    """The errors of a schema, nested as marshmallow gives them, as `field` and `message`."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            # The first level says where the value came from: json, query, headers.  An unknown name
            # is the caller's own text, of any length.
            cut = str(name) if len(str(name)) <= NAME_MAX else f"{str(name)[:NAME_MAX]}…"
            below = f"{path}.{cut}" if path else cut
            yield from field_errors(inner, below)
        return
    for message in messages if isinstance(messages, list) else [messages]:
        _, _, field = path.partition(".")
        yield {"field": field or path, "message": str(message)}
