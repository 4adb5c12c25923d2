"""Whoever runs the service adds people of the staff, under the rules that the API has."""

import pytest

from ledger.clock import SystemClock
from ledger.programme.people import enrolment
from ledger.programme.people.contacts import contact_of
from tests.cli.conftest import Terminal


def add(terminal: Terminal, *more: object, two: bool = True) -> tuple[object, ...]:
    actor, approver = terminal.people
    said = ("user", "add", "--actor", actor, *more)
    return (*said, "--approver", approver) if two else said


def listed(terminal: Terminal) -> dict[str, dict[str, object]]:
    return {each["person"]: each for each in terminal.facts("user", "list")["people"]}


def test_an_officer_is_added_by_two_people_with_the_roles_of_one_order(either: Terminal) -> None:
    # Given a ledger with its two founders
    either.found()

    # When they add a third person of the office, who is an auditor as well
    roles = ("--role", "officer", "--role", "auditor")
    added = either.facts(*add(either, "--standing", "office", *roles))

    # Then the log has one entry of it in both names, and the person holds both roles
    here = listed(either)[added["person"]]
    assert here["standing"] == "office"
    assert [each["role"] for each in added["grants"]] == ["officer", "auditor"]
    assert {each["role"] for each in here["roles"]} == {"officer", "auditor"}
    assert added["person"] in either("user", "list").stdout
    assert either.facts("verify", "--database")["ok"] is True


@pytest.mark.parametrize(
    "more", [("--standing", "office"), ("--standing", "auditor", "--role", "auditor")]
)
def test_the_office_and_auditors_take_two_people(terminal: Terminal, more: tuple[str, ...]) -> None:
    terminal.found()
    before = listed(terminal)

    assert "name an approver" in terminal.complaint(*add(terminal, *more, two=False))
    actor, _ = terminal.people
    assert "another person" in terminal.complaint(
        *add(terminal, *more, "--approver", actor, two=False)
    )
    assert listed(terminal) == before


def test_a_partner_takes_one_who_is_of_the_office(terminal: Terminal) -> None:
    terminal.found()
    added = terminal.facts(*add(terminal, "--standing", "partner", two=False))
    assert added["grants"] == []

    said = ("user", "add", "--standing", "partner", "--actor", added["person"])
    assert "not of standing office" in terminal.complaint(*said)


def test_a_role_that_does_not_fit_changes_nothing(terminal: Terminal) -> None:
    terminal.found()
    before = listed(terminal)

    def refused(*more: object) -> str:
        return terminal.complaint(*add(terminal, "--standing", "partner", *more))

    assert "needs office" in refused("--role", "officer")
    assert "There is no org/" in refused("--role", f"desk:org/{'a' * 26}")
    assert "each role once" in refused(*("--role", "officer") * 2)
    assert listed(terminal) == before


def test_who_is_invited_sets_a_password_with_the_code(either: Terminal) -> None:
    # Given an officer whose address is typed, not called, and stands nowhere in what is told
    either.found()
    said = add(either, "--standing", "office", "--role", "officer", "--invite")
    added = either.facts(*said, typed="Zhang.San@Example.org\n")
    assert "zhang" not in str(added).lower()

    # When that code is lost and another one given
    again = either.facts("user", "invite", added["person"])

    # Then the second one begins the login, and the first one does not
    installation = either.installation()
    ledger, contact = installation.ledger("beiyuan"), contact_of("zhang.san@example.org")
    place = (installation.database, ledger, SystemClock(), contact)
    with pytest.raises(enrolment.SignInRefused):
        enrolment.begin_enrolment(*place, added["code"])
    assert enrolment.begin_enrolment(*place, again["code"]).secret
    installation.close()


def test_a_contact_that_is_none_adds_nobody(terminal: Terminal) -> None:
    terminal.found()
    before = listed(terminal)
    said = add(terminal, "--standing", "office", "--invite")

    result = terminal(*said, exits=1, typed="nobody in particular\n")

    assert "nobody in particular" not in result.stderr.splitlines()[-1]  # after what was typed
    assert listed(terminal) == before


@pytest.mark.parametrize(
    ("role", "why"),
    [
        ("desk", "desk wants desk:org/"),
        ("officer:org/" + "a" * 26, "are of an"),
        ("desk:org/a", "is not an id"),
        ("operator", "is none of"),
    ],
)
def test_a_role_is_spelled_with_its_organisation(terminal: Terminal, role: str, why: str) -> None:
    terminal.found()
    said = add(terminal, "--standing", "partner", "--role", role)
    assert why in " ".join(terminal(*said, exits=2).stderr.split())
