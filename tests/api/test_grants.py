"""Who holds which role: given, looked at, stood in for, ended."""

import pytest

from ledger.programme import telling

GRANT = {"from": "2026-11-24"}


@pytest.fixture
def org(desk):
    return desk.org()


@pytest.fixture
def manager(desk, org):
    """Somebody who manages an organisation, signed in."""
    person = desk.person()
    desk.given(person, "manager", org)
    desk.tokens["manager"] = desk.session(person)
    return person


def roles(desk, caller):
    """What somebody who is signed in holds; who holds nothing is told nothing."""
    return desk.get("/me", caller).json.get("roles", [])


def signed_in(desk, person, lasts="day"):
    desk.tokens[person] = desk.session(person, lasts)
    return person


# --- giving --------------------------------------------------------------------------------------


def test_a_manager_gives_roles_in_the_own_organisation_and_in_no_other(desk, org, manager):
    # given a clerk whom the log knows, and another organisation
    clerk, other = desk.person(), desk.org()
    body = {"person": clerk, "role": "desk"} | GRANT

    given = desk.post("/grants", body | {"organisation": org}, "manager")
    refused = desk.post("/grants", body | {"organisation": other}, "manager")

    assert given.status_code == 201
    assert (refused.status_code, refused.json["type"]) == (422, "/problems/grant-refused")
    assert roles(desk, signed_in(desk, clerk)) == [{"role": "desk", "organisation": org}]


def test_a_role_of_the_office_is_given_by_two_people(desk):
    # given a third person of the office without a role
    third = signed_in(desk, desk.third_of_office())
    body = {"person": third, "role": "officer"} | GRANT

    # when one admin gives a role, and another approves it
    proposed = desk.post("/grants", body, "admin")
    before = roles(desk, third)
    href = proposed.json["href"].removeprefix(desk.base)
    approved = desk.post(f"{href}/approve", role="second admin")
    again = desk.post(f"{href}/approve", role="second admin")

    # then it is held from then on, once, and nothing of it is in the log
    assert (proposed.status_code, before) == (202, [])
    assert (approved.status_code, approved.json) == (201, {"entries": []})
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert roles(desk, third) == [{"role": "officer"}]
    assert "entry" not in desk.get(href, "admin").json
    (grant,) = desk.get(f"/grants?person={third}").json["grants"]
    assert grant["by"] == desk.first


def test_who_leaves_the_office_while_they_approve_a_role_gives_none(desk, monkeypatch):
    # given an admin more, and a role that another one proposes
    leaving = desk.third_of_office()
    desk.given(leaving, "admin")
    signed_in(desk, leaving)
    third = desk.third_of_office()
    body = {"person": third, "role": "officer"} | GRANT
    proposed = desk.post("/grants", body, "admin")
    href = proposed.json["href"].removeprefix(desk.base)

    # when they lose their standing after it was looked at, and before the role is given
    def decided_late(*said, **more):
        monkeypatch.undo()
        desk.approved("/persons", {"person": leaving, "standing": "none"})
        return telling.decided(*said, **more)

    monkeypatch.setattr(telling, "decided", decided_late)
    refused = desk.post(f"{href}/approve", role=leaving)

    # then nobody has it, and another may still approve it
    assert (refused.status_code, refused.json["type"]) == (403, "/problems/standing")
    assert roles(desk, signed_in(desk, third)) == []
    assert desk.post(f"{href}/approve", role="second admin").status_code == 201


def test_the_same_request_gives_a_role_once(desk, org):
    clerk = desk.person()
    body = {"person": clerk, "role": "desk", "organisation": org} | GRANT

    first = desk.post("/grants", body, "admin", key="once")
    again = desk.post("/grants", body, "admin", key="once")
    other = desk.post("/grants", body | {"role": "organiser"}, "admin", key="once")

    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.data, again.headers["Idempotency-Replayed"]) == (again.data, "true")
    assert (other.status_code, other.json["type"]) == (422, "/problems/key-reused")
    assert len(desk.get(f"/grants?person={clerk}").json["grants"]) == 1


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"organisation": None}, "of one organisation"),
        ({"role": "officer"}, "of none"),
        ({"organisation": "org/" + "a" * 26}, "There is no org/"),
        ({"person": "person/" + "a" * 26}, "standing of nobody"),
        ({"to": "2026-11-23"}, "before it begins"),
    ],
)
def test_a_role_that_would_be_of_no_use_is_refused(desk, org, changes, why):
    body = {"person": desk.person(), "role": "desk", "organisation": org} | GRANT | changes
    wish = {name: value for name, value in body.items() if value is not None}

    answer = desk.post("/grants", wish, "admin")

    assert (answer.status_code, answer.json["type"]) == (422, "/problems/grant-refused")
    assert why in answer.json["detail"]


