"""The master key of 100,000 members is replaced while the service runs, killed and resumed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Terminal, make_cheap_keys
from tests.cli.rotating import rotate

MEMBERS = 100_000


def test_it_is_killed_half_way_and_resumed(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_cheap_keys(monkeypatch)
    terminal = Terminal(tmp_path / "data", database_url)
    terminal.found()
    began = time.perf_counter()

    half = rotate(terminal, MEMBERS, per_batch=500)

    assert half.keys() == {1, 2}
    sys.stdout.write(f"\n{half} when killed; {time.perf_counter() - began:.0f} s in all\n")
