"""The rules on where points flow: accounts, references, purposes, services, budgets, floors."""

import pytest

from ledger.journal.commands import (
    Capture,
    Debit,
    PlaceHold,
    Release,
    Reverse,
    Settle,
    Transfer,
    WriteOff,
)
from tests.journal.books import Desk, both_refuse, posting, refused, statement

# --- flow ----------------------------------------------------------------------------------------


@pytest.fixture
def desk():
    return Desk()


def _rich(desk, points=100):
    member = desk.open_member()
    desk.credit(member, points)
    return member


def _gift(desk, giver, receiver, amount=1, purpose="gift"):
    return Transfer(account=giver, receiver=receiver, amount=amount, purpose=purpose, **desk.by)


def test_flow_decide_and_check_refuse_a_settlement_of_a_member(desk):
    both_refuse(desk, "flow", Settle(account=_rich(desk), amount=1, ref=desk.ref(), **desk.two))


@pytest.mark.parametrize("account", ["withdrawn", "expired", "settled", "written-off", "held"])
def test_flow_decide_and_check_refuse_a_credit_to_what_is_no_holder(desk, account):
    member = desk.open_member()
    both_refuse(desk, "flow", desk.grant(member + "/held" if account == "held" else account, 1))


def test_flow_decide_and_check_refuse_a_credit_from_anything_but_an_issuer(desk):
    both_refuse(desk, "flow", desk.grant(desk.open_member(), 1, budget=_rich(desk)))


def test_flow_decide_and_check_refuse_spending_a_held_account(desk):
    member = _rich(desk)
    desk.hold(member, 10, desk.open_org())
    held = member + "/held"
    both_refuse(desk, "flow", Debit(account=held, amount=1, **desk.by))
    both_refuse(desk, "flow", _gift(desk, held, desk.open_member()))
    both_refuse(desk, "flow", _gift(desk, desk.open_member(), held))
    both_refuse(desk, "flow", WriteOff(account=held, amount=1, **desk.two))


def test_flow_decide_and_check_refuse_taking_points_from_an_issuer_or_a_sink(desk):
    both_refuse(desk, "flow", Debit(account=desk.budget, amount=1, **desk.two))
    both_refuse(desk, "flow", Debit(account="expired", amount=1, **desk.two))
    both_refuse(desk, "flow", _gift(desk, "withdrawn", _rich(desk)))


def test_flow_decide_refuses_a_transfer_to_the_giver(desk):
    member = _rich(desk)
    with refused("flow"):
        desk.do(_gift(desk, member, member))


def test_flow_check_refuses_a_transfer_to_the_giver(desk):
    member = _rich(desk)
    entry = desk.draft(_gift(desk, member, desk.open_member()))
    posting(entry, member)["account"] = entry["postings"][1]["account"]
    with refused("flow"):
        desk.judge(entry)


def test_flow_decide_refuses_a_transfer_that_would_flow_the_other_way(desk):
    giver, receiver = _rich(desk), _rich(desk)
    with refused("flow"):
        desk.do(_gift(desk, giver, receiver, amount=-1))
    assert desk.balance(receiver) == 100


@pytest.mark.parametrize("kind", ["credit", "debit", "hold", "settlement", "write-off"])
def test_flow_decide_refuses_negative_amounts(desk, kind):
    org, other = desk.open_org(), desk.open_org()
    desk.credit(org, 100)
    commands = {
        "credit": desk.grant(org, -1),
        "debit": Debit(account=org, amount=-1, **desk.two),
        "hold": PlaceHold(account=org, amount=-1, payee=other, **desk.by),
        "settlement": Settle(account=org, amount=-1, ref=desk.ref(), **desk.two),
        "write-off": WriteOff(account=org, amount=-1, **desk.two),
    }
    both_refuse(desk, "flow", commands[kind])


def test_flow_decide_and_check_refuse_a_hold_for_oneself(desk):
    member = _rich(desk)
    both_refuse(desk, "flow", PlaceHold(account=member, amount=1, payee=member, **desk.by))


