"""The rules on who may do what, on policies, keys and states."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.journal.commands import (
    Credit,
    Debit,
    Release,
    Reverse,
    Settle,
    StateOfAll,
    Transfer,
    TransferAll,
    WriteOff,
)
from ledger.journal.entry import POINTS_MAX, person_of
from ledger.journal.statements import hash_vkeys
from ledger.tlog.note import Ed25519Cosigner
from tests.journal.books import (
    NO_HASH,
    ORIGIN,
    TRANSFERS,
    Desk,
    both_refuse,
    refused,
    statement,
    vkeys,
)

# --- standing ------------------------------------------------------------------------------------


def test_standing_decide_and_check_refuse_a_member_who_credits():
    desk = Desk()
    member = desk.open_member()
    both_refuse(desk, "standing", desk.grant(member, 5, actor=desk.person("member")))


def test_standing_check_takes_the_last_standing_that_a_person_was_given():
    desk = Desk()
    member, partner = desk.open_member(), desk.person("partner")
    command = desk.service(member, actor=partner)
    desk.judge(desk.draft(command))

    desk.state("person", person=partner, standing="none", **desk.by)
    with refused("standing"):
        desk.judge(desk.draft(command))


def test_standing_decide_counts_who_has_an_account_but_no_entry_as_a_member():
    desk = Desk()
    giver, receiver = desk.open_member(), desk.open_member()
    desk.credit(giver, 5)
    gift = {"account": giver, "receiver": receiver, "amount": 1, "purpose": "gift"}
    desk.do(Transfer(**gift, actor=person_of(giver)))

    both_refuse(desk, "standing", Transfer(**gift, actor=desk.id("person")))
    desk.state("person", person=person_of(giver), standing="none", **desk.by)
    both_refuse(desk, "standing", Transfer(**gift, actor=person_of(giver)))


@pytest.mark.parametrize("standing", ["partner", "member", "auditor", "none"])
def test_standing_decide_and_check_want_an_approver_of_the_office(standing):
    desk = Desk()
    member = desk.open_member()
    both_refuse(desk, "standing", desk.grant(member, 5, approver=desk.person(standing)))


def test_standing_check_wants_an_actor_of_the_office_where_somebody_approves():
    desk = Desk()
    member, partner = desk.open_member(), desk.person("partner")
    gift = Transfer(
        account=member,
        receiver=desk.open_member(),
        amount=1,
        purpose="gift",
        actor=partner,
        approver=desk.second,
    )
    desk.credit(member, 5)
    both_refuse(desk, "standing", gift)


def _merge(desk, giver, receiver, **people):
    return Transfer(
        account=giver, receiver=receiver, amount=5, purpose="merge", **(desk.two | people)
    )


def test_a_merge_is_made_by_two_people_of_the_office():
    desk = Desk()
    giver, receiver, partner = desk.open_member(), desk.open_member(), desk.person("partner")
    desk.credit(giver, 5)

    both_refuse(desk, "two-people", _merge(desk, giver, receiver, approver=None))
    both_refuse(desk, "two-people", _merge(desk, giver, receiver, approver=desk.office))
    both_refuse(desk, "standing", _merge(desk, giver, receiver, actor=partner))
    both_refuse(desk, "standing", _merge(desk, giver, receiver, approver=partner))
    desk.do(_merge(desk, giver, receiver))
    assert (desk.balance(giver), desk.balance(receiver)) == (0, 5)


@pytest.mark.parametrize("role", ["actor", "approver"])
@pytest.mark.parametrize("side", ["giver", "receiver"])
def test_a_merge_is_made_by_neither_of_the_two(role, side):
    desk = Desk()
    clerk, member = desk.person("office"), desk.open_member()
    own = "member" + clerk.removeprefix("person")
    desk.state("open", account=own, **desk.by)
    giver, receiver = (own, member) if side == "giver" else (member, own)
    desk.do(desk.grant(giver, 5))
    others = {"actor": desk.office, "approver": desk.second} | {role: clerk}

    both_refuse(desk, "self", _merge(desk, giver, receiver, **others))
    # though a gift may be theirs
    gift = Transfer(account=giver, receiver=receiver, amount=5, purpose="gift", actor=clerk)
    desk.do(gift)


def test_all_of_an_account_is_what_is_left_once_nothing_is_due():
    desk = Desk()
    giver, receiver, org = desk.open_member(), desk.open_member(), desk.open_org()
    everything = TransferAll(account=giver, receiver=receiver, purpose="merge", **desk.two)
    assert desk.do(everything) == []
    desk.credit(giver, 4, desk.day(1))
    desk.credit(giver, 9, desk.day(90))
    desk.hold(giver, 2, org)
    with refused("closing"):
        desk.do(everything)
    desk.wait(days=101)
    assert [made.entry["type"] for made in desk.do(everything)] == ["release", "expiry"]
    desk.credit(giver, 3, desk.day(9))
    (made,) = desk.do(everything)
    assert made.entry["purpose"] == "merge"
    assert (desk.balance(giver), desk.balance(receiver)) == (0, 3)
    desk.do(Debit(account=giver, amount=1, **desk.two))
    with refused("funds"):
        desk.do(everything)


def test_standing_decide_lets_a_partner_settle_with_an_approver():
    desk = Desk()
    org, partner = desk.open_org(), desk.person("partner")
    desk.credit(org, 5)
    people = {"actor": partner, "approver": desk.office}
    desk.do(Settle(account=org, amount=5, ref=desk.ref(), **people))
    assert desk.balance("settled") == 5


def test_standing_check_wants_a_recorder_who_is_known_and_not_barred():
    desk = Desk()
    member = desk.open_member()
    desk.judge(desk.draft(desk.service(member, recorder=desk.person("member"))))
    for recorder in (desk.id("person"), desk.person("none")):
        both_refuse(desk, "standing", desk.service(member, recorder=recorder))


def test_standing_decide_lets_anybody_open_an_account_of_their_own_only():
    desk = Desk()
    account, other = desk.id("member"), desk.id("member")
    both_refuse(desk, "standing", statement("open", account=other, actor=person_of(account)))
    desk.state("open", account=account, actor=person_of(account))
    assert desk.account(account).open


# --- two people ----------------------------------------------------------------------------------


def test_two_people_decide_and_check_want_an_approver_who_is_not_the_actor():
    desk = Desk()
    member = desk.open_member()
    both_refuse(desk, "two-people", desk.grant(member, 5, approver=desk.office))


def test_two_people_decide_and_check_want_an_approver_for_raising_a_person_to_office():
    desk = Desk()
    raised = {"person": desk.id("person"), "standing": "office"}
    both_refuse(desk, "two-people", statement("person", **raised, **desk.by))
    desk.state("person", **raised, **desk.two)
    desk.state("person", person=desk.id("person"), standing="partner", **desk.by)


def test_two_people_check_wants_an_actor_of_every_person_but_the_founders():
    desk = Desk()
    both_refuse(
        desk, "two-people", statement("person", person=desk.id("person"), standing="partner")
    )


@pytest.mark.parametrize("extra", ["approver", "ref", "request"])
def test_two_people_check_refuses_what_only_somebody_can_bring_where_nobody_acts(extra):
    desk = Desk()
    member = desk.open_member()
    desk.credit(member, 5)
    hold = desk.hold(member, 5, desk.open_org(), desk.time(days=1))
    desk.wait(days=2)
    entry = desk.draft(Release(hold=hold))
    desk.judge(entry)
    values = {"approver": desk.second, "ref": desk.ref(), "request": desk.request()}
    with refused("two-people"):
        desk.judge(entry | {extra: values[extra]})


def test_two_people_decide_and_check_want_an_approver_for_a_back_entry():
    desk = Desk()
    member = desk.open_member()
    both_refuse(desk, "two-people", desk.service(member, assurance="back-entry"))
    third = desk.person("partner")
    desk.serve(member, assurance="back-entry", recorder=third, approver=desk.second)


def test_two_people_decide_and_check_want_an_approver_for_a_correction():
    desk = Desk()
    member, recorder = desk.open_member(), desk.person("partner")
    wrong = desk.serve(member)
    right = {"minutes": 30, "for_": wrong, "recorder": recorder}
    both_refuse(desk, "two-people", desk.service(member, **right))
    desk.serve(member, **right, approver=desk.second)


# --- nobody for themselves -----------------------------------------------------------------------


@pytest.mark.parametrize("role", ["actor", "approver"])
def test_self_decide_and_check_refuse_a_credit_to_oneself(role):
    desk = Desk()
    own = "member" + getattr(desk, {"actor": "office", "approver": "second"}[role])[6:]
    desk.state("open", account=own, **desk.by)
    both_refuse(desk, "self", desk.grant(own, 5))


@pytest.mark.parametrize("role", ["actor", "approver"])
def test_self_decide_and_check_refuse_to_write_off_ones_own_debt(role):
    desk = Desk()
    own = "member" + desk.two[role].removeprefix("person")
    desk.state("open", account=own, **desk.by)
    desk.overdraw(own, 5)
    both_refuse(desk, "self", WriteOff(account=own, amount=5, **desk.two))


@pytest.mark.parametrize("role", ["actor", "approver"])
def test_self_decide_and_check_refuse_a_reversal_that_gives_back_to_oneself(role):
    desk = Desk()
    own = "member" + desk.two[role].removeprefix("person")
    desk.state("open", account=own, **desk.by)
    others = {"actor": desk.person("office"), "approver": desk.person("office")}
    credit = desk.credit(own, 5, **others)
    debit = desk.seq(Debit(account=own, amount=5, **others))
    both_refuse(desk, "self", Reverse(original=debit, **desk.two))
    desk.do(Reverse(original=debit, **others))
    desk.do(Reverse(original=credit, **desk.two))


@pytest.mark.parametrize("role", ["actor", "approver"])
def test_self_decide_and_check_refuse_a_decision_on_ones_own_standing(role):
    desk = Desk()
    own = desk.two[role]
    both_refuse(desk, "self", statement("person", person=own, standing="office", **desk.two))


@pytest.mark.parametrize("role", ["actor", "approver"])
def test_self_decide_and_check_refuse_a_recorder_who_verifies_or_approves(role):
    desk = Desk()
    service = desk.service(desk.open_member(), **desk.two, recorder=desk.two[role])
    both_refuse(desk, "self", service)


@pytest.mark.parametrize("role", ["actor", "approver"])
def test_self_decide_and_check_refuse_who_verifies_or_approves_their_own_service(role):
    desk = Desk()
    own = "member" + desk.two[role].removeprefix("person")
    desk.state("open", account=own, **desk.by)
    service = desk.service(own, **desk.two, recorder=desk.person("partner"))
    both_refuse(desk, "self", service)


@pytest.mark.parametrize("assurance", ["back-entry", "imported", "roster"])
def test_self_decide_and_check_let_members_record_their_own_service_by_checking_in(assurance):
    desk = Desk()
    member = desk.open_member()
    own = {"recorder": person_of(member), **desk.two}
    desk.serve(member, assurance="checked-in", **own)
    both_refuse(desk, "self", desk.service(member, assurance=assurance, **own))


# --- limits that an approver lifts ---------------------------------------------------------------


def test_grant_decide_and_check_want_an_approver_above_the_grant_limit():
    desk = Desk(policy={"grant_limit": 50})
    member = desk.open_member()
    desk.credit(member, 50, approver=None)
    both_refuse(desk, "grant", desk.grant(member, 51, approver=None))
    desk.credit(member, 51)


def test_grant_check_lets_a_credit_for_service_go_above_the_grant_limit():
    desk = Desk(policy={"grant_limit": 0})
    member = desk.open_member()
    desk.credit(member, 51, approver=None, service=desk.serve(member))
    both_refuse(desk, "grant", desk.grant(member, 1, approver=None))


def test_grant_check_takes_the_limit_of_the_policy_in_force():
    desk = Desk(policy={"grant_limit": 50})
    member = desk.open_member()
    desk.new_policy(from_=desk.day(2), grant_limit=60)
    both_refuse(desk, "grant", desk.grant(member, 60, approver=None))
    desk.wait(days=2)
    desk.credit(member, 60, approver=None)


def test_reversal_limit_decide_and_check_want_an_approver_above_the_limit():
    desk = Desk(policy={"reversal_limit": 50})
    member = desk.open_member()
    credit = desk.credit(member, 200)
    desk.do(Reverse(original=credit, amount=50, **desk.by))
    both_refuse(desk, "reversal-limit", Reverse(original=credit, amount=51, **desk.by))
    desk.do(Reverse(original=credit, amount=51, **desk.two))


# --- days that statements name -------------------------------------------------------------------


def test_from_decide_and_check_refuse_a_policy_that_starts_before_today():
    desk = Desk()
    fields = {"grant_limit": 1, "reversal_limit": 1, "hold_days": 1, "rules": NO_HASH}
    policy = fields | {"transfers": [], **desk.two}
    both_refuse(desk, "from", statement("policy", **policy, from_=desk.day(-1)))
    desk.state("policy", **policy, from_=desk.day(0))


def test_from_check_takes_the_local_day_of_the_entry():
    desk = Desk()
    desk.wait(hours=14)
    assert desk.time()[:10] == "2026-11-24"
    assert desk.day(0) == "2026-11-25"
    with refused("from"):
        desk.new_policy(from_="2026-11-24")
    desk.new_policy(from_="2026-11-25")


def test_from_decide_lets_the_first_policy_start_in_the_past():
    assert Desk(policy={"from": "1997-01-01"}).policies()[0].first == "1997-01-01"


def test_from_decide_refuses_a_policy_that_lists_one_way_twice():
    desk = Desk()
    with refused("from"):
        desk.new_policy(transfers=[*TRANSFERS, {**TRANSFERS[0], "limit": 1}])


def test_from_decide_and_check_refuse_a_budget_that_ends_before_it_starts():
    desk = Desk()
    days = {"budget": desk.id("issuer"), "limit": 1, "from_": desk.day(1)}
    both_refuse(desk, "from", statement("budget", **days, to=desk.day(0), **desk.two))
    desk.state("budget", **days, to=desk.day(1), **desk.two)


def test_from_decide_and_check_refuse_an_erasure_announced_for_a_past_day():
    desk = Desk()
    erasure = {"subject": desk.id("member"), **desk.two}
    both_refuse(desk, "from", statement("erasure", **erasure, on=desk.day(-1)))
    desk.state("erasure", **erasure, on=desk.day(0))


# --- keys ----------------------------------------------------------------------------------------


def _key(desk, shown, following, **more):
    fields = {"vkeys": shown, "next": hash_vkeys(following), **desk.two}
    return statement("key", **(fields | more))


def test_keys_decide_takes_the_keys_that_the_ones_before_committed_to():
    desk = Desk()
    desk.do(_key(desk, vkeys("b"), vkeys("c", "d")))
    desk.do(_key(desk, vkeys("c", "d"), vkeys("e")))


def test_keys_decide_and_check_refuse_keys_that_nobody_committed_to():
    desk = Desk()
    both_refuse(desk, "keys", _key(desk, vkeys("c"), vkeys("d")))
    desk.do(_key(desk, vkeys("b"), vkeys("c")))
    both_refuse(desk, "keys", _key(desk, vkeys("b"), vkeys("d")))


def test_keys_decide_and_check_refuse_a_commitment_to_the_same_keys_again():
    desk = Desk()
    both_refuse(desk, "keys", _key(desk, vkeys("b"), vkeys("b")))


def test_keys_check_refuses_keys_of_another_origin():
    desk = Desk(founded=0)
    foreign = [vkeys("a")[0].replace("beiyuan", "nanyuan")]
    with refused("keys"):
        desk.judge(desk.draft(desk.founding[0], vkeys=foreign))


def _spoilt_vkeys():
    good, cosigner = vkeys("b")[0], Ed25519Cosigner(ORIGIN, Ed25519PrivateKey.generate())
    name, key_id, key = good.split("+", 2)
    return {
        "a key id that does not fit": [f"{name}+{int(key_id, 16) ^ 1:08x}+{key}"],
        "a key that is cut short": [good[:-4]],
        "a key that stands twice": [good, good],
        "no log key but a cosigner's": [cosigner.verifier.vkey],
        "a cosigner's key beside a log key": [good, cosigner.verifier.vkey],
    }


@pytest.mark.parametrize("fault", _spoilt_vkeys())
def test_keys_check_refuses_what_cannot_verify_a_log(fault):
    desk = Desk(founded=0)
    desk.judge(desk.draft(desk.founding[0], vkeys=vkeys("b", "c")))
    with refused("keys"):
        desk.judge(desk.draft(desk.founding[0], vkeys=_spoilt_vkeys()[fault]))


def test_keys_decide_and_check_refuse_a_revocation_that_trusts_more_than_there_is():
    desk = Desk()
    size = desk.books.head.size
    revoked = {"root": NO_HASH, "size": size}
    desk.judge(desk.draft(_key(desk, vkeys("b"), vkeys("c"), revoked=revoked)))
    beyond = {"root": NO_HASH, "size": size + 1}
    both_refuse(desk, "keys", _key(desk, vkeys("b"), vkeys("c"), revoked=beyond))


# --- states --------------------------------------------------------------------------------------


def test_root_decide_and_check_refuse_a_root_over_anything_else():
    desk = Desk()
    member = desk.open_member()
    good = desk.draft(StateOfAll(**desk.by))
    desk.judge(good)
    desk.credit(member, 1)
    both_refuse(desk, "root", statement("state", root=good["root"], **desk.by))


def test_a_state_needs_nobody_and_sums_up_the_accounts_as_they_stand():
    desk = Desk()
    desk.credit(desk.open_member(), 1)
    desk.do(StateOfAll())
    assert len(desk.log) == 8


# --- what approvers need not be there for --------------------------------------------------------


def test_two_people_decide_lets_one_person_take_points_that_are_there():
    desk = Desk()
    member = desk.open_member()
    desk.credit(member, 5)
    desk.do(Debit(account=member, amount=5, **desk.by))
    desk.overdraw(member, 1)
    desk.do(WriteOff(account=member, amount=1, **desk.two))
    assert desk.balance(member) == 0


def test_limits_decide_and_check_refuse_limits_that_sum_beyond_what_a_reader_holds():
    desk = Desk()
    left = POINTS_MAX - 1_000_000
    days = {"from_": desk.day(0), "to": desk.day(1), **desk.two}
    more = {"budget": desk.id("issuer"), **days}
    both_refuse(desk, "limits", statement("budget", limit=left + 1, **more))
    desk.state("budget", limit=left, **more)
    desk.state("budget", limit=left, **more)
    desk.state("budget", budget=desk.budget, limit=0, **days)
    desk.state("budget", limit=POINTS_MAX, **more)


def test_a_credit_is_the_offices_alone():
    desk = Desk()
    member, partner = desk.open_member(), desk.person("partner")
    command = Credit(account=member, amount=1, budget=desk.budget, actor=partner)
    both_refuse(desk, "standing", command)
