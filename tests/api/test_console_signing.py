"""Signing in on the pages, without a browser: who comes where, and that nothing is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from api import create_app
from ledger.installation import Installation
from tests.api.conftest import Desk
from tests.api.letters import Letters
from tests.api.test_logins import EMAIL, Clerk
from tests.api.visitor import Visitor
from tests.statements import statements

PHONE = "13800138000"
START = "/ledgers/beiyuan/sign-in"
POSTS = {
    START: {"contact": EMAIL, "password": "x", "code": "123456"},
    f"{START}/code": {"contact": PHONE},
    f"{START}/member": {"contact": PHONE, "code": "123456"},
    f"{START}/setup": {"contact": EMAIL, "invitation": "x"},
    f"{START}/password": {
        "contact": EMAIL,
        "invitation": "x",
        "secret": "A" * 32,
        "password": "correct horse battery",
        "code": "123456",
    },
}
TOO_MUCH = {"contact": "x" * 255, "password": "x" * 801, "code": "1" * 41, "invitation": "x" * 41}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Pages query nothing themselves: what they ask of the domain is tested on both databases."""
    return sqlite_url


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def app(installation: Installation, letters: Letters) -> Iterator[Flask]:
    made = create_app(installation, reached_by={"phone": letters})
    yield made
    made.extensions["points trail"].close()


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    return Visitor(app.test_client())


def member(desk: Desk, **basics: str) -> str:
    person = "person" + desk.member(12).removeprefix("member")
    desk.keep(person, **basics)
    return person


def signed_in(desk: Desk, visitor: Visitor, letters: Letters) -> Any:
    """What a member is answered who shows the code that was sent."""
    visitor.post(f"{START}/code", {"contact": PHONE}, START)
    desk.app.extensions["points courier"].wait()
    (code,) = set(re.findall(r"\b\d{6}\b", letters.sent[-1].text))
    return visitor.post(f"{START}/member", {"contact": PHONE, "code": code}, START)


def test_whoever_of_the_staff_may_read_comes_to_the_page_that_was_wanted(
    desk: Desk, visitor: Visitor
) -> None:
    # given an auditor with a password, and somebody of a partner's desk
    auditor = Clerk(desk, "li@example.org")
    turned = desk.post("/persons", {"person": auditor.person, "standing": "auditor"}, "admin")
    assert turned.status_code == 201
    desk.given(auditor.person, "auditor")
    clerk = Clerk(desk)
    wanted = "/ledgers/beiyuan/entries?type=credit"
    refused = visitor.get(wanted)
    assert refused.status_code == 401
    assert f"{START}?wanted=/ledgers/beiyuan/entries?type%3Dcredit" in refused.text
    # when each signs in, then the auditor comes there, and reads
    values = {"contact": auditor.email, "wanted": wanted, **auditor.shown()}
    assert visitor.post(START, values, START).location == wanted
    assert visitor.get(wanted).status_code == 200
    # and the clerk to a page of their own, and is led back to it
    values = {"contact": clerk.email, "wanted": wanted, **clerk.shown()}
    assert visitor.post(START, values, START).location == "/ledgers/beiyuan/me"
    other = visitor.get(wanted)
    assert other.status_code == 403
    assert 'href="/ledgers/beiyuan/me"' in other.text
    assert visitor.get("/ledgers/beiyuan/me").status_code == 200
    assert 'href="/ledgers/beiyuan/me"' in visitor.get("/").text


def test_a_member_reads_their_own_page_and_no_others(
    desk: Desk, visitor: Visitor, letters: Letters
) -> None:
    member(desk, full_name="王小明", phone=PHONE)
    other = desk.member(77)
    assert signed_in(desk, visitor, letters).location == "/ledgers/beiyuan/me"
    page = visitor.get("/ledgers/beiyuan/me", **{"Accept-Language": "en"})
    assert "王小明" in page.text
    assert "12 points" in page.text
    assert "77" not in page.text
    for path in ("", "/entries", f"/accounts/{other}"):
        assert visitor.get(f"/ledgers/beiyuan{path}").status_code == 403


def test_a_session_of_this_ledger_opens_no_other(
    desk: Desk, visitor: Visitor, letters: Letters
) -> None:
    member(desk, full_name="王小明", phone=PHONE)
    signed_in(desk, visitor, letters)
    assert visitor.get("/ledgers/nanyuan/me").status_code == 404


def test_whoever_signs_in_anew_leaves_no_session_behind(
    desk: Desk, visitor: Visitor, letters: Letters
) -> None:
    person = member(desk, full_name="王小明", phone=PHONE)
    for _ in range(2):
        signed_in(desk, visitor, letters)
    found = desk.get("/sessions", desk.session(person)).json["sessions"]
    assert len(found) == 2  # this one, and the newest of the browser


def test_nobody_is_told_whose_contact_it_is(desk: Desk, visitor: Visitor, letters: Letters) -> None:
    member(desk, full_name="王小明", phone=PHONE)
    seen = []
    for contact in (PHONE, "13900139000"):
        tries: list[Any] = []
        for path, more in (("code", {}), ("member", {"code": "no code"})):
            with statements(desk.installation.database) as sent:
                answer = visitor.post(f"{START}/{path}", {"contact": contact, **more}, START)
            text = re.sub(r'name="csrf_token"[^>]+>', "", answer.text).replace(contact, "…")
            tries.append((answer.status_code, text, [each.text for each in sent]))
        seen.append(tries)
    assert seen[0] == seen[1]
    desk.app.extensions["points courier"].wait()
    assert len(letters.sent) == 1


def test_what_is_wrong_is_said_at_its_field_and_a_form_from_elsewhere_is_refused(
    desk: Desk, visitor: Visitor, subtests: pytest.Subtests
) -> None:
    for path, values in POSTS.items():
        with subtests.test(path=path):
            assert visitor.client.post(path, data=values).status_code == 422
            hidden = {"contact", "invitation"} if "secret" in values else set()
            for wrong in values.keys() - {"secret"}:
                for value in ("", " ", TOO_MUCH[wrong], *(["x"] if wrong == "contact" else [])):
                    answer = visitor.post(path, values | {wrong: value}, START)
                    assert answer.status_code == 422
                    assert ('aria-invalid="true"' in answer.text) == (wrong not in hidden)
                    assert answer.headers["Cache-Control"] == "no-store"
            assert visitor.get(path).status_code in (200, 405)
    # and a secret that is none is not drawn
    secret = {"secret": "<svg>"}
    path = f"{START}/password"
    assert "<svg" not in visitor.post(path, POSTS[path] | secret, START).text


def test_a_stranger_at_a_ledger_that_is_not_there(desk: Desk, visitor: Visitor) -> None:
    assert visitor.get("/ledgers/nowhere/sign-in").status_code == 404