def test_flow_check_refuses_a_hold_in_somebody_elses_held_account(desk):
    member, other = _rich(desk), desk.open_member()
    entry = desk.draft(PlaceHold(account=member, amount=1, payee=other, **desk.by))
    posting(entry, member + "/held")["account"] = other + "/held"
    with refused("flow"):
        desk.judge(entry | {"postings": sorted(entry["postings"], key=lambda p: p["account"])})


@pytest.mark.parametrize("kind", ["credit", "debit", "transfer", "hold", "settlement"])
def test_flow_check_refuses_postings_that_do_not_sum_to_zero(desk, kind):
    entry = _one_of_each(desk)[kind]
    desk.judge(entry)
    entry["postings"][0]["amount"] += 1
    entry["postings"][0]["balance"] += 1
    with refused("flow"):
        desk.judge(entry)


@pytest.mark.parametrize("kind", ["capture", "expiry", "release", "reversal", "write-off"])
def test_flow_check_refuses_what_gives_more_than_it_takes(desk, kind):
    entry = _one_of_each(desk)[kind]
    desk.judge(entry)
    entry["postings"][0]["amount"] -= 1
    entry["postings"][0]["balance"] -= 1
    with refused("flow"):
        desk.judge(entry)


KINDS = (
    "capture",
    "credit",
    "debit",
    "expiry",
    "hold",
    "release",
    "reversal",
    "settlement",
    "transfer",
    "write-off",
)


@pytest.mark.parametrize("kind", KINDS)
def test_flow_check_refuses_postings_out_of_order(desk, kind):
    entry = _one_of_each(desk)[kind]
    entry["postings"].reverse()
    with refused("flow"):
        desk.judge(entry)


@pytest.mark.parametrize("kind", KINDS)
def test_flow_check_refuses_an_account_that_occurs_twice(desk, kind):
    entry = _one_of_each(desk)[kind]
    first = entry["postings"][0]
    half = {**first, "amount": 1 if first["amount"] > 0 else -1}
    rest = {**first, "amount": first["amount"] - half["amount"]}
    with refused("flow"):
        desk.judge(entry | {"postings": [half, rest, *entry["postings"][1:]][:3]})


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "hold"])
def test_flow_check_refuses_a_posting_to_an_account_that_has_no_part_in_it(desk, kind):
    entry = _one_of_each(desk)[kind]
    last = entry["postings"][-1]
    stranger = desk.open_member() if last["account"] in ("expired", "settled") else "expired"
    last["account"] = stranger
    entry["postings"].sort(key=lambda p: p["account"])
    with refused("flow"):
        desk.judge(entry | {"seq": desk.books.head.size, "at": desk.time(us=999)})


@pytest.mark.parametrize("kind", KINDS)
def test_flow_check_refuses_a_posting_too_many(desk, kind):
    entry = _one_of_each(desk)[kind]
    if len(entry["postings"]) == 3:
        entry["postings"].pop()
    else:
        extra = {"account": "written-off", "amount": 1, "balance": 1, "prev": 0}
        taken = {p["account"] for p in entry["postings"]}
        extra["account"] = "withdrawn" if "written-off" in taken else "written-off"
        entry["postings"] = sorted([*entry["postings"], extra], key=lambda p: p["account"])
    with refused("flow"):
        desk.judge(entry)


def test_flow_check_refuses_a_capture_that_pays_somebody_else_than_the_payee(desk):
    entry = _one_of_each(desk)["capture"]
    posting(entry, _payee(desk, entry))["account"] = desk.open_org()
    entry["postings"].sort(key=lambda p: p["account"])
    with refused("flow"):
        desk.judge(entry | {"seq": desk.books.head.size, "at": desk.time(us=999)})


def test_flow_check_refuses_a_capture_that_gives_back_without_being_final(desk):
    entry = _one_of_each(desk)["capture"]
    assert entry.pop("final")
    with refused("flow"):
        desk.judge(entry)


def test_flow_check_refuses_a_reversal_along_the_original_instead_of_back(desk):
    entry = _one_of_each(desk)["reversal"]
    for line in entry["postings"]:
        line["amount"] = -line["amount"]
    with refused("flow"):
        desk.judge(entry)


def _payee(desk, capture):
    return desk.books.get("holds", capture["for"]).payee


