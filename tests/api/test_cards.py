"""Member cards over HTTP: any desk makes them, prints them, and finds members by them."""

import re

import pytest


@pytest.fixture
def house(desk):
    """The desk, with a clerk of an organisation's desk, and two members."""
    clerk = desk.person()
    desk.given(clerk, "desk", desk.org())
    desk.clerk, desk.tokens["desk"] = clerk, desk.session(clerk)
    for name in ("wang", "li"):
        desk.tokens[name] = desk.session(member(desk), "device")
    desk.wang = desk.get("/me", "wang").json["person"]
    return desk


def member(desk):
    return "person" + desk.member().removeprefix("member")


def made(house, name="王阿姨", role="desk", person=None):
    answer = house.post("/cards", {"person": person or house.wang, "name": name}, role)
    assert answer.status_code == 201, answer.text
    return answer.json


def found(house, number, role="desk"):
    return house.ask("POST", f"{house.base}/cards/find", role, {"number": number})


def path_of(card):
    return card["id"].replace("card/", "/cards/")


def problem(answer):
    return answer.status_code, answer.json["type"].removeprefix("/problems/")


def test_any_desk_finds_a_member_by_the_newest_card_and_the_trail_says_so(house):
    # given a second card
    first, second = made(house), made(house)

    # when both are tried
    looked = found(house, second["number"])

    # then one is good
    assert (looked.status_code, looked.json["person"]) == (200, house.wang)
    assert problem(found(house, first["number"])) == (404, "card-unknown")
    assert problem(found(house, "1234 5678 9012")) == (422, "number")
    # and who looked for whom is on record, without the number
    lines = house.get(f"/trail?actor={house.clerk}&action=cards:find", "admin").json["lines"]
    assert [
        (line["subject"], line["outcome"]) for line in lines if "person/" in line["subject"]
    ] == [(house.wang, "done")]
    assert second["number"].replace(" ", "") not in str(lines)


def test_a_member_sees_their_own_card_and_nobody_elses(house):
    mine, other = made(house), made(house, person=member(house))

    assert house.get(path_of(mine), "wang").json == mine
    for path in (path_of(other), f"{path_of(other)}/sheet"):
        assert problem(house.get(path, "wang")) == (404, "card-unknown")
    assert problem(house.get(path_of(mine), "li")) == (404, "card-unknown")
    assert found(house, mine["number"], "wang").status_code == 403


@pytest.mark.parametrize(("language", "title"), [("zh", "成员卡"), ("en", "Member card")])
def test_a_sheet_needs_nothing_but_itself(house, language, title):
    card = made(house, name="<b>𠮷·王</b>")

    answer = house.get(f"{path_of(card)}/sheet?language={language}", "desk")

    text = answer.text
    assert answer.mimetype == "text/html"
    assert f"<title>{title}</title>" in text
    assert f'<html lang="{language}">' in text
    assert "&lt;b&gt;𠮷·王&lt;/b&gt;" in text
    assert card["number"] in text
    assert "<svg" in text
    # nothing is loaded, nothing runs, nothing is kept on the way
    assert not re.search(r"<(script|link|img)|\ssrc=|\shref=|url\(|@import", text)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"


def test_its_sign_leads_to_a_page_that_never_sees_the_number(house, client, monkeypatch):
    drawn = []
    monkeypatch.setattr("api.cards.sign_of", lambda text: drawn.append(text) or "")
    card = made(house)
    house.get(f"{path_of(card)}/sheet", "desk")

    (url,) = drawn
    address, _, number = url.partition("#")
    assert address == "https://points.example.org/ledgers/beiyuan/card"
    assert number == card["number"].replace(" ", "")
    page = client.get(address.removeprefix("https://points.example.org"))
    assert page.status_code == 200
    assert "成员卡" in page.text
    assert client.get("/ledgers/nowhere/card").status_code == 404


def test_a_lost_card_is_void_at_once(house):
    card = made(house)

    gone = house.ask("DELETE", house.base + path_of(card), "desk")

    assert gone.status_code == 204
    assert problem(found(house, card["number"])) == (404, "card-unknown")
    assert problem(house.get(f"{path_of(card)}/sheet", "wang")) == (404, "card-unknown")
    again = house.ask("DELETE", house.base + path_of(card), "desk")
    assert problem(again) == (404, "card-unknown")


def test_who_is_no_member_gets_none(house):
    body = {"person": house.clerk, "name": "陈静"}

    assert problem(house.post("/cards", body, "desk")) == (409, "card-refused")
    assert problem(house.post("/cards", body | {"name": ""}, "desk")) == (422, "fields")
