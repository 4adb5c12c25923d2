"""How every process of the service opens an installation.

Nothing that was erased comes back, and no token enters anything once it has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ledger.clock import Clock
from ledger.config import Settings
from ledger.installation import Installation
from ledger.journal.observer import Observer
from ledger.programme.erasure import destroy_listed
from ledger.programme.tokens import lasting_tokens


def open_installation(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    clock: Clock | None = None,
    observe: Callable[[str], Observer] | None = None,
) -> Installation:
    """The installation; each ledger is first rid of what its file of erased subjects lists.

    Raises what `Installation` raises.
    """
    return Installation(
        settings,
        environ,
        clock=clock,
        lasting=lasting_tokens,
        observe=observe,
        before_serving=destroy_listed,
    )
