"""Members ask to be erased over HTTP, and the office decides: refused, restricted, at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from api import create_app
from ledger.installation import Installation
from tests.api.conftest import Desk
from tests.api.test_devices import Letters

PHONE = "+8613912345678"
REASONS = "服务记录依法须保存十年"


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def app(installation: Installation, letters: Letters) -> Iterator[Flask]:
    made = create_app(installation, reached_by={"phone": letters})
    yield made
    made.extensions["points trail"].close()


@pytest.fixture
def home(desk: Desk) -> Desk:
    """The desk, with a member who has points."""
    desk.account = desk.member(25)
    desk.me = "person" + desk.account.removeprefix("member")
    desk.keep(desk.me, full_name="王芳", phone=PHONE)
    desk.tokens["me"] = desk.session(desk.me, "device")
    return desk


def asked(desk: Desk, **said: str) -> str:
    made = desk.post("/me/erasure", said, "me")
    assert made.status_code == 201, made.text
    assert (made.json["state"], made.json["due"]) == ("open", "2026-12-15")
    name: str = made.json["id"]
    return name


def path(name: str) -> str:
    return f"/erasure-requests/{name.removeprefix('erasure/')}"


def decide(desk: Desk, name: str, outcome: str, role: str = "admin") -> Any:
    body = {"outcome": outcome, "reasons": REASONS}
    return desk.post(f"{path(name)}/decision", body, role)


def approve(desk: Desk, proposed: Any, status: int = 201) -> Any:
    assert proposed.status_code == 202, proposed.text
    href = proposed.json["href"].removeprefix(desk.base)
    done = desk.post(f"{href}/approve", role="second admin")
    assert done.status_code == status, done.text
    return done


def emptied(desk: Desk) -> None:
    """The member's points are withdrawn, and the account closed."""
    balance = desk.balance(desk.account)
    if balance:
        debit = {"account": desk.account, "amount": balance}
        assert desk.post("/debits", debit).status_code == 201
    assert desk.post(f"/accounts/{desk.account}/close").status_code == 201


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["type"].removeprefix("/problems/")


def test_asking_with_a_key_of_something_else_is_refused(home: Desk) -> None:
    # given a request with its key
    first = home.post("/me/erasure", {"reason": "我搬家了"}, "me", key="once")
    assert first.status_code == 201

    # when another one comes with that key, while that is open and after it was taken back
    def other() -> Any:
        return home.post("/me/erasure", {"reason": "别的原因"}, "me", key="once")

    open_yet = other()
    random = first.json["id"].removeprefix("erasure/")
    assert home.ask("DELETE", f"{home.base}/me/erasure/{random}", "me").status_code == 204

    # then it is told so, and asks for nothing
    for told in (open_yet, other()):
        assert (told.status_code, told.json["type"]) == (422, "/problems/key-reused")
    assert [each["state"] for each in home.get("/me/erasure", "me").json["requests"]] == [
        "taken-back"
    ]


def test_a_refusal_says_why_and_takes_one_person(home: Desk) -> None:
    name = asked(home, reason="我搬家了")
    assert asked(home) == name
    (listed,) = home.get("/erasure-requests?state=open", "officer").json["requests"]
    assert (listed["id"], listed["reason"]) == (name, "我搬家了")
    (task,) = home.get("/tasks?kind=erasure-asked", "admin").json["tasks"]
    assert (task["subject"], task["due"], task["role"]) == (name, "2026-12-15", "admin")
    assert decide(home, name, "refused", "officer").status_code == 403
    done = decide(home, name, "refused")
    assert (done.status_code, done.json["state"], done.json["reasons"]) == (
        201,
        "refused",
        REASONS,
    )
    (mine,) = home.get("/me/erasure", "me").json["requests"]
    assert (mine["state"], mine["reasons"]) == ("refused", REASONS)
    assert home.get("/tasks?kind=erasure-asked", "admin").json["tasks"] == []
    told = home.get("/me/records", "me").json["records"]
    (message,) = (each for each in told if each["kind"] == "message")
    assert REASONS in message["says"]["zh"]["body"]
    assert problem(decide(home, name, "erased")) == (409, "erasure-refused")
    # and nothing of the reasons is in the trail or the log
    assert REASONS not in home.get("/trail", "auditor").text
    assert home.get("/me", "me").json["name"] == "王芳"


def test_who_has_points_keeps_them_until_the_account_is_closed(home: Desk) -> None:
    name = asked(home)
    for outcome in ("restricted", "erased"):
        refused = decide(home, name, outcome)
        assert problem(refused) == (409, "erasure-refused")
        assert "25 points" in refused.json["detail"]
    direct = home.post("/erasures", {"subject": home.me, "on": "2026-11-24"}, "admin")
    assert problem(direct) == (409, "erasure-refused")
    # opened again between the two people, it is not approved
    emptied(home)
    proposed = decide(home, name, "erased")
    assert home.post(f"/accounts/{home.account}/reopen").status_code == 201
    assert problem(approve(home, proposed, 409)) == (409, "erasure-account")
    assert home.get("/me", "me").json["name"] == "王芳"


