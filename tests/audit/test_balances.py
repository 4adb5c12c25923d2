"""A balance is proven offline, to whoever has a key of the log's, and by a checker of their own."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from typing import Any

import orjson
import pytest
from sqlalchemy import select, update

from ledger.audit.balances import encode_balance, verify_balance
from ledger.audit.faults import BalanceFault, ReceiptFault
from ledger.db import Database
from ledger.errors import AccountsDamaged, NoState, NotPublished
from ledger.journal import asof, log, statetree, triggers
from ledger.journal import tables as t
from ledger.journal.commands import PlaceHold, StateOfAll
from ledger.journal.statetree import StateTrees
from ledger.tlog.note import Verifier
from tests.audit.lived import Lived, flipped, live
from tests.journal.live import ORIGIN, Counter


def proof_of(counter: Counter, account: str, as_of: int | None = None) -> bytes:
    proven = StateTrees(counter.database).prove(counter.id, account, as_of)
    with counter.database.reading() as conn:
        receipt = log.receipt(conn, counter.id, proven.seq).encode()
    return encode_balance(proven.leaf, proven.path, receipt)


def last_state(counter: Counter) -> int:
    with counter.database.reading() as conn:
        return (
            conn.execute(
                select(t.run.c.last).where(t.run.c.type == "state").order_by(t.run.c.last.desc())
            )
            .scalars()
            .first()
        )


@pytest.fixture
def present(lived: Lived) -> list[Verifier]:
    return [signer.verifier for signer in lived.keys.signers(2)]


@pytest.fixture
def proof(lived: Lived) -> bytes:
    """Of the budget, of which much was issued after the state."""
    return proof_of(lived.counter, lived.counter.budget)


def test_every_account_of_a_state_is_proven_as_it_was_then(
    lived: Lived, present: list[Verifier]
) -> None:
    # Given a ledger that went on after its state
    counter, seq = lived.counter, last_state(lived.counter)
    with counter.database.reading(snapshot=True) as conn:
        then = list(asof.accounts_as_of(conn, counter.id, seq))
        now = [row.name for row in conn.execute(select(t.account))]
    # When each account is proven, then what is shown is what it had then
    for name, account, held in then:
        report = verify_balance(proof_of(counter, name), present)
        assert (report.account, report.balance, report.held) == (name, account.balance, held)
        assert (report.count, report.last) == (account.count, account.last)
        assert (report.receipt.seq, report.receipt.trust) == (seq, "checked")
    # And those that were opened later are not
    (later,) = {name for name in now if not name.endswith("/held")} - {name for name, *_ in then}
    with pytest.raises(NoState, match="Ask again after the next one"):
        proof_of(counter, later)


def test_a_checker_written_from_the_page_agrees(lived: Lived, proof: bytes) -> None:
    """Only the standard library; signatures and the receipt's own path are checked elsewhere."""
    told = json.loads(proof)
    assert set(told) == {"format", "leaf", "path", "receipt"}
    assert json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False) == (
        proof.decode()
    )
    leaf = json.dumps(told["leaf"], separators=(",", ":")).encode()
    value = hashlib.sha256(b"\x00" + leaf).digest()
    for side, sibling in told["path"]:
        pair = (base64.b64decode(sibling), value)
        left, right = pair if side == "left" else pair[::-1]
        value = hashlib.sha256(b"\x01" + left + right).digest()
    extra = told["receipt"].split("\n")[1].removeprefix("extra ")
    entry = json.loads(base64.b64decode(extra))
    assert entry["type"] == "state"
    assert base64.b64encode(value).decode() == entry["root"]


def test_without_keys_whose_it_is_is_not_checked(proof: bytes) -> None:
    assert verify_balance(proof).receipt.trust == "unchecked"


def test_the_keys_of_another_time_prove_nothing(proof: bytes, trusted: list[Verifier]) -> None:
    with pytest.raises(ReceiptFault, match="signed by none of the keys that you gave"):
        verify_balance(proof, trusted)


def changed(proof: bytes, **changes: Any) -> bytes:
    return orjson.dumps(orjson.loads(proof) | changes, option=orjson.OPT_SORT_KEYS)


