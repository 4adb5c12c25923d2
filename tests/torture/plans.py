"""What each client is to enter: an endless plan that follows from a few numbers alone.

So a process that was killed is started again with the same keys.  Now and then a client sends an
earlier group of its own again, and a wish that all clients of all processes have under one key.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

MEMBERS = 6
AMOUNT_MAX = 40
KINDS = (
    *("credit", "credit", "credit", "debit", "transfer", "transfer"),
    *("hold", "hold", "capture", "capture", "release", "reversal", "reversal"),
)
REFERS_TO = {
    "capture": ("hold",),
    "release": ("hold",),
    "reversal": ("credit", "debit", "transfer", "capture"),
}
FREE = tuple(kind for kind in KINDS if kind not in REFERS_TO)
GROUP_SIZES = (1, 1, 2, 4)
AGAIN, STATE = 0.1, 0.03  # chances that a step is an earlier one, or a `state` entry
SHARED_EACH = 3  # steps
REMEMBERED = 20  # steps and wishes of a kind that a client still refers to


class Wish(NamedTuple):
    """One order before it is made: `of` is the key of the client's own that it refers to."""

    key: str
    kind: str
    member: int
    other: int
    amount: int
    of: str | None = None


class Step(NamedTuple):
    """One group."""

    wishes: tuple[Wish, ...]
    atomic: bool


def plan(seed: int, number: int, process: int, thread: int) -> Iterator[Step]:
    """What that thread of that process is to enter in round `number`, without end."""
    name = f"{seed}/{number}/{process}/{thread}"
    rng = random.Random(name)
    steps: deque[Step] = deque(maxlen=REMEMBERED)
    known: dict[str, deque[str]] = {kind: deque(maxlen=REMEMBERED) for kind in KINDS}
    for at in count():
        if steps and rng.random() < AGAIN:
            yield rng.choice(steps)
            continue
        wishes = [
            _wish(rng, f"{name}/{at}/{place}", known) for place in range(rng.choice(GROUP_SIZES))
        ]
        if at % SHARED_EACH == 0:
            wishes.insert(rng.randint(0, len(wishes)), _shared(seed, number, at))
        for wish in wishes:  # referred to from the next step on, when they are answered
            known.get(wish.kind, deque()).append(wish.key)
        step = Step(tuple(wishes), rng.random() < 0.5)
        steps.append(step)
        yield step


def _wish(rng: random.Random, key: str, known: dict[str, deque[str]]) -> Wish:
    kind = "state" if rng.random() < STATE else rng.choice(KINDS)
    referable = [each for named in REFERS_TO.get(kind, ()) for each in known[named]]
    of = rng.choice(referable) if referable else None
    return _drawn(rng, key, kind)._replace(of=of)


def _shared(seed: int, number: int, at: int) -> Wish:
    key = f"{seed}/{number}/all/{at}"
    rng = random.Random(key)
    return _drawn(rng, key, rng.choice(FREE))


def _drawn(rng: random.Random, key: str, kind: str) -> Wish:
    member, other = rng.sample(range(MEMBERS), 2)
    return Wish(key, kind, member, other, rng.randint(1, AMOUNT_MAX))
