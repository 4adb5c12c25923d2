"""Holds what clients were told against the log: `faults_of` is one list of what contradicts what.

A history is what clients did (calls with their answers and looks at the ledger, each with its start
and end on one monotonic clock) and what is there afterwards.  The log is a total order; that order
must be one that the clients could have seen: whoever was answered before another began comes first.

The rules read the entries by themselves and share no line with the ledger; trees come from the
second verifier, `tests/replay.py`.
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

from tests.replay import Tree

Entry = dict[str, Any]


class Answer(NamedTuple):
    """What a key was answered: the entries' `seq`s, or the rule that refused (-1, -1)."""

    first: int
    last: int
    rule: str | None = None


class Call(NamedTuple):
    """One group that was answered; `answers` has of each key the answer and if it was replayed."""

    start: int
    end: int
    answers: Mapping[str, tuple[Answer, bool]]


class Look(NamedTuple):
    """One look: the size of the log, and what an account had at that size."""

    start: int
    end: int
    size: int
    account: str
    balance: int


@dataclass(frozen=True)
class History:
    """What came to pass, and the log after it."""

    calls: Sequence[Call]
    looks: Sequence[Look]
    raws: Sequence[bytes]
    size: int
    """Of the log, as the database says."""
    root: bytes
    """Of the tree at that size, as the database says."""
    requests: Mapping[str, str]
    """What the log calls each key."""
    before: int
    """So many entries were there before the first call."""

    @cached_property
    def entries(self) -> list[Entry]:
        """The log, parsed."""
        return [json.loads(raw) for raw in self.raws]

    @cached_property
    def answers(self) -> dict[str, Answer]:
        """The answer to each key, the first that is on record."""
        found: dict[str, Answer] = {}
        for call in self.calls:
            for key, (answer, _) in call.answers.items():
                found.setdefault(key, answer)
        return found


class Fault(NamedTuple):
    """A contradiction: the rule's name, and what was seen."""

    rule: str
    says: str


Rule = Callable[[History], Iterator[str]]


def faults_of(history: History) -> list[Fault]:
    """All contradictions; none: everything that anybody was told is so."""
    return [Fault(name, says) for name, rule in RULES.items() for says in rule(history)]


# --- answers against the log ----------------------------------------------------------------------


def entered_once(history: History) -> Iterator[str]:
    """Each acknowledged command is in the log once, under the `seq` that was told, and no other."""
    of_request = {request: key for key, request in history.requests.items()}
    later = [entry for entry in history.entries[history.before :] if "request" in entry]
    for request, times in Counter(entry["request"] for entry in later).items():
        key = of_request.get(request)
        if key is None:
            yield f"nobody asked for the entry of request {request}"
        elif key in history.answers and history.answers[key].rule is not None:
            yield f"{key} was refused, and is in the log"
        elif times > 1:
            yield f"{key} is in the log {times} times"
    at = {entry["request"]: entry["seq"] for entry in later}
    for key, answer in history.answers.items():
        found = at.get(history.requests[key])
        if answer.rule is None and found != answer.last:
            yield f"{key} was told entry {answer.last}, and is entry {found}"


def answered_alike(history: History) -> Iterator[str]:
    """Each answer to one key is the same, and at most one of them is the first."""
    firsts: Counter[str] = Counter()
    for call in history.calls:
        for key, (answer, replayed) in call.answers.items():
            firsts[key] += not replayed
            if answer != history.answers[key]:
                yield f"{key} was answered {history.answers[key]} and {answer}"
    for key, times in firsts.items():
        if times > 1:
            yield f"{key} got {times} first answers"


def in_time(history: History) -> Iterator[str]:
    """What was entered after somebody had been answered has the larger `seq`."""
    known = _Known(history)
    for call in history.calls:
        bound = known.before(call.start)
        for key, (answer, replayed) in call.answers.items():
            if answer.rule is None and not replayed and answer.first <= bound:
                yield f"{key} is entry {answer.first}, but began after entry {bound} was answered"


# --- looks ----------------------------------------------------------------------------------------


def looks_are_fresh(history: History) -> Iterator[str]:
    """No look is older than what anybody was told before it began, nor newer than its end."""
    known, coming = _Known(history), _Coming(history)
    for look in history.looks:
        least, most = known.before(look.start) + 1, coming.after(look.end)
        if not least <= look.size <= most:
            yield f"a look saw {look.size} entries, between {least} and {most} there were"


def looks_are_true(history: History) -> Iterator[str]:
    """A balance that was seen is the one that the log has at the size that was seen."""
    lines: dict[str, tuple[list[int], list[int]]] = {}
    for entry in history.entries:
        for posting in entry.get("postings", ()):
            seqs, balances = lines.setdefault(posting["account"], ([], []))
            seqs.append(entry["seq"])
            balances.append(posting["balance"])
    for look in history.looks:
        seqs, balances = lines.get(look.account, ([], []))
        place = bisect_left(seqs, look.size)
        wanted = balances[place - 1] if place else 0
        if look.balance != wanted:
            yield f"{look.account} had {wanted} at {look.size}, a look saw {look.balance}"


