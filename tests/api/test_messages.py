"""One's inbox over HTTP, how one is reached, and the list of what is told on paper."""

import pytest

from tests.api.conftest import Desk
from tests.statements import statements


@pytest.fixture
def clerk(desk: Desk) -> str:
    """Somebody of a partner who is signed in as `clerk`, and whose name and number are known."""
    person = desk.person()
    desk.keep(person, full_name="周敏", phone="+8613800138000")
    desk.given(person, "desk", desk.org())
    desk.tokens["clerk"] = desk.session(person)
    return person


def chooses(desk: Desk, channel: str, language: str = "zh", role: str = "clerk"):
    said = {"channel": channel, "language": language}
    return desk.ask("PUT", f"{desk.base}/messages/choice", role, said)


def said(desk: Desk, message: str, word: str, role: str):
    path = message.replace("message/", "/messages/")
    return desk.ask("POST", f"{desk.base}{path}/{word}", role)


def problem(answer):
    return answer.status_code, answer.json["type"].removeprefix("/problems/")


def test_a_message_is_read_in_both_languages_and_marked_once(desk, clerk, clock):
    message = desk.message(clerk)

    (found,) = desk.get("/messages", "clerk").json["messages"]
    assert (found["id"], found["kind"]) == (message, "proposal-approved")
    assert (found["texts"]["zh"]["subject"], found["texts"]["en"]["subject"]) == (
        "申请已批准",
        "Approved",
    )
    assert "read_at" not in found

    marked = [said(desk, message, "read", "clerk")]
    (read,) = desk.get("/messages", "clerk").json["messages"]
    clock.wait(hours=1)
    marked.append(said(desk, message, "read", "clerk"))

    assert [answer.status_code for answer in marked] == [204, 204]
    assert read["read_at"]
    assert desk.get("/messages", "clerk").json["messages"] == [read]


def test_an_inbox_is_ones_own_and_comes_page_by_page(desk, clerk, clock):
    sent = []
    for cause in "abc":
        sent.append(desk.message(clerk, cause))
        clock.wait(seconds=1)
    desk.message(desk.second)

    first = desk.get("/messages?limit=2", "clerk")
    link = first.headers["Link"].split(">")[0].removeprefix("<")
    second = desk.ask("GET", link, "clerk")

    pages = [each["id"] for answer in (first, second) for each in answer.json["messages"]]
    assert pages == sent[::-1]
    assert "Link" not in second.headers
    # and others neither mark what is in it, nor read on from there
    assert problem(said(desk, sent[0], "read", "second admin")) == (404, "message-unknown")
    foreign = desk.get(f"/messages?before={sent[0]}", "second admin")
    assert problem(foreign) == (404, "message-unknown")


def test_the_last_choice_counts_and_wants_a_contact_that_is_known(desk, clerk):
    before = desk.get("/messages/choice", "clerk").json

    answers = [chooses(desk, "phone"), chooses(desk, "email"), chooses(desk, "paper", "en")]

    assert before == {"channel": "inbox", "language": "zh"}
    assert [answer.status_code for answer in answers] == [200, 422, 200]
    assert problem(answers[1]) == (422, "choice-refused")
    assert desk.get("/messages/choice", "clerk").json == {"channel": "paper", "language": "en"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"channel": "pigeon", "language": "zh"},
        {"channel": "inbox", "language": "fr"},
        {"channel": "inbox", "language": "zh", "person": "person/" + "a" * 26},
    ],
)
def test_a_choice_that_is_none_is_refused(desk, clerk, body):
    answer = desk.ask("PUT", f"{desk.base}/messages/choice", "clerk", body)

    assert problem(answer) == (422, "fields")


def test_what_is_on_paper_shows_whom_to_reach_and_the_trail_says_who_saw_it(desk, clerk):
    # given a message for somebody who wants paper, in English
    chooses(desk, "paper", "en")
    message = desk.message(clerk)

    # when an officer looks at the list
    (found,) = desk.get("/messages/paper", "officer").json["paper"]

    # then it says whom to reach and what to tell
    assert (found["id"], found["person"], found["name"], found["phone"]) == (
        *(message, clerk, "周敏"),
        "+8613800138000",
    )
    assert found["text"]["subject"] == "Approved"
    # and the trail whose name was seen
    lines = desk.get(f"/trail?subject={clerk}", "admin").json["lines"]
    (seen,) = [line for line in lines if line["action"] == "messages:hand"]
    assert (seen["actor"], seen["outcome"]) == (desk.first, "done")
    # who is at a partner's desk sees none of it, not even their own
    assert problem(desk.get("/messages/paper", "clerk")) == (403, "role")


def test_the_trail_is_written_before_a_name_is_shown(desk, clerk, monkeypatch):
    chooses(desk, "paper")
    desk.message(clerk)

    def full(*_: object) -> None:
        raise OSError("no space is left")

    monkeypatch.setattr("api.auth.write_lines", full)
    answer = desk.get("/messages/paper", "officer")

    assert problem(answer) == (500, "internal")
    assert "周敏" not in answer.text


def test_what_was_handed_over_leaves_the_list_once(desk, clerk):
    chooses(desk, "paper")
    message = desk.message(clerk)

    mine = [said(desk, message, "handed", "officer") for _ in range(2)]
    others = said(desk, message, "handed", "second admin")
    absent = said(desk, "message/" + "a" * 26, "handed", "officer")

    assert [answer.status_code for answer in mine] == [204, 204]
    assert problem(others) == problem(absent) == (404, "message-unknown")
    assert desk.get("/messages/paper", "officer").json == {"paper": []}
    # it is still in the inbox
    assert len(desk.get("/messages", "clerk").json["messages"]) == 1


@pytest.mark.parametrize(("path", "role"), [("/messages", "clerk"), ("/messages/paper", "officer")])
def test_a_list_is_read_by_as_many_statements_however_long_it_is(desk, clerk, path, role):
    chooses(desk, "paper")
    counts = []
    for cause in "abcd":
        desk.message(clerk, cause)
        with statements(desk.installation.database) as sent:
            desk.get(path, role)
        counts.append(len([each for each in sent if "trail" not in each.text]))
    assert len(set(counts[1:])) == 1


def test_the_list_comes_page_by_page(desk, clerk, clock):
    chooses(desk, "paper")
    sent = []
    for cause in "abc":
        sent.append(desk.message(clerk, cause))
        clock.wait(seconds=1)

    first = desk.get("/messages/paper?limit=2", "officer")
    link = first.headers["Link"].split(">")[0].removeprefix("<")
    second = desk.ask("GET", link, "officer")

    pages = [each["id"] for answer in (first, second) for each in answer.json["paper"]]
    assert pages == sent
