"""Duplicates: an admin sees pairs page by page, and keeps apart who are two."""

import pytest

WANG = {"full_name": "王小明", "phone": "13800138000"}


@pytest.fixture
def people(desk):
    """Three of one family, two of them of one name."""
    desk.people = sorted("person" + desk.member().removeprefix("member") for _ in range(3))
    for person, name in zip(desk.people, ("王小明", "王芳", "王 小明"), strict=True):
        desk.keep(person, **WANG | {"full_name": name})
    return desk


def problem(answer):
    return answer.status_code, answer.json["type"].removeprefix("/problems/")


def test_pairs_come_surest_first_where_asked_and_page_by_page(people):
    first, second, third = people.people

    likely = people.get("/duplicates?grade=likely", "admin").json["duplicates"]

    assert likely == [
        {"people": [first, third], "reasons": ["full_name", "phone"], "grade": "likely"}
    ]
    # and page by page each pair once
    pairs, path = [], "/duplicates?limit=1"
    while path:
        answer = people.get(path, "admin")
        pairs += [each["people"] for each in answer.json["duplicates"]]
        link = answer.headers.get("Link", "")
        path = link.partition(">")[0].removeprefix(f"<{people.base}") if link else ""
    assert pairs == [[first, second], [first, third], [second, third]]


def test_who_are_two_are_marked_once(people):
    first, second, third = people.people
    key = people.key()

    marked, again = (
        people.post("/duplicates/distinct", {"people": [second, first]}, "admin", key=key)
        for _ in range(2)
    )
    another = people.post("/duplicates/distinct", {"people": [first, second]}, "second admin")

    assert marked.status_code == 201
    assert marked.json["people"] == [first, second]
    assert marked.json["by"] == people.first
    assert again.json == another.json == marked.json
    left = [each["people"] for each in people.get("/duplicates", "admin").json["duplicates"]]
    assert left == [[first, third], [second, third]]
    other = people.post("/duplicates/distinct", {"people": [first, third]}, "admin", key=key)
    assert problem(other) == (422, "key-reused")


def test_a_pair_is_two_people_who_are_known(people):
    first, stranger = people.people[0], people.person()
    for pair in ([first, first], [first, stranger]):
        answer = people.post("/duplicates/distinct", {"people": pair}, "admin")
        assert problem(answer) == (422, "duplicate-refused")
    for pair in ([first], [*people.people], ["org/" + "a" * 26, first]):
        answer = people.post("/duplicates/distinct", {"people": pair}, "admin")
        assert problem(answer) == (422, "fields")
    assert problem(people.get("/duplicates?after=x", "admin")) == (422, "fields")
