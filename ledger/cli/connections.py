"""A client's connection that has bounded time, in both directions.

Gunicorn waits without end for a client that drips its request, or that does not take its answer,
and so does the thread.
"""

from __future__ import annotations

import errno
import socket
import time
from contextlib import suppress
from typing import Any

SECONDS = 15.0
"""For a request, header and body, from its first byte on; and for each piece of an answer."""

PIECE_BYTES = 1 << 16
"""A piece of an answer: a client that takes less in that time is given up, however long it is."""


class Connection(socket.socket):
    """What gunicorn takes for the client's socket.

    Mostly nothing has to be waited for.  So time-outs are written down, and the system is told of
    them only where something is: each call of it lets go of the interpreter.
    """

    _end = float("inf")
    _asked: float | None = None

    @classmethod
    def of(cls, accepted: socket.socket) -> Connection:
        """The connection in the place of a socket that was just accepted."""
        made = cls(fileno=accepted.detach())
        super(Connection, made).settimeout(None)
        return made

    def begin(self) -> None:
        """A request begins."""
        self._end = time.monotonic() + SECONDS

    def setblocking(self, flag: bool) -> None:
        """As `settimeout`."""
        self.settimeout(None if flag else 0.0)

    def settimeout(self, value: float | None) -> None:
        """Writes down how long to wait at most for what comes, beside a request's time."""
        self._asked = value

    def gettimeout(self) -> float | None:
        """What was written down."""
        return self._asked

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """What has come; nothing, and from then on nothing, when it comes too late."""
        left = self._end - time.monotonic()
        if left > 0:
            with suppress(BlockingIOError):
                return super().recv(bufsize, flags | socket.MSG_DONTWAIT)
        left = max(left, 0.001)
        try:
            super().settimeout(left if self._asked is None else min(left, self._asked))
            return super().recv(bufsize, flags)
        except TimeoutError:
            self.shutdown(socket.SHUT_RD)  # answers under way still go out
            return b""
        finally:
            super().settimeout(None)

    def send(self, data: Any, flags: int = 0) -> int:
        """As `sendall`: all of it."""
        self.sendall(data, flags)
        return len(data)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Sends all of it; BrokenPipeError where the client does not take it in time."""
        sent = 0
        with suppress(BlockingIOError):
            sent = super().send(data, flags | socket.MSG_DONTWAIT)
        if sent == len(data):
            return
        try:
            super().settimeout(SECONDS)  # of each call of `sendall`, however much it is to send
            left = memoryview(data)[sent:]
            for start in range(0, len(left), PIECE_BYTES):
                super().sendall(left[start : start + PIECE_BYTES], flags)
        except TimeoutError:
            raise BrokenPipeError(errno.EPIPE, "the client takes nothing") from None
        finally:
            super().settimeout(None)
