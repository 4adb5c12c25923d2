"""The console's lists: they end where there is no more, and say what they are lists of."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask

from ledger.programme.people import sessions
from tests.api.conftest import Desk
from tests.api.test_console import text_of
from tests.api.visitor import Visitor

EN = {"Accept-Language": "en"}
ENTRIES = "/ledgers/beiyuan/entries"
PER_PAGE = 25
OWN_PER_PAGE = 20


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Pages query nothing themselves: what they ask of the domain is tested on both databases."""
    return sqlite_url


@pytest.fixture
def auditor(desk: Desk, app: Flask) -> Visitor:
    visitor = Visitor(app.test_client())
    visitor.sign_in(desk.tokens["auditor"])
    return visitor


def credited(desk: Desk, times: int) -> str:
    """A member with so many lines, each of one point."""
    member = desk.member()
    for _ in range(times):
        desk.credit(member, 1)
    return member


def pages_of(visitor: Visitor, path: str) -> list[str]:
    """A list's pages, as far as they say that there is another."""
    found = []
    following: str | None = path
    while following:
        page = visitor.get(following, **EN).text
        found.append(page)
        more = re.search(r'rel="next" href="([^"#]+)', page)
        following = unescape(more[1]) if more else None
    return found


@pytest.mark.parametrize(
    ("lines", "pages"), [(PER_PAGE - 1, 1), (PER_PAGE, 1), (PER_PAGE + 1, 2), (2 * PER_PAGE, 2)]
)
def test_a_statement_has_no_page_without_lines(
    desk: Desk, auditor: Visitor, lines: int, pages: int
) -> None:
    member = credited(desk, lines)
    for path in (f"/ledgers/beiyuan/accounts/{member}", f"{ENTRIES}?type=credit"):
        found = pages_of(auditor, path)
        assert len(found) == pages
        counted = [len(re.findall(r'<tr id="e|<p class="what">', page)) for page in found]
        assert sum(counted) == lines
        assert max(counted) <= PER_PAGE


def test_before_the_first_line_there_are_no_earlier_ones(desk: Desk, auditor: Visitor) -> None:
    path = f"/ledgers/beiyuan/accounts/{credited(desk, 1)}"
    assert "No earlier lines." in text_of(auditor.get(f"{path}?before=0", **EN))
    empty = f"/ledgers/beiyuan/accounts/{desk.member()}"
    assert "Nothing was entered on this account yet." in text_of(auditor.get(empty, **EN))


def test_ones_own_history_has_no_page_without_lines(desk: Desk, app: Flask) -> None:
    # given a member with a page full of lines, who has signed in
    member, here = credited(desk, OWN_PER_PAGE), desk.installation
    place = (here.database, here.ledger("beiyuan"), here.clock)
    text = sessions.begin(*place, member.replace("member", "person"), "device").text
    visitor = Visitor(app.test_client())
    visitor.get("/")
    with visitor.client.session_transaction() as kept:
        kept["token"] = text
    # then there is nothing beyond it until there is
    me = "/ledgers/beiyuan/me"
    assert len(pages_of(visitor, me)) == 1
    desk.credit(member, 1)
    assert [page.count('<li class="line">') for page in pages_of(visitor, me)] == [OWN_PER_PAGE, 1]
    # and whoever goes on all the same is told so, and led back
    said = visitor.get(f"{me}?before=0", **EN)
    assert "No earlier lines." in text_of(said)
    assert "The latest lines" in text_of(said)


def test_a_part_of_the_entries_is_not_called_all(desk: Desk, auditor: Visitor) -> None:
    whole = f"All {desk.size()} entries, the newest first."
    part = f"{desk.size()} entries are in the log. Here are those that you asked for,"
    assert whole in text_of(auditor.get(ENTRIES, **EN))
    for asked in ("type=credit", "type=&before=2", "before=0"):
        said = text_of(auditor.get(f"{ENTRIES}?{asked}", **EN))
        assert part in said
        assert whole not in said


def test_what_is_set_aside_is_told_with_points_payee_and_end(desk: Desk, auditor: Visitor) -> None:
    # given a member with two open holds, of one of which a part was paid
    member, shop = desk.member(50), desk.org()
    asked = {"account": member, "payee": shop, "until": "2026-11-30T04:00:00Z"}
    first = desk.post("/holds", asked | {"amount": 20}).json["hold"]
    second = desk.post("/holds", asked | {"amount": 4}).json["hold"]
    closed = desk.post("/holds", asked | {"amount": 1}).json["hold"]
    desk.post(f"/holds/{first}/captures", {"amount": 5, "final": False})
    desk.post(f"/holds/{closed}/release", {})
    # then the account tells of each what is left of it, for whom and until when
    said = text_of(auditor.get(f"/ledgers/beiyuan/accounts/{member}", **EN))
    said = said.partition("Set aside at the moment")[2].partition("Statement")[0].strip()
    until = "until 30 Nov 2026, 12:00:00"
    payee = f"organisation {shop.partition('/')[2][:6]}…"
    told = [
        f"No. {seq}: {left} for {payee}, {until}"
        for seq, left in ((first, "15 points"), (second, "4 points"))
    ]
    assert said == " ".join(told)


@pytest.mark.parametrize("wrong", ["pts", "pts_beiyuan_" + "x" * 200])
def test_a_wrong_token_is_told_to_be_wrong(desk: Desk, app: Flask, wrong: str) -> None:
    visitor = Visitor(app.test_client())
    page = f"{ENTRIES}?type=credit"
    # given a page that asks for a token, then nothing is said of a token that nobody gave
    assert "This token opens nothing" not in text_of(visitor.get(page, **EN))
    # when a wrong one is put in
    guard = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', visitor.get(page).text)
    assert guard is not None
    values = {"csrf_token": guard[1], "token": wrong, "wanted": page}
    answer = visitor.client.post("/sign-in", data=values, headers=EN)
    # then that is said of it, and the page that was asked for is not forgotten
    assert answer.status_code == 401
    assert "This token opens nothing" in text_of(answer)
    assert "You have not signed in" not in text_of(answer)
    assert f'name="wanted" type="hidden" value="{page}"' in answer.text
    assert visitor.sign_in(desk.tokens["auditor"], page).headers["Location"] == page
