"""Appending: groups, batches, keys that come twice, companions, and what happens when it fails."""

from __future__ import annotations

import threading
from collections import Counter as Counts
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, event, insert, text

from ledger.db import Database
from ledger.errors import AppendFailed, ClockFault, DatabaseBusy, DatabaseDown, QueueFull
from ledger.journal import tables as t
from ledger.journal.bulk import Lookup, write
from ledger.journal.commands import (
    Capture,
    Debit,
    Expire,
    PlaceHold,
    Release,
    Statement,
    StateOfAll,
)
from ledger.journal.entry import decode, to_base64
from ledger.journal.orders import (
    CREDENTIAL,
    Companion,
    Credentials,
    Done,
    Group,
    KeyReused,
    Order,
    Outcome,
    Refusal,
)
from ledger.tlog.merkle import CompactRange, leaf_hash, root_of
from tests.journal.live import Counter
from tests.statements import statements


@pytest.fixture
def counter(database: Database) -> Counter:
    return Counter(database)


def test_a_revocation_names_no_head_that_its_own_batch_would_make(counter: Counter) -> None:
    # Given a credit, and in the same batch a revocation that names the size with the credit in it
    member, (head,) = counter.open(), counter.rows(t.head)
    fields = {
        "next": to_base64(bytes(32)),
        "revoked": {"root": to_base64(bytes(32)), "size": head.size + 1},
        "vkeys": list(counter.keys.vkeys(2)),
    }
    revoking = Statement(kind="key", fields=fields, actor=counter.office, approver=counter.second)
    # When both are entered, then the root, which nobody can know, is not believed
    done, refusal = counter.submit(
        Order(command=counter.credit(member)), Order(command=revoking), atomic=False
    )
    assert isinstance(done, Done)
    assert refusal == Refusal("keys", "the last trusted size is beyond the log")


class Faulty:
    """An observer that fails at all that it is told."""

    def _fail(self, _: object) -> None:
        raise RuntimeError("no room to count")

    queued = appended = refused = _fail


def test_an_observer_that_fails_changes_nothing_of_what_is_entered(database: Database) -> None:
    # Given a ledger whose observer fails, when commands without and with a key are entered
    counter = Counter(database, observer=Faulty())
    member = counter.open()
    counter.enter(counter.credit(member, 25))
    keyed = counter.order(counter.credit(member, 5), "once")
    (first,), (again,) = counter.submit(keyed), counter.submit(keyed)
    # Then each is entered once, and answered
    assert counter.balance(member) == 30
    assert isinstance(first, Done)
    assert again == Done(first.first, first.last, replayed=True)
    # And a refusal is one
    (refusal,) = counter.submit(
        Order(command=Debit(account=member, amount=31, actor=counter.office))
    )
    assert isinstance(refusal, Refusal)


# --- one batch -----------------------------------------------------------------------------------


def test_a_credit_is_an_entry_its_postings_and_new_balances(counter: Counter) -> None:
    member = counter.open()

    (done,) = counter.enter(counter.credit(member, 25))

    assert (done.first, done.last) == (6, 6)
    stored = counter.rows(t.entry)[-1]
    assert bytes(stored.raw) == done.made[0].raw
    assert bytes(stored.leaf) == leaf_hash(done.made[0].raw)
    postings = [(p.account, p.amount, p.balance, p.prev) for p in counter.rows(t.posting)]
    assert postings == [(counter.budget, -25, -25, 4), (member, 25, 25, 5)]
    assert counter.balance(member) == 25


def test_the_head_row_bears_the_edge_of_the_tree_over_all_entries(counter: Counter) -> None:
    member = counter.open()
    for _ in range(3):
        counter.enter(*(counter.credit(member) for _ in range(120)))

    leaves = [bytes(row.leaf) for row in counter.rows(t.entry)]
    (head,) = counter.rows(t.head)
    assert head.size == len(leaves) == 366
    assert CompactRange.decode(head.size, bytes(head.edge)).root() == root_of(leaves)
    (subtree,) = counter.rows(t.subtree)
    assert (subtree.level, subtree.index) == (1, 0)
    assert bytes(subtree.hash) == root_of(leaves[:256])


