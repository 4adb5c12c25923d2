"""The rules of dates, due work and reversals; the changes of `parts` are worked by hand.

The desk's clock starts on the local day 2026-11-24.
"""

import pytest

from ledger.journal.commands import (
    Capture,
    Debit,
    Expire,
    PlaceHold,
    Release,
    Reverse,
    Settle,
    Transfer,
    WriteOff,
)
from ledger.journal.times import format_time, parse_time
from tests.journal.books import TRANSFERS, Desk, both_refuse, posting, refused, statement

D1, D2, D3 = "2026-11-25", "2026-11-26", "2026-11-27"


@pytest.fixture
def desk():
    return Desk()


def _dated(desk, *lots):
    """A member with these parts."""
    member = desk.open_member()
    for day, points in lots:
        desk.credit(member, points, day)
    return member


def _gift(desk, giver, receiver, amount):
    return Transfer(account=giver, receiver=receiver, amount=amount, purpose="gift", **desk.by)


def _types(desk, since):
    """The types of the entries from `since` on, each with the accounts it posts to."""
    found = []
    for seq in range(since, len(desk.log)):
        entry = desk.books.original(seq)
        found.append((entry["type"], *(p["account"] for p in entry.get("postings", ()))))
    return found


# --- spending and receiving ----------------------------------------------------------------------


def test_a_debit_takes_the_soonest_days_first_and_undated_points_last(desk):
    member = _dated(desk, (None, 5), (D2, 10), (D1, 3))
    assert desk.parts(member) == [(D1, 3), (D2, 10), ("never", 5)]

    debit = desk.seq(Debit(account=member, amount=4, **desk.by))
    assert posting(desk.books.original(debit), member)["parts"] == [[D1, -3], [D2, -1]]
    desk.do(Debit(account=member, amount=11, **desk.by))
    assert desk.parts(member) == [("never", 3)]


def test_a_debt_is_undated_and_alone(desk):
    member = _dated(desk, (D1, 3), (None, 5))
    debit = desk.overdraw(member, 10)
    change = posting(desk.books.original(debit), member)
    assert change["parts"] == [[D1, -3], ["never", -7]]
    assert desk.parts(member) == [("never", -2)]


def test_what_comes_in_fills_a_debt_first_with_the_soonest_days_points(desk):
    giver, debtor = _dated(desk, (D1, 3), (D2, 4), (D3, 5)), desk.open_member()
    desk.overdraw(debtor, 5)
    gift = desk.seq(_gift(desk, giver, debtor, 12))
    change = posting(desk.books.original(gift), debtor)
    assert change["parts"] == [[D2, 2], [D3, 5], ["never", 5]]
    assert desk.parts(debtor) == [(D2, 2), (D3, 5)]


def test_a_transfer_carries_days_across(desk):
    giver, receiver = _dated(desk, (D1, 3), (D2, 4)), _dated(desk, (D2, 1))
    desk.do(_gift(desk, giver, receiver, 5))
    assert desk.parts(giver) == [(D2, 2)]
    assert desk.parts(receiver) == [(D1, 3), (D2, 3)]


def test_a_hold_takes_the_soonest_days_and_a_release_gives_them_back(desk):
    member, org = _dated(desk, (D1, 3), (D2, 4), (None, 5)), desk.open_org()
    hold = desk.hold(member, 8, org)
    assert desk.parts(member) == [("never", 4)]
    assert desk.parts(member + "/held") == [(D1, 3), (D2, 4), ("never", 1)]

    desk.do(Release(hold=hold, **desk.by))
    assert desk.parts(member) == [(D1, 3), (D2, 4), ("never", 5)]
    assert desk.parts(member + "/held") == []
    assert desk.account(member).holds == ()


def test_a_capture_takes_its_holds_soonest_days_and_pays_undated(desk):
    member, org = _dated(desk, (D1, 3), (D2, 4)), desk.open_org()
    first = desk.hold(member, 2, org)
    second = desk.hold(member, 4, org)
    capture = desk.seq(Capture(hold=second, amount=2, **desk.by))
    entry = desk.books.original(capture)
    assert posting(entry, member + "/held")["parts"] == [[D1, -1], [D2, -1]]
    assert "parts" not in posting(entry, org)
    assert desk.parts(org) == [("never", 2)]
    assert desk.parts(member + "/held") == [(D1, 2), (D2, 2)]
    assert desk.account(member).holds == (first, second)


