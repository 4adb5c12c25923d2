"""What the journal tells of its work while it works, for whoever measures it.

The journal calls these from its own threads, under no lock but the ledger's queue's: an observer
counts and returns.  What it raises is logged, and changes nothing of what is entered.  Without one,
nothing is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from ledger.logs import log_fault


class BatchSeen(NamedTuple):
    """One batch that was committed: how many commands, and how long it took, in seconds.

    `waited` is the time until the head was locked, `worked` from then to the end of the commit.
    """

    commands: int
    waited: float
    worked: float


class Observer(Protocol):
    """Is told of one ledger's journal."""

    def queued(self, groups: int) -> None:
        """So many groups wait in the ledger's queue of this process now."""

    def appended(self, batch: BatchSeen) -> None:
        """A batch was committed."""

    def refused(self, rule: str) -> None:
        """A command was refused by that rule, for the first time."""


class Telling:
    """Tells an observer, if there is one; what it raises is logged and goes no further.

    A batch that was committed must not look as if it had failed: it would be entered once more.
    """

    def __init__(self, observer: Observer | None) -> None:
        self._observer = observer

    def tell(self, of: Callable[[Observer], None]) -> None:
        """Calls `of` with the observer."""
        if self._observer is None:
            return
        try:
            of(self._observer)
        except Exception as error:  # noqa: BLE001  # whatever it is, the journal goes on
            log_fault("an observer failed", error)
