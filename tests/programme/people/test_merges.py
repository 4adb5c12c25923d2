"""Merging two people who are one: all points move, both histories stay, once and for good."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ledger.audit.bundle import write_bundle
from ledger.audit.database import verify_database
from ledger.audit.verify import verify_bundle
from ledger.journal import log
from ledger.journal.commands import Command, Credit, Debit, PlaceHold, Release, Statement, Transfer
from ledger.journal.entry import decode, to_base64
from ledger.journal.orders import Done, Group, Order, Outcome, Refusal
from ledger.programme import proposals, records
from ledger.programme.people import duplicates, entering, memberships, merges, sessions
from ledger.programme.people.headcount import totals_of
from ledger.programme.people.merges import MergeRefused, MergeUnknown
from ledger.programme.proposals import Decider, Proposed
from ledger.programme.reading.people import standing_of
from ledger.programme.roles import Reach
from ledger.programme.tokens import create_token, list_tokens
from ledger.programme.wishes import Wish
from tests import replay
from tests.programme.people.test_memberships import enterprise, link
from tests.programme.registry import TODAY, Registry, fresh
from tests.programme.test_plans import faults, plan, sent
from tests.statements import statements

MERGES = {"purpose": "merge", "from": "member", "to": "member", "limit": 1_000}
GIFTS = {"purpose": "gift", "from": "member", "to": "member", "limit": 1_000}


def account_of(person: str) -> str:
    return "member" + person.removeprefix("person")


class Office:
    """An office whose policy knows merges, and short ways to what it does."""

    def __init__(self, registry: Registry, *transfers: dict[str, Any]) -> None:
        self.registry = registry
        self.ledger, self.database = registry.ledger, registry.database
        self.place = (registry.database, registry.ledger, registry.clock)
        self.both = {"actor": registry.office, "approver": registry.second}
        with self.database.reading() as conn:
            (raw,) = log.raw_entries(conn, self.ledger.id, 4, 5)
        self.budget = decode(raw)["budget"]
        fields = {
            "from": TODAY,
            "grant_limit": 1_000,
            "hold_days": 100,
            "reversal_limit": 1_000,
            "rules": to_base64(bytes(32)),
            "transfers": [*(transfers or (MERGES, GIFTS))],
        }
        self.enter(Statement(kind="policy", fields=fields, **self.both))

    def do(self, *commands: Command) -> list[Outcome]:
        return self.ledger.appender.submit(
            Group(tuple(Order(command=command) for command in commands))
        )

    def enter(self, *commands: Command) -> Done:
        outcomes = self.do(*commands)
        assert all(isinstance(each, Done) for each in outcomes), outcomes
        return outcomes[-1]  # type: ignore[return-value]

    def member(self, points: int = 0, until: str | None = None, **basics: str) -> str:
        """A person with an account, perhaps with points and something that is kept of them."""
        person = fresh("person")
        self.enter(self.says("open", account=account_of(person)))
        if points:
            self.enter(self.credit(person, points, until))
        if basics:
            self.registry.keep(person, **basics)
        return person

    def says(self, kind: str, **fields: Any) -> Statement:
        return Statement(kind=kind, fields=fields, actor=self.registry.office)

    def credit(self, person: str, points: int, until: str | None = None) -> Credit:
        return Credit(
            account=account_of(person),
            amount=points,
            budget=self.budget,
            valid_until=until,
            actor=self.registry.office,
        )

    def wish(self, person: str, into: str, key: str | None = None) -> Wish:
        by = self.registry.office
        request = to_base64(self.ledger.keys.request_id(by, key or fresh("key"), 0))
        return Wish("merge", {"from": person, "into": into}, by, request, b"f" * 32)

    def propose(self, person: str, into: str, key: str | None = None) -> str:
        asked = self.wish(person, into, key)
        values = merges.prepare(*self.place, asked, "Both say so.")
        outcome = proposals.submit(self.ledger, self.registry.clock, replace(asked, values=values))
        assert isinstance(outcome, Proposed), outcome
        return outcome.id

    def approve(self, proposal: str) -> Outcome:
        return proposals.approve(*self.place, proposal, Decider(self.registry.second))

    def merge(self, person: str, into: str) -> Outcome:
        return self.approve(self.propose(person, into))

    def entries(self) -> list[dict[str, Any]]:
        return [decode(raw) for raw in self.raws()]

    def raws(self) -> list[bytes]:
        with self.database.reading() as conn:
            return list(log.raw_entries(conn, self.ledger.id, 0, 10_000))

    def reading(self, read: Any, *given: Any, **named: Any) -> Any:
        with self.database.reading() as conn:
            return read(conn, *given, **named)


@pytest.fixture
def office(registry: Registry) -> Office:
    return Office(registry)


def test_all_points_go_over_with_their_days_and_both_histories_stay(office: Office) -> None:
    # given somebody who joined twice, with points of their own each time
    old = office.member(30, "2026-12-31", full_name="王小明", phone="13800138000")
    office.enter(office.credit(old, 12))
    kept = office.member(5, full_name="王 小明", phone="13800138000")
    size = len(office.raws())

    proposal = office.propose(old, kept)
    # then nothing is entered until a second person says so
    assert len(office.raws()) == size
    done = office.approve(proposal)

    assert isinstance(done, Done)
    moved, closed, person, bound = office.entries()[size:]
    assert [each["type"] for each in (moved, closed, person, bound)] == [
        *("transfer", "close", "person", "record")
    ]
    for each in (moved, closed, person, bound):
        assert (each["actor"], each["approver"]) == (office.registry.office, office.registry.second)
    parts = {p["account"]: p.get("parts", p["amount"]) for p in moved["postings"]}
    assert moved["purpose"] == "merge"
    assert parts[account_of(kept)] == [["2026-12-31", 30], ["never", 12]]
    assert (closed["account"], person["person"], person["standing"]) == (
        *(account_of(old), old, "none"),
    )
    # and the record that all of it names says who, and why
    assert moved["ref"] == closed["ref"] == bound["ref"]
    found = office.reading(merges.find_merge, office.ledger, bound["ref"]["id"])
    assert found.fields == {
        "from": old,
        "into": kept,
        "reason": "Both say so.",
        "shared": ["full_name", "phone"],
    }
    assert (found.done.person, found.done.into, found.done.seq) == (old, kept, bound["seq"])
    kept_record = office.reading(records.one, office.ledger, "merge", found.id)
    assert to_base64(kept_record.commitment) == bound["ref"]["commitment"]
    assert kept_record.subject == kept
    # and each account has its own history still
    balances = replay.replay(office.raws()).balances
    assert (balances[account_of(old)], balances[account_of(kept)]) == (0, 47)
    # and the pair is no duplicate any more
    with office.database.reading() as conn:
        assert duplicates.candidates(conn, office.ledger, limit=9).candidates == []


def test_one_without_points_is_merged_without_a_transfer(office: Office) -> None:
    old, kept = office.member(), office.member(5)
    size = len(office.raws())
    assert isinstance(office.merge(old, kept), Done)
    assert [each["type"] for each in office.entries()[size:]] == ["close", "person", "record"]


def test_what_is_due_comes_first(office: Office) -> None:
    # given points that lapsed, a hold that ended, and a debt on the other side
    old, kept = office.member(9, "2026-11-25"), office.member(10, "2026-12-31")
    office.enter(office.credit(old, 20))
    office.enter(
        PlaceHold(
            account=account_of(old),
            amount=4,
            payee=account_of(kept),
            actor=old,
            until="2026-11-26T00:00:00.000000Z",
        )
    )
    office.enter(Debit(account=account_of(kept), amount=13, **office.both))
    office.registry.clock.wait(days=3)
    # when they are merged
    assert isinstance(office.merge(old, kept), Done)
    # then the rest pays the debt first
    balances = replay.replay(office.raws()).balances
    assert (balances[account_of(old)], balances[account_of(kept)]) == (0, 17)
    assert balances["expired"] == 9


def test_who_was_merged_is_signed_out_and_has_no_role(office: Office) -> None:
    old, kept = office.member(5), office.member()
    place = office.place
    text = sessions.begin(*place, old, "device").text
    # who looked at the books once, and is a member now
    office.enter(office.says("person", person=old, standing="auditor"))
    token = create_token(*(place[0], place[2]), "beiyuan", old, "auditor", 30)
    office.enter(office.says("person", person=old, standing="member"))
    assert isinstance(office.merge(old, kept), Done)
    now = place[2].now()
    with office.database.reading() as conn:
        assert standing_of(conn, office.ledger.id, old) == "none"
        assert sessions.find_session(conn, office.ledger, text, now) is None
    (listed,) = list_tokens(office.database, "beiyuan")
    assert listed.id == token.id
    assert listed.revoked_at is not None


def test_an_approval_sent_again_changes_nothing(office: Office) -> None:
    old, kept = office.member(5), office.member()
    proposal = office.propose(old, kept, "one key")
    assert office.propose(old, kept, "one key") == proposal
    done = office.approve(proposal)
    size = len(office.raws())
    assert office.propose(old, kept, "one key") == proposal
    again = office.approve(proposal)
    assert isinstance(done, Done)
    assert isinstance(again, Done)
    assert (again.first, again.last, again.replayed) == (done.first, done.last, True)
    assert len(office.raws()) == size
    with pytest.raises(MergeRefused, match="other people"):
        merges.prepare(*office.place, office.wish(old, office.member(), "one key"), "Both.")


def refused(office: Office, person: str, into: str) -> str:
    """Why they are not merged."""
    with pytest.raises(MergeRefused) as caught:
        office.propose(person, into)
    return str(caught.value)


def test_what_cannot_be_merged_is_said_in_a_sentence(office: Office) -> None:
    old, kept = office.member(20), office.member()
    stranger, shop = fresh("person"), office.member()
    assert "into themselves" in refused(office, old, old)
    assert "two others" in refused(office, office.registry.office, kept)
    assert "no open account" in refused(office, stranger, kept)
    assert "no open account" in refused(office, old, stranger)
    # points that are held for somebody
    hold = office.enter(
        PlaceHold(account=account_of(old), amount=4, payee=account_of(shop), actor=old)
    ).last
    assert "release or capture" in refused(office, old, kept)
    office.enter(Release(hold=hold, actor=old))
    # a debt
    office.enter(Debit(account=account_of(old), amount=30, **office.both))
    assert "owes 10 points" in refused(office, old, kept)
    office.enter(office.credit(old, 10))
    # a standing that would be lost
    office.enter(office.says("person", person=old, standing="partner"))
    assert "standing partner" in refused(office, old, kept)
    # a closed account
    office.enter(office.says("close", account=account_of(kept)))
    assert "no open account" in refused(office, shop, kept)


def test_merges_form_no_chains(office: Office) -> None:
    one, two, three, four = (office.member() for _ in range(4))
    assert isinstance(office.merge(one, two), Done)
    office.enter(office.says("open", account=account_of(one)))
    assert f"was merged into {two}" in refused(office, one, three)
    assert "merge into that one" in refused(office, three, one)
    assert f"merge {three} into {two} instead" in refused(office, two, three)
    # several into one are fine
    assert isinstance(office.merge(three, two), Done)
    assert isinstance(office.merge(four, two), Done)
    found = office.reading(merges.list_merged, office.ledger.id, limit=9)
    assert [(each.person, each.into) for each in found] == [
        (each, two) for each in sorted((one, three, four))
    ]
    page = office.reading(
        merges.list_merged, office.ledger.id, into=two, after=found[0].person, limit=1
    )
    assert page == found[1:2]
    assert (
        office.reading(merges.remaining, office.ledger.id, (one, two, fresh("person")))[one] == two
    )
    with pytest.raises(MergeUnknown):
        office.reading(merges.find_merge, office.ledger, fresh("merge"))


def test_what_changes_until_the_approval_is_judged_under_the_lock(office: Office) -> None:
    one, two, three = (office.member(5) for _ in range(3))
    crossing = [office.propose(one, two), office.propose(two, one), office.propose(three, one)]
    first, second, third = (office.approve(each) for each in crossing)
    assert isinstance(first, Done)
    assert isinstance(second, Refusal)
    assert isinstance(third, Refusal)
    # and a hold that was placed in between refuses all of it
    proposal = office.propose(three, two)
    payee = account_of(office.member())
    office.enter(PlaceHold(account=account_of(three), amount=4, payee=payee, actor=three))
    size = len(office.raws())
    outcome = office.approve(proposal)
    assert isinstance(outcome, Refusal)
    assert "release or capture" in outcome.message
    assert len(office.raws()) == size
    assert office.reading(standing_of, office.ledger.id, three) is None


def test_who_was_merged_belongs_to_an_organisation_once(office: Office) -> None:
    # given five people of an enterprise, of whom two are one
    org = enterprise(office.registry)
    code = link(office.registry, org)
    people = [office.member() for _ in range(5)]
    for person in people:
        made = entering.enter(*office.place, person, code)
        memberships.decide(office.ledger, office.registry.clock, made, "confirmed", by=person)
    assert office.reading(totals_of, office.ledger, org).members == 5
    old, kept, *_ = people
    theirs = Reach(own=kept)
    (before,) = office.reading(memberships.list_memberships, office.ledger, theirs, limit=9)
    # when they are merged
    assert isinstance(office.merge(old, kept), Done)
    # then they are four, whom the enterprise is not told apart, and both memberships are the one's
    assert office.reading(totals_of, office.ledger, org).members is None
    found = office.reading(memberships.list_memberships, office.ledger, theirs, limit=9)
    assert {each.person for each in found} == {old, kept}
    assert before in found


def test_a_policy_that_knows_no_merges_admits_none_with_points(registry: Registry) -> None:
    office = Office(registry, GIFTS)
    assert isinstance(office.merge(office.member(), office.member()), Done)
    outcome = office.merge(office.member(5), office.member())
    assert isinstance(outcome, Refusal)
    assert outcome.rule == "purpose"


def test_nobody_moves_points_for_a_merge_alone(office: Office) -> None:
    old, kept = office.member(5), office.member()
    move = Transfer(
        account=account_of(old), receiver=account_of(kept), amount=5, purpose="merge", actor=old
    )
    (outcome,) = office.do(move)
    assert isinstance(outcome, Refusal)
    assert outcome.rule == "two-people"


def test_lists_go_by_index_and_their_statements_do_not_grow(office: Office) -> None:
    kept = office.member()
    counts = []
    for _ in range(2):
        office.merge(office.member(), kept)
        with statements(office.database) as seen:
            assert office.reading(merges.list_merged, office.ledger.id, into=kept, limit=9)
        counts.append(len(seen))
    assert counts == [1, 1]
    ledger_id = office.ledger.id
    for asked in ({}, {"into": kept}, {"into": kept, "after": "person/2"}):
        for each in sent(
            office.database,
            lambda conn, asked=asked: merges.list_merged(conn, ledger_id, limit=5, **asked),
        ):
            told = plan(office.database, *each)
            assert faults(office.database.dialect, told) == [], told


# --- a long story --------------------------------------------------------------------------------


def test_points_are_conserved_through_any_story_and_every_verifier_agrees(
    office: Office, tmp_path: Any
) -> None:
    class Story(RuleBasedStateMachine):
        """Members earn, spend, hold and lapse; anybody is merged into anybody."""

        def __init__(self) -> None:
            super().__init__()
            self.people = [office.member() for _ in range(4)]
            self.gone: set[str] = set()

        @rule(at=st.integers(0, 3), points=st.integers(1, 9), days=st.none() | st.integers(0, 9))
        def earn(self, at: int, points: int, days: int | None) -> None:
            day = None if days is None else day_after(office, days)
            office.do(office.credit(self.people[at], points, day))

        @rule(at=st.integers(0, 3), to=st.integers(0, 3), points=st.integers(1, 9))
        def give(self, at: int, to: int, points: int) -> None:
            giver, taker = (account_of(self.people[each]) for each in (at, to))
            office.do(
                Transfer(
                    account=giver,
                    receiver=taker,
                    amount=points,
                    purpose="gift",
                    actor=office.registry.office,
                )
            )

        @rule(at=st.integers(0, 3), to=st.integers(0, 3), days=st.integers(1, 9))
        def hold(self, at: int, to: int, days: int) -> None:
            until = f"{day_after(office, days)}T00:00:00.000000Z"
            holder, payee = (account_of(self.people[each]) for each in (at, to))
            office.do(
                PlaceHold(
                    account=holder, amount=2, payee=payee, until=until, actor=office.registry.office
                )
            )

        @rule(at=st.integers(0, 3), points=st.integers(1, 20))
        def overdraw(self, at: int, points: int) -> None:
            office.do(Debit(account=account_of(self.people[at]), amount=points, **office.both))

        @rule(days=st.integers(1, 5))
        def wait(self, days: int) -> None:
            office.registry.clock.wait(days=days)

        @precondition(lambda self: len(self.gone) < 3)
        @rule(at=st.integers(0, 3), to=st.integers(0, 3))
        def merge(self, at: int, to: int) -> None:
            old, kept = self.people[at], self.people[to]
            before, size = replay.replay(office.raws()).balances, len(office.raws())
            try:
                outcome = office.merge(old, kept)
            except MergeRefused:
                assert len(office.raws()) == size
                return
            after = replay.replay(office.raws()).balances
            if isinstance(outcome, Refusal):
                assert after == before
                return
            self.gone.add(old)
            lapsed = after["expired"] - before["expired"]
            pair = [account_of(each) + held for each in (old, kept) for held in ("", "/held")]
            assert after[account_of(old)] == after[account_of(old) + "/held"] == 0
            assert sum(after[each] for each in pair) == sum(before[each] for each in pair) - lapsed

        @invariant()
        def every_point_is_somewhere(self) -> None:
            assert sum(replay.replay(office.raws()).balances.values()) == 0

        def teardown(self) -> None:
            assert verify_database(office.database, office.ledger.id, office.ledger.origin) == []

    story = settings(
        max_examples=6,
        stateful_step_count=15,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run = Story.TestCase
    run.settings = story
    run("runTest").runTest()
    # and whoever has the bundle and the keys finds the same
    office.ledger.publisher.publish()
    bundle = tmp_path / "bundle.zip"
    write_bundle(office.database, office.ledger.id, office.ledger.origin, bundle)
    trusted = [signer.verifier for signer in office.ledger.keys.signers(1)]
    assert verify_bundle(bundle, trusted).size == len(office.raws())
    vkeys = [each.vkey for each in trusted]
    assert replay.verify_bundle(bundle, vkeys).size == len(office.raws())


def day_after(office: Office, days: int) -> str:
    return (office.registry.clock.now() + timedelta(days=days)).date().isoformat()
