"""Answers: a body as JSON, and a page of a list with where it goes on."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Response, request


def answer(body: Any, status: int = 200, **headers: str) -> Response:
    """JSON, as UTF-8."""
    response = Response(orjson.dumps(body), status, mimetype="application/json")
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


def page(
    name: str, items: list[Any], cursor: str, following: object | None, **beside: Any
) -> Response:
    """A page of a list, with a Link to the next one while there may be more.

    `beside` are further members of the body; what is `as_of` an entry stays so on the next page.
    """
    response = answer({**beside, name: items})
    if following is not None:
        query = request.args.to_dict() | {cursor: str(following)}
        if "as_of" in beside:
            query.pop("as_of_time", None)
            query["as_of"] = str(beside["as_of"])
        response.headers["Link"] = f'<{request.path}?{urlencode(query)}>; rel="next"'
    return response
