"""Scopes: what a token may be used for, in words; each role has some, a token all of them or fewer.

A narrowed token is for a machine that does one thing: a kiosk that opens accounts, a script that
reads the log.  A role's later scopes come to tokens that were not narrowed, and to no others.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger.errors import PointsError

SCOPES = {
    "ledgers:read": "which ledgers there are, where one stands",
    "ledgers:write": "make ledgers",
    "metrics:read": "figures of the service as a whole",
    "accounts:read": "accounts, their histories and holds",
    "accounts:write": "open and close accounts",
    "points:write": "enter credits, debits, transfers, holds, reversals and what is like them",
    "services:write": "record services",
    "log:read": "entries, receipts, the bundle",
    "rules:read": "budgets and policies",
    "rules:write": "propose budgets and policies",
    "people:read": "people and their standing",
    "people:write": "introduce people, change their standing",
    "proposals:read": "what waits for a second person",
    "proposals:write": "approve, decline and withdraw proposals",
    "tokens:read": "list tokens, without their secrets",
    "tokens:write": "make, rotate and revoke tokens",
}
"""Each scope with what it opens."""

_READING = (
    "ledgers:read",
    "accounts:read",
    "log:read",
    "rules:read",
    "people:read",
    "proposals:read",
)

ROLE_SCOPES = {
    "operator": ("ledgers:read", "ledgers:write", "metrics:read"),
    "admin": (
        *_READING,
        "rules:write",
        "people:write",
        "proposals:write",
        "tokens:read",
        "tokens:write",
    ),
    "officer": (*_READING, "accounts:write", "points:write", "services:write", "proposals:write"),
    "auditor": (*_READING, "tokens:read"),
}
"""What each role may be used for; which person may decide what, the endpoints and the book say."""


class TokenRefused(PointsError):
    """A token as asked for would be of no use, or of too much."""

    code = "token-refused"


def narrowed(role: str, scopes: Iterable[str] | None) -> tuple[str, ...] | None:
    """Those scopes of the role, in order and each once; None stays None: all that it has.

    Raises `TokenRefused` where one is unknown or the role's is not.
    """
    if scopes is None:
        return None
    wanted, had = sorted(set(scopes)), ROLE_SCOPES[role]
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown:
        raise TokenRefused(
            f"There is no scope {unknown[0][:40]!a}: wanted some of {', '.join(had)}."
        )
    beyond = [scope for scope in wanted if scope not in had]
    if beyond or not wanted:
        what = f"has no scope {beyond[0]}" if beyond else "needs a scope at least"
        raise TokenRefused(f"A token of the role {role} {what}: wanted some of {', '.join(had)}.")
    return tuple(wanted)


def allows(role: str, scopes: tuple[str, ...] | None, scope: str) -> bool:
    """Whether a token of that role, narrowed to `scopes` or not at all, may be used for `scope`."""
    return scope in (ROLE_SCOPES[role] if scopes is None else scopes)
