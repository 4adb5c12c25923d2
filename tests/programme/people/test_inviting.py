"""Batches: kept whole at once, carried out once, and nothing of the list is left afterwards."""

from __future__ import annotations

import threading
import tracemalloc
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from ledger.journal.orders import Done, KeyReused
from ledger.programme import records
from ledger.programme.erasure import destroy
from ledger.programme.people import invitations, inviting, organisations
from ledger.programme.people.contacts import contact_of
from ledger.programme.people.invitations import Invitee
from ledger.programme.people.inviting import Inviter, carry_out
from ledger.programme.people.tables import invitation_batch
from ledger.programme.tables import blind_index, data_key, invitation, message, record
from ledger.programme.vault import Erased
from tests.programme.people.test_invitations import EVERYTHING, ask, codes, kept, rows
from tests.programme.people.test_memberships import enterprise, place, wish
from tests.programme.registry import TODAY, Registry
from tests.programme.test_erasure import files_of_sqlite, found_in, truncate_wal
from tests.programme.test_plans import plan, walks
from tests.statements import statements

MANY = [(f"员工{at}", str(13_800_000_000 + at)) for at in range(250)]
FEW = MANY[:3]


def waits(registry: Registry) -> list[bool]:
    """Of each batch, whether it waits still."""
    with registry.database.reading() as conn:
        found = conn.execute(select(invitation_batch)).all()
    assert all((row.next_at is None) == (row.done_at is not None) for row in found)
    return [row.done_at is None for row in found]


def lists(registry: Registry) -> list[bool]:
    """Of each record of a batch, whether it can be read."""
    with registry.database.reading() as conn:
        ids = conn.execute(select(record.c.id).where(record.c.kind == inviting.KIND)).scalars()
        found = records.newest(conn, registry.ledger, inviting.KIND, list(ids))
    return [each.fields is not None for each in found.values()]


def invited(registry: Registry) -> list[str]:
    """The names of whoever is invited, once for each invitation, each of which has a message."""
    with registry.database.reading() as conn:
        ids = [row.id for row in rows(registry)]
        found = records.newest(conn, registry.ledger, "invitation", ids)
        assert sorted(conn.execute(select(message.c.subject)).scalars()) == sorted(ids)
    return sorted(str((each.fields or {}).get("full_name")) for each in found.values())


def failing(monkeypatch: pytest.MonkeyPatch, at: int, error: Exception) -> None:
    """Entering fails at the call of that number."""
    calls, whole = [], inviting.enter

    def enter(*said, **more):
        calls.append(said)
        if len(calls) == at:
            raise error
        return whole(*said, **more)

    monkeypatch.setattr(inviting, "enter", enter)


def test_nobody_is_invited_before_it_is_carried_out_and_nothing_is_kept_then(
    registry: Registry,
) -> None:
    # given a list that an organisation sent
    org = enterprise(registry)
    outcome = ask(registry, org, *MANY)
    assert isinstance(outcome, Done)
    assert (rows(registry), codes(registry), waits(registry)) == ([], {}, [True])
    assert lists(registry) == [True] * 3
    # and by none of its people anything is found
    with registry.database.reading() as conn:
        values = conn.execute(select(blind_index.c.value).where(blind_index.c.field == "phone"))
        assert not any(values.scalars())

    assert carry_out(*place(registry)) == 1

    assert invited(registry) == sorted(name for name, _ in MANY)
    assert (waits(registry), lists(registry)) == ([False], [False] * 3)
    with registry.database.reading() as conn:
        batch = conn.execute(select(invitation_batch)).one()
        key = conn.execute(select(data_key).where(data_key.c.subject == batch.id)).one()
    assert (batch.people, batch.parts, key.wrapped, key.destroyed_on) == (250, 3, None, TODAY)
    assert batch.id in Path(registry.ledger.erased).read_text("ascii")
    # and there is nothing more to do
    assert carry_out(*place(registry)) == 0


