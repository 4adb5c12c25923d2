"""Courses, and what people attained: kept by organisers, corrected by two at once, seen by few."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

COURSE = {
    "name": "急救入门",
    "content": "心肺复苏",
    "sessions": [{"day": "2026-11-08", "minutes": 90}],
}
INSURED = {
    "kind": "insurance",
    "what": "accident",
    "issuer": "人保财险",
    "number": "PA-1",
    "from": "2026-01-01",
    "to": "2026-12-31",
}


@pytest.fixture
def house(desk):
    """The desk, with an organiser of one organisation, and a member."""
    desk.mine, desk.theirs = desk.org(), desk.org()
    organiser = desk.person()
    desk.given(organiser, "organiser", desk.mine)
    desk.tokens["organiser"] = desk.session(organiser)
    desk.somebody = desk.person()
    desk.given(desk.somebody, "desk", desk.theirs)
    desk.ready(desk.somebody, desk.first)
    desk.tokens["somebody"] = desk.session(desk.somebody)
    return desk


def course(house, role="organiser", **said):
    return house.post("/courses", COURSE | {"organisation": house.mine} | said, role)


def keep(house, role="organiser", **said):
    whose = {"person": house.somebody, "organisation": house.mine}
    return house.post("/attainments", INSURED | whose | said, role)


def change(house, made, said, version, role="organiser"):
    kind, _, random = made.json["id"].partition("/")
    match = {"If_Match": f'"{version}"'} if version else {}
    return house.ask("PUT", f"{house.base}/{kind}s/{random}", role, said, **match)


def problem(answer):
    return answer.status_code, answer.json["type"].removeprefix("/problems/")


@pytest.mark.parametrize(
    ("make", "said", "field"), [(course, COURSE, "name"), (keep, INSURED, "number")]
)
def test_of_two_who_change_it_the_second_is_told_what_changed(house, make, said, field):
    made = make(house)

    first = change(house, made, said | {field: "新"}, 1)
    second = change(house, made, said | {field: "旧"}, 1)
    blind = change(house, made, said, None)

    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    assert (first.status_code, first.headers["ETag"], first.json[field]) == (200, '"2"', "新")
    assert problem(second) == (412, "record-changed")
    assert second.json["changed"] == [field]
    assert problem(blind) == (428, "match-missing")
    kind, _, random = made.json["id"].partition("/")
    assert house.get(f"/{kind}s/{random}", "organiser").json == first.json


def test_an_organiser_keeps_for_their_own_organisation_alone(house):
    for answer in (
        course(house, organisation=house.theirs),
        keep(house, organisation=house.theirs),
        keep(house, organisation="org/" + "a" * 26),
    ):
        assert problem(answer) == (404, "organisation-unknown")
    assert house.get("/attainments", "admin").json == {"attainments": []}


def test_somebody_sees_their_own_and_changes_none_of_it(house):
    mine = keep(house).json["id"]
    others = keep(house, person=house.first).json["id"]
    path = mine.replace("attainment/", "/attainments/")

    seen = house.get("/attainments", "somebody").json["attainments"]

    assert [each["id"] for each in seen] == [mine]
    assert house.get(path, "somebody").json["number"] == "PA-1"
    foreign = others.replace("attainment/", "/attainments/")
    assert problem(house.get(foreign, "somebody")) == (404, "attainment-unknown")
    assert house.ask("PUT", house.base + path, "somebody", INSURED).status_code == 403


def test_the_cohort_of_a_course_is_listed_page_by_page(house):
    made = course(house)
    enrolled = {"kind": "training", "what": made.json["id"], "from": "2026-11-08"}
    whose = {"organisation": house.mine, "result": "enrolled"}
    for person in (house.somebody, house.first):
        answer = house.post("/attainments", enrolled | whose | {"person": person}, "organiser")
        assert answer.status_code == 201, answer.text

    query = f"/attainments?what={made.json['id']}"
    one = house.get(f"{query}&limit=1", "organiser")
    after = one.json["attainments"][0]["id"]
    two = house.get(f"{query}&limit=1&after={after}", "organiser")

    assert "Link" in one.headers
    people = [page.json["attainments"][0]["person"] for page in (one, two)]
    assert sorted(people) == sorted([house.somebody, house.first])


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"number": None}, "fields"),
        ({"what": "Accident"}, "fields"),
        ({"what": "course/" + "a" * 26}, "attainment-refused"),
        ({"to": "2025-01-01"}, "attainment-refused"),
        ({"result": "passed"}, "attainment-refused"),
        ({"person": "person/" + "a" * 26}, "attainment-refused"),
        ({"illness": "x"}, "fields"),
    ],
)
def test_what_does_not_fit_together_is_refused(house, said, code):
    assert problem(keep(house, **said)) == (422, code)
    assert house.get("/attainments", "admin").json == {"attainments": []}


@pytest.mark.parametrize(
    "said",
    [
        {"sessions": []},
        {"sessions": COURSE["sessions"] * 101},
        {"sessions": [{"day": "2026-02-30", "minutes": 90}]},
        {"sessions": [{"day": "2026-11-08", "minutes": 1_441}]},
        {"content": " "},
    ],
)
def test_a_course_that_is_not_well_formed_is_refused(house, said):
    assert problem(course(house, **said)) == (422, "fields")


NAMES = st.one_of(
    st.sampled_from(["𠮷", "阿依古丽·买买提明急救", "A", "Ñandú 志愿"]),
    st.text(min_size=1, max_size=200).filter(lambda text: text.isprintable() and text.strip()),
).map(str.strip)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=NAMES)
def test_a_name_comes_back_as_it_was_given(house, name):
    assert course(house, name=name).json["name"] == name
