"""Publishing: heads are signed once they are in the high-water file, and never against it."""

from __future__ import annotations

import resource
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from ledger.db import Database
from ledger.errors import DatabaseBusy, LedgerStopped, NotPublished
from ledger.journal import log, publish, triggers
from ledger.journal import tables as t
from ledger.journal.commands import Statement
from ledger.journal.entry import decode, to_base64
from ledger.journal.highwater import read_high_water, write_high_water
from ledger.journal.keys import add_generation, load_keys
from ledger.journal.orders import Group, Order, Refusal
from ledger.journal.publish import Publisher
from ledger.tlog.checkpoint import Checkpoint, open_checkpoint
from ledger.tlog.merkle import check_consistency, leaf_hash, root_of
from ledger.tlog.note import parse_vkey
from ledger.tlog.proof import check_proof, parse_proof
from ledger.tlog.tiles import Tile, tiles_of
from tests.journal.live import CHEAP, ORIGIN, PASSPHRASE, Counter, copy_keys


@pytest.fixture
def counter(database: Database) -> Counter:
    return Counter(database)


@pytest.fixture
def publisher(counter: Counter, tmp_path: Path) -> Publisher:
    return counter.publisher(tmp_path / "high-water")


def verifiers(counter: Counter, generation: int = 1) -> list[Any]:
    return [parse_vkey(vkey) for vkey in counter.keys.vkeys(generation)]


def test_a_published_head_is_signed_by_both_keys_over_the_entries_bytes(
    counter: Counter, publisher: Publisher
) -> None:
    size = publisher.publish()

    (stored,) = counter.rows(t.checkpoint)
    head, note = open_checkpoint(bytes(stored.note), verifiers(counter))
    leaves = [leaf_hash(bytes(row.raw)) for row in counter.rows(t.entry)]
    assert (size, head) == (5, Checkpoint(ORIGIN, 5, root_of(leaves)))
    assert [each.timestamp for each in note.signatures] == [
        None,
        int(counter.clock.time.timestamp()),
    ]


def test_nothing_is_published_twice(counter: Counter, publisher: Publisher) -> None:
    assert [publisher.publish(), publisher.publish()] == [5, 5]
    assert len(counter.rows(t.checkpoint)) == 1


def test_heads_that_follow_are_consistent(counter: Counter, publisher: Publisher) -> None:
    publisher.publish()
    member = counter.open()
    counter.enter(*(counter.credit(member) for _ in range(300)))
    publisher.publish()

    first, second = (log.root_in(bytes(row.note)) for row in counter.rows(t.checkpoint))
    with counter.database.reading() as conn:
        proof = log.consistency(conn, counter.id, 5, 306)
    check_consistency(5, first, 306, second, proof)


