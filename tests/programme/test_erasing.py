"""Somebody asks to be erased: refused, restricted until a day, or destroyed at once."""

from __future__ import annotations

import os
from typing import Any

import pytest
from sqlalchemy import select, update

from ledger.journal import log
from ledger.journal.commands import Statement
from ledger.journal.entry import decode, to_base64
from ledger.journal.orders import Done, Group, KeyReused, Order, Refusal
from ledger.programme import messages, proposals, records
from ledger.programme.calendar import read_calendar
from ledger.programme.courier import Courier
from ledger.programme.erasing import finish
from ledger.programme.erasure import erase_due
from ledger.programme.erasure_decisions import DEED, proposed, refuse, want_closed, years_after
from ledger.programme.erasure_requests import (
    ErasureRefused,
    ErasureUnknown,
    Request,
    ask,
    find_request,
    list_requests,
)
from ledger.programme.jobs import do_due_jobs
from ledger.programme.people import consents, rights
from ledger.programme.proposals import Decider, Proposed, submit
from ledger.programme.reading import entries
from ledger.programme.recording import Change, compose, save
from ledger.programme.restriction import restrict_announced, restricted_among
from ledger.programme.tables import data_key
from ledger.programme.vault import Restricted, lawful, living
from ledger.programme.wishes import Wish
from tests.api.letters import Letters
from tests.programme.registry import Registry, fresh

CALENDAR = read_calendar({})
PLAIN = {"full_name": "阿依古丽·买买提明", "phone": "+8613912345678"}
REASONS = "服务记录依法须保存十年"


class House:
    """A registry with a member, whose account is closed."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.place: Any = (registry.database, registry.ledger, registry.clock)
        self.account = fresh("member")
        self.person = "person" + self.account.removeprefix("member")
        registry.keep(self.person, **PLAIN)
        self.enter("open", {"account": self.account})
        self.enter("close", {"account": self.account})

    def enter(self, kind: str, fields: dict[str, Any]) -> None:
        people = {"actor": self.registry.office}
        if kind == "erasure":
            people["approver"] = self.registry.second
        command = Statement(kind=kind, fields=fields, **people)
        (outcome,) = self.registry.ledger.appender.submit(Group((Order(command=command),)))
        assert isinstance(outcome, Done), outcome

    def wish(self, actor: str, values: Any = None) -> Wish:
        request = self.registry.ledger.keys.request_id(actor, os.urandom(8).hex(), 0)
        return Wish(DEED, values or {}, actor, to_base64(request), b"f" * 32)

    def ask(self, reason: str | None = None) -> str:
        return ask(*self.place, CALENDAR, self.wish(self.person), reason).id

    def propose(self, name: str, years: int | None) -> Proposed:
        wish = self.wish(self.registry.office)
        people = (self.person,)
        values = proposed(*self.place, wish, name, REASONS, people=people, retention_years=years)
        wish = Wish(DEED, values, wish.actor, wish.request, wish.fingerprint)
        outcome = submit(self.registry.ledger, self.registry.clock, wish)
        assert isinstance(outcome, Proposed)
        return outcome

    def decide(self, name: str, years: int | None) -> Any:
        """What comes of the approval of a proposal."""
        made = self.propose(name, years)
        by = Decider(self.registry.second)
        outcome = proposals.approve(*self.place, made.id, by)
        if isinstance(outcome, Done):
            finish(*self.place)
        return outcome

    def request(self, name: str) -> Request:
        with self.registry.database.reading() as conn:
            return find_request(conn, self.registry.ledger.id, name)

    def read(self, *, lawfully: bool) -> Any:
        """The fields of the member's basics, as one or another reads them."""
        ledger = self.registry.ledger
        with self.registry.database.reading() as conn:
            opened = lawful(ledger, (self.person,)) if lawfully else ledger
            return records.one(conn, opened, "basics", self.person).fields

    def inbox(self) -> list[messages.Message]:
        with self.registry.database.reading() as conn:
            return messages.inbox(conn, self.registry.ledger, self.person, before=None, limit=9)

    def erasures(self) -> list[tuple[str, str]]:
        with self.registry.database.reading() as conn:
            raws = log.raw_entries(conn, self.registry.ledger.id, 0, 99)
        entries = [decode(raw) for raw in raws]
        return [(each["subject"], each["on"]) for each in entries if each["type"] == "erasure"]