def test_a_final_capture_gives_back_the_latest_days(desk):
    member, org = _dated(desk, (D1, 3), (D2, 4)), desk.open_org()
    hold = desk.hold(member, 6, org)
    capture = desk.seq(Capture(hold=hold, amount=2, final=True, **desk.by))
    entry = desk.books.original(capture)
    assert posting(entry, member + "/held")["parts"] == [[D1, -3], [D2, -3]]
    assert posting(entry, member)["parts"] == [[D1, 1], [D2, 3]]
    assert desk.parts(member) == [(D1, 1), (D2, 4)]
    assert desk.account(member).holds == ()


def test_what_a_final_capture_gives_back_fills_a_debt(desk):
    member, org = _dated(desk, (D1, 3), (D2, 4)), desk.open_org()
    hold = desk.hold(member, 7, org)
    desk.overdraw(member, 3)
    desk.do(Capture(hold=hold, amount=2, final=True, **desk.by))
    assert desk.parts(member) == [(D2, 2)]


def test_what_a_release_gives_back_fills_a_debt(desk):
    member, org = _dated(desk, (D1, 3), (D2, 4)), desk.open_org()
    hold = desk.hold(member, 7, org)
    desk.overdraw(member, 4)
    desk.do(Release(hold=hold, **desk.by))
    assert desk.parts(member) == [(D2, 3)]


def test_a_final_capture_of_everything_gives_nothing_back(desk):
    member, org = _dated(desk, (D1, 3)), desk.open_org()
    hold = desk.hold(member, 3, org)
    capture = desk.seq(Capture(hold=hold, final=True, **desk.by))
    assert len(desk.books.original(capture)["postings"]) == 2


# --- parts, as an entry states them --------------------------------------------------------------


@pytest.mark.parametrize(
    "listed",
    [
        None,
        [["never", -7]],
        [[D1, -3], [D2, -3]],
        [[D1, -2], [D2, -5]],
        [[D2, -4], [D1, -3]],
        [[D1, -3], [D2, -4], ["never", -1], ["never", 1]],
        [[D1, -1], [D1, -2], [D2, -4]],
        [[D1, -3], [D3, -4]],
    ],
)
def test_parts_check_refuses_all_but_the_soonest_days_of_a_debit(desk, listed):
    member = _dated(desk, (D1, 3), (D2, 10))
    entry = desk.draft(Debit(account=member, amount=7, **desk.by))
    assert posting(entry, member)["parts"] == [[D1, -3], [D2, -4]]
    desk.judge(entry)

    posting(entry, member)["parts"] = listed
    if listed is None:
        del posting(entry, member)["parts"]
    with refused("parts"):
        desk.judge(entry)


def test_parts_check_refuses_undated_points_that_are_listed(desk):
    member = _dated(desk, (None, 5))
    entry = desk.draft(Debit(account=member, amount=2, **desk.by))
    posting(entry, member)["parts"] = [["never", -2]]
    with refused("parts"):
        desk.judge(entry)


@pytest.mark.parametrize("sink", ["withdrawn", "issuer"])
def test_parts_check_refuses_days_where_there_are_none(desk, sink):
    member = _dated(desk, (D1, 5))
    debit, credit = Debit(account=member, amount=2, **desk.by), desk.grant(member, 2, D1)
    entry = desk.draft(debit if sink == "withdrawn" else credit)
    other = posting(entry, "withdrawn" if sink == "withdrawn" else desk.budget)
    other["parts"] = [[D1, other["amount"]]]
    with refused("parts"):
        desk.judge(entry)


