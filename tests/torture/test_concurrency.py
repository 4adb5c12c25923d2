"""Four processes of eight threads on one ledger, for a minute on each database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.torture.crowding import crowd

SECONDS = 60


def test_what_a_crowd_was_told_in_a_minute_is_one_history(
    database_url: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    counts = crowd(tmp_path / "data", database_url, 1, seconds=SECONDS)

    for name, number in counts.items():
        record_property(name, number)
    assert counts["repeats"] > 0
    assert counts["answers"] > counts["repeats"]
