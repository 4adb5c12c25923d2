"""Joining over HTTP: on one screen by a code that is really sent, and at a desk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from api import create_app
from api.limits import Limiter
from ledger.config import RateLimit
from ledger.installation import Installation
from ledger.programme import records
from ledger.programme.people.ages import DATA, JOIN, VOLUNTEER
from tests.api.conftest import Desk
from tests.api.letters import Letters
from tests.programme.people.informing import guarded_by, parts
from tests.statements import statements

PHONE, MOTHERS = "13912345678", "13700137000"
CHILD = "2016-03-08"


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def app(installation: Installation, letters: Letters) -> Iterator[Flask]:
    made = create_app(installation, reached_by={"phone": letters, "email": letters})
    yield made
    made.extensions["points trail"].close()


@pytest.fixture
def open_desk(desk: Desk) -> Desk:
    """A desk whose ledger has a notice for recording."""
    publish(desk)
    return desk


def publish(desk: Desk, **match: str) -> None:
    path = f"{desk.base}/notices/recording"
    made = desk.ask("PUT", path, "admin", parts(), **(match or {"If_None_Match": "*"}))
    assert made.status_code == 200, made.text


def code_for(desk: Desk, letters: Letters, contact: str = PHONE) -> str:
    """The code of the message that was sent for it."""
    asked = desk.ask("POST", f"{desk.base}/joining/codes", "nobody", {"contact": contact})
    assert (asked.status_code, asked.json) == (202, {"minutes": 10})
    desk.app.extensions["points courier"].wait()
    (code,) = set(re.findall(r"\d{6}", letters.sent[-1].text))
    return str(code)


def join(desk: Desk, **told: Any) -> Any:
    body = {"name": "王芳", "contact": PHONE, "notice": 1, **told}
    return desk.ask("POST", f"{desk.base}/joining", "nobody", body)


def help_join(desk: Desk, role: str = "officer", key: str | None = None, **told: Any) -> Any:
    body = {"name": "赵大爷", "notice": 1, "how": "paper", **told}
    return desk.post("/joining/desk", body, role, key)


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["type"].removeprefix("/problems/")


def test_one_screen_makes_a_member_who_is_signed_in(open_desk: Desk, letters: Letters) -> None:
    desk = open_desk
    code = code_for(desk, letters, "+86 139-1234-5678")
    joined = join(desk, code=code)
    assert joined.status_code == 201
    # then the session on this device is that of a member, with the consent just given
    mine = joined.json["session"]
    me = desk.get("/me", mine).json
    assert (me["person"], me["roles"]) == (joined.json["person"], [{"role": "member"}])
    (consent,) = desk.get("/consents", mine).json["consents"]
    assert (consent["purpose"], consent["state"], consent["how"]) == ("recording", "given", "self")
    assert desk.balance(joined.json["account"]) == 0
    # and sent again, as by somebody who got no answer, it makes nobody new
    size = desk.size()
    again = join(desk, code=code)
    assert again.status_code == 201
    assert again.json["account"] == joined.json["account"]
    assert desk.size() == size


@pytest.mark.parametrize(
    "name",
    [
        "\U0002ebf0宇",  # of an extension of 2023, made for names of people
        "\U000323b0",  # of 2025
        "\ue863三",  # a private one, in the place of a character of old systems
    ],
)
def test_a_name_may_have_characters_that_are_newer_than_python(
    open_desk: Desk, letters: Letters, name: str
) -> None:
    joined = join(open_desk, name=name, code=code_for(open_desk, letters))

    assert joined.status_code == 201, joined.text
    assert open_desk.get("/me/basics", joined.json["session"]).json["full_name"] == name


@pytest.mark.parametrize("name", ["张\u202e三", "张\u200d三", "\U0002ffff", "\x1b[31m", " 张"])
def test_a_name_has_nothing_that_is_not_seen(open_desk: Desk, name: str) -> None:
    assert problem(join(open_desk, name=name, code="123456")) == (422, "fields")


def test_who_lacks_the_code_learns_nothing(open_desk: Desk, letters: Letters) -> None:
    desk = open_desk
    assert join(desk, code=code_for(desk, letters)).status_code == 201
    # a member's number and a stranger's, with the member's name and another: all the same
    seen = []
    for name, contact in (("王芳", PHONE), ("李明", PHONE), ("王芳", "13900139000")):
        for asks, body in (
            ("/joining/codes", {"contact": contact}),
            ("/joining", {"contact": contact, "name": name, "notice": 1, "code": "no code"}),
        ):
            with statements(desk.installation.database) as sent:
                answer = desk.ask("POST", desk.base + asks, "nobody", body)
            told = {key: value for key, value in answer.headers if key != "X-Request-Id"}
            seen.append((answer.status_code, answer.data, told, [each.text for each in sent]))
    assert seen[0] == seen[2] == seen[4]
    assert seen[1] == seen[3] == seen[5]
    # who has it is told, and signs in instead
    known = join(desk, code=code_for(desk, letters))
    assert problem(known) == (409, "member-already")
    assert join(desk, name="李明", code=code_for(desk, letters)).status_code == 201


def test_what_is_wrong_is_said_before_the_code_is_used(desk: Desk, letters: Letters) -> None:
    code = code_for(desk, letters)
    assert problem(join(desk, code=code)) == (409, "notice-not-seen")
    publish(desk)
    for wrong in (
        {"name": " 王芳"},
        {"name": ""},
        {"name": None},
        {"notice": 0},
        {"contact": "王芳"},
        {"birth_date": "2010-02-30"},
        {"guardian": {"name": "王芳", "consents": []}},
        {"guardian": {"name": "王芳", "consents": ["join"], "contact": MOTHERS}},
        {"guardian": {"name": "王芳", "consents": ["vote"]}},
        {"identity": "110101199003078515"},
    ):
        assert problem(join(desk, code=code, **wrong)) == (422, "fields"), wrong
    assert problem(join(desk, code=code, link="no link")) == (422, "link-refused")
    assert join(desk, code=code).status_code == 201


def test_a_child_joins_on_the_mothers_telephone(open_desk: Desk, letters: Letters) -> None:
    desk = open_desk
    mother = {"name": "王芳", "consents": [JOIN, DATA]}
    told = {"name": "李小华", "contact": MOTHERS, "birth_date": CHILD}
    code = code_for(desk, letters, MOTHERS)
    assert problem(join(desk, code=code, **told)) == (422, "guardian-needed")
    lacking = join(desk, code=code, guardian=mother, **told)
    assert problem(lacking) == (422, "guardian-needed")
    assert "volunteer" in lacking.json["detail"]
    mother["consents"].append(VOLUNTEER)  # type: ignore[attr-defined]
    joined = join(desk, code=code, guardian=mother, **told)
    assert joined.status_code == 201
    (consent,) = desk.get("/consents", joined.json["session"]).json["consents"]
    assert consent["how"] == "guardian"


def test_a_guardian_of_another_number_has_a_code_sent_there(
    open_desk: Desk, letters: Letters
) -> None:
    desk = open_desk
    mother = {"name": "王芳", "consents": [VOLUNTEER], "contact": MOTHERS, "code": "000"}
    told = {"name": "李小明", "birth_date": "2010-03-08", "code": code_for(desk, letters)}
    assert problem(join(desk, guardian=mother, **told)) == (422, "code-refused")
    mother["code"] = code_for(desk, letters, MOTHERS)
    assert join(desk, guardian=mother, **told).status_code == 201


def test_without_telephone_one_joins_by_a_signed_form(open_desk: Desk) -> None:
    desk = open_desk
    joined = help_join(desk, key="form-1", reached="3 号楼传达室")
    assert joined.status_code == 201
    # then it is entered in the helper's name, marked as on paper, and says how they are reached
    (entry,) = joined.json["entries"]
    assert (entry["type"], entry["actor"]) == ("open", desk.first)
    person = joined.json["person"]
    (consent,) = desk.get(f"/consents?person={person}", "officer").json["consents"]
    assert (consent["how"], consent["by"]) == ("paper", desk.first)
    here = desk.installation
    with here.database.reading() as conn:
        kept = records.one(conn, here.ledger("beiyuan"), "basics", person)
    assert kept.fields == {"full_name": "赵大爷", "reached": "3 号楼传达室"}
    # and the form that is sent twice makes one member
    again = help_join(desk, key="form-1", reached="3 号楼传达室")
    assert again.json == joined.json
    assert again.headers["Idempotency-Replayed"] == "true"
    other = help_join(desk, key="form-1", reached="4 号楼")
    assert problem(other) == (422, "key-reused")


def test_a_desk_helps_somebody_on_the_telephone(open_desk: Desk, letters: Letters) -> None:
    desk = open_desk
    clerk = desk.person()
    desk.given(clerk, "desk", desk.org())
    desk.tokens["clerk"] = desk.session(clerk)
    for wrong, field in (
        ({"how": "helped", "reached": "3 号楼"}, "contact"),
        ({"how": "helped", "contact": PHONE}, "code"),
        ({"how": "paper", "contact": PHONE}, "code"),
        ({"how": "paper"}, "reached"),
        ({"how": "self", "contact": PHONE, "code": "1"}, "how"),
    ):
        refused = help_join(desk, "clerk", **wrong)
        assert [each["field"] for each in refused.json["errors"]] == [field], wrong
    told = {"how": "helped", "contact": PHONE}
    assert problem(help_join(desk, "clerk", code="1", **told)) == (422, "code-refused")
    code = code_for(desk, letters)
    joined = help_join(desk, "clerk", key="call-1", code=code, **told)
    assert joined.status_code == 201, joined.text
    assert joined.json["entries"][0]["actor"] == clerk
    assert help_join(desk, "clerk", key="call-1", code=code, **told).json == joined.json
    # once there is a newer notice, too
    publish(desk, If_Match='"1"')
    assert help_join(desk, "clerk", key="call-1", code=code, **told).json == joined.json
    assert problem(help_join(desk, "clerk", code=code, **told)) == (409, "notice-not-seen")
    # then they sign in by themselves
    assert desk.ask("POST", f"{desk.base}/sign-in/codes", "nobody", {"contact": PHONE})
    desk.app.extensions["points courier"].wait()
    assert letters.sent[-1].kind == "sign-in-code"


def test_a_child_joins_by_a_form_that_the_guardian_signed(open_desk: Desk) -> None:
    desk = open_desk
    told = {"name": "李小华", "birth_date": CHILD, "reached": "母亲，3 号楼 201。"}
    assert problem(help_join(desk, **told)) == (422, "guardian-needed")
    mother = {"name": "王芳", "consents": [JOIN, DATA, VOLUNTEER]}
    joined = help_join(desk, guardian=mother, **told)
    assert joined.status_code == 201
    here = desk.installation
    with here.database.reading() as conn:
        given = guarded_by(conn, here.ledger("beiyuan"), joined.json["person"])
    assert given == {JOIN, DATA, VOLUNTEER}


def test_strangers_are_counted_by_their_address(open_desk: Desk) -> None:
    few = RateLimit(reads=100, writes=100, strangers=3)
    open_desk.app.extensions["points limits"] = Limiter(few)
    sent = ("POST", f"{open_desk.base}/joining/codes", "nobody", {"contact": PHONE})
    answers = [open_desk.ask(*sent) for _ in range(4)]
    assert [each.status_code for each in answers] == [202, 202, 202, 429]


def test_a_guardian_withdraws_and_the_minor_reads_it(open_desk: Desk, letters: Letters) -> None:
    desk = open_desk
    mother = {"name": "王芳", "consents": [VOLUNTEER]}
    code = code_for(desk, letters)
    joined = join(desk, name="李小明", birth_date="2010-03-08", code=code, guardian=mother).json
    path = f"/guardians/{joined['person'].partition('/')[2]}"
    before = desk.get(path, joined["session"])
    assert before.json["consents"] == [VOLUNTEER]
    # when the office enters what the mother says now, and a second clerk something else
    said = mother | {"consents": [], "how": "helped"}
    now = desk.ask("PUT", desk.base + path, "officer", said, If_Match=before.headers["ETag"])
    assert now.status_code == 200, now.text
    late = desk.ask("PUT", desk.base + path, "admin", said | {"name": "王方"}, If_Match='"1"')
    # then the second one is told, and the minor reads who entered it; the telephone stays
    assert problem(late) == (412, "record-changed")
    assert late.json["changed"] == ["consents", "how"]
    after = desk.get(path, joined["session"]).json
    assert (after["consents"], after["by"]) == ([], desk.first)
    assert after["guardian_phone"] == "+8613912345678"
    # and another telephone is confirmed first
    other = said | {"contact": MOTHERS, "code": "1"}
    match = {"If_Match": '"2"'}
    asked = ("PUT", desk.base + path, "officer")
    assert problem(desk.ask(*asked, other, **match)) == (422, "code-refused")
    other["code"] = code_for(desk, letters, MOTHERS)
    assert desk.ask(*asked, other, **match).json["guardian_phone"] == "+8613700137000"


def test_nobody_is_the_guardian_of_nobody(open_desk: Desk) -> None:
    desk = open_desk
    said = {"name": "王芳", "consents": [], "how": "paper"}
    path = f"{desk.base}/guardians/{'a' * 26}"
    nobody = desk.ask("PUT", path, "officer", said, If_None_Match="*")
    assert problem(nobody) == (404, "record-unknown")
    assert problem(desk.ask("GET", path, "officer")) == (404, "record-unknown")
    assert problem(desk.ask("PUT", path, "officer", said)) == (428, "match-missing")
