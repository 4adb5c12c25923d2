"""Venues and teams over HTTP: kept by managers, led by organisers, changed by two at once."""

import pytest

from ledger.programme.people import notices
from ledger.programme.people.notices import LANGUAGES, PARTS
from tests.api.conftest import FOUNDING, Desk
from tests.api.enterprise import problem, share

VENUE = {"name": "社区公益空间", "address": "北苑路 1 号\n3 号楼", "accessible": False}
TEAM = {"name": "红V服务队"}


@pytest.fixture
def house(desk):
    """The desk, with a manager, two organisers and a member of one organisation."""
    desk.mine, desk.theirs = desk.org(), desk.org()
    for name, role in (("manager", "manager"), ("leader", "organiser"), ("organiser", "organiser")):
        person = desk.person()
        desk.given(person, role, desk.mine)
        setattr(desk, name, person)
        desk.tokens[name] = desk.session(person)
    member = desk.member()
    desk.somebody = desk.belongs("person" + member.removeprefix("member"), desk.mine)
    desk.tokens["somebody"] = desk.session(desk.somebody, "device")
    return desk


def formed(house, role="manager", **said):
    return house.post("/teams", TEAM | {"organisation": house.mine} | said, role)


def path_of(made):
    kind, _, random = made.json["id"].partition("/")
    return f"/{kind}s/{random}"


def change(house, made, said, version, role):
    path = house.base + path_of(made)
    return house.ask("PUT", path, role, said, If_Match=f'"{version}"')


def test_of_two_who_change_it_the_second_is_told_what_changed(house):
    venue = house.post("/venues", VENUE | {"organisation": house.mine}, "manager")
    team = formed(house)

    for made, said, field, value in (
        (venue, VENUE, "capacity", 40),
        (team, TEAM, "leader", house.leader),
    ):
        first = change(house, made, said | {field: value}, 1, "manager")
        second = change(house, made, said, 1, "admin")

        assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
        assert (first.status_code, first.headers["ETag"], first.json[field]) == (200, '"2"', value)
        assert problem(second) == (412, "record-changed")
        assert second.json["changed"] == [field]
        assert house.get(path_of(made), "organiser").json == first.json


def test_an_organiser_changes_the_team_that_they_lead_and_no_other(house):
    # given a team that one of two organisers leads, and one that neither does
    team, other = formed(house, leader=house.leader), formed(house)
    joining = {"person": house.somebody, "from": "2026-11-24"}
    named = TEAM | {"leader": house.leader, "name": "红V一队"}

    # then the one inside changes it, and who is in it
    assert change(house, team, named, 1, "leader").status_code == 200
    assert house.post(f"{path_of(team)}/members", joining, "leader").status_code == 201
    me = house.get("/me", "leader").json
    assert me["actions"]["teams:write"] == "team"
    assert me["roles"][0]["teams"] == [team.json["id"]]

    # and outside of it neither does, though both may see it
    for made, role in ((team, "organiser"), (other, "leader")):
        assert problem(change(house, made, named, 1, role)) == (404, "team-unknown")
        answer = house.post(f"{path_of(made)}/members", joining, role)
        assert problem(answer) == (404, "team-unknown")
        assert house.get(path_of(made), role).status_code == 200
    assert problem(formed(house, role="leader")) == (404, "organisation-unknown")
    assert change(house, team, named, 2, "somebody").status_code == 403


def test_somebody_of_another_organisation_is_refused_as_nobody_is(house):
    # given somebody of another organisation, and an id that is nobody's
    team, foreign, nobody = formed(house), house.person(), "person/" + "a" * 26
    house.given(foreign, "organiser", house.theirs)

    for role in ("manager", "admin"):
        told = []
        for person in (foreign, nobody):
            joining = {"person": person, "from": "2026-11-24"}
            for answer in (
                house.post(f"{path_of(team)}/members", joining, role),
                formed(house, role, leader=person),
                change(house, team, TEAM | {"leader": person}, 1, role),
            ):
                assert problem(answer) == (422, "team-refused")
                told.append(answer.text.replace(person, "person"))

        # then the answers are the same, byte by byte
        assert told[:3] == told[3:]
    assert house.get(f"{path_of(team)}/members", "manager").json == {"members": []}


def test_a_leader_of_another_ledger_reaches_nothing_here(house):
    # given somebody who leads a team next door, where the organisation has the same id
    team = formed(house, leader=house.leader)
    made = house.ask("POST", "/v1/ledgers", "operator", {"name": "nanyuan"} | FOUNDING)
    house.tokens["next door"] = made.json["founders"][0]["token"]

    for path in (path_of(team), "/teams/" + "a" * 26):
        answer = house.get(path, "next door")
        assert problem(answer) == (404, "ledger-unknown")


