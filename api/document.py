"""What the OpenAPI document says beyond schemas: examples, curl lines, which problems come when.

Examples lie in `examples/<resource>.json`, each a request that was sent and the answer that came
(`tests/api/test_examples.py` sends them all, and writes the files).  Problems are those of
`problems.toml`; `REFUSALS` says which of the book's rules an operation can meet.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from werkzeug.http import HTTP_STATUS_CODES

from api.problems import MIMETYPE, PROBLEMS, ProblemSchema, problem_body

HOST = "https://points.example.org"
EXAMPLES = Path(__file__).with_name("examples")
JSON = "application/json"
FILE = "application/octet-stream"
_LEDGER = "/v1/ledgers/{ledger}"

# What any operation can meet, by status, and what only those that enter something in the log can.
_EVERYWHERE: dict[int, tuple[str, ...]] = {
    400: ("bad-request",),
    401: ("unauthorized",),
    403: ("role", "scope", "standing"),
    404: ("ledger-unknown", "not-found"),
    413: ("too-large",),
    415: ("content-type",),
    422: ("fields",),
    429: ("rate-limited",),
    500: ("internal",),
    503: ("database-busy", "database-down", "keys-unusable", "ledger-stopped"),
}
_WITH_A_BODY = ("json", "json-duplicate", "json-number", "json-text", "json-depth")
_ENTERING = (
    *("key-missing", "key-form", "key-reused", "standing", "once", "append-failed"),
    *("clock", "gap", "queue-full", "outcome-unknown"),
)
_HOLDERS = ("account", "closed", "due", "range")
_PROPOSED = ("self", "two-people")
_MATCHED = ("match-missing", "match-form", "record-changed")
_JOINING = (
    *("notice-not-seen", "code-refused", "member-already", "guardian-needed", "birth-refused"),
    *("field", "append-failed", "clock", "gap", "queue-full", "outcome-unknown"),
)
_ABOUT_PEOPLE = ("field", "erased", "restricted")
_ORGANISATION = ("organisation-refused", "number", "field", "erased")
_CORRECTED = (
    *("basics-refused", "code-refused", "record-unknown", "number", *_ABOUT_PEOPLE, *_MATCHED),
    *("append-failed", "clock", "queue-full", "outcome-unknown"),
)
_REFUSALS: dict[str, tuple[str, ...]] = {
    "POST /v1/ledgers": ("ledger-exists", "founding", "from", "clock"),
    f"POST {_LEDGER}/accounts": ("reference-taken",),
    f"GET {_LEDGER}/accounts/{{kind}}/{{random}}": ("account", "before-ledger"),
    f"GET {_LEDGER}/accounts/{{kind}}/{{random}}/history": ("account", "before-ledger"),
    f"GET {_LEDGER}/accounts/{{kind}}/{{random}}/proof": (
        *("account", "no-state", "accounts-damaged"),
    ),
    f"GET {_LEDGER}/budgets": ("before-ledger",),
    f"GET {_LEDGER}/entries": ("before-ledger",),
    f"POST {_LEDGER}/accounts/{{kind}}/{{random}}/close": (*_HOLDERS, "closing"),
    f"POST {_LEDGER}/accounts/{{kind}}/{{random}}/reopen": (
        *("account", "opening", "erasure-refused"),
    ),
    f"POST {_LEDGER}/attainments": (
        *("attainment-refused", "organisation-unknown", "course-unknown", "basics-needed"),
        *_ABOUT_PEOPLE,
    ),
    f"GET {_LEDGER}/attainments/{{random}}": ("attainment-unknown",),
    f"PUT {_LEDGER}/attainments/{{random}}": (
        *("attainment-refused", "attainment-unknown", *_ABOUT_PEOPLE, *_MATCHED),
    ),
    f"POST {_LEDGER}/evidence": (
        *("evidence-refused", "evidence-full", "evidence-unwritable", *_ABOUT_PEOPLE),
    ),
    f"GET {_LEDGER}/evidence/{{random}}": ("evidence-unknown",),
    f"GET {_LEDGER}/evidence/{{random}}/file": ("evidence-unknown", "evidence-damaged", "erased"),
    f"POST {_LEDGER}/cards": ("card-refused", "card-unknown", *_ABOUT_PEOPLE),
    f"POST {_LEDGER}/cards/find": ("card-unknown", "number"),
    f"GET {_LEDGER}/cards/{{random}}": ("card-unknown",),
    f"GET {_LEDGER}/cards/{{random}}/sheet": ("card-unknown",),
    f"DELETE {_LEDGER}/cards/{{random}}": ("card-unknown",),
    f"GET {_LEDGER}/me/basics": ("record-unknown",),
    f"PUT {_LEDGER}/me/basics": _CORRECTED,
    f"GET {_LEDGER}/persons/{{random}}/basics": ("record-unknown",),
    f"PUT {_LEDGER}/persons/{{random}}/basics": _CORRECTED,
    f"POST {_LEDGER}/courses": ("course-refused", "organisation-unknown", "field", "erased"),
    f"GET {_LEDGER}/courses/{{random}}": ("course-unknown",),
    f"PUT {_LEDGER}/courses/{{random}}": (
        *("course-refused", "course-unknown", "field", "erased", *_MATCHED),
    ),
    f"POST {_LEDGER}/budgets": (*_PROPOSED, "account", "limits", "from"),
    f"POST {_LEDGER}/credits": (
        *(*_HOLDERS, *_PROPOSED, "dates", "reference", "policy", "replaced", "credited", "grant"),
        *("budget-period", "budget-project", "budget-limit", "effective", "past-day"),
    ),
    f"POST {_LEDGER}/debits": (*_HOLDERS, *_PROPOSED, "funds"),
    f"POST {_LEDGER}/duplicates/distinct": ("duplicate-refused",),
    f"POST {_LEDGER}/engagements": ("engagement-refused",),
    f"GET {_LEDGER}/engagements/{{random}}": ("engagement-unknown",),
    f"GET {_LEDGER}/engagements/{{random}}/reason": ("engagement-unknown",),
    f"GET {_LEDGER}/engagements/{{random}}/record": (
        *("engagement-refused", "engagement-unknown", "record-unknown"),
        *("append-failed", "clock", "queue-full", "outcome-unknown"),
    ),
    f"GET {_LEDGER}/engagements/{{random}}/file": (
        *("engagement-refused", "engagement-unknown", "record-unknown", "evidence-damaged"),
        *("erased", "append-failed", "clock", "queue-full", "outcome-unknown"),
    ),
    f"DELETE {_LEDGER}/engagements/{{random}}": ("engagement-unknown",),
    f"POST {_LEDGER}/erasures": (*_PROPOSED, "from", "erasure-refused"),
    f"POST {_LEDGER}/me/erasure": ("erased",),
    f"DELETE {_LEDGER}/me/erasure/{{random}}": ("erasure-unknown", "erasure-refused"),
    f"GET {_LEDGER}/erasure-requests": ("erasure-unknown",),
    f"GET {_LEDGER}/erasure-requests/{{random}}": ("erasure-unknown",),
    f"POST {_LEDGER}/erasure-requests/{{random}}/decision": (
        *("erasure-unknown", "erasure-refused", "erasure-decided", "erased", "helped"),
    ),
    f"POST {_LEDGER}/grants": ("grant-refused",),
    f"DELETE {_LEDGER}/grants/{{random}}": ("grant-refused", "grant-unknown"),
    f"POST {_LEDGER}/helping": (
        *("helping-refused", "code-refused", "card-unknown", "number", "erased"),
        *("append-failed", "clock", "queue-full", "outcome-unknown"),
    ),
    f"POST {_LEDGER}/helping/codes": ("helping-refused", "card-unknown", "number"),
    f"DELETE {_LEDGER}/helping/{{random}}": ("helping-unknown",),
    f"GET {_LEDGER}/helping/{{random}}/slip": ("helping-unknown",),
    f"POST {_LEDGER}/holds": (*_HOLDERS, "funds", "holds", "flow", "until"),
    f"POST {_LEDGER}/holds/{{seq}}/captures": (*_HOLDERS, "funds", "reference"),
    f"POST {_LEDGER}/holds/{{seq}}/release": (*_HOLDERS, "reference"),
    f"POST {_LEDGER}/login/password": ("sign-in-refused", "password-refused"),
    f"POST {_LEDGER}/login/recovery-codes": ("sign-in-refused",),
    f"POST {_LEDGER}/login/setup": ("sign-in-refused",),
    f"POST {_LEDGER}/login/setup/confirm": ("sign-in-refused",),
    f"POST {_LEDGER}/logins": ("invitation-refused", "no-contact"),
    f"GET {_LEDGER}/messages": ("message-unknown",),
    f"PUT {_LEDGER}/messages/choice": ("choice-refused",),
    f"GET {_LEDGER}/messages/paper": ("message-unknown",),
    f"POST {_LEDGER}/messages/{{random}}/handed": ("message-unknown",),
    f"POST {_LEDGER}/messages/{{random}}/read": ("message-unknown",),
    f"POST {_LEDGER}/merges": ("merge-refused", *_PROPOSED, "erased", "restricted"),
    f"GET {_LEDGER}/merges/{{random}}": ("merge-unknown",),
    f"POST {_LEDGER}/organisations": (*_ORGANISATION, "organisation-code-taken"),
    f"GET {_LEDGER}/organisations/{{random}}": ("organisation-unknown",),
    f"PUT {_LEDGER}/organisations/{{random}}": (
        *("organisation-unknown", "organisation-code-taken", *_ORGANISATION),
        *_MATCHED,
    ),
    f"GET {_LEDGER}/organisations/{{random}}/members": ("organisation-unknown",),
    f"POST {_LEDGER}/organisations/{{random}}/members": (
        *("organisation-unknown", "organisation-refused"),
    ),
    f"GET {_LEDGER}/organisations/{{random}}/history": ("organisation-unknown",),
    f"POST {_LEDGER}/organisations/{{random}}/status": (
        *("organisation-unknown", "organisation-status", "standing", "erased"),
    ),
    f"GET {_LEDGER}/organisations/{{random}}/joining-link": (
        *("organisation-unknown", "link-unknown"),
    ),
    f"GET {_LEDGER}/organisations/{{random}}/joining-link/poster": (
        *("organisation-unknown", "link-unknown"),
    ),
    f"POST {_LEDGER}/organisations/{{random}}/joining-link": (
        *("organisation-unknown", "link-unknown"),  # sent again once it is void
    ),
    f"DELETE {_LEDGER}/organisations/{{random}}/joining-link": (
        *("organisation-unknown", "link-unknown"),
    ),
    f"POST {_LEDGER}/invitations": ("organisation-unknown", "not-admitted", "field", "erased"),
    f"POST {_LEDGER}/rosters": ("organisation-unknown", "not-admitted", "sheet", "erased"),
    f"POST {_LEDGER}/rosters/report": ("organisation-unknown", "sheet"),
    f"GET {_LEDGER}/organisations/{{random}}/totals": ("organisation-unknown",),
    f"POST {_LEDGER}/invitations/decline": ("link-refused",),
    f"POST {_LEDGER}/invitations/look": ("link-refused",),
    f"POST {_LEDGER}/memberships": ("link-refused",),
    f"GET {_LEDGER}/memberships/{{random}}": ("membership-unknown",),
    f"POST {_LEDGER}/memberships/{{random}}/confirm": (
        *("membership-unknown", "membership-refused", "helped"),
    ),
    f"POST {_LEDGER}/memberships/{{random}}/decline": (
        *("membership-unknown", "membership-refused", "helped"),
    ),
    f"POST {_LEDGER}/memberships/{{random}}/end": ("membership-unknown", "membership-refused"),
    f"POST {_LEDGER}/persons": _PROPOSED,
    f"POST {_LEDGER}/policies": (*_PROPOSED, "from"),
    f"GET {_LEDGER}/proposals": ("proposal-unknown",),
    f"GET {_LEDGER}/proposals/{{random}}": ("proposal-unknown",),
    f"POST {_LEDGER}/proposals/{{random}}/decline": ("proposal-unknown", "proposal-decided"),
    f"POST {_LEDGER}/reversals": (
        *(*_HOLDERS, *_PROPOSED, "reference", "reversal", "reversal-limit", "lapsed"),
    ),
    f"POST {_LEDGER}/services": (
        *("account", "closed", *_PROPOSED, "reference", "replaced", "effective", "basics-needed"),
    ),
    f"POST {_LEDGER}/teams": ("team-refused", "organisation-unknown", "field", "erased"),
    f"GET {_LEDGER}/teams/{{random}}": ("team-unknown",),
    f"PUT {_LEDGER}/teams/{{random}}": (
        *("team-refused", "team-unknown", "field", "erased", *_MATCHED),
    ),
    f"GET {_LEDGER}/teams/{{random}}/members": ("team-unknown",),
    f"POST {_LEDGER}/teams/{{random}}/members": ("team-unknown", "team-refused"),
    f"POST {_LEDGER}/venues": ("venue-refused", "organisation-unknown", "field", "erased"),
    f"GET {_LEDGER}/venues/{{random}}": ("venue-unknown",),
    f"PUT {_LEDGER}/venues/{{random}}": ("venue-unknown", "field", "erased", *_MATCHED),
    f"PUT {_LEDGER}/notices/{{purpose}}": ("notice-refused", "field", *_MATCHED),
    f"POST {_LEDGER}/joining": (*_JOINING, "joining-refused", "link-refused"),
    f"POST {_LEDGER}/joining/desk": (*_JOINING, "opening"),
    f"GET {_LEDGER}/guardians/{{random}}": ("record-unknown",),
    f"PUT {_LEDGER}/guardians/{{random}}": (
        *("record-unknown", "code-refused", *_ABOUT_PEOPLE, *_MATCHED),
    ),
    f"POST {_LEDGER}/consents/{{purpose}}": ("notice-not-seen", "record-changed", "erased"),
    f"DELETE {_LEDGER}/consents/{{purpose}}": ("record-changed", "erased"),
    f"DELETE {_LEDGER}/sessions/{{random}}": ("session-unknown",),
    f"POST {_LEDGER}/settlements": (*_HOLDERS, *_PROPOSED, "funds"),
    f"POST {_LEDGER}/sign-in": ("sign-in-refused",),
    f"POST {_LEDGER}/sign-in/codes/confirm": ("code-refused",),
    f"POST {_LEDGER}/sign-in/password": ("sign-in-refused", "password-refused"),
    f"POST {_LEDGER}/sign-in/setup": ("sign-in-refused",),
    f"POST {_LEDGER}/tokens": ("token-refused",),
    f"GET {_LEDGER}/tokens": ("token-unknown",),
    f"POST {_LEDGER}/tokens/{{random}}/rotate": ("token-refused", "token-unknown"),
    f"DELETE {_LEDGER}/tokens/{{random}}": ("token-unknown",),
    f"GET {_LEDGER}/trail/{{seq}}/proof": ("trail-unproven",),
    f"POST {_LEDGER}/transfers": (*_HOLDERS, *_PROPOSED, "funds", "dates", "flow", "purpose"),
    f"POST {_LEDGER}/write-offs": (*_HOLDERS, *_PROPOSED, "debt"),
}
# Whoever approves, or sends many commands, meets whatever each of these meets.
_ANY = (
    *("self", "account", "reference-taken", "basics-needed"),
    *(code for code, kind in PROBLEMS.items() if kind.group == "book" and kind.status < 500),
)
_REFUSALS[f"POST {_LEDGER}/batch"] = _ANY
_REFUSALS[f"POST {_LEDGER}/proposals/{{random}}/approve"] = (
    *("proposal-unknown", "proposal-decided", "own-proposal", "engagement-refused"),
    *("merge-refused", "helped", "erasure-account", "erasure-decided"),
    *_ANY,
)


def problems_of(operation: str, *, with_a_body: bool, entering: bool) -> dict[int, tuple[str, ...]]:
    """The codes of the problems that an operation (`POST /v1/…`) can answer, by status."""
    codes = {code for found in _EVERYWHERE.values() for code in found}
    codes |= {*_REFUSALS.get(operation, ())}
    codes |= {*(_WITH_A_BODY if with_a_body else ()), *(_ENTERING if entering else ())}
    found: dict[int, tuple[str, ...]] = {}
    for code, kind in PROBLEMS.items():
        if code in codes:
            found[kind.status] = (*found.get(kind.status, ()), code)
    return found


def problem_examples() -> Iterator[tuple[str, dict[str, Any]]]:
    """An example of each problem, by its code, for the document's components."""
    for code, kind in PROBLEMS.items():
        value = problem_body(code, kind.example, errors=kind.errors or None)
        yield code, {"summary": kind.title, "description": kind.when, "value": value}


