"""The checker of recorded histories sees each fault that is planted into a sound one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger.db import Database
from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.commands import Debit, PlaceHold, Reverse, StateOfAll
from ledger.tlog.merkle import leaf_hash, root_of
from tests.journal.live import Counter
from tests.torture.history import RULES, Answer, Call, History, Look, faults_of
from tests.torture.worker import answer_of

FIRST = 7  # the first entry that the history asks for


@pytest.fixture
def history(sqlite_database: Database) -> History:
    """Six calls one after the other, the last of them a repeat; after each a look at the member.

    Call n is from 10n to 10n + 4, its look from 10n + 5 to 10n + 9.
    """
    counter = Counter(sqlite_database)
    member, payee = counter.open(), counter.open("org")
    office = counter.office
    orders = {
        "credit": counter.credit(member, 25),
        "poor": Debit(account=member, amount=99, actor=office),
        "hold": PlaceHold(account=member, amount=10, payee=payee, actor=office),
        "undo": Reverse(original=FIRST, amount=20, actor=office),
        "state": StateOfAll(actor=office),
    }
    made = {key: counter.order(command, key) for key, command in orders.items()}
    calls, looks = [], []
    for turn, key in enumerate([*orders, "credit"]):
        (outcome,) = counter.submit(made[key])
        calls.append(Call(10 * turn, 10 * turn + 4, {key: (answer_of(outcome), outcome.replayed)}))
        size = len(counter.rows(t.entry))
        looks.append(Look(10 * turn + 5, 10 * turn + 9, size, member, counter.balance(member)))
    raws = [bytes(row.raw) for row in counter.rows(t.entry)]
    with sqlite_database.reading() as conn:
        root = log.edge_at(conn, counter.id, len(raws)).root()
    requests = {key: order.request or "" for key, order in made.items()}
    return History(calls, looks, raws, len(raws), root, requests, FIRST)


def test_a_sound_history_has_no_fault(history: History) -> None:
    assert faults_of(history) == []
    assert history.answers["poor"] == Answer(-1, -1, "funds")
    assert history.looks[-1].balance == -5  # a reversal may leave less than nothing
    assert len(history.raws) == FIRST + 4


def answered(history: History, turn: int, **changed: Any) -> History:
    """The history with another answer in a call."""
    calls = list(history.calls)
    ((key, (answer, replayed)),) = calls[turn].answers.items()
    replayed = changed.pop("replayed", replayed)
    calls[turn] = calls[turn]._replace(answers={key: (answer._replace(**changed), replayed)})
    return replace(history, calls=calls)


def seen(history: History, turn: int, **changed: Any) -> History:
    """The history with another look."""
    looks = list(history.looks)
    looks[turn] = looks[turn]._replace(**changed)
    return replace(history, looks=looks)


def entered(history: History, seq: int, change: Callable[[Any], object]) -> History:
    """The history with another entry in the log, and the root that follows from it."""
    raws = list(history.raws)
    entry = json.loads(raws[seq])
    change(entry)
    raws[seq] = json.dumps(entry, separators=(",", ":")).encode()
    return rooted(replace(history, raws=raws))


def rooted(history: History) -> History:
    """The history with the size and the root that its entries have."""
    root = root_of([leaf_hash(raw) for raw in history.raws])
    return replace(history, size=len(history.raws), root=root)


def without_last(history: History) -> History:
    """The log lost its last entry, the head with it."""
    return rooted(replace(history, raws=history.raws[:-1]))


def twice(history: History) -> History:
    """The log has its first command again at its end."""
    return rooted(replace(history, raws=[*history.raws, history.raws[FIRST]]))


def began_late(history: History) -> History:
    """The credit, though entered first, was only asked for when the hold was answered."""
    calls = [history.calls[0]._replace(start=25, end=26), *history.calls[1:]]
    return replace(history, calls=calls)


def swapped(history: History) -> History:
    """Two entries in each other's place."""
    raws = list(history.raws)
    raws[FIRST], raws[FIRST + 1] = raws[FIRST + 1], raws[FIRST]
    return rooted(replace(history, raws=raws))


PLANTED: dict[str, tuple[str, Callable[[History], History]]] = {
    "an acknowledged entry is lost": ("entered once", without_last),
    "a command was entered twice": ("entered once", twice),
    "an answer names another entry": ("entered once", lambda h: answered(h, 2, last=9)),
    "a refused command is in the log": (
        "entered once",
        lambda h: answered(h, 3, first=-1, last=-1, rule="funds"),
    ),
    "an entry that nobody asked for": (
        "entered once",
        lambda h: entered(h, 9, lambda e: e.update(request="A" * 43 + "=")),
    ),
    "a repeated key got another answer": ("answered alike", lambda h: answered(h, 5, last=8)),
    "a refusal became an entry": (
        "answered alike",
        lambda h: answered(h, 5, first=-1, last=-1, rule="funds"),
    ),
    "a key got two first answers": ("answered alike", lambda h: answered(h, 5, replayed=False)),
    "an entry before one that was answered": ("in time", began_late),
    "a look misses what was answered": ("looks are fresh", lambda h: seen(h, 2, size=FIRST + 1)),
    "a look goes back behind an earlier one": ("looks are fresh", lambda h: seen(h, 5, size=9)),
    "a look knows what was asked for later": (
        "looks are fresh",
        lambda h: seen(h, 0, size=FIRST + 2),
    ),
    "a look saw another balance": ("looks are true", lambda h: seen(h, 1, balance=24)),
    "a gap": ("numbered", lambda h: rooted(replace(h, raws=[*h.raws[:8], *h.raws[9:]]))),
    "two entries are swapped": ("numbered", swapped),
    "time goes back": (
        "numbered",
        lambda h: entered(h, 9, lambda e: e.update(at="2026-11-23T00:00:00.000000Z")),
    ),
    "the head is behind the entries": ("numbered", lambda h: replace(h, size=h.size - 1)),
    "points from nowhere": (
        "chained",
        lambda h: entered(h, 8, lambda e: e["postings"][0].update(amount=-9)),
    ),
    "a balance that does not follow": (
        "chained",
        lambda h: entered(h, 8, lambda e: e["postings"][0].update(balance=14)),
    ),
    "a posting that is left out of the chain": (
        "chained",
        lambda h: entered(h, 8, lambda e: e["postings"][0].update(prev=5)),
    ),
    "a member spends what is not there": (
        "above floor",
        lambda h: entered(h, 8, lambda e: e["postings"][0].update(balance=-1)),
    ),
    "a held account below zero": (
        "above floor",
        lambda h: entered(h, 8, lambda e: e["postings"][1].update(amount=-10, balance=-10)),
    ),
    "a budget is overdrawn": (
        "above floor",
        lambda h: entered(h, 4, lambda e: e.update(limit=24)),
    ),
    "the root is of another tree": ("rooted", lambda h: replace(h, root=bytes(32))),
    "a state that sums up something else": (
        "summed up",
        lambda h: entered(h, 10, lambda e: e.update(root="A" * 43 + "=")),
    ),
    "a state over a balance that was changed": (
        "summed up",
        lambda h: entered(h, 8, lambda e: [p.update(amount=0) for p in e["postings"]]),
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_fault_is_seen(history: History, planted: str) -> None:
    rule, plant = PLANTED[planted]

    assert rule in {fault.rule for fault in faults_of(plant(history))}


def test_each_rule_has_a_fault_that_it_sees() -> None:
    assert {rule for rule, _ in PLANTED.values()} == set(RULES)
