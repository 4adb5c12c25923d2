"""Problems: the one shape of every answer that is not what was asked for (RFC 9457).

`type` is the relative reference ``/problems/<code>``: stable, and a page of this service.  `title`
says what kind of problem it is, `detail` in a sentence what a person can do about this one, and
`errors` names fields.  `PROBLEMS` is the one table of codes: the ids of the book's rules, the codes
of `ledger.errors`, and those of HTTP itself.  A 503 carries Retry-After.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

import orjson
from flask import Flask, Response, request
from marshmallow import Schema, fields
from werkzeug.exceptions import HTTPException

from ledger.errors import PointsError
from ledger.journal.orders import KeyReused, Refusal
from ledger.logs import log_fault

MIMETYPE = "application/problem+json"
ERRORS_MAX = 50


class Kind(NamedTuple):
    """What all problems of one code have in common."""

    status: int
    title: str
    retry_after_seconds: int | None = None


PROBLEMS: dict[str, Kind] = {
    # the request itself
    "json": Kind(400, "The body is not JSON"),
    "json-duplicate": Kind(400, "A key occurs twice in the body"),
    "json-number": Kind(400, "A number in the body is none that JSON has"),
    "json-text": Kind(400, "A text in the body has characters that are not taken"),
    "json-depth": Kind(400, "The body is nested too deeply"),
    "key-missing": Kind(400, "The Idempotency-Key header is missing"),
    "key-form": Kind(400, "The Idempotency-Key header cannot be used"),
    "bad-request": Kind(400, "The request cannot be understood"),
    "unauthorized": Kind(401, "A valid token is needed"),
    "role": Kind(403, "The token's role does not allow this"),
    "scope": Kind(403, "The token is not meant for this"),
    "standing": Kind(403, "The person's standing does not allow this"),
    "own-proposal": Kind(403, "Nobody approves what they proposed"),
    "self": Kind(403, "Nobody decides on what concerns themselves"),
    "not-found": Kind(404, "There is nothing here"),
    "ledger-unknown": Kind(404, "There is no such ledger for this token"),
    "proposal-unknown": Kind(404, "There is no such proposal"),
    "token-unknown": Kind(404, "There is no such token"),
    "account": Kind(404, "There is no such account"),
    "method": Kind(405, "This method is not offered here"),
    "too-large": Kind(413, "The body is too large"),
    "content-type": Kind(415, "The body is not of type application/json"),
    "before-ledger": Kind(422, "The ledger had not begun"),
    "fields": Kind(422, "Fields are missing, unknown or of the wrong form"),
    "key-reused": Kind(422, "The idempotency key was used for another request"),
    # rules of the book
    "form": Kind(422, "The values cannot be entered"),
    "effective": Kind(422, "The time lies ahead"),
    "until": Kind(422, "The end of the hold is out of bounds"),
    "purpose": Kind(422, "The policy does not allow this transfer"),
    "past-day": Kind(422, "The day is past"),
    "from": Kind(422, "The days are not in order"),
    "flow": Kind(422, "Points do not flow this way"),
    "once": Kind(409, "The request is in the log already"),
    "two-people": Kind(409, "A second person is needed"),
    "reference": Kind(409, "The entry named cannot be used for this"),
    "closed": Kind(409, "The account is closed"),
    "due": Kind(409, "Something of the account is due first"),
    "holds": Kind(409, "The account has too many open holds"),
    "policy": Kind(409, "The policy of that day is another"),
    "replaced": Kind(409, "The service was replaced"),
    "credited": Kind(409, "The service was credited"),
    "grant": Kind(409, "The grant is above the limit"),
    "reversal": Kind(409, "More would be reversed than there is"),
    "reversal-limit": Kind(409, "The reversal is above the limit"),
    "lapsed": Kind(409, "The points have lapsed"),
    "budget-period": Kind(409, "The budget does not cover the day"),
    "budget-project": Kind(409, "The budget is for another project"),
    "budget-limit": Kind(409, "The budget is used up"),
    "limits": Kind(409, "The budgets are too large together"),
    "funds": Kind(409, "There are not enough points"),
    "debt": Kind(409, "The debt is smaller"),
    "dates": Kind(409, "The account would have too many dated parts"),
    "range": Kind(409, "The balance would be beyond all bounds"),
    "opening": Kind(409, "The account is open"),
    "closing": Kind(409, "The account is not empty"),
    "keys": Kind(409, "The keys do not follow"),
    "founding": Kind(409, "The ledger cannot be founded so"),
    "group": Kind(409, "Another order of the group was refused"),
    "sequence": Kind(500, "The log does not follow"),
    "origin": Kind(500, "The log is another"),
    "parts": Kind(500, "The parts do not follow"),
    "balance": Kind(500, "The balance does not follow"),
    "prev": Kind(500, "The posting before is another"),
    "root": Kind(500, "The state's root does not follow"),
    "no-state": Kind(409, "No published state shows the account yet"),
    # programme
    "reference-taken": Kind(409, "The reference belongs to another account"),
    "proposal-decided": Kind(409, "The proposal is decided"),
    "token-refused": Kind(422, "The token would be of no use"),
    "ledger-exists": Kind(409, "There is such a ledger already"),
    "config": Kind(422, "A value cannot be used"),
    "malformed-entry": Kind(422, "The values cannot be entered"),
    # the service
    "internal": Kind(500, "Something went wrong here"),
    "accounts-damaged": Kind(503, "The accounts contradict the log", 60),
    "append-failed": Kind(500, "The database refused the entry"),
    "keys-unusable": Kind(503, "The ledger's keys cannot be used", 60),
    "clock": Kind(503, "The clocks disagree", 30),
    "gap": Kind(503, "Nothing was entered for over 31 days", 60),
    "not-published": Kind(503, "Nothing is published yet", 1),
    "queue-full": Kind(503, "Too many requests wait", 1),
    "database-busy": Kind(503, "The database is busy", 1),
    "database-down": Kind(503, "The database cannot be reached", 5),
    "outcome-unknown": Kind(503, "Whether it was entered is not known", 1),
    "ledger-stopped": Kind(503, "The ledger is read-only", 60),
}

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


class Problem(Exception):
    """Raised anywhere in a request: the answer is the problem of that code."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        command: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.command = command


