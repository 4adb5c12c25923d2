"""Work that is done again and again, in this thread or in one of its own."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod


class Rounds(ABC):
    """Looks for work every so many seconds; `look` must not raise, or the rounds end."""

    def __init__(self, name: str, every_seconds: float) -> None:
        self._name, self._every_seconds = name, every_seconds
        self._ending = threading.Event()

    @abstractmethod
    def look(self) -> object:
        """Does what there is to do now."""

    def start(self) -> None:
        """Works in a thread of its own, which ends with the process."""
        threading.Thread(target=self.run, name=self._name, daemon=True).start()

    def stop(self) -> None:
        """Ends it after the work under way."""
        self._ending.set()

    def run(self) -> None:
        """Works until `stop`."""
        while not self._ending.is_set():
            self.look()
            self._ending.wait(self._every_seconds)
