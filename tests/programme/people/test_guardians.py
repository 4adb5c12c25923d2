"""Minors join with a guardian, as the law divides them by age; of others no birthday is kept."""

from __future__ import annotations

import pytest

from ledger.programme import records
from ledger.programme.people import consents, guardians
from ledger.programme.people.ages import DATA, JOIN, VOLUNTEER
from ledger.programme.people.contacts import contact_of
from ledger.programme.people.devices import CodeRefused
from ledger.programme.people.guardians import BirthRefused, Guardian, GuardianNeeded
from tests.programme.people.informing import PHONE, code_for, guarded_by, inform, joined
from tests.programme.registry import Registry

MOTHERS = "137 0013 7000"
ALL = frozenset({JOIN, DATA, VOLUNTEER})
# On 2026-11-24, the day of these tests.
BORN = {7: "2018-11-25", 8: "2018-11-24", 13: "2012-11-25", 14: "2012-11-24", 17: "2008-11-25"}
OF_AGE = "2008-11-24"


def mother(registry: Registry | None = None, *given: str) -> Guardian:
    """Somebody's mother; with a telephone of her own where there is a registry to send codes."""
    agreed = frozenset(given) or ALL
    if registry is None:
        return Guardian("王芳", agreed)
    contact = contact_of(MOTHERS)
    return Guardian("王芳", agreed, contact, code_for(registry, contact))


@pytest.mark.parametrize(
    ("age", "wanted"), [(7, ALL), (8, ALL), (13, ALL), (14, {VOLUNTEER}), (17, {VOLUNTEER})]
)
def test_each_age_wants_its_consents_of_a_guardian(
    sqlite_registry: Registry, age: int, wanted: frozenset[str]
) -> None:
    registry = sqlite_registry
    inform(registry)
    code = code_for(registry, contact_of(PHONE))
    # nobody of that age joins alone, or with a guardian who does not agree to all of it
    tries = [None, *(Guardian("王芳", ALL - {each}) for each in sorted(wanted))]
    for guardian in tries:
        with pytest.raises(GuardianNeeded, match=r"consents to .*"):
            joined(registry, code=code, birth_date=BORN[age], guardian=guardian)
    # and the code is still good when one does
    agreed = Guardian("王芳", frozenset(wanted))
    child = joined(registry, name="李小明", code=code, birth_date=BORN[age], guardian=agreed)
    with registry.database.reading() as conn:
        assert guarded_by(conn, registry.ledger, child.person) == wanted
        basics = records.one(conn, registry.ledger, "basics", child.person)
        said = consents.of_person(conn, registry.ledger.id, child.person)["recording"]
    assert basics.fields is not None
    assert basics.fields["birth_date"] == BORN[age]
    assert said.how == ("guardian" if DATA in wanted else "self")


def test_a_guardian_with_another_telephone_confirms_it_too(registry: Registry) -> None:
    inform(registry)
    guardian = mother(registry, VOLUNTEER)
    wrong = guardian._replace(code="no code")
    code = code_for(registry, contact_of(PHONE))
    with pytest.raises(CodeRefused):
        joined(registry, code=code, birth_date=BORN[14], guardian=wrong)
    child = joined(registry, code=code, birth_date=BORN[14], guardian=guardian)
    name = guardians.id_of(child.person)
    with registry.database.reading() as conn:
        kept = records.one(conn, registry.ledger, guardians.RECORD, name)
        # the guardian's telephone signs nobody in
        assert records.found_by(conn, registry.ledger, "phone", [MOTHERS]) == {MOTHERS: []}
    assert kept.subject == child.person
    assert kept.fields == {
        "name": "王芳",
        "consents": [VOLUNTEER],
        "how": "self",
        "guardian_phone": "+8613700137000",
    }


def test_for_a_child_under_eight_the_guardian_joins(sqlite_registry: Registry) -> None:
    registry = sqlite_registry
    inform(registry)
    with pytest.raises(GuardianNeeded, match="the guardian joins"):
        joined(registry, birth_date=BORN[7], guardian=mother(registry))
    child = joined(registry, phone=MOTHERS, birth_date=BORN[7], guardian=mother())
    with registry.database.reading() as conn:
        name = guardians.id_of(child.person)
        kept = records.one(conn, registry.ledger, guardians.RECORD, name)
    assert (kept.fields or {})["guardian_phone"] == "+8613700137000"


def test_of_somebody_of_age_no_birthday_is_kept(sqlite_registry: Registry) -> None:
    registry = sqlite_registry
    inform(registry)
    with pytest.raises(BirthRefused):
        joined(registry, birth_date="2026-11-25", guardian=mother())
    with pytest.raises(GuardianNeeded, match="without a guardian"):
        joined(registry, birth_date=OF_AGE, guardian=mother())
    grown = joined(registry, birth_date=OF_AGE)
    with registry.database.reading() as conn:
        basics = records.one(conn, registry.ledger, "basics", grown.person)
        assert guarded_by(conn, registry.ledger, grown.person) == frozenset()
    assert "birth_date" not in (basics.fields or {})
