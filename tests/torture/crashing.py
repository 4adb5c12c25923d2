"""A ledger whose processes are killed, and the look at what is left after each round.

A round: two processes (`worker.py`) enter what they are to enter and are killed, at a random moment
or where it hurts, and started again with the same keys, until all is answered.  Then everything
that anybody was told must be so, once, and told again the same.
"""

from __future__ import annotations

import base64
import multiprocessing
import os
import random
import signal
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from sqlalchemy import func, select

from ledger.audit.database import verify_database
from ledger.audit.trust import parse_keys
from ledger.db import Database, migrate
from ledger.installation import Installation, OpenLedger
from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.commands import Statement
from ledger.journal.entry import decode, new_id
from ledger.journal.founding import Founding
from ledger.journal.highwater import read_high_water
from ledger.journal.keys import create_keys
from ledger.journal.orders import Group, Order
from ledger.journal.pkcs8 import ScryptCost
from ledger.tlog.checkpoint import open_checkpoint
from ledger.tlog.merkle import CompactRange, leaf_hash
from ledger.tlog.note import Verifier
from tests.torture.server import OwnServer
from tests.torture.worker import (
    ANSWER,
    COMMIT,
    LEDGER,
    PROCESSES,
    SIGN,
    THREADS,
    Answer,
    Site,
    answer_of,
    plan,
    read_answers,
    read_lines,
    work,
)

MEMBERS = 6
MOMENT, BACKEND, SERVER = "moment", "backend", "server"
ROUNDS = {
    "sqlite": (MOMENT, SIGN, COMMIT, ANSWER),
    "postgresql": (MOMENT, SIGN, COMMIT, ANSWER, BACKEND, SERVER),
}
"""What is killed: a process at a moment or a place, or a connection's server process, or all."""
MOMENT_SECONDS_MAX = 0.3
KILLED_STARTS_MAX = 3
ROUND_SECONDS_MAX = 120
CHEAP = ScryptCost(2, 1, 1)

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["__main__", "tests.torture.worker"])


