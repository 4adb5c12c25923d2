"""Who a caller is and what the role allows: `Authorization: Bearer pts_<ledger>_<secret>`.

    operator   makes ledgers and lists them; nothing inside of one but its overview
    admin      budgets, policies, people, tokens; decides on proposals
    officer    accounts, points and services
    auditor    reads everything of its ledger, changes nothing

A token may be narrowed to some of its role's scopes; `NEEDS` is the one table that says which scope
an endpoint needs.  A token opens one ledger.  For any other it gets the same 404, whether there is
such a ledger or not.  A role lasts only as long as the person's standing in the log fits it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

from flask import current_app, g, request

from api.limits import Limiter
from api.problems import Problem
from ledger.errors import LedgerUnknown
from ledger.installation import Installation
from ledger.programme.tokens import OPERATOR, Token, find_token, ledger_of

READERS = ("admin", "officer", "auditor")
SCHEME = "bearer"

View = Callable[..., Any]


def installation() -> Installation:
    """What the application serves."""
    found: Installation = current_app.extensions["points"]
    return found


def caller() -> Token:
    """The token of the request, once `requires` let it pass."""
    token: Token = g.token
    return token


NEEDS = {
    "accounts": ("accounts:read", "accounts:write"),
    "batch": (None, "points:write"),
    "budgets": ("rules:read", "rules:write"),
    "bundle": ("log:read", None),
    "entries": ("log:read", None),
    "holds": ("accounts:read", "points:write"),
    "ledgers": ("ledgers:read", "ledgers:write"),
    "log": ("log:read", None),
    "metrics": ("metrics:read", None),
    "persons": ("people:read", "people:write"),
    "points": (None, "points:write"),
    "policies": ("rules:read", "rules:write"),
    "proofs": ("accounts:read", None),
    "proposals": ("proposals:read", "proposals:write"),
    "services": (None, "services:write"),
    "tokens": ("tokens:read", "tokens:write"),
}
"""The scope that each resource's endpoints need, to read and to change; None: it has none such."""


def scope_of(resource: str | None, method: str) -> str:
    """The scope that a request to that resource needs."""
    reading, changing = NEEDS[resource or ""]
    scope = reading if method in ("GET", "HEAD") else changing
    if scope is None:
        raise LookupError(f"no scope is set for {method} of {resource}")
    return scope


def want_scope(scope: str) -> None:
    """`Problem` unless the caller's token may be used for that."""
    if not caller().allows(scope):
        raise Problem(
            "scope",
            f"This token may not be used for {scope}: it was made for"
            f" {', '.join(caller().scopes or ())}. Ask an admin for a wider one.",
        )


def requires(*roles: str) -> Callable[[View], View]:
    """Lets only these roles pass, an auditor on every GET of a ledger; opens the path's ledger.

    The view gets the open ledger in place of its name.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(**path: Any) -> Any:
            name = path.get("ledger")
            g.token = _bearer(name)
            allowed = roles + (("auditor",) if request.method in ("GET", "HEAD") and name else ())
            if g.token.role not in allowed:
                raise Problem(
                    "role",
                    f"This token has the role {g.token.role}; the role {' or '.join(roles)} is"
                    " needed. Ask an admin for a token of that role.",
                )
            want_scope(scope_of(request.blueprint, request.method))
            if name is not None:
                path["ledger"] = installation().ledger(name)
            return view(**path)

        return guarded

    return decorate


def limiter() -> Limiter:
    """What counts the requests of this process."""
    found: Limiter = current_app.extensions["points limits"]
    return found


def _bearer(ledger: str | None) -> Token:
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        _refuse_stranger("Send a token: Authorization: Bearer pts_…", "")
    return admitted(text.strip(" "), ledger)


def admitted(text: str, ledger: str | None) -> Token:
    """The token of that text, which lasts and opens the ledger, if one is named; `Problem`.

    This request is taken from what the token may send, or from what strangers may.
    """
    here = installation()
    named = _id_of(ledger_of(text))
    with here.database.reading() as conn:
        found = find_token(conn, text, here.clock.now(), named)
    if found is None:
        _refuse_stranger(
            "This token is unknown, expired or revoked. Ask an admin for a new one.",
            ', error="invalid_token"',
        )
    token = found.token
    _count(token)
    if token.role == OPERATOR:
        return token
    if ledger is not None and token.ledger != ledger:
        raise Problem("ledger-unknown", "There is no ledger of that name that this token opens.")
    if not found.fits:
        raise Problem(
            "standing",
            f"{token.person} no longer has a standing that the role {token.role} needs.",
        )
    return token


def _id_of(name: str | None) -> int | None:
    if name is None or name == OPERATOR:
        return None
    try:
        return installation().ledger(name).id
    except LedgerUnknown:
        return None


def _count(token: Token) -> None:
    if request.method in ("GET", "HEAD"):
        limiter().take_read(token.id)
    else:
        limiter().take_write(token.id)


def _refuse_stranger(detail: str, error: str) -> NoReturn:
    limiter().take_stranger(request.remote_addr or "")
    raise Problem(
        "unauthorized", detail, headers={"WWW-Authenticate": f'Bearer realm="points"{error}'}
    )
