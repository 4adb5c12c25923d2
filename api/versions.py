"""What somebody else changed meanwhile, for whoever changes a record that they saw before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from api.auth import installation
from api.problems import Problem, want_done
from ledger.installation import OpenLedger
from ledger.journal.orders import Outcome, Refusal
from ledger.programme import records
from ledger.programme.recording import CHANGED
from ledger.programme.records import Record


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
