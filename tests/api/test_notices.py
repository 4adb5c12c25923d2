"""Notices that everybody reads and admins publish, and each person's own consents to them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ledger.programme.commitments import check_disclosure
from ledger.programme.people.notices import PARTS, PURPOSES
from tests.api.conftest import Desk
from tests.programme.people.informing import parts
from tests.statements import statements

FIRST = {"If_None_Match": "*"}


def publish(desk: Desk, purpose: str = "photos", word: str = "first", **match: str) -> Any:
    path = f"{desk.base}/notices/{purpose}"
    return desk.ask("PUT", path, "admin", parts(word), **(match or FIRST))


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["type"].removeprefix("/problems/")


@pytest.fixture
def somebody(desk: Desk) -> str:
    """A person who is signed in under that name."""
    person = "person" + desk.member().removeprefix("member")
    desk.tokens["somebody"] = desk.session(person)
    return person


def say(desk: Desk, purpose: str, notice: int = 1, role: str = "somebody") -> Any:
    return desk.ask("POST", f"{desk.base}/consents/{purpose}", role, {"notice": notice})


def withdraw(desk: Desk, purpose: str, role: str = "somebody") -> Any:
    return desk.ask("DELETE", f"{desk.base}/consents/{purpose}", role)


def test_strangers_read_the_newest_notice_and_the_earlier_ones(desk: Desk) -> None:
    # given two versions of one notice, and one of another
    assert publish(desk).headers["ETag"] == '"1"'
    newest = publish(desk, word="second", If_Match='"1"')
    assert (newest.status_code, newest.headers["ETag"]) == (200, '"2"')
    publish(desk, "recording")
    # then somebody without a token reads them, with the hash that consents name
    told = desk.ask("GET", f"{desk.base}/notices").json["notices"]
    assert [(each["purpose"], each["version"]) for each in told] == [
        ("recording", 1),
        ("photos", 2),
    ]
    assert told[1] == newest.json
    assert told[1]["parts"] == parts("second")
    # and page by page those before
    first = desk.ask("GET", f"{desk.base}/notices/photos/history?limit=1")
    (one,) = first.json["versions"]
    assert one["parts"] == parts("first")
    rest = desk.ask("GET", first.headers["Link"].partition(">")[0].removeprefix("<"))
    assert rest.json["versions"] == [newest.json]


def test_an_etag_that_a_compressing_proxy_made_weak_names_its_version(desk: Desk) -> None:
    publish(desk)
    assert publish(desk, word="second", If_Match='W/"1"').headers["ETag"] == '"2"'
    assert problem(publish(desk, word="third", If_Match='W/"1"')) == (412, "record-changed")


def test_of_two_who_write_a_notice_the_second_is_told(desk: Desk) -> None:
    path = f"{desk.base}/notices/photos"
    assert problem(desk.ask("PUT", path, "admin", parts())) == (428, "match-missing")
    assert problem(publish(desk, If_None_Match='"1"')) == (400, "match-form")
    assert problem(publish(desk, If_None_Match="*", If_Match='"1"')) == (400, "match-form")
    assert problem(publish(desk, If_Match='"1"')) == (412, "record-changed")  # of nothing
    publish(desk)
    changed = parts() | {"retention": {"zh": "一年", "en": "A year"}}
    desk.ask("PUT", path, "admin", changed, If_Match='"1"')
    for match in (FIRST, {"If_Match": '"1"'}):
        late = publish(desk, word="late", **match)
        assert problem(late) == (412, "record-changed")
    assert late.json["changed"] == ["retention"]


def test_a_notice_tells_all_in_both_languages(desk: Desk) -> None:
    path = f"{desk.base}/notices/photos"
    for wrong in (
        {part: said for part, said in parts().items() if part != "rights"},
        parts() | {"rights": {"zh": "可撤回"}},
        parts() | {"advertising": {"zh": "广告", "en": "Adverts"}},
    ):
        assert problem(desk.ask("PUT", path, "admin", wrong, **FIRST)) == (422, "fields")
    long = {part: {"zh": "长" * 2_000, "en": "x" * 2_000} for part in PARTS}
    assert desk.ask("PUT", path, "admin", long, **FIRST).status_code == 200
    unknown = desk.ask("GET", f"{desk.base}/notices/advertising/history")
    assert problem(unknown) == (404, "not-found")


def test_a_consent_is_given_withdrawn_and_proven(desk: Desk, somebody: str) -> None:
    notice = publish(desk).json
    given = say(desk, "photos")
    assert given.status_code == 201
    assert (given.json["state"], given.json["how"], given.json["by"]) == ("given", "self", somebody)
    assert say(desk, "photos").json == given.json  # again changes nothing
    assert withdraw(desk, "photos").status_code == withdraw(desk, "photos").status_code == 204
    # then it is as it was said last, and the history shows each time under its commitment
    (now,) = desk.get("/consents", "somebody").json["consents"]
    assert (now["state"], now["version"]) == ("withdrawn", 2)
    told = desk.get("/consents/photos/history", "somebody").json["versions"]
    assert [each["state"] for each in told] == ["given", "withdrawn"]
    for each in told:
        place, shown = check_disclosure(each["disclosure"], decoded(each["commitment"]))
        assert shown["notice_hash"] == each["notice_hash"] == notice["hash"]
        assert place.version == each["version"]


def test_whoever_withdraws_what_all_rests_on_is_told_what_follows(
    desk: Desk, somebody: str
) -> None:
    publish(desk, "recording")
    say(desk, "recording")
    # when it is withdrawn, however often
    told, again = (withdraw(desk, "recording") for _ in range(2))
    assert told.status_code == again.status_code == 200, told.text
    assert told.json == again.json
    assert "By 2026-12-15 the office decides" in told.json["says"]
    # then it is a request, where the answer says, and waits for the office
    mine = desk.ask("GET", told.json["href"], "somebody").json["requests"]
    assert [(each["id"], each["state"], each["cause"]) for each in mine] == [
        (told.json["request"], "open", "consent-withdrawn")
    ]
    (task,) = desk.get("/tasks?kind=erasure-asked", "admin").json["tasks"]
    assert task["subject"] == told.json["request"]
    # which is taken back by consenting again, and not without
    path = f"{told.json['href']}/{told.json['request'].removeprefix('erasure/')}"
    early = desk.ask("DELETE", path, "somebody")
    assert problem(early) == (409, "erasure-refused")
    assert say(desk, "recording").status_code == 201
    (mine,) = desk.get("/me/erasure", "somebody").json["requests"]
    assert (mine["state"], mine["decided_by"]) == ("taken-back", somebody)
    assert desk.get("/tasks?kind=erasure-asked", "admin").json["tasks"] == []


def decoded(text: str) -> bytes:
    return base64.b64decode(text)


def test_nobody_agrees_to_what_was_not_shown(desk: Desk, somebody: str) -> None:
    assert problem(say(desk, "photos")) == (409, "notice-not-seen")
    publish(desk)
    publish(desk, word="second", If_Match='"1"')
    assert problem(say(desk, "photos", 1)) == (409, "notice-not-seen")
    for wrong in (0, 2**53, "2", 2.0, True, None):
        assert problem(say(desk, "photos", wrong))[1] in ("fields", "json-number")  # type: ignore[arg-type]
    assert withdraw(desk, "public").status_code == 204
    assert desk.get("/consents", "somebody").json == {"person": somebody, "consents": []}


def test_the_office_sees_whether_and_others_see_nothing(desk: Desk, somebody: str) -> None:
    publish(desk)
    say(desk, "photos")
    other = "person" + desk.member().removeprefix("member")
    desk.tokens["other"] = desk.session(other)
    whose = f"?person={somebody}"
    for role in ("officer", "admin"):
        (seen,) = desk.get(f"/consents{whose}", role).json["consents"]
        assert seen["state"] == "given"
        assert len(desk.get(f"/consents/photos/history{whose}", role).json["versions"]) == 1
    # to another member, somebody who agreed looks like nobody at all
    for path in ("/consents", "/consents/photos/history"):
        told, sent = [], []
        for person in (somebody, f"person/{'a' * 26}"):
            with statements(desk.installation.database) as seen:
                answer = desk.get(f"{path}?person={person}", "other")
            told.append(answer.text.replace(person, "…"))
            sent.append([each.text for each in seen if "trail" not in each.text])
        assert told[0] == told[1]
        assert sent[0] == sent[1]
        assert "given" not in told[0]


def test_pressed_twice_at_once_it_is_said_once(desk: Desk, somebody: str, at_once: Any) -> None:
    publish(desk)

    def press() -> int:
        url, headers = f"{desk.base}/consents/photos", desk.tokens["somebody"]
        sent = {"Authorization": f"Bearer {headers}"}
        client = desk.app.test_client()
        return int(client.post(url, json={"notice": 1}, headers=sent).status_code)

    assert at_once(*[press] * 4) == [201] * 4
    assert len(desk.get("/consents/photos/history", "somebody").json["versions"]) == 1


def test_lists_cost_the_same_however_much_was_said(desk: Desk, somebody: str) -> None:
    costs = []
    for purpose in PURPOSES:
        publish(desk, purpose)
        say(desk, purpose)
        desk.app.extensions["points trail"].flush()  # which writes in a thread of its own
        with statements(desk.installation.database) as seen:
            desk.get("/consents", "somebody")
            desk.get("/consents/recording/history", "somebody")
            desk.ask("GET", f"{desk.base}/notices")
        costs.append(len(seen))
    assert len(set(costs[1:])) == 1, costs
