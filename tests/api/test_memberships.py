"""Memberships over HTTP: a link, a claim, what a manager sees and decides, and leaving."""

import io

import pytest
import segno

from tests.api.enterprise import claim, managed, member, problem, share
from tests.statements import statements


@pytest.fixture
def house(desk):
    return managed(desk)


def move(house, made, what: str, role: str, body=None):
    path = made.json["id"].replace("membership/", "/memberships/")
    return house.ask("POST", f"{house.base}{path}/{what}", role, body)


def test_a_claim_is_confirmed_by_the_manager_who_may_know_the_name(house):
    # given two members who say that they belong to the enterprise, one by name
    open_ = member(house, "王芳")
    member(house, "李四")
    share(house, open_)
    mine, silent = claim(house, "王芳"), claim(house, "李四")
    assert (mine.status_code, mine.json["state"]) == (201, "claimed")
    assert mine.json["shares"] is True
    assert "name" not in silent.json
    assert claim(house, "王芳").json == mine.json

    # when the manager looks
    listed = house.get("/memberships", "manager").json["memberships"]

    # then they see the one, and confirm it
    assert [each["name"] for each in listed] == ["王芳"]
    confirmed = move(house, mine, "confirm", "manager")
    assert (confirmed.status_code, confirmed.json["state"]) == (200, "confirmed")
    assert move(house, mine, "confirm", "manager").json == confirmed.json
    assert problem(move(house, silent, "confirm", "manager")) == (404, "membership-unknown")
    assert problem(move(house, mine, "decline", "manager")) == (409, "membership-refused")
    # and the office sees both
    found = house.get(f"/memberships?organisation={house.org}", "admin").json["memberships"]
    assert {each["id"] for each in found} == {mine.json["id"], silent.json["id"]}


def test_leaving_ends_the_membership_and_not_the_member(house):
    person = member(house, "王芳")
    share(house, person)
    made = claim(house, "王芳")
    tomorrow = move(house, made, "end", "王芳", {"to": "2026-11-25"})
    before = move(house, made, "end", "王芳", {"to": "2026-11-23"})
    assert [problem(each) for each in (tomorrow, before)] == [(409, "membership-refused")] * 2

    left = move(house, made, "end", "王芳", {})

    assert (left.status_code, left.json["state"], left.json["to"]) == (200, "ended", "2026-11-24")
    assert house.get("/memberships", "manager").json == {"memberships": []}
    assert problem(move(house, made, "end", "manager", {})) == (404, "membership-unknown")
    assert house.get("/me", "王芳").json["roles"] == [{"role": "member"}]


def test_a_manager_ends_a_membership_of_the_own_organisation(house):
    person = member(house, "王芳")
    share(house, person)
    made = claim(house, "王芳")
    ended = move(house, made, "end", "manager", {})
    assert (ended.status_code, ended.json["state"]) == (200, "ended")
    (own,) = house.get("/memberships", "王芳").json["memberships"]
    assert own["state"] == "ended"


def test_a_link_that_was_replaced_or_revoked_is_no_longer_good(house):
    member(house, "王芳")
    key = house.key()
    first = house.post(house.link, role="manager", key=key).json
    again = house.post(house.link, role="manager", key=key).json

    assert again == first
    assert first["url"] == f"https://points.example.org/ledgers/beiyuan/join#{first['code']}"
    assert problem(claim(house, "王芳")) == (422, "link-refused")
    assert house.get(house.link, "manager").json == first
    assert house.ask("DELETE", house.base + house.link, "manager").status_code == 204
    assert problem(claim(house, "王芳", first["code"])) == (422, "link-refused")
    assert problem(house.get(house.link, "manager")) == (404, "link-unknown")
    assert problem(house.ask("DELETE", house.base + house.link, "manager")) == (404, "link-unknown")


def test_a_list_has_pages_and_as_many_statements_however_long(house):
    for name in ("王芳", "李四", "赵六"):
        share(house, member(house, name))
        claim(house, name)

    sent = []
    for limit in (1, 3):
        with statements(house.installation.database) as seen:
            page = house.get(f"/memberships?limit={limit}", "manager")
        sent.append([each.text for each in seen if "trail" not in each.text])
    assert len(sent[0]) == len(sent[1])

    one = house.get("/memberships?limit=2", "manager")
    two = house.ask("GET", one.headers["Link"].split(">")[0].strip("<"), "manager")
    names = {each["name"] for each in one.json["memberships"] + two.json["memberships"]}
    assert names == {"王芳", "李四", "赵六"} == {e["name"] for e in page.json["memberships"]}


def test_a_poster_is_the_link_as_a_code_to_scan(house):
    poster = house.get(f"{house.link}/poster", "manager")
    assert poster.headers["Content-Type"] == "image/svg+xml; charset=utf-8"
    url = house.get(house.link, "manager").json["url"]
    drawn = io.BytesIO()
    segno.make(url, error="m").save(drawn, kind="svg", scale=8, border=4)
    assert poster.data == drawn.getvalue()
    assert house.code not in poster.text  # but as a picture
