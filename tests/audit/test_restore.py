"""A database from an old backup is rolled forward, or one sentence says why not."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from ledger.audit.bundle import write_bundle
from ledger.audit.database import verify_database
from ledger.audit.faults import BundleFault, RestoreFault
from ledger.audit.restore import Place, Restored, origin_in, restore_bundle
from ledger.db import Database, open_engine
from ledger.errors import LedgerStopped
from ledger.journal import commands as c
from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.append import Appender
from ledger.journal.bulk import write
from ledger.journal.entry import decode
from ledger.journal.highwater import read_high_water
from ledger.journal.keys import create_keys, load_keys
from ledger.journal.orders import Done, Group, Order
from ledger.journal.publish import Publisher
from ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from tests.audit.lived import Lived, bundle_of, entries_in, flipped, live, pack, unpack
from tests.backups import Backups, backups
from tests.conftest import DIALECTS
from tests.journal.live import CHEAP, ORIGIN, START
from tests.postgres import fresh_database

GRANTS = 300
NOT_IN_BUNDLES = {
    "request": {"fingerprint", "at"},
    "checkpoint": {"at"},
}
"""What of a row that is put back is not as it was, or only to the second."""


@dataclass
class Story:
    """A ledger that lived two days, its bundle, and the backup of the first evening."""

    lived: Lived
    bundle: Path
    old: Database
    high_water: Path
    empty: Database

    @property
    def place(self) -> Place:
        return Place(self.old, "beiyuan", self.lived.keys, self.high_water)

    @property
    def publisher(self) -> Publisher:
        counter = self.lived.counter
        return Publisher(self.old, counter.id, counter.keys, counter.clock, self.high_water)

    @property
    def appender(self) -> Appender:
        counter = self.lived.counter
        return Appender(self.old, counter.id, ORIGIN, counter.clock, guard=self.publisher.guard)

    def restore(self, bundle: Path | None = None, **options: Any) -> Restored:
        return restore_bundle(self.place, bundle or self.bundle, **options)


@pytest.fixture
def kept() -> Iterator[Backups]:
    with backups() as stack:
        yield stack


@pytest.fixture(scope="session", params=DIALECTS)
def past(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    migrated_sqlite: Path,
    postgres_url: str,
    migrated_postgres: str,
) -> Iterator[Story]:
    """What happened, on each database in turn; only to be copied."""
    folder = tmp_path_factory.mktemp("past")
    olds: list[Database] = []
    with ExitStack() as stack:
        if request.param == "sqlite":
            shutil.copy(migrated_sqlite, folder / "points.db")
            url = f"sqlite:///{folder / 'points.db'}"
        else:
            name = f"points_{uuid.uuid4().hex}"
            url = stack.enter_context(fresh_database(postgres_url, name, migrated_postgres))
        database = open_engine(url)
        stack.callback(database.close)
        kept = stack.enter_context(backups())
        empty = kept.copy(database)
        lived = live(database, folder, GRANTS, lambda: olds.append(kept.copy(database)))
        write_bundle(*lived.where, folder / "beiyuan.zip")
        yield Story(lived, folder / "beiyuan.zip", olds[0], folder / "high-water", empty)


@pytest.fixture
def story(past: Story, tmp_path: Path, kept: Backups) -> Story:
    """The database was lost on the second day; the backup of the first evening is put back."""
    high_water = tmp_path / "high-water"
    shutil.copy(past.high_water, high_water)
    copied = {"old": kept.copy(past.old), "empty": kept.copy(past.empty)}
    return replace(past, high_water=high_water, **copied)


def rows(database: Database, table: Any) -> list[dict[str, Any]]:
    """The rows of a table in order, without what is not in a bundle."""
    dropped = NOT_IN_BUNDLES.get(table.name, set())
    with database.reading() as conn:
        found = conn.execute(select(table).order_by(*table.primary_key)).mappings().all()
    if table is t.run:
        return [{"type": row["type"], "seq": seq} for row in found for seq in _seqs(row)]
    return [{name: row[name] for name in row if name not in dropped} for row in found]


def _seqs(run: Mapping[str, Any]) -> range:
    """The entries of a run: where runs are cut depends on the transactions that wrote them."""
    return range(run["first"], run["last"] + 1)


def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    return {name: rows(database, table) for name, table in t.metadata.tables.items()}


def want_as_it_was(story: Story, database: Database | None = None) -> None:
    """Compares every table with what it was before the loss, row by row."""
    before, after = everything(story.lived.counter.database), everything(database or story.old)
    published = after.pop("checkpoint")
    kept = before.pop("checkpoint")
    assert {name: after[name] for name in before} == before
    # A bundle holds one checkpoint a day at least, and the newest.
    assert [row for row in kept if row in published] == published
    assert published[-1] == kept[-1]


def test_an_old_backup_is_stopped_and_rolled_forward_byte_for_byte(story: Story) -> None:
    # Given an old backup that was put back, in which only a part is published
    with pytest.raises(LedgerStopped, match="roll it forward with `points restore`"):
        story.publisher.publish()
    with story.old.reading() as conn:
        before = log.log_size(conn, story.lived.counter.id)
        newest = log.latest_checkpoint(conn, story.lived.counter.id)
    assert newest is not None
    assert newest.size < before < story.lived.published[-1]
    # When it is restored from the bundle
    told: list[tuple[int, int]] = []
    done = story.restore(entering=lambda *step: told.append(step))
    # Then every table is as it was, row by row, and follows from the entries
    assert (done.origin, done.size, done.before) == (ORIGIN, story.lived.published[-1], before)
    assert told[-1] == (done.size, done.size)
    want_as_it_was(story)
    keys = [signer.verifier for signer in story.lived.keys.signers(1)]
    assert verify_database(story.old, story.lived.counter.id, ORIGIN, keys) == []
    # And an export is the same file again
    again = story.high_water.with_name("again.zip")
    write_bundle(story.old, story.lived.counter.id, ORIGIN, again)
    assert again.read_bytes() == story.bundle.read_bytes()


def test_a_restored_ledger_takes_commands_and_gives_old_keys_their_old_answers(
    story: Story,
) -> None:
    # Given a ledger that was restored
    counter = story.lived.counter
    done = story.restore()
    # When every request that the log knows is sent again, whatever it asked
    appender = story.appender
    with story.old.reading() as conn:
        entries = [decode(raw) for raw in log.raw_entries(conn, counter.id, 0, done.size)]
    known = [entry for entry in entries if "request" in entry]
    orders = [Order(command=counter.credit(counter.budget), request=e["request"]) for e in known]
    outcomes = appender.submit(Group(tuple(orders), atomic=False))
    # Then each gets the entry that it made
    assert len(known) == GRANTS + 3
    assert outcomes == [Done(e["seq"], e["seq"], replayed=True) for e in known]
    # And something new is entered and published
    (opened,) = appender.submit(Group((Order(command=counter.credit(_member(entries))),)))
    assert isinstance(opened, Done)
    assert story.publisher.publish() == opened.last + 1


def test_a_key_that_was_refused_by_the_backup_and_used_since_has_its_entry(story: Story) -> None:
    # Given a backup that remembers a refusal, which was forgotten before the key was used again
    counter = story.lived.counter
    with story.old.writing() as conn:
        size = log.log_size(conn, counter.id)
        used = next(row for row in counter.rows(t.request) if row.last and row.last >= size)
        refusal = (used.request, None, None, None, "funds", "too few points", used.at)
        write(conn, t.request, counter.id, [refusal], "insert")
    # When it is restored, then the key has the entry that the log knows
    story.restore()
    want_as_it_was(story)


def _member(entries: list[Any]) -> str:
    opened = [e["account"] for e in entries if e["type"] == "open"]
    return next(name for name in reversed(opened) if name.startswith("member/"))


def test_an_answer_covers_the_due_work_that_came_with_it(
    database: Database, tmp_path: Path, kept: Backups
) -> None:
    # Given points that were due when a request came, so that its answer has two entries
    empty = kept.copy(database)
    lived = live(database, tmp_path, 1)
    counter = lived.counter
    member = counter.open()
    counter.enter(counter.credit(member, 5, valid_until="2026-11-25"))
    old = kept.copy(database)
    counter.clock.wait(days=3)
    order = counter.order(counter.credit(member, 7), "after three days")
    (answer,) = counter.submit(order)
    assert answer.last == answer.first + 1  # type: ignore[union-attr]
    lived.publisher.publish()
    bundle = tmp_path / "beiyuan.zip"
    write_bundle(*lived.where, bundle)
    # When the backup from before is restored
    story = Story(lived, bundle, old, tmp_path / "high-water", empty)
    story.restore()
    # Then the key gets both entries again
    (again,) = story.appender.submit(Group((order,)))
    assert again == Done(answer.first, answer.last, replayed=True)  # type: ignore[union-attr]
    want_as_it_was(story)


def test_a_migrated_database_without_the_ledger_takes_all_of_it(story: Story) -> None:
    # Given that only bundle, keys and high-water file are left
    assert origin_in(story.bundle) == ORIGIN
    # When the ledger is restored into a database that has tables and nothing else
    done = restore_bundle(story.place._replace(database=story.empty), story.bundle)
    # Then it is what it was
    assert (done.before, done.size) == (0, story.lived.published[-1])
    want_as_it_was(story, story.empty)
    assert verify_database(story.empty, story.lived.counter.id, ORIGIN) == []


def test_what_a_hold_keeps_beside_the_log_stays(story: Story) -> None:
    # Given holds in the backup that know whom to tell when they close
    told = '["redemption","red"]'
    with story.old.writing() as conn:
        conn.execute(update(t.hold).values(companion=told))
        held = conn.execute(select(t.hold.c.seq)).scalars().all()
    # When the database is restored, and one of them has closed meanwhile
    story.restore()
    # Then they still know
    closed = [row["seq"] for row in rows(story.old, t.hold) if row["lots"] == "[]"]
    assert set(closed) & set(held)
    assert {row["companion"] for row in rows(story.old, t.hold) if row["seq"] in held} == {told}


class Killed(Exception):
    """The process ended here."""


def test_cut_short_it_lets_nobody_in_and_goes_on_where_it_was(story: Story) -> None:
    counter = story.lived.counter

    # Given a restore that is killed after its first transaction
    def kill(done: int, size: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        story.restore(entering=kill)
    with story.old.reading() as conn:
        reached = log.log_size(conn, counter.id)
    assert reached == 256
    # When somebody wants to enter something on top of the half, then the ledger is stopped
    with pytest.raises(LedgerStopped, match="points restore"):
        story.appender.submit(Group((Order(command=counter.credit(counter.new("member"))),)))
    # When it is called again, then it goes on from there to the end
    assert story.restore().before == reached
    want_as_it_was(story)
    # And again, then there is nothing more to do
    done = story.restore()
    assert done.before == done.size
    want_as_it_was(story)


def test_without_a_high_water_file_the_newest_checkpoint_takes_its_place(story: Story) -> None:
    # Given that the high-water file is lost too
    mark = story.high_water.read_bytes()
    story.high_water.unlink()
    with pytest.raises(RestoreFault, match=r"name the newest checkpoint .* with --checkpoint"):
        story.restore()
    # When an auditor gives the newest checkpoint that was published
    with story.lived.counter.database.reading() as conn:
        newest = log.latest_checkpoint(conn, story.lived.counter.id)
    assert newest is not None
    story.restore(newest=newest.note)
    # Then it is restored, and the file is there again
    want_as_it_was(story)
    assert story.high_water.read_bytes() == mark


# --- what is refused ------------------------------------------------------------------------------


@contextmanager
def refused(story: Story, fault: type[Exception], sentence: str) -> Iterator[None]:
    """Wants the sentence, and neither database nor high-water file changed."""
    high_water = story.high_water.read_bytes() if story.high_water.exists() else None
    before = everything(story.old)
    with pytest.raises(fault, match=sentence):
        yield
    assert everything(story.old) == before
    assert (story.high_water.read_bytes() if story.high_water.exists() else None) == high_water


def entered_elsewhere(story: Story) -> int:
    """Somebody enters what the bundle does not know into the old backup; its `seq`."""
    counter = story.lived.counter
    unguarded = Appender(story.old, counter.id, ORIGIN, counter.clock)
    opening = c.Statement(
        kind="open", actor=counter.office, fields={"account": counter.new("member")}
    )
    (done,) = unguarded.submit(Group((Order(command=opening),)))
    assert isinstance(done, Done)
    return done.first


def shorter(story: Story) -> Path:
    """The bundle that ended one checkpoint earlier, signed as well."""
    files = unpack(story.bundle)
    *_, size, _ = story.lived.published
    keys = story.lived.keys
    entries = entries_in(files)[:size]
    signing = lambda _: (*keys.signers(1), *keys.signers(2))  # noqa: E731
    made = bundle_of(entries, signing, vkeys=(*keys.vkeys(1), *keys.vkeys(2)))
    return pack(made, story.high_water.with_name("shorter.zip"))


def test_a_database_that_never_was_the_logs_beginning_is_refused_by_its_entry(
    story: Story,
) -> None:
    seq = entered_elsewhere(story)
    with refused(story, RestoreFault, f"Entry {seq} in the database is not the bundle's"):
        story.restore()


def test_a_bundle_that_ends_before_what_was_signed_is_refused(story: Story) -> None:
    bundle = shorter(story)
    sentence = f"ends after .* head of {story.lived.published[-1]} was signed. Get a newer bundle"
    with refused(story, RestoreFault, sentence):
        story.restore(bundle)
    # And it is, where only the caller's checkpoint says so
    story.high_water.unlink()
    with story.lived.counter.database.reading() as conn:
        newest = log.latest_checkpoint(conn, story.lived.counter.id)
    assert newest is not None
    with refused(story, RestoreFault, "the checkpoint that you gave says"):
        story.restore(bundle, newest=newest.note)


def test_a_bundle_with_another_root_than_the_one_that_was_signed_is_refused(story: Story) -> None:
    mark = read_high_water(story.high_water, ORIGIN)
    assert mark is not None
    story.high_water.write_bytes(replace(mark, root=flipped(mark.root, 0)).encode())
    with refused(story, RestoreFault, "they contradict each other. Nothing was changed"):
        story.restore()


def test_a_bundle_of_another_log_is_refused(story: Story) -> None:
    with story.old.writing() as conn:
        conn.execute(update(t.ledger).values(origin="points.example.org/log/elsewhere"))
    with refused(story, RestoreFault, "the ledger beiyuan here is points.example.org/log/else"):
        story.restore()


def test_a_bundle_that_does_not_verify_is_refused(story: Story) -> None:
    files = unpack(story.bundle)
    files["tile/entries/000"] = flipped(files["tile/entries/000"], 50)
    damaged = pack(files, story.high_water.with_name("damaged.zip"))
    with refused(story, BundleFault, "entry 0 in tile/entries/000"):
        story.restore(damaged)


def test_a_bundle_that_other_keys_signed_is_refused(story: Story, tmp_path: Path) -> None:
    create_keys(tmp_path / "other", ORIGIN, b"another", cost=CHEAP)
    other = load_keys(tmp_path / "other", ORIGIN, b"another")
    place = story.place._replace(keys=other)
    with refused(story, BundleFault, "signed by a key that you trust"):
        restore_bundle(place, story.bundle)
    # And it is, where the caller's keys vouch for it but those that would sign are not here
    own = [signer.verifier for signer in story.lived.keys.signers(1)]
    with refused(story, RestoreFault, "are not in the key directory"):
        restore_bundle(place, story.bundle, trusted=own)


def test_a_checkpoint_of_no_use_is_refused(story: Story, tmp_path: Path) -> None:
    create_keys(tmp_path / "other", ORIGIN, b"another", cost=CHEAP)
    other = load_keys(tmp_path / "other", ORIGIN, b"another")
    head = Checkpoint(ORIGIN, 5, bytes(32))
    note = sign_checkpoint(head, other.signers(1), int(START.timestamp()))
    with refused(story, RestoreFault, "The checkpoint that you gave is none of"):
        story.restore(newest=note)


def test_a_backup_whose_head_row_is_wrong_is_refused(story: Story) -> None:
    with story.old.writing() as conn:
        edge = bytes(conn.execute(select(t.head.c.edge)).scalar_one())
        conn.execute(update(t.head).values(edge=flipped(edge, 0)))
    with refused(story, RestoreFault, "the backup itself is damaged"):
        story.restore()
