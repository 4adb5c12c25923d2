"""A load of HTTP requests from many connections at once, by one process that costs little itself.

Each connection sends its next request when the answer to the last one is there, as a client does
that waits for answers; `clients` of them do so at the same time, and the number of requests is
fixed beforehand.
"""

from __future__ import annotations

import selectors
import socket
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

ANSWER_BYTES_MAX = 1 << 20
PATIENCE_SECONDS = 60


class Load(NamedTuple):
    """Answers a second, and how long one took: in the median, and all but one in a hundred."""

    per_second: float
    p50_ms: float
    p99_ms: float


def load(
    address: tuple[str, int], request: Callable[[int], bytes], requests: int, clients: int
) -> Load:
    """Sends `request(0)` to `request(requests - 1)` over `clients` connections.

    RuntimeError for an answer other than 200 or 201, and when none comes for a minute.
    """
    with selectors.DefaultSelector() as selector:
        connections = [_Connection(address, selector) for _ in range(clients)]
        numbers = iter(range(requests))
        took: list[float] = []
        start = time.perf_counter()
        busy = sum(each.send(request, numbers) for each in connections)
        while busy:
            ready = selector.select(PATIENCE_SECONDS)
            if not ready:
                raise RuntimeError(f"no answer for {PATIENCE_SECONDS} seconds")
            for key, _ in ready:
                connection: _Connection = key.data
                if connection.receive():
                    took.append(connection.seconds)
                    busy -= not connection.send(request, numbers)
        passed = time.perf_counter() - start
        for each in connections:
            each.close()
    cuts = statistics.quantiles(took, n=100)
    return Load(requests / passed, cuts[49] * 1_000, cuts[98] * 1_000)


class _Connection:
    """One connection that is kept alive, with at most one request under way."""

    def __init__(self, address: tuple[str, int], selector: selectors.BaseSelector) -> None:
        self._socket = socket.create_connection(address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(self._socket, selectors.EVENT_READ, self)
        self._answer = b""
        self._sent = 0.0
        self.seconds = 0.0

    def send(self, request: Callable[[int], bytes], numbers: object) -> bool:
        """Sends the next request; whether there was one."""
        number = next(numbers, None)  # type: ignore[call-overload]
        if number is None:
            return False
        self._sent = time.perf_counter()
        self._socket.sendall(request(number))
        return True

    def receive(self) -> bool:
        """Takes in what came; whether that was the rest of an answer."""
        fresh = self._socket.recv(65_536)
        self._answer += fresh
        if not fresh or len(self._answer) > ANSWER_BYTES_MAX:
            raise RuntimeError(f"the connection ended in an answer: {self._answer[:500]!r}")
        head, blank, body = self._answer.partition(b"\r\n\r\n")
        if not blank or len(body) < _length(head):
            return False
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
            raise RuntimeError(f"refused: {self._answer[:2_000]!r}")
        self.seconds = time.perf_counter() - self._sent
        self._answer = b""
        return True

    def close(self) -> None:
        self._socket.close()


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length: ")
    if not found:
        raise RuntimeError(f"an answer without a length: {head!r}")
    return int(rest.partition(b"\r\n")[0])