def test_who_is_restricted_reads_their_own_and_nobody_else_does(home: Desk) -> None:
    basics = f"/persons/{home.me.removeprefix('person/')}/basics"
    name = asked(home)
    emptied(home)
    approve(home, decide(home, name, "restricted"))
    # the member goes on reading what is theirs
    (mine,) = home.get("/me/erasure", "me").json["requests"]
    assert (mine["state"], mine["until"], mine["reasons"]) == ("restricted", "2036-11-24", REASONS)
    assert home.get("/me", "me").json["name"] == "王芳"
    assert home.get("/me/basics", "me").json["phone"] == PHONE
    assert all("fields" in each for each in home.get("/me/records", "me").json["records"])
    # the office does not, and neither writes nor opens the account again
    assert problem(home.get(basics, "officer")) == (404, "record-unknown")
    said = {"full_name": "王芳", "phone": PHONE, "reason": REASONS}
    put = home.ask("PUT", home.base + basics, "officer", said, If_Match='"1"')
    assert problem(put) == (404, "record-unknown")
    shown = home.get(path(name), "admin").json
    assert "reasons" not in shown
    reopened = home.post(f"/accounts/{home.account}/reopen")
    assert problem(reopened) == (409, "erasure-refused")
    # an auditor does, within an engagement, as the law demands
    auditor = home.person("auditor")
    engagement = home.engaged(auditor).removeprefix("engagement/")
    home.given(auditor, "auditor")
    home.tokens["outside"] = home.session(auditor)
    read = home.get(f"/engagements/{engagement}/record?kind=basics&id={home.me}", "outside")
    assert read.json["fields"]["full_name"] == "王芳"


def test_nobody_adds_anything_to_who_is_restricted(home: Desk) -> None:
    # given somebody who is restricted, a moment ago
    org, name = home.organisation(), asked(home)
    card = {"person": home.me, "name": "王阿姨"}
    assert home.post("/cards", card, "admin").status_code == 201
    emptied(home)
    approve(home, decide(home, name, "restricted"))
    # then nobody keeps anything more of them
    insured = {"kind": "insurance", "what": "accident", "issuer": "人保财险", "number": "PA-1"}
    insured |= {"from": "2026-01-01", "to": "2026-12-31"}
    insured |= {"person": home.me, "organisation": org}
    for path, body in (("/cards", card), ("/attainments", insured)):
        refused = home.post(path, body, "admin")
        assert problem(refused) == (409, "restricted")
        assert "until it is destroyed" in refused.json["detail"]
    # but what they say, and what is decided on it
    said = {"full_name": "王芳", "phone": PHONE, "called": "阿芳"}
    put = home.ask("PUT", f"{home.base}/me/basics", "me", said, If_Match='"1"')
    assert put.status_code == 200, put.text
    again = asked(home)
    assert decide(home, again, "refused").status_code == 201


def test_a_request_is_taken_back_as_long_as_nothing_is_decided(home: Desk) -> None:
    name = asked(home)

    def take_back(name: str) -> Any:
        path = f"{home.base}/me/{name}"
        return home.ask("DELETE", path, "me")

    assert take_back(name).status_code == take_back(name).status_code == 204
    assert home.get("/tasks?kind=erasure-asked", "admin").json["tasks"] == []
    (listed,) = home.get("/erasure-requests?state=taken-back", "officer").json["requests"]
    assert (listed["id"], listed["decided_by"]) == (name, home.me)
    assert problem(decide(home, name, "refused")) == (409, "erasure-refused")
    # and not any more once it is
    second = asked(home)
    assert decide(home, second, "refused").status_code == 201
    late = take_back(second)
    assert problem(late) == (409, "erasure-refused")
    assert late.json["detail"] == "This request is refused already."


def test_at_once_destroys_signs_out_and_says_so(home: Desk, letters: Letters) -> None:
    name = asked(home)
    emptied(home)
    approve(home, decide(home, name, "erased"))
    assert home.get(path(name), "admin").json["state"] == "erased"
    assert home.get("/me", "me").status_code == 401
    home.app.extensions["points courier"].wait()
    assert letters.sent[-1].to == PHONE
    assert "已删除" in letters.sent[-1].text
    assert home.installation.ledger("beiyuan").erased.read_text().startswith(home.me)
    # and an erasure that the office proposes by itself is done at once as well
    other = home.person()
    home.keep(other, full_name="李四", phone="+8613800138000")
    home.tokens["other"] = home.session(other, "device")
    home.approved("/erasures", {"subject": other, "on": "2026-11-24"})
    basics = f"/persons/{other.removeprefix('person/')}/basics"
    assert problem(home.get(basics, "officer")) == (404, "record-unknown")
    assert home.get("/me", "other").status_code == 401
    # and they are told who decided it
    home.app.extensions["points courier"].wait()
    assert [each.to for each in letters.sent] == [PHONE, "+8613800138000"]
    for word in ("经办公室决定", "By a decision of the office"):
        assert word in letters.sent[-1].text


def test_requests_are_listed_page_by_page(home: Desk) -> None:
    asked(home)
    second = home.member()
    person = "person" + second.removeprefix("member")
    home.tokens["other"] = home.session(person, "device")
    home.post("/me/erasure", {}, "other")
    one = home.get("/erasure-requests?limit=1", "officer")
    after = one.json["requests"][0]["id"]
    two = home.get(f"/erasure-requests?limit=1&after={after}", "officer")
    assert "Link" in one.headers
    people = {page.json["requests"][0]["person"] for page in (one, two)}
    assert people == {home.me, person}
    absent = "erasure/" + "a" * 26
    assert problem(home.get(path(absent), "officer")) == (404, "erasure-unknown")
    assert problem(decide(home, absent, "refused")) == (404, "erasure-unknown")
    assert len(home.get("/me/erasure", "me").json["requests"]) == 1