@pytest.mark.parametrize(
    "listed",
    [
        [["never", 7]],
        [[D1, 6]],
        [[D2, 3], [D1, 4]],
        [[D1, 3], [D1, 4]],
        [[D1, 8], ["never", -1]],
    ],
)
def test_parts_check_wants_a_credits_days_in_order_once_and_positive(desk, listed):
    entry = desk.draft(desk.grant(desk.open_member(), 7, D1))
    receiver = entry["postings"][1]
    assert receiver["parts"] == [[D1, 7]]
    receiver["parts"] = [[D1, 3], [D2, 4]]
    desk.judge(entry)

    receiver["parts"] = listed
    with refused("parts"):
        desk.judge(entry)


def test_parts_check_wants_a_credit_to_fill_a_debt_first(desk):
    debtor = desk.open_member()
    desk.overdraw(debtor, 5)
    entry = desk.draft(desk.grant(debtor, 7, D1))
    assert posting(entry, debtor)["parts"] == [[D1, 2], ["never", 5]]
    desk.judge(entry)

    posting(entry, debtor)["parts"] = [[D1, 3], ["never", 4]]
    with refused("parts"):
        desk.judge(entry)
    posting(entry, debtor)["parts"] = [[D1, 7]]
    with refused("parts"):
        desk.judge(entry)


def test_parts_check_refuses_a_capture_of_later_days(desk):
    member, org = _dated(desk, (D1, 3), (D2, 4)), desk.open_org()
    hold = desk.hold(member, 6, org)
    entry = desk.draft(Capture(hold=hold, amount=3, **desk.by))
    desk.judge(entry)
    posting(entry, member + "/held")["parts"] = [[D2, -3]]
    with refused("parts"):
        desk.judge(entry)


def test_parts_check_refuses_a_release_of_less_than_is_held(desk):
    member = _dated(desk, (None, 5))
    hold = desk.hold(member, 5, desk.open_org())
    entry = desk.draft(Release(hold=hold, **desk.by))
    for line, off in zip(entry["postings"], (-1, 1), strict=True):
        line["amount"] += off
        line["balance"] += off
    with refused("parts"):
        desk.judge(entry)


# --- past days, and how many days there may be ---------------------------------------------------


def test_past_day_decide_and_check_refuse_points_that_lapsed_yesterday(desk):
    member = desk.open_member()
    both_refuse(desk, "past-day", desk.grant(member, 1, "2026-11-23"))
    desk.credit(member, 1, "2026-11-24")


def test_past_day_check_takes_the_local_day(desk):
    member = desk.open_member()
    desk.wait(hours=14)
    assert desk.time()[:10] == "2026-11-24"
    both_refuse(desk, "past-day", desk.grant(member, 1, "2026-11-24"))


def _with_64_dates(desk, held=0):
    member = desk.open_member()
    for ahead in range(1, 65):
        desk.credit(member, 1, desk.day(ahead))
    if held:
        desk.hold(member, held, desk.open_org())
    return member


@pytest.mark.parametrize("held", [0, 1, 30, 64])
def test_dates_decide_and_check_refuse_a_credit_with_a_65th_date_held_ones_counted(desk, held):
    member = _with_64_dates(desk, held)
    both_refuse(desk, "dates", desk.grant(member, 1, desk.day(65)))
    desk.credit(member, 1, desk.day(1))
    desk.credit(member, 1, desk.day(64))
    desk.credit(member, 1)


def test_dates_decide_and_check_refuse_a_transfer_with_a_65th_date(desk):
    member = _with_64_dates(desk)
    giver = _dated(desk, (desk.day(65), 1), (None, 2))
    both_refuse(desk, "dates", _gift(desk, giver, member, 1))
    desk.do(Debit(account=giver, amount=1, **desk.by))
    desk.do(_gift(desk, giver, member, 1))


def test_dates_a_reversal_and_a_release_may_bring_a_65th(desk):
    member, other = _with_64_dates(desk, held=1), desk.open_member()
    hold = desk.account(member).holds[0]
    given = desk.seq(_gift(desk, member, other, 1))
    desk.credit(member, 1, desk.day(65))
    desk.do(Reverse(original=given, **desk.by))
    desk.do(Release(hold=hold, **desk.by))
    assert len(desk.account(member).dated) == 65
    both_refuse(desk, "dates", desk.grant(member, 1, desk.day(65)))


