"""A process that enters points until it is killed, and what it is told to enter.

What a thread enters follows from the seed and the round alone, so that a process that was killed is
started again with the same keys.  Each answer is a line `[key, first, last, rule, replayed]` of the
thread's own file, on the disk before the thread goes on; each checkpoint that was signed or read is
a line of base64 in a file of the process's own.
"""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine, event

from ledger.config import read_settings
from ledger.errors import DatabaseBusy, DatabaseDown
from ledger.installation import Installation, OpenLedger
from ledger.journal import publish
from ledger.journal.commands import Capture, Command, Credit, Debit, PlaceHold
from ledger.journal.entry import to_base64
from ledger.journal.log import latest_checkpoint
from ledger.journal.orders import Done, Group, Order, Outcome, Refusal

LEDGER = "beiyuan"
PROCESSES, THREADS = 2, 4
STEPS = 12  # groups a thread and round
GIVE_UP_SECONDS = 60
KINDS = ("credit", "credit", "debit", "hold", "hold", "capture", "capture")
SIGN, COMMIT, ANSWER = "sign", "commit", "answer"
CHANCE = {SIGN: 0.1, COMMIT: 0.05, ANSWER: 0.05}  # that a process dies there, each time it passes


class Answer(NamedTuple):
    """What a key was answered: the entries' `seq`s, or the rule that refused (-1, -1)."""

    first: int
    last: int
    rule: str | None


class Wish(NamedTuple):
    """One order before it is made: `hold` is the key of the hold to capture."""

    key: str
    kind: str
    member: int
    amount: int
    hold: str | None


class Step(NamedTuple):
    """One group."""

    wishes: tuple[Wish, ...]
    atomic: bool


@dataclass(frozen=True)
class Site:
    """Where it all happens, and who is there."""

    environ: Mapping[str, str]
    seed: int
    actor: str
    budget: str
    payee: str
    members: tuple[str, ...]

    @property
    def notes(self) -> Path:
        """The directory of the files that workers write."""
        return Path(self.environ["POINTS_DATA"]) / "notes"

    def installation(self) -> Installation:
        """The installation, opened anew."""
        return Installation(read_settings(self.environ), self.environ)

    def order(self, ledger: OpenLedger, wish: Wish, answers: Mapping[str, Answer]) -> Order:
        """The order of a wish, the same each time it is made."""
        command = self._command(wish, answers)
        return Order(
            command=command,
            request=self.request(ledger, wish.key),
            fingerprint=ledger.keys.fingerprint(repr(command).encode()),
        )

    def request(self, ledger: OpenLedger, key: str) -> str:
        """What the log calls a key."""
        return to_base64(ledger.keys.request_id(self.actor, key, 0))

    def _command(self, wish: Wish, answers: Mapping[str, Answer]) -> Command:
        member = self.members[wish.member]
        match wish.kind:
            case "credit":
                return Credit(
                    account=member, amount=wish.amount, budget=self.budget, actor=self.actor
                )
            case "debit":
                return Debit(account=member, amount=wish.amount, actor=self.actor)
            case "hold":
                return PlaceHold(
                    account=member, amount=wish.amount, payee=self.payee, actor=self.actor
                )
        # A hold that was refused is captured all the same, under the number of no hold.
        seq = max(0, answers[wish.hold].last) if wish.hold else 0
        return Capture(hold=seq, actor=self.actor, final=bool(wish.amount % 2))


def plan(site: Site, number: int, process: int, thread: int) -> list[Step]:
    """What that thread is to enter in that round."""
    name = f"{site.seed}/{number}/{process}/{thread}"
    rng = random.Random(name)
    steps, holds = [], []
    for at in range(STEPS):
        wishes = []
        for place in range(rng.choice((1, 1, 2, 4))):
            kind, key = rng.choice(KINDS), f"{name}/{at}/{place}"
            hold = rng.choice(holds) if kind == "capture" and holds else None
            member, amount = rng.randrange(len(site.members)), rng.randint(1, 40)
            wishes.append(Wish(key, kind, member, amount, hold))
        holds += [wish.key for wish in wishes if wish.kind == "hold"]  # known from the next step on
        steps.append(Step(tuple(wishes), rng.random() < 0.5))
    return steps