def test_a_group_is_entered_whole_or_not_at_all(counter: Counter) -> None:
    member = counter.open()
    before = counter.everything()
    too_much = Debit(account=member, amount=11, actor=counter.office)

    outcomes = counter.submit(Order(command=counter.credit(member)), Order(command=too_much))

    assert [o.rule for o in outcomes if isinstance(o, Refusal)] == ["group", "funds"]
    assert counter.everything() == before


def test_of_a_loose_group_each_order_stands_on_its_own(counter: Counter) -> None:
    member = counter.open()
    too_much = Debit(account=member, amount=11, actor=counter.office)

    outcomes = counter.submit(
        Order(command=counter.credit(member)),
        Order(command=too_much),
        Order(command=counter.credit(member)),
        atomic=False,
    )

    assert [type(o) for o in outcomes] == [Done, Refusal, Done]
    assert counter.balance(member) == 20


def test_a_batch_takes_as_many_statements_as_a_single_command(counter: Counter) -> None:
    members = [counter.open() for _ in range(20)]
    orders = [counter.order(counter.credit(members[at % 20]), f"many {at}") for at in range(60)]

    with statements(counter.database) as one:
        counter.submit(counter.order(counter.credit(members[0]), "one"))
    with statements(counter.database) as many:
        counter.submit(*orders, atomic=False)

    assert [each.text for each in many] == [each.text for each in one]
    assert len(one) <= 16


def test_a_large_batch_is_written_piece_by_piece_while_it_is_being_decided(
    counter: Counter,
) -> None:
    # Given 256 credits in one group, each on its own
    members = [counter.open() for _ in range(20)]
    orders = [counter.order(counter.credit(members[at % 20]), f"many {at}") for at in range(256)]
    with statements(counter.database) as one:
        counter.submit(counter.order(counter.credit(members[0]), "one"))
    # When they are entered
    with statements(counter.database) as many:
        counter.submit(*orders, atomic=False)
    # Then what the journal has of 64 entries goes out four times
    sent = Counts(each.text for each in many)
    repeated = {text: times for text, times in sent.items() if times > 1}
    assert set(repeated.values()) == {4}
    assert sorted(text.split()[2] for text in repeated) == [
        "account",
        "entry",
        "posting",
        "request",
        "run",
    ]
    # And all else as that of a single command, the new subtree of 256 entries and the head last
    once = [each.text for each in many if each.text not in repeated]
    subtree = [text for text in once if "INSERT INTO subtree" in text]
    assert len(subtree) == 1
    assert [text for text in once if text not in subtree] == [
        each.text for each in one if each.text not in repeated
    ]
    assert counter.balance(members[0]) == 10 * (13 + 1)


def test_a_whole_group_that_is_refused_late_leaves_nothing_between_others_that_are_large(
    counter: Counter,
) -> None:
    # Given three groups in one batch, each of 100 credits, of which the second ends in a refusal
    members = [counter.open() for _ in range(3)]
    size = len(counter.rows(t.entry))
    too_much = Order(command=Debit(account=members[1], amount=1_001, actor=counter.office))

    def group(number: int) -> Group:
        credit = Order(command=counter.credit(members[number]))
        return Group((credit,) * 100 + ((too_much,) if number == 1 else ()), atomic=number < 2)

    answers: dict[int, list[Outcome]] = {}

    def work(number: int) -> None:
        answers[number] = counter.appender.submit(group(number))

    # When one transaction decides them
    with counter.database.writing() as conn:
        counter.lock_head(conn)
        threads = []
        for number in range(3):
            threads.append(threading.Thread(target=work, args=(number,)))
            threads[-1].start()
            wait_until(lambda: len(counter.appender._queue) == len(threads))
    for thread in threads:
        thread.join(timeout=60)
    # Then the first and the third are there, whole, and nothing of the second
    assert [counter.balance(member) for member in members] == [1_000, 0, 1_000]
    assert {each.rule for each in answers[1] if isinstance(each, Refusal)} == {"group", "funds"}
    rows = counter.rows(t.entry)
    assert [row.seq for row in rows] == list(range(size + 200))
    (head,) = counter.rows(t.head)
    leaves = [bytes(row.leaf) for row in rows]
    assert CompactRange.decode(head.size, bytes(head.edge)).root() == root_of(leaves)


