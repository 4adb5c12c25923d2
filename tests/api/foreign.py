"""A record of somebody else's looks like none at all: same words, same number of statements.

    looks_like_none(desk, "DELETE", "/grants/{id}", "manager", foreign="grant/…")

asks twice, for the foreign record and for one that is not there, and holds both answers to each
other.  It is for whatever an action of less reach than the ledger names (`test_permissions.py`).
"""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Desk
from tests.statements import statements

ABSENT = "a" * 26
BESIDE = "trail"
"""In each statement of a thread that writes the audit trail meanwhile."""


def looks_like_none(
    desk: Desk,
    method: str,
    path: str,
    role: str,
    *,
    foreign: str,
    body: Any = None,
    **headers: str,
) -> None:
    """Asserts that `role` cannot tell the record `foreign` from one that is not there.

    `path` stands below the ledger and has `{id}` where what follows the `/` in an id belongs.  A
    POST gets a new idempotency key each time.
    """
    kind = foreign.partition("/")[0]
    told, sent = [], []
    for name in (foreign, f"{kind}/{ABSENT}"):
        url = desk.base + path.format(id=name.partition("/")[2])
        if method == "POST":
            headers["Idempotency_Key"] = desk.key()
        with statements(desk.installation.database) as seen:
            answer = desk.ask(method, url, role, body, **headers)
        told.append((answer.status_code, _anonymous(answer.json, name)))
        sent.append([each.text for each in seen if BESIDE not in each.text])
    assert told[0][0] == 404, told
    assert told[0] == told[1]
    assert sent[0] == sent[1]


def _anonymous(problem: dict[str, Any], name: str) -> dict[str, Any]:
    """A problem without what is the request's own: its id, and the name that was asked for."""
    told = {member: value for member, value in problem.items() if member != "request_id"}
    return told | {"detail": told["detail"].replace(name, "…")}
