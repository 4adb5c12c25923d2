"""How long a login is locked after failures.  Pure; what is locked gives no other answer.

After each five failures in a row it is locked: for 15 minutes, then for twice as long each time, at
most a day.  So in thirty days fewer than 200 passwords can be tried, and time alone unlocks.  A
right sign-in begins anew.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

FAILURES_PER_LOCK = 5
FIRST_LOCK = timedelta(minutes=15)
LONGEST_LOCK = timedelta(days=1)
_DOUBLINGS_MAX = 7  # after which it would be longer than a day


class Lock(NamedTuple):
    """Failures since the last right sign-in, and until when nothing is tried."""

    failures: int = 0
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it is locked now."""
        return self.until is not None and now < self.until

    def failed(self, now: datetime) -> Lock:
        """After one more failure; what is tried while it is locked does not count."""
        if self.holds(now):
            return self
        failures = self.failures + 1
        if failures % FAILURES_PER_LOCK:
            return Lock(failures, None)
        doublings = min(failures // FAILURES_PER_LOCK - 1, _DOUBLINGS_MAX)
        return Lock(failures, now + min(FIRST_LOCK * 2**doublings, LONGEST_LOCK))
