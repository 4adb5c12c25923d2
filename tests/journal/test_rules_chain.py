"""The rules of form, chain, clock and founding.

`decide` numbers, dates and adds up by itself, so most of these can only be broken by an entry that
somebody else made: where there is no test of `decide`, the reason stands in `test_rules.py`.
"""

import pytest

from ledger.errors import MalformedEntry
from ledger.journal.commands import Credit, Debit, StateOfAll
from ledger.journal.entry import POINTS_MAX, decode, encode, to_base64
from ledger.journal.times import format_time, parse_time
from tests.journal.books import GAP_DAYS, START, Desk, posting, refused, statement


def test_form_decide_refuses_a_command_whose_values_have_no_form():
    desk = Desk()
    member = desk.open_member()
    before = list(desk.log)

    with pytest.raises(MalformedEntry):
        desk.do(desk.grant(member, 0))

    assert desk.log == before


@pytest.mark.parametrize("value", [2**64, "\ud800", 1.5, object()])
def test_form_decide_refuses_values_that_json_cannot_say(value):
    desk = Desk()
    member = desk.open_member()

    with pytest.raises(MalformedEntry):
        desk.do(Credit(account=member, amount=1, budget=desk.budget, **desk.by, ref={"id": value}))


def test_form_check_refuses_bytes_that_are_not_canonical():
    desk = Desk()
    raw = encode(desk.draft(desk.grant(desk.open_member(), 5)))

    with pytest.raises(MalformedEntry):
        decode(raw.replace(b",", b", ", 1))


@pytest.mark.parametrize("off", [-1, 1])
def test_sequence_check_refuses_a_number_that_is_not_the_next(off):
    desk = Desk()
    entry = desk.draft(desk.grant(desk.open_member(), 5))
    with refused("sequence"):
        desk.judge(entry | {"seq": entry["seq"] + off})


def test_origin_check_refuses_an_entry_of_another_ledger():
    desk = Desk()
    entry = desk.draft(desk.grant(desk.open_member(), 5))
    with refused("origin"):
        desk.judge(entry | {"ledger": "points.example.org/log/nanyuan"})


def test_clock_check_refuses_the_time_of_the_entry_before():
    desk = Desk()
    entry = desk.draft(desk.grant(desk.open_member(), 5))
    desk.judge(entry)
    with refused("clock"):
        desk.judge(entry | {"at": desk.books.head.at})


def test_clock_a_command_at_an_earlier_time_is_entered_a_microsecond_after_the_last():
    desk = Desk(founded=1)
    (made,) = desk.do(desk.founding[1], at="2026-11-01T00:00:00.000000Z")
    assert made.entry["at"] == "2026-11-24T02:03:04.000006Z"
    assert START == "2026-11-24T02:03:04.000005Z"


def test_gap_decide_refuses_anything_but_a_state_after_more_than_31_days():
    desk = Desk()
    member = desk.open_member()
    desk.wait(hours=1)
    desk.credit(member, 5)
    last = desk.books.head.at

    desk.now += GAP_DAYS * 86_400_000_000
    assert desk.time(days=-GAP_DAYS) == last
    desk.judge(desk.draft(desk.grant(member, 5)))
    desk.now += 1
    with refused("gap"):
        desk.do(desk.grant(member, 5))


def test_gap_check_wants_an_actor_on_the_state_that_ends_it():
    desk = Desk()
    member = desk.open_member()
    desk.now += (GAP_DAYS + 1) * 86_400_000_000

    with refused("gap"):
        desk.judge(desk.draft(desk.grant(member, 5)))
    with refused("gap"):
        desk.judge(desk.draft(StateOfAll()))
    desk.do(StateOfAll(**desk.by))
    desk.credit(member, 5)


def test_effective_decide_refuses_what_takes_effect_later():
    desk = Desk()
    member = desk.open_member()
    with refused("effective"):
        desk.do(desk.service(member, effective_at=desk.time(us=1_000_000)))


def test_effective_check_allows_the_time_of_the_entry_and_no_later_one():
    desk = Desk()
    entry = desk.draft(desk.grant(desk.open_member(), 5))
    desk.judge(entry | {"effective_at": entry["at"]})
    with refused("effective"):
        desk.judge(entry | {"effective_at": format_time(parse_time(entry["at"]) + 1)})


def test_founding_decide_refuses_a_log_that_starts_with_anything_else():
    desk = Desk(founded=0)
    with refused("founding"):
        desk.do(statement("person", ledger="a.b/log/abc", person=desk.office, standing="office"))


