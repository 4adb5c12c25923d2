"""Reading what comes in, strictly: one spelling of JSON, bounded in size, depth and characters.

A body is at most 65,536 bytes of UTF-8 JSON, or what its endpoint says: one object, no key twice,
no NaN or Infinity, at most 8 levels deep, no NUL and no half character (lone surrogate) in any
text.  A query is UTF-8 without NUL, on whatever page, and names each parameter once.  Each fault is
a problem of its own.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

import marshmallow
from flask import Request
from webargs.flaskparser import FlaskParser

from api.current import this_app, this_g, this_request
from api.problems import Problem

BODY_BYTES_MAX = 65_536
DEPTH_MAX = 8
DIGITS_MAX = 20

_SURROGATE = re.compile("[\ud800-\udfff]")


class StrictParser(FlaskParser):
    """What the blueprints' `arguments` read requests with."""

    DEFAULT_UNKNOWN_BY_LOCATION = {  # noqa: RUF012 (as webargs declares it)
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": marshmallow.RAISE,
    }

    def __init__(self) -> None:
        super().__init__()
        self._without_query: dict[Any, dict[str, Any]] = {}

    def get_default_request(self) -> Request:
        """The request that is read where none is named."""
        return this_request()

    def parse(self, argmap: Any, req: Request | None = None, **how: Any) -> Any:
        """As webargs does; what a query that is not there comes to is found once a schema."""
        if how.get("location") != "query" or (req or this_request()).query_string:
            return super().parse(argmap, req, **how)
        if argmap not in self._without_query:
            self._without_query[argmap] = super().parse(argmap, req, **how)
        return dict(self._without_query[argmap])

    def load_json(self, req: Request, _schema: marshmallow.Schema) -> dict[str, Any]:
        """The body as an object; kept as it came, for the request's fingerprint."""
        if req.mimetype != "application/json":
            raise Problem(
                "content-type", "Send the body as JSON, with Content-Type: application/json."
            )
        want_plain(req)
        raw = req.get_data()
        most = body_bytes_max(req)
        if len(raw) > most:
            raise Problem("too-large", f"Send at most {most:,} bytes.")
        body = parse_body(raw)
        this_g().body = body
        return body

    def load_querystring(self, req: Request, _schema: marshmallow.Schema) -> dict[str, str]:
        """The query's parameters, each named once."""
        query: dict[str, str] = {}
        for name, values in req.args.lists():
            if len(values) > 1:
                raise Problem("bad-request", f"The query names {name[:40]!a} twice: name it once.")
            query[name] = values[0]
        return query


def want_plain(req: Request) -> None:
    """`Problem` for a body that comes compressed, which would be read as what it is not."""
    coding = req.headers.get("Content-Encoding", "identity")
    if coding.strip().lower() != "identity":
        raise Problem(
            "content-type",
            f"Send the body as it is: no Content-Encoding is taken, got {coding[:40]!a}.",
            headers={"Accept-Encoding": "identity"},
        )


def refuse_no_text() -> None:
    """Refuses a query that is no text: it would else be looked up by its bytes' spelling."""
    req = this_request()
    if not req.query_string:
        return
    try:
        text = unquote_to_bytes(req.query_string).decode("utf-8")
    except UnicodeDecodeError:
        req.query_string = b""  # which the page that says so would repeat, and cannot
        raise Problem(
            "bad-request", "The query is not UTF-8: encode its texts as UTF-8, then by percent."
        ) from None
    if "\0" in text:
        raise Problem("bad-request", "The query holds the character NUL: leave it out.")


def body_bytes_max(req: Request) -> int:
    """How long the body of this request may be, in bytes: what its view says, or 65,536."""
    view = this_app().view_functions.get(req.endpoint or "")
    most: int = getattr(view, "body_bytes_max", BODY_BYTES_MAX)
    return most


def parse_body(raw: bytes) -> dict[str, Any]:
    """The JSON object that `raw` spells; `Problem` otherwise."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem("json", f"The body is not UTF-8 (at byte {error.start}).") from None
    try:
        body = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Problem("json", f"The body is not JSON (at character {error.pos}).") from None
    except RecursionError:
        raise _too_deep() from None
    if not isinstance(body, dict):
        raise Problem("json", "The body is to be one JSON object, in braces.")
    _check(body, 1)
    return body


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Problem("json-duplicate", f"The key {key[:40]!a} occurs twice: send it once.")
        found[key] = value
    return found


def _whole(text: str) -> int:
    if len(text) > DIGITS_MAX:
        raise Problem("json-number", f"A number in the body has {len(text)} digits: too many.")
    return int(text)


def _constant(text: str) -> NoReturn:
    raise Problem("json-number", f"{text} is no number that JSON has.")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_whole, parse_constant=_constant)


def _check(value: Any, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise _too_deep()
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_text(key)
            _check(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth + 1)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise Problem("json-text", "A text holds the character NUL: leave it out.")
    if not text.isascii() and _SURROGATE.search(text):
        raise Problem("json-text", "A text holds half a character (a lone surrogate): correct it.")


def _too_deep() -> Problem:
    return Problem("json-depth", f"The body is nested more than {DEPTH_MAX} levels deep.")
