"""Members sign in over HTTP by a code that is really sent."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask

from api import create_app
from ledger.installation import Installation
from tests.api.conftest import Desk
from tests.api.letters import Letters
from tests.statements import statements

PHONE = "13800138000"


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def app(installation: Installation, letters: Letters) -> Flask:
    return create_app(installation, reached_by={"phone": letters})


def member(desk: Desk, **basics: str) -> str:
    person = "person" + desk.member().removeprefix("member")
    desk.keep(person, **basics)
    return person


def send(desk: Desk, path: str, role: str = "nobody", **body: str) -> Any:
    return desk.ask("POST", desk.base + path, role, body or None)


def asked(desk: Desk, letters: Letters, contact: str = PHONE) -> str:
    """The code of the newest message."""
    assert send(desk, "/sign-in/codes", contact=contact).status_code == 202
    desk.app.extensions["points courier"].wait()
    (code,) = set(re.findall(r"\d{6}", letters.sent[-1].text))
    return str(code)


def test_a_member_signs_in_and_stays_signed_in_on_that_device(desk: Desk, letters: Letters) -> None:
    person = member(desk, full_name="王小明", phone=PHONE)
    code = asked(desk, letters, "+86 138-0013-8000")
    assert letters.sent[0].to == "+8613800138000"
    assert "验证码" in letters.sent[0].text
    # when the code is sent back
    signed = send(desk, "/sign-in/codes/confirm", contact=PHONE, code=code)
    # then a session begins that has the role of a member alone
    assert signed.status_code == 201
    me = desk.get("/me", signed.json["session"]).json
    assert (me["person"], me["roles"]) == (person, [{"role": "member"}])
    for _ in range(3):
        desk.installation.clock.wait(days=100)
        assert desk.get("/me", signed.json["session"]).status_code == 200
    # and the code is used up
    again = send(desk, "/sign-in/codes/confirm", contact=PHONE, code=code)
    assert again.json["type"] == "/problems/code-refused"


def test_asking_tells_nothing_and_costs_the_same(desk: Desk, letters: Letters) -> None:
    member(desk, phone=PHONE)
    desk.keep(desk.first, phone="13700137000")  # of the office, and no member
    seen = []
    for contact in (PHONE, "13900139000", "13700137000"):
        tries: list[Any] = []
        for path, more in (("", {}), ("/confirm", {"code": "no code"})):
            with statements(desk.installation.database) as sent:
                answer = send(desk, f"/sign-in/codes{path}", contact=contact, **more)
            headers = {name: value for name, value in answer.headers if name != "X-Request-Id"}
            tries.append((answer.status_code, answer.data, headers, [each.text for each in sent]))
        seen.append(tries)
    assert seen[0] == seen[1] == seen[2]
    desk.app.extensions["points courier"].wait()
    assert [each.to for each in letters.sent] == ["+8613800138000"]


def test_a_contact_gets_five_codes_an_hour_and_nobody_sees_it_end(
    desk: Desk, letters: Letters
) -> None:
    member(desk, phone=PHONE)
    answers = {send(desk, "/sign-in/codes", contact=PHONE).data for _ in range(8)}
    desk.app.extensions["points courier"].wait()
    assert len(answers) == 1
    assert len(letters.sent) == 5


def test_a_telephone_of_a_family_asks_who_it_is(desk: Desk, letters: Letters) -> None:
    people = {member(desk, full_name=name, phone=PHONE): name for name in ("王芳", "王小明")}
    code = asked(desk, letters)
    answer = send(desk, "/sign-in/codes/confirm", contact=PHONE, code=code)
    assert answer.status_code == 200
    assert {each["person"]: each["name"] for each in answer.json["people"]} == people
    child = max(people)
    signed = send(desk, "/sign-in/codes/confirm", contact=PHONE, code=code, person=child)
    assert (signed.status_code, signed.json["person"]) == (201, child)


def test_a_code_used_twice_at_once_begins_one_session(
    desk: Desk, letters: Letters, at_once: Any
) -> None:
    member(desk, phone=PHONE)
    shown = {"contact": PHONE, "code": asked(desk, letters)}

    def job() -> int:
        url = f"{desk.base}/sign-in/codes/confirm"
        return int(desk.app.test_client().post(url, json=shown).status_code)

    assert sorted(at_once(*[job] * 6)) == [201] + [422] * 5


def test_without_a_channel_the_answer_is_the_same(desk: Desk, letters: Letters) -> None:
    member(desk, email="wang@example.org")
    assert send(desk, "/sign-in/codes", contact="wang@example.org").status_code == 202
    desk.app.extensions["points courier"].wait()
    assert letters.sent == []
