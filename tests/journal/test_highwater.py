"""The high-water file as it is looked at before each batch: never older than it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.errors import LedgerStopped
from ledger.journal import highwater
from ledger.journal.highwater import Watched, write_high_water
from ledger.tlog.checkpoint import Checkpoint

ORIGIN = "points.example.org/log/beiyuan"


def head(size: int) -> Checkpoint:
    return Checkpoint(ORIGIN, size, bytes([size]) * 32)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    seen: list[Path] = []
    read: Callable[[Path, str], Checkpoint | None] = highwater.read_high_water

    def spy(path: Path, origin: str) -> Checkpoint | None:
        seen.append(path)
        return read(path, origin)

    monkeypatch.setattr(highwater, "read_high_water", spy)
    return seen


def test_a_file_that_stays_as_it_is_is_read_once(tmp_path: Path, reads: list[Path]) -> None:
    path = tmp_path / "head"
    write_high_water(path, head(1))
    reads.clear()
    watched = Watched(path, ORIGIN)

    assert [watched.mark() for _ in range(3)] == [head(1)] * 3
    assert len(reads) == 1


def test_what_becomes_of_the_file_is_seen_at_once(tmp_path: Path) -> None:
    path = tmp_path / "head"
    watched = Watched(path, ORIGIN)
    assert watched.mark() is None

    for size in range(1, 20):  # each within the same tick of a coarse clock
        write_high_water(path, head(size))
        assert watched.mark() == head(size)

    path.write_bytes(head(3).encode())
    assert watched.mark() == head(3)
    path.unlink()
    assert watched.mark() is None


def test_a_damaged_file_is_complained_of_each_time(tmp_path: Path) -> None:
    path = tmp_path / "head"
    path.write_bytes(b"nothing of ours")
    watched = Watched(path, ORIGIN)

    for _ in range(2):
        with pytest.raises(LedgerStopped, match="damaged"):
            watched.mark()
