"""A history put in the place of the true one is noticed by somebody, at last by who kept a head."""

from __future__ import annotations

import pytest
from sqlalchemy import delete

from ledger.journal import tables as t
from tests.audit.tampering.histories import HISTORIES, History
from tests.audit.tampering.scene import Scene


@pytest.mark.parametrize("history", HISTORIES, ids=[each.what for each in HISTORIES])
def test_a_history_in_the_place_of_the_true_one_is_noticed(scene: Scene, history: History) -> None:
    # Given a history that is consistent with itself, in the place of the true one
    history.tamper(scene)
    # When the service looks at it, it stops; or it cannot know better, and signs
    assert (history.stops or "ready") in scene.readyz()
    assert (history.stops or "signs") in scene.publisher()
    # Then verifying the database names the entries, or finds nothing
    found = scene.differences()
    assert [f"{each.table}.{each.column}" for each in found[:1]] == [
        name for name in [history.names] if name
    ]
    # And so does an auditor, unless he has nothing but his key
    assert (history.bundle or "passes") in scene.bundle()
    # But who kept the newest checkpoint of the true history notices always
    assert history.kept in scene.bundle([scene.kept])
    assert scene.differences([scene.kept])


def test_an_old_checkpoint_taken_away_is_missed_by_nobody_and_takes_nothing_away(
    scene: Scene,
) -> None:
    with scene.unguarded() as conn:
        assert conn.execute(delete(t.checkpoint).where(t.checkpoint.c.size == 5)).rowcount == 1
    assert (scene.readyz(), scene.publisher(), scene.bundle()) == ("ready", "signs", "passes")
    assert scene.differences() == []


def test_a_stopped_ledger_is_not_ready_and_says_so_by_its_code_only(scene: Scene) -> None:
    HISTORIES[0].tamper(scene)
    assert scene.probe() == "ledgers: ledger-stopped"
