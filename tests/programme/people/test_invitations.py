"""Invitations: asked once, erased when it is over, and nobody learns who accepted."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from ledger.journal.orders import Done
from ledger.programme import lapses, records
from ledger.programme.courier import Courier
from ledger.programme.delivery import Quiet, deliver
from ledger.programme.jobs import do_due_jobs
from ledger.programme.lapses import erase_spent
from ledger.programme.messages import values_of
from ledger.programme.people import (
    entering,
    invitations,
    inviting,
    links,
    memberships,
    organisations,
)
from ledger.programme.people.contacts import contact_of
from ledger.programme.people.headcount import totals_of
from ledger.programme.people.invitations import Invitee
from ledger.programme.people.links import LinkRefused
from ledger.programme.roles import Reach
from ledger.programme.tables import blind_index, data_key, invitation, message
from ledger.programme.wishes import Wish
from tests.programme.people.informing import PHONE, inform, joined
from tests.programme.people.test_memberships import claimed, enterprise, place, wish
from tests.programme.registry import Registry
from tests.programme.test_plans import plan, walks
from tests.statements import statements

EVERYTHING = Reach(everything=True)
AWAKE = Quiet(0, 0)


class Taker:
    """A channel that remembers what it took."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []

    def send(self, outgoing) -> None:
        self.taken.append((outgoing.to, outgoing.text))


def invite(registry: Registry, org: str, *who: tuple[str, str], by: Wish | None = None):
    """An organisation invites these, by name and contact; its batch is carried out at once."""
    outcome = ask(registry, org, *who, by=by)
    inviting.carry_out(*place(registry))
    return outcome


def ask(registry: Registry, org: str, *who: tuple[str, str], by: Wish | None = None):
    """An organisation asks that these are invited."""
    with registry.database.reading() as conn:
        found = organisations.find_organisation(conn, registry.ledger, org, EVERYTHING)
    invitees = [Invitee(at, name, contact_of(text)) for at, (name, text) in enumerate(who)]
    return inviting.invite(*place(registry), by or wish(registry), found, invitees)


def rows(registry: Registry):
    with registry.database.reading() as conn:
        return conn.execute(select(invitation).order_by(invitation.c.at, invitation.c.id)).all()


def codes(registry: Registry) -> dict[str, str]:
    """The code that each invitation's message has, by the invitation."""
    with registry.database.reading() as conn:
        found = conn.execute(select(message).where(message.c.kind == "invitation")).all()
        values = values_of(conn, registry.ledger, [row.id for row in found])
    return {
        row.subject: values[row.id]["url"].partition("#")[2] for row in found if row.id in values
    }


def one_code(registry: Registry) -> str:
    (code,) = codes(registry).values()
    return code


def kept(registry: Registry) -> dict[str, bool]:
    """Of each invitation, whether its name and contact can still be read."""
    with registry.database.reading() as conn:
        ids = list(conn.execute(select(invitation.c.id)).scalars())
        found = records.newest(conn, registry.ledger, "invitation", ids)
    return {name: each.fields is not None for name, each in found.items()}


def belongs(registry: Registry, person: str) -> list[tuple[str, str]]:
    with registry.database.reading() as conn:
        found = memberships.list_memberships(conn, registry.ledger, Reach(own=person), limit=9)
    return [(each.organisation, each.state) for each in found]


def test_who_is_invited_gets_a_link_of_their_own_by_their_contact(registry: Registry) -> None:
    org, phones, mails = enterprise(registry), Taker(), Taker()
    invite(registry, org, ("王芳", PHONE), ("李四", "si@example.org"))

    deliver(*place(registry), {"phone": phones, "email": mails}, AWAKE)

    (one,), (other,) = phones.taken, mails.taken
    assert (one[0], other[0]) == ("+8613912345678", "si@example.org")
    assert "四美国际" in one[1]
    assert "https://points.example.org/ledgers/beiyuan/join#invitation." in one[1]
    assert set(codes(registry).values()) == {
        text[1].partition("#")[2].split()[0] for text in (one, other)
    }
    assert sorted(row.state for row in rows(registry)) == ["open", "open"]