class Crashes:
    """One ledger and its rounds; `counts` tells what came to pass."""

    def __init__(self, data: Path, url: str, seed: int, server: OwnServer | None = None) -> None:
        self._rng = random.Random(seed)
        self._server = server
        self._number = 0
        self._answers: dict[str, Answer] = {}
        self.counts: Counter[str] = Counter()
        self.site = _founded(data, url, seed)

    def round(self, kind: str) -> None:
        """One round, and the look at what is left."""
        self._number += 1
        self.counts["rounds"] += 1
        self._work(kind)
        self._collect()
        self._look([self._number])

    def look_at_all(self) -> None:
        """The look at the answers of all rounds."""
        self._look(range(1, self._number + 1))

    # --- killing ---------------------------------------------------------------------------------

    def _work(self, kind: str) -> None:
        running = [self._start(process, 0, kind) for process in range(PROCESSES)]
        starts = [1] * PROCESSES
        left = self._rng.randint(1, 2 * KILLED_STARTS_MAX) if kind == MOMENT else 1
        while kind in (MOMENT, BACKEND, SERVER) and left:
            left -= 1
            victim = self._rng.randrange(PROCESSES)
            running[victim].join(self._rng.uniform(0.0, MOMENT_SECONDS_MAX))
            if kind == MOMENT:
                running[victim].kill()
                running[victim].join()
                self.counts["killed"] += running[victim].exitcode == -signal.SIGKILL
                running[victim] = self._start(victim, starts[victim], kind)
                starts[victim] += 1
            else:
                self._kill_server(kind)
        for process in range(PROCESSES):
            self._see_through(process, running[process], starts[process], kind)

    def _see_through(self, process: int, running: BaseProcess, starts: int, kind: str) -> None:
        """Starts a process again as often as it dies of its fate, until its work is done."""
        while True:
            running.join(ROUND_SECONDS_MAX)
            if running.exitcode == 0:
                return
            assert running.exitcode == -signal.SIGKILL, f"a process ended by {running.exitcode}"
            self.counts["killed"] += 1
            fated = kind if starts < KILLED_STARTS_MAX else MOMENT
            running = self._start(process, starts, fated)
            starts += 1

    def _start(self, process: int, starts: int, kind: str) -> BaseProcess:
        place = kind if kind in (SIGN, COMMIT, ANSWER) else None
        args = (self.site, self._number, process, starts, place)
        started = _processes.Process(target=work, args=args)
        started.start()
        return started

    def _kill_server(self, kind: str) -> None:
        assert self._server is not None
        if kind == SERVER:
            self._server.kill()
            self.counts["server killed"] += 1
        else:
            self.counts["connection killed"] += self._server.kill_backend(self._rng)

    # --- looking ---------------------------------------------------------------------------------

    def _look(self, numbers: Iterable[int]) -> None:
        installation = self.site.installation()
        try:
            ledger = installation.ledger(LEDGER)
            raws = self._published_entries(installation, ledger)
            self._want_answers_in_log(ledger, raws)
            for number in numbers:
                self._ask_again(ledger, number)
            with installation.database.reading() as conn:
                assert log.log_size(conn, ledger.id) == len(raws), "a key was entered twice"
            trusted = _keys(ledger)
            found = verify_database(installation.database, ledger.id, ledger.origin, trusted)
            assert found == []
            self._want_one_history(installation, ledger, raws)
        finally:
            installation.close()

    def _collect(self) -> None:
        """All answers of the round, which must not contradict each other; none may be missing."""
        assert "\n".join(read_lines(self.site.notes / "trouble")) == ""
        number = self._number
        for process, thread in _all_threads():
            path = self.site.notes / f"{number}-{process}-{thread}.answers"
            for key, answer, replayed in read_answers(path):
                assert self._answers.setdefault(key, answer) == answer, key
                self.counts["answered"] += 1
                self.counts["answered again"] += replayed
            for step in plan(self.site, number, process, thread):
                assert {wish.key for wish in step.wishes} <= self._answers.keys()

    def _published_entries(self, installation: Installation, ledger: OpenLedger) -> list[bytes]:
        size = ledger.publisher.publish()
        with installation.database.reading() as conn:
            query = select(t.entry.c.seq, t.entry.c.raw).where(t.entry.c.ledger_id == ledger.id)
            rows = conn.execute(query.order_by(t.entry.c.seq)).all()
        assert [row.seq for row in rows] == list(range(size))
        return [bytes(row.raw) for row in rows]

    def _want_answers_in_log(self, ledger: OpenLedger, raws: list[bytes]) -> None:
        entries = [decode(raw) for raw in raws]
        assert [entry["seq"] for entry in entries] == list(range(len(entries)))
        entered = Counter(entry["request"] for entry in entries if "request" in entry)
        requests = {self.site.request(ledger, key): a for key, a in self._answers.items()}
        done = {request: a for request, a in requests.items() if a.rule is None}
        assert entered == dict.fromkeys(done, 1)
        for request, answer in done.items():
            assert answer.first == answer.last
            assert entries[answer.last]["request"] == request

    def _ask_again(self, ledger: OpenLedger, number: int) -> None:
        for process, thread in _all_threads():
            wishes = [w for s in plan(self.site, number, process, thread) for w in s.wishes]
            orders = [self.site.order(ledger, wish, self._answers) for wish in wishes]
            outcomes = ledger.appender.submit(Group(tuple(orders), atomic=False))
            assert [answer_of(o) for o in outcomes] == [self._answers[w.key] for w in wishes]
            assert all(outcome.replayed for outcome in outcomes)

    def _want_one_history(
        self, installation: Installation, ledger: OpenLedger, raws: list[bytes]
    ) -> None:
        """Every checkpoint that was stored, signed or seen is one of this log as it is now."""
        edge, roots = CompactRange.empty(), []
        for raw in raws:
            roots.append(edge.root())
            edge, _ = edge.extend([leaf_hash(raw)])
        roots.append(edge.root())
        trusted = _keys(ledger)
        notes = self._stored_notes(installation.database, ledger.id)
        files = self.site.notes.glob("*.checkpoints")
        notes |= {base64.b64decode(line) for path in files for line in read_lines(path)}
        for note in notes:
            checkpoint, _ = open_checkpoint(note, trusted)
            assert checkpoint.origin == ledger.origin
            assert checkpoint.root == roots[checkpoint.size], checkpoint
        self.counts["checkpoints"] = len(notes)
        mark = read_high_water(installation.settings.high_water / LEDGER, ledger.origin)
        assert mark is not None
        assert (mark.size, mark.root) == (len(raws), roots[-1])

    @staticmethod
    def _stored_notes(database: Database, ledger_id: int) -> set[bytes]:
        with database.reading() as conn:
            mine = t.checkpoint.c.ledger_id == ledger_id
            count = select(func.count()).select_from(t.checkpoint).where(mine)
            rows = conn.execute(select(t.checkpoint.c.note).where(mine)).scalars()
            notes = {bytes(note) for note in rows}
            assert conn.execute(count).scalar_one() == len(notes) > 0
        return notes


def _all_threads() -> Iterator[tuple[int, int]]:
    return ((process, thread) for process in range(PROCESSES) for thread in range(THREADS))


def _keys(ledger: OpenLedger) -> tuple[Verifier, ...]:
    """The log's keys, of all generations."""
    return parse_keys(v for each in ledger.keys.generations for v in ledger.keys.vkeys(each))


def _founded(data: Path, url: str, seed: int) -> Site:
    """A ledger with members, in a database of its own."""
    environ: Mapping[str, str] = {
        "POINTS_DATA": str(data),
        "POINTS_DATABASE_URL": url,
        "POINTS_PASSPHRASE": "a passphrase of the tests",
        "POINTS_PUBLIC_HOST": "points.example.org",
    }
    office, second = (new_id("person", os.urandom(16)) for _ in range(2))
    members = tuple(new_id("member", os.urandom(16)) for _ in range(MEMBERS))
    budget, payee = new_id("issuer", os.urandom(16)), new_id("org", os.urandom(16))
    site = Site(environ, seed, office, budget, payee, members)
    site.notes.mkdir(parents=True)
    migrate(url)
    installation = site.installation()
    founding = Founding(
        founders=(office, second),
        budget=budget,
        budget_limit=10**9,
        budget_from="1997-01-01",
        budget_to="2099-12-31",
        policy_from="1997-01-01",
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ledger.installation.create_keys", partial(create_keys, cost=CHEAP))
        ledger = installation.create_ledger(LEDGER, founding)
    fields = ({"account": account} for account in (payee, *members))
    opening = (Statement(kind="open", actor=office, fields=each) for each in fields)
    ledger.appender.submit(Group(tuple(Order(command=command) for command in opening)))
    installation.close()
    return site
