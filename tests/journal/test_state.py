"""Books and overlays: what lies over a state is seen at once, and dropped without a trace."""

import pytest

from ledger.journal.book import check
from ledger.journal.commands import Debit, Transfer
from ledger.journal.entry import FIXED_ACCOUNTS, decode
from ledger.journal.state import TABLES, Account, Books, Head, Overlay
from ledger.journal.statements import state_root
from tests.journal.books import Desk, refused, statement

NEW = Account(5, 7, "nonce")


def _tables(state):
    return {name: list(state.rows(name)) for name in TABLES}


@pytest.fixture
def desk():
    desk = Desk()
    for _ in range(3):
        desk.credit(desk.open_member(), 5, desk.day(3))
    return desk


def test_an_overlay_shows_what_lies_below(desk):
    overlay = Overlay(desk.books)
    assert _tables(overlay) == _tables(desk.books)
    assert list(overlay.policies()) == list(desk.books.policies())
    assert overlay.head == desk.books.head
    assert overlay.original(3) == decode(desk.log[3])
    assert state_root(overlay) == state_root(desk.books)


def test_what_changes_in_an_overlay_does_not_change_below(desk):
    before = _tables(desk.books)
    overlay = Overlay(desk.books)
    head = Head(99, "later", "origin", 0)
    overlay.apply(head, [("accounts", "withdrawn", NEW), ("requests", "r", 98)])

    assert overlay.account("withdrawn") == overlay.get("accounts", "withdrawn") == NEW
    assert (overlay.request("r"), overlay.head) == (98, head)
    assert dict(overlay.rows("accounts"))["withdrawn"] == NEW
    assert _tables(desk.books) == before
    assert desk.books.request("r") is None


def test_a_merge_takes_over_all_that_the_upper_overlay_changed(desk):
    lower = Overlay(desk.books)
    upper = Overlay(lower)
    policy = desk.policies()[0]._replace(seq=50)
    head = Head(51, "later", "origin", 0)
    upper.apply(head, [("accounts", "expired", NEW), ("policies", 50, policy)])
    upper.remember({"seq": 50})
    assert lower.account("expired") == desk.books.account("expired")

    lower.merge(upper)
    assert lower.account("expired") == NEW
    assert lower.head == head
    assert [p.seq for p in lower.policies()] == [3, 50]
    assert lower.original(50) == {"seq": 50}
    assert lower.changed == {"accounts": {"expired": NEW}, "policies": {50: policy}}
    assert [p.seq for p in desk.books.policies()] == [3]


@pytest.mark.parametrize("state", ["books", "overlay"])
def test_a_row_that_is_not_there_is_none(desk, state):
    state = desk.books if state == "books" else Overlay(desk.books)
    for table in TABLES:
        assert state.get(table, "nothing") is None
    assert state.account("nothing") is None
    assert state.request("nothing") is None
    assert state.original(10_000) is None


def test_rows_stand_in_order_of_their_keys_through_all_layers(desk):
    lower = Overlay(desk.books)
    upper = Overlay(lower)
    lower.apply(lower.head, [("accounts", "b", NEW)])
    upper.apply(upper.head, [("accounts", "a", NEW), ("accounts", "zz", NEW)])
    names = [name for name, _ in upper.rows("accounts")]
    assert names == sorted(names)
    assert {"a", "b", "zz", *FIXED_ACCOUNTS} <= set(names)


def test_the_same_entries_make_the_same_books_through_overlays_and_without(desk):
    plain = Books(lambda seq: decode(desk.log[seq]))
    for raw in desk.log:
        plain.apply(*check(plain, decode(raw)))
    layered = Overlay(Books(lambda seq: decode(desk.log[seq])))
    for raw in desk.log:
        layer = Overlay(layered)
        layer.apply(*check(layer, decode(raw)))
        layered.merge(layer)
    assert _tables(layered) == _tables(plain) == _tables(desk.books)
    assert layered.head == plain.head == desk.books.head


def test_a_refused_command_leaves_no_trace_of_its_due_work(desk):
    giver, receiver = desk.open_member(), desk.open_member()
    desk.credit(giver, 5, desk.day(0))
    desk.wait(days=1)
    before = _tables(desk.books), desk.books.head, list(desk.log)
    gift = Transfer(account=giver, receiver=receiver, amount=1, purpose="gift", **desk.by)
    with refused("funds"):
        desk.do(gift)
    assert before == (_tables(desk.books), desk.books.head, desk.log)


def test_books_keep_tables_of_their_owner_beside_their_own():
    books = Books({}.get, beside=("stock",))
    overlay = Overlay(books)
    overlay.put("stock", "tea", 3)
    assert (overlay.get("stock", "tea"), books.get("stock", "tea")) == (3, None)
    assert overlay.get("stock", "rice") is None
    assert set(books.tables) == {*TABLES, "stock"}


def test_a_state_root_says_whether_any_balance_is_another(desk):
    root = state_root(desk.books)
    member = next(name for name, row in desk.books.rows("accounts") if row.dated)
    desk.do(Debit(account=member, amount=1, **desk.by))
    assert state_root(desk.books) != root


def test_a_state_root_counts_held_points_beside_their_account(desk):
    member, org = desk.open_member(), desk.open_org()
    desk.credit(member, 5)
    before = state_root(desk.books)
    overlay = Overlay(desk.books)
    held = desk.account(member + "/held")
    overlay.put("accounts", member + "/held", held._replace(balance=1))
    assert state_root(overlay) != before
    overlay.put("accounts", member + "/held", held._replace(last=1, count=9))
    assert state_root(overlay) == before
    desk.do(statement("close", account=org, **desk.by))
    assert state_root(desk.books) == before
