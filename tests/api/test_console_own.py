"""A page of one's own, without a browser: nobody else's things can be reached or changed by it."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO
from typing import Any

import pytest
from flask import Flask

from ledger.programme import messages
from ledger.programme.messages import New
from ledger.programme.people import consents, notices, sessions
from tests.api.conftest import Desk
from tests.api.visitor import Visitor
from tests.programme.people.informing import parts
from tests.statements import statements

ME = "/ledgers/beiyuan/me"
EN, ZH = {"Accept-Language": "en"}, {"Accept-Language": "zh"}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Pages query nothing themselves: what they ask of the domain is tested on both databases."""
    return sqlite_url


def place(desk: Desk) -> tuple[Any, Any, Any]:
    here = desk.installation
    return here.database, here.ledger("beiyuan"), here.clock


def member(desk: Desk, app: Flask) -> tuple[str, Visitor]:
    """A member, and the browser in which they are signed in."""
    person = "person" + desk.member().removeprefix("member")
    visitor = Visitor(app.test_client())
    text = sessions.begin(*place(desk), person, "device").text
    visitor.get("/")
    with visitor.client.session_transaction() as kept:
        kept["token"] = text
    return person, visitor


def told(desk: Desk, person: str, cause: str = "one") -> str:
    """A message to somebody, by what follows the / of its id."""
    new = New(person, "proposal-approved", {"proposal": cause}, cause)
    return messages.post(*place(desk), new, by=desk.first).partition("/")[2]


def informed(desk: Desk, purpose: str, seen: int = 0) -> None:
    notices.publish(*place(desk), purpose, parts(), seen=seen, by=desk.first)


def said(desk: Desk, person: str) -> dict[str, str]:
    with desk.installation.database.reading() as conn:
        found = consents.of_person(conn, place(desk)[1].id, person)
    return {purpose: each.state for purpose, each in found.items()}


def test_what_is_anothers_is_as_if_it_were_not_there(desk: Desk, app: Flask) -> None:
    mine, visitor = member(desk, app)
    other, stranger = member(desk, app)
    own, foreign = told(desk, mine), told(desk, other)
    with desk.installation.database.reading() as conn:
        now = desk.installation.clock.now()
        (signed,) = sessions.list_sessions(conn, place(desk)[1].id, other, now)
    nowhere = "a" * 26
    for path in ("messages/{}/read", "sessions/{}/end"):
        theirs = foreign if path.startswith("m") else signed.id.partition("/")[2]
        pages = [visitor.post(f"{ME}/{path.format(each)}", {}) for each in (theirs, nowhere)]
        assert [each.status_code for each in pages] == [404, 404]
        assert _plain(pages[0].text) == _plain(pages[1].text)
    assert stranger.get(ME).status_code == 200
    assert visitor.post(f"{ME}/messages/{own}/read", {}).location == f"{ME}#messages"


def test_a_form_from_elsewhere_changes_nothing(desk: Desk, app: Flask) -> None:
    person, visitor = member(desk, app)
    informed(desk, "photos")
    paths = [f"messages/{told(desk, person)}/read", "consents/photos", f"sessions/{'a' * 26}/end"]
    paths += ["sessions/end"]
    for path in paths:
        values = {"state": "given", "notice": "1", "csrf_token": "made-up"}
        assert visitor.client.post(f"{ME}/{path}", data=values).status_code == 422
    assert said(desk, person) == {}


def test_nobody_is_said_to_have_said_no_who_was_not_asked(desk: Desk, app: Flask) -> None:
    # given a purpose with a notice, of which a member said nothing yet
    _, visitor = member(desk, app)
    informed(desk, "photos")
    assert "<strong>Not said yet</strong>" in visitor.get(ME, **EN).text
    assert "<strong>尚未表态</strong>" in visitor.get(ME, **ZH).text
    # when they say yes and take it back, then it is a no, and from when
    visitor.post(f"{ME}/consents/photos", {"state": "given", "notice": "1"})
    visitor.post(f"{ME}/consents/photos", {"state": "withdrawn"})
    assert "<strong>No</strong> · you said so on" in visitor.get(ME, **EN).text


def test_a_consent_is_to_the_notice_that_was_shown(desk: Desk, app: Flask) -> None:
    person, visitor = member(desk, app)
    informed(desk, "photos")
    give = {"state": "given", "notice": "1"}
    for wrong in ("", "0", "2", "x", "9" * 40):
        answer = visitor.post(f"{ME}/consents/photos", give | {"notice": wrong})
        assert answer.location == f"{ME}?changed=photos#consents"
    assert said(desk, person) == {}
    assert visitor.post(f"{ME}/consents/photos", give).location == f"{ME}#consents"
    assert said(desk, person) == {"photos": "given"}
    # when the notice changes, then the page says so, and asks anew
    informed(desk, "photos", seen=1)
    assert "has changed since" in visitor.get(ME, **EN).text
    # what is taken back is so, however often
    for _ in range(2):
        visitor.post(f"{ME}/consents/photos", {"state": "withdrawn"})
    assert said(desk, person) == {"photos": "withdrawn"}
    assert visitor.post(f"{ME}/consents/all", give).status_code == 404


