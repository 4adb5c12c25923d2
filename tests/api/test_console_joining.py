"""Joining on the page, without a browser: names of all kinds, and what is no name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from api import create_app
from ledger.installation import Installation
from ledger.programme.people import notices
from tests.api.conftest import Desk
from tests.api.letters import Letters
from tests.api.visitor import Visitor
from tests.programme.people.informing import parts

JOIN = "/ledgers/beiyuan/join"
EN = {"Accept-Language": "en"}


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


class Newcomer:
    """Somebody who joins, with a telephone number of their own."""

    def __init__(self, desk: Desk, letters: Letters, phone: str) -> None:
        self.desk, self.letters, self.phone = desk, letters, phone
        self.visitor = Visitor(desk.app.test_client())

    def send(self, step: str, **values: str) -> Any:
        filled = {"contact": self.phone, "notice": "1", "consent": "y", **values}
        return self.visitor.post(JOIN, {"step": step, **filled}, JOIN)

    def join(self, name: str, **more: str) -> Any:
        self.send("send", name=name)
        self.desk.app.extensions["points courier"].wait()
        (code,) = set(re.findall(r"\b\d{6}\b", self.letters.sent[-1].text))
        return self.send("join", name=name, code=code, **more)


@pytest.fixture
def informed(desk: Desk) -> Desk:
    here = desk.installation
    place = (here.database, here.ledger("beiyuan"), here.clock)
    notices.publish(*place, "recording", parts(), seen=0, by=desk.first)
    return desk


def test_every_name_that_people_have_is_taken_as_it_is(informed: Desk, letters: Letters) -> None:
    names = ("王芳", "李", "𠮷野家", "阿卜杜拉·买买提", "Anna-Lena O’Neil", "<b>&amp;", "名" * 200)
    for place, name in enumerate(names):
        newcomer = Newcomer(informed, letters, f"1380013{place:04}")
        assert newcomer.join(f" {name} ").location == "/ledgers/beiyuan/me?welcome=1", name
        page = newcomer.visitor.get("/ledgers/beiyuan/me").text
        escaped = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        assert f"<h1>{escaped}</h1>" in page


@pytest.mark.parametrize("name", ["", "　", "\u200b", "a\x00b", "名" * 201])
def test_what_is_no_name_is_said_so_before_a_code_is_sent(
    informed: Desk, letters: Letters, name: str
) -> None:
    newcomer = Newcomer(informed, letters, "13800138000")
    answer = newcomer.send("send", name=name)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    informed.app.extensions["points courier"].wait()
    assert letters.sent == []


def test_a_form_without_its_guard_or_with_another_notice_joins_nobody(
    informed: Desk, letters: Letters
) -> None:
    newcomer = Newcomer(informed, letters, "13800138000")
    size = informed.size()
    for more in ({"csrf_token": "made-up"}, {"notice": "2"}, {"notice": ""}, {"consent": ""}):
        assert newcomer.join("王芳", **more).status_code == 422
    for link in ("x", "org.a.1.b", "invitation." + "a" * 26 + ".1." + "a" * 26):
        assert newcomer.send("join", name="王芳", code="123456", link=link).status_code == 422
        assert newcomer.send("decline", link=link).status_code == 422
    assert informed.size() == size


def test_whoever_has_joined_already_is_led_to_sign_in(informed: Desk, letters: Letters) -> None:
    for status in (303, 422):
        newcomer = Newcomer(informed, letters, "13800138000")
        answer = newcomer.join("王芳")
        assert answer.status_code == status
    assert 'href="/ledgers/beiyuan/sign-in"' in answer.text
    # and of one name with another number there may be two
    assert Newcomer(informed, letters, "13900139000").join("王芳").status_code == 303
