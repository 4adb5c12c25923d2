"""Courses and what people attained: kept once, corrected with history, asked by gates."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import pytest

from ledger.journal.commands import Statement
from ledger.journal.orders import Done, Group, Order, Outcome, Refusal
from ledger.programme import records
from ledger.programme.calendar import read_calendar
from ledger.programme.erasure import destroy
from ledger.programme.people import attainments, belongings, consents, training
from ledger.programme.people.attainments import Attainment, AttainmentRefused
from ledger.programme.people.belongings import Belonging
from ledger.programme.people.gates import Need, lacking
from ledger.programme.people.readiness import RULE, lacking_in
from ledger.programme.people.training import (
    COURSE,
    CourseRefused,
    CourseUnknown,
    minutes_of,
)
from ledger.programme.recording import CHANGED
from ledger.programme.roles import Reach
from ledger.programme.wishes import Wish
from tests.programme.people.informing import inform
from tests.programme.people.ready import make_ready
from tests.programme.registry import Registry, fresh
from tests.statements import statements

CALENDAR = read_calendar({})
EVERYTHING = Reach(everything=True)
SESSIONS = [{"day": "2026-11-08", "minutes": 90}, {"day": "2026-11-01", "minutes": 120}]
NUMBERS = itertools.count()


def wish(registry: Registry, name: str) -> Wish:
    digest = hashlib.sha256(name.encode()).digest()
    return Wish("training", {}, registry.office, f"{name:A<43}=", digest)


def entered(registry: Registry, kind: str, **fields: Any) -> None:
    command = Statement(kind=kind, actor=registry.office, fields=fields)
    (outcome,) = registry.ledger.appender.submit(Group((Order(command=command),)))
    assert isinstance(outcome, Done), outcome


def place(registry: Registry) -> tuple[Any, Any, Any]:
    return registry.database, registry.ledger, registry.clock


class Training:
    """An organisation with a course, and short ways to what people attain."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.org = self.organisation()
        self.course = self.given()

    def organisation(self) -> str:
        name = fresh("org")
        entered(self.registry, "open", account=name)
        return name

    def person(self) -> str:
        """Somebody who consents to recording."""
        name = self.stranger()
        make_ready(*place(self.registry), name)
        return name

    def stranger(self) -> str:
        name = fresh("person")
        entered(self.registry, "person", person=name, standing="member")
        return name

    def given(self, request: str | None = None, **said: Any) -> Belonging:
        asked = wish(self.registry, request or f"course{next(NUMBERS)}")
        fields = {"name": "急救入门", "content": "心肺复苏", "sessions": SESSIONS} | said
        assert isinstance(training.give(*place(self.registry), asked, self.org, fields), Done)
        return self.read_course(belongings.id_of(COURSE, asked.request))

    def read_course(self, name: str, reach: Reach = EVERYTHING) -> Belonging:
        with self.registry.database.reading() as conn:
            return training.find_course(conn, self.registry.ledger, name, reach)

    def keep(self, person: str, request: str | None = None, **said: Any) -> Outcome:
        asked = wish(self.registry, request or f"attained{next(NUMBERS)}")
        organisation = said.pop("organisation", self.org)
        return attainments.keep(*place(self.registry), asked, person, organisation, said)

    def insure(self, person: str, **said: Any) -> Outcome:
        policy = {"issuer": "人保财险", "number": "PA-1", "first": "2026-01-01"}
        policy |= {"kind": "insurance", "what": "accident", "last": "2026-12-31"}
        return self.keep(person, **policy | said)

    def enrol(self, person: str, **said: Any) -> Outcome:
        about = {"kind": "training", "what": self.course.id, "first": "2026-11-08"}
        return self.keep(person, **about | {"result": "enrolled"} | said)

    def of(self, reach: Reach = EVERYTHING, **which: Any) -> list[Attainment]:
        with self.registry.database.reading() as conn:
            return attainments.list_attainments(
                conn, self.registry.ledger, reach, **{"limit": 50} | which
            )

    def amend(self, attainment: Attainment, seen: int, **said: Any) -> Outcome:
        fields = {**(attainment.fields or {}), **said}
        where, by = place(self.registry), self.registry.office
        return attainments.amend(*where, attainment, fields, seen=seen, by=by)


@pytest.fixture
def house(registry: Registry) -> Training:
    return Training(registry)


def test_a_course_has_its_sessions_in_order_and_is_taken_up_once(house: Training) -> None:
    first, again = house.given("once"), house.given("once")

    assert first == again
    assert first.fields is not None
    assert [each["day"] for each in first.fields["sessions"]] == ["2026-11-01", "2026-11-08"]
    assert minutes_of(first) == 210


def test_of_two_who_change_a_course_the_second_is_told_and_nothing_is_lost(house: Training) -> None:
    registry, course = house.registry, house.course
    fields = dict(course.fields or {})

    def amend(name: str) -> Outcome:
        said = fields | {"name": name}
        return training.amend(*place(registry), course, said, seen=1, by=registry.office)

    one, two = amend("急救初级"), amend("急救高级")

    assert isinstance(one, Done)
    assert isinstance(two, Refusal)
    assert two.rule == CHANGED
    with registry.database.reading() as conn:
        told = records.history(conn, registry.ledger, COURSE.word, course.id)
    assert [(each.fields or {})["name"] for each in told] == ["急救入门", "急救初级"]


