"""Member cards: one that is good, found by its number alone, void with the next one."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from ledger.journal.commands import Statement
from ledger.journal.orders import Done, Group, Order
from ledger.programme import records
from ledger.programme.erasure import destroy
from ledger.programme.people import cards
from ledger.programme.people.cards import Card, CardRefused, CardUnknown
from ledger.programme.people.numbers import (
    NumberRefused,
    _card_check,
    card_number,
    new_card_number,
)
from ledger.programme.tables import card as table
from ledger.programme.wishes import Wish
from tests.programme.registry import Registry, fresh

NUMBERS = itertools.count()


def member(registry: Registry) -> str:
    account = fresh("member")
    command = Statement(kind="open", actor=registry.office, fields={"account": account})
    (outcome,) = registry.ledger.appender.submit(Group((Order(command=command),)))
    assert isinstance(outcome, Done)
    return "person" + account.removeprefix("member")


def issue(
    registry: Registry, person: str, name: str = "王阿姨", request: str | None = None
) -> Card:
    request = request or f"card{next(NUMBERS)}"
    digest = hashlib.sha256(request.encode()).digest()
    wish = Wish("card", {}, registry.office, f"{request:A<43}=", digest)
    place = (registry.database, registry.ledger, registry.clock)
    assert isinstance(cards.issue(*place, wish, person, name), Done)
    with registry.database.reading() as conn:
        return cards.find_card(conn, registry.ledger, cards.id_of(person))


def found(registry: Registry, number: str) -> str:
    with registry.database.reading() as conn:
        return cards.find_number(conn, registry.ledger, number).person


def test_a_card_is_found_by_its_number_as_people_write_it(registry: Registry) -> None:
    person, other = member(registry), member(registry)
    card, _ = issue(registry, person), issue(registry, other)

    number = card.number
    spaced = f" {number[:4]} {number[4:8]}-{number[8:]}"
    wide = number.translate({ord("0") + n: 0xFF10 + n for n in range(10)})

    assert [found(registry, text) for text in (number, spaced, wide)] == [person] * 3
    assert (card.name, card.edition, card.by) == ("王阿姨", 1, registry.office)


def test_the_next_card_voids_the_one_before_and_its_history_stays(registry: Registry) -> None:
    person = member(registry)
    first, second = issue(registry, person), issue(registry, person, "王芳")

    assert (second.id, second.edition, second.name) == (first.id, 2, "王芳")
    assert second.number != first.number
    assert found(registry, second.number) == person
    with pytest.raises(CardUnknown):
        found(registry, first.number)
    with registry.database.reading() as conn:
        told = records.history(conn, registry.ledger, "card", first.id)
    assert [(each.fields or {})["number"] for each in told] == [first.number, second.number]


def test_the_same_request_makes_one_card(registry: Registry) -> None:
    person = member(registry)

    assert issue(registry, person, request="once") == issue(registry, person, request="once")


def test_a_lost_card_is_void_and_another_one_is_made(registry: Registry) -> None:
    person = member(registry)
    lost = issue(registry, person)

    cards.void(registry.ledger, registry.clock, lost, by=registry.office)

    with pytest.raises(CardUnknown):
        found(registry, lost.number)
    with pytest.raises(CardUnknown), registry.database.reading() as conn:
        cards.find_card(conn, registry.ledger, lost.id)
    with pytest.raises(CardUnknown):
        cards.void(registry.ledger, registry.clock, lost, by=registry.office)
    assert issue(registry, person).edition == 2


def test_a_card_that_was_replaced_meanwhile_is_not_voided(registry: Registry) -> None:
    person = member(registry)
    seen, newer = issue(registry, person), issue(registry, person)

    with pytest.raises(CardUnknown):
        cards.void(registry.ledger, registry.clock, seen, by=registry.office)

    assert found(registry, newer.number) == person


def test_who_is_no_member_has_no_card(registry: Registry) -> None:
    with pytest.raises(CardRefused, match="no member"):
        issue(registry, registry.office)


def test_neither_name_nor_number_stands_outside_of_the_record(registry: Registry) -> None:
    card = issue(registry, member(registry))

    with registry.database.reading() as conn:
        (row,) = conn.execute(select(table)).all()
    assert card.number not in f"{row!r}{card!r}"
    assert "王" not in f"{row!r}{card!r}"


def test_rows_that_were_exchanged_bring_nobody_to_the_wrong_member(registry: Registry) -> None:
    one, two = (issue(registry, member(registry)) for _ in range(2))
    with registry.database.writing() as conn:
        c = table.c
        query = select(c.code).where(c.subject == one.person)
        code = conn.execute(query).scalar_one()
        conn.execute(update(table).where(c.subject == one.person).values(code=None))
        conn.execute(update(table).where(c.subject == two.person).values(code=code))

    with pytest.raises(CardUnknown):
        found(registry, one.number)


def test_after_an_erasure_a_card_finds_nobody(registry: Registry) -> None:
    card = issue(registry, member(registry))

    destroy(registry.database, registry.ledger, [card.person], "2026-11-24")

    with pytest.raises(CardUnknown):
        found(registry, card.number)
    with registry.database.reading() as conn:
        assert conn.execute(select(table)).all() == []


# --- numbers -------------------------------------------------------------------------------------


def test_a_new_number_is_a_number() -> None:
    made = {new_card_number() for _ in range(200)}

    assert {card_number(number) for number in made} == made


@given(
    st.integers(0, 10**11 - 1), st.integers(0, 11), st.integers(1, 9)
)  # each number, each place, each other digit
def test_each_wrong_digit_is_found(body: int, place: int, by: int) -> None:
    number = next(text for check in range(10) if (text := f"{body:011}{check}") and is_number(text))
    wrong = f"{number[:place]}{(int(number[place]) + by) % 10}{number[place + 1 :]}"

    assert not is_number(wrong)


@pytest.mark.parametrize("text", ["", "12345678901", "1234567890123", "12345678901x", "１２"])
def test_what_has_not_twelve_digits_is_no_number(text: str) -> None:
    with pytest.raises(NumberRefused, match="12 digits"):
        card_number(text)


def test_the_check_digit_is_the_one_of_the_standard() -> None:
    # ISO 7064 MOD 11,10 as the German tax number has it, a known one of which is 86 095 742 719
    assert _card_check("8609574271") == "9"
    # and the standard's own example
    assert _card_check("0794") == "5"


def is_number(*parts: str) -> bool:
    try:
        card_number("".join(parts))
    except NumberRefused:
        return False
    return True
