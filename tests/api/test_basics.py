"""Basics over HTTP: corrected by two at once, by a code, by the office for a member."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from api import create_app
from ledger.installation import Installation
from ledger.programme.trail import list_lines
from tests.api.conftest import Desk
from tests.api.letters import Letters

PHONE = "+8613912345678"
SAID = {"full_name": "王芳", "phone": PHONE}
REASON = "本人在服务台要求"


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def app(installation: Installation, letters: Letters) -> Iterator[Flask]:
    made = create_app(installation, reached_by={"phone": letters, "email": letters})
    yield made
    made.extensions["points trail"].close()


@pytest.fixture
def home(desk: Desk) -> Desk:
    """The desk, with a member."""
    desk.me = "person" + desk.member().removeprefix("member")
    desk.keep(desk.me, **SAID)
    desk.tokens["me"] = desk.session(desk.me, "device")
    desk.path = f"/persons/{desk.me.removeprefix('person/')}/basics"
    return desk


def put(desk: Desk, path: str, role: str, said: Any, version: int | None) -> Any:
    match = {} if version is None else {"If_Match": f'"{version}"'}
    return desk.ask("PUT", desk.base + path, role, said, **match)


def sent(desk: Desk, letters: Letters, contact: str) -> str:
    """The code that one has sent to a contact."""
    asked = desk.ask("POST", f"{desk.base}/me/basics/codes", "me", {"contact": contact})
    assert (asked.status_code, asked.json) == (202, {"minutes": 10})
    desk.app.extensions["points courier"].wait()
    (code,) = set(re.findall(r"\d{6}", letters.sent[-1].text))
    return code


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["type"].removeprefix("/problems/")


def test_of_two_who_correct_at_once_the_second_is_told_what_changed(home: Desk) -> None:
    seen = home.get("/me/basics", "me")
    assert (seen.headers["ETag"], seen.json["full_name"]) == ('"1"', "王芳")
    # given the office that corrects for the member, who does so too
    helped = SAID | {"area": "北苑街道", "reason": REASON}
    first = put(home, home.path, "officer", helped, 1)
    second = put(home, "/me/basics", "me", SAID | {"skills": ["急救"]}, 1)
    blind = put(home, "/me/basics", "me", SAID, None)
    # then the second is told, and nothing is lost
    assert (first.status_code, first.headers["ETag"], first.json["by"]) == (200, '"2"', home.first)
    assert problem(second) == (412, "record-changed")
    assert second.json["changed"] == ["area"]
    assert problem(blind) == (428, "match-missing")
    again = put(home, "/me/basics", "me", SAID | {"area": "北苑街道", "skills": ["急救"]}, 2)
    assert (again.json["version"], again.json["skills"]) == (3, ["急救"])
    versions = home.get("/me/records?limit=50", "me").json["records"]
    assert [each["version"] for each in versions if each["kind"] == "basics"] == [1, 2, 3]
    # and the member reads who did it, and why
    (why,) = (each["fields"] for each in versions if each["kind"] == "correction")
    assert (why["reason"], why["basics_version"]) == (REASON, 2)
    (message,) = (each for each in versions if each["kind"] == "message")
    assert "居住区域" in message["says"]["zh"]["body"]
    assert REASON not in repr(home.get("/trail", "auditor").json)


def test_a_new_contact_gets_in_by_the_code_that_was_really_sent(
    home: Desk, letters: Letters
) -> None:
    new = SAID | {"email": "wang.fang@example.org"}
    assert problem(put(home, "/me/basics", "me", new, 1)) == (422, "basics-refused")
    shown = {"email": sent(home, letters, "Wang.Fang@example.org")}
    # given that it needs one of the contact that is known already too
    alone = put(home, "/me/basics", "me", new | {"codes": shown}, 1)
    assert problem(alone) == (422, "basics-refused")
    assert "`old_phone`" in alone.json["detail"]
    shown |= {"old_phone": sent(home, letters, PHONE)}
    wrong = put(home, "/me/basics", "me", new | {"codes": shown | {"email": "000000"}}, 1)
    assert problem(wrong) == (422, "code-refused")
    other = home.session(home.me, "device")
    made = put(home, "/me/basics", "me", new | {"codes": shown}, 1)
    assert (made.status_code, made.json["email"]) == (200, "wang.fang@example.org")
    # then wherever else one is signed in, one signs in anew
    assert (home.get("/me", other).status_code, home.get("/me", "me").status_code) == (401, 200)
    assert home.get("/me", "me").json["contacts"]["email"] == "wang.fang@example.org"
    # when the telephone goes, it is told
    shown = {"old_email": sent(home, letters, new["email"])}
    put(home, "/me/basics", "me", {"full_name": "王芳", "email": new["email"], "codes": shown}, 2)
    home.app.extensions["points courier"].wait()
    assert letters.sent[-1].to == PHONE
    assert "不再使用" in letters.sent[-1].text


def test_that_the_office_looked_is_told_before_it_is_shown(home: Desk) -> None:
    assert home.get(home.path, "officer").json["phone"] == PHONE
    with home.installation.database.reading() as conn:  # without flushing
        here = home.installation.ledger("beiyuan")
        (line,) = list_lines(conn, here.id, subject=home.me, limit=9)
    assert (line.line["action"], line.line["actor"]) == ("basics:read", home.first)
    (told,) = home.get("/me/lookups", "me").json["lookups"]
    assert told["roles"] == ["admin", "officer"]
    for role in ("auditor", "me"):
        assert home.get(home.path, role).status_code == 403


def test_of_whom_nothing_is_kept_there_is_nothing(home: Desk) -> None:
    absent = "/persons/" + "a" * 26 + "/basics"
    known = f"/persons/{home.first.removeprefix('person/')}/basics"
    for path in (absent, known):
        assert problem(home.get(path, "officer")) == (404, "record-unknown")
        assert problem(put(home, path, "officer", SAID | {"reason": REASON}, 1)) == (
            404,
            "record-unknown",
        )
    assert problem(home.get("/me/basics", "admin")) == (404, "record-unknown")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"full_name": "王芳"}, "basics-refused"),
        (SAID | {"full_name": ""}, "fields"),
        (SAID | {"sex": "x"}, "fields"),
        (SAID | {"birth_date": "2026-02-30"}, "fields"),
        (SAID | {"skills": ["x"] * 31}, "fields"),
        (SAID | {"phone": "x"}, "field"),
        (SAID | {"religion": "x"}, "fields"),
        (SAID | {"codes": {"phone": "1", "fax": "1"}}, "fields"),
        (SAID | {"document_kind": "citizen", "document_number": "1" * 18}, "number"),
        (SAID | {"reason": REASON}, "fields"),
    ],
)
def test_what_cannot_be_kept_is_refused(home: Desk, said: Any, code: str) -> None:
    assert problem(put(home, "/me/basics", "me", said, 1))[1] == code
    assert home.get("/me/basics", "me").json["version"] == 1