def test_accepting_makes_a_confirmed_member_and_erases_the_invitation(registry: Registry) -> None:
    # given somebody who is invited
    inform(registry)
    org = enterprise(registry)
    invite(registry, org, ("王芳", PHONE))
    code = one_code(registry)
    by = entering.entering(*place(registry), code)

    # when they join by its link with the contact to which it went
    new = joined(registry, phone=PHONE, accepting=by)

    # then they belong there, confirmed, and nothing is kept of the invitation but that it was
    assert belongs(registry, new.person) == [(org, "confirmed")]
    (row,) = rows(registry)
    assert row.state == "accepted"
    assert kept(registry) == {row.id: False}
    assert codes(registry) == {}
    # and it is good once
    with pytest.raises(LinkRefused):
        entering.entering(*place(registry), code)


def test_a_forwarded_invitation_is_a_claim_like_others(registry: Registry) -> None:
    inform(registry)
    org = enterprise(registry)
    invite(registry, org, ("王芳", PHONE))
    by = entering.entering(*place(registry), one_code(registry))
    new = joined(registry, name="赵六", phone="137 0013 7000", accepting=by)
    assert belongs(registry, new.person) == [(org, "claimed")]


def test_a_member_accepts_and_what_they_claimed_is_confirmed(registry: Registry) -> None:
    inform(registry)
    org = enterprise(registry)
    new = joined(registry)
    before = claimed(registry, org, new.person)
    # another name of the same family, so that it is not known that they belong there
    invite(registry, org, ("王小芳", PHONE))

    after = entering.enter(*place(registry), new.person, one_code(registry))

    assert (after.id, after.state) == (before.id, "confirmed")
    assert belongs(registry, new.person) == [(org, "confirmed")]


def test_of_two_who_accept_one_invitation_the_second_is_late(sqlite_registry: Registry) -> None:
    registry = sqlite_registry
    inform(registry)
    invite(registry, enterprise(registry), ("王芳", PHONE))
    one, two = (entering.entering(*place(registry), one_code(registry)) for _ in range(2))
    joined(registry, accepting=one)
    with pytest.raises(Exception, match="over"):
        joined(registry, name="李四", phone="137 0013 7000", accepting=two)


def test_what_is_not_accepted_in_thirty_days_is_erased_by_the_job(registry: Registry) -> None:
    inform(registry)
    org = enterprise(registry)
    invite(registry, org, ("王芳", PHONE), ("李四", "si@example.org"))
    early = dict(codes(registry))
    registry.clock.wait(days=29)
    assert erase_spent(*place(registry)) == 0
    invite(registry, org, ("孙七", "qi@example.org"))
    registry.clock.wait(days=1)

    do_due_jobs(registry.installation, "worker/" + "a" * 26, Courier({}))

    assert sorted(row.state for row in rows(registry)) == ["expired", "expired", "open"]
    assert sorted(kept(registry).values()) == [False, False, True]
    assert registry.find("phone", PHONE) == []
    listed = Path(registry.ledger.erased).read_text("ascii")
    assert all(name in listed for name in early)
    for code in early.values():
        with pytest.raises(LinkRefused):
            entering.entering(*place(registry), code)
    with registry.database.reading() as conn:
        assert len(conn.execute(select(message)).all()) == 1
        names = {row.subject for row in conn.execute(select(blind_index)).all()}
        living = conn.execute(select(data_key.c.subject).where(data_key.c.wrapped.is_not(None)))
        assert not (names | set(living.scalars())) & early.keys()
    # and whoever was erased may be invited again
    invite(registry, org, ("王芳", PHONE))
    assert len(codes(registry)) == 2


def test_an_invitation_runs_out_by_time_alone(sqlite_registry: Registry) -> None:
    registry = sqlite_registry
    invite(registry, enterprise(registry), ("王芳", PHONE))
    code = one_code(registry)
    registry.clock.wait(days=30)
    with pytest.raises(LinkRefused):
        entering.entering(*place(registry), code)
    with pytest.raises(LinkRefused):
        invitations.decline(*place(registry), code)