@pytest.mark.parametrize("fault", ["in deciding", "in writing"])
def test_what_was_written_of_a_large_batch_goes_when_a_later_order_fails(
    shop: Counter, fault: str
) -> None:
    # Given 150 credits, of which the last but one fails for a reason that nobody foresaw
    member = shop.open()

    def fails(_rows: Mapping[Any, Any], _done: Done) -> Any:
        if fault == "in deciding":
            raise ValueError("a bug")
        return {"umbrella": {"item": "umbrella", "pieces": None}}  # which may not be null

    orders = [Order(command=shop.credit(member)) for _ in range(150)]
    companion = Companion(stock, ("umbrella",), fails)
    orders[148] = Order(command=shop.credit(member), companions=(companion,))
    before = shop.everything()
    # When they are submitted as one group
    with pytest.raises(AppendFailed):
        shop.submit(*orders, atomic=False)
    # Then nothing is left of them, and the next command is entered
    assert shop.everything() == before
    shop.enter(shop.credit(member))
    assert shop.balance(member) == 10


def test_a_server_that_goes_away_while_a_large_batch_is_decided_enters_nothing_of_it(
    postgresql_database: Database,
) -> None:
    # Given 150 credits, and a server that ends the connection when half of them are decided
    with postgresql_database.writing() as conn:
        stock.create(conn)
    shop = Counter(postgresql_database)
    member = shop.open()

    def ends(_rows: Mapping[Any, Any], _done: Done) -> Any:
        with postgresql_database.reading() as conn:
            conn.execute(
                text(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = 'points'"
                    " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
                )
            ).all()
        return {}

    orders = [Order(command=shop.credit(member)) for _ in range(150)]
    companion = Companion(stock, ("umbrella",), ends)
    orders[75] = Order(command=shop.credit(member), companions=(companion,))
    # When they are submitted
    with pytest.raises(DatabaseDown):
        shop.submit(*orders, atomic=False)
    # Then nothing of them was entered, and the next command is
    assert shop.balance(member) == 0
    shop.enter(shop.credit(member))
    assert shop.balance(member) == 10


def test_what_is_due_is_entered_first_and_answered_together(counter: Counter) -> None:
    member, desk = counter.open(), counter.open("org")
    counter.enter(counter.credit(member, 30, valid_until="2026-12-01"))
    counter.enter(
        PlaceHold(
            account=member,
            payee=desk,
            amount=10,
            actor=counter.office,
            until="2026-11-25T00:00:00.000000Z",
        )
    )
    counter.clock.wait(days=20)

    (done,) = counter.enter(counter.credit(member, 5))

    assert [made.entry["type"] for made in done.made] == ["release", "expiry", "credit"]
    assert done.last - done.first == 2
    assert counter.balance(member) == 5
    assert counter.balance(member + "/held") == 0


def test_due_work_is_dropped_with_the_command_that_is_refused(counter: Counter) -> None:
    member = counter.open()
    counter.enter(counter.credit(member, 30, valid_until="2026-12-01"))
    counter.clock.wait(days=20)
    before = counter.everything()

    (outcome,) = counter.submit(
        Order(command=Debit(account=member, amount=99, actor=counter.office))
    )

    assert isinstance(outcome, Refusal)
    assert counter.everything() == before


def test_bringing_due_work_forward_enters_nothing_when_nothing_is_due(counter: Counter) -> None:
    member = counter.open()
    counter.enter(counter.credit(member, 30, valid_until="2026-12-01"))

    (early,) = counter.enter(Expire(account=member))
    counter.clock.wait(days=20)
    (late,) = counter.enter(Expire(account=member))

    assert (early.first, early.made) == (-1, ())
    assert [made.entry["type"] for made in late.made] == ["expiry"]


# --- keys that come twice -----------------------------------------------------------------------


def test_the_same_key_gets_the_first_answer_and_enters_nothing(counter: Counter) -> None:
    order = counter.order(counter.credit(counter.open()), "once")
    (first,) = counter.submit(order)
    before = counter.everything()

    (again,) = counter.submit(order)

    assert isinstance(first, Done)
    assert again == Done(first.first, first.last, replayed=True)
    assert counter.everything() == before