def test_the_file_is_written_before_anything_is_signed(
    counter: Counter, publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def sign(head: Checkpoint, *_: Any) -> bytes:
        seen.append((head, read_high_water(tmp_path / "high-water", ORIGIN)))
        raise RuntimeError("the process dies here")

    with monkeypatch.context() as patched:
        patched.setattr(publish, "sign_checkpoint", sign)
        with pytest.raises(RuntimeError):
            publisher.publish()

    ((head, mark),) = seen
    assert mark == head
    assert counter.rows(t.checkpoint) == []
    # The file is ahead of the table now, which is normal: the next publisher goes on.
    member = counter.open()
    counter.enter(counter.credit(member))
    assert counter.publisher(tmp_path / "high-water").publish() == 7


def test_the_same_head_is_signed_after_a_crash_between_file_and_table(
    counter: Counter, publisher: Publisher, tmp_path: Path
) -> None:
    leaves = [leaf_hash(bytes(row.raw)) for row in counter.rows(t.entry)]
    write_high_water(tmp_path / "high-water", Checkpoint(ORIGIN, 5, root_of(leaves)))

    assert publisher.publish() == 5
    assert len(counter.rows(t.checkpoint)) == 1


# --- a database that contradicts what was signed -------------------------------------------------


def test_a_database_older_than_the_file_is_not_signed(
    counter: Counter, publisher: Publisher, tmp_path: Path
) -> None:
    write_high_water(tmp_path / "high-water", Checkpoint(ORIGIN, 9, bytes(32)))

    with pytest.raises(LedgerStopped, match="has 5 entries, but a head of 9 was signed"):
        publisher.publish()
    with counter.database.reading() as conn, pytest.raises(LedgerStopped):
        publisher.check(conn)
    assert counter.rows(t.checkpoint) == []


def test_a_rewritten_entry_is_not_signed(
    counter: Counter, publisher: Publisher, tmp_path: Path
) -> None:
    publisher.publish()
    member = counter.open()
    counter.enter(counter.credit(member, 10))
    (*_, credit) = counter.rows(t.entry)
    forged = bytes(credit.raw).replace(b'"amount":10,', b'"amount":90,')
    with counter.database.writing() as conn:
        triggers.drop(conn)
        conn.execute(update(t.entry).where(t.entry.c.seq == credit.seq).values(raw=forged))

    with pytest.raises(LedgerStopped, match="does not match the entries"):
        publisher.publish()
    assert len(counter.rows(t.checkpoint)) == 1


def test_a_consistent_forgery_of_what_was_signed_is_not_signed(
    counter: Counter, publisher: Publisher, tmp_path: Path
) -> None:
    """Entry, leaf and head row are rewritten together; only the file outside remembers."""
    publisher.publish()
    forged = bytes(counter.rows(t.entry)[4].raw).replace(b'"limit":1000000', b'"limit":9000000')
    leaves = [*(bytes(row.leaf) for row in counter.rows(t.entry)[:4]), leaf_hash(forged)]
    edge = leaves[4:]
    edge.insert(0, root_of(leaves[:4]))
    with counter.database.writing() as conn:
        triggers.drop(conn)
        fifth = t.entry.c.seq == 4
        conn.execute(update(t.entry).where(fifth).values(raw=forged, leaf=leaves[4]))
        conn.execute(update(t.head).values(edge=b"".join(edge)))
        conn.execute(update(t.publication).values(edge=b"".join(edge)))
    counter.open()

    with pytest.raises(LedgerStopped, match="root at size 5 is"):
        publisher.publish()
    with counter.database.reading() as conn, pytest.raises(LedgerStopped, match="rewritten"):
        publisher.check(conn)


def test_a_missing_file_stops_a_ledger_that_published(
    counter: Counter, publisher: Publisher, tmp_path: Path
) -> None:
    publisher.publish()
    (tmp_path / "high-water").unlink()
    counter.open()

    with pytest.raises(LedgerStopped, match="is missing, though 5 entries were published"):
        publisher.publish()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "damaged"),
        (b"\0\1\2", "damaged"),
        (b"points.example.org/log/beiyuan\n5\n", "damaged"),
        (Checkpoint("points.example.org/log/other", 5, bytes(32)).encode(), "is of"),
    ],
)
def test_a_damaged_or_foreign_file_stops_the_ledger(
    publisher: Publisher, tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "high-water").write_bytes(content)

    with pytest.raises(LedgerStopped, match=said):
        publisher.publish()


# --- keys ----------------------------------------------------------------------------------------


def rotate(counter: Counter, following: str, **fields: Any) -> None:
    counter.enter(
        Statement(
            kind="key",
            actor=counter.office,
            approver=counter.second,
            fields={"vkeys": list(counter.keys.vkeys(2)), "next": following, **fields},
        )
    )


def test_the_first_head_over_a_key_entry_bears_old_and_new_keys(
    database: Database, tmp_path: Path
) -> None:
    directory = copy_keys(tmp_path / "keys")
    add_generation(directory, PASSPHRASE, cost=CHEAP)
    counter = Counter(database, keys=load_keys(directory, ORIGIN, PASSPHRASE))
    publisher = counter.publisher(tmp_path / "high-water")
    publisher.publish()
    rotate(counter, counter.keys.vkeys_hash(3))
    publisher.publish()
    counter.open()
    publisher.publish()

    old, new = verifiers(counter, 1), verifiers(counter, 2)
    signed = []
    for row in counter.rows(t.checkpoint):
        _, note = open_checkpoint(bytes(row.note), [*old, *new])
        ids = {each.key_id for each in note.signatures}
        signed.append([ids >= {v.key_id for v in keys} for keys in (old, new)])
    assert signed == [[True, False], [True, True], [False, True]]


