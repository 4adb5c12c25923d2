"""A process whose threads enter points by a plan, until it is done or killed.

Each thread is a client: it writes each call with its answers into a diary before it goes on, and
after each call it looks at an account.  Each checkpoint that was signed or read is a line of base64
in a file of the process's own.
"""

from __future__ import annotations

import base64
import os
import random
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from itertools import islice, takewhile
from typing import Any, NamedTuple

from sqlalchemy import Engine, event, select

from ledger.errors import DatabaseBusy, DatabaseDown
from ledger.installation import Installation, OpenLedger
from ledger.journal import log, publish
from ledger.journal import tables as t
from ledger.journal.orders import Done, Group, Outcome, Refusal
from tests.torture.diaries import Diary, read_calls
from tests.torture.history import Answer, Call, Look
from tests.torture.plans import Step, Wish, plan
from tests.torture.sites import LEDGER, Site

GIVE_UP_SECONDS = 60
SIGN, COMMIT, ANSWER = "sign", "commit", "answer"
CHANCE = {SIGN: 0.1, COMMIT: 0.05, ANSWER: 0.05}  # that a process dies there, each time it passes


class Task(NamedTuple):
    """What a process is to do: `steps` groups a thread, or as many as `seconds` allow."""

    site: Site
    number: int
    process: int
    threads: int
    steps: int | None = None
    seconds: float = 0.0
    place: str | None = None
    """Where it is to die, by chance."""
    start: int = 0
    """How often it was started before."""

    def name(self, thread: int) -> str:
        """What the files of a thread are called."""
        return f"{self.number}-{self.process}-{thread}"

    def steps_of(self, thread: int) -> Iterator[Step]:
        """What a thread is to enter, from now on."""
        endless = plan(self.site.seed, self.number, self.process, thread)
        if self.steps is not None:
            return islice(endless, self.steps)
        end = time.monotonic() + self.seconds
        return takewhile(lambda _: time.monotonic() < end, endless)

    def wishes_of(self, thread: int) -> Iterator[Wish]:
        """All that a thread was to enter, one by one."""
        return (wish for step in self.steps_of(thread) for wish in step.wishes)


def answer_of(outcome: Outcome) -> Answer:
    """What of an outcome is the same each time."""
    if isinstance(outcome, Done):
        return Answer(outcome.first, outcome.last)
    if isinstance(outcome, Refusal):
        return Answer(-1, -1, outcome.rule)
    raise AssertionError(f"the key was used for something else: {outcome}")


class Fate:
    """Ends the process, as a power cut would, at one kind of place and by chance."""

    def __init__(self, task: Task) -> None:
        self._place = task.place
        self._rng = random.Random(f"{task.site.seed}/{task.number}/{task.process}/{task.start}")

    def passes(self, place: str) -> None:
        """Returns, or does not."""
        if place == self._place and self._rng.random() < CHANCE[place]:
            os.kill(os.getpid(), signal.SIGKILL)


def work(task: Task) -> None:
    """One process, from its start to the end of its task."""
    output = os.open(task.site.notes / "output", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    fate = Fate(task)
    seen = Diary(task.site.notes / f"{task.number}-{task.process}.checkpoints")
    _watch(seen, fate)
    installation = _insistently(task.site.installation)
    ledger = _insistently(lambda: installation.ledger(LEDGER))
    _insistently(installation.start_publishing)
    clients = [Client(task, at, installation, ledger, fate, seen) for at in range(task.threads)]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    installation.close()


def _watch(seen: Diary, fate: Fate) -> None:
    """Notes each checkpoint as soon as it is signed, and puts fate before and after that."""
    sign = publish.sign_checkpoint

    def watched(*args: Any) -> bytes:
        fate.passes(SIGN)
        note = sign(*args)
        seen.write(base64.b64encode(note).decode())
        fate.passes(SIGN)
        return note

    publish.sign_checkpoint = watched
    event.listen(Engine, "commit", lambda _: fate.passes(COMMIT))


class Client:
    """One thread: calls and looks in turn, and remembers what it was told."""

    def __init__(
        self,
        task: Task,
        thread: int,
        installation: Installation,
        ledger: OpenLedger,
        fate: Fate,
        seen: Diary,
    ) -> None:
        self._task = task
        self._thread = thread
        self._installation = installation
        self._ledger = ledger
        self._fate = fate
        self._seen = seen
        self._newest = 0

    def run(self) -> None:
        """All steps that were not answered before; what goes wrong is written down."""
        notes, name = self._task.site.notes, self._task.name(self._thread)
        answers = {
            key: answer
            for call in read_calls(notes / f"{name}.calls")
            for key, (answer, _) in call.answers.items()
        }
        calls, looks = Diary(notes / f"{name}.calls"), Diary(notes / f"{name}.looks")
        try:
            done = self._task.start > 0  # as far as it came the last time
            for step in self._task.steps_of(self._thread):
                done = done and all(wish.key in answers for wish in step.wishes)
                if not done:
                    self._step(step, answers, calls, looks)
        except BaseException:
            Diary(notes / "trouble").write(traceback.format_exc())

    def _step(self, step: Step, answers: dict[str, Answer], calls: Diary, looks: Diary) -> None:
        call = self._call(step, answers)
        self._fate.passes(ANSWER)
        calls.write(call)
        answers |= {key: answer for key, (answer, _) in call.answers.items()}
        self._ledger.publisher.wake()
        looks.write(self._look(step.wishes[0]))

    def _call(self, step: Step, answers: dict[str, Answer]) -> Call:
        orders = tuple(self._task.site.order(self._ledger, w, answers) for w in step.wishes)
        group = Group(orders, step.atomic)
        start = time.monotonic_ns()
        outcomes = _insistently(lambda: self._ledger.appender.submit(group))
        end = time.monotonic_ns()
        told = zip(step.wishes, outcomes, strict=True)
        return Call(start, end, {w.key: (answer_of(o), o.replayed) for w, o in told})

    def _look(self, wish: Wish) -> Look:
        account = self._task.site.members[wish.member]
        start = time.monotonic_ns()
        size, balance, published = _insistently(lambda: self._read(account))
        end = time.monotonic_ns()
        if published is not None and published.size > self._newest:
            self._newest = published.size
            self._seen.write(base64.b64encode(published.note).decode())
        return Look(start, end, size, account, balance)

    def _read(self, account: str) -> tuple[int, int, log.Published | None]:
        """The log's size, an account's balance and the newest checkpoint, as any client may."""
        ledger_id = self._ledger.id
        mine = (t.account.c.ledger_id == ledger_id) & (t.account.c.name == account)
        with self._installation.database.reading(snapshot=True) as conn:
            size = log.log_size(conn, ledger_id)
            balance = conn.execute(select(t.account.c.balance).where(mine)).scalar_one()
            return size, balance, log.latest_checkpoint(conn, ledger_id)


def _insistently(call: Callable[[], Any]) -> Any:
    """What `call` gives, tried again as long as the database is away."""
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while True:
        try:
            return call()
        except (DatabaseBusy, DatabaseDown):
            if time.monotonic() > deadline:
                raise
            threading.Event().wait(0.02)
