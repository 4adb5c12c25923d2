"""Whoever is shown what is written of somebody else is on record before that, and they see it."""

import flask
import pytest

from ledger.programme import records
from ledger.programme.roles import ACTIONS
from tests.api import examples
from tests.api.enterprise import claim, managed, member, share
from tests.api.examples import Scribe
from tests.api.test_merges import INSURED, POLICY
from tests.statements import statements

COURSE = {
    "name": "急救入门",
    "content": "心肺复苏",
    "sessions": [{"day": "2026-11-08", "minutes": 90}],
}


@pytest.fixture
def house(desk):
    """An enterprise with a member, of whom something of each kind is kept."""
    managed(desk)
    desk.wang = member(desk, "王芳")
    share(desk, desk.wang)
    desk.membership = claim(desk, "王芳").json["id"]
    desk.ready(desk.wang)
    insured = INSURED | {"person": desk.wang, "organisation": desk.org}
    desk.attainment = desk.post("/attainments", insured, "admin").json["id"]
    card = desk.post("/cards", {"person": desk.wang, "name": "王阿姨"}, "officer")
    desk.card = card.json["id"]
    mother = {"name": "王母", "consents": ["join"], "how": "paper"}
    path = f"{desk.base}{one('guardians', desk.wang)}"
    assert desk.ask("PUT", path, "officer", mother, If_None_Match="*").status_code == 200
    desk.erasure = desk.post("/me/erasure", {"reason": "我要搬走了。"}, "王芳").json["id"]
    desk.seen = len(looks(desk))
    return desk


def one(resource, name):
    return f"/{resource}/{name.partition('/')[2]}"


def looks(house, role="王芳"):
    """Who looked at what is kept of a member, as they see it, the newest first."""
    house.app.extensions["points trail"].flush()  # what is no reading is written beside requests
    found = house.get("/me/lookups?limit=100", role).json["lookups"]
    return [(each["actor"], each["action"]) for each in found]


def newly(house):
    """The same since the house was made, the first first."""
    return looks(house)[: -house.seen][::-1]


def test_whoever_reads_what_is_written_of_somebody_is_seen_by_them(house):
    office, manager = house.first, house.get("/me", "manager").json["person"]
    for path, role in (
        (one("guardians", house.wang), "officer"),
        ("/erasure-requests", "officer"),
        (one("erasure-requests", house.erasure), "admin"),
        (f"/attainments?person={house.wang}", "officer"),
        (one("attainments", house.attainment), "manager"),
        ("/memberships", "manager"),
        (one("memberships", house.membership), "admin"),
        (one("cards", house.card), "officer"),
        (one("cards", house.card) + "/sheet", "officer"),
    ):
        answer = house.get(path, role)
        assert answer.status_code == 200, answer.text

    assert newly(house) == [
        (office, "guardians:read"),
        (office, "erasures:read"),
        (office, "erasures:read"),
        (office, "attainments:read"),
        (manager, "attainments:read"),
        (manager, "memberships:read"),
        (office, "memberships:read"),
        (office, "cards:read"),
        (office, "cards:read"),
    ]


def test_so_is_whoever_is_shown_it_after_they_changed_something(house):
    manager = house.get("/me", "manager").json["person"]
    path = house.base + one("memberships", house.membership)
    assert house.ask("POST", f"{path}/confirm", "manager").json["name"] == "王芳"

    assert newly(house) == [(manager, "memberships:decide")]


def test_why_two_are_held_to_be_one_is_written_of_both(house):
    house.approved("/policies", POLICY)
    other = member(house, "王小芳")
    body = {"from": other, "into": house.wang, "reason": "她在服务台说她注册过两次。"}
    href = house.post("/merges", body, "admin").json["href"].removeprefix(house.base)
    merge = house.get(href, "admin").json["values"]["ref"]["id"]
    before = looks(house, "王小芳")

    assert house.get(one("merges", merge), "officer").status_code == 200

    assert newly(house)[-1] == (house.first, "merges:read")
    assert looks(house, "王小芳") == [(house.first, "merges:read"), *before]


