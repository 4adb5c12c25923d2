"""Before service of a member is recorded, what lacks is asked: by itself, in batches, by two."""

from __future__ import annotations

from typing import Any

import pytest

import api.proposals
from ledger.programme.people import readiness
from ledger.programme.proposals import approve
from tests.api.conftest import Desk
from tests.api.enterprise import problem
from tests.programme.people.informing import parts
from tests.statements import statements

REF = {"commitment": "A" * 43 + "=", "id": "contribution/" + "a" * 26}
BASICS = {"full_name": "王芳", "email": "wang@example.org"}
REST = {
    "sex": "female",
    "birth_date": "1990-05-01",
    "document_kind": "passport",
    "document_number": "E12345678",
    "area": "北苑街道",
    "skills": [],
    "service_categories": ["环保"],
}
CONSENT = "consent:recording"


@pytest.fixture
def house(desk: Desk) -> Desk:
    """The desk, with a notice, a recorder, and a member who has just joined."""
    notice = {"json": parts(), "If_None_Match": "*"}
    path = f"{desk.base}/notices/recording"
    assert desk.ask("PUT", path, "admin", notice.pop("json"), **notice).status_code == 200
    desk.recorder = desk.post("/persons", {"standing": "partner"}, "admin").json["person"]
    desk.account = desk.member()
    desk.me = "person" + desk.account.removeprefix("member")
    desk.tokens["me"] = desk.session(desk.me, "device")
    desk.keep(desk.me, **BASICS)
    return desk


def served(house: Desk, account: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "member": account or house.account,
        "minutes": 60,
        "assurance": "roster",
        "effective_at": "2026-11-23T01:00:00Z",
        "recorder": house.recorder,
        "ref": REF,
    } | more


def agree(house: Desk) -> None:
    given = house.ask("POST", f"{house.base}/consents/recording", "me", {"notice": 1})
    assert given.status_code == 201, given.text


def withdraw(house: Desk) -> None:
    gone = house.ask("DELETE", f"{house.base}/consents/recording", "me")
    assert gone.status_code == 200


def test_a_clerk_is_told_what_lacks_and_once_it_is_given_service_is_recorded(house: Desk) -> None:
    size = house.size()

    refused = house.post("/services", served(house), key="once")

    assert problem(refused) == (409, "basics-needed")
    assert refused.json["lacking"] == [CONSENT, *REST]
    assert "性别 · Sex, 出生日期" in refused.json["detail"]
    assert not any(value in refused.text for value in BASICS.values())
    assert house.size() == size
    again = house.post("/services", served(house), key="once")
    assert (again.data, again.headers["Idempotency-Replayed"]) == (refused.data, "true")

    # when the member gives it, who saw the same before
    mine = house.get("/me/basics", "me")
    assert mine.json["lacking"] == refused.json["lacking"]
    agree(house)
    put = house.ask("PUT", f"{house.base}/me/basics", "me", BASICS | REST, If_Match='"1"')
    assert (put.status_code, put.json["lacking"], put.json["skills"]) == (200, [], [])
    random = house.me.removeprefix("person/")
    assert house.get(f"/persons/{random}/basics", "officer").json["lacking"] == []

    # then it is recorded, and answered so also when the consent is withdrawn
    first = house.post("/services", served(house), key="then")
    withdraw(house)
    again = house.post("/services", served(house), key="then")
    assert (first.status_code, again.status_code, again.data) == (201, 201, first.data)
    assert house.post("/services", served(house)).json["lacking"] == [CONSENT]


def test_a_correction_needs_nothing(house: Desk) -> None:
    house.ready(house.account)
    seq = house.post("/services", served(house)).json["service"]
    withdraw(house)

    withdrawn = house.post("/services", served(house, replaces=seq, minutes=0))

    assert withdrawn.status_code == 202, withdrawn.text
    href = withdrawn.json["href"].removeprefix(house.base)
    assert house.post(f"{href}/approve", role="second admin").status_code == 201


