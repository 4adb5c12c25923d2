"""Members sign in by a code, and what a device may do."""

from __future__ import annotations

import threading

import pytest

from ledger.journal.commands import Statement
from ledger.journal.orders import Order
from ledger.programme.grants import granting
from ledger.programme.people import devices, sessions
from ledger.programme.people.contacts import Contact, contact_of
from ledger.programme.people.devices import CodeRefused, Several, ToSend
from tests.programme.people.signing import enter, known, member, opening
from tests.programme.registry import TODAY, Registry, fresh
from tests.statements import statements

PHONE = contact_of("13800138000")
NOBODYS = contact_of("13900139000")


def asked(registry: Registry, contact: Contact = PHONE) -> ToSend:
    to_send = devices.ask_code(registry.database, registry.ledger, registry.clock, contact)
    assert to_send is not None
    return to_send


def used(
    registry: Registry, code: str, contact: Contact = PHONE, person: str | None = None
) -> str | Several:
    place = (registry.database, registry.ledger, registry.clock)
    return devices.use_code(*place, contact, code, person)


def test_a_member_signs_in_by_the_code_that_is_sent_to_them(registry: Registry) -> None:
    person = member(registry, full_name="阿依古丽", phone="138-0013-8000")
    to_send = asked(registry)
    assert (to_send.person, to_send.contact) == (person, PHONE)
    assert to_send.code not in repr(to_send)
    assert used(registry, to_send.code) == person
    with pytest.raises(CodeRefused):
        used(registry, to_send.code)


def test_nothing_is_sent_to_whom_is_no_member_and_it_costs_the_same(registry: Registry) -> None:
    member(registry, phone="13800138000")
    known(registry, phone="13700137000")  # of the staff, say
    seen = []
    for contact in (PHONE, NOBODYS, contact_of("13700137000")):
        with statements(registry.database) as sent:
            to_send = devices.ask_code(registry.database, registry.ledger, registry.clock, contact)
        assert (to_send is None) == (contact != PHONE)
        with statements(registry.database) as tried, pytest.raises(CodeRefused) as refused:
            used(registry, "no code", contact)
        seen.append(([each.text for each in (*sent, *tried)], str(refused.value)))
    assert seen[0] == seen[1] == seen[2]


def test_a_telephone_of_a_family_asks_who_it_is(registry: Registry) -> None:
    mother, child = (member(registry, phone="13800138000") for _ in range(2))
    code = asked(registry).code
    with pytest.raises(CodeRefused):
        used(registry, "000000" if code != "000000" else "000001")
    assert used(registry, code) == Several(tuple(sorted([mother, child])))
    with pytest.raises(CodeRefused):
        used(registry, code, person=registry.office)
    assert used(registry, code, person=child) == child
    with pytest.raises(CodeRefused):
        used(registry, code, person=mother)


def test_of_ten_who_use_one_code_at_once_one_signs_in(registry: Registry) -> None:
    person = member(registry, phone="13800138000")
    code, barrier, got = asked(registry).code, threading.Barrier(10), []

    def use() -> None:
        barrier.wait(10)
        try:
            got.append(used(registry, code))
        except CodeRefused:
            got.append(None)

    threads = [threading.Thread(target=use) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(map(str, got)) == ["None"] * 9 + [person]


def test_a_device_is_a_members_also_where_the_person_is_of_the_staff(registry: Registry) -> None:
    # given an organisation's manager who is a member too
    person = member(registry, phone="13800138000")
    organisation = fresh("org")
    enter(registry, Order(command=opening(registry, organisation)))
    standing = {"person": person, "standing": "partner"}
    command = Statement(kind="person", actor=registry.office, fields=standing)
    values = {"person": person, "role": "manager", "organisation": organisation, "first": TODAY}
    grant = granting(
        values, request="a request", by=registry.office, at=f"{TODAY}T02:00:00.000000Z"
    )
    enter(registry, Order(command=command, companions=(grant,)))
    held = {}
    for lasts in ("day", "device"):
        text = sessions.begin(
            registry.database, registry.ledger, registry.clock, person, lasts
        ).text
        with registry.database.reading() as conn:
            now = registry.clock.now()
            found = sessions.find_session(conn, registry.ledger, text, now)
        assert found is not None
        held[lasts] = {each.role for each in found.principal.held}
    assert held == {"day": {"member", "manager"}, "device": {"member"}}
