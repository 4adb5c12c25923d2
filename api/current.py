"""What stands behind Flask's `request`, `g` and `current_app`: this request's, looked up once.

The proxies look it up with each access, which takes longer than most of what is then done with it.
So what every request passes through asks here, and keeps the answer in a variable of its own; the
rest of `api/` may use the proxies.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Request, current_app, g, request


def this_app() -> Flask:
    """The application that serves this request."""
    found: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return found


def this_g() -> Any:
    """What is kept of this request while it lasts."""
    return g._get_current_object()  # type: ignore[attr-defined]


def this_request() -> Request:
    """The request itself."""
    found: Request = request._get_current_object()  # type: ignore[attr-defined]
    return found