# --- holds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [0, -1])
def test_until_decide_and_check_refuse_a_hold_that_ends_before_it_begins(desk, ahead):
    member, org = _dated(desk, (None, 5)), desk.open_org()
    desk.wait(hours=1)
    hold = {"account": member, "amount": 1, "payee": org, **desk.by}
    both_refuse(desk, "until", PlaceHold(until=desk.time(us=ahead), **hold))
    desk.do(PlaceHold(until=desk.time(us=1), **hold))


def test_until_decide_and_check_refuse_a_hold_longer_than_the_policy_allows(desk):
    member, org = _dated(desk, (None, 5)), desk.open_org()
    desk.wait(hours=1)
    hold = {"account": member, "amount": 1, "payee": org, **desk.by}
    both_refuse(desk, "until", PlaceHold(until=desk.time(days=100, us=1), **hold))
    desk.do(PlaceHold(until=desk.time(days=100), **hold))


def test_until_is_as_late_as_the_policy_in_force_allows_when_nobody_says(desk):
    member, org = _dated(desk, (None, 5)), desk.open_org()
    desk.new_policy(hold_days=7)
    desk.wait(hours=1)
    hold = desk.hold(member, 1, org)
    assert desk.books.get("holds", hold).until == desk.time(days=7)


def test_holds_decide_and_check_refuse_a_65th_open_hold(desk):
    member, org = _dated(desk, (None, 100)), desk.open_org()
    holds = [desk.hold(member, 1, org) for _ in range(64)]
    another = PlaceHold(account=member, amount=1, payee=org, **desk.by)
    both_refuse(desk, "holds", another)
    desk.do(Capture(hold=holds[30], **desk.by))
    desk.do(another)
    assert desk.balance(member + "/held") == 64


def test_points_that_lapse_while_held_stay_capturable_until_the_hold_ends(desk):
    member, org = _dated(desk, (D1, 5)), desk.open_org()
    until = desk.time(days=5)
    hold = desk.hold(member, 5, org, until)
    desk.wait(days=3)
    assert desk.day(0) > D1
    desk.do(Expire(account=member))
    desk.do(Capture(hold=hold, amount=2, **desk.by))

    desk.do(Capture(hold=hold, amount=1, **desk.by), at=until)
    assert desk.parts(org) == [("never", 3)]
    with refused("reference"):
        desk.do(Capture(hold=hold, amount=1, **desk.by), at=format_time(parse_time(until) + 1))


def test_a_hold_is_due_a_microsecond_after_its_until_and_not_before(desk):
    member, org = _dated(desk, (None, 5)), desk.open_org()
    desk.hold(member, 5, org, desk.time(days=5))
    desk.wait(days=5)
    assert desk.do(Expire(account=member)) == []
    desk.wait(us=1)
    assert [made.entry["type"] for made in desk.do(Expire(account=member))] == ["release"]


# --- due work ------------------------------------------------------------------------------------


def test_due_work_comes_before_what_is_asked_for_oldest_holds_first_then_points(desk):
    member, org = _dated(desk, (D1, 9), (D3, 9)), desk.open_org()
    older = desk.hold(member, 3, org, desk.time(days=2))
    newer = desk.hold(member, 2, org, desk.time(days=1))
    desk.wait(days=3)
    made = desk.do(desk.grant(member, 7))

    assert [m.entry["type"] for m in made] == ["release", "release", "expiry", "credit"]
    assert [m.entry.get("for") for m in made] == [older, newer, None, None]
    assert not any("actor" in m.entry or "request" in m.entry for m in made[:3])
    assert desk.parts(member) == [(D3, 9), ("never", 7)]
    assert desk.balance("expired") == 9


def test_a_hold_that_ends_before_an_older_one_is_due_before_it(desk):
    member, org = _dated(desk, (None, 9)), desk.open_org()
    lasting = desk.hold(member, 3, org, desk.time(days=9))
    ending = desk.hold(member, 2, org, desk.time(days=1))
    desk.wait(days=2)
    made = desk.do(desk.grant(member, 1))
    assert [(m.entry["type"], m.entry.get("for")) for m in made] == [
        ("release", ending),
        ("credit", None),
    ]
    assert desk.account(member).holds == (lasting,)