def test_revoked_keys_sign_nothing_more(database: Database, tmp_path: Path) -> None:
    directory = copy_keys(tmp_path / "keys")
    add_generation(directory, PASSPHRASE, cost=CHEAP)
    counter = Counter(database, keys=load_keys(directory, ORIGIN, PASSPHRASE))
    publisher = counter.publisher(tmp_path / "high-water")
    publisher.publish()
    root = log.root_in(bytes(counter.rows(t.checkpoint)[0].note))
    rotate(counter, counter.keys.vkeys_hash(3), revoked={"root": to_base64(root), "size": 5})
    publisher.publish()

    _, note = open_checkpoint(
        bytes(counter.rows(t.checkpoint)[1].note), [*verifiers(counter, 1), *verifiers(counter, 2)]
    )
    assert {s.key_id for s in note.signatures} == {v.key_id for v in verifiers(counter, 2)}


# --- what is read from the published log ---------------------------------------------------------


def test_a_receipt_proves_an_entry_offline(counter: Counter, publisher: Publisher) -> None:
    member = counter.open()
    counter.enter(*(counter.credit(member) for _ in range(300)))
    publisher.publish()

    for seq in (0, 5, 255, 256, 305):
        with counter.database.reading() as conn:
            raw = log.receipt(conn, counter.id, seq).encode()
        proof = parse_proof(raw)
        assert proof.extra is not None
        head = check_proof(proof, leaf_hash(proof.extra), verifiers(counter))
        assert (head.origin, head.size) == (ORIGIN, 306)
        assert decode(proof.extra)["seq"] == proof.index == seq


def test_there_is_no_receipt_before_a_checkpoint(counter: Counter, publisher: Publisher) -> None:
    publisher.publish()
    counter.open()

    with counter.database.reading() as conn, pytest.raises(NotPublished):
        log.receipt(conn, counter.id, 5)


def test_tiles_are_read_from_leaves_and_subtrees(counter: Counter) -> None:
    member = counter.open()
    for _ in range(3):
        counter.enter(*(counter.credit(member) for _ in range(200)))
    leaves = [bytes(row.leaf) for row in counter.rows(t.entry)]

    with counter.database.reading() as conn:
        tiles = {tile: log.hash_tile(conn, counter.id, tile) for tile in tiles_of(len(leaves))}
        entries = log.entry_tile(conn, counter.id, Tile(None, 1))
        at_300 = log.edge_at(conn, counter.id, 300).root()

    assert tiles[Tile(0, 0)] == b"".join(leaves[:256])
    assert tiles[Tile(0, 2, 94)] == b"".join(leaves[512:])
    assert tiles[Tile(1, 0, 2)] == root_of(leaves[:256]) + root_of(leaves[256:512])
    assert entries.count(b'"type":"credit"') == 256
    assert at_300 == root_of(leaves[:300])


def test_the_thread_publishes_what_others_wait_for(counter: Counter, publisher: Publisher) -> None:
    publisher.start()
    try:
        counter.open()
        assert publisher.wait_for(6, seconds=30)
    finally:
        publisher.stop()
    assert counter.rows(t.checkpoint)[-1].size == 6


# --- a stopped ledger takes nothing ---------------------------------------------------------------


def test_a_ledger_that_was_restored_from_an_old_backup_takes_no_command(
    counter: Counter, tmp_path: Path
) -> None:
    publisher = counter.publisher(tmp_path / "high-water")
    guarded = counter.new_appender(guard=publisher.guard)
    publisher.publish()
    order = Order(command=counter.credit(counter.open()))
    write_high_water(tmp_path / "high-water", Checkpoint(ORIGIN, 9, bytes(32)))
    before = counter.everything()

    for _ in range(5):
        with pytest.raises(LedgerStopped, match="has 6 entries, but a head of 9 was signed"):
            guarded.submit(Group((order,)))

    assert counter.everything() == before