def test_who_wants_none_of_it_is_erased_at_once(registry: Registry) -> None:
    org = enterprise(registry)
    invite(registry, org, ("王芳", PHONE))
    code = one_code(registry)
    invitations.decline(*place(registry), code)
    assert list(kept(registry).values()) == [False]
    assert [row.state for row in rows(registry)] == ["declined"]
    for again in (code, links.code_of(registry.ledger, org), "invitation"):
        with pytest.raises(LinkRefused):
            invitations.decline(*place(registry), again)


def test_nobody_is_invited_twice_nor_who_belongs_there_already(registry: Registry) -> None:
    # given a member of the enterprise, one of another, and somebody who was invited before
    inform(registry)
    org, other = enterprise(registry), enterprise(registry, "七夕集团")
    here = joined(registry)
    claimed(registry, org, here.person)
    there = joined(registry, name="李四", phone="137 0013 7000")
    claimed(registry, other, there.person)
    invite(registry, org, ("孙七", "qi@example.org"))
    invite(registry, other, ("周八", "ba@example.org"))
    before = codes(registry)

    # when all of them stand on one list
    outcome = invite(
        registry,
        org,
        *(("王芳", PHONE), ("李四", "137 0013 7000")),
        *(("孙七", "qi@example.org"), ("周八", "ba@example.org")),
    )

    # then those get a message who have none yet and do not belong to it, and the answer tells none
    assert isinstance(outcome, Done)
    new = codes(registry).keys() - before.keys()
    with registry.database.reading() as conn:
        found = records.newest(conn, registry.ledger, "invitation", new)
    assert {each.fields["full_name"] for each in found.values()} == {"李四", "周八"}


def test_an_invited_person_counts_for_nothing(sqlite_registry: Registry) -> None:
    registry = sqlite_registry
    org = enterprise(registry)
    invite(registry, org, ("王芳", PHONE))
    with registry.database.reading() as conn:
        found = memberships.list_memberships(conn, registry.ledger, EVERYTHING, limit=9)
    assert found == []
    assert repr(Invitee(3, "张三", contact_of(PHONE))) == "<the invitee of row 3>"


def test_how_many_accepted_is_told_in_whole_fives(registry: Registry) -> None:
    inform(registry)
    org = enterprise(registry)
    invite(registry, org, *((f"员工{at}", str(13_800_000_000 + at)) for at in range(6)))
    told = []
    for at, code in enumerate(codes(registry).values()):
        by = entering.entering(*place(registry), code)
        assert by.invited is not None
        joined(registry, name=f"员工{at}", phone=by.invited.value, accepting=by)
        with registry.database.reading() as conn, statements(registry.database) as sent:
            told.append(totals_of(conn, registry.ledger, org))
        assert len(sent) == 4

    assert [(each.accepted, each.members) for each in told] == [(None, None)] * 4 + [(5, 5)] * 2
    assert told[3].minutes is None
    assert (told[4].minutes, told[4].points, told[4].claimed) == (0, 0, None)


def test_what_is_over_is_found_among_what_is_kept_and_by_no_walk_over_all(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given invitations of which two are over and one is not, to be looked at one by one
    org = enterprise(registry)
    invite(registry, org, ("王芳", PHONE), ("李四", "si@example.org"))
    registry.clock.wait(days=15)
    invite(registry, org, ("孙七", "qi@example.org"))
    registry.clock.wait(days=15)
    monkeypatch.setattr(lapses, "PER_BATCH", 1)

    with statements(registry.database) as seen:
        assert erase_spent(*place(registry)) == 2
    told = [plan(registry.database, *each) for each in seen if "FROM data_key" in each.text]

    # then no look walks over all invitations, or over keys that were destroyed
    assert sorted(kept(registry).values()) == [False, False, True]
    assert told[0].count("data_key_ledger_id_subject_idx") == 1, told[0]
    assert walks(registry.database.dialect, told[0]) == []