def test_a_back_entry_is_asked_for_when_it_is_proposed_and_when_it_is_approved(
    house: Desk,
) -> None:
    late = served(house, assurance="back-entry")
    refused = house.post("/services", late, key="once")
    assert problem(refused) == (409, "basics-needed")
    assert house.get("/proposals").json["proposals"] == []

    # given that nothing lacks any more, the same request is proposed
    house.ready(house.account)
    proposed = house.post("/services", late, key="once")
    assert proposed.status_code == 202

    # when the consent is withdrawn before it is approved
    withdraw(house)
    href = proposed.json["href"].removeprefix(house.base)
    not_yet = house.post(f"{href}/approve", role="second admin")

    # then it waits, and is approved once the consent is back
    assert (problem(not_yet), not_yet.json["lacking"]) == ((409, "basics-needed"), [CONSENT])
    assert house.get(href).json["state"] == "open"
    assert house.post("/services", late, key="once").data == proposed.data
    agree(house)
    approved = house.post(f"{href}/approve", role="second admin")
    withdraw(house)
    assert approved.status_code == 201
    assert house.post(f"{href}/approve", role="second admin").data == approved.data


def test_a_consent_that_is_withdrawn_while_service_is_approved_comes_first(
    house: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.ready(house.account)
    late = served(house, assurance="back-entry")
    href = house.post("/services", late).json["href"].removeprefix(house.base)
    size = house.size()

    # when it is withdrawn after the approval looked at it, and before it is entered
    def approve_late(*asked: Any) -> Any:
        withdraw(house)
        return approve(*asked)

    monkeypatch.setattr(api.proposals, "approve", approve_late)
    refused = house.post(f"{href}/approve", role="second admin")
    monkeypatch.undo()

    # then nothing is entered, the proposal is closed, and it is proposed anew
    assert (problem(refused), refused.json["lacking"]) == ((409, "basics-needed"), [CONSENT])
    assert (house.size(), house.get(href).json["state"]) == (size, "refused")
    agree(house)
    anew = house.post("/services", late).json["href"].removeprefix(house.base)
    assert house.post(f"{anew}/approve", role="second admin").status_code == 201


@pytest.mark.parametrize("atomic", [True, False])
def test_in_a_batch_each_service_is_told_what_lacks(house: Desk, atomic: bool) -> None:
    ready = house.member()
    house.ready(ready)
    commands = [
        {"kind": "service", **served(house, ready)},
        {"kind": "credit", "account": house.account, "amount": 1, "budget": house.budget},
        {"kind": "service", **served(house)},
    ]
    size = house.size()
    body = {"atomic": atomic, "commands": commands}

    answer = house.post("/batch", body, key="once")

    if atomic:
        assert problem(answer) == (409, "basics-needed")
        refused, wanted = answer.json, size
        assert refused["command"] == 2
    else:
        *entered, last = answer.json["outcomes"]
        assert ["problem" in each for each in entered] == [False, False]
        refused, wanted = last["problem"], size + 2
    assert refused["lacking"] == [CONSENT, *REST]
    assert house.size() == wanted
    assert house.post("/batch", body, key="once").data == answer.data


def test_it_costs_four_statements_and_a_batch_no_more_than_one(
    house: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [house.member() for _ in range(12)]
    house.ready(*members)
    database = house.installation.database

    def sent(path: str, body: Any) -> int:
        with statements(database) as seen:
            answer = house.post(path, body)
        assert answer.status_code in (200, 201), answer.text
        return len([each for each in seen if "trail" not in each.text])

    def batch(times: int) -> int:
        some = [{"kind": "service", **served(house, each)} for each in members[:times]]
        return sent("/batch", {"atomic": True, "commands": some})

    for member in members[:2]:  # what a process remembers from the first time on
        asked = sent("/services", served(house, member))
    assert batch(1) == batch(11)
    with monkeypatch.context() as patched:
        patched.setattr(readiness, "conditions", lambda *_: [()])
        assert sent("/services", served(house, members[0])) == asked - 4


def test_an_organiser_keeps_nothing_of_whom_the_consent_does_not_stand(house: Desk) -> None:
    org, somebody = house.organisation(), house.person()
    house.given(somebody, "organiser", org)
    house.tokens["organiser"] = house.session(somebody)
    insured = {
        "kind": "insurance",
        "what": "accident",
        "issuer": "人保财险",
        "number": "PA-1",
        "from": "2026-01-01",
        "to": "2026-12-31",
        "person": house.me,
        "organisation": org,
    }
    house.post("/persons", {"person": house.me, "standing": "member"}, "admin")

    refused = house.post("/attainments", insured, "organiser")

    assert (problem(refused), refused.json["lacking"]) == ((409, "basics-needed"), [CONSENT])
    assert house.get("/attainments", "admin").json == {"attainments": []}
    agree(house)
    assert house.post("/attainments", insured, "organiser").status_code == 201
