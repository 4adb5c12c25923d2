"""Messages: one inbox for each person, whatever else carries what is in it."""

from typing import Any

import pytest
from sqlalchemy import select

from ledger.programme import erasure, messages
from ledger.programme.messages import (
    KINDS,
    Choice,
    ChoiceRefused,
    Kind,
    MessageUnknown,
    New,
    Text,
    choose,
    inbox,
    mark_read,
    post,
    posting,
)
from ledger.programme.recording import Change
from ledger.programme.tables import message
from ledger.programme.vault import Erased
from tests.programme.registry import TODAY, Registry, fresh
from tests.statements import statements

PROPOSAL = "proposal/" + "a" * 26


def told(person: str, cause: str = "first") -> New:
    return New(person, "proposal-approved", {"proposal": PROPOSAL}, cause)


def place(registry: Registry) -> tuple[Any, ...]:
    return registry.database, registry.ledger, registry.clock


def send(registry: Registry, new: New) -> str:
    return post(*place(registry), new, by=registry.office)


def read(registry: Registry, person: str, before: str | None = None, limit: int = 10) -> list[Any]:
    with registry.database.reading() as conn:
        return inbox(conn, registry.ledger, person, before=before, limit=limit)


def known(registry: Registry, **basics: str) -> str:
    person = fresh("person")
    registry.save(Change("basics", person, person, basics))
    return person


def states(registry: Registry) -> dict[str, str]:
    with registry.database.reading() as conn:
        return {row.id: row.state for row in conn.execute(select(message))}


def test_a_message_is_in_its_persons_inbox_in_both_languages(registry: Registry) -> None:
    person, other = fresh("person"), fresh("person")

    name = send(registry, told(person))

    (found,) = read(registry, person)
    assert (found.id, found.kind, found.read_at) == (name, "proposal-approved", None)
    assert found.texts["zh"].subject == "申请已批准"
    assert found.texts["en"].body.endswith(PROPOSAL)
    assert read(registry, other) == []


def test_one_cause_makes_one_message(registry: Registry) -> None:
    person = fresh("person")

    first, second, third = (send(registry, told(person, cause)) for cause in ("a", "a", "b"))

    assert first == second != third
    assert len(read(registry, person)) == 2


def test_messages_travel_with_what_else_an_order_does_once(registry: Registry) -> None:
    people = [fresh("person") for _ in range(3)]
    new = [told(person) for person in people]
    companions = posting(*place(registry), new, by=registry.office)

    first, second = registry.submit(companions), registry.submit(companions)

    assert first.first == -1
    assert second.rule == "record-changed"
    assert [len(read(registry, person)) for person in people] == [1, 1, 1]


def test_the_newest_comes_first_page_by_page(registry: Registry) -> None:
    person = fresh("person")
    sent = []
    for cause in "abc":
        sent.append(send(registry, told(person, cause)))
        registry.clock.wait(seconds=1)

    first = read(registry, person, limit=2)
    second = read(registry, person, before=first[-1].id, limit=2)

    assert [each.id for each in (*first, *second)] == sent[::-1]
    with pytest.raises(MessageUnknown):
        read(registry, person, before="message/" + "a" * 26)


def test_reading_is_noted_once_and_for_ones_own_alone(registry: Registry) -> None:
    person, other = fresh("person"), fresh("person")
    name = send(registry, told(person))

    mark_read(*place(registry), person, name)
    (noted,) = read(registry, person)
    registry.clock.wait(hours=1)
    mark_read(*place(registry), person, name)

    assert noted.read_at is not None
    assert read(registry, person) == [noted]
    with pytest.raises(MessageUnknown):
        mark_read(*place(registry), other, name)


def test_a_page_is_read_by_as_many_statements_however_long_it_is(registry: Registry) -> None:
    person = fresh("person")
    counts = []
    for cause in "abcdef":
        send(registry, told(person, cause))
        with statements(registry.database) as sent:
            read(registry, person)
        counts.append(len(sent))
    assert len(set(counts)) == 1


@pytest.mark.parametrize(
    ("channel", "state"),
    [("inbox", "kept"), ("email", "waiting"), ("phone", "waiting"), ("paper", "paper")],
)
def test_what_a_person_chose_holds_for_what_comes_after(
    registry: Registry, channel: str, state: str
) -> None:
    person = known(registry, email="wang@example.org", phone="13800138000")
    before = send(registry, told(person, "before"))

    choose(*place(registry), person, Choice(channel, "en"))
    after = send(registry, told(person, "after"))

    assert states(registry) == {before: "kept", after: state}


@pytest.mark.parametrize("channel", ["email", "phone"])
def test_nobody_chooses_a_contact_that_is_not_known(registry: Registry, channel: str) -> None:
    for person in (fresh("person"), known(registry, full_name="王小明")):
        with pytest.raises(ChoiceRefused):
            choose(*place(registry), person, Choice(channel))


def test_an_erasure_takes_the_messages_and_no_more_come(registry: Registry) -> None:
    person, other = fresh("person"), fresh("person")
    kept = send(registry, told(other))
    send(registry, told(person))

    erasure.destroy(registry.database, registry.ledger, (person,), TODAY)

    assert states(registry) == {kept: "kept"}
    with pytest.raises(Erased):
        send(registry, told(person, "after"))


def test_other_values_than_a_kind_has_are_refused(registry: Registry) -> None:
    with pytest.raises(ValueError, match="proposal-approved"):
        send(registry, told(fresh("person"))._replace(values={"name": "王小明"}))


def test_every_kind_has_the_values_that_its_texts_want() -> None:
    for kind in KINDS.values():
        values = dict.fromkeys(kind.fields, "42")
        for language in messages.LANGUAGES:
            text = kind.text(language, values)
            assert text.subject
            assert text.body.count("42") == len(kind.fields)


def test_a_kind_is_added_once_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "KINDS", dict(KINDS))
    one = Kind(frozenset({"day"}), Text("到期", "$day 到期"), Text("Due", "Due on $day"))

    messages.register("due-soon", one)

    assert messages.KINDS["due-soon"].text("zh", {"day": "2026-12-31"}).body == "2026-12-31 到期"
    with pytest.raises(ValueError, match="already"):
        messages.register("due-soon", one)
    with pytest.raises(ValueError, match="in en"):
        messages.register("other", one._replace(en=Text("Due", "Due on $date")))