def _one_of_each(desk):
    """A good entry of every type with postings, all ready to stand next in one log."""
    org, member, debtor, other = (desk.open_org() for _ in range(4))
    desk.credit(other, 100)
    credit = desk.credit(org, 100)
    hold = desk.hold(org, 40, other)
    desk.overdraw(debtor, 20)
    desk.credit(member, 9, desk.day(0))
    lapsing = desk.id("org")
    desk.state("open", account=lapsing, **desk.by)
    desk.credit(lapsing, 9, desk.day(0))
    desk.wait(days=1)
    old = desk.hold(other, 20, org, desk.time(us=40))
    donated = Transfer(account=org, receiver=other, amount=9, purpose="donation", **desk.by)
    entries = {
        "capture": Capture(hold=hold, amount=30, final=True, **desk.by),
        "credit": desk.grant(org, 9),
        "debit": Debit(account=org, amount=9, **desk.by),
        "hold": PlaceHold(account=org, amount=9, payee=other, **desk.by),
        "release": Release(hold=old, **desk.by),
        "reversal": Reverse(original=credit, amount=9, **desk.by),
        "settlement": Settle(account=org, amount=9, ref=desk.ref(), **desk.two),
        "transfer": donated,
        "write-off": WriteOff(account=debtor, amount=9, **desk.two),
    }
    return {kind: desk.draft(command) for kind, command in entries.items()} | {
        "expiry": _expiry(desk, lapsing)
    }


def _expiry(desk, account):
    """The expiry of all that an account has, made by hand."""
    points = desk.account(account).dated
    amount = sum(n for _, n in points)
    sink = desk.account("expired")
    entry = desk.draft(WriteOff(account=account, amount=1))
    entry |= {"type": "expiry"}
    entry["postings"] = [
        {
            "account": "expired",
            "amount": amount,
            "balance": sink.balance + amount,
            "prev": sink.last,
        },
        {
            "account": account,
            "amount": -amount,
            "balance": desk.balance(account) - amount,
            "parts": [[day, -n] for day, n in points],
            "prev": desk.account(account).last,
        },
    ]
    return entry


# --- references ----------------------------------------------------------------------------------


def test_reference_decide_and_check_refuse_a_credit_for_what_is_no_service(desk):
    member = desk.open_member()
    both_refuse(desk, "reference", desk.grant(member, 1, service=4))
    both_refuse(desk, "reference", desk.grant(member, 1, service=10_000))


def test_reference_decide_and_check_refuse_a_credit_for_the_service_of_another(desk):
    service = desk.serve(desk.open_member())
    both_refuse(desk, "reference", desk.grant(desk.open_member(), 1, service=service))


def test_reference_check_wants_a_credit_for_service_to_take_effect_when_it_was_served(desk):
    member = desk.open_member()
    served = "2026-11-22T01:00:00.000000Z"
    service = desk.serve(member, effective_at=served)
    entry = desk.draft(desk.grant(member, 1, service=service))
    assert entry["effective_at"] == served
    desk.judge(entry)
    with refused("reference"):
        desk.judge(entry | {"effective_at": "2026-11-22T01:00:00.000001Z"})


@pytest.mark.parametrize("command", [Capture, Release])
def test_reference_decide_refuses_holds_that_are_not_there_or_closed(desk, command):
    member, org = _rich(desk), desk.open_org()
    released = desk.hold(member, 5, org)
    desk.do(Release(hold=released, **desk.by))
    for hold in (4, released, 10_000):
        with refused("reference"):
            desk.do(command(hold=hold, **desk.by))


@pytest.mark.parametrize("command", [Capture, Release])
def test_reference_check_refuses_holds_that_are_not_there_or_closed(desk, command):
    member, org = _rich(desk), desk.open_org()
    captured, good = desk.hold(member, 5, org), desk.hold(member, 5, org)
    desk.do(Capture(hold=captured, **desk.by))
    entry = desk.draft(command(hold=good, **desk.by))
    desk.judge(entry)
    for hold in (4, captured, entry["seq"], 10_000):
        with refused("reference"):
            desk.judge(entry | {"for": hold})