def test_due_work_is_done_for_both_sides(desk):
    giver, receiver = _dated(desk, (D1, 9), (D3, 9)), _dated(desk, (D1, 5))
    desk.wait(days=2)
    before = len(desk.log)
    desk.do(_gift(desk, giver, receiver, 4))
    assert _types(desk, before) == [
        ("expiry", "expired", giver),
        ("expiry", "expired", receiver),
        ("transfer", *sorted((giver, receiver))),
    ]
    assert desk.parts(receiver) == [(D3, 4)]


def test_due_work_is_dropped_when_the_command_is_refused(desk):
    member = _dated(desk, (D1, 9))
    desk.wait(days=2)
    before = len(desk.log)
    with refused("funds"):
        desk.do(Debit(account=member, amount=1, **desk.by))
    assert len(desk.log) == before
    assert desk.parts(member) == [(D1, 9)]


def test_points_last_through_their_local_day(desk):
    member = _dated(desk, ("2026-11-24", 9))
    last = "2026-11-24T15:59:59.999999Z"
    assert desk.do(Expire(account=member), at=last) == []
    made = desk.do(Expire(account=member), at="2026-11-24T16:00:00.000000Z")
    assert [m.entry["type"] for m in made] == ["expiry"]
    assert (desk.balance(member), desk.balance("expired")) == (0, 9)


def test_bringing_due_work_forward_changes_nothing_when_nothing_is_due(desk):
    member = _dated(desk, (D1, 9))
    assert desk.do(Expire(account=member)) == []


def _omitting(desk, member):
    """Entries that leave out the due work of a member."""
    org, other = desk.open_org(), _dated(desk, (None, 5))
    hold = desk.hold(other, 1, member)
    gift = desk.seq(_gift(desk, other, desk.open_member(), 1))
    to_member = desk.seq(_gift(desk, other, member, 1))
    return {
        "payee": Capture(hold=hold, **desk.by),
        "credit": desk.grant(member, 1),
        "debit": Debit(account=member, amount=1, **desk.by),
        "giver": _gift(desk, member, other, 1),
        "receiver": _gift(desk, other, member, 1),
        "hold": PlaceHold(account=member, amount=1, payee=org, **desk.by),
        "reversal": Reverse(original=to_member, **desk.by),
    }, gift


@pytest.mark.parametrize(
    "place", ["credit", "debit", "giver", "hold", "payee", "receiver", "reversal"]
)
def test_due_check_catches_an_omitted_expiry(desk, place):
    member = _dated(desk, (D1, 9), (D3, 9))
    commands, _ = _omitting(desk, member)
    desk.judge(desk.draft(commands[place]))
    desk.wait(days=2)
    with refused("due"):
        desk.judge(desk.draft(commands[place]))


@pytest.mark.parametrize(
    "place", ["credit", "debit", "giver", "hold", "payee", "receiver", "reversal"]
)
def test_due_check_catches_an_omitted_release(desk, place):
    member = _dated(desk, (None, 9))
    commands, _ = _omitting(desk, member)
    desk.hold(member, 1, desk.open_org(), desk.time(days=1))
    desk.judge(desk.draft(commands[place]))
    desk.wait(days=2)
    with refused("due"):
        desk.judge(desk.draft(commands[place]))


def test_due_check_catches_an_omitted_expiry_before_a_settlement_and_a_write_off(desk):
    org = desk.open_org()
    desk.credit(org, 5, D1)
    desk.credit(org, 5)
    settlement = Settle(account=org, amount=1, ref=desk.ref(), **desk.two)
    desk.judge(desk.draft(settlement))
    desk.wait(days=2)
    with refused("due"):
        desk.judge(desk.draft(settlement))
    with refused("due"):
        desk.judge(desk.draft(WriteOff(account=org, amount=1, **desk.two)))


