"""What the console says when it cannot, and the way on that it leaves."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask

from ledger.programme.people import sessions
from tests.api.conftest import Desk
from tests.api.visitor import Visitor

EN = {"Accept-Language": "en"}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Pages query nothing themselves: what they ask of the domain is tested on both databases."""
    return sqlite_url


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    return Visitor(app.test_client())


def enter(desk: Desk, visitor: Visitor) -> None:
    """A member is signed in in this browser."""
    here = desk.installation
    person = "person" + desk.member().removeprefix("member")
    text = sessions.begin(here.database, here.ledger("beiyuan"), here.clock, person, "device").text
    visitor.get("/")
    with visitor.client.session_transaction() as kept:
        kept["token"] = text


def links(page: str) -> list[str]:
    """Where a page's buttons lead, in their order."""
    return [unescape(each) for each in re.findall(r'<a class="button" href="([^"]+)"', page)]


def test_a_member_before_the_whole_ledger_is_led_to_their_own_page(
    desk: Desk, visitor: Visitor
) -> None:
    enter(desk, visitor)
    answer = visitor.get("/ledgers/beiyuan/entries", **EN)
    assert answer.status_code == 403
    assert links(answer.text)[0] == "/ledgers/beiyuan/me"
    assert "What is yours is on your own page" in answer.text
    assert "operator" not in answer.text
    # and they can sign out, should they be the wrong one
    assert 'action="/sign-out"' in answer.text


def test_the_operators_token_is_told_what_it_is_whoever_is_signed_in(
    desk: Desk, visitor: Visitor
) -> None:
    enter(desk, visitor)
    values = {"token": desk.tokens["operator"], "wanted": ""}
    answer = visitor.post("/sign-in", values, "/ledgers/beiyuan/entries")
    assert answer.status_code == 403
    assert "系统运维令牌" in answer.text


def test_whoever_is_signed_in_elsewhere_can_sign_in_to_another_ledger(
    desk: Desk, visitor: Visitor
) -> None:
    enter(desk, visitor)
    answer = visitor.get("/ledgers/nanyuan/me", **EN)
    assert answer.status_code == 404
    assert links(answer.text)[0] == "/ledgers/nanyuan/sign-in?wanted=/ledgers/nanyuan/me"


@pytest.mark.parametrize("page", ["sign-in", "sign-in/setup", "join"])
def test_at_the_door_of_no_ledger_nobody_is_asked_to_sign_in_to_it(
    desk: Desk, visitor: Visitor, page: str
) -> None:
    answer = visitor.get(f"/ledgers/nowhere/{page}", **EN)
    assert answer.status_code == 404
    assert "There is no ledger of that name here" in answer.text
    assert links(answer.text) == ["/"]


def test_a_form_that_was_open_while_somebody_else_signed_in_leads_to_ones_page(
    desk: Desk, visitor: Visitor
) -> None:
    enter(desk, visitor)
    answer = visitor.client.post("/ledgers/beiyuan/me/reached", data={"csrf_token": "old"})
    assert answer.status_code == 422
    assert links(answer.text)[0] == "/ledgers/beiyuan/me"


@pytest.mark.parametrize(
    "typed",
    [
        " Beiyuan ",
        "points.example.org/ledgers/beiyuan",
        "https://points.example.org/ledgers/beiyuan/join#org.abc",
        "https://points.example.org/ledgers/beiyuan?x=1",
    ],
)
def test_the_first_page_takes_a_ledgers_name_or_an_address(visitor: Visitor, typed: str) -> None:
    answer = visitor.client.get("/enter", query_string={"ledger": typed})
    assert answer.location == "/ledgers/beiyuan/sign-in"


@pytest.mark.parametrize("typed", ["北苑", "bei yuan", "", '"><b>', "//elsewhere.example"])
def test_the_first_page_says_what_can_be_no_ledgers_name(visitor: Visitor, typed: str) -> None:
    answer = visitor.client.get("/enter", query_string={"ledger": typed}, headers=EN)
    assert answer.status_code == 422
    field = re.search(r'<input id="ledger"[^>]*>', answer.text)
    assert field is not None
    assert 'aria-describedby="ledger-help ledger-wrong"' in field[0]
    assert "No ledger has such a name" in answer.text
    assert "<b>" not in answer.text


def test_the_language_can_be_changed_without_losing_the_page_that_was_wanted(
    desk: Desk, visitor: Visitor
) -> None:
    page = "/ledgers/beiyuan/sign-in?wanted=/ledgers/beiyuan/entries?type%3Dcredit"
    here = re.search(r'name="page" type="hidden" value="([^"]+)"', visitor.get(page).text)
    assert here is not None
    assert visitor.post("/language", {"language": "en", "page": unescape(here[1])}).location == page


def test_a_reader_finds_an_entry_or_an_account(desk: Desk, visitor: Visitor) -> None:
    member = desk.member(5)
    find = "/ledgers/beiyuan/find"
    assert visitor.get(f"{find}?what=4").status_code == 401
    visitor.sign_in(desk.tokens["auditor"])
    for what, path in (
        ("4", "entries/4"),
        (" 1,041 ", "entries/1041"),
        (member.upper(), f"accounts/{member}"),
        (f"{member}/held", f"accounts/{member}"),
    ):
        answer = visitor.client.get(find, query_string={"what": what})
        assert answer.location == f"/ledgers/beiyuan/{path}"
    assert visitor.get(f"/ledgers/beiyuan/accounts/{member}").status_code == 200
    # and of what is neither, the page says what would be
    for what in ("", "王芳", "member/short", "//elsewhere.example", "9" * 40):
        answer = visitor.client.get(find, query_string={"what": what}, headers=EN)
        assert answer.status_code == 404
        assert "neither the number of an entry nor an account" in answer.text


def test_a_member_finds_nobody(desk: Desk, visitor: Visitor) -> None:
    enter(desk, visitor)
    assert visitor.get("/ledgers/beiyuan/find?what=4").status_code == 403


def test_whoever_signs_out_is_told_so_while_it_is_true(desk: Desk, visitor: Visitor) -> None:
    enter(desk, visitor)
    left = visitor.post("/sign-out", {}, "/ledgers/beiyuan/me").location
    assert "You are signed out on this device" in visitor.get(left, **EN).text
    enter(desk, visitor)
    assert "You are signed out" not in visitor.get(left, **EN).text


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "longer than anything that these pages take"), ("zh", "提交的内容过长")],
)
def test_a_form_that_is_too_long_is_refused_by_a_page(
    desk: Desk, visitor: Visitor, language: str, said: str
) -> None:
    body = b"token=" + b"a" * 70_000
    form, reader = "application/x-www-form-urlencoded", {"Accept-Language": language}

    answer = visitor.client.post("/sign-in", data=body, content_type=form, headers=reader)

    assert (answer.status_code, answer.mimetype) == (413, "text/html")
    assert said in answer.text
    # and a program gets a problem as ever
    told = desk.client.post("/v1/ledgers", data=body, content_type="application/json")
    assert (told.status_code, told.json["type"]) == (413, "/problems/too-large")