def test_reference_decide_and_check_reverse_nothing_but_four_types(desk):
    org, payee = desk.open_org(), desk.open_org()
    credit = desk.credit(org, 100)
    debit = desk.seq(Debit(account=org, amount=5, **desk.by))
    donation = desk.seq(_gift(desk, org, payee, 5, "donation"))
    hold = desk.hold(org, 10, payee)
    capture = desk.seq(Capture(hold=hold, amount=4, **desk.by))
    release = desk.seq(Release(hold=hold, **desk.by))
    settled = desk.seq(Settle(account=org, amount=5, ref=desk.ref(), **desk.two))
    desk.credit(org, 1, desk.day(0))
    desk.wait(days=1)
    desk.credit(org, 1)
    expiry = desk.books.head.size - 2
    entry = desk.draft(Reverse(original=credit, amount=1, **desk.by))
    reversal = desk.seq(Reverse(original=debit, **desk.by))
    desk.do(Reverse(original=donation, amount=1, **desk.by))
    desk.do(Reverse(original=capture, amount=1, **desk.by))

    for original in (0, 4, hold, release, settled, expiry, reversal, 10_000):
        with refused("reference"):
            desk.do(Reverse(original=original, amount=1, **desk.by))
        with refused("reference"):
            fresh = {"seq": desk.books.head.size, "at": desk.time(us=999)}
            desk.judge(entry | {"for": original} | fresh)


def test_reference_check_refuses_a_reversal_of_itself_and_of_what_comes_later(desk):
    member = _rich(desk)
    credit = desk.credit(member, 5)
    entry = desk.draft(Reverse(original=credit, amount=1, **desk.by))
    for later in (entry["seq"], entry["seq"] + 1):
        with refused("reference"):
            desk.judge(entry | {"for": later})


def test_reference_decide_and_check_refuse_to_replace_what_is_no_service_of_the_member(desk):
    member = desk.open_member()
    third = {"recorder": desk.person("partner"), **desk.two}
    other = desk.serve(desk.open_member())
    both_refuse(desk, "reference", desk.service(member, for_=4, **third))
    both_refuse(desk, "reference", desk.service(member, for_=other, **third))


def test_reference_decide_and_check_want_minutes_of_a_service_that_withdraws_nothing(desk):
    member = desk.open_member()
    both_refuse(desk, "reference", desk.service(member, 0))
    third = {"recorder": desk.person("partner"), **desk.two}
    desk.serve(member, 0, for_=desk.serve(member), **third)


# --- accounts that are not there, or closed ------------------------------------------------------


def _naming(desk, name):
    """Commands of every type that name an account as giver, receiver, payee or member."""
    org = desk.open_org()
    desk.credit(org, 100)
    return {
        "credit": desk.grant(name, 1),
        "debit": Debit(account=name, amount=1, **desk.two),
        "giver": _gift(desk, name, org, 1, "donation"),
        "receiver": _gift(desk, org, name, 1, "donation"),
        "hold": PlaceHold(account=name, amount=1, payee=org, **desk.by),
        "payee": PlaceHold(account=org, amount=1, payee=name, **desk.by),
        "settlement": Settle(account=name, amount=1, ref=desk.ref(), **desk.two),
        "write-off": WriteOff(account=name, amount=1, **desk.two),
        "close": statement("close", account=name, **desk.by),
    }


NAMED_AS = (
    "credit",
    "debit",
    "giver",
    "receiver",
    "hold",
    "payee",
    "settlement",
    "write-off",
    "close",
)


@pytest.mark.parametrize("place", NAMED_AS)
def test_account_decide_and_check_refuse_an_account_that_was_never_opened(desk, place):
    both_refuse(desk, "account", _naming(desk, desk.id("org"))[place])


def test_account_decide_and_check_refuse_a_service_and_a_budget_that_nobody_opened(desk):
    both_refuse(desk, "account", desk.service(desk.id("member")))
    both_refuse(desk, "account", desk.grant(desk.open_member(), 1, budget=desk.id("issuer")))


