"""Sessions: signed in, for how long, and ended."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from ledger.programme.people import sessions
from ledger.programme.people.sessions import Found, SessionUnknown
from ledger.programme.tables import session as table
from tests.programme.registry import Registry, fresh
from tests.statements import statements


def begun(registry: Registry, person: str | None = None, lasts: str = "day") -> str:
    person = person or registry.office
    return sessions.begin(registry.database, registry.ledger, registry.clock, person, lasts).text


def found(registry: Registry, text: str) -> Found | None:
    with registry.database.reading() as conn:
        return sessions.find_session(conn, registry.ledger, text, registry.clock.now())


def lasting(registry: Registry, text: str) -> Found:
    seen = found(registry, text)
    assert seen is not None
    return seen


def used(registry: Registry, text: str) -> bool:
    """Whether it lasts; if so, it is used."""
    seen = found(registry, text)
    if seen is not None and seen.fresh:
        now = registry.clock.now()
        sessions.note_use(registry.database, registry.ledger, seen, now)
    return seen is not None


def test_a_session_is_found_by_its_whole_text_in_one_statement(registry: Registry) -> None:
    text = begun(registry)

    with statements(registry.database) as sent:
        seen = found(registry, text)

    assert seen is not None
    assert seen.principal.person == registry.office
    assert len(sent) == 1
    for wrong in (text[:-1], text.swapcase(), text.replace("beiyuan", "nanyuan"), ""):
        assert found(registry, wrong) is None


def test_its_secret_is_kept_nowhere(registry: Registry) -> None:
    made = sessions.begin(
        registry.database, registry.ledger, registry.clock, registry.office, "device"
    )

    with registry.database.reading() as conn:
        (row,) = conn.execute(select(table)).all()
    assert made.text not in f"{made!r}{row!r}"
    assert made.text[-43:].encode() not in bytes(row.hash)


def test_staff_are_signed_out_after_twelve_hours(registry: Registry) -> None:
    text = begun(registry, lasts="day")
    registry.clock.wait(hours=11)
    assert used(registry, text)

    registry.clock.wait(hours=1)

    assert not used(registry, text)


def test_a_device_stays_signed_in_as_long_as_it_is_used(registry: Registry) -> None:
    # given a device that is used once in each hundred days
    text = begun(registry, lasts="device")
    for _ in range(4):
        registry.clock.wait(days=100)
        assert used(registry, text)

    # when it is not used for half a year
    registry.clock.wait(days=180)

    # then its owner signs in again
    assert not used(registry, text)


def test_the_day_of_its_last_use_is_the_ledgers_and_written_once(registry: Registry) -> None:
    # given a session that began at 10:03 of the ledger's time
    text = begun(registry)
    seen = lasting(registry, text)
    assert (seen.today, seen.fresh) == ("2026-11-24", False)

    # when the ledger's next day has come, which is the same day by UTC
    device = begun(registry, lasts="device")
    registry.clock.wait(hours=14)
    seen = lasting(registry, device)
    assert (seen.today, seen.fresh) == ("2026-11-25", True)
    sessions.note_use(registry.database, registry.ledger, seen, registry.clock.now())

    seen = lasting(registry, device)
    assert not seen.fresh


def test_one_ends_ones_own_sessions_and_nobody_elses(registry: Registry) -> None:
    # given two devices of one person, and another person's
    mine, other = begun(registry), begun(registry)
    theirs = begun(registry, registry.second)
    with registry.database.reading() as conn:
        listed = sessions.list_sessions(
            conn, registry.ledger.id, registry.office, registry.clock.now()
        )
    assert len(listed) == 2
    place = (registry.database, registry.ledger, registry.clock)

    # when each is ended by its owner, or tried by somebody else
    seen = lasting(registry, mine)
    with pytest.raises(SessionUnknown, match="You have no session"):
        sessions.revoke(*place, registry.second, seen.session.id)
    sessions.revoke(*place, registry.office, seen.session.id)
    with pytest.raises(SessionUnknown):
        sessions.revoke(*place, registry.office, seen.session.id)
    assert [found(registry, text) is None for text in (mine, other, theirs)] == [True, False, False]

    # then all at once
    assert sessions.revoke_all(*place, registry.office) == 1
    assert [found(registry, text) is None for text in (other, theirs)] == [True, False]


def test_a_revoked_session_is_not_prolonged_by_a_use_under_way(registry: Registry) -> None:
    text = begun(registry, fresh("person"), "device")
    registry.clock.wait(days=2)
    seen = lasting(registry, text)
    place = (registry.database, registry.ledger, registry.clock)
    sessions.revoke_all(*place, seen.principal.person)

    sessions.note_use(registry.database, registry.ledger, seen, registry.clock.now())

    assert found(registry, text) is None
