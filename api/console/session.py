"""Who is looking: a token in a session cookie, asked about again on every page.

The cookie is signed with 32 random bytes that all processes find in a private file of the data
directory; it is HttpOnly, SameSite=Strict, ends with the browser, and is Secure where the request
came by https.  It holds the visitor's own token, their language, and what guards the forms against
others' pages.  A token that is revoked, runs out or loses its standing opens nothing from then on.
"""

from __future__ import annotations

import hashlib
import os
from functools import wraps
from typing import Any

from flask import Flask, Request, g, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf import FlaskForm
from itsdangerous import URLSafeTimedSerializer
from wtforms import HiddenField, StringField
from wtforms.validators import AnyOf, DataRequired, Length

from api.auth import View, admitted, installation
from api.problems import Problem
from ledger.config import Settings
from ledger.journal.privatefiles import locked, os_errors, read_private, write_private
from ledger.programme.glance import time_offset
from ledger.programme.roles import Principal
from ledger.programme.tokens import OPERATOR

TOKEN_CHARS_MAX = 100
LANGUAGES = ("zh", "en")
SECRET_BYTES = 32
# Requests of programs bear their token in a header, and have no cookie to be read.
WITHOUT_SESSION = ("/v1/", "/log/")


def install(app: Flask) -> None:
    """Sessions by a signed cookie; forms guarded against other sites' pages."""
    app.session_interface = _Sessions()
    app.config.update(
        SESSION_COOKIE_NAME="points",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session, so that a page may stay open
    )


class SignInForm(FlaskForm):
    """A token, and the page that was asked for."""

    token = StringField(validators=[DataRequired(), Length(max=TOKEN_CHARS_MAX)])
    wanted = HiddenField()


class LanguageForm(FlaskForm):
    """The language of the pages from now on."""

    language = HiddenField(validators=[AnyOf(LANGUAGES)])
    page = HiddenField()


class PlainForm(FlaskForm):
    """A button."""


def looking(view: View) -> View:
    """Lets whoever may read the path's ledger pass; the view gets the ledger in its name's place.

    Raises the problems of `api.auth`: `unauthorized` without a token that holds, and the same
    `ledger-unknown` for every ledger but the token's own, whether there is such a one or not.
    """

    @wraps(view)
    def guarded(ledger: str, **path: Any) -> Any:
        g.principal = _reader(session.get("token", ""), ledger)
        opened = installation().ledger(ledger)
        with installation().database.reading() as conn:
            g.utc_offset_minutes = time_offset(conn, opened.id)
        g.ledger = opened.name
        return view(ledger=opened, **path)

    return guarded


def sign_in(text: str) -> Principal:
    """Remembers a token for this session; `Problem` where it opens nothing."""
    principal = _reader(text, None)
    language = session.get("language")
    session.clear()
    session["token"] = text
    if language:
        session["language"] = language
    return principal


def sign_out() -> None:
    """Forgets the token."""
    session.pop("token", None)


def current() -> Principal | None:
    """This page's visitor, None where it was not asked for or their token does not hold."""
    principal: Principal | None = g.get("principal")
    return principal


def _reader(text: str, ledger: str | None) -> Principal:
    principal = admitted(text, ledger)
    if principal.ledger == OPERATOR:
        raise Problem("role", "The operator's token opens no ledger.")
    if not principal.reach("log:read").everything:
        raise Problem("role", "These pages show a ledger to its office and its auditors.")
    if principal.scopes is not None:
        raise Problem(
            "scope",
            "These pages show all that a reader may see, so a token that was made for something"
            f" narrower ({', '.join(principal.scopes)}) does not open them.",
        )
    return principal


class _Sessions(SecureCookieSessionInterface):
    digest_method = staticmethod(hashlib.sha256)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if request.path.startswith(WITHOUT_SESSION):
            return None
        return super().open_session(app, request)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        if app.secret_key is None:
            app.secret_key = signing_secret(installation().settings)
        return super().get_signing_serializer(app)

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 (Flask's own signature)
        return request.is_secure


def signing_secret(settings: Settings) -> bytes:
    """What cookies are signed with: made by the first process that asks, then found by all."""
    file = settings.data / "console-secret"
    with os_errors(file):
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(settings.data):
            secret = read_private(file) if file.exists() else b""
            if len(secret) != SECRET_BYTES:  # none yet, or one that was cut short
                file.unlink(missing_ok=True)
                secret = os.urandom(SECRET_BYTES)
                write_private(file, secret)
    return secret
