"""What is shown of the books, where time alone makes a difference."""

from __future__ import annotations

import pytest

from ledger.db import Database
from ledger.journal.commands import PlaceHold
from ledger.programme.reading.accounts import AccountView, find_account
from tests.journal.live import Counter


@pytest.fixture
def counter(database: Database) -> Counter:
    return Counter(database)


def view(counter: Counter, account: str) -> AccountView:
    with counter.database.reading() as conn:
        shown = find_account(conn, counter.id, account, counter.clock.now())
    assert shown is not None
    return shown


def test_points_are_available_until_their_local_day_is_over(counter: Counter) -> None:
    member = counter.open()
    counter.enter(counter.credit(member, 30, valid_until="2026-11-24"), counter.credit(member, 5))
    assert view(counter, member).available == 35

    counter.clock.wait(hours=13)  # 23:03 on the 24th at eight hours ahead of UTC
    assert view(counter, member).available == 35
    counter.clock.wait(hours=1)
    assert view(counter, member).available == 5
    assert view(counter, member).balance == 35  # as entered: nothing has expired in the log yet


def test_what_a_hold_past_its_end_held_is_available_as_far_as_it_is_still_valid(
    counter: Counter,
) -> None:
    member, desk = counter.open(), counter.open("org")
    counter.enter(counter.credit(member, 30, valid_until="2026-11-30"), counter.credit(member, 5))
    for until in ("2026-11-27T00:00:00.000000Z", None):
        counter.enter(
            PlaceHold(account=member, payee=desk, amount=10, actor=counter.office, until=until)
        )
    assert view(counter, member).available == 15

    counter.clock.wait(days=4)
    assert view(counter, member).available == 25
    counter.clock.wait(days=4)  # the 2nd of December: only the undated points are left
    assert view(counter, member).available == 5
    assert view(counter, member).held == 20
