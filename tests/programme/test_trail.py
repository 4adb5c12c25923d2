"""The audit trail: lines in a tree whose root is in the log."""

from __future__ import annotations

import base64
import hashlib
import threading
import tracemalloc

import pytest
from sqlalchemy import Connection, delete, select, text, update
from sqlalchemy.exc import IntegrityError

from ledger.db import Database
from ledger.journal import log, triggers
from ledger.journal.entry import decode, to_base64
from ledger.programme import trail
from ledger.programme.tables import trail as table
from ledger.programme.tables import trail_head, trail_root
from ledger.programme.trail import (
    Line,
    TrailUnproven,
    bind,
    list_lines,
    prove_line,
    trail_faults,
    write_lines,
)
from ledger.programme.trailing import Trail
from ledger.tlog.merkle import check_inclusion, leaf_hash
from tests.programme.registry import Registry, fresh
from tests.statements import statements


def line(at: int = 0, **changes: str) -> Line:
    given = {
        "at": f"2026-11-24T02:03:04.{at:06}Z",
        "actor": "person/" + "a" * 26,
        "action": "grants:write",
        "subject": "person/" + "b" * 25 + "a",
        "outcome": "done",
    }
    return Line(**(given | changes))


def wrote(registry: Registry, count: int, first: int = 0) -> None:
    write_lines(registry.database, registry.ledger.id, [line(first + at) for at in range(count)])


def faults(registry: Registry) -> list[str]:
    with registry.database.reading() as conn:
        return trail_faults(conn, registry.ledger)


def test_a_line_is_canonical_and_leaves_out_what_it_does_not_say() -> None:
    assert line().encode() == (
        b'{"action":"grants:write","actor":"person/aaaaaaaaaaaaaaaaaaaaaaaaaa",'
        b'"at":"2026-11-24T02:03:04.000000Z","outcome":"done",'
        b'"subject":"person/bbbbbbbbbbbbbbbbbbbbbbbbba"}'
    )
    assert b'"commitment":"x"' in line(commitment="x").encode()


def test_lines_are_found_by_who_what_and_about_whom(registry: Registry) -> None:
    # given lines of two people about two others
    lines = [
        line(0),
        line(1, actor="person/c"),
        line(2, subject="person/d", outcome="denied"),
        line(3, action="tokens:write"),
    ]
    write_lines(registry.database, registry.ledger.id, lines)

    def found(**wanted: object) -> list[int]:
        with registry.database.reading() as conn:
            kept = list_lines(conn, registry.ledger.id, limit=10, **wanted)  # type: ignore[arg-type]
        return [each.seq for each in kept]

    assert found() == [3, 2, 1, 0]
    assert found(before=2) == [1, 0]
    assert found(actor="person/c") == [1]
    assert found(subject="person/d") == [2]
    assert found(action="tokens:write") == [3]
    assert found(action="tokens:write", actor="person/c") == []


def test_the_number_of_statements_does_not_grow_with_the_lines(registry: Registry) -> None:
    counts = []
    wrote(registry, 1)
    for count in (1, 100):
        with statements(registry.database) as sent:
            wrote(registry, count)
        counts.append(len(sent))

    assert counts[0] == counts[1]


def test_its_root_goes_into_the_log_when_it_grew_and_once(registry: Registry) -> None:
    # given no lines, then some
    assert bind(registry.database, registry.ledger) is None
    wrote(registry, 5)

    seq = bind(registry.database, registry.ledger)

    # then the log has the root over these, and again only after more
    assert seq is not None
    with registry.database.reading() as conn:
        (raw,) = log.raw_entries(conn, registry.ledger.id, seq, seq + 1)
        leaves = conn.execute(select(table.c.leaf).order_by(table.c.seq)).scalars()
        root = _root([bytes(leaf) for leaf in leaves])
    entry = decode(raw)
    assert (entry["type"], entry["ref"]["commitment"]) == ("record", to_base64(root))
    assert entry["ref"]["id"].startswith("trail/")
    assert "actor" not in entry
    assert bind(registry.database, registry.ledger) is None
    wrote(registry, 1)
    assert bind(registry.database, registry.ledger) == seq + 1
    assert faults(registry) == []