@pytest.mark.parametrize("place", NAMED_AS)
def test_closed_decide_and_check_refuse_a_closed_account_until_it_is_opened_again(desk, place):
    org = desk.open_org()
    desk.state("close", account=org, **desk.by)
    command = _naming(desk, org)[place]
    both_refuse(desk, "closed", command)

    desk.state("open", account=org, **desk.by)
    if place in ("credit", "receiver", "payee", "close"):
        desk.do(command)
    elif place != "debit":
        with refused("debt" if place == "write-off" else "funds"):
            desk.do(command)


def test_closed_decide_and_check_refuse_what_would_come_back_to_a_closed_account(desk):
    org, payee, member = desk.open_org(), desk.open_org(), desk.open_member()
    desk.credit(org, 10)
    donation = desk.seq(_gift(desk, org, payee, 10, "donation"))
    hold = desk.hold(payee, 5, member)
    for account in (org, member):
        desk.state("close", account=account, **desk.by)

    both_refuse(desk, "closed", Reverse(original=donation, amount=5, **desk.by))
    both_refuse(desk, "closed", Capture(hold=hold, **desk.by))
    both_refuse(desk, "closed", desk.service(member))


def test_closing_decide_and_check_refuse_an_account_with_points_debts_or_holds(desk):
    member, debtor, org = _rich(desk, 5), desk.open_member(), desk.open_org()
    close = statement("close", account=member, **desk.by)
    both_refuse(desk, "closing", close)
    hold = desk.hold(member, 5, org)
    assert desk.balance(member) == 0
    both_refuse(desk, "closing", close)
    desk.overdraw(debtor, 1)
    both_refuse(desk, "closing", statement("close", account=debtor, **desk.by))

    desk.do(Capture(hold=hold, **desk.by))
    desk.do(close)
    assert not desk.account(member).open
    assert not desk.account(member + "/held").open


def test_opening_decide_and_check_refuse_an_account_that_is_open(desk):
    member = desk.open_member()
    both_refuse(desk, "opening", statement("open", account=member, **desk.by))


def test_opening_again_keeps_the_history_of_an_account(desk):
    member = _rich(desk, 5)
    last = desk.seq(Debit(account=member, amount=5, **desk.by))
    desk.state("close", account=member, **desk.by)
    desk.state("open", account=member, **desk.by)
    credit = desk.draft(desk.grant(member, 1))
    assert posting(credit, member)["prev"] == last
    assert desk.account(member).count == 2


# --- purposes ------------------------------------------------------------------------------------


def test_purpose_decide_and_check_refuse_ways_that_the_policy_does_not_list(desk):
    member, org = _rich(desk), desk.open_org()
    both_refuse(desk, "purpose", _gift(desk, member, org, 1, "gift"))
    both_refuse(desk, "purpose", _gift(desk, member, org, 1, "donation"))
    both_refuse(desk, "purpose", _gift(desk, org, member, 1, "pooling"))
    desk.do(_gift(desk, member, org, 1, "pooling"))


def test_purpose_decide_and_check_refuse_more_than_the_limit_of_the_way(desk):
    member, other = _rich(desk, 1_000), desk.open_member()
    both_refuse(desk, "purpose", _gift(desk, member, other, 501))
    desk.do(_gift(desk, member, other, 500))


def test_purpose_check_takes_the_policy_in_force_on_the_local_day(desk):
    member, other = _rich(desk, 1_000), desk.open_member()
    desk.new_policy(from_=desk.day(1), transfers=[])
    desk.do(_gift(desk, member, other))
    desk.wait(hours=14)
    both_refuse(desk, "purpose", _gift(desk, member, other))


# --- credits for service -------------------------------------------------------------------------


def test_policy_check_wants_the_policy_of_the_local_day_of_the_service(desk):
    member = desk.open_member()
    then = desk.time()
    service = desk.serve(member)
    desk.wait(days=2)
    newer = desk.new_policy()
    entry = desk.draft(desk.grant(member, 1, service=service, effective_at=then))
    assert entry["policy"] == 3
    desk.judge(entry)

    with refused("policy"):
        desk.judge(entry | {"policy": newer})
    with refused("policy"):
        desk.judge({name: value for name, value in entry.items() if name != "policy"})
    with refused("reference"):
        desk.judge(entry | {"effective_at": entry["at"]})


