"""A ledger at a glance, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.db import Database
from ledger.journal import tables as t
from ledger.journal.commands import Debit
from ledger.journal.times import format_time, to_us
from ledger.programme.glance import glance, log_keys, sizes_before
from tests.journal.live import Counter


@pytest.fixture
def counter(database: Database) -> Counter:
    return Counter(database)


def test_it_says_where_head_and_points_are(counter: Counter, tmp_path: Path) -> None:
    # Given a published head, and what came after it
    member = counter.open()
    counter.enter(counter.credit(member, 30))
    counter.publisher(tmp_path / "high-water").publish()
    counter.enter(Debit(account=member, amount=4, actor=counter.office))
    # When the ledger is looked at
    with counter.database.reading(snapshot=True) as conn:
        seen = glance(conn, counter.id)
        keys = log_keys(conn, counter.id)
    # Then it says what was issued, what of it is still held, and what is published
    assert (seen.totals.issued, seen.totals.held) == (30, 26)
    assert seen.totals.gone["withdrawn"] == 4
    assert [head.size for head in seen.published] == [seen.size - 1]
    assert seen.published[0].root != seen.root
    assert keys == counter.keys.vkeys(1)


def test_entries_are_counted_by_local_days(counter: Counter) -> None:
    # Given entries at ten in the morning, and at one the next night
    founded = len(counter.rows(t.entry))
    counter.clock.wait(hours=15)
    counter.open()
    # Then they are of two days, and the 28 days before have none
    with counter.database.reading(snapshot=True) as conn:
        days = glance(conn, counter.id).days
    assert days[-2:] == (("2026-11-24", founded), ("2026-11-25", 1))
    assert sum(entries for _, entries in days[:-2]) == 0


def test_how_many_entries_are_older_is_found_by_halves(counter: Counter) -> None:
    times, sizes = [], []
    for _ in range(9):
        counter.clock.wait(hours=7)
        times.append(format_time(to_us(counter.clock.now())))
        sizes.append(len(counter.rows(t.entry)))
        counter.open()
    size = len(counter.rows(t.entry))
    bounds = ["1999-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z"]
    with counter.database.reading() as conn:
        assert list(sizes_before(conn, counter.id, size, times)) == sizes
        assert sizes_before(conn, counter.id, size, bounds) == (0, size)
        assert sizes_before(conn, counter.id, 0, times[:1]) == (0,)
