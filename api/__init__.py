"""The Flask application: HTTP in, one domain call, HTTP out.

`create_app` only puts things together.  A resource is a file; what all of them share is in
`resource.py` (declaring endpoints), `auth.py` (roles), `current.py` (the request itself),
`parsing.py`, `fields.py`, `uploads.py` (what comes in), `posting.py` (idempotency), `versions.py`
(what somebody saw), `answers.py` (what goes out) and `problems.py` (everything else that does).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from flask import Flask, Response
from flask.json.provider import JSONProvider

from api import (
    accounts,
    alliances,
    attainments,
    basics,
    batch,
    budgets,
    bundles,
    cards,
    consents,
    console,
    courses,
    docs,
    duplicates,
    engagements,
    entries,
    erasure_requests,
    erasures,
    evidence,
    grants,
    guardians,
    health,
    helping,
    holds,
    invitations,
    joining,
    joining_links,
    ledgers,
    log,
    logins,
    me,
    memberships,
    merges,
    messages,
    metrics,
    notices,
    openapi,
    organisations,
    persons,
    points,
    policies,
    problems,
    proofs,
    proposals,
    rosters,
    services,
    sessions,
    sheets,
    tasks,
    teams,
    tokens,
    totals,
    tracing,
    trail,
    venues,
)
from api.bodies import arriving
from api.converters import CONVERTERS
from api.current import this_request
from api.limits import Limiter
from api.parsing import body_bytes_max, refuse_no_text
from api.remembered import Remembered
from api.rules import LazyRule
from ledger.config import RateLimit, Settings, read_settings
from ledger.installation import Installation
from ledger.programme.calendar import read_calendar
from ledger.programme.channels import Channel, channels
from ledger.programme.courier import Courier
from ledger.programme.opening import open_installation
from ledger.programme.roles import Principal
from ledger.programme.trailing import Trail

RESOURCES = (
    ledgers,
    accounts,
    proofs,
    points,
    holds,
    services,
    batch,
    budgets,
    policies,
    persons,
    organisations,
    alliances,
    joining_links,
    invitations,
    rosters,
    memberships,
    totals,
    venues,
    teams,
    duplicates,
    cards,
    merges,
    helping,
    courses,
    attainments,
    evidence,
    grants,
    sessions,
    me,
    basics,
    logins,
    notices,
    consents,
    messages,
    tasks,
    joining,
    guardians,
    erasures,
    erasure_requests,
    engagements,
    tokens,
    trail,
    proposals,
    entries,
    bundles,
    log,
)


def create_app(
    installation: Installation | None = None,
    settings: Settings | None = None,
    reached_by: Mapping[str, Channel] | None = None,
) -> Flask:
    """The application over an installation, or over one opened from settings (the environment's).

    With both, the settings say what the application itself has to know, such as the rate limit.
    People are `reached_by` those channels, or by those of the environment.

    It publishes nothing by itself: whoever serves it calls `start_publishing`, after a fork.
    """
    if installation is None:
        settings = settings or read_settings(os.environ)
        installation = open_installation(settings, os.environ, observe=metrics.LedgerMetrics)
    app = _Application(__name__, static_folder=None)
    app.json = _Json(app)
    app.url_map.merge_slashes = False  # one path, one spelling
    app.extensions["points"] = installation
    app.extensions["points limits"] = Limiter(settings.rate_limit if settings else RateLimit())
    app.extensions["points remembered"] = Remembered[Principal]()
    app.extensions["points trail"] = Trail(installation)
    app.extensions["points calendar"] = read_calendar(os.environ)
    app.extensions["points courier"] = Courier(
        channels(os.environ) if reached_by is None else reached_by
    )
    app.url_map.converters.update(CONVERTERS)
    app.url_map.strict_slashes = True
    problems.register(app)
    tracing.register(app)  # first, so that what is refused below is traced too
    app.before_request(_refuse_large)
    app.after_request(_secured)
    app.before_request(refuse_no_text)
    for resource in RESOURCES:
        app.register_blueprint(resource.blueprint)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(metrics.blueprint)
    app.register_blueprint(openapi.blueprint)
    console.install(app)
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(sheets.blueprint)
    return app


class _Application(Flask):
    """Flask whose views are plain functions, so that it need not look whether one is another."""

    url_rule_class = LazyRule

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


class _Json(JSONProvider):
    """Flask's own JSON, by orjson: UTF-8 as it is."""

    def dumps(self, obj: Any, **_: Any) -> str:
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return orjson.loads(s)


def _refuse_large() -> None:
    # Said before anything else, so that nobody has to send what is not going to be read.
    req = this_request()
    most, stated = body_bytes_max(req), req.content_length
    if not stated:
        # A body of no stated length is cut off here, one byte too late to pass for a whole one.
        req.max_content_length = most + 1
    elif stated > most:
        raise problems.Problem("too-large", f"Send at most {most:,} bytes.")
    arriving(req)


def _secured(response: Response) -> Response:
    # Answers are somebody's data unless a view says that anybody may keep them.
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