def refuse(outcome: Refusal | KeyReused, command: int | None = None) -> NoReturn:
    """Answers a refusal of the book, of a companion, or of a key used twice.

    `command` is the place of what was refused in its batch.
    """
    if isinstance(outcome, KeyReused):
        raise Problem("key-reused", outcome.message)
    headers = {"Idempotency-Replayed": "true"} if outcome.replayed else None
    raise Problem(outcome.rule, refusal_detail(outcome), headers=headers, command=command)


def refusal_detail(refusal: Refusal) -> str:
    """What a refusal says, as a sentence."""
    return f"{_sentence(refusal.message)}."


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
    command: int | None = None,
) -> Response:
    """The answer to a problem of that code."""
    kind = PROBLEMS[code]
    body = problem_body(code, detail, errors=errors and errors[:ERRORS_MAX], command=command)
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
    return problem_response(error.code, error.detail, headers=error.headers, command=error.command)


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
    return problem_response("internal", _HTTP_DETAILS["internal"])


def field_errors(messages: Any, path: str = "") -> Iterator[dict[str, str]]:
    """The errors of a schema, nested as marshmallow gives them, as `field` and `message`."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            # The first level says where the value came from: json, query, headers.
            below = f"{path}.{name}" if path else str(name)
            yield from field_errors(inner, below)
        return
    for message in messages if isinstance(messages, list) else [messages]:
        _, _, field = path.partition(".")
        yield {"field": field or path, "message": str(message)}
