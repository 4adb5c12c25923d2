"""What is asked before service is recorded: consent, Order 67's basics, a guardian's consents."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.journal.commands import Statement
from ledger.journal.orders import Done, Group, Order, Outcome, Refusal
from ledger.programme.calendar import read_calendar
from ledger.programme.erasure import destroy
from ledger.programme.people import consents, guardians, readiness
from ledger.programme.people.ages import DATA, JOIN, VOLUNTEER
from ledger.programme.people.guardians import Guardian
from ledger.programme.people.notices import RECORDING
from ledger.programme.people.readiness import NEEDED, lacking, lacking_in, refusing, sentence
from ledger.programme.recording import Change
from ledger.programme.restriction import restricting
from ledger.programme.vault import subjects_of
from tests.programme.people.informing import inform
from tests.programme.people.ready import make_ready
from tests.programme.registry import TODAY, Registry, fresh
from tests.statements import statements

CALENDAR = read_calendar({})

ALL = (
    *("consent:recording", "full_name", "sex", "birth_date", "document_kind", "document_number"),
    *("area", "contact", "skills", "service_categories"),
)


class House:
    """A ledger with somebody who records, and short ways to service."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.place = (registry.database, registry.ledger, registry.clock)
        self.recorder = fresh("person")
        self.enter("person", person=self.recorder, standing="partner")

    def enter(self, kind: str, **fields: Any) -> None:
        command = Statement(kind=kind, actor=self.registry.office, fields=fields)
        (outcome,) = self.registry.ledger.appender.submit(Group((Order(command=command),)))
        assert isinstance(outcome, Done), outcome

    def member(self, **basics: Any) -> str:
        """A member of whom all is known, but for what these fields say."""
        person = fresh("person")
        self.enter("open", account="member" + person.removeprefix("person"))
        make_ready(*self.place, person, **basics)
        return person

    def lacks(self, person: str, day: str = TODAY) -> tuple[str, ...]:
        with self.registry.database.reading() as conn:
            return lacking(conn, self.registry.ledger, [(person, day)])[person, day]

    def service(self, person: str, at: str = "2026-11-23T01:00:00.000000Z", **more: Any) -> Any:
        told = {"assurance": "roster", "effective_at": at, "minutes": 60}
        told |= {"member": "member" + person.removeprefix("person"), "recorder": self.recorder}
        return told | more

    def submit(self, *services: Any) -> list[Outcome]:
        """The outcomes of services, each on its own, with what has been asked of them before."""
        return self.appended(services, self.asked(services))

    def asked(self, services: Any) -> Any:
        with self.registry.database.reading() as conn:
            return readiness.conditions(conn, self.registry.ledger, services)

    def appended(self, services: Any, conditions: Any) -> list[Outcome]:
        ref = {"id": "contribution/" + "a" * 26, "commitment": "A" * 43 + "="}
        orders = [
            Order(
                command=Statement(
                    kind="service", actor=self.registry.office, fields=service, ref=ref
                ),
                companions=companions,
            )
            for service, companions in zip(services, conditions, strict=True)
        ]
        return self.registry.ledger.appender.submit(Group(tuple(orders), atomic=False))


@pytest.fixture
def house(registry: Registry) -> House:
    return House(registry)


def test_of_who_just_joined_the_rest_is_asked_and_then_service_is_recorded(house: House) -> None:
    # given somebody of whom nothing is kept, and somebody with a name and a telephone
    nobody = fresh("person")
    person = fresh("person")
    house.enter("open", account="member" + person.removeprefix("person"))
    house.registry.keep(person, full_name="王芳", phone="+8613912345678")

    assert house.lacks(nobody) == ALL
    assert house.lacks(person) == tuple(
        each for each in ALL if each not in ("full_name", "contact")
    )
    (refused,) = house.submit(house.service(person))
    assert isinstance(refused, Refusal)
    assert refused.rule == "basics-needed"
    assert lacking_in(refused) == house.lacks(person)
    assert "性别 · Sex" in sentence(lacking_in(refused))

    # when the rest is known, then nothing lacks
    make_ready(*house.place, person)
    assert house.lacks(person) == ()
    (entered,) = house.submit(house.service(person))
    assert isinstance(entered, Done)


@pytest.mark.parametrize(
    ("basics", "lacks"),
    [
        ({"skills": None}, ("skills",)),
        ({"skills": ["急救"], "service_categories": []}, ()),
        ({"document_kind": None, "document_number": None}, ("document_kind", "document_number")),
        ({"email": None}, ("contact",)),
        ({"email": None, "reached": "北苑家园传达室"}, ()),
        ({"birth_date": None}, ("birth_date",)),
        ({"area": ""}, ("area",)),
    ],
)
def test_each_of_the_basics_is_needed_and_none_is_an_answer_for_skills(
    house: House, basics: dict[str, Any], lacks: tuple[str, ...]
) -> None:
    assert house.lacks(house.member(**basics)) == lacks


