"""What is told of each request: an id, one line in the log, and the figures of `metrics.py`.

The id is the client's `X-Request-Id` where that has the form of a UUID or of a trace id (32
hexadecimal digits of either case, with hyphens or without), since anything else might be a name or
a secret; otherwise one is made.  It is echoed, it is in each log line of the request, and in
`internal` problems.  (Commands of several requests may be entered by the thread of one of them:
what fails there bears the id of that one.)

The line has the method, the route's rule, status, milliseconds until the answer began, the public
id of the token or session, and its ledger: no path, no query, no header, no body, no name.
"""

from __future__ import annotations

import random
import re
import time
from typing import Any

import structlog
from flask import Flask, Response, g
from structlog.contextvars import bind_contextvars

from api import metrics
from api.current import this_g, this_request
from ledger.programme.roles import Principal

HEADER = "X-Request-Id"
UNMATCHED = "-"

_HEX = "[0-9A-Fa-f]"
_ID = re.compile(rf"{_HEX}{{8}}(-?){_HEX}{{4}}\1{_HEX}{{4}}\1{_HEX}{{4}}\1{_HEX}{{12}}", re.ASCII)
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

_logger = structlog.get_logger("access")


def register(app: Flask) -> None:
    """Traces every request of the application, refused ones included."""
    app.before_request(_begin)
    app.after_request(_end)


def request_id() -> str:
    """The id of this request."""
    found: str = g.request_id
    return found


def _begin() -> None:
    kept = this_g()
    kept.began = time.perf_counter()
    sent = this_request().headers.get(HEADER, "")
    kept.request_id = sent if _ID.fullmatch(sent) else _new_id()
    # A thread serves one request after another: the id takes the place of the one before.
    bind_contextvars(request_id=kept.request_id)


def _new_id() -> str:
    # Unique is enough, also after a fork; the system's randomness would let go of the interpreter.
    return f"{random.getrandbits(128):032x}"


def _end(response: Response) -> Response:
    kept, req = this_g(), this_request()
    if "began" not in kept:  # it failed before anything of ours was asked
        _begin()
    seconds = time.perf_counter() - kept.began
    rule = UNMATCHED if req.url_rule is None else req.url_rule.rule
    method = req.method if req.method in _METHODS else UNMATCHED
    response.headers[HEADER] = kept.request_id
    metrics.answered(method, rule, response.status_code, seconds)
    _logger.info(
        "request",
        method=method,
        route=rule,
        status=response.status_code,
        ms=round(seconds * 1_000, 2),
        **_who(kept.get("principal")),
    )
    return response


def _who(principal: Principal | None) -> dict[str, Any]:
    return {} if principal is None else {"token": principal.id, "ledger": principal.ledger}
