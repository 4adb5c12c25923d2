"""Work that is done again and again, in this thread or in one of its own."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod

import structlog

from ledger.errors import PointsError
from ledger.logs import log_fault

_logger = structlog.get_logger(__name__)


class Rounds(ABC):
    """Looks for work every so many seconds, whatever a look meets."""

    def __init__(self, name: str, every_seconds: float) -> None:
        self._name, self._every_seconds = name, every_seconds
        self._ending = threading.Event()

    @abstractmethod
    def look(self) -> object:
        """Does what there is to do now; raises where it cannot see what that is."""

    def start(self) -> None:
        """Works in a thread of its own, which ends with the process."""
        threading.Thread(target=self.run, name=self._name, daemon=True).start()

    def stop(self) -> None:
        """Ends it after the work under way."""
        self._ending.set()

    def run(self) -> None:
        """Works until `stop`.  What a look raises is logged: it must not end the rounds."""
        while not self._ending.is_set():
            try:
                self.look()
            except PointsError as error:
                reason = str(error)
                _logger.warning(f"{self._name} not looked at", code=error.code, reason=reason)
            except Exception as error:  # noqa: BLE001  # else the thread ends, and nothing is done
                log_fault(f"{self._name} not looked at", error)
            self._ending.wait(self._every_seconds)