def _root(leaves: list[bytes]) -> bytes:
    """By the definition of RFC 6962 section 2.1, in another way than the code's."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    pair = _root(leaves[:split]) + _root(leaves[split:])
    return hashlib.sha256(b"\x01" + pair).digest()


@pytest.mark.parametrize(
    ("count", "at_once"), [(1, 4_096), (2, 4_096), (7, 3), (8, 4), (300, 4_096), (300, 7)]
)
def test_each_line_is_proven_by_the_log(
    registry: Registry, count: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "LINES_PER_READ", at_once)
    wrote(registry, count)
    bind(registry.database, registry.ledger)
    wrote(registry, 3, first=count)

    with registry.database.reading() as conn:
        for seq in {0, count // 2, count - 1}:
            proof = prove_line(conn, registry.ledger.id, seq)
            (raw,) = log.raw_entries(conn, registry.ledger.id, proof.entry, proof.entry + 1)
            root = decode(raw)["ref"]["commitment"]
            assert proof.raw == line(seq).encode()
            check_inclusion(
                leaf_hash(proof.raw), seq, proof.size, proof.path, base64.b64decode(root)
            )
        with pytest.raises(TrailUnproven, match="in an hour"):
            prove_line(conn, registry.ledger.id, count)


def test_a_proof_takes_no_more_memory_for_more_lines(
    sqlite_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a trail that is read some lines at a time
    monkeypatch.setattr(trail, "LINES_PER_READ", 100)
    registry = sqlite_registry

    def takes(lines: int) -> int:
        """The memory that proving the first line takes at the most, after so many more."""
        wrote(registry, lines)
        bind(registry.database, registry.ledger)
        with registry.database.reading() as conn:
            tracemalloc.start()
            try:
                prove_line(conn, registry.ledger.id, 0)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    takes(500)  # what a process keeps from the first time on
    few = takes(500)
    many = takes(19_000)

    assert many - few < 400_000


# --- what was tampered with ----------------------------------------------------------------------


def _rewritten(conn: Connection) -> None:
    forged = line(2, actor="person/" + "z" * 26)
    raw = forged.encode()
    values = {"raw": raw, "leaf": leaf_hash(raw), "actor": forged.actor}
    conn.execute(update(table).where(table.c.seq == 2).values(**values))


def _cut(conn: Connection) -> None:
    conn.execute(delete(table).where(table.c.seq >= 3))


DAMAGES = {
    "a line rewritten with its hash": (_rewritten, "another root than is kept"),
    "a hash": (
        lambda conn: conn.execute(update(table).where(table.c.seq == 1).values(leaf=bytes(32))),
        "another hash than is kept",
    ),
    "a word that it is found by": (
        lambda conn: conn.execute(update(table).where(table.c.seq == 1).values(subject="org/x")),
        "found by other words",
    ),
    "a line that is no JSON": (
        lambda conn: conn.execute(update(table).where(table.c.seq == 1).values(raw=b"{")),
        "line 1 of the trail is none",
    ),
    "a line that is no object": (
        lambda conn: conn.execute(update(table).where(table.c.seq == 1).values(raw=b"[]")),
        "line 1 of the trail is none",
    ),
    "a line left out": (
        lambda conn: conn.execute(delete(table).where(table.c.seq == 1)),
        "line 1 of the trail is missing",
    ),
    "the last lines cut off": (_cut, "the trail lacks lines"),
    "the head": (
        lambda conn: conn.execute(update(trail_head).values(size=4, edge=bytes(32))),
        "the trail's head says 4 lines, and it has 5",
    ),
    "the head's hashes": (
        lambda conn: conn.execute(update(trail_head).values(edge=bytes(64))),
        "the trail's head has other hashes than its 5 lines",
    ),
    "the head's length": (
        lambda conn: conn.execute(update(trail_head).values(edge=bytes(3))),
        "the trail's head has other hashes than its 5 lines",
    ),
    "the kept root": (
        lambda conn: conn.execute(update(trail_root).values(root=bytes(32))),
        "another root",
    ),
    "the kept roots": (lambda conn: conn.execute(delete(trail_root)), "that is not kept"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_each_change_behind_its_back_is_named(registry: Registry, name: str) -> None:
    damage, wanted = DAMAGES[name]
    wrote(registry, 5)
    bind(registry.database, registry.ledger)
    assert faults(registry) == []
    with registry.database.writing() as conn:
        triggers.drop(conn, ("trail",))
        damage(conn)

    assert any(wanted in fault for fault in faults(registry)), faults(registry)


def test_a_forged_trail_with_all_of_its_own_differs_from_the_log(registry: Registry) -> None:
    # given a trail that somebody wrote anew as a whole, its head and root included
    wrote(registry, 3)
    seq = bind(registry.database, registry.ledger)
    with registry.database.writing() as conn:
        triggers.drop(conn, ("trail",))
        for each in (table, trail_head):
            conn.execute(delete(each))
    forged = [line(at, actor="person/" + "z" * 26) for at in range(3)]
    write_lines(registry.database, registry.ledger.id, forged)
    with registry.database.writing() as conn:
        leaves = [leaf_hash(each.encode()) for each in forged]
        conn.execute(update(trail_root).values(root=_root(leaves)))

    assert faults(registry) == [f"entry {seq} has another root of the trail than is kept"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trail SET actor = 'person/x'",
        "DELETE FROM trail",
        "INSERT INTO trail SELECT ledger_id, 7, raw, leaf, 'a', 'b', 'c' FROM trail WHERE seq = 0",
    ],
)
def test_the_database_refuses_to_change_a_line(registry: Registry, statement: str) -> None:
    wrote(registry, 2)

    with pytest.raises(IntegrityError, match="append-only"), registry.database.writing() as conn:
        conn.execute(text(statement))

    assert faults(registry) == []


# --- the thread ----------------------------------------------------------------------------------


def test_lines_of_many_threads_are_each_written_once_and_in_each_ones_order(
    registry: Registry,
) -> None:
    trail, people = Trail(registry.installation), [fresh("person") for _ in range(4)]

    def work(person: str) -> None:
        for at in range(50):
            trail.note(registry.ledger.id, line(at, actor=person))

    threads = [threading.Thread(target=work, args=(person,)) for person in people]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    trail.close()

    with registry.database.reading() as conn:
        for person in people:
            kept = list_lines(conn, registry.ledger.id, actor=person, limit=200)
            assert [each.line["at"] for each in kept] == [line(at).at for at in range(50)][::-1]
    assert faults(registry) == []


def test_lines_wait_until_they_can_be_written(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a database that takes nothing for a while
    trail, down = Trail(registry.installation), True
    writing = Database.writing

    def refuse(self: Database) -> object:
        if down:
            raise RuntimeError("the database is away")
        return writing(self)

    monkeypatch.setattr(Database, "writing", refuse)
    trail.note(registry.ledger.id, line(1))
    with pytest.raises(RuntimeError, match="away"):
        trail.flush()

    # when it is back
    down = False
    trail.close()

    with registry.database.reading() as conn:
        assert [each.seq for each in list_lines(conn, registry.ledger.id, limit=5)] == [0]


def test_who_closes_it_leaves_nothing_unwritten_and_no_thread(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given lines that could not be written, so that the thread waits before it tries again
    trail, tried, down = Trail(registry.installation), threading.Event(), True
    writing = Database.writing

    def refuse(self: Database) -> object:
        tried.set()
        if down:
            raise RuntimeError("the database is away")
        return writing(self)

    monkeypatch.setattr(Database, "writing", refuse)
    for at in range(3):
        trail.note(registry.ledger.id, line(at))
    assert tried.wait(30)

    # when it is closed once they can be
    down = False
    trail.close()

    # then all are there, and nobody waits for more
    with registry.database.reading() as conn:
        kept = list_lines(conn, registry.ledger.id, limit=5)
    assert [each.line["at"] for each in kept] == [line(at).at for at in (2, 1, 0)]
    assert trail._thread is not None
    assert not trail._thread.is_alive()


def test_two_processes_write_one_trail(registry: Registry) -> None:
    other = registry.open()
    for at in range(10):
        database = (registry.installation, other)[at % 2].database
        write_lines(database, registry.ledger.id, [line(at)])
    other.close()

    assert faults(registry) == []
