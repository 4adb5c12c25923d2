"""Whatever can be made of the document gets an answer that the document has (schemathesis).

For each operation: its examples, and what covers each constraint of its schemas; each request is of
the next role.  All checks are on but those of `CHECKS_OFF`.  `make torture` adds requests at random
and requests in a row (tests/torture/test_schemathesis.py).
"""

import itertools
from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.schemas import BaseSchema

from api.limits import Limiter
from tests.api.conftest import Desk
from tests.api.interface import published

PHASES = ("examples", "coverage")
REQUESTS_MIN = 1_000
"""What makes a run worth its name; these phases alone make some 2,000."""

CHECKS_OFF = {
    "positive_data_acceptance": "a book refuses what is well formed: used keys, unknown accounts",
    # Its probe gives a WSGI client options of a network's: a TypeError in 4.32, and no request.
    "ignored_auth": "each operation is held to its token in tests/api/test_permissions.py",
}
"""Checks that do not hold for a ledger, each with the reason."""
HEADER_MISSING = [400, 401, 403, 404, 422, 428]
"""What an operation answers without a header that it needs; 428 where that is If-Match."""
ROLES = ("officer", "admin", "auditor", "operator")


def document(desk: Desk, phases: Iterable[str], examples: int = 1) -> BaseSchema:
    """The document, to be tried on the desk's ledger by each role in turn.

    `examples` are those at random of each operation, where the phases have any.  The service counts
    no requests meanwhile: those without a token alone are more than an address has in a minute.
    """
    desk.app.extensions["points limits"] = Limiter(None)
    config = SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "continue-on-failure": True,
            "generation": {"deterministic": True, "max-examples": examples, "no-shrink": True},
            "phases": {"enabled": False, **{name: {"enabled": True} for name in phases}},
            "checks": {name: {"enabled": False} for name in CHECKS_OFF}
            | {"missing_required_header": {"expected-statuses": HEADER_MISSING}},
        }
    )
    schema = schemathesis.openapi.from_dict(_of_one_ledger(published()), config=config)
    schema.app = desk.app
    tokens = itertools.cycle(desk.tokens[role] for role in ROLES)

    @schema.auth(refresh_interval=None)
    class Roles:
        def get(self, case: Any, context: Any) -> str:
            return next(tokens)

        def set(self, case: Any, data: str, context: Any) -> None:
            case.headers["Authorization"] = f"Bearer {data}"

    return schema


def _of_one_ledger(spec: dict[str, Any]) -> dict[str, Any]:
    """The document with the one ledger there is, that not each request is answered 404."""
    spec = deepcopy(spec)
    for path in spec["paths"].values():
        for parameter in path.get("parameters", ()):
            if parameter["name"] == "ledger":
                parameter["schema"] = {"enum": ["beiyuan"]}
    return spec


def surprises(schema: BaseSchema) -> Iterator[str]:
    """What the application did that the document does not have."""
    tried = 0
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError):
            yield f"{event.label}: {event.value!r}"
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.ScenarioFinished):
            tried += len(event.recorder.cases)
            yield from _failures(event.recorder)
    assert tried >= REQUESTS_MIN


def _failures(recorder: Any) -> Iterator[str]:
    for case, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                failure, sent = check.failure_info.failure, recorder.interactions[case]
                yield (
                    f"{check.name} {sent.request.method} {sent.request.uri} {sent.request.body!r}: "
                    f"{failure.title} {failure.message} {sent.response and sent.response.content!r}"
                )


def test_every_answer_is_documented(desk: Desk) -> None:
    assert list(surprises(document(desk, PHASES))) == []
