"""Batches: up to 1,000 commands in one request, under one key, with one answer.

A command is what the endpoint of its kind takes, with `kind` beside it and whatever stands in that
endpoint's path (`hold`, `account`).  What needs a second person is refused with `two-people`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flask import Response
from marshmallow import Schema, ValidationError, fields, validate

from api import accounts, holds, points, replays, services
from api.answers import answer
from api.auth import installation, want_scope
from api.fields import Flag, Formed
from api.posting import EntriesSchema, Extra, WaitQuery, entered_body, entries_of, wish_maker
from api.problems import ProblemSchema, refusal_body, refuse
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.journal.batch import PASSING_RULES
from ledger.journal.orders import (
    GROUP_COMMANDS_MAX,
    Companion,
    Done,
    KeyReused,
    Outcome,
    Refusal,
)
from ledger.programme.batches import Part, submit_batch
from ledger.programme.people import readiness

BATCH_BODY_BYTES_MAX = 1_048_576

blueprint = Resource(
    "batch", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/batch", description=__doc__
)


class CaptureOfSchema(holds.CaptureSchema):
    """How much of which hold is paid."""

    hold = Formed(e.SEQ, required=True)


class ReleaseOfSchema(Schema):
    """The hold whose rest is given back."""

    hold = Formed(e.SEQ, required=True)


class CloseOfSchema(Schema):
    """The account to be closed; it is empty and has no holds."""

    account = Formed(e.HOLDER, required=True)


class OpenOfSchema(accounts.NewAccountSchema):
    """An account to be opened; what kind of one stands in `holder`, `kind` being the command's."""

    kind = fields.String(required=True, data_key="holder", validate=validate.OneOf(e.HOLDER_KINDS))


class Kind(NamedTuple):
    """One kind of command: what it takes, what its outcome tells beside the entries, its scope."""

    schema: type[Schema]
    tells: Extra | None = None
    scope: str = "points:write"


KINDS = {
    "capture": Kind(CaptureOfSchema),
    "close": Kind(CloseOfSchema, scope="accounts:write"),
    "credit": Kind(points.CreditSchema),
    "debit": Kind(points.DebitSchema),
    "hold": Kind(holds.NewHoldSchema, holds.held),
    "open": Kind(OpenOfSchema, accounts.opened, "accounts:write"),
    "release": Kind(ReleaseOfSchema),
    "reversal": Kind(points.ReversalSchema),
    "service": Kind(services.NewServiceSchema, services.recorded, "services:write"),
    "transfer": Kind(points.TransferSchema),
}


def _command_schema(kind: str) -> type[Schema]:
    """The schema of a kind's endpoint with the word `kind` in it."""
    taken = KINDS[kind].schema
    word = fields.String(
        required=True, validate=validate.OneOf([kind]), data_key="kind", attribute="command"
    )
    name = f"{kind.capitalize()}CommandSchema"
    return type(name, (taken,), {"command": word, "__doc__": taken.__doc__})


COMMANDS = {kind: _command_schema(kind) for kind in KINDS}


class Command(NamedTuple):
    """A command as it was asked for."""

    kind: str
    values: dict[str, Any]