@pytest.fixture
def house(registry: Registry) -> House:
    return House(registry)


def test_a_request_is_due_on_a_working_day_and_asked_once(house: House) -> None:
    name = house.ask("我搬家了")
    again = house.ask()
    assert again == name
    found = house.request(name)
    # 24 November 2026 is a Tuesday; three weeks of five working days
    assert (found.state, found.due, found.person) == ("open", "2026-12-15", house.person)
    with house.registry.database.reading() as conn:
        kept = records.one(conn, house.registry.ledger, "erasure-request", name)
        assert kept.fields == {"asked_on": "2026-11-24", "reason": "我搬家了"}
        ledger_id = house.registry.ledger.id
        assert [r.id for r in list_requests(conn, ledger_id, state="open", limit=9)] == [name]
        assert list_requests(conn, ledger_id, after=name, limit=9) == []
        with pytest.raises(ErasureUnknown):
            find_request(conn, ledger_id, fresh("erasure"))


def test_a_refusal_tells_its_reasons_and_changes_nothing_else(house: House) -> None:
    name, wish = house.ask(), house.wish(house.registry.office)
    outcome = refuse(*house.place, wish, name, REASONS)
    assert isinstance(outcome, Done)
    assert house.request(name).state == "refused"
    (message,) = house.inbox()
    assert REASONS in message.texts["zh"].body
    assert "人民法院" in message.texts["zh"].body
    assert house.read(lawfully=False) == PLAIN
    assert house.erasures() == []
    # and it is not decided twice, but another may be asked for
    again = refuse(*house.place, house.wish(house.registry.office), name, REASONS)
    assert isinstance(again, Refusal)
    with pytest.raises(ErasureRefused, match="refused already"):
        refuse(*house.place, house.wish(house.registry.second), name, REASONS)
    assert house.ask() != name


def test_who_is_restricted_is_read_by_nobody_else_until_destroyed(house: House) -> None:
    name = house.ask()
    assert isinstance(house.decide(name, 10), Done)
    # then the log says when, and nobody reads it but themselves, or as the law demands
    assert house.erasures() == [(house.person, "2036-11-24")]
    found = house.request(name)
    assert (found.state, found.until) == ("restricted", "2036-11-24")
    assert (found.decided_by, found.approved_by) == (house.registry.office, house.registry.second)
    assert house.read(lawfully=False) is None
    assert house.read(lawfully=True) == PLAIN
    with house.registry.database.reading() as conn:
        told = rights.records_of(conn, house.registry.ledger, house.person, limit=9)
        among = restricted_among(conn, house.registry.ledger.id, (house.person, "x"))
    assert all(each.record.fields for each in told)
    assert among == {house.person}
    (message,) = house.inbox()
    assert "2036-11-24" in message.texts["en"].body
    assert REASONS in message.texts["en"].body
    # when its day comes, the job destroys it
    house.registry.clock.wait(days=3652)
    for _ in range(2):
        do_due_jobs(house.registry.installation, "worker/me", Courier({}))
    assert house.read(lawfully=True) == PLAIN
    house.registry.clock.wait(days=1)
    do_due_jobs(house.registry.installation, "worker/me", Courier({}))
    assert house.read(lawfully=True) is None
    assert house.request(name).state == "erased"


def test_at_once_is_at_once_and_the_person_is_told_where_they_are_reached(house: House) -> None:
    name = house.ask()
    made = house.propose(name, None)
    house.registry.clock.wait(days=1)  # the second person comes a day later
    outcome = proposals.approve(*house.place, made.id, Decider(house.registry.second))
    assert isinstance(outcome, Done)
    ((channel, farewell),) = finish(*house.place)
    assert (channel, farewell.to) == ("phone", PLAIN["phone"])
    assert house.read(lawfully=True) is None
    assert house.request(name).state == "erased"
    assert house.erasures() == [(house.person, "2026-11-25")]
    assert house.registry.find("phone", PLAIN["phone"]) == []
    # and again it changes nothing
    assert finish(*house.place) == ()