def answer_of(outcome: Outcome) -> Answer:
    """What of an outcome is the same each time."""
    if isinstance(outcome, Done):
        return Answer(outcome.first, outcome.last, None)
    if isinstance(outcome, Refusal):
        return Answer(-1, -1, outcome.rule)
    raise AssertionError(f"the key was used for something else: {outcome}")


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a file that were written whole."""
    if path.exists():
        whole, _, _torn = path.read_text().rpartition("\n")
        yield from filter(None, whole.split("\n"))


def read_answers(path: Path) -> Iterator[tuple[str, Answer, bool]]:
    """Key, answer, and whether it was one given again."""
    for line in read_lines(path):
        key, first, last, rule, replayed = json.loads(line)
        yield key, Answer(first, last, rule), replayed


class Diary:
    """An append-only file of lines; each is on the disk when `write` returns."""

    def __init__(self, path: Path) -> None:
        torn = path.exists() and not path.read_bytes().endswith(b"\n")
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        if torn:
            os.ftruncate(self._descriptor, path.read_bytes().rfind(b"\n") + 1)

    def write(self, *lines: str) -> None:
        """Adds lines."""
        os.write(self._descriptor, "".join(f"{line}\n" for line in lines).encode())
        os.fsync(self._descriptor)


class Fate:
    """Ends the process, as a power cut would, at one kind of place and by chance."""

    def __init__(self, place: str | None, seed: str) -> None:
        self._place = place
        self._rng = random.Random(seed)

    def passes(self, place: str) -> None:
        """Returns, or does not."""
        if place == self._place and self._rng.random() < CHANCE[place]:
            os.kill(os.getpid(), signal.SIGKILL)


def work(site: Site, number: int, process: int, start: int, place: str | None) -> None:
    """One process: enters what it is to enter in that round; `start` counts its starts."""
    log = os.open(site.notes / "output", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    fate = Fate(place, f"{site.seed}/{number}/{process}/{start}")
    seen = Diary(site.notes / f"{number}-{process}.checkpoints")
    _watch(seen, fate)
    installation = _insistently(site.installation)
    ledger = _insistently(lambda: installation.ledger(LEDGER))
    _insistently(installation.start_publishing)
    args = (site, installation, ledger, number, process, seen, fate)
    threads = [threading.Thread(target=_thread, args=(*args, at)) for at in range(THREADS)]
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


def _thread(
    site: Site,
    installation: Installation,
    ledger: OpenLedger,
    number: int,
    process: int,
    seen: Diary,
    fate: Fate,
    at: int,
) -> None:
    try:
        path = site.notes / f"{number}-{process}-{at}.answers"
        diary, answers = Diary(path), {key: answer for key, answer, _ in read_answers(path)}
        for step in plan(site, number, process, at):
            if all(wish.key in answers for wish in step.wishes):
                continue
            orders = tuple(site.order(ledger, wish, answers) for wish in step.wishes)
            group = Group(orders, step.atomic)
            outcomes = _insistently(lambda group=group: ledger.appender.submit(group))
            fate.passes(ANSWER)
            ledger.publisher.wake()
            found = {
                wish.key: (answer_of(outcome), outcome.replayed)
                for wish, outcome in zip(step.wishes, outcomes, strict=True)
            }
            diary.write(*(json.dumps([key, *a, again]) for key, (a, again) in found.items()))
            answers |= {key: a for key, (a, _) in found.items()}
            _look(installation, ledger, seen)
    except BaseException:
        Diary(site.notes / "trouble").write(traceback.format_exc())


def _look(installation: Installation, ledger: OpenLedger, seen: Diary) -> None:
    """Reads the newest checkpoint, as any client may."""

    def newest() -> Any:
        with installation.database.reading() as conn:
            return latest_checkpoint(conn, ledger.id)

    published = _insistently(newest)
    if published is not None:
        seen.write(base64.b64encode(published.note).decode())


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