def documented(operation: str, problems: Mapping[int, Sequence[str]]) -> dict[str, Any]:
    """What is merged into an operation's description; `problems` are its codes by status."""
    exchanges = examples().get(operation, [])
    responses: dict[int, Any] = {}
    for each in exchanges:
        if "answer" in each:
            shown = {_name(each): {"summary": each["title"], "value": each["answer"]}}
            content = responses.setdefault(each["status"], {"content": {}})["content"]
            content.setdefault(each["type"], {"examples": {}})["examples"] |= shown
    for status, codes in problems.items():
        refs = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
        responses[status] = {
            "description": HTTP_STATUS_CODES[status],  # as the answers have it; Python's differ
            "content": {MIMETYPE: {"schema": ProblemSchema, "examples": refs}},
        }
    doc: dict[str, Any] = {"responses": responses}
    files = {
        _name(each): {"summary": each["title"], "value": each["file"]}
        for each in exchanges
        if "file" in each
    }
    if files:
        doc["requestBody"] = {"content": {FILE: {"examples": files}}}
    bodies = {
        _name(each): {"summary": each["title"], "value": each["body"]}
        for each in exchanges
        if "body" in each
    }
    if bodies:
        doc["requestBody"] = {"content": {JSON: {"examples": bodies}}}
    if exchanges:
        samples = [
            {"lang": "Shell", "label": each["title"], "source": curl(each)} for each in exchanges
        ]
        doc["x-codeSamples"] = samples
    return doc


def curl(exchange: dict[str, Any]) -> str:
    """A request as one types it in a shell, the token in `$TOKEN`."""
    method, _, _ = exchange["operation"].partition(" ")
    lines = [
        f"curl {'' if method == 'GET' else f'-X {method} '}{shlex.quote(HOST + exchange['path'])}"
    ]
    lines += [
        f"-H {shlex.quote(f'{name}: {value}')}" for name, value in exchange["headers"].items()
    ]
    if exchange["token"]:
        lines.append('-H "Authorization: Bearer $TOKEN"')
    if "file" in exchange:
        lines.append("--data-binary @file")
    if "body" in exchange:
        lines.append(f"--json {shlex.quote(orjson.dumps(exchange['body']).decode())}")
    return " \\\n  ".join(lines)


@cache
def examples() -> dict[str, list[dict[str, Any]]]:
    """The exchanges of each operation (`POST /v1/…`), in the order in which they happened."""
    found: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(EXAMPLES.glob("*.json")):
        for exchange in orjson.loads(file.read_bytes()):
            found.setdefault(exchange["operation"], []).append(exchange)
    return found


def _name(exchange: dict[str, Any]) -> str:
    return exchange["title"].lower().replace(" ", "-")