@pytest.mark.parametrize("count", [0, 101])
def test_a_course_has_some_sessions_and_not_too_many(house: Training, count: int) -> None:
    with pytest.raises(CourseRefused, match="1 to 100 sessions"):
        house.given(sessions=SESSIONS[:1] * count)


def test_the_sessions_of_one_day_fit_into_it(house: Training) -> None:
    # given a day that is full, and a second day
    full = [{"day": "2026-11-08", "minutes": 720}] * 2
    other = {"day": "2026-11-09", "minutes": 60}
    assert minutes_of(house.given(sessions=[*full, other])) == 1500
    # then one minute more is refused, and the day is named
    more = {"day": "2026-11-08", "minutes": 1}
    with pytest.raises(CourseRefused, match="of 2026-11-08 take 1441 minutes"):
        house.given(sessions=[*full, other, more])


def test_a_result_is_entered_after_enrolling_and_opens_the_gate(house: Training) -> None:
    # given somebody of the cohort, who is in it once
    person, gate = house.person(), (Need("training", house.course.id),)
    assert isinstance(house.enrol(person), Done)
    with pytest.raises(AttainmentRefused, match="kept already"):
        house.enrol(person)
    (enrolled,) = house.of(what=house.course.id)

    def missing() -> list[str]:
        with house.registry.database.reading() as conn:
            facts = attainments.facts_of(conn, house.registry.ledger.id, [person])[person]
        return [each.why for each in lacking(facts, gate, "2026-11-24")]

    assert missing() == [f"The training {house.course.id} is not passed: enrolled."]

    # when they pass, then the gate is open, and whoever had not seen it is told
    assert isinstance(house.amend(enrolled, 1, result="passed"), Done)
    late = house.amend(enrolled, 1, result="failed")

    assert missing() == []
    assert isinstance(late, Refusal)


def test_the_same_request_keeps_it_once_even_after_a_correction(house: Training) -> None:
    person = house.person()
    assert isinstance(house.insure(person, request="once"), Done)
    (made,) = house.of(person=person)
    assert isinstance(house.amend(made, 1, number="PA-2"), Done)

    again = house.insure(person, request="once")

    assert isinstance(again, Done)
    assert again.replayed
    (kept,) = house.of(person=person)
    assert (kept.fields or {})["number"] == "PA-2"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"number": None}, "insurance needs number too"),
        ({"last": None}, "insurance needs last too"),
        ({"last": "2025-12-31"}, "before it begins"),
        ({"result": "passed"}, "has no result"),
        ({"what": "course/" + "a" * 26}, "Training is for a course"),
        ({"kind": "training", "number": None, "issuer": None, "last": None}, "needs result too"),
        ({"organisation": "org/" + "a" * 26}, "There is no org/"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    house: Training, said: dict[str, Any], why: str
) -> None:
    person = house.person()

    with pytest.raises(AttainmentRefused, match=why):
        house.insure(person, **said)

    assert house.of(person=person) == []


def test_people_and_courses_that_are_not_there_are_refused(house: Training) -> None:
    with pytest.raises(AttainmentRefused, match="knows no person/"):
        house.insure(fresh("person"))
    # a course is open to the organisation that gives it alone
    with pytest.raises(CourseUnknown):
        house.enrol(house.person(), organisation=house.organisation())


def test_nothing_is_kept_of_whom_the_consent_to_recording_does_not_stand(house: Training) -> None:
    stranger, person = house.stranger(), house.person()
    inform(house.registry)
    asked = house.insure(person, request="once")
    consents.withdraw(*place(house.registry), CALENDAR, person, "recording", how="self", by=person)

    for refused in (house.insure(stranger), house.insure(person), house.enrol(person)):
        assert isinstance(refused, Refusal)
        assert (refused.rule, lacking_in(refused)) == (RULE, ("consent:recording",))

    # what was kept before stays, is corrected, and answered as it was
    (kept,) = house.of()
    assert isinstance(house.amend(kept, 1, number="PA-2"), Done)
    again = house.insure(person, request="once")
    assert isinstance(asked, Done)
    assert isinstance(again, Done)
    assert again.replayed


def test_a_person_sees_their_own_and_an_organisation_what_it_keeps(house: Training) -> None:
    one, two, other = house.person(), house.person(), house.organisation()
    house.insure(one)
    house.insure(two, organisation=other)

    def seen(reach: Reach) -> list[str]:
        return sorted(each.person for each in house.of(reach))

    assert seen(Reach(own=one)) == [one]
    assert seen(Reach(organisations=frozenset({other}))) == [two]
    assert seen(EVERYTHING) == sorted([one, two])
    with pytest.raises(CourseUnknown):
        house.read_course(house.course.id, Reach(organisations=frozenset({other})))


def test_a_list_takes_three_statements_and_facts_two_whatever_their_number(house: Training) -> None:
    people = [house.person() for _ in range(5)]
    for person in people:
        house.insure(person)

    def facts(persons: list[str]) -> None:
        with house.registry.database.reading() as conn:
            attainments.facts_of(conn, house.registry.ledger.id, persons)

    for limit in (1, 5):
        with statements(house.registry.database) as sent:
            assert len(house.of(limit=limit)) == limit
        assert len(sent) == 3
        with statements(house.registry.database) as sent:
            facts(people[:limit])
        assert len(sent) == 2


def test_after_an_erasure_neither_issuer_nor_number_can_be_read(house: Training) -> None:
    person = house.person()
    house.insure(person)

    destroy(house.registry.database, house.registry.ledger, [person], "2026-11-24")

    (left,) = house.of(person=person)
    assert left.fields is None
