"""Notices and consents: what people were told, what they agreed to, and that it can be shown."""

from __future__ import annotations

import pytest

from ledger.journal.entry import to_base64
from ledger.programme import records
from ledger.programme.calendar import read_calendar
from ledger.programme.erasure import destroy
from ledger.programme.erasure_requests import ErasureRefused, ask, list_requests, pending
from ledger.programme.people import consents, notices
from ledger.programme.people.consents import Consent, NoticeNotSeen
from ledger.programme.people.notices import RECORDING, NoticeRefused
from ledger.programme.recording import RecordChanged
from ledger.programme.vault import Erased
from ledger.programme.wishes import Wish
from tests.programme.people.informing import inform, parts
from tests.programme.registry import TODAY, Registry, fresh
from tests.statements import statements

CALENDAR = read_calendar({})


def give(registry: Registry, person: str, purpose: str, notice: int = 1) -> Consent:
    place = (registry.database, registry.ledger, registry.clock)
    return consents.give(*place, person, purpose, notice=notice, how="self", by=person)


def withdraw(registry: Registry, person: str, purpose: str) -> Consent | None:
    place = (registry.database, registry.ledger, registry.clock)
    return consents.withdraw(*place, CALENDAR, person, purpose, how="self", by=person)


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


def requests(registry: Registry, person: str) -> list[tuple[str, str]]:
    with registry.database.reading() as conn:
        found = list_requests(conn, registry.ledger.id, person=person, limit=9)
    return sorted((each.state, each.due) for each in found)


def test_who_withdraws_what_all_rests_on_asks_by_it_to_be_erased(registry: Registry) -> None:
    # given a member who consents to recording
    inform(registry)
    person = fresh("person")
    give(registry, person, RECORDING)
    # when they withdraw that, then it is asked for, once, and why is a word
    for _ in range(2):
        withdraw(registry, person, RECORDING)
    assert requests(registry, person) == [("open", "2026-12-15")]
    with registry.database.reading() as conn:
        asked = pending(conn, registry.ledger.id, person)
        assert asked is not None
        kept = records.one(conn, registry.ledger, "erasure-request", asked.id)
    assert kept.fields == {"asked_on": TODAY, "cause": "consent-withdrawn"}
    assert kept.by == person
    # and it is not taken back while nothing is there to rest on
    place = (registry.database, registry.ledger, registry.clock)
    with pytest.raises(ErasureRefused, match="Give it again"):
        consents.take_back_request(*place, person, asked.id, by=person)
    # but by consenting again; and withdrawn again, it is asked for again
    give(registry, person, RECORDING)
    assert requests(registry, person) == [("taken-back", "2026-12-15")]
    registry.clock.wait(days=1)
    withdraw(registry, person, RECORDING)
    assert requests(registry, person) == [("open", "2026-12-16"), ("taken-back", "2026-12-15")]


def test_what_somebody_asked_before_in_words_stays_theirs(registry: Registry) -> None:
    # given a member who asked to be erased, and withdraws a consent besides
    inform(registry)
    person = fresh("person")
    give(registry, person, RECORDING)
    request = to_base64(registry.ledger.keys.request_id(person, "a key", 0))
    place = (registry.database, registry.ledger, registry.clock)
    name = ask(*place, CALENDAR, Wish("", {}, person, request, b"f" * 32), "我搬家了").id
    withdraw(registry, person, RECORDING)
    # then that one request stands for both, and goes on when they consent again
    assert len(requests(registry, person)) == 1
    give(registry, person, RECORDING)
    assert requests(registry, person) == [("open", "2026-12-15")]
    consents.take_back_request(*place, person, name, by=person)
    assert requests(registry, person) == [("taken-back", "2026-12-15")]


def test_of_somebody_erased_nothing_more_is_entered(sqlite_registry: Registry) -> None:
    registry, person = sqlite_registry, fresh("person")
    inform(registry, "photos")
    give(registry, person, "photos")
    destroy(registry.database, registry.ledger, (person,), TODAY)
    with pytest.raises(Erased):
        withdraw(registry, person, "photos")