# --- holding -------------------------------------------------------------------------------------


def test_a_role_is_held_from_its_first_day_to_its_last(desk, org, clock):
    # given a role for the days from tomorrow to the day after, of the ledger's time zone
    clerk = desk.person()
    desk.given(clerk, "desk", org, **{"from": "2026-11-25", "to": "2026-11-26"})
    held = []
    for _ in range(4):
        held.append(bool(roles(desk, signed_in(desk, clerk))))
        clock.wait(days=1)

    assert held == [False, True, True, False]


def test_a_role_lasts_only_as_long_as_the_standing_fits(desk, org):
    clerk = desk.person()
    desk.given(clerk, "desk", org)
    signed_in(desk, clerk)
    assert roles(desk, clerk)

    desk.post("/persons", {"person": clerk, "standing": "none"}, "admin")

    answer = desk.get("/me", clerk)
    assert (answer.status_code, answer.json["type"]) == (403, "/problems/role")


def test_several_roles_reach_as_far_as_the_furthest_of_them(desk, org, manager):
    other = desk.org()
    desk.given(manager, "organiser", other)

    me = desk.get("/me", "manager").json

    assert me["roles"] == [
        {"role": "manager", "organisation": org},
        {"role": "organiser", "organisation": other},
    ]
    assert (me["actions"]["grants:write"], me["actions"]["sessions:read"]) == (
        "organisation",
        "own",
    )
    assert "accounts:read" not in me["actions"]


# --- looking -------------------------------------------------------------------------------------


def test_everybody_sees_the_roles_that_are_theirs_to_see(desk, org, manager):
    # given clerks of two organisations
    mine, theirs = desk.person(), desk.person()
    desk.given(mine, "desk", org)
    desk.given(theirs, "desk", desk.org())
    signed_in(desk, mine)

    def seen(caller):
        return {each["person"] for each in desk.get("/grants", caller).json["grants"]}

    assert seen("auditor") == seen("officer") == {manager, mine, theirs}
    assert seen("manager") == {manager, mine}
    assert seen(mine) == {mine}


def test_grants_are_listed_page_by_page(desk, org):
    given = {desk.given(desk.person(), "desk", org) for _ in range(3)}
    path, found = f"{desk.base}/grants?organisation={org}&limit=2", []
    while path:
        answer = desk.ask("GET", path, "admin")
        found.append([each["id"] for each in answer.json["grants"]])
        path = answer.headers.get("Link", "").partition(">")[0].lstrip("<")

    assert [len(page) for page in found] == [2, 1]
    assert {name for page in found for name in page} == given


# --- deputies ------------------------------------------------------------------------------------


def test_a_deputy_acts_in_somebodys_place_while_that_person_holds_the_role(desk, org, manager):
    # given a manager who goes away for two weeks, and names a deputy
    deputy = desk.person()
    body = {"person": deputy, "role": "manager", "organisation": org} | GRANT
    stands = body | {"deputy_of": manager, "to": "2026-12-08"}
    given = desk.post("/grants", stands, "manager")
    signed_in(desk, deputy)

    # then the deputy does what the manager could, marked as such
    assert given.status_code == 201
    assert roles(desk, deputy) == [{"role": "manager", "organisation": org, "deputy_of": manager}]
    clerk = {"person": desk.person(), "role": "desk", "organisation": org} | GRANT
    assert desk.post("/grants", clerk, deputy).status_code == 201

    # but names no deputy in turn, and none any more once the manager's own role has ended
    further = stands | {"person": desk.person(), "deputy_of": deputy}
    assert desk.post("/grants", further, deputy).json["type"] == "/problems/grant-refused"
    (own,) = desk.get(f"/grants?person={manager}", "admin").json["grants"]
    desk.ask("DELETE", f"{desk.base}/grants/{own['id'].removeprefix('grant/')}", "admin")
    assert desk.get("/me", deputy).status_code == 403


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"role": "desk"}, "a role that you hold yourself"),
        ({"to": None}, "from one day to another"),
        ({"deputy_of": "person/" + "a" * 26}, "deputies of your own"),
    ],
)
def test_a_deputy_is_for_a_role_of_ones_own_and_for_some_days(desk, org, manager, changes, why):
    body = {"person": desk.person(), "role": "manager", "organisation": org} | GRANT
    body |= {"deputy_of": manager, "to": "2026-12-08"} | changes
    wish = {name: value for name, value in body.items() if value is not None}

    answer = desk.post("/grants", wish, "manager")

    assert (answer.status_code, answer.json["type"]) == (422, "/problems/grant-refused")
    assert why in answer.json["detail"]


