"""Many processes of many threads on one ledger at once, and the look at what they were told."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from pathlib import Path

from tests.torture.aftermath import Aftermath, size_of
from tests.torture.sites import founded
from tests.torture.worker import Task, work

PROCESSES, THREADS = 4, 8
ROUND_SECONDS_MAX = 300

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["__main__", "tests.torture.worker"])


def crowd(
    data: Path, url: str, seed: int, *, steps: int | None = None, seconds: float = 0.0
) -> Counter[str]:
    """What came to pass when all went at one ledger: `steps` groups a thread, or for `seconds`."""
    site = founded(data, url, seed)
    aftermath = Aftermath(site, size_of(site))
    tasks = [Task(site, 1, at, THREADS, steps, seconds) for at in range(PROCESSES)]
    running = [processes.Process(target=work, args=(task,)) for task in tasks]
    for process in running:
        process.start()
    for process in running:
        process.join(seconds + ROUND_SECONDS_MAX)
    assert [process.exitcode for process in running] == [0] * PROCESSES
    for task in tasks:
        aftermath.collect(task)
    aftermath.want_sound(tasks if steps is not None else ())
    aftermath.want_replayed()
    return aftermath.counts
