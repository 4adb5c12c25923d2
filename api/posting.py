"""From a request that moves points (or states something) to its answer.

The idempotency key belongs to the ledger and the person of the token.  The request's fingerprint
covers method, route, path values and body, so the same key with anything else is refused.  The
answer to a replay is rendered from the log again: same status, same bytes, and one header more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from flask import Request, Response
from marshmallow import Schema, fields

from api import replays
from api.answers import answer
from api.auth import caller, confirm, credential, in_place_of, installation
from api.current import this_g, this_request
from api.fields import WAIT_SECONDS_MAX, Count
from api.problems import Problem, want_done
from ledger.installation import OpenLedger
from ledger.journal import log
from ledger.journal.entry import to_base64
from ledger.journal.orders import CREDENTIAL, Companion, Done, Outcome, Refusal
from ledger.programme.proposals import Proposed, submit
from ledger.programme.wishes import Wish

_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)

Extra = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class WaitQuery(Schema):
    """How long the answer may wait until its entries are under a published checkpoint."""

    wait = Count(0, WAIT_SECONDS_MAX, load_default=0)


class EntriesSchema(Schema):
    """What was entered."""

    entries = fields.List(
        fields.Dict(),
        required=True,
        metadata={"description": "the entries made, what was due of the accounts included"},
    )
    receipt = fields.String(
        metadata={
            "description": "where the last entry's receipt is, or will be; left out where an"
            " approval entered nothing in the log"
        }
    )


class WaitingSchema(Schema):
    """What waits for a second person."""

    proposal = fields.String(required=True)
    kind = fields.String(required=True)
    href = fields.String(required=True, metadata={"description": "where it can be decided"})


def place(
    ledger: OpenLedger,
    kind: str,
    values: Mapping[str, Any],
    *,
    wait: int = 0,
    companions: tuple[Companion, ...] = (),
    extra: Extra | None = None,
) -> Response:
    """Submits a wish of the caller's and answers with what became of it.

    `extra` takes the last entry and gives further members of the answer.
    """
    wish = wish_maker(ledger)(0, kind, values)
    asked = credential()
    outcome = submit(ledger, installation().clock, wish, companions, credential=asked)
    if isinstance(outcome, Refusal) and outcome.rule == CREDENTIAL:
        confirm()
        return place(ledger, kind, values, wait=wait, companions=companions, extra=extra)
    if isinstance(outcome, Proposed):
        return _waiting(ledger, outcome)
    return entered(ledger, outcome, wait=wait, extra=extra)


def do(
    ledger: OpenLedger,
    kind: str,
    values: Mapping[str, Any],
    told: Callable[[str], Mapping[str, Any]],
) -> Response:
    """Submits a wish that enters nothing in the log: 201 with what is `told` of its request."""
    wish = wish_maker(ledger)(0, kind, values)
    outcome = submit(ledger, installation().clock, wish)
    if isinstance(outcome, Proposed):
        return _waiting(ledger, outcome)
    want_done(outcome)
    return answer(told(wish.request), 201)


def entered(
    ledger: OpenLedger, outcome: Outcome, *, wait: int = 0, extra: Extra | None = None
) -> Response:
    """The answer to an outcome of the book: 201 with the entries, or the problem."""
    done = want_done(outcome)
    (raws,) = entries_of(ledger, [done])
    if wait and raws:
        ledger.publisher.wait_for(done.last + 1, wait)
    return answer(entered_body(ledger, done, raws, extra), 201)


def entered_body(
    ledger: OpenLedger, done: Done, raws: Sequence[bytes], extra: Extra | None = None
) -> dict[str, Any]:
    """What is told of one command that was entered: its entries, and where the receipt is."""
    body: dict[str, Any] = dict(extra(orjson.loads(raws[-1]))) if extra and raws else {}
    body["entries"] = [orjson.Fragment(raw) for raw in raws]
    if raws:
        body["receipt"] = receipt_url(ledger, done.last)
    return body


def receipt_url(ledger: OpenLedger, seq: int) -> str:
    """Where an entry's receipt is."""
    return f"/v1/ledgers/{ledger.name}/entries/{seq}/receipt"


def _waiting(ledger: OpenLedger, proposed: Proposed) -> Response:
    href = f"/v1/ledgers/{ledger.name}/proposals/{proposed.id.partition('/')[2]}"
    body = {"proposal": proposed.id, "kind": proposed.kind, "href": href}
    replays.note(replayed=proposed.replayed)
    return answer(body, 202, Location=href)


def entries_of(ledger: OpenLedger, outcomes: Sequence[Done]) -> list[Sequence[bytes]]:
    """The bytes of each outcome's entries, in the order of `outcomes`.

    Those of a replay are read from the log, where the entries of one group stand side by side.
    """
    told = [done for done in outcomes if done.replayed]
    first = min((done.first for done in told), default=0)
    read: Sequence[bytes] = ()
    if told:
        with installation().database.reading() as conn:
            last = max(done.last for done in told)
            read = log.raw_entries(conn, ledger.id, first, last + 1)
    return [
        read[done.first - first : done.last + 1 - first]
        if done.replayed
        else [made.raw for made in done.made]
        for done in outcomes
    ]


def wish_maker(ledger: OpenLedger) -> Callable[[int, str, Mapping[str, Any]], Wish]:
    """Makes wishes of this request, given the place of each in it, its kind and values."""
    req = this_request()
    person, key, stands_for = caller().person, _idempotency_key(req), in_place_of()
    content = [req.method, str(req.url_rule), req.view_args or {}, this_g().get("body", {})]
    fingerprint = ledger.keys.fingerprint(orjson.dumps(content, option=orjson.OPT_SORT_KEYS))

    def make(place: int, kind: str, values: Mapping[str, Any]) -> Wish:
        request_id = to_base64(ledger.keys.request_id(person, key, place))
        return Wish(kind, values, person, request_id, fingerprint, stands_for)

    return make


def _idempotency_key(req: Request) -> str:
    key = req.headers.get("Idempotency-Key")
    if key is None:
        raise Problem(
            "key-missing",
            "Send an Idempotency-Key header, new for each request and kept when it is sent again.",
        )
    if not _KEY.fullmatch(key):
        raise Problem("key-form", "An idempotency key has 1 to 255 visible ASCII characters.")
    return key
