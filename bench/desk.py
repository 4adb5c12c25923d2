"""A founded ledger with members, for the benchmarks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from ledger.config import read_settings
from ledger.journal import log
from ledger.journal.commands import Credit, Statement
from ledger.journal.entry import new_id, to_base64
from ledger.journal.founding import Founding
from ledger.journal.orders import Done, Group, Order
from ledger.migrating import migrate
from ledger.programme.opening import open_installation

MEMBERS = 1_000
GROUP = 1_000


class BenchDesk:
    """Credits from one budget account to a thousand members, or as many as asked for."""

    def __init__(
        self, data: Path, database_url: str | None = None, *, members: int = MEMBERS
    ) -> None:
        self.environ = environ = {
            "POINTS_DATA": str(data),
            "POINTS_PASSPHRASE": "only for measuring",
            "POINTS_PUBLIC_HOST": "points.example.org",
        }
        if database_url:
            environ["POINTS_DATABASE_URL"] = database_url
        settings = read_settings(environ)
        settings.data.mkdir(parents=True, exist_ok=True)
        migrate(settings.database_url)
        self.installation = open_installation(settings, environ)
        self.actor, self.second = (new_id("person", os.urandom(16)) for _ in range(2))
        self.budget = new_id("issuer", os.urandom(16))
        self.ledger = self.installation.create_ledger(
            "bench",
            Founding(
                founders=(self.actor, self.second),
                budget=self.budget,
                budget_limit=10**12,
                budget_from="1997-01-01",
                budget_to="2099-12-31",
                policy_from="1997-01-01",
            ),
        )
        self._members = [new_id("member", os.urandom(16)) for _ in range(members)]
        for start in range(0, members, GROUP):
            self.ledger.appender.submit(Group(tuple(self._openings(start, start + GROUP))))
        self._number = 0
        self._lock = threading.Lock()

    def member(self, number: int) -> str:
        """The member whom the credit of that number is for."""
        return self._members[number % len(self._members)]

    def next_numbers(self, count: int) -> range:
        """Numbers of credits that were given to nobody else."""
        with self._lock:
            first = self._number
            self._number += count
        return range(first, first + count)

    def fill(self, size: int) -> None:
        """Credits until the log has `size` entries."""
        here = self.installation.database
        with here.reading() as conn:
            left = size - log.log_size(conn, self.ledger.id)
        while left > 0:
            self.ledger.appender.submit(self._group(min(GROUP, left)))
            left -= GROUP

    def credits_per_second(self, size: int, groups: int, clients: int) -> float:
        """`groups` groups of `size` credits from each of `clients` threads, keys and all."""
        barrier = threading.Barrier(clients + 1)

        def client() -> None:
            barrier.wait()
            for _ in range(groups):
                outcomes = self.ledger.appender.submit(self._group(size))
                if not all(isinstance(outcome, Done) for outcome in outcomes):
                    raise RuntimeError(f"a credit was refused: {outcomes}")

        threads = [threading.Thread(target=client) for _ in range(clients)]
        for thread in threads:
            thread.start()
        barrier.wait()
        start = time.perf_counter()
        for thread in threads:
            thread.join()
        return size * groups * clients / (time.perf_counter() - start)

    def _openings(self, start: int, end: int) -> Iterator[Order]:
        for member in self._members[start:end]:
            fields = {"account": member}
            yield Order(command=Statement(kind="open", actor=self.actor, fields=fields))

    def _group(self, size: int) -> Group:
        return Group(tuple(map(self._order, self.next_numbers(size))), atomic=False)

    def _order(self, number: int) -> Order:
        keys = self.ledger.keys
        command = Credit(
            account=self.member(number),
            amount=1 + number % 50,
            budget=self.budget,
            actor=self.actor,
        )
        return Order(
            command=command,
            request=to_base64(keys.request_id(self.actor, f"key {number}", 0)),
            fingerprint=keys.fingerprint(b"%d" % number),
        )
