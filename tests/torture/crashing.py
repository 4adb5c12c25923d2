"""A ledger whose processes are killed, and the look at what is left after each round.

A round: two processes (`worker.py`) enter what they are to enter and are killed, at a random moment
or where it hurts, and started again with the same keys, until all is answered.
"""

from __future__ import annotations

import random
import signal
from collections import Counter
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.torture.aftermath import Aftermath, size_of
from tests.torture.crowding import processes
from tests.torture.server import OwnServer
from tests.torture.sites import founded
from tests.torture.worker import ANSWER, COMMIT, SIGN, Task, work

MOMENT, BACKEND, SERVER = "moment", "backend", "server"
ROUNDS = {
    "sqlite": (MOMENT, SIGN, COMMIT, ANSWER),
    "postgresql": (MOMENT, SIGN, COMMIT, ANSWER, BACKEND, SERVER),
}
"""What is killed: a process at a moment or a place, or a connection's server process, or all."""
PROCESSES, THREADS = 2, 4
STEPS = 12  # groups a thread and round
MOMENT_SECONDS_MAX = 0.3
KILLED_STARTS_MAX = 3
ROUND_SECONDS_MAX = 120


class Crashes:
    """One ledger and its rounds; `counts` tells what came to pass."""

    def __init__(self, data: Path, url: str, seed: int, server: OwnServer | None = None) -> None:
        self._rng = random.Random(seed)
        self._server = server
        self._number = 0
        self._site = founded(data, url, seed)
        self._aftermath = Aftermath(self._site, size_of(self._site))

    @property
    def counts(self) -> Counter[str]:
        """Rounds, kills by what was killed, answers, repeats, entries, checkpoints."""
        return self._aftermath.counts

    def round(self, kind: str) -> None:
        """One round, and the look at what is left."""
        self._number += 1
        self.counts["rounds"] += 1
        self._work(kind)
        tasks = self._tasks(self._number)
        for task in tasks:
            self._aftermath.collect(task)
        self._aftermath.want_sound(tasks)

    def look_at_all(self) -> None:
        """The look at the answers of all rounds."""
        numbers = range(1, self._number + 1)
        self._aftermath.want_sound(task for number in numbers for task in self._tasks(number))
        self._aftermath.want_replayed()

    def _tasks(self, number: int) -> list[Task]:
        return [Task(self._site, number, at, THREADS, STEPS) for at in range(PROCESSES)]

    # --- killing ---------------------------------------------------------------------------------

    def _work(self, kind: str) -> None:
        running = [self._start(process, 0, kind) for process in range(PROCESSES)]
        starts = [1] * PROCESSES
        left = self._rng.randint(1, 2 * KILLED_STARTS_MAX) if kind == MOMENT else 1
        while kind in (MOMENT, BACKEND, SERVER) and left:
            left -= 1
            victim = self._rng.randrange(PROCESSES)
            running[victim].join(self._rng.uniform(0.0, MOMENT_SECONDS_MAX))
            if kind == MOMENT:
                running[victim].kill()
                running[victim].join()
                self._count_killed(running[victim], kind)
                running[victim] = self._start(victim, starts[victim], kind)
                starts[victim] += 1
            else:
                self._kill_server(kind)
        for process in range(PROCESSES):
            self._see_through(process, running[process], starts[process], kind)

    def _see_through(self, process: int, running: BaseProcess, starts: int, kind: str) -> None:
        """Starts a process again as often as it dies of its fate, until its work is done."""
        while True:
            running.join(ROUND_SECONDS_MAX)
            if running.exitcode == 0:
                return
            assert running.exitcode == -signal.SIGKILL, f"a process ended by {running.exitcode}"
            self._count_killed(running, kind)
            fated = kind if starts < KILLED_STARTS_MAX else MOMENT
            running = self._start(process, starts, fated)
            starts += 1

    def _count_killed(self, process: BaseProcess, kind: str) -> None:
        if process.exitcode == -signal.SIGKILL:
            self.counts["killed"] += 1
            self.counts[f"killed at {kind}"] += 1

    def _start(self, process: int, starts: int, kind: str) -> BaseProcess:
        place = kind if kind in (SIGN, COMMIT, ANSWER) else None
        task = self._tasks(self._number)[process]._replace(place=place, start=starts)
        started = processes.Process(target=work, args=(task,))
        started.start()
        return started

    def _kill_server(self, kind: str) -> None:
        assert self._server is not None
        if kind == SERVER:
            self._server.kill()
            self.counts["server killed"] += 1
        else:
            self.counts["connection killed"] += self._server.kill_backend(self._rng)