class Commands(fields.Field[list[Command]]):
    """1 to 1,000 commands, each held against its kind's schema."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(metadata={"type": "array"}, **rest)
        self._schemas = {kind: schema() for kind, schema in COMMANDS.items()}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[Command]:
        if not isinstance(value, list) or not 1 <= len(value) <= GROUP_COMMANDS_MAX:
            raise ValidationError(f"Wanted a list of 1 to {GROUP_COMMANDS_MAX:,} commands.")
        read, errors = [], {}
        for place, each in enumerate(value):
            try:
                read.append(self._command(each))
            except ValidationError as error:
                errors[place] = error.messages
        if errors:
            raise ValidationError(errors)
        return read

    def _command(self, value: Any) -> Command:
        kind = value.get("kind") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in self._schemas:
            raise ValidationError({"kind": [f"Wanted one of {', '.join(self._schemas)}."]})
        values: dict[str, Any] = self._schemas[kind].load(value)
        return Command(values.pop("command"), values)


def described(converter: Any, field: fields.Field[Any], **_: Any) -> dict[str, Any]:
    """How OpenAPI describes the commands of a batch: each by the schema of its kind."""
    if not isinstance(field, Commands):
        return {}
    kinds = {kind: converter.resolve_nested_schema(schema) for kind, schema in COMMANDS.items()}
    mapping = {kind: reference["$ref"] for kind, reference in kinds.items()}
    items = {
        "oneOf": list(kinds.values()),
        "discriminator": {"propertyName": "kind", "mapping": mapping},
    }
    return {"items": items, "minItems": 1, "maxItems": GROUP_COMMANDS_MAX}


class BatchSchema(Schema):
    """Commands of one person, and whether they belong together."""

    atomic = Flag(required=True, description="all or nothing; false: each on its own")
    commands = Commands(required=True)


class OutcomeSchema(EntriesSchema):
    """What became of one command: its entries, or why it was refused."""

    entries = fields.List(fields.Dict())
    receipt = fields.String(metadata={"description": "where its last entry's receipt is"})
    account = fields.String(metadata={"description": "the account just opened"})
    hold = fields.Integer(metadata={"description": "the hold just placed"})
    service = fields.Integer(metadata={"description": "the service just recorded"})
    problem = fields.Nested(ProblemSchema, metadata={"description": "why it was refused"})


class OutcomesSchema(Schema):
    """An outcome for each command, in their order."""

    outcomes = fields.List(fields.Nested(OutcomeSchema), required=True)


@blueprint.posts(
    "",
    OutcomesSchema,
    action="points:write",
    body=BatchSchema,
    query=WaitQuery,
    status=200,
    body_bytes_max=BATCH_BODY_BYTES_MAX,
)
def post_batch(body: dict[str, Any], query: dict[str, int], ledger: OpenLedger) -> Response:
    """Send up to 1,000 commands at once

    With `atomic` all are entered or none, and the answer is the problem of the command that was
    refused, with its place; otherwise each is on its own, and the answer tells each one's outcome.
    A command that needs a second person is refused: send that by itself. Sent again with the same
    key, the batch gets the same answer.
    """
    commands: list[Command] = body["commands"]
    for scope in sorted({KINDS[kind].scope for kind, _ in commands}):
        want_scope(scope)
    make, here = wish_maker(ledger), installation()
    conditions = _conditions(ledger, commands)
    parts = []
    for place, (kind, values) in enumerate(commands):
        entered, companions = _asked(ledger, kind, values)
        parts.append(Part(make(place, kind, entered), (*companions, *conditions.get(place, ()))))
    outcomes = submit_batch(here.database, ledger, here.clock, parts, atomic=body["atomic"])
    _refuse_whole(outcomes, atomic=body["atomic"])
    return _told(ledger, commands, outcomes, wait=query["wait"])


def _asked(ledger: OpenLedger, kind: str, values: dict[str, Any]) -> accounts.Opening:
    if kind == "open":
        return accounts.opening(ledger, values)
    return accounts.Opening(values, ())


def _conditions(
    ledger: OpenLedger, commands: Sequence[Command]
) -> Mapping[int, tuple[Companion, ...]]:
    """What refuses each service, by its place among the commands."""
    served = {place: values for place, (kind, values) in enumerate(commands) if kind == "service"}
    if not served:
        return {}
    with installation().database.reading() as conn:
        found = readiness.conditions(conn, ledger, [*served.values()])
    return dict(zip(served, found, strict=True))


def _refuse_whole(outcomes: Sequence[Outcome], *, atomic: bool) -> None:
    """The problem of the whole, where there is one.

    That is also a refusal for a time only: nothing of it was kept, and sent again it may pass.
    """
    for place, outcome in enumerate(outcomes):
        if isinstance(outcome, KeyReused):
            refuse(outcome)
        if isinstance(outcome, Refusal) and (
            outcome.rule in PASSING_RULES or (atomic and outcome.rule != "group")
        ):
            refuse(outcome, command=place)


def _told(
    ledger: OpenLedger, commands: Sequence[Command], outcomes: Sequence[Outcome], *, wait: int
) -> Response:
    done = [outcome for outcome in outcomes if isinstance(outcome, Done)]
    if wait and done:
        ledger.publisher.wait_for(max(each.last for each in done) + 1, wait)
    raws = iter(entries_of(ledger, done))
    told = []
    for (kind, _), outcome in zip(commands, outcomes, strict=True):
        if isinstance(outcome, Done):
            told.append(entered_body(ledger, outcome, next(raws), KINDS[kind].tells))
        elif isinstance(outcome, Refusal):
            told.append({"problem": refusal_body(outcome)})
    replays.note(replayed=all(getattr(outcome, "replayed", False) for outcome in outcomes))
    return answer({"outcomes": told})