class _Known:
    """The largest `seq` that anybody knew of at a time."""

    def __init__(self, history: History) -> None:
        ends = [
            (call.end, max(answer.last for answer, _ in call.answers.values()))
            for call in history.calls
        ]
        ends += [(look.end, look.size - 1) for look in history.looks]
        ends.sort()
        self._times = [end for end, _ in ends]
        self._seqs = list(accumulate((seq for _, seq in ends), max))

    def before(self, time: int) -> int:
        place = bisect_left(self._times, time)
        return self._seqs[place - 1] if place else -1


class _Coming:
    """The smallest `seq` that was entered for a call which began after a time."""

    def __init__(self, history: History) -> None:
        starts = [
            (call.start, answer.first)
            for call in history.calls
            for answer, replayed in call.answers.values()
            if answer.rule is None and not replayed
        ]
        starts.sort(reverse=True)
        self._times = [-start for start, _ in starts]
        self._seqs = list(accumulate((first for _, first in starts), min))
        self._size = len(history.raws)

    def after(self, time: int) -> int:
        place = bisect_left(self._times, -time)
        return self._seqs[place - 1] if place else self._size


# --- the log by itself ----------------------------------------------------------------------------


def numbered(history: History) -> Iterator[str]:
    """`seq` without gap, times that rise, and as many entries as the head says."""
    for place, entry in enumerate(history.entries):
        if entry["seq"] != place:
            yield f"entry {place} says that it is entry {entry['seq']}"
    for place in range(1, len(history.entries)):
        if history.entries[place - 1]["at"] >= history.entries[place]["at"]:
            yield f"entry {place} is not later than the one before"
    if history.size != len(history.entries):
        yield f"the head is of {history.size} entries, there are {len(history.entries)}"


def chained(history: History) -> Iterator[str]:
    """Postings sum to zero; each follows from the account's one before."""
    books = _Books()
    for entry in history.entries:
        postings = entry.get("postings", ())
        if sum(posting["amount"] for posting in postings):
            yield f"entry {entry['seq']} does not sum to zero"
        for posting in postings:
            line = books.line(posting["account"])
            if posting["prev"] != line.last:
                yield f"entry {entry['seq']}: {posting['account']} was in entry {line.last} before"
            if posting["balance"] != line.balance + posting["amount"]:
                yield f"entry {entry['seq']}: {posting['account']} had {line.balance} before"
        books.follow(entry)


def above_floor(history: History) -> Iterator[str]:
    """No balance falls below its floor, except where a rule lets it."""
    limits: dict[str, int] = {}
    for entry in history.entries:
        if entry["type"] == "budget":
            limits[entry["budget"]] = entry["limit"]
        free = entry["type"] == "reversal" or (entry["type"] == "debit" and "approver" in entry)
        for posting in entry.get("postings", ()):
            name, balance = posting["account"], posting["balance"]
            held = name.endswith("/held")
            if name == "written-off" or posting["amount"] > 0 or (free and not held):
                continue
            if balance < -limits.get(name, 0):
                yield f"entry {entry['seq']} leaves {name} at {balance}"


def rooted(history: History) -> Iterator[str]:
    """The head's root is that of the tree over all entries."""
    root = Tree(history.raws).root(len(history.raws))
    if root != history.root:
        yield f"the head's root is {history.root.hex()}, the tree's {root.hex()}"


def summed_up(history: History) -> Iterator[str]:
    """Each `state` entry has the root over all accounts as they stood."""
    books = _Books()
    for entry in history.entries:
        if entry["type"] == "state" and entry["root"] != books.root():
            yield f"entry {entry['seq']} has another root than the accounts at that point"
        books.follow(entry)


@dataclass(slots=True)
class _Line:
    last: int
    nonce: str
    balance: int = 0
    count: int = 0


class _Books:
    """All accounts as the entries leave them one by one, whatever the postings claim."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    def line(self, name: str) -> _Line:
        return self._lines.get(name) or _Line(-1, "")

    def follow(self, entry: Entry) -> None:
        here = entry["seq"], entry["nonce"]
        for name in _opened(entry):
            self._lines.setdefault(name, _Line(*here))
        for posting in entry.get("postings", ()):
            line = self._lines.setdefault(posting["account"], _Line(*here))
            line.last, line.nonce = here
            line.balance += posting["amount"]
            line.count += 1

    def root(self) -> str:
        leaves = [
            [name, line.balance, self.line(f"{name}/held").balance, *_tail(line)]
            for name, line in sorted(self._lines.items())
            if not name.endswith("/held")
        ]
        raws = [json.dumps(leaf, separators=(",", ":")).encode() for leaf in leaves]
        return base64.b64encode(Tree(raws).root(len(raws))).decode()


def _tail(line: _Line) -> tuple[int, int, str]:
    return (line.count, line.last, line.nonce)


def _opened(entry: Entry) -> tuple[str, ...]:
    """The accounts that an entry opens."""
    match entry["type"]:
        case "ledger":
            return ("expired", "settled", "withdrawn", "written-off")
        case "budget":
            return (entry["budget"],)
        case "open":
            return (entry["account"], f"{entry['account']}/held")
    return ()


RULES: dict[str, Rule] = {
    rule.__name__.replace("_", " "): rule
    for rule in (
        entered_once,
        answered_alike,
        in_time,
        looks_are_fresh,
        looks_are_true,
        numbered,
        chained,
        above_floor,
        rooted,
        summed_up,
    )
}