def test_the_same_key_twice_in_one_batch_is_entered_once(counter: Counter) -> None:
    member = counter.open()
    order = counter.order(counter.credit(member), "once")

    first, second = counter.submit(order, order, atomic=False)

    assert isinstance(first, Done)
    assert second == Done(first.first, first.last, replayed=True)
    assert counter.balance(member) == 10


def test_the_same_key_for_another_request_is_told_so(counter: Counter) -> None:
    member = counter.open()
    counter.submit(counter.order(counter.credit(member, 10), "once"))
    before = counter.everything()

    (other,) = counter.submit(counter.order(counter.credit(member, 11), "once"))

    assert isinstance(other, KeyReused)
    assert counter.everything() == before


def test_a_refusal_stays_a_refusal_though_it_would_pass_now(counter: Counter) -> None:
    member = counter.open()
    order = counter.order(Debit(account=member, amount=5, actor=counter.office), "poor")
    (refusal,) = counter.submit(order)
    counter.enter(counter.credit(member))

    (again,) = counter.submit(order)

    assert isinstance(refusal, Refusal)
    assert again == refusal._replace(replayed=True)
    assert counter.balance(member) == 10


passes = Table(
    "passes",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("person", Text),
    Column("last", Integer),
)


def passes_of(ids: Collection[str]) -> Lookup:
    return Lookup(tuple(passes.c), passes.c.id, ids)


def lasts(row: Any, standing: str | None, now: datetime) -> bool:
    return row.last >= now.year and standing == "office"


def test_what_was_sent_with_a_credential_that_has_ended_is_refused_and_not_remembered(
    database: Database,
) -> None:
    # Given credentials of which one lasts, one has ended, and one is a stranger's
    counter = Counter(database, credentials=Credentials(passes_of, lasts))
    with database.writing() as conn:
        passes.create(conn)
        of_office = {"id": "token/lasting", "person": counter.office, "last": 2026}
        conn.execute(passes.insert(), of_office)
        conn.execute(passes.insert(), of_office | {"id": "token/ended", "last": 2025})
        conn.execute(passes.insert(), of_office | {"id": "token/other", "person": "person/other"})
    order = counter.order(counter.credit(counter.open()), "a key")

    # When the same is ordered with each
    *refused, entered = (
        counter.submit(replace(order, credential=name))[0]
        for name in ("token/ended", "token/other", "token/of nobody", "token/lasting")
    )

    # Then nothing is kept of those that do not last, and one stands for all of its group
    assert [each.rule for each in refused if isinstance(each, Refusal)] == [CREDENTIAL] * 3
    assert isinstance(entered, Done)
    assert not entered.replayed
    others = counter.submit(order, replace(order, credential="token/ended"), atomic=False)
    assert [type(outcome) for outcome in others] == [Refusal, Refusal]


def test_a_key_whose_fingerprint_is_lost_is_still_known(counter: Counter) -> None:
    member = counter.open()
    order = counter.order(counter.credit(member), "once")
    counter.submit(order)
    with counter.database.writing() as conn:
        conn.execute(t.request.update().values(fingerprint=None))

    (again,) = counter.submit(order)

    assert isinstance(again, Done)
    assert again.replayed
    assert counter.balance(member) == 10


def test_equal_keys_from_many_threads_are_entered_once(counter: Counter) -> None:
    member = counter.open()
    order = counter.order(counter.credit(member), "once")
    outcomes = at_once(8, lambda _: counter.submit(order))

    assert counter.balance(member) == 10
    assert len({(o.first, o.last) for (o,) in outcomes}) == 1
    assert sorted(o.replayed for (o,) in outcomes) == [False] + [True] * 7


def at_once(count: int, work: Any) -> list[Any]:
    """The results of `work` in so many threads that start together."""
    barrier = threading.Barrier(count)
    results: list[Any] = [None] * count

    def run(number: int) -> None:
        barrier.wait()
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# --- many at once -------------------------------------------------------------------------------