@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_founding_decide_wants_the_five_entries_in_their_order(place):
    desk = Desk(founded=place)
    with refused("founding"):
        desk.do(StateOfAll())


def test_founding_check_refuses_a_second_ledger_entry():
    desk = Desk()
    with refused("founding"):
        desk.judge(desk.draft(desk.founding[0]))


@pytest.mark.parametrize("standing", ["auditor", "member", "none", "partner"])
def test_founding_check_wants_founders_of_standing_office(standing):
    desk = Desk(founded=2)
    with refused("founding"):
        desk.judge(desk.draft(desk.founding[2], standing=standing))


def test_founding_check_wants_founders_whom_nobody_introduced():
    desk = Desk(founded=2)
    with refused("founding"):
        desk.judge(desk.draft(desk.founding[2], actor=desk.office))


def test_founding_check_wants_two_different_founders():
    desk = Desk(founded=2)
    with refused("founding"):
        desk.judge(desk.draft(desk.founding[2], person=desk.office))


def test_once_decide_refuses_a_request_that_was_entered_before():
    desk = Desk()
    request = desk.request()
    member = desk.open_member()
    desk.do(desk.grant(member, 5), request=request)
    desk.wait(days=3)

    with refused("once"):
        desk.do(desk.grant(member, 5), request=request)


def test_once_check_remembers_the_request_of_any_entry():
    desk = Desk()
    member, request = desk.open_member(), desk.request()
    desk.do(desk.service(member), request=request)
    entry = desk.draft(desk.grant(member, 5))

    desk.judge(entry | {"request": desk.request()})
    with refused("once"):
        desk.judge(entry | {"request": request})


@pytest.mark.parametrize("off", [-1, 1])
def test_balance_check_refuses_a_balance_that_does_not_follow(off):
    desk = Desk()
    member = desk.open_member()
    desk.credit(member, 7)
    entry = desk.draft(desk.grant(member, 5))
    for account in (member, desk.budget):
        altered = [dict(p) for p in entry["postings"]]
        posting({"postings": altered}, account)["balance"] += off
        with refused("balance"):
            desk.judge(entry | {"postings": altered})


def test_prev_check_wants_the_entry_that_opened_an_account_on_its_first_posting():
    desk = Desk()
    member = desk.open_member()
    opened = desk.books.head.size - 1
    entry = desk.draft(desk.grant(member, 5))
    assert posting(entry, member)["prev"] == opened
    assert posting(entry, desk.budget)["prev"] == 4
    desk.judge(entry)

    posting(entry, member)["prev"] = 0
    with refused("prev"):
        desk.judge(entry)


def test_prev_check_wants_the_posting_before():
    desk = Desk()
    member = desk.open_member()
    first = desk.credit(member, 7)
    desk.credit(desk.open_member(), 7)
    entry = desk.draft(desk.grant(member, 5))
    assert posting(entry, member)["prev"] == first

    posting(entry, member)["prev"] = first - 1
    with refused("prev"):
        desk.judge(entry)


def test_prev_is_nought_on_the_first_posting_to_an_account_that_was_always_there():
    desk = Desk()
    member = desk.open_member()
    desk.credit(member, 7)
    entry = desk.draft(Debit(account=member, amount=2, **desk.by))
    assert posting(entry, "withdrawn")["prev"] == 0

    posting(entry, "withdrawn")["prev"] = 1
    with refused("prev"):
        desk.judge(entry)


def test_range_decide_refuses_a_balance_that_no_reader_can_hold():
    desk, member = _everything_withdrawn()
    with pytest.raises(MalformedEntry):
        desk.do(Debit(account=member, amount=1, **desk.two))


def test_range_check_refuses_a_balance_beyond_two_to_the_53_less_one():
    desk, member = _everything_withdrawn()
    entry = desk.draft(Debit(account=member, amount=1, **desk.two))
    posting(entry, "withdrawn")["balance"] = POINTS_MAX
    with refused("range"):
        desk.judge(entry)


def _everything_withdrawn():
    desk = Desk()
    desk.overdraw(desk.open_member(), POINTS_MAX)
    assert desk.balance("withdrawn") == POINTS_MAX
    return desk, desk.open_member()


def test_a_nonce_and_a_request_are_of_different_lengths():
    desk = Desk()
    assert len(desk.nonce()) == len(to_base64(bytes(16)))
    assert len(desk.request()) == len(to_base64(bytes(32)))