def test_a_ledger_whose_history_was_rewritten_takes_no_command(
    counter: Counter, tmp_path: Path
) -> None:
    publisher = counter.publisher(tmp_path / "high-water")
    guarded = counter.new_appender(guard=publisher.guard)
    write_high_water(tmp_path / "high-water", Checkpoint(ORIGIN, 3, bytes(32)))
    publisher.look()

    with pytest.raises(LedgerStopped, match="rewritten"):
        guarded.submit(Group((Order(command=counter.credit(counter.budget)),)))


def test_a_ledger_that_is_put_right_takes_commands_again(counter: Counter, tmp_path: Path) -> None:
    file = tmp_path / "high-water"
    publisher = counter.publisher(file)
    guarded = counter.new_appender(guard=publisher.guard)
    publisher.publish()
    right = file.read_bytes()
    file.write_bytes(b"damaged")
    member = counter.open()
    with pytest.raises(LedgerStopped):
        publisher.publish()
    with pytest.raises(LedgerStopped):
        guarded.submit(Group((Order(command=counter.credit(member)),)))

    file.write_bytes(right)
    publisher.publish()
    guarded.submit(Group((Order(command=counter.credit(member)),)))

    assert counter.balance(member) == 10


def test_the_file_never_goes_back(tmp_path: Path) -> None:
    file = tmp_path / "high-water"
    write_high_water(file, Checkpoint(ORIGIN, 10, bytes(32)))

    with pytest.raises(DatabaseBusy, match="published more meanwhile"):
        write_high_water(file, Checkpoint(ORIGIN, 7, bytes(32)))
    with pytest.raises(LedgerStopped, match="Another root of size 10"):
        write_high_water(file, Checkpoint(ORIGIN, 10, bytes([1] * 32)))

    mark = read_high_water(file, ORIGIN)
    assert mark is not None
    assert mark.size == 10


def test_a_disk_that_takes_half_of_the_file_leaves_it_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "high-water"
    mark = Checkpoint(ORIGIN, 7, bytes(32))
    write_high_water(path, mark)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        with pytest.raises(LedgerStopped, match="cannot be written"):
            write_high_water(path, Checkpoint(ORIGIN, 8, bytes(32)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert read_high_water(path, ORIGIN) == mark


def test_a_file_that_is_behind_what_was_published_is_brought_forward(
    counter: Counter, tmp_path: Path
) -> None:
    file = tmp_path / "high-water"
    publisher = counter.publisher(file)
    publisher.publish()
    old = file.read_bytes()
    counter.open()
    publisher.publish()
    file.write_bytes(old)

    publisher.publish()

    mark = read_high_water(file, ORIGIN)
    assert mark is not None
    assert mark.size == 6


def test_the_thread_outlives_what_nobody_foresaw(
    counter: Counter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = counter.publisher(tmp_path / "high-water")
    met = threading.Event()

    def broken(*_: Any) -> None:
        met.set()
        raise ValueError("nobody foresaw this")

    monkeypatch.setattr(publisher, "publish", broken)
    publisher.start()
    try:
        publisher.wake()
        assert met.wait(30)
        monkeypatch.undo()
        counter.open()
        assert publisher.wait_for(6, seconds=30)
    finally:
        publisher.stop()


def test_stopping_publishes_what_came_last_and_starting_twice_starts_once(
    counter: Counter, tmp_path: Path
) -> None:
    publisher = counter.publisher(tmp_path / "high-water")
    before = threading.active_count()
    publisher.start()
    publisher.start()
    assert threading.active_count() == before + 1

    counter.open()
    publisher.stop()

    assert counter.rows(t.checkpoint)[-1].size == 6
    assert threading.active_count() == before


def test_a_revocation_names_a_head_that_was(database: Database, tmp_path: Path) -> None:
    counter = Counter(database)
    command = Statement(
        kind="key",
        actor=counter.office,
        approver=counter.second,
        fields={
            "vkeys": list(counter.keys.vkeys(2)),
            "next": to_base64(bytes(32)),
            "revoked": {"root": to_base64(bytes(32)), "size": 5},
        },
    )
    before = counter.rows(t.entry)

    (outcome,) = counter.submit(Order(command=command))

    assert isinstance(outcome, Refusal)
    assert outcome.rule == "keys"
    assert counter.rows(t.entry) == before
