"""How many requests one token may send: so many a minute for reading, so many for changing.

Counted in the memory of each worker process: with four workers a token has up to four times as
much, spread by chance.  It protects the others from one client's loop; it is no quota.  What comes
without a valid token is counted by its network address (IPv6: by the /64); at most
`ADDRESSES_MAX` of these are told apart a minute and the others count as one, so that a flood from
many addresses does not fill the memory.

A batch is one request.  `/healthz`, `/readyz` and the public log, which caches carry, have no
limit.  A proxy on this host says in X-Forwarded-For whom it asks for; one elsewhere counts as one.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable

from flask import Request

from api.problems import Problem
from ledger.config import RateLimit

WINDOW_SECONDS = 60
ADDRESSES_MAX = 10_000
IPV6_PREFIX_BITS = 64
OTHERS = "others"


class Limiter:
    """Counts requests in windows of a minute.  Safe to share between threads."""

    def __init__(
        self,
        limit: RateLimit | None,
        *,
        now: Callable[[], float] = time.monotonic,
        addresses_max: int = ADDRESSES_MAX,
    ) -> None:
        self._limit = limit
        self._now = now
        self._addresses_max = addresses_max
        self._lock = threading.Lock()
        self._window = 0
        self._counts: dict[str, int] = {}
        self._addresses = 0

    def take_read(self, token_id: str) -> None:
        """Counts a request that reads; `Problem` where the token has none left."""
        if self._limit is not None:
            self._take(f"read {token_id}", self._limit.reads)

    def take_write(self, token_id: str) -> None:
        """Counts a request that changes something; `Problem` where the token has none left."""
        if self._limit is not None:
            self._take(f"write {token_id}", self._limit.writes)

    def take_stranger(self, address: str) -> None:
        """Counts a request without a valid token; `Problem` where its address has none left."""
        if self._limit is not None:
            self._take(f"from {_network(address)}", self._limit.strangers, counted=True)

    def _take(self, key: str, most: int, *, counted: bool = False) -> None:
        window, into = divmod(self._now(), WINDOW_SECONDS)
        with self._lock:
            if window > self._window:  # a thread may be late with the minute before
                self._window, self._counts, self._addresses = int(window), {}, 0
            if counted and key not in self._counts:
                key = self._told_apart(key)
            taken = self._counts[key] = self._counts.get(key, 0) + 1
        if taken > most:
            wait = int(WINDOW_SECONDS - into) + 1
            raise Problem(
                "rate-limited",
                f"This is more than {most:,} such requests a minute: go on in {wait} seconds.",
                headers={"Retry-After": str(wait)},
            )

    def _told_apart(self, key: str) -> str:
        if self._addresses >= self._addresses_max:
            return OTHERS
        self._addresses += 1
        return key


def address_of(req: Request) -> str:
    """Where a request comes from; what a proxy says of it, if that is on this host.

    Of several in X-Forwarded-For the last is the proxy's own word, the others are its client's.
    """
    peer = req.remote_addr or ""
    said = req.headers.get("X-Forwarded-For")
    return said.rpartition(",")[2].strip() if said and _is_here(peer) else peer


def _is_here(address: str) -> bool:
    """Whether it is the host's own; gunicorn gives none to a socket in the file system."""
    try:
        found = ipaddress.ip_address(address or "::1")
    except ValueError:
        return False
    mapped = found.ipv4_mapped if found.version == 6 else None  # of a socket for both
    return (mapped or found).is_loopback


def _network(address: str) -> str:
    """What strangers of one customer of a provider have in common."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return OTHERS  # a socket of the host's own
    if found.version == 4:
        return address
    return str(ipaddress.ip_network((found, IPV6_PREFIX_BITS), strict=False))