def test_two_appenders_of_many_threads_make_one_chain(counter: Counter) -> None:
    members = [counter.open() for _ in range(4)]
    appenders = [counter.appender, counter.new_appender()]

    def work(number: int) -> None:
        for turn in range(10):
            order = Order(command=counter.credit(members[(number + turn) % 4]))
            (outcome,) = appenders[number % 2].submit(Group((order,)))
            assert isinstance(outcome, Done)

    at_once(8, work)

    assert sum(counter.balance(member) for member in members) == 800
    entries = [decode(bytes(row.raw)) for row in counter.rows(t.entry)]
    assert [entry["seq"] for entry in entries] == list(range(len(entries)))
    last: dict[str, tuple[int, int]] = {}
    for entry in entries:
        for posting in entry.get("postings", ()):
            prev, balance = last.get(posting["account"], (posting["prev"], 0))
            assert posting["prev"] == prev
            assert posting["balance"] == balance + posting["amount"]
            last[posting["account"]] = (entry["seq"], posting["balance"])


def test_those_who_wait_make_the_next_batch(counter: Counter) -> None:
    members = [counter.open() for _ in range(8)]
    commits: list[int] = []
    event.listen(counter.database.engine, "commit", lambda _: commits.append(1))
    with counter.database.writing() as conn:
        counter.lock_head(conn)
        queue = counter.appender._queue
        threads = [
            threading.Thread(target=counter.enter, args=(counter.credit(member),))
            for member in members
        ]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(queue) == 8)
        commits.clear()
    for thread in threads:
        thread.join()

    assert len(commits) == 2  # the one that held the lock, and one for all eight
    assert [counter.balance(member) for member in members] == [10] * 8


def wait_until(condition: Any) -> None:
    """Spins until the condition holds; a test that would hang fails instead."""
    gate = threading.Event()
    for _ in range(5_000):
        if condition():
            return
        gate.wait(0.001)
    raise AssertionError("it did not come about within five seconds")


def test_a_full_queue_is_refused_at_once(database: Database) -> None:
    counter = Counter(database, queue_groups_max=1)
    member = counter.open()
    with database.writing() as conn:
        counter.lock_head(conn)
        thread = threading.Thread(target=counter.enter, args=(counter.credit(member),))
        thread.start()
        wait_until(lambda: len(counter.appender._queue) == 1)

        with pytest.raises(QueueFull):
            counter.enter(counter.credit(member))
    thread.join()

    assert counter.balance(member) == 10


# --- companions ---------------------------------------------------------------------------------