def test_what_is_written_of_whom_one_was_merged_with_is_ones_own(house):
    # given somebody who joined twice, and is insured under the first name
    house.approved("/policies", POLICY)
    old = house.member(20).replace("member/", "person/")
    house.ready(old)
    insured = INSURED | {"person": old, "organisation": house.org}
    assert house.post("/attainments", insured, "admin").status_code == 201
    body = {"from": old, "into": house.wang, "reason": "她在服务台说她注册过两次。"}
    href = house.post("/merges", body, "admin").json["href"].removeprefix(house.base)
    assert house.post(f"{href}/approve", role="second admin").status_code == 201
    before = looks(house)

    listed = house.get("/attainments", "王芳").json["attainments"]

    assert {each["person"] for each in listed} == {old, house.wang}
    assert looks(house) == before


def test_ones_own_and_what_has_only_ids_words_and_dates_leave_no_line(house):
    course = house.post("/courses", COURSE | {"organisation": house.org}, "admin").json["id"]
    trained = {"kind": "training", "what": course, "result": "passed", "from": "2026-11-08"}
    trained |= {"person": house.wang, "organisation": house.org}
    house.post("/attainments", trained, "admin")
    for path in (
        one("guardians", house.wang),
        "/attainments",
        "/memberships",
        one("cards", house.card),
        "/me/erasure",
        "/me/basics",
    ):
        assert house.get(path, "王芳").status_code == 200
    for path in (f"/attainments?what={course}", f"/consents?person={house.wang}", "/persons"):
        assert house.get(path, "officer").status_code == 200

    assert newly(house) == []


def test_a_page_is_on_record_at_once_a_line_a_person_before_it_is_shown(house):
    for name in ("李四", "赵六"):
        person = member(house, name)
        share(house, person)
        assert claim(house, name).status_code == 201

    with statements(house.installation.database) as sent:
        listed = house.get("/memberships", "manager").json["memberships"]
        told = [each.text for each in sent if "INTO trail " in each.text]

    assert [each["name"] for each in listed].count("王芳") == 1
    assert len(listed) == 3
    assert len(told) == 1
    for name in ("王芳", "李四", "赵六"):
        manager = house.get("/me", "manager").json["person"]
        assert looks(house, name)[0] == (manager, "memberships:read")


def test_nothing_is_shown_that_cannot_be_put_on_record(house, monkeypatch):
    def broken(*_):
        raise RuntimeError("the trail's disk is full")

    monkeypatch.setattr("api.auth.write_lines", broken)

    answer = house.get("/memberships", "manager")

    assert answer.status_code == 500
    assert "王芳" not in answer.text


# --- whatever is opened --------------------------------------------------------------------------


def has_text(kind, fields):
    """Whether there is more in a record than ids, words and dates."""
    return kind != "consent" and fields.get("kind") != "training"


@pytest.fixture
def unseen(app, monkeypatch):
    """What readers open of other people and is not on record when the answer is sent."""
    found, of = set(), records._record

    def opened(row, fields):
        of_somebody = fields and row.subject.startswith("person/") and has_text(row.kind, fields)
        if of_somebody and flask.has_request_context():
            flask.g.setdefault("opened", set()).add((row.kind, row.subject))
        return of(row, fields)

    def finished(_app, **_):
        g = flask.g
        if flask.request.method != "GET" or "action" not in g or ACTIONS[g.action].privileged:
            return
        seen = g.get("shown", set()) | {g.principal.person}
        found.update((g.action, kind) for kind, who in g.get("opened", ()) if who not in seen)

    monkeypatch.setattr(records, "_record", opened)
    with flask.request_finished.connected_to(finished, app):
        yield found


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nothing_of_others_is_opened_for_a_reader_off_the_record(app, client, installation, unseen):
    story = Scribe(app, client, installation)
    examples.tell(story)
    examples._merges(story)
    examples._training(story)

    assert unseen == set()
