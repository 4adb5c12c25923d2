"""A gunicorn worker that gives each request a bounded time to arrive, and takes its share."""

from __future__ import annotations

import select
import selectors
import socket
import time
from functools import partial
from typing import Any

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from ledger.cli.connections import Connection

SECONDS_PER_CONNECTION, SECONDS_BEFORE_ONE = 0.000_05, 0.001
"""How long a worker leaves a new connection to the others, for each one that it has; at most."""

NEXT_REQUEST_MS = 10
"""How long a thread waits for a connection's next request before others may have the thread."""


class _Listener:
    """A listening socket whose connections have bounded time."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener

    def accept(self) -> tuple[socket.socket, Any]:
        accepted, client = self._listener.accept()
        return Connection.of(accepted), client

    def getsockname(self) -> Any:
        return self._listener.getsockname()


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """Threads (`gthread`) of which a slow client holds one for a bounded time."""

    def accept(self, listener: socket.socket) -> None:
        """Takes a connection; the more there are, the later, so that all workers get as many.

        Whoever is woken first would take two thirds of those that come at once, and they stay.
        """
        time.sleep(min(self.nr_conns * SECONDS_PER_CONNECTION, SECONDS_BEFORE_ONE))
        super().accept(_Listener(listener))

    def enqueue_req(self, conn: Any) -> None:
        """Gives a thread to a connection that has something to say, and no sooner.

        Gunicorn's threads wait for the first byte for five seconds.
        """
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.timeout = time.monotonic() + self.cfg.keepalive
        self.pending_conns.append(conn)
        wake = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, wake)

    def handle(self, conn: Any) -> Any:
        """Serves a connection's requests, in a thread, for as long as they follow each other."""
        while True:
            if isinstance(conn.sock, Connection):  # one that gunicorn wrapped for TLS is none
                conn.sock.begin()
            stays = super().handle(conn)
            if stays is False:  # a client that stays takes 2 s, which the main thread has not
                conn.close(graceful=True)
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