def test_who_is_erased_by_a_job_is_told_where_they_were_reached(house: House) -> None:
    # given one who asked and is restricted, and another whom the office erases by itself
    letters, by_office, on = Letters(), House(house.registry), "2036-11-24"
    contact = {"full_name": "李四", "phone": "+8613800138000"}
    by_office.registry.save(Change("basics", by_office.person, by_office.person, contact, seen=1))
    assert isinstance(house.decide(house.ask(), 10), Done)
    house.enter("erasure", {"subject": by_office.person, "on": on})
    courier = Courier({"phone": letters})
    do_due_jobs(house.registry.installation, "worker/me", courier)
    courier.wait()
    assert letters.sent == []

    # when their day has come, and the job is done twice
    house.registry.clock.wait(days=3653)
    for _ in range(2):
        do_due_jobs(house.registry.installation, "worker/me", courier)
    courier.wait()

    # then each was told once, in the words of who decided it, and nothing is left of either
    said = {each.to: each.text for each in letters.sent}
    assert len(letters.sent) == len(said) == 2
    assert "应您的申请" in said[PLAIN["phone"]]
    assert "As you asked" in said[PLAIN["phone"]]
    assert "经办公室决定" in said[contact["phone"]]
    assert "decision of the office" in said[contact["phone"]]
    assert house.read(lawfully=True) is by_office.read(lawfully=True) is None


def test_who_is_restricted_writes_what_is_theirs_and_others_what_they_must(house: House) -> None:
    # given somebody of whom a change was written down while they were being restricted
    registry, basics = house.registry, Change("basics", house.person, house.person, PLAIN, seen=1)
    composed = compose(*house.place, [basics], by=registry.office)
    assert isinstance(house.decide(house.ask(), 10), Done)
    # then it comes too late, and nobody writes another one
    late = registry.submit(composed.companions)
    assert isinstance(late, Refusal)
    assert late.rule == "restricted"
    with pytest.raises(Restricted, match="until it is destroyed"):
        registry.save(basics)
    with pytest.raises(Restricted):
        registry.save(Change("training", fresh("record"), house.person, {"course": "急救"}))
    # but they themselves, whoever tells them something, and whoever decides what they ask
    (mine,) = save(*house.place, [basics], by=house.person)
    assert mine.version == 2
    name, wish = house.ask("please at once"), house.wish(registry.office)
    assert isinstance(refuse(*house.place, wish, name, REASONS), Done)
    assert len(house.inbox()) == 2


def test_what_was_decided_is_done_although_the_process_died(house: House) -> None:
    at_once, restricted = house, House(house.registry)
    for each, years in ((at_once, None), (restricted, 10)):
        made = each.propose(each.ask(), years)
        proposals.approve(*each.place, made.id, Decider(house.registry.second))
    # then nobody reads either from then on
    assert at_once.read(lawfully=False) is None
    assert restricted.read(lawfully=False) is None
    # and what else is to be done, the job does
    do_due_jobs(house.registry.installation, "worker/me", Courier({}))
    assert at_once.read(lawfully=True) is None
    assert restricted.read(lawfully=True) == PLAIN
    assert len(restricted.inbox()) == 1


def test_a_backup_from_before_lifts_no_restriction_that_the_log_announced(house: House) -> None:
    # given somebody restricted, and rows of before that
    registry = house.registry
    assert isinstance(house.decide(house.ask(), 10), Done)
    with registry.database.writing() as conn:
        conn.execute(update(data_key).values(restricted_on=None))
    assert house.read(lawfully=False) == PLAIN
    # when a process opens the ledger
    registry.clock.wait(days=3)
    again = registry.open()
    again.ledger("beiyuan")
    again.close()
    # then they are restricted, since when the log said so, and nobody else is
    assert house.read(lawfully=False) is None
    with registry.database.reading() as conn:
        query = select(data_key.c.subject, data_key.c.restricted_on)
        days = {row.subject: row.restricted_on for row in conn.execute(query)}
    assert {subject: day for subject, day in days.items() if day} == {house.person: "2026-11-24"}
    # and what the office announced by itself is so by the next job
    other = fresh("person")
    registry.keep(other, **PLAIN)
    house.enter("erasure", {"subject": other, "on": "2027-01-01"})
    do_due_jobs(registry.installation, "worker/me", Courier({}))
    assert registry.read(other).fields is None


