"""Who is looking: a token or a session in a cookie, asked about again on every page.

The cookie is signed with 32 random bytes that all processes find in a private file of the data
directory; it is HttpOnly, SameSite=Lax, and Secure where the request came by https.  It ends with
the browser, but for members who stay signed in on their device.  It holds the visitor's own token
or the text of their session, their language, and what guards the forms against others' pages.  What
is revoked, runs out or loses its standing opens nothing from then on.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from flask import Flask, Request, g, request, session, url_for
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf import FlaskForm
from itsdangerous import URLSafeTimedSerializer
from wtforms import HiddenField, StringField
from wtforms.validators import AnyOf, DataRequired, Length

from api.auth import View, admitted, installation, open_to_strangers, within
from api.problems import Problem
from ledger.config import Settings
from ledger.errors import LedgerUnknown
from ledger.installation import OpenLedger
from ledger.journal.privatefiles import locked, os_errors, read_private, write_private
from ledger.programme import tokens
from ledger.programme.people import sessions
from ledger.programme.people.sessions import DEVICE, SessionUnknown
from ledger.programme.reading.days import offset_of
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
        SESSION_COOKIE_SAMESITE="Lax",  # links in messages and on posters lead to people's pages
        PERMANENT_SESSION_LIFETIME=sessions.LASTS[DEVICE],
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
        g.principal = _somebody(session.get("token", ""), ledger)
        _want_reader(g.principal)
        return view(ledger=_opened(ledger), **path)

    return guarded


def visiting(action: str) -> Callable[[View], View]:
    """Lets whoever may do the action with what is their own pass, as `looking` does."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(ledger: str, **path: Any) -> Any:
            g.principal = principal = _somebody(session.get("token", ""), ledger)
            # Whoever signed in sees to what is theirs, whatever roles they hold today.
            reaches = principal.signed_in or principal.reach(action)
            if not (reaches and principal.allows(action)):
                raise Problem("role", "This page is for people who take part.")
            g.action = action
            return view(ledger=_opened(ledger), **path)

        return guarded

    return decorate


def at_the_door(view: View) -> View:
    """Lets anybody pass, counted by their address; the view gets the ledger."""

    @wraps(view)
    @open_to_strangers
    def guarded(ledger: OpenLedger, **path: Any) -> Any:
        g.ledger = ledger.name
        return view(ledger=ledger, **path)

    return guarded


def sign_in(text: str) -> Principal:
    """Remembers a token for this session; `Problem` where it opens nothing."""
    principal = _somebody(text, None)
    _want_reader(principal)
    _remember(text, stay=False)
    return principal


def begin(ledger: OpenLedger, person: str, lasts: str, *, stay: bool = False) -> Principal:
    """Begins a session of a person's in this browser; it may `stay` after the browser is closed.

    Raises what `sessions.begin` raises.
    """
    text = sessions.begin(*within(ledger), person, lasts).text
    _remember(text, stay=stay)
    principal = g.principal = admitted(text, ledger.name)
    return principal


def sign_out() -> None:
    """Forgets the token, and ends the session that it is the text of, if it is one."""
    text = session.pop("token", "")
    session.permanent = False
    name = sessions.ledger_of(text)
    here = installation()
    if name is None:
        return
    with suppress(LedgerUnknown, SessionUnknown):
        ledger, now = here.ledger(name), here.clock.now()
        with here.database.reading() as conn:
            found = sessions.find_session(conn, ledger, text, now)
        if found is not None:
            sessions.revoke(*within(ledger), found.session.person, found.session.id)


def current() -> Principal | None:
    """This page's visitor, None where it was not asked for or their token does not hold."""
    principal: Principal | None = g.get("principal")
    return principal


def whoever(ledger: OpenLedger) -> Principal | None:
    """Whose session in this browser opens the ledger; None without one that lasts."""
    text = session.get("token", "")
    if sessions.ledger_of(text) != ledger.name:
        return None
    try:
        return admitted(text, ledger.name)
    except Problem:
        return None


def may_read(principal: Principal) -> bool:
    """Whether the pages that show the ledger are for them."""
    return principal.reach("log:read").everything and principal.scopes is None


def landing(principal: Principal, wanted: str | None) -> str:
    """Where somebody comes who has just signed in: the page they asked for, or one of theirs."""
    start = url_for("console.show_ledger", ledger=principal.ledger)
    mine = url_for("console.show_me", ledger=principal.ledger)
    page, allowed = own_page(wanted), (start, mine) if may_read(principal) else (mine,)
    inside = any(page == each or page.startswith((f"{each}/", f"{each}?")) for each in allowed)
    return page if inside else allowed[0]


def own_page(wanted: str | None) -> str:
    """A page of the console, whatever was asked for."""
    own = wanted is not None and wanted.startswith("/ledgers/") and wanted.isprintable()
    return wanted if wanted and own else url_for("console.home")


def signed_in_to() -> str | None:
    """The page of whoever has a token or session in this browser, whether it holds or not."""
    name = tokens.ledger_of(session.get("token", ""))
    return own_address() if name is None else url_for("console.show_ledger", ledger=name)


def own_address() -> str | None:
    """The page of their own of whoever has a session in this browser, whether it holds or not."""
    name = sessions.ledger_of(session.get("token", ""))
    return None if name is None else url_for("console.show_me", ledger=name)


def _remember(text: str, *, stay: bool) -> None:
    language = session.get("language")
    sign_out()  # whoever was signed in here before
    session.clear()
    g.pop("csrf_token", None)  # what guarded the forms went with the session before
    session.permanent = stay
    session["token"] = text
    if language:
        session["language"] = language


def _opened(name: str) -> OpenLedger:
    opened = installation().ledger(name)
    with installation().database.reading() as conn:
        g.utc_offset_minutes = offset_of(conn, opened.id)
    g.ledger = opened.name
    return opened


def _somebody(text: str, ledger: str | None) -> Principal:
    principal = admitted(text, ledger)
    if principal.ledger == OPERATOR:
        raise Problem("role", "The operator's token opens no ledger.")
    return principal


def _want_reader(principal: Principal) -> None:
    if not principal.reach("log:read").everything:
        raise Problem("role", "These pages show a ledger to its office and its auditors.")
    if principal.scopes is not None:
        raise Problem(
            "scope",
            "These pages show all that a reader may see, so a token that was made for something"
            f" narrower ({', '.join(principal.scopes)}) does not open them.",
        )


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
