"""Writing the audit trail beside requests: a bounded queue, and a thread that empties it."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from itertools import islice

from ledger.installation import Installation
from ledger.logs import log_fault
from ledger.programme.trail import Line, write_lines

LINES_PER_BATCH = 500
LINES_WAITING_MAX = 10_000
PAUSE_SECONDS_MAX = 30.0


class Trail:
    """Takes lines and writes them in their order.  Safe to share between threads; one a process.

    Lines that cannot be written wait until they can; once `LINES_WAITING_MAX` wait, whoever brings
    another writes it, or fails.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._lock = threading.Condition()
        self._waiting: dict[int, deque[Line]] = defaultdict(deque)  # by ledger
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ending = False

    def note(self, ledger_id: int, line: Line) -> None:
        """Has a line written soon.  Raises what `Database.writing` raises where too many wait."""
        with self._lock:
            full = self._count() >= LINES_WAITING_MAX
            if not full:
                self._waiting[ledger_id].append(line)
                self._begin()
                self._lock.notify()
        if full:
            self.flush()
            write_lines(self._installation.database, ledger_id, [line])

    def flush(self) -> None:
        """Writes all that waits, in this thread.  Raises what `Database.writing` raises."""
        with self._writing:
            for ledger_id in list(self._waiting):
                while self._write_some(ledger_id):
                    pass

    def close(self) -> None:
        """Ends the thread, then writes all that waits.  Raises what `Database.writing` raises.

        Nothing is noted from here on.
        """
        with self._lock:
            self._ending = True
            self._lock.notify_all()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _count(self) -> int:
        return sum(map(len, self._waiting.values()))

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="trail", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        pause = 0.0
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._ending or self._count())
                if self._ending:
                    return
            try:
                self.flush()
                pause = 0.0
            except Exception as error:  # noqa: BLE001  # the lines wait on, and so does the thread
                if not pause:  # said once, however long it lasts
                    log_fault("trail not written", error)
                pause = min(2 * pause or 1.0, PAUSE_SECONDS_MAX)
                with self._lock:
                    self._lock.wait_for(lambda: self._ending, timeout=pause)

    def _write_some(self, ledger_id: int) -> bool:
        """Writes the lines of a ledger that came first; whether there were any."""
        waiting = self._waiting[ledger_id]
        with self._lock:
            lines = list(islice(waiting, LINES_PER_BATCH))
        if lines:
            write_lines(self._installation.database, ledger_id, lines)
            with self._lock:
                for _ in lines:
                    waiting.popleft()
        return bool(lines)
