"""Health: `/healthz` says that the process answers, `/readyz` that it can do its work."""

from __future__ import annotations

from collections.abc import Callable

from alembic.runtime.migration import MigrationContext
from flask import Response
from marshmallow import Schema, fields
from sqlalchemy import text

from api.answers import answer
from api.auth import installation
from api.problems import log_fault
from api.resource import Resource
from ledger import distribution
from ledger.errors import PointsError
from ledger.installation import Installation
from ledger.migrating import revisions
from ledger.programme.privileges import lacking

blueprint = Resource("health", __name__, description=__doc__)


class AliveSchema(Schema):
    """The process answers."""

    status = fields.String(required=True)


class ReadinessSchema(Schema):
    """Whether it can do its work."""

    status = fields.String(required=True, metadata={"description": "`ready` or `not ready`"})
    checks = fields.Dict(
        required=True,
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "what was looked at; `ok`, or what is wrong with it"},
    )


_NOT_READY = {
    "summary": "The database is away",
    "value": {
        "status": "not ready",
        "checks": dict.fromkeys(
            ("database", "migrations", "privileges", "triggers", "distribution"), "database-down"
        ),
    },
}


@blueprint.watches("/healthz", AliveSchema)
def healthz() -> Response:
    """Ask whether the process answers"""
    return answer({"status": "ok"})


@blueprint.watches("/readyz", ReadinessSchema)
@blueprint.alt_response(503, schema=ReadinessSchema, examples={"not-ready": _NOT_READY})
def readyz() -> Response:
    """Ask whether everything that a request needs is there

    200, or 503 with what is not. Anybody may ask, so of an error it says the code only, and of
    ledgers neither names nor number; the log says more.
    """
    here = installation()
    checks = {name: _said(check, here) for name, check in CHECKS.items()}
    if checks["database"] == "ok":
        checks["ledgers"] = _said(_ledgers, here)
    ready = all(said == "ok" for said in checks.values())
    body = {"status": "ready" if ready else "not ready", "checks": checks}
    return answer(body, 200 if ready else 503)


def _database(here: Installation) -> str:
    with here.database.reading() as conn:
        conn.execute(text("SELECT 1"))
    return "ok"


def _migrations(here: Installation) -> str:
    with here.database.reading() as conn:
        found = MigrationContext.configure(conn).get_current_heads()
    newest = revisions()[-1]
    return "ok" if found == (newest,) else "the database is not at this version's migration"


def _triggers(here: Installation) -> str:
    with here.database.reading() as conn:
        missing = distribution.missing_triggers(conn)
    return "ok" if not missing else f"missing: {', '.join(missing)}"


def _distribution(here: Installation) -> str:
    """Whether the tables are all on one machine, or all spread over several."""
    with here.database.reading() as conn:
        return "; ".join(distribution.faults(conn)) or "ok"


def _privileges(here: Installation) -> str:
    """Whether the database's role has what it was to be granted after the last migration."""
    with here.database.reading() as conn:
        lacks = lacking(conn)
    return "ok" if lacks is None else f"missing: {lacks}; run the grants of docs/operating.md"


def _ledgers(here: Installation) -> str:
    said = {_head(here, name) for name in here.names()} - {"ok"}
    return ", ".join(sorted(said)) or "ok"


def _head(here: Installation, name: str) -> str:
    """Whether the ledger's database extends the last head that was signed."""

    def check(_: Installation) -> str:
        ledger = here.ledger(name)
        with here.database.reading(snapshot=True) as conn:
            ledger.publisher.check(conn)
        return "ok"

    return _said(check, here)


def _said(check: Callable[[Installation], str], here: Installation) -> str:
    try:
        return check(here)
    except PointsError as error:
        log_fault("readiness check failed", error)
        return error.code
    except Exception as error:  # noqa: BLE001 (whatever it is, it is not ready)
        log_fault("readiness check failed", error)
        return "failed; the log says why"


CHECKS: dict[str, Callable[[Installation], str]] = {
    "database": _database,
    "migrations": _migrations,
    "privileges": _privileges,
    "triggers": _triggers,
    "distribution": _distribution,
}
