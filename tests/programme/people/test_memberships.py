"""Memberships of organisations: claimed by a link, confirmed there, seen by who may see them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ledger.journal.entry import to_base64
from ledger.journal.orders import Done
from ledger.programme.erasure import destroy
from ledger.programme.people import consents, entering, links, memberships, organisations
from ledger.programme.people.links import LinkRefused, LinkUnknown
from ledger.programme.people.memberships import MembershipRefused, MembershipUnknown
from ledger.programme.roles import Reach
from ledger.programme.wishes import Wish
from tests.programme.people.informing import inform, joined
from tests.programme.registry import TODAY, Registry, fresh
from tests.programme.test_plans import plan, sent
from tests.statements import statements

EVERYTHING = Reach(everything=True)


def place(registry: Registry):
    return registry.database, registry.ledger, registry.clock


def wish(registry: Registry) -> Wish:
    request = registry.ledger.keys.request_id(registry.office, fresh("key"), 0)
    return Wish("test", {}, registry.office, to_base64(request), b"f" * 32)


def enterprise(registry: Registry, name: str = "四美国际") -> str:
    """An organisation that takes part."""
    asked = wish(registry)
    organisations.register(*place(registry), asked, "enterprise", None, {"name_zh": name})
    made = organisations.id_of(asked.request)
    with registry.database.reading() as conn:
        found = organisations.find_organisation(conn, registry.ledger, made, EVERYTHING)
    outcome = organisations.set_status(
        *place(registry), found, "admitted", None, by=registry.office
    )
    assert isinstance(outcome, Done)
    return made


def link(registry: Registry, organisation: str) -> str:
    """The code of an organisation's next link."""
    links.rotate(registry.ledger, registry.clock, wish(registry), organisation)
    with registry.database.reading() as conn:
        return links.link_of(conn, registry.ledger, organisation).code


def claimed(registry: Registry, organisation: str, person: str | None = None):
    code = link(registry, organisation)
    return entering.enter(*place(registry), person or fresh("person"), code)


def seen(registry: Registry, reach: Reach, **which: str):
    with registry.database.reading() as conn:
        return memberships.list_memberships(conn, registry.ledger, reach, limit=50, **which)


def share(registry: Registry, person: str) -> None:
    consents.give(*place(registry), person, "employer", notice=1, how="self", by=person)


def test_a_link_is_an_address_whose_code_no_server_logs(registry: Registry) -> None:
    org = enterprise(registry)
    with pytest.raises(LinkUnknown), registry.database.reading() as conn:
        links.link_of(conn, registry.ledger, org)
    code = link(registry, org)
    with registry.database.reading() as conn:
        found = links.link_of(conn, registry.ledger, org)
    assert found.url == f"https://points.example.org/ledgers/beiyuan/join#{code}"
    # and none of its check is kept
    assert links.read_code(registry.ledger, f" {code}\n").id == org


def test_a_link_that_was_replaced_revoked_or_made_up_opens_nothing(registry: Registry) -> None:
    org, person = enterprise(registry), fresh("person")
    first = link(registry, org)
    second = link(registry, org)
    other = links.code_of(registry.ledger, "invitation/" + "a" * 26)
    forged = second[:-1] + ("a" if second[-1] != "a" else "e")
    for code in (first, forged, other, second.replace(".2.", ".3."), "", "org"):
        with pytest.raises(LinkRefused):
            entering.enter(*place(registry), person, code)
    links.revoke(registry.ledger, registry.clock, org, by=registry.office)
    with pytest.raises(LinkRefused):
        entering.enter(*place(registry), person, second)
    with pytest.raises(LinkUnknown):
        links.revoke(registry.ledger, registry.clock, org, by=registry.office)
    assert seen(registry, EVERYTHING) == []
    # and the next one is none of those before
    assert link(registry, org) not in (first, second)


def test_a_link_of_an_organisation_that_left_opens_nothing(sqlite_registry: Registry) -> None:
    registry = sqlite_registry
    org = enterprise(registry)
    code = link(registry, org)
    with registry.database.reading() as conn:
        found = organisations.find_organisation(conn, registry.ledger, org, EVERYTHING)
    organisations.set_status(*place(registry), found, "suspended", None, by=registry.office)
    with pytest.raises(LinkRefused):
        entering.enter(*place(registry), fresh("person"), code)


def test_one_who_belongs_there_already_changes_nothing(registry: Registry) -> None:
    org, person = enterprise(registry), fresh("person")
    first = claimed(registry, org, person)
    registry.clock.wait(days=3)
    assert claimed(registry, org, person) == first
    memberships.decide(registry.ledger, registry.clock, first, "confirmed", by=registry.office)
    assert claimed(registry, org, person).state == "confirmed"
    assert len(seen(registry, EVERYTHING)) == 1


def test_joining_by_a_link_makes_member_and_membership_at_once(registry: Registry) -> None:
    inform(registry)
    org = enterprise(registry)
    by = entering.entering(*place(registry), link(registry, org))
    new = joined(registry, accepting=by)
    (made,) = seen(registry, Reach(own=new.person))
    assert (made.organisation, made.state, made.first) == (org, "claimed", TODAY)


