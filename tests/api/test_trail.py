"""What the audit trail tells of requests."""

import pytest

from ledger.programme.trail import trail_faults


def lines(desk, **wanted):
    query = "&".join(f"{name}={value}" for name, value in wanted.items())
    found = desk.get(f"/trail?{query}").json["lines"]
    return [(each["actor"], each["action"], each["subject"], each["outcome"]) for each in found]


def test_what_is_privileged_is_told_with_who_and_about_whom(desk):
    # given a role that was given, one that was refused, and a proposal that was approved
    org, clerk = desk.org(), desk.person()
    desk.given(clerk, "desk", org)
    refused = desk.post("/grants", {"person": clerk, "role": "desk", "from": "2026-11-24"}, "admin")
    assert refused.status_code == 422
    third = desk.third_of_office()

    assert lines(desk, subject=clerk) == [
        (desk.first, "grants:write", clerk, "refused"),
        (desk.first, "grants:write", clerk, "done"),
        (desk.first, "people:write", clerk, "done"),
    ]
    (approved,) = lines(desk, action="proposals:decide")
    assert approved[0] == desk.second
    assert approved[2].startswith("proposal/")
    assert lines(desk, subject=third) == [(desk.first, "people:write", third, "done")]


@pytest.mark.parametrize("scopes", [None, ["accounts:read"]])
def test_a_denied_permission_is_told(desk, scopes):
    # given somebody whose role, or whose token, does not allow what they try
    role = "auditor" if scopes is None else "officer"
    desk.tokens["denied"] = desk.token(desk.first, role, scopes=scopes)

    answer = desk.post("/credits", {}, "denied")

    assert answer.status_code == 403
    ((actor, _, subject, outcome),) = lines(desk, action="points:write")
    assert (actor, outcome) == (desk.first, "denied")
    assert subject.startswith("ledger/")


def test_what_is_not_privileged_and_what_strangers_send_is_not_told(desk):
    desk.credit(desk.member(), 5)
    desk.get("/accounts")
    desk.post("/grants", {}, "nobody")

    assert lines(desk) == []


def test_a_line_is_there_whatever_it_was_asked_with(desk):
    # given values that no line may repeat
    desk.post("/persons", {"standing": "王小明的电话 13800138000"}, "admin")

    ((_, action, subject, outcome),) = lines(desk)
    assert (action, outcome) == ("people:write", "refused")
    assert subject.startswith("ledger/")


def test_pages_of_lines_follow_one_another(desk):
    for _ in range(3):
        desk.person()
    path, found = f"{desk.base}/trail?limit=2", []
    while path:
        answer = desk.ask("GET", path, "auditor")
        found.append([each["seq"] for each in answer.json["lines"]])
        path = answer.headers.get("Link", "").partition(">")[0].lstrip("<")

    assert found == [[2, 1], [0]]


def test_a_line_is_proven_once_its_hour_is_over(desk):
    desk.person()
    assert lines(desk)

    answer = desk.get("/trail/0/proof")

    assert (answer.status_code, answer.json["type"]) == (404, "/problems/trail-unproven")
    ledger = desk.installation.ledger("beiyuan")
    with desk.installation.database.reading() as conn:
        assert trail_faults(conn, ledger) == []