def test_what_was_cut_short_is_taken_up_by_another_process_minutes_later(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a batch whose process failed after the second hundred
    ask(registry, enterprise(registry), *MANY)
    with monkeypatch.context() as patched:
        failing(patched, 3, OSError("the disk is full"))
        assert carry_out(*place(registry)) == 0
    assert len(rows(registry)) == 200
    # when somebody wants none of it meanwhile, and another process looks, at once and later
    (declined, code), (accepted, _), *_ = codes(registry).items()
    invitations.decline(*place(registry), code)
    # and another accepted, but what is kept of them could not be erased yet
    with registry.database.writing() as conn:
        mine = invitation.c.id == accepted
        conn.execute(update(invitation).where(mine).values(state="accepted"))
    with closing(registry.open()) as other:
        assert Inviter(other).look() == 0
        assert len(rows(registry)) == 200
        registry.clock.wait(minutes=5)
        assert Inviter(other).look() == 1

    # then everybody is invited once, and nothing of the list is kept
    assert len(rows(registry)) == 250
    assert [name for name, readable in kept(registry).items() if not readable] == [declined]
    assert len(set(codes(registry).values())) == 249
    assert (waits(registry), lists(registry)) == ([False], [False] * 3)


@pytest.mark.parametrize("held", [inviting.HELD, inviting.HELD * 0], ids=["claimed", "unclaimed"])
def test_two_processes_at_once_invite_everybody_once(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, held
) -> None:
    # given two processes, which do not even see each other's claim in one case
    monkeypatch.setattr(inviting, "HELD", held)
    ask(registry, enterprise(registry), *MANY)
    both = [registry.open(), registry.open()]
    done: list[int] = []
    barrier = threading.Barrier(2)

    def work(inviter: Inviter) -> None:
        barrier.wait()
        done.append(inviter.look())

    threads = [threading.Thread(target=work, args=(Inviter(each),)) for each in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in both:
        each.close()

    assert sum(done) == 1
    assert invited(registry) == sorted(name for name, _ in MANY)
    assert (waits(registry), lists(registry)) == ([False], [False] * 3)


def test_the_same_request_again_keeps_nothing_more(registry: Registry) -> None:
    org, asked = enterprise(registry), wish(registry)
    first, again = (ask(registry, org, *FEW, by=asked) for _ in range(2))
    carry_out(*place(registry))
    later = ask(registry, org, *FEW, by=asked)
    other = ask(registry, org, MANY[9], by=replace(asked, fingerprint=b"g" * 32))

    assert [each.replayed for each in (first, again, later)] == [False, True, True]
    assert isinstance(other, KeyReused)
    assert carry_out(*place(registry)) == 0
    assert len(rows(registry)) == len(codes(registry)) == 3


def test_nobody_is_kept_for_an_empty_list(registry: Registry) -> None:
    assert isinstance(ask(registry, enterprise(registry)), Done)
    assert waits(registry) == []


@pytest.mark.parametrize("why", ["suspended", "old"])
def test_nobody_is_invited_too_late(registry: Registry, why: str) -> None:
    # given a list of an organisation that is suspended before it is carried out, or that is old
    org = enterprise(registry)
    ask(registry, org, *FEW)
    if why == "old":
        registry.clock.wait(days=30)
    else:
        with registry.database.reading() as conn:
            found = organisations.find_organisation(conn, registry.ledger, org, EVERYTHING)
        organisations.set_status(*place(registry), found, why, None, by=registry.office)

    assert carry_out(*place(registry)) == 1

    assert rows(registry) == []
    assert (waits(registry), lists(registry)) == ([False], [False])


def test_a_batch_that_a_restored_backup_brings_back_is_not_carried_out(registry: Registry) -> None:
    # given a batch that the file says was carried out, and a request that is not known any more
    org, asked = enterprise(registry), wish(registry)
    ask(registry, org, *FEW)
    with registry.database.reading() as conn:
        batch = conn.execute(select(invitation_batch.c.id)).scalar_one()
    lines = f"{batch} {TODAY}\n{inviting.id_of(asked.request)} {TODAY}\n"
    Path(registry.ledger.erased).write_text(lines, "ascii")

    # when it is served again
    with closing(registry.open()) as served:
        here = (served.database, served.ledger("beiyuan"), registry.clock)
        assert carry_out(*here) == 1
        assert carry_out(*here) == 0

    # then nobody is invited, and whoever sends the request again is told to send it anew
    assert (rows(registry), waits(registry), lists(registry)) == ([], [False], [False])
    with pytest.raises(Erased):
        ask(registry, org, *FEW, by=asked)
    assert waits(registry) == [False]


def test_who_declined_before_a_backup_was_restored_is_not_invited_again(registry: Registry) -> None:
    asked = wish(registry)
    ask(registry, enterprise(registry), *FEW, by=asked)
    gone = invitations.id_of(inviting.id_of(asked.request), 1)
    destroy(registry.database, registry.ledger, (gone,), TODAY)

    assert carry_out(*place(registry)) == 1

    assert invited(registry) == [MANY[0][0], MANY[2][0]]


def test_a_batch_that_fails_keeps_no_other_one_and_is_logged_without_names(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = enterprise(registry)
    ask(registry, org, *FEW)
    registry.clock.wait(seconds=1)
    ask(registry, org, ("孙七", "qi@example.org"))
    failing(monkeypatch, 1, RuntimeError(f"{MANY[0]}"))

    with capture_logs() as logs:
        assert Inviter(registry.installation).look() == 1

    assert invited(registry) == ["孙七"]
    assert waits(registry).count(True) == 1
    assert len(logs) == 1
    assert logs[0]["batch"].startswith("batch/")
    assert MANY[0][0] not in repr(logs)


def test_an_inviter_goes_on_where_one_ledger_fails(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(registry, enterprise(registry), *FEW)
    monkeypatch.setattr(inviting, "_due", lambda _conn, _now: ["nowhere", registry.ledger.name])
    assert Inviter(registry.installation).look() == 1


def test_long_names_are_kept_in_more_records(registry: Registry) -> None:
    # given a hundred people whose names do not fit into one record
    long = [(f"{at:03}" + "𠮷" * 197, text) for at, (_, text) in enumerate(MANY[:100])]
    ask(registry, enterprise(registry), *long)
    assert lists(registry) == [True, True]

    carry_out(*place(registry))

    assert invited(registry) == sorted(name for name, _ in long)


def test_ten_thousand_people_are_kept_by_as_many_statements_as_one(registry: Registry) -> None:
    org = enterprise(registry)
    with registry.database.reading() as conn:
        theirs = organisations.find_organisation(conn, registry.ledger, org, EVERYTHING)
    sent, peaks = [], []
    for number in (1, 10_000):
        people = [
            Invitee(at, f"员工{at}", contact_of(str(13_800_000_000 + at))) for at in range(number)
        ]
        with statements(registry.database) as seen:
            tracemalloc.start()
            inviting.invite(*place(registry), wish(registry), theirs, people)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        sent.append(len(seen))

    assert sent[0] == sent[1] < 25
    assert peaks[1] < 20_000_000
    with registry.database.reading() as conn:
        assert [each[1:3] for each in inviting.waiting(conn)] == [(2, 10_001)]


def test_what_waits_is_found_by_an_index(registry: Registry) -> None:
    with statements(registry.database) as all_ledgers:
        Inviter(registry.installation).look()
    with statements(registry.database) as one:
        carry_out(*place(registry))
    with statements(registry.database) as told, registry.database.reading() as conn:
        inviting.waiting(conn)
    for seen in (all_ledgers, one, told):
        (look,) = seen
        how = plan(registry.database, *look)
        assert "invitation_batch_ledger_id_next_at_id_idx" in how
        if seen is one:  # the others read the ledgers besides, of which there are few
            assert walks(registry.database.dialect, how) == []


def test_nothing_of_the_list_is_left_in_sqlite_s_files(sqlite_registry: Registry) -> None:
    registry = sqlite_registry
    ask(registry, enterprise(registry), ("阿依古丽", "13912345678"))
    with registry.database.reading() as conn:
        batch = conn.execute(select(invitation_batch.c.id)).scalar_one()
        wrapped = conn.execute(select(data_key.c.wrapped).where(data_key.c.subject == batch))
        wanted = {"wrapped key": bytes(wrapped.scalar_one())}
    wanted |= {"name": "阿依古丽".encode(), "number": b"13912345678"}
    assert found_in(files_of_sqlite(registry.database), wanted) == ["wrapped key"]

    carry_out(*place(registry))

    truncate_wal(registry.database)
    assert found_in(files_of_sqlite(registry.database), wanted) == []
