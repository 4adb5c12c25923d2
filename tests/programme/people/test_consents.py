"""Notices and consents: what people were told, what they agreed to, and that it can be shown."""

from __future__ import annotations

import pytest

from ledger.programme.erasure import destroy
from ledger.programme.people import consents, notices
from ledger.programme.people.consents import Consent, NoticeNotSeen
from ledger.programme.people.notices import RECORDING, NoticeRefused
from ledger.programme.recording import RecordChanged
from ledger.programme.vault import Erased
from tests.programme.people.informing import inform, parts
from tests.programme.registry import TODAY, Registry, fresh
from tests.statements import statements


def give(registry: Registry, person: str, purpose: str, notice: int = 1) -> Consent:
    place = (registry.database, registry.ledger, registry.clock)
    return consents.give(*place, person, purpose, notice=notice, how="self", by=person)


def withdraw(registry: Registry, person: str, purpose: str) -> Consent | None:
    place = (registry.database, registry.ledger, registry.clock)
    return consents.withdraw(*place, person, purpose, how="self", by=person)


def state(registry: Registry, person: str) -> dict[str, Consent]:
    with registry.database.reading() as conn:
        return consents.of_person(conn, registry.ledger.id, person)


def test_a_notice_has_versions_and_each_its_own_hash(registry: Registry) -> None:
    first, second = inform(registry), inform(registry, seen=1, word="second")
    with registry.database.reading() as conn:
        assert notices.current(conn, registry.ledger) == {RECORDING: second}
        assert notices.history(conn, registry.ledger, RECORDING) == [first, second]
    assert first.hash != second.hash
    assert second.parts["retention"] == parts("second")["retention"]
    # and of two who write the next one, the second is told
    with pytest.raises(RecordChanged):
        inform(registry, seen=1, word="third")


def test_a_notice_that_does_not_tell_all_is_refused(sqlite_registry: Registry) -> None:
    registry = sqlite_registry
    place = (registry.database, registry.ledger, registry.clock)
    for wrong, said in (
        (parts() | {"retention": {"zh": "三年", "en": " "}}, "tells its retention"),
        (parts() | {"advertising": {"zh": "广告", "en": "adverts"}}, "no part advertising"),
    ):
        with pytest.raises(NoticeRefused, match=said):
            notices.publish(*place, RECORDING, wrong, seen=0, by=registry.office)


def test_a_consent_is_given_withdrawn_and_given_again_each_with_its_proof(
    registry: Registry,
) -> None:
    # given a person who agreed to two purposes
    first, person = inform(registry, "employer"), fresh("person")
    inform(registry, "photos")
    give(registry, person, "employer")
    give(registry, person, "photos")
    # when one is withdrawn, and given again under the next notice
    withdrawn = withdraw(registry, person, "employer")
    assert withdrawn is not None
    assert withdrawn.state == "withdrawn"
    assert state(registry, person)["photos"].state == "given"
    assert withdraw(registry, person, "employer") == withdrawn  # again changes nothing
    second = inform(registry, "employer", seen=1, word="second")
    given = give(registry, person, "employer", notice=2)
    # then the newest state is that, and the history tells which notice each was about
    assert state(registry, person)["employer"] == given
    with registry.database.reading() as conn:
        told = consents.history(conn, registry.ledger, person, "employer")
    assert [(each.version, each.by) for each in told] == [(n, person) for n in (1, 2, 3)]
    said = [each.fields or {} for each in told]
    assert [each["state"] for each in said] == ["given", "withdrawn", "given"]
    assert [each["notice_hash"] for each in said] == [first.hash, first.hash, second.hash]


def test_nobody_agrees_to_what_is_not_the_newest_notice(registry: Registry) -> None:
    person = fresh("person")
    with pytest.raises(NoticeNotSeen, match="no notice"):
        give(registry, person, "public")
    inform(registry, "public")
    inform(registry, "public", seen=1, word="second")
    with pytest.raises(NoticeNotSeen, match="version 2 now"):
        give(registry, person, "public", notice=1)
    assert state(registry, person) == {}
    assert withdraw(registry, person, "public") is None


def test_who_agrees_is_one_statement_for_a_person_and_for_many(registry: Registry) -> None:
    inform(registry, "employer")
    people = [fresh("person") for _ in range(4)]
    for person in people[:3]:
        give(registry, person, "employer")
    withdraw(registry, people[0], "employer")
    with registry.database.reading() as conn, statements(registry.database) as seen:
        found = consents.agreeing(conn, registry.ledger.id, "employer", people)
        mine = consents.of_person(conn, registry.ledger.id, people[1])
    assert found == set(people[1:3])
    assert mine.keys() == {"employer"}
    assert len(seen) == 2


def test_of_somebody_erased_nothing_more_is_entered(sqlite_registry: Registry) -> None:
    registry, person = sqlite_registry, fresh("person")
    inform(registry, "photos")
    give(registry, person, "photos")
    destroy(registry.database, registry.ledger, (person,), TODAY)
    with pytest.raises(Erased):
        withdraw(registry, person, "photos")