stock = Table(
    "stock",
    MetaData(),
    Column("ledger_id", Integer, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("pieces", Integer, nullable=False),
)


def take(item: str, pieces: int = 1) -> Companion:
    """Takes pieces from the stock, or refuses."""

    def change(rows: Mapping[Any, Any], _: Done) -> Any:
        row = rows[item]
        if row is None or row["pieces"] < pieces:
            return Refusal("sold-out", f"no {item} is left")
        return {item: {"item": item, "pieces": row["pieces"] - pieces}}

    return Companion(stock, (item,), change)


def put_back(item: str) -> Companion:
    """Puts one piece back."""
    return take(item, -1)


@pytest.fixture
def shop(database: Database) -> Counter:
    """A counter with two umbrellas in stock, put back when the hold for one closes."""
    with database.writing() as conn:
        stock.create(conn)
    counter = Counter(database, hold_companions={"umbrella": put_back})
    with database.writing() as conn:
        conn.execute(insert(stock).values(ledger_id=counter.id, item="umbrella", pieces=2))
    return counter


def pieces(shop: Counter) -> int:
    with shop.database.reading() as conn:
        return int(conn.execute(text("SELECT pieces FROM stock")).scalar_one())


def test_a_companion_changes_with_its_entry(shop: Counter) -> None:
    member = shop.open()

    shop.submit(Order(command=shop.credit(member), companions=(take("umbrella"),)))

    assert pieces(shop) == 1
    assert shop.balance(member) == 10


def test_companions_of_one_batch_see_the_rows_as_those_before_left_them(shop: Counter) -> None:
    member = shop.open()
    order = Order(command=shop.credit(member), companions=(take("umbrella"),))

    outcomes = shop.submit(order, order, order, atomic=False)

    assert [type(o) for o in outcomes] == [Done, Done, Refusal]
    assert pieces(shop) == 0
    assert shop.balance(member) == 20


def test_a_companion_that_refuses_drops_the_entry(shop: Counter) -> None:
    member = shop.open()
    order = shop.order(shop.credit(member), "none", companions=(take("tea"),))

    (first,), (again,) = shop.submit(order), shop.submit(order)

    assert first == Refusal("sold-out", "no tea is left")
    assert again == Refusal("sold-out", "no tea is left", replayed=True)
    assert shop.balance(member) == 0


shelf = Table(
    "shelf",
    MetaData(),
    Column("ledger_id", Integer, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("size", Integer, primary_key=True),
    Column("pieces", Integer, nullable=False),
)


def move(item: str, size: int, to_size: int) -> Companion:
    """Moves one piece between two rows of one item, of which the second may not be there yet."""

    def change(rows: Mapping[Any, Any], _: Done) -> Any:
        here, there = rows[item, size], rows[item, to_size]
        if here is None or not here["pieces"]:
            return Refusal("sold-out", f"no {item} of size {size} is left")
        grown = there["pieces"] + 1 if there else 1
        return {
            (item, size): {**here, "pieces": here["pieces"] - 1},
            (item, to_size): {"item": item, "size": to_size, "pieces": grown},
        }

    return Companion(shelf, ((item, size), (item, to_size)), change)


def test_a_companion_s_rows_may_have_several_key_columns(database: Database) -> None:
    # given two pieces of one size beside those of another item and another ledger
    with database.writing() as conn:
        shelf.create(conn)
    counter = Counter(database)
    rows = [('a "shirt"', 38, 2), ("hat", 40, 5)]
    with database.writing() as conn:
        write(conn, shelf, counter.id, rows, "insert")
        write(conn, shelf, counter.id + 1, rows, "insert")
    # when three orders of one batch each want to move one
    order = Order(companions=(move('a "shirt"', 38, 40),))
    outcomes = counter.submit(order, order, order, atomic=False)
    # then two do, and each row is the one that its whole key names
    assert [type(outcome) for outcome in outcomes] == [Done, Done, Refusal]
    assert counter.rows(shelf) == [
        (counter.id, 'a "shirt"', 38, 0),
        (counter.id, 'a "shirt"', 40, 2),
        (counter.id, "hat", 40, 5),
        *((counter.id + 1, *row) for row in rows),
    ]


def test_an_order_of_companions_alone_makes_no_entry(shop: Counter) -> None:
    before = shop.rows(t.entry)

    (done,) = shop.submit(Order(companions=(take("umbrella"),)))

    assert done == Done(-1, -1)
    assert pieces(shop) == 1
    assert shop.rows(t.entry) == before


@pytest.mark.parametrize("way", ["captured", "released", "due"])
def test_whatever_closes_a_hold_runs_its_companion(shop: Counter, way: str) -> None:
    member, desk = shop.open(), shop.open("org")
    shop.enter(shop.credit(member))
    command = PlaceHold(account=member, payee=desk, amount=4, actor=shop.office)
    (held,) = shop.submit(
        Order(command=command, companions=(take("umbrella"),), on_close=("umbrella", "umbrella"))
    )
    assert isinstance(held, Done)
    assert pieces(shop) == 1

    if way == "captured":
        shop.enter(Capture(hold=held.last, amount=1, actor=shop.office))
        assert pieces(shop) == 1  # three points are still held
        shop.enter(Capture(hold=held.last, final=True, actor=shop.office))
    elif way == "released":
        shop.enter(Release(hold=held.last, actor=shop.office))
    else:
        shop.clock.wait(days=30)
        shop.submit(Order(command=shop.credit(member)))
        shop.clock.wait(days=30)
        shop.submit(Order(command=shop.credit(member)))
        shop.clock.wait(days=30)
        shop.submit(Order(command=shop.credit(member)))
        shop.clock.wait(days=20)
        shop.submit(Order(command=shop.credit(member)))

    assert pieces(shop) == 2


# --- when it fails ------------------------------------------------------------------------------


def test_a_poisonous_command_fails_alone(shop: Counter) -> None:
    """The database refuses rows for a reason that nobody foresaw: here, a text for a number."""
    members = [shop.open() for _ in range(5)]

    def poison(_rows: Mapping[Any, Any], _done: Done) -> Any:
        return {"umbrella": {"item": "umbrella", "pieces": None}}

    bad = Order(
        command=shop.credit(members[2]), companions=(Companion(stock, ("umbrella",), poison),)
    )
    orders = [Order(command=shop.credit(member)) for member in members]
    orders[2] = bad
    results: dict[int, Any] = {}

    def work(number: int) -> None:
        try:
            results[number] = shop.submit(orders[number])
        except AppendFailed as error:
            results[number] = error

    with shop.database.writing() as conn:
        shop.lock_head(conn)
        threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(shop.appender._queue) == 5)
    for thread in threads:
        thread.join()

    assert isinstance(results[2], AppendFailed)
    assert [shop.balance(member) for member in members] == [10, 10, 0, 10, 10]


def test_a_lock_that_is_not_free_in_time_leaves_nothing_behind(database: Database) -> None:
    counter = Counter(database)
    member = counter.open()
    impatient = replace(database, lock_timeout_seconds=0.05)
    waiting = Counter.new_appender(counter)
    waiting._database = impatient
    with database.writing() as conn:
        counter.lock_head(conn)
        if database.dialect == "postgresql":
            event.listen(database.engine, "begin", _short_lock_timeout)
        with pytest.raises(DatabaseBusy):
            waiting.submit(Group((Order(command=counter.credit(member)),)))
    assert counter.balance(member) == 0
    assert len(waiting._queue) == 0

    (done,) = waiting.submit(Group((Order(command=counter.credit(member)),)))
    assert isinstance(done, Done)


def _short_lock_timeout(conn: Any) -> None:
    conn.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")


def test_clocks_that_disagree_stop_appending(counter: Counter) -> None:
    member = counter.open()
    counter.clock.wait(seconds=1)
    counter.clock.apart = -(counter.clock.apart.resolution * 6_000_000)

    with pytest.raises(ClockFault, match="differ by more than 5 seconds"):
        counter.enter(counter.credit(member))

    assert counter.balance(member) == 0


def test_a_clock_set_back_stops_appending_until_it_is_right_again(counter: Counter) -> None:
    member = counter.open()
    counter.clock.wait(seconds=-61)
    with pytest.raises(ClockFault, match="ahead of this host's clock"):
        counter.enter(counter.credit(member))

    counter.clock.wait(seconds=30)
    counter.enter(counter.credit(member))

    entries = [decode(bytes(row.raw)) for row in counter.rows(t.entry)]
    assert [entry["at"] for entry in entries] == sorted({entry["at"] for entry in entries})


def test_a_refusal_over_a_long_silence_is_not_kept_since_the_clock_can_be_accepted(
    counter: Counter,
) -> None:
    member = counter.open()
    order = counter.order(counter.credit(member), "after the summer")
    counter.clock.wait(days=40)
    (refusal,) = counter.submit(order)

    counter.enter(StateOfAll(actor=counter.office))
    (done,) = counter.submit(order)

    assert isinstance(refusal, Refusal)
    assert refusal.rule == "gap"
    assert isinstance(done, Done)
    assert counter.balance(member) == 10


def test_a_group_that_met_a_long_silence_may_be_sent_again_too(counter: Counter) -> None:
    member = counter.open()
    orders = [counter.order(counter.credit(member), f"summer {n}") for n in range(3)]
    counter.clock.wait(days=40)
    refused = counter.submit(*orders)

    counter.enter(StateOfAll(actor=counter.office))
    outcomes = counter.submit(*orders)

    assert {type(outcome) for outcome in refused} == {Refusal}
    assert {type(outcome) for outcome in outcomes} == {Done}
    assert counter.balance(member) == 30


def test_a_bug_in_one_command_fails_that_command_alone(shop: Counter) -> None:
    """Not only what the database refuses: a companion that raises, a kind that nobody knows."""
    members = [shop.open() for _ in range(6)]

    def buggy(_rows: Mapping[Any, Any], _done: Done) -> Any:
        raise ValueError("a bug")

    orders = [Order(command=shop.credit(member)) for member in members]
    wrong = Companion(stock, ("umbrella",), buggy)
    orders[0] = Order(command=shop.credit(members[0]), companions=(wrong,))
    hold = PlaceHold(account=members[4], payee=members[5], amount=1, actor=shop.office)
    orders[4] = Order(command=hold, on_close=("nobody knows", 1))
    results: dict[int, Any] = {}

    def work(number: int) -> None:
        try:
            results[number] = shop.submit(orders[number])
        except Exception as error:
            results[number] = error

    with shop.database.writing() as conn:
        shop.lock_head(conn)
        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(shop.appender._queue) == 6)
    for thread in threads:
        thread.join(timeout=60)

    failed = {number for number, result in results.items() if isinstance(result, AppendFailed)}
    assert failed == {0, 4}
    assert [shop.balance(member) for member in members] == [0, 10, 10, 10, 0, 10]
    assert shop.appender._led is False