def test_due_check_refuses_a_capture_after_the_holds_until(desk):
    member, org = _dated(desk, (None, 5)), desk.open_org()
    hold = desk.hold(member, 5, org, desk.time(days=1))
    desk.wait(days=1)
    capture = Capture(hold=hold, **desk.by)
    desk.judge(desk.draft(capture))
    desk.wait(us=1)
    with refused("due"):
        desk.judge(desk.draft(capture))


def test_due_check_releases_the_oldest_due_hold_first(desk):
    member, org = _dated(desk, (None, 9)), desk.open_org()
    older = desk.hold(member, 3, org, desk.time(days=2))
    newer = desk.hold(member, 2, org, desk.time(days=1))
    desk.wait(days=3)
    with refused("due"):
        desk.judge(desk.draft(Release(hold=newer)))
    desk.judge(desk.draft(Release(hold=older)))


def test_due_check_refuses_a_release_by_nobody_of_a_hold_that_is_not_due(desk):
    member, org = _dated(desk, (None, 9)), desk.open_org()
    hold = desk.hold(member, 3, org, desk.time(days=2))
    desk.judge(desk.draft(Release(hold=hold, **desk.by)))
    with refused("due"):
        desk.judge(desk.draft(Release(hold=hold)))


def test_due_check_refuses_a_release_by_somebody_while_anything_is_due(desk):
    member, org = _dated(desk, (D1, 9)), desk.open_org()
    hold = desk.hold(member, 3, org, desk.time(days=9))
    desk.wait(days=2)
    with refused("due"):
        desk.judge(desk.draft(Release(hold=hold, **desk.by)))


def _expiry(desk, member, listed):
    amount = sum(points for _, points in listed)
    account, sink = desk.account(member), desk.account("expired")
    into = {"account": "expired", "amount": amount, "balance": sink.balance + amount}
    out = {"account": member, "amount": -amount, "balance": account.balance - amount}
    out["parts"] = [[day, -points] for day, points in listed]
    postings = [into | {"prev": sink.last}, out | {"prev": account.last}]
    return desk.draft(Debit(account=member, amount=1), type="expiry", postings=postings)


def test_due_check_refuses_an_expiry_of_points_that_are_still_valid(desk):
    member = _dated(desk, (D1, 9))
    desk.wait(days=1)
    with refused("due"):
        desk.judge(_expiry(desk, member, [(D1, 9)]))
    desk.wait(days=1)
    desk.judge(_expiry(desk, member, [(D1, 9)]))


def test_due_check_refuses_an_expiry_before_due_holds_are_released(desk):
    member = _dated(desk, (D1, 9))
    desk.hold(member, 3, desk.open_org(), desk.time(days=1))
    desk.wait(days=3)
    with refused("due"):
        desk.judge(_expiry(desk, member, [(D1, 6)]))
    desk.do(Expire(account=member))
    assert desk.balance("expired") == 9


@pytest.mark.parametrize("listed", [[(D1, 9)], [(D1, 9), (D2, 8)], [(D1, 9), (D3, 9)]])
def test_parts_check_wants_all_that_is_due_and_nothing_else_to_expire(desk, listed):
    member = _dated(desk, (D1, 9), (D2, 9), (D3, 9))
    desk.wait(days=3)
    with refused("parts"):
        desk.judge(_expiry(desk, member, listed))
    desk.judge(_expiry(desk, member, [(D1, 9), (D2, 9)]))


# --- reversal ------------------------------------------------------------------------------------


def test_a_reversal_gives_back_the_latest_days_first(desk):
    member = _dated(desk, (D1, 3), (D2, 4), (None, 5))
    debit = desk.seq(Debit(account=member, amount=9, **desk.by))
    assert desk.parts(member) == [("never", 3)]

    first = desk.seq(Reverse(original=debit, amount=4, **desk.by))
    assert posting(desk.books.original(first), member)["parts"] == [[D2, 2], ["never", 2]]
    second = desk.seq(Reverse(original=debit, amount=3, **desk.by))
    assert posting(desk.books.original(second), member)["parts"] == [[D1, 1], [D2, 2]]
    desk.do(Reverse(original=debit, **desk.by))
    assert desk.parts(member) == [(D1, 3), (D2, 4), ("never", 5)]