def test_each_field_is_held_to_what_is_signed(
    lived: Lived, proof: bytes, present: list[Verifier], subtests: pytest.Subtests
) -> None:
    told = orjson.loads(proof)
    other = orjson.loads(proof_of(lived.counter, "withdrawn"))
    leaf, path = told["leaf"], told["path"]
    with lived.counter.database.reading() as conn:
        credit = log.receipt(conn, lived.counter.id, 300).encode().decode()
    swap = {"left": "right", "right": "left"}
    wrong: dict[str, dict[str, Any]] = {
        "another account": {"leaf": other["leaf"]},
        "another path": {"path": other["path"]},
        "a shorter path": {"path": path[:-1]},
        "a longer path": {"path": [*path, path[0]]},
        "no path": {"path": []},
        "a receipt of another entry": {"receipt": credit},
        "another format": {"format": "points-balance/2"},
        "no text for a receipt": {"receipt": 7},
        "no list for a leaf": {"leaf": "member"},
        "a member too many": {"more": 1},
        "a nonce that is none": {"leaf": [*leaf[:5], "AAAA"]},
        "an account that is none": {"leaf": ["nobody", *leaf[1:]]},
        "a fraction": {"leaf": [leaf[0], float(leaf[1]), *leaf[2:]]},
        "a truth for a number": {"leaf": [*leaf[:2], False, *leaf[3:]]},
        "a hash that is none": {"path": [["left", "AAAA"]]},
        "a step that is none": {"path": [["up", path[0][1]]]},
    }
    for at in range(1, 5):
        wrong[f"value {at} of the leaf"] = {"leaf": [*leaf[:at], leaf[at] + 1, *leaf[at + 1 :]]}
    for at, (side, sibling) in enumerate(path):
        rest = path[:at], path[at + 1 :]
        wrong[f"side {at}"] = {"path": [*rest[0], [swap[side], sibling], *rest[1]]}
        wrong[f"hash {at}"] = {"path": [*rest[0], [side, path[at - 1][1]], *rest[1]]}
    for what, change in wrong.items():
        for keys in (present, None):
            with subtests.test(what), pytest.raises((BalanceFault, ReceiptFault)):
                verify_balance(changed(proof, **change), keys)


def test_any_byte_but_a_second_signature_counts(proof: bytes, present: list[Verifier]) -> None:
    """A signature line that no longer names a key of the log leaves the other one's."""
    whole = verify_balance(proof, present)
    for at in range(0, len(proof), 5):
        try:
            report = verify_balance(flipped(proof, at), present)
        except (BalanceFault, ReceiptFault):
            continue
        assert len(report.receipt.signed_by) < len(whole.receipt.signed_by)
        assert (report.account, report.balance) == (whole.account, whole.balance)
    with pytest.raises(BalanceFault):
        verify_balance(proof + b"\n", present)
    with pytest.raises(BalanceFault):
        verify_balance(b" " * 3_000_001, present)


# --- where the tree comes from -------------------------------------------------------------------


def test_the_last_published_state_proves(database: Database, tmp_path: Any) -> None:
    # Given a ledger without any state
    counter = Counter(database)
    publisher = counter.publisher(tmp_path / "high-water")
    member, shop = counter.open(), counter.open("org")
    counter.enter(counter.credit(member, 30))
    publisher.publish()
    trees = StateTrees(database)
    with pytest.raises(NoState, match="no state of all accounts in the log by then"):
        trees.prove(counter.id, member)
    # When one is entered, it proves once it is published
    first = counter.enter(StateOfAll(actor=counter.office))[0].last
    with pytest.raises(NotPublished):
        trees.prove(counter.id, member)
    publisher.publish()
    assert trees.prove(counter.id, member).seq == first
    # And the first goes on proving until the second is published, and as of before it after that
    counter.enter(PlaceHold(account=member, amount=7, payee=shop, actor=counter.office))
    second = counter.enter(StateOfAll(actor=counter.office))[0].last
    before = trees.prove(counter.id, member)
    publisher.publish()
    after = trees.prove(counter.id, member)
    assert (before.seq, after.seq) == (first, second)
    assert (orjson.loads(before.leaf)[1:3], orjson.loads(after.leaf)[1:3]) == ([30, 0], [23, 7])
    assert trees.prove(counter.id, member, second - 1) == before
    with pytest.raises(NoState):
        trees.prove(counter.id, member, first - 1)


