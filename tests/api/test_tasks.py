"""What waits for a person, over HTTP: it comes, is decided on, and is gone."""

import pytest

from tests.api.conftest import Desk


def listed(desk: Desk, role: str, query: str = "") -> list[dict]:
    answer = desk.get(f"/tasks{query}", role)
    assert answer.status_code == 200, answer.text
    return answer.json["tasks"]


def problem(answer):
    return answer.status_code, answer.json["type"].removeprefix("/problems/")


def test_a_proposal_waits_for_the_other_admin_until_it_is_decided(desk):
    # given a role of the office that one admin gives
    body = {"person": desk.second, "role": "officer", "from": "2026-11-24"}
    proposed = desk.post("/grants", body, "admin").json["proposal"]

    # then it waits for the other one, who has five working days
    (task,) = listed(desk, "second admin")
    assert (task["kind"], task["subject"], task["what"]) == ("proposal", proposed, "grant")
    assert (task["role"], task["decisions"]) == ("admin", ["approve", "decline"])
    assert (task["due"], task["overdue"], task["assumed"]) == ("2026-12-01", False, False)
    assert listed(desk, "admin") == listed(desk, "officer") == []

    # and once it is declined for nobody
    path = proposed.replace("proposal/", "/proposals/")
    assert desk.post(f"{path}/decline", role="second admin").status_code == 201
    assert listed(desk, "second admin") == []


def test_an_organisation_that_applied_waits_until_it_is_admitted(desk, clock):
    made = desk.post("/organisations", {"kind": "enterprise", "name_zh": "四美国际"}, "admin").json
    clock.wait(days=16)

    (task,) = listed(desk, "admin")
    assert (task["kind"], task["subject"], task["overdue"]) == (
        *("organisation-applied", made["id"]),
        True,
    )

    path = made["id"].replace("org/", "/organisations/")
    desk.post(f"{path}/status", {"status": task["decisions"][0]}, "admin")
    assert listed(desk, "admin") == []


def test_a_message_on_paper_waits_for_the_office_and_names_nobody(desk):
    person = desk.person()
    desk.keep(person, full_name="周敏", phone="+8613800138000")
    desk.given(person, "desk", desk.org())
    desk.tokens["clerk"] = desk.session(person)
    choice = {"channel": "paper", "language": "zh"}
    desk.ask("PUT", f"{desk.base}/messages/choice", "clerk", choice)
    message = desk.message(person)

    answer = desk.get("/tasks", "officer")

    (task,) = answer.json["tasks"]
    assert (task["subject"], task["role"], task["decisions"]) == (message, "officer", ["handed"])
    assert person not in answer.text
    assert listed(desk, "clerk") == []
    desk.ask("POST", desk.base + message.replace("message/", "/messages/") + "/handed", "officer")
    assert listed(desk, "officer") == []


def test_the_list_comes_page_by_page_and_by_kind(desk):
    names = [
        desk.post("/organisations", {"kind": "pool", "name_zh": f"公共池{n}"}, "admin").json["id"]
        for n in range(5)
    ]
    desk.post("/grants", {"person": desk.second, "role": "officer", "from": "2026-11-24"}, "admin")

    found, link = [], f"{desk.base}/tasks?limit=2"
    while link:
        answer = desk.ask("GET", link, "second admin")
        found += [each["subject"] for each in answer.json["tasks"]]
        link = answer.headers.get("Link", "").split(">")[0].removeprefix("<")

    assert len(found) == 6
    assert found[0].startswith("proposal/")
    assert set(found[1:]) == set(names)
    assert len(listed(desk, "second admin", "?kind=organisation-applied")) == 5


A = "a" * 26


@pytest.mark.parametrize(
    "query",
    [
        "kind=pigeon",
        "after=x",
        f"after=proposal/2026-13-40T00:00:00.000000Z/proposal/{A}",
        f"after=pigeon/2026-11-24T00:00:00.000000Z/proposal/{A}",
        f"after=proposal/2026-11-24T00:00:00.000000Z/proposal/{A[1:]}",
        "limit=201",
    ],
)
def test_what_is_no_place_in_the_list_is_refused(desk, query):
    assert problem(desk.get(f"/tasks?{query}", "admin")) == (422, "fields")
