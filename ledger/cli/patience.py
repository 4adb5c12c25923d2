"""A gunicorn worker that gives each request a bounded time to arrive, and takes its share."""

from __future__ import annotations

import select
import socket
import ssl
import time
from contextlib import suppress
from typing import Any

from gunicorn.http import get_parser  # type: ignore[import-untyped]
from gunicorn.http.unreader import SocketUnreader  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

SECONDS = 15.0
"""For header and body of a request together, from its first byte on."""


SECONDS_PER_CONNECTION, SECONDS_BEFORE_ONE = 0.000_05, 0.001
"""How long a worker leaves a new connection to the others, for each one that it has; at most."""

NEXT_REQUEST_MS = 10
"""How long a thread waits for a connection's next request before others may have the thread."""


class BoundedUnreader(SocketUnreader):  # type: ignore[misc]  # gunicorn is untyped
    """Reads a connection as if the client had gone once a request's time is up.

    Gunicorn waits without end for a client that drips, and so does the thread.
    """

    def begin(self) -> None:
        """A request begins."""
        self._end = time.monotonic() + SECONDS

    def chunk(self, size_hint: int | None = None) -> bytes:
        """What has come; nothing, and from then on nothing, when it comes too late."""
        if time.monotonic() < self._end and not isinstance(self.sock, ssl.SSLSocket):
            # Mostly it is there already: then no time-out is set, which takes three system calls.
            size = min(max(size_hint or 0, self.mxchunk), self.max_body_chunk)
            with suppress(BlockingIOError):
                there: bytes = self.sock.recv(size, socket.MSG_DONTWAIT)
                return there
        before = self.sock.gettimeout()  # gunicorn's own, where it throws a body away
        left = max(self._end - time.monotonic(), 0.001)
        self.sock.settimeout(left if before is None else min(left, before))
        try:
            data: bytes = super().chunk(size_hint)
        except TimeoutError:
            self.sock.shutdown(socket.SHUT_RD)  # answers under way still go out
            return b""
        finally:
            self.sock.settimeout(before)
        return data


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """Threads (`gthread`) of which a slow client holds one for `SECONDS` at most a request."""

    def accept(self, listener: socket.socket) -> None:
        """Takes a connection; the more there are, the later, so that all workers get as many.

        Whoever is woken first would take two thirds of those that come at once, and they stay.
        """
        time.sleep(min(self.nr_conns * SECONDS_PER_CONNECTION, SECONDS_BEFORE_ONE))
        super().accept(listener)

    def handle(self, conn: Any) -> Any:
        """Serves a connection's requests, in a thread, for as long as they follow each other."""
        if conn.parser is None:  # which gunicorn would make in its place
            conn.parser = get_parser(self.cfg, conn.sock, conn.client)
            conn.parser.unreader = BoundedUnreader(conn.sock)
        while True:
            conn.parser.unreader.begin()
            stays = super().handle(conn)
            if stays is not True or not self._asks_again(conn):
                return stays

    def _asks_again(self, conn: Any) -> bool:
        """Whether the next request comes at once, and there is a thread for each connection.

        Between two requests gunicorn goes from the thread to its main one and to another thread.
        """
        if not self.alive or self.nr_conns > self.cfg.threads:
            return False
        waiting = select.poll()
        waiting.register(conn.sock, select.POLLIN)
        return bool(waiting.poll(NEXT_REQUEST_MS))