def test_policy_check_refuses_a_policy_on_a_credit_that_names_no_service(desk):
    entry = desk.draft(desk.grant(desk.open_member(), 1))
    with refused("policy"):
        desk.judge(entry | {"policy": 3})


def test_policy_decide_refuses_a_credit_for_service_before_the_first_policy(desk):
    member = desk.open_member()
    before = desk.serve(member, effective_at="2026-11-19T15:59:59.999999Z")
    both_refuse(desk, "policy", desk.grant(member, 1, service=before))
    desk.credit(member, 1, service=desk.serve(member, effective_at="2026-11-19T16:00:00.000000Z"))


def test_policy_in_force_is_the_last_published_of_those_that_have_started(desk):
    member = desk.open_member()
    later, sooner = desk.new_policy(from_=desk.day(5)), desk.new_policy(from_=desk.day(2))
    found = []
    for _ in range(7):
        credit = desk.credit(member, 1, service=desk.serve(member))
        found.append(desk.books.original(credit)["policy"])
        desk.wait(days=1)
    assert later < sooner
    assert found == [3, 3, sooner, sooner, sooner, sooner, sooner]


def test_replaced_decide_and_check_refuse_a_credit_for_a_service_that_was_replaced(desk):
    member = desk.open_member()
    third = {"recorder": desk.person("partner"), **desk.two}
    first = desk.serve(member)
    second = desk.serve(member, 30, for_=first, **third)
    both_refuse(desk, "replaced", desk.grant(member, 1, service=first))
    desk.credit(member, 1, service=second)


def test_replaced_decide_and_check_refuse_a_credit_for_a_service_that_was_withdrawn(desk):
    member = desk.open_member()
    third = {"recorder": desk.person("partner"), **desk.two}
    withdrawn = desk.serve(member, 0, for_=desk.serve(member), **third)
    both_refuse(desk, "replaced", desk.grant(member, 1, service=withdrawn))
    again = desk.serve(member, 10, for_=withdrawn, **third)
    desk.credit(member, 1, service=again)


def test_replaced_decide_and_check_refuse_to_replace_a_service_twice(desk):
    member = desk.open_member()
    third = {"recorder": desk.person("partner"), **desk.two}
    first = desk.serve(member)
    desk.serve(member, 30, for_=first, **third)
    both_refuse(desk, "replaced", desk.service(member, 20, for_=first, **third))


def test_credited_decide_and_check_refuse_a_second_credit_for_a_chain(desk):
    member = desk.open_member()
    third = {"recorder": desk.person("partner"), **desk.two}
    first = desk.serve(member)
    credit = desk.credit(member, 10, service=first)
    both_refuse(desk, "credited", desk.grant(member, 1, service=first))
    second = desk.serve(member, 30, for_=first, **third)
    again = desk.grant(member, 5, service=second)
    both_refuse(desk, "credited", again)

    desk.do(Reverse(original=credit, amount=9, **desk.by))
    both_refuse(desk, "credited", again)
    desk.do(Reverse(original=credit, amount=1, **desk.by))
    desk.do(again)
    both_refuse(desk, "credited", again)


# --- budgets -------------------------------------------------------------------------------------


def test_budget_period_decide_and_check_count_local_days_both_ends_included(desk):
    member = desk.open_member()
    budget = desk.new_budget(**{"from": "2026-11-21", "to": "2026-11-22"})
    for effective_at in ("2026-11-20T16:00:00.000000Z", "2026-11-22T15:59:59.999999Z"):
        desk.credit(member, 1, budget=budget, effective_at=effective_at)
    for effective_at in ("2026-11-20T15:59:59.999999Z", "2026-11-22T16:00:00.000000Z"):
        grant = desk.grant(member, 1, budget=budget, effective_at=effective_at)
        both_refuse(desk, "budget-period", grant)


def test_budget_project_decide_and_check_refuse_another_project_and_none(desk):
    member, project = desk.open_member(), desk.id("project")
    budget = desk.new_budget(project=project)
    for other in (None, desk.id("project")):
        both_refuse(desk, "budget-project", desk.grant(member, 1, budget=budget, project=other))
    desk.credit(member, 1, budget=budget, project=project)
    desk.credit(member, 1, project=project)


