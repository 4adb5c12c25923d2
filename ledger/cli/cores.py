"""One core for each worker process.

Only one thread of a Python process runs at a time, and hands over whenever it waits.  Where the
kernel spreads these threads over cores, each handing-over wakes another core, which costs more than
what the thread then does: 30 to 40 % of the requests, measured on two cores.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any


def choose_core(server: Any, worker: Any) -> None:
    """Gunicorn's `pre_fork`: gives a worker to be the core that the fewest others have."""
    taken = (getattr(each, "core", None) for each in server.WORKERS.values())
    worker.core = least_taken(_cores(), taken)


def keep_to_core(_: Any, worker: Any) -> None:
    """Gunicorn's `post_fork`, in the worker: its threads stay on its core."""
    if worker.core is not None:
        os.sched_setaffinity(0, {worker.core})


def least_taken(cores: Collection[int], taken: Iterable[int | None]) -> int | None:
    """The first core that the fewest have; None where cores cannot be chosen."""
    count = Counter(taken)
    return min(sorted(cores), key=lambda core: count[core], default=None)


def _cores() -> Collection[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
