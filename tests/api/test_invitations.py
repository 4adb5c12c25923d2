"""Invitations over HTTP: who may invite, what strangers with a link see, and what is not told."""

import pytest

from tests.api.enterprise import claim, managed, member, problem
from tests.statements import statements

ABSENT = "org/" + "a" * 26


@pytest.fixture
def house(desk):
    return managed(desk)


def invite(house, role="manager", key=None, **said):
    body = {"organisation": house.org, "name": "王芳", "contact": "138 0013 8000"} | said
    return house.post("/invitations", body, role, key)


def ask(house, what, code):
    return house.ask("POST", f"{house.base}/invitations/{what}", "nobody", {"code": code})


def code_of(link: str) -> str:
    return link.partition("#")[2]


def test_the_answer_is_the_same_whether_somebody_takes_part_or_not(house):
    # given a member who belongs there, and a stranger
    member(house, "李四")
    house.ask("POST", f"{house.base}/memberships", "李四", {"code": house.code})
    told = {"organisation": house.org, "invited": 1}

    known = invite(house, name="李四", contact="139 1234 5678")
    key = house.key()
    new, again = invite(house, key=key), invite(house, key=key)
    before = invite(house)

    assert [(each.status_code, each.json) for each in (known, new, again, before)] == [
        (201, told)
    ] * 4
    assert len(house.invitations()) == 1
    assert "138" not in new.text


def test_the_same_is_done_whether_somebody_takes_part_or_not(house):
    # given a member who belongs there, one of another enterprise, and somebody invited before
    member(house, "李四")
    claim(house, "李四")
    other = house.organisation().replace("org/", "/organisations/")
    member(house, "赵六")
    claim(house, "赵六", house.post(f"{other}/joining-link", role="admin").json["code"])
    invite(house, name="孙七", contact="qi@example.org")
    assert len(house.invitations()) == 1
    people = {
        "a stranger": ("周八", "137 0013 7000"),
        "a member": ("李四", "139 1234 5678"),
        "a member of another": ("赵六", "139 1234 5678"),
        "invited before": ("孙七", "qi@example.org"),
    }
    sent = {}
    for who, (name, contact) in people.items():
        house.app.extensions["points trail"].flush()
        with statements(house.installation.database) as seen:
            assert invite(house, name=name, contact=contact).status_code == 201
            house.app.extensions["points trail"].flush()
        sent[who] = [each.text for each in seen]

    # then the database is asked the same
    assert sent["a stranger"]
    assert all(each == sent["a stranger"] for each in sent.values())
    # and afterwards those are invited who neither belong there nor were invited
    assert len(house.invitations()) == 3


def test_a_link_tells_whose_it_is_and_is_accepted_by_a_member(house):
    invite(house, contact="139 1234 5678")
    (link,) = house.invitations()
    assert link.startswith("https://points.example.org/ledgers/beiyuan/join#invitation.")
    shown = ask(house, "look", code_of(link))
    assert shown.json == {"organisation": house.org, "name_zh": "四美国际", "personal": True}
    assert ask(house, "look", house.code).json["personal"] is False

    member(house, "王芳")
    body = {"code": code_of(link)}
    made = house.ask("POST", f"{house.base}/memberships", "王芳", body)

    assert (made.status_code, made.json["state"]) == (201, "confirmed")
    assert problem(ask(house, "look", code_of(link))) == (422, "link-refused")
    assert house.invitations() == []


def test_who_wants_none_of_it_is_erased(house):
    invite(house)
    (link,) = house.invitations()
    assert ask(house, "decline", code_of(link)).json == {"erased": True}
    assert problem(ask(house, "decline", code_of(link))) == (422, "link-refused")
    assert problem(ask(house, "decline", house.code)) == (422, "link-refused")
    assert house.invitations() == []


@pytest.mark.parametrize("whose", ["theirs", "nobody's"])
def test_a_manager_invites_to_the_own_organisation_alone(house, whose):
    org = house.organisation() if whose == "theirs" else ABSENT
    answer = invite(house, organisation=org)
    assert problem(answer) == (404, "organisation-unknown")
    assert org in answer.json["detail"]
    assert house.invitations() == []


@pytest.mark.parametrize(
    ("wrong", "code"), [({"contact": "x"}, "field"), ({"name": "\u200b"}, "fields")]
)
def test_what_is_no_name_or_contact_is_refused(house, wrong, code):
    assert problem(invite(house, **wrong)) == (422, code)
    assert house.invitations() == []


def test_a_link_that_is_void_is_not_given_again(house):
    # given a link that was made, and is void
    assert house.post(house.link, role="manager", key="once").status_code == 201
    assert house.ask("DELETE", f"{house.base}{house.link}", "manager").status_code == 204

    # when the request for it is sent again
    again = house.post(house.link, role="manager", key="once")

    # then there is none
    assert problem(again) == (404, "link-unknown")
