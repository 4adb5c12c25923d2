"""Records: written as versions, read by sets, found by blind indexes, opened by their own key."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import select, update

from ledger.journal.commands import Statement
from ledger.journal.entry import decode, to_base64
from ledger.journal.orders import Done, Group, Order, Refusal
from ledger.programme import records
from ledger.programme.commitments import FieldRefused, check_disclosure
from ledger.programme.recording import CHANGED, Change, RecordChanged, compose
from ledger.programme.records import RecordDamaged, RecordUnknown
from ledger.programme.tables import blind_index, data_key, record
from ledger.programme.vault import KeyDamaged, make_keys, subject_of_ledger
from tests.programme.registry import Registry, fresh
from tests.statements import statements

BASICS = {
    "full_name": "阿卜杜·热依木",
    "phone": "138 0013 8000",
    "document_number": "11010519491231002x",
    "skills": ["𠮷他", "first aid"],
    "hours_wished": 4,
    "photo": None,
}


def test_what_was_kept_is_read_back_with_its_whole_history(registry: Registry) -> None:
    # given a member whose basics are kept and then corrected
    member = fresh("member")
    first = registry.keep(member, **BASICS)
    registry.clock.wait(hours=1)
    corrected = {**BASICS, "phone": "139 0013 9000"}
    (second,) = registry.save(Change("basics", member, member, corrected, seen=1))
    # when they are read, then the newest version is what it is now, and the history has both
    assert registry.read(member) == second
    with registry.database.reading() as conn:
        history = records.history(conn, registry.ledger, "basics", member)
    assert history == [first, second]
    assert [(each.version, each.by) for each in history] == [
        (1, registry.office),
        (2, registry.office),
    ]
    assert history[0].at < history[1].at
    assert history[0].fields == BASICS


def test_a_subject_s_records_of_every_kind_are_read_together(registry: Registry) -> None:
    member, other = fresh("member"), fresh("member")
    registry.keep(member, **BASICS)
    registry.keep(other, full_name="李四")
    course = fresh("record")
    registry.save(Change("training", course, member, {"course": "急救"}))
    with registry.database.reading() as conn:
        about = records.about(conn, registry.ledger, member)
    assert [(each.kind, each.id) for each in about] == [("basics", member), ("training", course)]


def test_of_two_who_change_one_version_the_second_is_told(registry: Registry) -> None:
    member = fresh("member")
    registry.keep(member, full_name="张三")
    change = Change("basics", member, member, {"full_name": "张叁"}, seen=1)
    # given both have composed their change before either enters it
    composed = [
        compose(registry.database, registry.ledger, registry.clock, [change], by=registry.office)
        for _ in range(2)
    ]
    # when both come in one batch
    orders = tuple(Order(companions=each.companions) for each in composed)
    done, refused = registry.ledger.appender.submit(Group(orders, atomic=False))
    # then one is entered, and the other learns which version there is
    assert isinstance(done, Done)
    assert isinstance(refused, Refusal)
    assert refused.rule == CHANGED
    with pytest.raises(RecordChanged, match="has a version 2 already: read it"):
        registry.save(change)
    assert registry.read(member).version == 2


def test_a_change_of_what_is_not_there_or_of_another_subject_is_refused(
    registry: Registry,
) -> None:
    member, other = fresh("member"), fresh("member")
    registry.keep(member, full_name="张三")
    for change in (
        Change("basics", other, other, {"full_name": "x"}, seen=1),
        Change("basics", member, other, {"full_name": "x"}, seen=1),
    ):
        with pytest.raises(RecordChanged, match="no version 1 of that subject"):
            registry.save(change)
    with pytest.raises(RecordUnknown):
        registry.read(other)
    assert registry.find("full_name", "x") == []


def test_one_refused_change_drops_the_others_of_its_order(registry: Registry) -> None:
    member, other = fresh("member"), fresh("member")
    registry.keep(member, full_name="张三")
    with pytest.raises(RecordChanged):
        registry.save(
            Change("basics", other, other, {"full_name": "李四"}),
            Change("basics", member, member, {"full_name": "张三"}),
        )
    with pytest.raises(RecordUnknown):
        registry.read(other)


def test_a_record_travels_with_the_entry_that_binds_it(registry: Registry) -> None:
    # given a change and the entry that carries its commitment
    member = fresh("member")
    composed = compose(
        registry.database,
        registry.ledger,
        registry.clock,
        [Change("basics", member, member, BASICS)],
        by=registry.office,
    )
    (made,) = composed.records
    ref = {"commitment": to_base64(made.commitment), "id": member}
    command = Statement(kind="record", fields={}, ref=ref, actor=registry.office)
    order = Order(command=command, companions=composed.companions)
    # when both are entered
    (done,) = registry.ledger.appender.submit(Group((order,)))
    # then the log's commitment is the one under which the record's fields can be shown
    assert isinstance(done, Done)
    (entry,) = (decode(each.raw) for each in done.made)
    with registry.database.reading() as conn:
        shown = records.disclosed(conn, registry.ledger, ("basics", member, 1), ["full_name"])
    assert entry["ref"]["commitment"] == to_base64(made.commitment)
    place, fields = check_disclosure(shown, made.commitment)
    assert (place.ledger, place.kind, place.id, place.version) == (
        registry.ledger.origin,
        "basics",
        member,
        1,
    )
    assert fields == {"full_name": BASICS["full_name"]}
    # and a second entry with the same change is refused whole
    (refused,) = registry.ledger.appender.submit(Group((order,)))
    assert isinstance(refused, Refusal)


# --- finding -------------------------------------------------------------------------------------


def test_a_record_is_found_however_its_value_is_written(registry: Registry) -> None:
    member = fresh("member")
    registry.keep(member, **BASICS)
    assert registry.find("full_name", "阿卜杜•热依木 ") == [member]
    assert registry.find("phone", "+86 138-0013-8000") == [member]
    assert registry.find("document_number", "１１０１０５ 19491231 002Ｘ") == [member]
    assert registry.find("phone", "13800138001") == []


def test_a_corrected_or_dropped_value_finds_nothing_any_more(registry: Registry) -> None:
    member, other = fresh("member"), fresh("member")
    registry.keep(member, full_name="张三", phone="13800138000")
    registry.keep(other, full_name="张 三")
    assert registry.find("full_name", "张三") == sorted([member, other])
    registry.save(Change("basics", member, member, {"full_name": "张叁"}, seen=1))
    assert registry.find("full_name", "张三") == [other]
    assert registry.find("full_name", "张叁") == [member]
    assert registry.find("phone", "13800138000") == []


def test_an_index_is_of_its_ledger_and_its_field(registry: Registry) -> None:
    registry.keep(fresh("member"), full_name="13800138000", phone="13800138000")
    with registry.database.reading() as conn:
        values = list(conn.execute(select(blind_index.c.value)).scalars())
    assert len(values) == len(set(values)) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"phone": "no number"},
        {"full_name": " \u200b"},
        {"full_name": 7},
        {"weight": 1.5},
        {"Name": "x"},
        {"half": "\ud800"},
        {"notes": "x" * 70_000},
    ],
)
def test_what_cannot_be_kept_is_refused_and_changes_nothing(
    registry: Registry, fields: dict[str, Any]
) -> None:
    member = fresh("member")
    with pytest.raises(FieldRefused) as refused:
        registry.keep(member, **fields)
    assert "no number" not in str(refused.value)
    with pytest.raises(RecordUnknown):
        registry.read(member)


# --- sets ----------------------------------------------------------------------------------------


def test_a_list_takes_one_statement_for_records_and_one_for_keys(registry: Registry) -> None:
    members = [fresh("member") for _ in range(30)]
    registry.save(*(Change("basics", m, m, {"full_name": f"王{m[-3:]}"}) for m in members))
    registry.save(Change("basics", members[0], members[0], {"full_name": "王五"}, seen=1))
    counts = []
    for wanted in (members[:2], members):
        with statements(registry.database) as sent, registry.database.reading() as conn:
            found = records.newest(conn, registry.ledger, "basics", [*wanted, fresh("member")])
        assert found.keys() == set(wanted)
        counts.append(len(sent))
    assert counts == [2, 2]
    assert registry.read(members[0]).fields == {"full_name": "王五"}


# --- what was tampered with ----------------------------------------------------------------------


def test_a_version_that_was_copied_over_another_does_not_open(registry: Registry) -> None:
    member = fresh("member")
    registry.keep(member, full_name="张三")
    registry.save(Change("basics", member, member, {"full_name": "李四"}, seen=1))
    with registry.database.writing() as conn:
        old = conn.execute(select(record.c.ciphertext).where(record.c.version == 1)).scalar_one()
        conn.execute(update(record).where(record.c.version == 2).values(ciphertext=old))
    with pytest.raises(RecordDamaged, match="Version 2 of basics member/"):
        registry.read(member)


def test_a_commitment_that_was_changed_is_not_shown(registry: Registry) -> None:
    member = fresh("member")
    registry.keep(member, full_name="张三")
    with registry.database.writing() as conn:
        conn.execute(update(record).values(commitment=bytes(32)))
    with registry.database.reading() as conn, pytest.raises(RecordDamaged):
        records.disclosed(conn, registry.ledger, ("basics", member, 1), ["full_name"])
    with registry.database.reading() as conn, pytest.raises(RecordDamaged):
        records.shown(conn, registry.ledger, "basics", member, after=0, most=1)


def test_a_key_that_was_given_to_another_subject_does_not_open(registry: Registry) -> None:
    member, other = fresh("member"), fresh("member")
    registry.keep(member, full_name="张三")
    registry.keep(other, full_name="李四")
    mine, theirs = data_key.c.subject == member, data_key.c.subject == other
    with registry.database.writing() as conn:
        row = conn.execute(select(data_key).where(theirs)).one()
        conn.execute(update(data_key).where(mine).values(key=row.key, wrapped=row.wrapped))
    with pytest.raises(KeyDamaged, match=member):
        registry.read(member)


# --- data keys -----------------------------------------------------------------------------------


def test_two_who_make_a_subject_s_key_at_once_get_one(registry: Registry) -> None:
    member = fresh("member")
    barrier = threading.Barrier(4)

    def make() -> None:
        barrier.wait()
        make_keys(registry.ledger, {member})

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    registry.keep(member, full_name="张三")
    with registry.database.reading() as conn:
        assert len(conn.execute(select(data_key)).all()) == 1
    assert registry.read(member).fields == {"full_name": "张三"}


def test_the_ledger_itself_is_a_subject(registry: Registry) -> None:
    subject = subject_of_ledger(registry.ledger.origin)
    assert subject.startswith("ledger/")
    assert subject != subject_of_ledger(registry.ledger.origin + "x")
    registry.save(Change("venue", fresh("record"), subject, {"name": "社区公益空间"}))