def test_a_leader_sees_what_the_teams_members_attained_and_changes_none_of_it(house):
    # given a member who is insured by another organisation
    policy = {"kind": "insurance", "what": "accident", "issuer": "人保财险", "number": "PA-1"}
    policy |= {"from": "2026-01-01", "to": "2026-12-31"}
    house.ready(house.somebody)
    whose = {"person": house.somebody, "organisation": house.theirs}
    made = house.post("/attainments", policy | whose, "admin")
    team = formed(house, leader=house.leader)
    joining = {"person": house.somebody, "from": "2026-11-24"}
    here = house.installation
    house.place = (here.database, here.ledger("beiyuan"), here.clock)
    parts = {part: dict.fromkeys(LANGUAGES, part) for part in PARTS}
    notices.publish(*house.place, "employer", parts, seen=0, by=house.first)

    # when the member joins the team, the leader does not see it
    assert house.post(f"{path_of(team)}/members", joining, "leader").status_code == 201
    assert problem(house.get(path_of(made), "leader")) == (404, "attainment-unknown")

    # when the member shows the organisation who they are
    share(house, house.somebody)

    # then the leader sees it, and only whoever keeps it changes it
    assert house.get(path_of(made), "leader").json["number"] == "PA-1"
    assert problem(change(house, made, policy, 1, "leader")) == (404, "attainment-unknown")
    assert problem(house.get(path_of(made), "organiser")) == (404, "attainment-unknown")


def test_a_member_sees_their_team_and_of_its_members_themselves(house):
    team, other = formed(house), formed(house)
    for person in (house.somebody, house.leader):
        joining = {"person": person, "from": "2026-11-24", "to": "2026-12-31"}
        house.post(f"{path_of(team)}/members", joining, "manager")

    assert [each["id"] for each in house.get("/teams", "somebody").json["teams"]] == [
        team.json["id"]
    ]
    seen = house.get(f"{path_of(team)}/members", "somebody").json["members"]
    assert seen == [{"person": house.somebody, "from": "2026-11-24", "to": "2026-12-31"}]
    assert problem(house.get(path_of(other), "somebody")) == (404, "team-unknown")


def test_lists_come_page_by_page(house):
    for _ in range(3):
        formed(house)
        house.post("/venues", VENUE | {"organisation": house.mine}, "manager")
    team = formed(house)
    for person in (house.somebody, house.leader):
        house.post(f"{path_of(team)}/members", {"person": person, "from": "2026-11-24"}, "manager")

    for path, name in (
        (f"/teams?organisation={house.mine}", "teams"),
        ("/venues", "venues"),
        (f"{path_of(team)}/members", "members"),
    ):
        whole = house.get(path, "manager").json[name]
        glue = "&" if "?" in path else "?"
        found, answer = [], house.get(f"{path}{glue}limit=1", "manager")
        while "Link" in answer.headers:
            found += answer.json[name]
            following = answer.headers["Link"].partition(">")[0].lstrip("<")
            answer = house.ask("GET", following, "manager")
        assert found == whole
        assert len(whole) in (2, 3, 4)
    assert house.get(f"/venues?organisation={house.theirs}", "manager").json == {"venues": []}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/venues", {"capacity": 0}),
        ("/venues", {"capacity": 100_001}),
        ("/venues", {"capacity": 40.0}),
        ("/venues", {"accessible": "yes"}),
        ("/venues", {"address": " "}),
        ("/venues", {"name": "x" * 201}),
        ("/teams", {"leader": "member/" + "a" * 26}),
        ("/teams", {"name": ""}),
        ("/teams", {"members": []}),
    ],
)
def test_what_is_not_well_formed_is_refused(house, path, said):
    body = (VENUE if path == "/venues" else TEAM) | {"organisation": house.mine} | said

    assert problem(house.post(path, body, "manager")) == (422, "fields")


def test_what_the_ledger_does_not_know_is_refused(house):
    nobody = "person/" + "a" * 26
    team = formed(house)

    assert problem(formed(house, leader=nobody)) == (422, "team-refused")
    assert problem(change(house, team, TEAM | {"leader": nobody}, 1, "manager")) == (
        *(422, "team-refused"),
    )
    joining = {"person": house.somebody, "from": "2026-11-24", "to": "2026-11-23"}
    answer = house.post(f"{path_of(team)}/members", joining, "manager")
    assert problem(answer) == (422, "team-refused")
    nowhere = {"organisation": "org/" + "a" * 26}
    assert problem(house.post("/venues", VENUE | nowhere, "manager")) == (
        *(404, "organisation-unknown"),
    )
    assert problem(house.post("/venues", VENUE | nowhere, "admin")) == (422, "venue-refused")


def test_the_same_request_makes_one(house: Desk):
    body = VENUE | {"organisation": house.mine}
    one, two = (house.post("/venues", body, "manager", key="once") for _ in range(2))

    assert one.json == two.json
    assert len(house.get("/venues", "manager").json["venues"]) == 1
