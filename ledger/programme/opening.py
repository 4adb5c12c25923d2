"""How every process of the service opens an installation.

Nothing that was erased comes back, nobody is read again who was restricted, and no token enters
anything once it has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ledger.clock import Clock
from ledger.config import Settings
from ledger.db import Database
from ledger.installation import Installation, OpenLedger
from ledger.journal.observer import Observer
from ledger.programme.erasure import destroy_listed
from ledger.programme.restriction import restrict_announced
from ledger.programme.tokens import CREDENTIALS


def open_installation(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    clock: Clock | None = None,
    observe: Callable[[str], Observer] | None = None,
) -> Installation:
    """The installation; each ledger is first rid of what its file of erased subjects lists.

    And whoever its log says is to be erased is restricted.  Raises what `Installation` raises.
    """
    return Installation(
        settings,
        environ,
        clock=clock,
        credentials=CREDENTIALS,
        observe=observe,
        before_serving=_before_serving,
    )


def _before_serving(database: Database, ledger: OpenLedger) -> None:
    destroy_listed(database, ledger)
    restrict_announced(database, ledger)