def test_an_organisation_sees_those_alone_who_share_who_they_are(registry: Registry) -> None:
    # given two members of an enterprise, one of whom shares their name, and one of another
    inform(registry, "employer")
    org, other = enterprise(registry), enterprise(registry, "七夕集团")
    open_, silent = (claimed(registry, org) for _ in range(2))
    claimed(registry, other)
    registry.keep(open_.person, full_name="王芳", phone="13912345678")
    share(registry, open_.person)

    manager = Reach(organisations=frozenset({org}), own=registry.office)
    (found,) = seen(registry, manager)

    assert (found.person, found.name, found.minutes) == (open_.person, "王芳", 0)
    assert "王芳" not in repr(found)
    with registry.database.reading() as conn:
        for hidden in (silent.id, "membership/" + "a" * 26):
            with pytest.raises(MembershipUnknown):
                memberships.find_membership(conn, registry.ledger, hidden, manager)
    # and the office sees all, with no name but that one's
    assert sorted(each.name or "" for each in seen(registry, EVERYTHING)) == ["", "", "王芳"]
    # when it ends, or they say no more, the enterprise sees nothing of them
    memberships.end(registry.ledger, registry.clock, found, TODAY, by=found.person)
    assert seen(registry, manager) == []
    assert seen(registry, Reach(own=found.person))[0].state == "ended"


def test_leaving_ends_the_membership_and_they_may_come_back(registry: Registry) -> None:
    org, person = enterprise(registry), fresh("person")
    made = claimed(registry, org, person)
    with pytest.raises(MembershipRefused, match="before it began"):
        memberships.end(registry.ledger, registry.clock, made, "2026-11-01", by=person)
    memberships.end(registry.ledger, registry.clock, made, TODAY, by=person)
    memberships.end(registry.ledger, registry.clock, made, TODAY, by=person)  # again: nothing
    with pytest.raises(MembershipRefused, match="ended already"):
        memberships.decide(registry.ledger, registry.clock, made, "confirmed", by=registry.office)

    again = claimed(registry, org, person)
    registry.clock.wait(days=1)
    memberships.end(registry.ledger, registry.clock, again, TODAY, by=person)
    later = claimed(registry, org, person)

    assert (again.id, again.state, again.last) == (made.id, "claimed", None)
    assert later.id != made.id
    states = {each.state for each in seen(registry, Reach(own=person))}
    assert states == {"ended", "claimed"}


def test_who_was_declined_may_say_it_again(sqlite_registry: Registry) -> None:
    registry = sqlite_registry
    org = enterprise(registry)
    made = claimed(registry, org)
    memberships.decide(registry.ledger, registry.clock, made, "declined", by=registry.office)
    with pytest.raises(MembershipRefused, match="declined already"):
        memberships.decide(registry.ledger, registry.clock, made, "confirmed", by=registry.office)
    registry.clock.wait(seconds=1)
    again = claimed(registry, org, made.person)
    assert replace(again, at=made.at) == made


def test_what_is_kept_of_a_membership_goes_with_its_person(registry: Registry) -> None:
    org = enterprise(registry)
    made = claimed(registry, org)
    registry.keep(made.person, full_name="王芳")
    destroy(registry.database, registry.ledger, (made.person,), TODAY)
    assert seen(registry, EVERYTHING) == []


def test_a_list_is_six_statements_however_long(registry: Registry) -> None:
    inform(registry, "employer")
    org = enterprise(registry)
    manager = Reach(organisations=frozenset({org}), own=registry.office)
    numbers = []
    for _ in range(3):
        made = claimed(registry, org)
        registry.keep(made.person, full_name="王芳")
        share(registry, made.person)
        with statements(registry.database) as counted:
            seen(registry, manager, organisation=org, state="claimed")
        numbers.append(len(counted))
    assert numbers == [6, 6, 6]


def test_a_page_is_a_range_of_an_index_for_each_way_to_reach_a_membership(
    registry: Registry,
) -> None:
    # given somebody who belongs to one organisation, and manages another to which somebody belongs
    inform(registry, "employer")
    org, own = enterprise(registry), fresh("person")
    shown = claimed(registry, org).person
    share(registry, shown)
    claimed(registry, enterprise(registry, "七夕集团"), own)
    reach = Reach(own=own, organisations=frozenset({org}))
    # when they list what they reach
    asked = sent(
        registry.database,
        lambda conn: memberships.list_memberships(conn, registry.ledger, reach, limit=50),
    )
    # then no statement walks over all memberships of the ledger
    told = "\n".join(plan(registry.database, *each) for each in asked)
    assert [each.person for each in seen(registry, reach)] == sorted(
        (own, shown), key=lambda person: seen(registry, Reach(own=person))[0].id
    )
    assert not re.search(r"(SEARCH|SCAN) membership.*\(ledger_id=\?\)$", told, re.MULTILINE), told
    assert "Seq Scan on membership" not in told, told
