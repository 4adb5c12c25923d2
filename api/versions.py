"""Versions of records: which one was seen, by If-Match, and what somebody changed meanwhile."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NoReturn

from flask import Response, request

from api.auth import installation
from api.problems import Problem, want_done
from ledger.installation import OpenLedger
from ledger.journal.orders import Outcome, Refusal
from ledger.programme import records
from ledger.programme.recording import CHANGED
from ledger.programme.records import Record

VERSION_MAX = 999_999_999
"""What a version's number can be: 9 digits, which a column for it takes."""

MATCH_PARAMETER = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "description": "the ETag that came with what is changed: where somebody was quicker, nothing is"
    " changed and the answer says so.",
    "schema": {"type": "string", "pattern": '^"[1-9][0-9]{0,8}"$'},
}
MATCH_PARAMETERS_OF_A_FIRST: tuple[dict[str, Any], ...] = (
    MATCH_PARAMETER
    | {"required": False}
    | {"description": f"{MATCH_PARAMETER['description']} Left out for the first version alone."},
    {
        "in": "header",
        "name": "If-None-Match",
        "required": False,
        "description": "`*`, in the place of If-Match: make the first version, if there is none.",
        "schema": {"type": "string", "pattern": r"^\*$"},
    },
)

# `W/` is put there by a proxy that compresses an answer; it is the same version all the same.
_ETAG = re.compile(r'(?:W/)?"([1-9][0-9]{0,8})"', re.ASCII)


def seen_version(*, first: bool = False) -> int:
    """The version that the request's If-Match names; `Problem` where it names none.

    Where there may be no `first` version yet, it is 0 for `If-None-Match: *`.
    """
    value, none = request.headers.get("If-Match"), request.headers.get("If-None-Match")
    if first and none is not None:
        if value is not None or none != "*":
            raise Problem("match-form", "Send If-None-Match as *, alone, or If-Match.")
        return 0
    if value is None:
        raise Problem(
            "match-missing",
            "Send If-Match with the ETag that came with what you change, so that you overwrite"
            " nobody's change.",
        )
    found = _ETAG.fullmatch(value)
    if found is None:
        raise Problem("match-form", 'If-Match is one ETag as it came, such as "3".')
    return int(found[1])


def with_etag(response: Response, version: int) -> Response:
    """Names the version that an answer shows."""
    response.headers["ETag"] = f'"{version}"'
    return response


def want_changed(ledger: OpenLedger, kind: str, name: str, outcome: Outcome, seen: int) -> None:
    """`Problem` unless that is how the version `seen` of a record was changed."""
    if isinstance(outcome, Refusal) and outcome.rule == CHANGED:
        with installation().database.reading() as conn:
            refuse_changed(records.history(conn, ledger, kind, name), seen)
    want_done(outcome)


def refuse_changed(versions: Sequence[Record], seen: int) -> NoReturn:
    """Says what changed since the version `seen` of a record that has these `versions`."""
    if not versions:
        raise Problem(CHANGED, f"There is no version {seen} of this. Make the first one.")
    newest = versions[-1]
    before: dict[str, Any] = {}
    if 1 <= seen <= len(versions):
        before = dict(versions[seen - 1].fields or {})
    now = newest.fields or {}
    raise Problem(
        CHANGED,
        f"Somebody changed this since version {seen}. Get version {newest.version}, and change"
        " that.",
        changed=sorted(name for name in {*before, *now} if before.get(name) != now.get(name)),
    )