def test_budget_limit_decide_and_check_refuse_more_than_the_limit_in_all(desk):
    member = desk.open_member()
    budget = desk.new_budget(limit=100)
    credit = desk.credit(member, 60, budget=budget)
    both_refuse(desk, "budget-limit", desk.grant(member, 41, budget=budget))
    desk.credit(member, 40, budget=budget)
    assert desk.balance(budget) == -100
    both_refuse(desk, "budget-limit", desk.grant(member, 1, budget=budget))

    desk.do(Reverse(original=credit, amount=1, **desk.by))
    desk.credit(member, 1, budget=budget)


def test_budget_limit_that_is_lowered_below_what_was_issued_only_stops_further_issue(desk):
    member = desk.open_member()
    budget = desk.new_budget(limit=100)
    desk.credit(member, 60, budget=budget)
    lower = {"budget": budget, "from": "2026-01-01", "to": "2026-12-31", "limit": 50}
    desk.state("budget", **lower, **desk.two)
    assert desk.balance(budget) == -60
    both_refuse(desk, "budget-limit", desk.grant(member, 1, budget=budget))

    desk.state("budget", **(lower | {"limit": 61}), **desk.two)
    desk.credit(member, 1, budget=budget)


# --- floors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("points", [4, 0, -1])
def test_funds_decide_and_check_refuse_to_spend_what_is_not_there(desk, points):
    org, other = desk.open_org(), desk.open_org()
    desk.credit(org, 10)
    desk.overdraw(org, 10 - points)
    amount = max(points, 0) + 1
    for command in (
        Debit(account=org, amount=amount, **desk.by),
        _gift(desk, org, other, amount, "donation"),
        PlaceHold(account=org, amount=amount, payee=other, **desk.by),
        Settle(account=org, amount=amount, ref=desk.ref(), **desk.two),
    ):
        both_refuse(desk, "funds", command)
    assert desk.balance(org) == points


def test_funds_decide_and_check_let_a_debit_with_an_approver_go_below_zero(desk):
    member = _rich(desk, 4)
    desk.overdraw(member, 5)
    desk.overdraw(member, 5)
    assert desk.parts(member) == [("never", -6)]


def test_funds_decide_refuses_to_capture_more_than_is_held(desk):
    member, org = _rich(desk), desk.open_org()
    hold = desk.hold(member, 10, org)
    desk.hold(member, 10, org)
    with refused("funds"):
        desk.do(Capture(hold=hold, amount=11, **desk.by))
    desk.do(Capture(hold=hold, amount=6, **desk.by))
    with refused("funds"):
        desk.do(Capture(hold=hold, amount=5, **desk.by))


def test_funds_check_refuses_a_capture_of_more_than_the_hold_has_left(desk):
    member, org = _rich(desk), desk.open_org()
    hold = desk.hold(member, 10, org)
    desk.hold(member, 10, org)
    entry = desk.draft(Capture(hold=hold, **desk.by))
    desk.judge(entry)
    for account, sign in ((org, 1), (member + "/held", -1)):
        posting(entry, account)["amount"] += sign
        posting(entry, account)["balance"] += sign
    with refused("funds"):
        desk.judge(entry)


def test_funds_of_a_hold_are_not_available_a_second_time(desk):
    member, org = _rich(desk), desk.open_org()
    desk.hold(member, 60, org)
    desk.hold(member, 40, org)
    assert (desk.balance(member), desk.balance(member + "/held")) == (0, 100)
    both_refuse(desk, "funds", PlaceHold(account=member, amount=1, payee=org, **desk.by))


def test_debt_decide_and_check_refuse_to_write_off_more_than_is_owed(desk):
    member = _rich(desk, 5)
    both_refuse(desk, "debt", WriteOff(account=member, amount=1, **desk.two))
    desk.overdraw(member, 8)
    both_refuse(desk, "debt", WriteOff(account=member, amount=4, **desk.two))
    desk.do(WriteOff(account=member, amount=3, **desk.two))
    assert desk.parts(member) == []
