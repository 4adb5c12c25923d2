"""A balance proof over HTTP is the file that `points verify --balance` takes."""

from ledger.audit.balances import verify_balance
from ledger.journal.commands import StateOfAll
from ledger.journal.orders import Group, Order
from ledger.tlog.note import parse_vkey


def state(desk):
    ledger = desk.installation.ledger("beiyuan")
    (done,) = ledger.appender.submit(Group((Order(command=StateOfAll()),)))
    return done.last


def test_a_balance_is_proven_by_the_last_published_state(desk):
    # given a member with points, and no state of all accounts yet
    member = desk.member(30)
    none = desk.get(f"/accounts/{member}/proof")
    assert (none.status_code, none.json["type"]) == (409, "/problems/no-state")
    assert "entered each day" in none.json["detail"]

    # when one is entered and published, and the balance changes after it
    seq = state(desk)
    waiting = desk.get(f"/accounts/{member}/proof")
    assert (waiting.status_code, waiting.headers["Retry-After"]) == (202, "1")
    desk.publish()
    desk.post("/debits", {"account": member, "amount": 3})

    # then the proof shows what the member had then, to whoever has the log's keys
    answer = desk.get(f"/accounts/{member}/proof")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    keys = desk.installation.ledger("beiyuan").keys
    trusted = [parse_vkey(vkey) for vkey in keys.vkeys(keys.generations[0])]
    report = verify_balance(answer.data, trusted)
    assert (report.account, report.balance, report.receipt.seq) == (member, 30, seq)
    assert desk.get(f"/accounts/{member}/proof?as_of={seq}").data == answer.data
    earlier = desk.get(f"/accounts/{member}/proof?as_of={seq - 1}")
    assert earlier.json["type"] == "/problems/no-state"


def test_who_came_after_the_state_waits_for_the_next(desk):
    state(desk)
    desk.publish()
    late = desk.get(f"/accounts/{desk.member()}/proof")
    assert (late.status_code, late.json["type"]) == (409, "/problems/no-state")
    nobody = desk.get(f"/accounts/member/{'a' * 26}/proof")
    assert (nobody.status_code, nobody.json["type"]) == (404, "/problems/account")
