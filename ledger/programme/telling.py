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
    whose: tuple[str, str | None],
    state: str,
    *,
    by: str,
) -> tuple[Companion, ...]:
    """What tells people that their proposal is `approved`, `declined` or `refused`.

    It is `whose`: who proposed it, and whom they stood in for, if anybody.  Nothing to who decided
    it themselves, or of whom all that was kept has been erased.  Raises what else
    `messages.posting` raises.
    """
    values = {"proposal": proposal}
    news = [New(each, f"proposal-{state}", values, proposal) for each in whose if each]
    told = [new for new in news if new.person != by]
    for some in filter(None, (told, *([new] for new in told))):  # of two, one may be erased
        try:
            return posting(database, ledger, clock, some, by=by)
        except Erased:
            continue
    return ()
