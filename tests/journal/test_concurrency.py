"""Four processes of eight threads on one ledger, for a moment; `make torture` takes a minute."""

from __future__ import annotations

from pathlib import Path

from tests.torture.crowding import PROCESSES, THREADS, crowd

SEED = 20261126
STEPS = 8


def test_what_a_crowd_was_told_is_one_history(database_url: str, tmp_path: Path) -> None:
    counts = crowd(tmp_path / "data", database_url, SEED, steps=STEPS)

    assert counts["answers"] >= PROCESSES * THREADS * STEPS
    assert counts["repeats"] >= PROCESSES * THREADS