class Interrupted(BaseException):
    """As Ctrl-C would be."""


def test_who_is_interrupted_after_the_commit_leaves_the_others_an_honest_answer(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [counter.open() for _ in range(3)]
    writing = Database.writing
    results: dict[int, Any] = {}

    @contextmanager
    def interrupted(database: Database) -> Iterator[Any]:
        with writing(database) as conn:
            yield conn
        raise Interrupted

    def work(number: int) -> None:
        try:
            results[number] = counter.submit(Order(command=counter.credit(members[number])))
        except BaseException as error:
            results[number] = error

    with counter.database.writing() as conn:
        counter.lock_head(conn)
        monkeypatch.setattr(Database, "writing", interrupted)
        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(counter.appender._queue) == 3)
    for thread in threads:
        thread.join(timeout=60)
    monkeypatch.undo()

    assert [counter.balance(member) for member in members] == [10, 10, 10]
    kinds = sorted(type(result).__name__ for result in results.values())
    assert kinds == ["Interrupted", "OutcomeUnknown", "OutcomeUnknown"]
    counter.enter(counter.credit(members[0]))


def test_who_is_interrupted_while_waiting_does_not_keep_the_lead(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [counter.open() for _ in range(3)]
    queue = counter.appender._queue
    left = threading.Event()

    def interrupted(_: object) -> None:
        raise Interrupted

    def work() -> None:
        try:
            counter.submit(Order(command=counter.credit(members[1])))
        except Interrupted:
            left.set()

    with counter.database.writing() as conn:
        counter.lock_head(conn)
        first = threading.Thread(target=counter.enter, args=(counter.credit(members[0]),))
        first.start()
        wait_until(lambda: len(queue) == 1)
        monkeypatch.setattr("ledger.journal.append._Ticket.wait", interrupted)
        second = threading.Thread(target=work, name="interrupted")
        second.start()
        second.join(timeout=60)
        monkeypatch.undo()
        assert left.is_set()
        assert len(queue) == 1
    first.join(timeout=60)

    counter.enter(counter.credit(members[2]))
    assert [counter.balance(member) for member in members] == [10, 0, 10]


def test_a_release_of_a_hold_that_has_run_out_is_its_due_release(counter: Counter) -> None:
    member, desk = counter.open(), counter.open("org")
    counter.enter(counter.credit(member, 20))
    until = "2026-11-25T00:00:00.000000Z"
    hold = PlaceHold(account=member, payee=desk, amount=5, actor=counter.office, until=until)
    (held,) = counter.enter(hold)
    counter.clock.wait(days=3)

    (late,) = counter.submit(Order(command=Capture(hold=held.last, actor=counter.office)))
    (done,) = counter.enter(Release(hold=held.last, actor=counter.office))

    assert isinstance(late, Refusal)
    assert f"it ran until {until}" in late.message
    assert [made.entry["type"] for made in done.made] == ["release"]
    assert counter.balance(member) == 20


def test_writers_who_wait_for_a_file_lock_hold_no_connection(sqlite_database: Database) -> None:
    counter = Counter(sqlite_database)
    member = counter.open()
    pool = sqlite_database.engine.pool
    appenders = [counter.new_appender() for _ in range(12)]
    with sqlite_database.writing():
        threads = [
            threading.Thread(
                target=each.submit, args=(Group((Order(command=counter.credit(member)),)),)
            )
            for each in appenders
        ]
        for thread in threads:
            thread.start()
        wait_until(lambda: all(each._led for each in appenders))
        assert counter.balance(member) == 0
        assert pool.checkedout() == 1  # type: ignore[attr-defined]
    for thread in threads:
        thread.join()
    assert counter.balance(member) == 120
