"""Telling people what became of what they asked for: messages that travel with a decision."""

from __future__ import annotations

from ledger.clock import Clock
from ledger.db import Database
from ledger.installation import OpenLedger
from ledger.journal.orders import Companion
from ledger.programme.messages import New, posting
from ledger.programme.vault import Erased


def decided(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    proposal: str,
    proposed_by: str,
    state: str,
    *,
    by: str,
) -> tuple[Companion, ...]:
    """What tells somebody that their proposal is `approved`, `declined` or `refused`.

    Nothing where they decided it themselves, or all that was kept of them has been erased.  Raises
    what else `messages.posting` raises.
    """
    if by == proposed_by:
        return ()
    new = New(proposed_by, f"proposal-{state}", {"proposal": proposal}, proposal)
    try:
        return posting(database, ledger, clock, (new,), by=by)
    except Erased:
        return ()
