"""The master key of 2,000 members is replaced; of 100,000 in tests/torture."""

from __future__ import annotations

from tests.cli.conftest import Terminal
from tests.cli.rotating import rotate

MEMBERS = 2_000


def test_it_is_killed_half_way_and_resumed_while_the_service_runs(either: Terminal) -> None:
    either.found()

    half = rotate(either, MEMBERS, per_batch=50)

    # some keys were wrapped by either master key when it was killed
    assert half.keys() == {1, 2}
    assert half[2] >= MEMBERS // 2