def test_accounts_that_contradict_the_log_prove_nothing(lived_alone: Lived) -> None:
    counter = lived_alone.counter
    with counter.database.writing() as conn:
        conn.execute(
            update(t.account)
            .where(t.account.c.name == "settled")
            .values(balance=t.account.c.balance + 1)
        )
    with pytest.raises(AccountsDamaged, match="points verify --database"):
        proof_of(counter, counter.budget)


def test_a_posting_that_was_changed_after_the_tree_was_made_proves_nothing(
    lived_alone: Lived,
) -> None:
    # Given a state tree that is kept, and then a posting from before it rewritten
    counter, trees = lived_alone.counter, StateTrees(lived_alone.counter.database)
    trees.prove(counter.id, counter.budget)
    with counter.database.writing() as conn:
        triggers.drop(conn)
        mine = t.posting.c.account == counter.budget
        conn.execute(update(t.posting).where(mine).values(balance=t.posting.c.balance + 1))
    # When the account's proof is asked for, then it is told, instead of a path that is nowhere
    with pytest.raises(AccountsDamaged, match="points verify --database"):
        trees.prove(counter.id, counter.budget)


def test_no_ledger_waits_for_the_tree_of_another(
    lived_alone: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a ledger with a twin, and a tree of the first whose making takes until it may go on
    counter = lived_alone.counter
    trees, own = StateTrees(counter.database), counter.id
    twin, making, go_on = own + 1, threading.Event(), threading.Event()
    published_state, state_of = statetree._published_state, asof.state_of
    accounts_as_of = asof.accounts_as_of

    def slow(conn: Any, ledger_id: int, seq: int) -> Any:
        making.set()
        assert ledger_id == twin or go_on.wait(30)
        return accounts_as_of(conn, own, seq)

    monkeypatch.setattr(statetree, "_published_state", lambda c, _, s: published_state(c, own, s))
    monkeypatch.setattr(asof, "state_of", lambda c, _, name, s: state_of(c, own, name, s))
    monkeypatch.setattr(asof, "accounts_as_of", slow)
    asking = threading.Thread(target=trees.prove, args=(own, counter.budget))
    asking.start()
    assert making.wait(30)
    # When the twin is asked, then it answers before the first one does
    proven = trees.prove(twin, counter.budget)
    assert asking.is_alive()
    go_on.set()
    asking.join(30)
    assert trees.prove(own, counter.budget) == proven


@pytest.fixture
def lived_alone(database: Database, tmp_path: Any) -> Lived:
    return live(database, tmp_path, 10)


def test_a_tree_is_made_once_for_all_who_ask_and_few_are_kept(
    lived_alone: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given two states, and a count of the trees that are made
    counter = lived_alone.counter
    counter.enter(StateOfAll(actor=counter.office))
    lived_alone.publisher.publish()
    made: list[int] = []
    accounts_as_of = asof.accounts_as_of

    def counted(conn: Any, ledger_id: int, seq: int) -> Any:
        made.append(seq)
        return accounts_as_of(conn, ledger_id, seq)

    monkeypatch.setattr(asof, "accounts_as_of", counted)
    trees = StateTrees(counter.database)
    second = last_state(counter)
    # When several ask at once for the same one
    asking = [
        threading.Thread(target=trees.prove, args=(counter.id, counter.budget)) for _ in range(4)
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    # Then it is made once
    assert made == [second]
    # And both are kept while they are small, only the last where they are not
    first = trees.prove(counter.id, counter.budget, second - 1).seq
    trees.prove(counter.id, counter.budget)
    assert made == [second, first]
    monkeypatch.setattr(statetree, "LEAVES_KEPT_MAX", 1)
    small = StateTrees(counter.database)
    for as_of in (second, second - 1, second):
        small.prove(counter.id, counter.budget, as_of)
    assert made[2:] == [second, first, second]


def test_a_proof_names_its_log(proof: bytes, present: list[Verifier]) -> None:
    told = verify_balance(proof, present).to_json()
    assert (told["origin"], told["trust"]) == (ORIGIN, "checked")
