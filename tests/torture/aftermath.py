"""The look at what is left: what anybody was told is so, once, and is told again the same."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from ledger.audit.database import verify_database
from ledger.audit.trust import parse_keys
from ledger.installation import Installation, OpenLedger
from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.highwater import read_high_water
from ledger.journal.orders import GROUP_COMMANDS_MAX, Group
from ledger.tlog.checkpoint import open_checkpoint
from ledger.tlog.merkle import CompactRange, leaf_hash
from ledger.tlog.note import Verifier
from tests.replay import replay
from tests.torture.diaries import read_calls, read_lines, read_looks
from tests.torture.history import Call, History, Look, faults_of
from tests.torture.plans import Wish
from tests.torture.sites import LEDGER, Site
from tests.torture.worker import Task, answer_of


@dataclass
class Aftermath:
    """What the diaries of one site say, task by task; `counts` tells what came to pass."""

    site: Site
    before: int
    calls: list[Call] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def collect(self, task: Task) -> None:
        """Reads the diaries of a process that is done; nothing may have gone wrong."""
        notes = self.site.notes
        assert "\n".join(read_lines(notes / "trouble")) == ""
        for thread in range(task.threads):
            calls = list(read_calls(notes / f"{task.name(thread)}.calls"))
            self.calls += calls
            self.looks += read_looks(notes / f"{task.name(thread)}.looks")
            answers = [answer for call in calls for answer in call.answers.values()]
            self.counts["answers"] += len(answers)
            self.counts["repeats"] += sum(replayed for _, replayed in answers)
            if task.steps is not None:
                told = {key for call in calls for key in call.answers}
                assert told == {wish.key for wish in task.wishes_of(thread)}

    def want_replayed(self) -> None:
        """Holds the log against the second verifier, which reads nothing but entries."""
        installation = self.site.installation()
        ledger = installation.ledger(LEDGER)
        raws = _published(installation, ledger)
        with installation.database.reading() as conn:
            root = log.edge_at(conn, ledger.id, len(raws)).root()
        installation.close()
        second = replay(raws)
        assert (second.size, second.root) == (len(raws), root)

    def want_sound(self, again: Iterable[Task]) -> None:
        """Holds all that was collected against the log, and asks the wishes of tasks again."""
        wishes = [w for task in again for at in range(task.threads) for w in task.wishes_of(at)]
        installation = self.site.installation()
        try:
            ledger = installation.ledger(LEDGER)
            raws = _published(installation, ledger)
            self._want_told_is_so(installation, ledger, raws)
            self._ask_again(ledger, wishes)
            with installation.database.reading() as conn:
                assert log.log_size(conn, ledger.id) == len(raws), "a key was entered twice"
            self._want_one_history(installation, ledger, raws)
        finally:
            installation.close()

    def _want_told_is_so(
        self, installation: Installation, ledger: OpenLedger, raws: list[bytes]
    ) -> None:
        with installation.database.reading() as conn:
            size = log.log_size(conn, ledger.id)
            root = log.edge_at(conn, ledger.id, size).root()
        keys = {key for call in self.calls for key in call.answers}
        requests = {key: self.site.request(ledger, key) for key in keys}
        history = History(self.calls, self.looks, raws, size, root, requests, self.before)
        assert faults_of(history) == []
        trusted = _keys(ledger)
        assert verify_database(installation.database, ledger.id, ledger.origin, trusted) == []
        self.counts["entries"] = size
        self.counts["keys"] = len(keys)

    def _ask_again(self, ledger: OpenLedger, wishes: Sequence[Wish]) -> None:
        answers = {key: a for call in self.calls for key, (a, _) in call.answers.items()}
        for start in range(0, len(wishes), GROUP_COMMANDS_MAX):
            asked = wishes[start : start + GROUP_COMMANDS_MAX]
            orders = tuple(self.site.order(ledger, wish, answers) for wish in asked)
            outcomes = ledger.appender.submit(Group(orders, atomic=False))
            assert [answer_of(o) for o in outcomes] == [answers[w.key] for w in asked]
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
        notes = _stored_notes(installation, ledger.id)
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


def told(counts: Counter[str]) -> str:
    """The numbers in words, for whoever reads along."""
    return ", ".join(f"{number} {what}" for what, number in counts.items())


def size_of(site: Site) -> int:
    """How many entries there are now."""
    installation = site.installation()
    with installation.database.reading() as conn:
        size = log.log_size(conn, installation.ledger(LEDGER).id)
    installation.close()
    return size


def _published(installation: Installation, ledger: OpenLedger) -> list[bytes]:
    size = ledger.publisher.publish()
    with installation.database.reading() as conn:
        query = select(t.entry.c.seq, t.entry.c.raw).where(t.entry.c.ledger_id == ledger.id)
        rows = conn.execute(query.order_by(t.entry.c.seq)).all()
    assert [row.seq for row in rows] == list(range(size))
    return [bytes(row.raw) for row in rows]


def _stored_notes(installation: Installation, ledger_id: int) -> set[bytes]:
    with installation.database.reading() as conn:
        query = select(t.checkpoint.c.note).where(t.checkpoint.c.ledger_id == ledger_id)
        rows = conn.execute(query).scalars().all()
    notes = {bytes(note) for note in rows}
    assert len(rows) == len(notes) > 0
    return notes


def _keys(ledger: OpenLedger) -> tuple[Verifier, ...]:
    """The log's keys, of all generations."""
    return parse_keys(v for each in ledger.keys.generations for v in ledger.keys.vkeys(each))