def test_whoever_takes_the_first_yes_back_sees_what_becomes_of_it(desk: Desk, app: Flask) -> None:
    person, visitor = member(desk, app)
    informed(desk, "recording")
    give = {"state": "given", "notice": "1"}
    assert "erasure" not in visitor.get(ME, **EN).text
    visitor.post(f"{ME}/consents/recording", give)
    # when it is taken back, the page tells what follows, and offers what is possible
    visitor.post(f"{ME}/consents/recording", {"state": "withdrawn"})
    page = visitor.get(ME, **EN).text
    assert 'href="#erasure"' in page
    assert '<time datetime="2026-12-15">' in page
    assert "Say yes again" in page
    assert "Take this back" not in page
    visitor.post(f"{ME}/consents/recording", give)
    assert "You took this back" in visitor.get(ME, **EN).text
    # and what is asked for in words is taken back here; what is another's is not there
    asked = asked_for(desk, person)
    assert "Take this back" in visitor.get(ME, **EN).text
    foreign = asked_for(desk, member(desk, app)[0])
    assert visitor.post(f"{ME}/erasure/{foreign}/back", {}).status_code == 404
    assert visitor.client.post(f"{ME}/erasure/{asked}/back").status_code == 422
    for _ in range(2):
        assert visitor.post(f"{ME}/erasure/{asked}/back", {}).location == f"{ME}#erasure"
    assert visitor.get(ME, **EN).text.count("You took this back") == 2


def asked_for(desk: Desk, person: str) -> str:
    """A request of somebody's to be erased, by what follows the / of its id."""
    made = desk.post("/me/erasure", {}, desk.session(person, "device"))
    assert made.status_code == 201, made.text
    return made.json["id"].partition("/")[2]


def test_one_is_told_of_messages_in_a_way_that_one_has(desk: Desk, app: Flask) -> None:
    person, visitor = member(desk, app)
    desk.keep(person, email="wang@example.org")
    offered = re.findall(r'<option value="(\w+)"', visitor.get(ME).text)
    assert offered == ["inbox", "email", "paper"]
    for channel, wanted in (("email", "email"), ("phone", "email"), ("paper", "paper")):
        visitor.post(f"{ME}/reached", {"channel": channel})
        with desk.installation.database.reading() as conn:
            found = messages.choices_of(conn, place(desk)[1].id, {person})
        assert found[person].channel == wanted
    assert '<option value="paper" selected>' in visitor.get(ME).text
    assert visitor.post(f"{ME}/reached", {"channel": "drum"}).status_code == 422
    assert visitor.client.post(f"{ME}/reached", data={"channel": "inbox"}).status_code == 422


def test_everything_about_oneself_is_downloaded_and_the_trail_tells_it(
    desk: Desk, app: Flask
) -> None:
    person, visitor = member(desk, app)
    desk.keep(person, full_name="王小明")
    assert visitor.client.post(f"{ME}/download").status_code == 422
    answer = visitor.post(f"{ME}/download", {})
    assert answer.mimetype == "application/zip"
    assert answer.headers["Cache-Control"] == "no-store"
    with zipfile.ZipFile(BytesIO(answer.data)) as file:
        assert any("王小明".encode() in file.read(name) for name in file.namelist())
    lines = desk.get("/trail").json["lines"]
    told = [each for each in lines if each["action"] == "own:download"]
    assert [(each["actor"], each["outcome"]) for each in told] == [(person, "done")]


def test_lists_go_on_and_what_is_nonsense_in_an_address_is_left_out(desk: Desk, app: Flask) -> None:
    person, visitor = member(desk, app)
    for number in range(12):
        desk.credit("member" + person.removeprefix("person"), 1)
        desk.credit("member" + person.removeprefix("person"), 1)
        desk.installation.clock.wait(seconds=1)
        told(desk, person, f"cause-{number}")
    first = visitor.get(ME, **EN).text
    assert "cause-11" in first
    assert "cause-1<" not in first
    older = re.search(r"\?messages=([a-z2-7]{26})", first)
    assert older is not None
    second = visitor.get(f"{ME}?messages={older[1]}", **EN).text
    assert "cause-1<" in second
    assert "cause-11" not in second
    assert "The latest messages" in second
    assert "The latest messages" not in first
    before = re.search(r"\?before=(\d+)", first)
    assert before is not None
    assert 'rel="next"' not in visitor.get(f"{ME}?before={before[1]}").text
    for query in ("before=x", f"before={'9' * 40}", "messages=x", "changed=x", "welcome"):
        assert visitor.get(f"{ME}?{query}").status_code == 200


def test_one_signs_out_everywhere_but_here(desk: Desk, app: Flask) -> None:
    person, visitor = member(desk, app)
    _, stranger = member(desk, app)
    assert "Sign out everywhere" not in visitor.get(ME, **EN).text
    for _ in range(2):  # on devices of which one may be lost
        desk.installation.clock.wait(seconds=1)
        sessions.begin(*place(desk), person, "device")
    # given several, then one's own comes first
    page = visitor.get(ME, **EN).text
    assert page.index(">here<") < page.index("Sign out there")
    # when one signs out everywhere else
    assert "Sign out everywhere but here" in page
    assert visitor.post(f"{ME}/sessions/end", {}, ME).location == f"{ME}#sessions"
    # then that is the only one left, and nobody else's has ended
    assert visitor.get(ME, **EN).text.count("last used on") == 1
    assert stranger.get(ME).status_code == 200


def test_the_pages_statements_do_not_grow_with_what_they_show(desk: Desk, app: Flask) -> None:
    counts = []
    for many in (1, 9):
        person, visitor = member(desk, app)
        for number in range(many):
            desk.credit("member" + person.removeprefix("person"), 1)
            told(desk, person, f"cause-{number}")
            sessions.begin(*place(desk), person, "device")
        with statements(desk.installation.database) as sent:
            assert visitor.get(ME).status_code == 200
        counts.append(len(sent))
    assert counts[0] == counts[1]


def _plain(text: str) -> str:
    """A page without what guards its forms."""
    return re.sub(r'name="csrf_token"[^>]+>', "", text)
