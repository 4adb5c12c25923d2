"""What the journal tells of its work while it works, for whoever measures it.

The journal calls these from its own threads, under no lock but the ledger's queue's: an observer
counts and returns.  Without one, nothing is told.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol


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


class Unobserved:
    """Listens to nothing."""

    def queued(self, groups: int) -> None:
        """Nothing."""

    def appended(self, batch: BatchSeen) -> None:
        """Nothing."""

    def refused(self, rule: str) -> None:
        """Nothing."""
