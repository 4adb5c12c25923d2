"""Four processes of eight threads on one ledger, for a minute on each database."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.torture.aftermath import told
from tests.torture.crowding import crowd

SECONDS = 60


def test_what_a_crowd_was_told_in_a_minute_is_one_history(
    database_url: str, tmp_path: Path
) -> None:
    counts = crowd(tmp_path / "data", database_url, 1, seconds=SECONDS)

    sys.stdout.write(f"\na minute: {told(counts)}\n")
    assert counts["repeats"] > 0
    assert counts["answers"] > counts["repeats"]