def test_a_reversal_gives_back_past_days_too_which_are_then_due(desk):
    member = _dated(desk, (D1, 3), (D3, 4))
    debit = desk.seq(Debit(account=member, amount=7, **desk.by))
    desk.wait(days=2)
    desk.do(Reverse(original=debit, **desk.by))
    assert desk.parts(member) == [(D1, 3), (D3, 4)]

    made = desk.do(desk.grant(member, 1))
    assert [m.entry["type"] for m in made] == ["expiry", "credit"]
    assert desk.parts(member) == [(D3, 4), ("never", 1)]


def test_a_reversal_takes_what_is_left_of_the_days_it_brought_then_the_soonest(desk):
    giver = _dated(desk, (D2, 10))
    receiver = _dated(desk, (D1, 4), (D3, 4))
    gift = desk.seq(_gift(desk, giver, receiver, 10))
    desk.do(Debit(account=receiver, amount=9, **desk.by))
    assert desk.parts(receiver) == [(D2, 5), (D3, 4)]

    desk.credit(receiver, 2, D1)
    reversal = desk.seq(Reverse(original=gift, amount=8, **desk.by))
    change = posting(desk.books.original(reversal), receiver)
    assert change["parts"] == [[D1, -2], [D2, -5], [D3, -1]]
    assert desk.parts(receiver) == [(D3, 3)]
    assert desk.parts(giver) == [(D2, 8)]


def test_a_partial_reversal_takes_the_latest_of_all_that_is_left_of_what_it_brought(desk):
    giver, receiver = _dated(desk, (D1, 5), (D3, 5)), _dated(desk, (D2, 4))
    gift = desk.seq(_gift(desk, giver, receiver, 10))
    assert desk.parts(receiver) == [(D1, 5), (D2, 4), (D3, 5)]

    first = desk.seq(Reverse(original=gift, amount=3, **desk.by))
    assert posting(desk.books.original(first), receiver)["parts"] == [[D3, -3]]
    desk.do(Debit(account=receiver, amount=3, **desk.by))
    second = desk.seq(Reverse(original=gift, amount=7, **desk.by))
    change = posting(desk.books.original(second), receiver)
    assert change["parts"] == [[D1, -2], [D2, -3], [D3, -2]]
    assert desk.parts(receiver) == [(D2, 1)]
    assert desk.parts(giver) == [(D1, 5), (D3, 5)]


def test_a_reversal_falls_into_debt_where_too_little_is_left(desk):
    giver, receiver = _dated(desk, (D2, 10)), desk.open_member()
    gift = desk.seq(_gift(desk, giver, receiver, 10))
    desk.do(Debit(account=receiver, amount=7, **desk.by))
    reversal = desk.seq(Reverse(original=gift, **desk.by))
    change = posting(desk.books.original(reversal), receiver)
    assert change["parts"] == [[D2, -3], ["never", -7]]
    assert desk.parts(receiver) == [("never", -7)]


def test_a_reversal_fills_the_debt_of_who_gave_with_the_soonest_of_the_days(desk):
    giver, receiver = _dated(desk, (D1, 3), (D2, 3)), desk.open_member()
    gift = desk.seq(_gift(desk, giver, receiver, 6))
    desk.overdraw(giver, 4)
    desk.do(Reverse(original=gift, **desk.by))
    assert desk.parts(giver) == [(D2, 2)]


def test_a_reversal_of_a_credit_returns_points_to_its_budget(desk):
    member = desk.open_member()
    credit = desk.credit(member, 10, D1)
    desk.do(Reverse(original=credit, amount=4, **desk.by))
    assert desk.parts(member) == [(D1, 6)]
    assert desk.balance(desk.budget) == -6