def test_who_is_announced_is_found_among_any_number_of_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a log that is read two entries at a time, and people announced, two of whom left a key
    monkeypatch.setattr(entries, "ENTRIES_PER_READ", 2)
    registry = house.registry
    people = [fresh("person") for _ in range(7)]
    for each in people:
        house.enter("erasure", {"subject": each, "on": "2027-01-01"})
    for each in (people[0], people[5]):
        registry.keep(each, **PLAIN)
    # when they are restricted by the log
    restrict_announced(registry.database, registry.ledger)
    # then these two are, and on their day their keys are destroyed
    assert [registry.read(each).fields for each in (people[0], people[5])] == [None, None]
    with registry.database.reading() as conn:
        among = restricted_among(conn, registry.ledger.id, people)
    assert among == {people[0], people[5]}
    erase_due(registry.database, registry.ledger, "2027-01-01")
    with registry.database.reading() as conn:
        assert living(conn, registry.ledger.id, people) == set()


def test_a_request_is_taken_back_while_it_is_open(house: House) -> None:
    name, stranger = house.ask(), fresh("person")
    made = house.propose(name, 10)

    def take_back(person: str) -> None:
        consents.take_back_request(*house.place, person, name, by=person)

    with pytest.raises(ErasureUnknown):
        take_back(stranger)
    for _ in range(2):
        take_back(house.person)
    found = house.request(name)
    assert (found.state, found.decided_by) == ("taken-back", house.person)
    # then nothing comes of the proposal, and another one may be asked for
    late = proposals.approve(*house.place, made.id, Decider(house.registry.second))
    assert isinstance(late, Refusal)
    assert late.rule == "erasure-decided"
    assert house.read(lawfully=False) == PLAIN
    again = house.ask()
    assert again != name
    assert isinstance(house.decide(again, 10), Done)
    name = again
    with pytest.raises(ErasureRefused, match="restricted already"):
        take_back(house.person)


def test_nobody_with_points_is_destroyed_silently(house: House) -> None:
    name = house.ask()
    made = house.propose(name, None)
    house.enter("open", {"account": house.account})
    # neither proposed nor approved while the account is open
    with pytest.raises(ErasureRefused, match="is open, with 0 points and 0 set aside"):
        house.propose(name, 10)
    outcome = proposals.approve(*house.place, made.id, Decider(house.registry.second))
    assert isinstance(outcome, Refusal)
    assert outcome.rule == "erasure-account"
    finish(*house.place)
    assert house.read(lawfully=False) == PLAIN
    assert house.erasures() == []
    with house.registry.database.reading() as conn, pytest.raises(ErasureRefused):
        want_closed(conn, house.registry.ledger.id, house.account)


def test_nobody_decides_on_their_own_and_of_two_decisions_one_counts(house: House) -> None:
    name = house.ask()
    with pytest.raises(ErasureRefused, match="own"):
        refuse(*house.place, house.wish(house.person), name, REASONS)
    one, two = house.propose(name, 10), house.propose(name, None)
    for made, kind in ((one, Done), (two, Refusal)):
        outcome = proposals.approve(*house.place, made.id, Decider(house.registry.second))
        assert isinstance(outcome, kind)
        assert not isinstance(outcome, KeyReused)
    finish(*house.place)
    assert house.request(name).state == "restricted"
    assert len(house.erasures()) == 1


@pytest.mark.parametrize(
    ("day", "years", "later"),
    [
        ("2026-11-24", 10, "2036-11-24"),
        ("2028-02-29", 10, "2038-03-01"),
        ("2028-02-29", 12, "2040-02-29"),
    ],
)
def test_years_later(day: str, years: int, later: str) -> None:
    assert years_after(day, years) == later
