"""Five hundred rounds of crashes, on each database in turn, on ledgers that grow round by round."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from tests.torture.aftermath import told
from tests.torture.crashing import ROUNDS, Crashes
from tests.torture.server import own_server

ROUNDS_IN_ALL = 500
ROUNDS_PER_LEDGER = 25
LEDGERS = ROUNDS_IN_ALL // ROUNDS_PER_LEDGER
SQLITE_SEEDS = range(LEDGERS // 2)
POSTGRESQL_SEEDS = range(LEDGERS // 2, LEDGERS)


@pytest.mark.parametrize("seed", SQLITE_SEEDS)
def test_crashes_on_sqlite(tmp_path: Path, seed: int) -> None:
    crashes = Crashes(tmp_path / "data", f"sqlite:///{tmp_path / 'points.db'}", seed)

    run(crashes, seed, ROUNDS["sqlite"])


@pytest.mark.parametrize("seed", POSTGRESQL_SEEDS)
def test_crashes_on_postgresql(tmp_path: Path, seed: int) -> None:
    with own_server() as server:
        crashes = Crashes(tmp_path / "data", server.url, seed, server)

        run(crashes, seed, ROUNDS["postgresql"])


def run(crashes: Crashes, seed: int, kinds: tuple[str, ...]) -> None:
    """The rounds of one ledger, of a kind by chance each; their numbers are for `pytest -s`."""
    rng = random.Random(seed)
    for _ in range(ROUNDS_PER_LEDGER):
        crashes.round(rng.choice(kinds))
    crashes.look_at_all()
    sys.stdout.write(f"\nledger {seed}: {told(crashes.counts)}\n")
    assert crashes.counts["killed"] > ROUNDS_PER_LEDGER // 4