def test_a_reversal_of_a_capture_pays_back_the_holder_and_leaves_the_hold_closed(desk):
    member, org = _dated(desk, (D1, 3), (D2, 4)), desk.open_org()
    hold = desk.hold(member, 7, org)
    capture = desk.seq(Capture(hold=hold, amount=5, final=True, **desk.by))
    assert desk.parts(member) == [(D2, 2)]

    desk.do(Reverse(original=capture, amount=3, **desk.by))
    assert desk.parts(member) == [(D1, 1), (D2, 4)]
    assert desk.parts(org) == [("never", 2)]
    desk.do(Reverse(original=capture, **desk.by))
    assert desk.parts(member) == [(D1, 3), (D2, 4)]
    assert (desk.balance(org), desk.balance(member + "/held")) == (0, 0)
    with refused("reference"):
        desk.do(Release(hold=hold, **desk.by))


def test_reversal_decide_refuses_more_than_the_original_in_all(desk):
    credit = desk.credit(desk.open_member(), 10)
    desk.do(Reverse(original=credit, amount=6, **desk.by))
    for amount in (5, 0, -1):
        with refused("reversal"):
            desk.do(Reverse(original=credit, amount=amount, **desk.by))
    desk.do(Reverse(original=credit, **desk.by))
    with refused("reversal"):
        desk.do(Reverse(original=credit, **desk.by))


def test_reversal_check_refuses_more_than_the_original_in_all(desk):
    member = desk.open_member()
    desk.credit(member, 50)
    credit = desk.credit(member, 10)
    desk.do(Reverse(original=credit, amount=6, **desk.by))
    entry = desk.draft(Reverse(original=credit, **desk.by))
    desk.judge(entry)
    for account, sign in ((member, -1), (desk.budget, 1)):
        posting(entry, account)["amount"] += sign
        posting(entry, account)["balance"] += sign
    with refused("reversal"):
        desk.judge(entry)


def test_parts_check_refuses_a_reversal_that_gives_back_the_soonest_days(desk):
    member = _dated(desk, (D1, 3), (D2, 4))
    debit = desk.seq(Debit(account=member, amount=7, **desk.by))
    entry = desk.draft(Reverse(original=debit, amount=3, **desk.by))
    desk.judge(entry)
    posting(entry, member)["parts"] = [[D1, 3]]
    with refused("parts"):
        desk.judge(entry)


def test_lapsed_decide_refuses_to_reverse_a_credit_whose_day_is_past(desk):
    member = _dated(desk, (None, 5))
    credit = desk.credit(member, 10, D1)
    desk.wait(days=1)
    desk.do(Reverse(original=credit, amount=1, **desk.by))
    desk.wait(days=1)
    with refused("lapsed"):
        desk.do(Reverse(original=credit, amount=1, **desk.by))


def test_lapsed_decide_looks_at_every_day_that_is_left_of_a_credit(desk):
    debtor = desk.open_member()
    desk.overdraw(debtor, 5)
    credit = desk.credit(debtor, 8, D1)
    assert posting(desk.books.original(credit), debtor)["parts"] == [[D1, 3], ["never", 5]]
    desk.do(Reverse(original=credit, amount=1, **desk.by))
    desk.wait(days=2)
    with refused("lapsed"):
        desk.do(Reverse(original=credit, amount=1, **desk.by))


def test_lapsed_check_refuses_to_reverse_a_credit_whose_day_is_past(desk):
    member = _dated(desk, (None, 50))
    undated = desk.credit(member, 10)
    lapsing = desk.credit(member, 10, D1)
    desk.wait(days=2)
    desk.do(Expire(account=member))
    entry = desk.draft(Reverse(original=undated, amount=4, **desk.by))
    desk.judge(entry)
    with refused("lapsed"):
        desk.judge(entry | {"for": lapsing})


def test_a_closing_account_first_does_its_due_work(desk):
    member = _dated(desk, (D1, 9))
    desk.wait(days=2)
    made = desk.do(statement("close", account=member, **desk.by))
    assert [m.entry["type"] for m in made] == ["expiry", "close"]


def test_a_policy_without_ways_forbids_transfers_and_nothing_else(desk):
    member, org = _dated(desk, (None, 9)), desk.open_org()
    desk.new_policy(transfers=[way for way in TRANSFERS if way["purpose"] != "gift"])
    both_refuse(desk, "purpose", _gift(desk, member, desk.open_member(), 1))
    desk.do(Capture(hold=desk.hold(member, 1, org), **desk.by))
