"""Who may be in a ledger twice: found by blind index, graded, kept apart where somebody knows."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from ledger.journal.entry import to_base64
from ledger.journal.orders import Done, Outcome
from ledger.programme.erasure import destroy
from ledger.programme.findable import FINDABLE
from ledger.programme.people import duplicates
from ledger.programme.people.duplicates import (
    CERTAIN,
    GRADES,
    LIKELY,
    POSSIBLE,
    Candidate,
    DuplicateRefused,
    grade_of,
)
from ledger.programme.recording import Change
from ledger.programme.tables import blind_index
from ledger.programme.wishes import Wish
from tests.programme.registry import TODAY, Registry, fresh
from tests.programme.test_plans import faults, plan, sent
from tests.statements import statements

WANG = {"full_name": "王小明", "phone": "138 0013 8000"}
NUMBERS = itertools.count(1)


def person(registry: Registry, **basics: str) -> str:
    """Somebody of whom that is kept."""
    name = fresh("person")
    registry.keep(name, **basics)
    return name


def mark(registry: Registry, *people: str, request: str | None = None) -> Outcome:
    number = next(NUMBERS)
    key = to_base64(registry.ledger.keys.request_id(registry.office, request or f"{number}", 0))
    wish = Wish("duplicate", {}, registry.office, key, b"f" * 32)
    place = (registry.database, registry.ledger, registry.clock)
    return duplicates.mark_distinct(*place, wish, people)


def page(registry: Registry, **asked: object) -> duplicates.Page:
    with registry.database.reading() as conn:
        return duplicates.candidates(conn, registry.ledger, **({"limit": 100} | asked))


def all_pages(registry: Registry, limit: int) -> list[Candidate]:
    found, after = [], None
    while True:
        candidates, following = page(registry, limit=limit, after=after)
        found += candidates
        if following is None:
            return found
        assert after is None or following > after
        after = following


@pytest.mark.parametrize(
    ("first", "second", "reasons", "grade"),
    [
        # one document, whoever wrote the name
        (
            {"full_name": "王小明", "document_number": "11010519491231002X"},
            {"full_name": "王晓明", "document_number": "1101 0519 4912 3100 2x"},
            ("document_number",),
            CERTAIN,
        ),
        (
            WANG,
            {"full_name": "王 小明", "phone": "+86 13800138000"},
            ("full_name", "phone"),
            LIKELY,
        ),
        (
            {"full_name": "Li Na", "email": "li.na@example.org"},
            {"full_name": "LI NA", "email": "Li.Na@Example.org"},
            ("email", "full_name"),
            LIKELY,
        ),
        # a family's telephone, and a namesake
        (WANG, {"full_name": "王芳", "phone": "13800138000"}, ("phone",), POSSIBLE),
        (WANG, {"full_name": "王小明", "phone": "13900139000"}, ("full_name",), POSSIBLE),
        # a father and a son of one name, with a document each
        (
            WANG | {"document_number": "11010519491231002X"},
            WANG | {"document_number": "110101197003070035"},
            ("full_name", "phone"),
            POSSIBLE,
        ),
    ],
)
def test_what_two_people_share_grades_the_pair(
    registry: Registry,
    first: dict[str, str],
    second: dict[str, str],
    reasons: tuple[str, ...],
    grade: str,
) -> None:
    pair = sorted((person(registry, **first), person(registry, **second)))
    person(registry, full_name="赵六", phone="13700137000")

    # then the pair is found once, of its grade and of no surer one
    assert page(registry).candidates == [Candidate((pair[0], pair[1]), reasons, grade)]
    for wanted in GRADES:
        surer = GRADES.index(wanted) < GRADES.index(grade)
        assert page(registry, at_least=wanted).candidates == ([] if surer else page(registry)[0])


def test_basics_of_people_are_looked_at_and_nothing_else(registry: Registry) -> None:
    # given somebody whose number is also their mother's emergency contact, an organisation's, and
    # of one who was erased
    somebody = person(registry, **WANG)
    mother = person(registry, full_name="李芳")
    registry.save(Change("emergency", fresh("record"), mother, {"phone": "13800138000"}))
    registry.keep(fresh("org"), phone="13800138000")
    gone = person(registry, **WANG)
    destroy(registry.database, registry.ledger, (gone,), TODAY)
    assert page(registry).candidates == []
    # when somebody else has the number, until it is corrected
    other = person(registry, phone="13800138000")
    assert [each.people for each in page(registry).candidates] == [tuple(sorted((somebody, other)))]
    registry.save(Change("basics", other, other, {"phone": "13900139000"}, seen=1))
    assert page(registry).candidates == []


def test_no_record_is_opened_to_find_them(registry: Registry) -> None:
    for _ in range(3):
        person(registry, **WANG)
    with statements(registry.database) as seen:
        assert page(registry).candidates
    told = " ".join(each.text for each in seen)
    assert "ciphertext" not in told
    assert "wrapped" not in told


def test_who_are_known_to_be_two_stay_away(registry: Registry) -> None:
    father, son, third = (person(registry, **WANG) for _ in range(3))

    # when somebody marks two of three, twice, and in either order
    assert isinstance(mark(registry, son, father), Done)
    registry.clock.wait(days=1)
    assert isinstance(mark(registry, father, son), Done)

    # then the other pairs are still there, and the first word stands
    people = {each.people for each in page(registry).candidates}
    assert people == {tuple(sorted((each, third))) for each in (father, son)}
    with registry.database.reading() as conn:
        said = duplicates.distinct(conn, registry.ledger.id, (father, son))
        with pytest.raises(DuplicateRefused, match="Nobody"):
            duplicates.distinct(conn, registry.ledger.id, (father, third))
    assert (said.by, said.at[:10]) == (registry.office, TODAY)


def test_a_pair_is_two_people_of_this_ledger(registry: Registry) -> None:
    somebody = person(registry, **WANG)
    with pytest.raises(DuplicateRefused, match="two people"):
        mark(registry, somebody, somebody)
    with pytest.raises(DuplicateRefused, match="Nothing is kept"):
        mark(registry, somebody, fresh("person"))


VALUES = {
    "full_name": ("王芳", "李娜", "张伟"),
    "phone": ("13800138000", "13900139000"),
    "email": ("a@example.org", "b@example.org"),
    "document_number": ("11010519491231002X", "110101197003070035"),
}
BASICS = st.fixed_dictionaries(
    {"full_name": st.sampled_from(VALUES["full_name"])},
    optional={k: st.sampled_from(v) for k, v in VALUES.items() if k != "full_name"},
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(known=st.lists(BASICS, max_size=8), limit=st.integers(1, 4), window=st.integers(5, 12))
def test_page_by_page_it_finds_what_comparing_everybody_does(
    registry: Registry, known: list[dict[str, str]], limit: int, window: int
) -> None:
    # given the people of this example, and those of the examples before, who are in nobody's way
    with registry.database.reading() as conn:
        everybody = conn.execute(select(blind_index.c.subject).distinct()).scalars().all()
    destroy(registry.database, registry.ledger, everybody, TODAY)
    kept = {person(registry, **basics): basics for basics in known}
    wanted = []
    for first, second in itertools.combinations(sorted(kept), 2):
        one, other = kept[first], kept[second]
        shared = {field for field in one.keys() & other.keys() if one[field] == other[field]}
        if shared:
            numbers = {
                each["document_number"] for each in (one, other) if "document_number" in each
            }
            grade = grade_of(shared, differ=len(numbers) > 1)
            wanted.append(Candidate((first, second), tuple(sorted(shared)), grade))
    # then pages of any size, over windows of any size, make up the same
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(duplicates, "WINDOW_ROWS", window)
        assert all_pages(registry, limit) == wanted
    assert page(registry).candidates == wanted


def test_the_number_of_statements_does_not_grow(registry: Registry) -> None:
    counts = []
    for more in (2, 10):
        for _ in range(more):
            person(registry, **WANG)
        with statements(registry.database) as seen:
            assert page(registry).candidates
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 8


def test_pairs_are_found_by_index(registry: Registry) -> None:
    for _ in range(4):
        person(registry, **WANG)
    told = [
        plan(registry.database, *statement)
        for statement in sent(
            registry.database,
            lambda conn: duplicates.candidates(conn, registry.ledger, limit=2).candidates,
        )
    ]
    assert told
    for each in told:
        assert faults(registry.database.dialect, each) == [], each


def test_others_of_one_value_are_looked_up_by_that_value(registry: Registry) -> None:
    # given a page of people, each of whom is looked up among all others
    person(registry, **WANG)
    (asked,) = (
        statement
        for statement in sent(
            registry.database,
            lambda conn: duplicates.candidates(conn, registry.ledger, limit=2),
        )
        if "AS b" in statement.text
    )
    # then not by walking over all people of greater ids, once for each of the page
    told = plan(registry.database, *asked)
    assert "blind_index_ledger_id_field_value_idx" in told, told


def test_every_field_that_finds_people_can_be_a_reason() -> None:
    assert all(grade_of({field}) in GRADES for field in FINDABLE)
