"""What every page has: its headers, its static files, its words, and what it says when it cannot.

A page may run the console's own modules and use its own style sheet, and nothing else: no inline
script or style, nothing from elsewhere, in nobody's frame.  Static files lie below a digest over
all of them, so that they can be kept for good and still change.
"""

from __future__ import annotations

import mimetypes
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, g, render_template, request, url_for
from flask_babel import get_locale, gettext
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from api.console import shown, words
from api.console.session import (
    WITHOUT_SESSION,
    LanguageForm,
    PlainForm,
    SignInForm,
    current,
    may_read,
    own_address,
)
from api.problems import PROBLEMS, Problem, code_of, handle_http, log_if_ours
from ledger.errors import LedgerUnknown, PointsError

STATIC = Path(__file__).parent / "static"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
FOR_GOOD = "public, max-age=31536000, immutable"


def install(app: Flask) -> None:
    """Page functions for templates, headers, and HTML where a person asked in vain."""
    app.jinja_env.filters.update(
        number=shown.number,
        change=shown.change,
        points=shown.points,
        day=shown.day,
        local_time=shown.local_time,
        account=shown.account,
        entry_link=shown.entry_link,
        in_words=words.in_words,
        in_reserve=words.in_reserve,
        own_words=words.own_words,
        in_fours=shown.in_fours,
        type_name=words.type_name,
        assurance_name=words.assurance_name,
        kind_name=shown.kind_name,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.register_error_handler(NotFound, _lost)
    app.register_error_handler(MethodNotAllowed, _lost)


def described() -> dict[str, Any]:
    """What every template knows."""
    principal = current()
    return {
        "asset": asset,
        "language": str(get_locale()),
        "token": principal,
        "reads": principal is not None and may_read(principal),
        "has_own": own_address() is not None,
        "ledger": g.get("ledger"),
        "zone_name": shown.zone_name,
        "language_form": LanguageForm(formdata=None, page=_here()),
        "plain_form": PlainForm(formdata=None),
    }


def _here() -> str:
    """The page to come back to: this one, where it can be asked for again; else what it names."""
    if "again" in g:
        return str(g.again)
    again = request.method == "GET" and request.blueprint == "console"
    return request.full_path.rstrip("?") if again else "/"


def headed(response: Response) -> Response:
    """The headers of a page."""
    response.headers.extend(HEADERS)
    return response


def asset(name: str) -> str:
    """The address of a static file."""
    return url_for("console.show_file", digest=digest(), name=name)


@cache
def digest() -> str:
    """Over the names and contents of all static files."""
    total = sha256()
    for path in sorted(STATIC.iterdir()):
        total.update(path.name.encode() + b"\0" + sha256(path.read_bytes()).digest())
    return total.hexdigest()[:16]


def static_file(asked: str, name: str) -> Response:
    """A static file; only under today's digest may it be kept."""
    path = STATIC / name
    if name not in {each.name for each in STATIC.iterdir()}:
        abort(404)
    kind = mimetypes.types_map.get(path.suffix, "application/octet-stream")
    response = Response(path.read_bytes(), content_type=f"{kind}; charset=utf-8")
    response.headers["Cache-Control"] = FOR_GOOD if asked == digest() else "no-cache"
    return response


# --- what a page says when it cannot -------------------------------------------------------------


def on_problem(error: Problem) -> Response:
    """A problem as a page; whoever has no token that holds is asked for one."""
    response = refused(error.code)
    response.headers.update(error.headers)
    return response


def on_points_error(error: PointsError) -> Response:
    """An error of the domain as a page."""
    code = code_of(error)
    log_if_ours(code, error)
    # Where anybody may ask, there is nothing to sign in to: it is just not there.
    return refused(code, said="nowhere" if isinstance(error, LedgerUnknown) else None)


def on_http(error: HTTPException) -> Response:
    """What Flask raised, as a page."""
    if (error.code or 500) < 400:
        return handle_http(error)
    return refused(
        {404: "not-found", 405: "method", 413: "too-large"}.get(error.code or 500, "bad-request")
    )


def on_anything(error: Exception) -> Response:
    """A fault of ours as a page."""
    log_if_ours("internal", error)
    return refused("internal")


def _lost(error: HTTPException) -> Response:
    """Under an address that nothing serves a person gets a page, a program a problem."""
    wants_page = "text/html" in request.headers.get("Accept", "")
    if request.path.startswith(WITHOUT_SESSION) or not wants_page:
        return handle_http(error)
    return headed(on_http(error))


def refused(code: str, *, wanted: str | None = None, said: str | None = None) -> Response:
    """The page of a refusal, with its own advice or another that is `said`."""
    status = PROBLEMS[code].status
    form, way_in, own = None, None, None
    wanted = wanted or _here()
    if code in ("unauthorized", "role", "scope", "standing"):
        form = SignInForm(formdata=None, wanted=wanted)
    if code in ("role", "form"):
        own = own_address()
    if code == "role" and own is not None and current() is not None:
        said = "own"
    ledger = (request.view_args or {}).get("ledger")
    if ledger is not None and (form or code == "ledger-unknown") and said != "nowhere":
        way_in = url_for("console.show_sign_in", ledger=ledger, wanted=wanted)
    page = render_template(
        "console/refused.html",
        title=_title(status),
        advice=_advice(said or code),
        sign_in_form=form,
        way_in=way_in,
        own=own,
        **described(),
    )
    response = Response(page, status)
    seconds = PROBLEMS[code].retry_after_seconds
    if seconds is not None:
        response.headers["Retry-After"] = str(seconds)
    return response


def _title(status: int) -> str:
    if status == 401:
        return gettext("Please sign in")
    if status == 403:
        return gettext("This page is not for you")
    if status in (404, 405):
        return gettext("There is nothing here")
    if status in (429, 503):
        return gettext("Not just now")
    if status >= 500:
        return gettext("Something went wrong here")
    return gettext("That did not work")


def _advice(code: str) -> str:
    known = {
        "unauthorized": gettext(
            "You have not signed in to this ledger yet, or you were signed out since, or your token"
            " is unknown or over."
        ),
        "token": gettext(
            "This token opens nothing: it is unknown, was revoked, or is over. Check that you put"
            " in all of it, or ask the office for another."
        ),
        "role": gettext(
            "These pages show a ledger to its office and its auditors. The operator's token opens"
            " no ledger."
        ),
        "own": gettext(
            "It shows the whole ledger, to its office and its auditors. What is yours is on your"
            " own page."
        ),
        "scope": gettext(
            "These pages show all that a reader may see, and this token was made for something"
            " narrower. Sign in with an auditor's token."
        ),
        "standing": gettext(
            "The person of this token no longer has a standing in this ledger that allows to look."
        ),
        "ledger-unknown": gettext(
            "No ledger of that name is open to you. Check the address, or sign in to that one."
        ),
        "nowhere": gettext(
            "There is no ledger of that name here. Check the address that you were given."
        ),
        "find": gettext(
            "This is neither the number of an entry nor an account, which is member/ or org/ and"
            " 26 letters and digits."
        ),
        "account": gettext("This ledger has no such account. Check the address."),
        "rate-limited": gettext("That was too much at once. Wait a minute, then go on."),
        "too-large": gettext("What was sent is longer than anything that these pages take."),
        "not-published": gettext("Nothing of this is published yet. Try again in a second."),
        "form": gettext("This page was open for too long, or sent from elsewhere. Try once more."),
        "internal": gettext("It was logged. Try again later."),
    }
    if code in known:
        return known[code]
    if PROBLEMS[code].status >= 500:
        return gettext("The service cannot answer at the moment. Try again in a minute.")
    return gettext("Check the address: nothing is served under it.")
