"""A PostgreSQL server that crashes on demand."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests import postgres, scratch

NOTICED_SECONDS_MAX = 10
RESTARTS_MAX = 100


class OwnServer:
    """A PostgreSQL server that may be killed, and starts again on the same files."""

    def __init__(self, base: Path) -> None:
        self._base = base
        postgres._give_away(base)
        self._binaries = postgres._binaries(base)
        postgres._initdb(self._binaries, base)
        self._server = postgres._start(self._binaries, base)
        self.url = postgres._wait_until_ready(self._server, base)

    def kill(self) -> None:
        """Kills the server without a word to it, and starts it again."""
        pid = int((self._base / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        self._server.wait(postgres.STOP_TIMEOUT_SECONDS)
        for _ in range(RESTARTS_MAX):  # until the last of its processes has noticed
            self._server.stdin.close()
            self._server = postgres._start(self._binaries, self._base)
            try:
                postgres._wait_until_ready(self._server, self._base)
            except RuntimeError:
                continue
            return
        raise AssertionError("the server does not start again")

    def kill_backend(self, rng: random.Random) -> bool:
        """Kills a process of the server's that serves a worker, if there is one; whether it did.

        The server then ends all others, and recovers by itself.
        """
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'points' ORDER BY pid"
        with suppress(psycopg.OperationalError), psycopg.connect(self.url) as conn:
            pids = [pid for (pid,) in conn.execute(query)]
            try:
                os.kill(rng.choice(pids), signal.SIGKILL)
            except (IndexError, ProcessLookupError):  # the workers are done
                return False
            conn.execute("SELECT pg_sleep(%s)", [NOTICED_SECONDS_MAX])  # is cut short
        postgres._wait_until_ready(self._server, self._base)
        return True

    def stop(self) -> None:
        """Ends it."""
        postgres._stop(self._server)

    def start(self) -> None:
        """Starts it again."""
        self._server = postgres._start(self._binaries, self._base)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Returns once it takes connections."""
        postgres._wait_until_ready(self._server, self._base)


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """A server for as long as the block runs."""
    base = scratch.new_directory("points-pg-")
    try:
        server = OwnServer(base)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(base)
