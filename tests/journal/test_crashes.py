"""Killed at any moment, a ledger keeps what it said.  `make torture` does this for longer."""

from __future__ import annotations

from pathlib import Path

from tests.torture.crashing import ROUNDS, Crashes
from tests.torture.server import own_server

SEED = 20261124
SQLITE_ROUNDS = (*("moment",) * 4, *("sign", "commit", "answer") * 2)
POSTGRESQL_ROUNDS = (*ROUNDS["postgresql"], "moment", "sign", "backend", "server")


def test_after_crashes_a_ledger_on_sqlite_is_what_it_told(tmp_path: Path) -> None:
    crashes = Crashes(tmp_path / "data", f"sqlite:///{tmp_path / 'points.db'}", SEED)

    for kind in SQLITE_ROUNDS:
        crashes.round(kind)

    crashes.look_at_all()
    assert crashes.counts["killed"] >= 5
    assert crashes.counts["killed at sign"] >= 1


def test_after_crashes_a_ledger_on_postgresql_is_what_it_told(tmp_path: Path) -> None:
    with own_server() as server:
        crashes = Crashes(tmp_path / "data", server.url, SEED, server)

        for kind in POSTGRESQL_ROUNDS:
            crashes.round(kind)

        crashes.look_at_all()
        assert crashes.counts["killed"] >= 4
        assert crashes.counts["killed at sign"] >= 1
        assert crashes.counts["server killed"] == 2