@pytest.mark.parametrize(
    ("day", "given", "lacks"),
    [
        ("2026-11-23", (), ("join", "data", "volunteer")),
        ("2026-11-23", (JOIN, DATA), ("volunteer",)),
        ("2026-11-23", (JOIN, DATA, VOLUNTEER), ()),
        ("2026-11-24", (), ("volunteer",)),  # fourteen
        ("2026-11-24", (VOLUNTEER,), ()),
        ("2030-11-23", (), ("volunteer",)),
        ("2030-11-24", (), ()),  # eighteen
        ("2001-01-01", (), ("join", "data", "volunteer")),  # before the birth
    ],
)
def test_a_minor_s_guardian_consents_as_the_age_on_that_day_wants(
    house: House, day: str, given: tuple[str, ...], lacks: tuple[str, ...]
) -> None:
    person = house.member(birth_date="2012-11-24")
    if given:
        guardian = Guardian("李四", frozenset(given))
        guardians.amend(*house.place, person, guardian, seen=0, how="paper", by=person)

    assert house.lacks(person, day) == tuple(f"guardian:{each}" for each in lacks)


def test_a_minor_s_age_is_that_of_the_local_day_of_the_service(house: House) -> None:
    # given a ledger that is 8 hours ahead of UTC, and somebody who comes of age tomorrow
    person = house.member(birth_date="2008-11-24")

    before, late = (
        house.submit(house.service(person, at))[0]
        for at in ("2026-11-23T15:59:59.000000Z", "2026-11-23T16:00:00.000000Z")
    )

    assert isinstance(before, Refusal)
    assert lacking_in(before) == ("guardian:volunteer",)
    assert isinstance(late, Done)


def test_a_consent_that_is_withdrawn_ends_recording_even_after_it_was_asked(house: House) -> None:
    inform(house.registry)
    person = house.member()
    services = [house.service(person)]
    conditions = house.asked(services)

    # when it is withdrawn between asking and appending
    consents.withdraw(*house.place, CALENDAR, person, RECORDING, how="self", by=person)
    (refused,) = house.appended(services, conditions)

    assert isinstance(refused, Refusal)
    assert lacking_in(refused) == house.lacks(person) == ("consent:recording",)
    # and given again, it is recorded again
    consents.give(*house.place, person, RECORDING, notice=1, how="self", by=person)
    (entered,) = house.submit(house.service(person))
    assert isinstance(entered, Done)


def test_a_correction_is_always_possible(house: House) -> None:
    inform(house.registry)
    person = house.member()
    (entered,) = house.submit(house.service(person))
    consents.withdraw(*house.place, CALENDAR, person, RECORDING, how="self", by=person)

    assert isinstance(entered, Done)
    services = [
        house.service(person, replaces=entered.last),
        house.service(person, replaces=entered.last, minutes=0),
    ]
    assert house.asked(services) == [(), ()]
    with house.registry.database.reading() as conn:
        assert readiness.refusal(conn, house.registry.ledger, services[0]) is None
        refused = readiness.refusal(conn, house.registry.ledger, house.service(person))
    assert refused == refusing(("consent:recording",))


def test_of_who_is_restricted_or_erased_nothing_more_is_recorded(house: House) -> None:
    restricted, erased = house.member(), house.member()
    database, ledger, _ = house.place
    restriction = restricting(subjects_of(restricted), TODAY)
    ledger.appender.submit(Group((Order(companions=(restriction,)),)))
    destroy(database, ledger, [erased], TODAY)

    for person in (restricted, erased):
        assert house.lacks(person) == ("record",)
        (refused,) = house.submit(house.service(person))
        assert isinstance(refused, Refusal)
        assert lacking_in(refused) == ("record",)


def test_as_many_statements_for_a_thousand_members_as_for_one(house: House) -> None:
    people = [fresh("person") for _ in range(1_000)]
    make_ready(*house.place, *people, birth_date="2012-01-01")
    guardian = {"name": "李四", "consents": [VOLUNTEER], "how": "paper"}
    half = [
        Change(guardians.RECORD, guardians.id_of(each), each, guardian) for each in people[:500]
    ]
    house.registry.save(*half)
    database, ledger, _ = house.place
    counted = []
    for some in (people[:1], people):
        with database.reading() as conn, statements(database) as sent:
            found = lacking(conn, ledger, [(each, TODAY) for each in some])
        assert [found[each, TODAY] for each in some] == [
            () if each in people[:500] else ("guardian:volunteer",) for each in some
        ]
        with database.reading() as conn, statements(database) as asked:
            readiness.conditions(conn, ledger, [house.service(each) for each in some])
        counted.append((len(sent), len(asked)))
    assert counted == [(3, 3), (3, 3)]
    with database.reading() as conn, statements(database) as sent:
        assert readiness.conditions(conn, ledger, []) == []
    assert sent == []


@given(st.lists(st.sampled_from(sorted(NEEDED)), min_size=1, unique=True))
def test_a_refusal_is_of_plain_words_which_are_told_in_both_languages(lacks: list[str]) -> None:
    refused = refusing(lacks)
    assert lacking_in(refused) == tuple(lacks)
    assert refused.message.isascii()
    assert all(str(NEEDED[word]) in sentence(lacks) for word in lacks)