def test_a_deputy_is_no_second_person_beside_whom_they_stand_in_for(desk):
    # given an admin who is signed in, and somebody else of the office as their deputy
    desk.given(desk.first, "admin")
    boss, third = signed_in(desk, desk.first), desk.third_of_office()
    stands = {"person": third, "role": "admin", "deputy_of": boss, "to": "2026-12-08"} | GRANT
    assert desk.post("/grants", stands, boss).status_code == 201
    deputy = signed_in(desk, third)
    budget = {"limit": 5, "from": "2027-01-01", "to": "2027-12-31"}

    def proposed(caller):
        return desk.post("/budgets", budget, caller).json["href"].removeprefix(desk.base)

    # when each approves what the other proposed, and then what a third person did
    own = [
        desk.post(f"{proposed(boss)}/approve", role=deputy),
        desk.post(f"{proposed(deputy)}/approve", role=boss),
    ]
    others = proposed("second admin")
    approved = desk.post(f"{others}/approve", role=deputy)

    # then only the last counts, and says in whose place
    assert [answer.json["type"] for answer in own] == ["/problems/own-proposal"] * 2
    assert approved.status_code == 201
    seen = desk.get(others, "admin").json
    assert (seen["decided_by"], seen["decided_for"]) == (third, boss)
    clerk = {"person": desk.person(), "role": "desk", "organisation": desk.org()} | GRANT
    assert desk.post("/grants", clerk, deputy).status_code == 201
    (grant,) = desk.get(f"/grants?person={clerk['person']}", "admin").json["grants"]
    assert (grant["by"], grant["by_for"]) == (third, boss)


# --- ending --------------------------------------------------------------------------------------


def test_a_grant_that_ended_says_when_and_by_whom(desk, org, manager):
    clerk = desk.person()
    grant = desk.given(clerk, "desk", org).removeprefix("grant/")

    ended = [desk.ask("DELETE", f"{desk.base}/grants/{grant}", "manager") for _ in range(2)]

    assert [answer.status_code for answer in ended] == [204, 204]
    (seen,) = desk.get(f"/grants?person={clerk}").json["grants"]
    assert (seen["ended_by"], seen["ended_at"]) == (manager, "2026-11-24T02:03:04.000005Z")


def test_nobody_ends_somebody_elses_role_of_the_office(desk):
    third = desk.third_of_office()
    grant = desk.given(third, "officer").removeprefix("grant/")
    signed_in(desk, third)

    refused = desk.ask("DELETE", f"{desk.base}/grants/{grant}", "admin")
    resigned = desk.ask("DELETE", f"{desk.base}/grants/{grant}", third)

    assert (refused.status_code, refused.json["type"]) == (422, "/problems/grant-refused")
    assert resigned.status_code == 204


@pytest.mark.parametrize(
    ("how", "decider", "told"),
    [
        ("approve", "second admin", ("boss", "deputy")),
        ("decline", "second admin", ("boss", "deputy")),
        ("decline", "deputy", ("boss",)),
        ("decline", "boss", ("deputy",)),
    ],
)
def test_what_became_of_a_deputy_s_proposal_is_told_to_both(desk, how, decider, told):
    # given a proposal of a deputy's, in the place of an admin
    desk.given(desk.first, "admin")
    boss, third = signed_in(desk, desk.first), desk.third_of_office()
    stands = {"person": third, "role": "admin", "deputy_of": boss, "to": "2026-12-08"} | GRANT
    assert desk.post("/grants", stands, boss).status_code == 201
    people = {"boss": boss, "deputy": signed_in(desk, third)}
    budget = {"limit": 5, "from": "2027-01-01", "to": "2027-12-31"}
    made = desk.post("/budgets", budget, third)
    path = made.json["href"].removeprefix(desk.base)

    # when somebody decides on it
    decided = desk.post(f"{path}/{how}", role=people.get(decider, decider))
    assert decided.status_code == 201, decided.text

    # then both know, but for who decided
    for name, person in people.items():
        found = desk.get("/messages", person).json["messages"]
        about = made.json["proposal"]
        kinds = [each["kind"] for each in found if about in each["texts"]["zh"]["body"]]
        assert kinds == ([f"proposal-{how}d"] if name in told else []), name


# --- erasures ------------------------------------------------------------------------------------


def test_an_erasure_is_announced_by_two_people(desk):
    member = desk.member()
    assert desk.post(f"/accounts/{member}/close").status_code == 201
    proposed = desk.post("/erasures", {"subject": member, "on": "2026-12-01"}, "admin")
    href = proposed.json["href"].removeprefix(desk.base)

    own = desk.post(f"{href}/approve", role="admin")
    approved = desk.post(f"{href}/approve", role="second admin")

    assert (own.status_code, own.json["type"]) == (403, "/problems/own-proposal")
    (entry,) = approved.json["entries"]
    assert (entry["type"], entry["subject"], entry["on"]) == ("erasure", member, "2026-12-01")
    assert (entry["actor"], entry["approver"]) == (desk.first, desk.second)
