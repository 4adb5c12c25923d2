"""However many processes verify a bundle, the report and the first fault are the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.audit import opening
from ledger.audit.faults import BundleFault, WorkersLost
from ledger.audit.opening import jobs_for
from ledger.audit.verify import verify_bundle
from ledger.tlog.note import Verifier
from ledger.tlog.tiles import encode_bundle
from tests.audit.lived import (
    Files,
    bundle_of,
    entries_in,
    flipped,
    pack,
    three_generations,
)

Damage = Callable[[Files], None]


def test_several_processes_give_the_report_of_one(good: Path, trusted: list[Verifier]) -> None:
    told: list[tuple[int, int]] = []
    alone = verify_bundle(good, trusted)
    together = verify_bundle(good, trusted, lambda *step: told.append(step), jobs=3)
    assert together == alone
    assert told == [(256, alone.size), (512, alone.size), (alone.size, alone.size)]


def _late_and_early(files: Files) -> None:
    """An entry of the last bundle that its hash is not of, and a broken rule in the first."""
    name = next(name for name in files if name.startswith("tile/entries/002.p/"))
    files[name] = flipped(files[name], 100)
    log = entries_in(files)
    log[9], log[10] = log[10], log[9]
    leaves = bundle_of(log, lambda _: three_generations().signers(1))
    files["tile/entries/000"] = encode_bundle(log[:256])
    files["tile/0/000"] = leaves["tile/0/000"]


def _of_no_form(files: Files) -> None:
    """An entry of the second bundle with a space in it, hashed as it is."""
    log = entries_in(files)
    log[300] = log[300].replace(b",", b", ", 1)
    forged = bundle_of(log, lambda _: three_generations().signers(1))
    for name in ("tile/entries/001", "tile/0/001"):
        files[name] = forged[name]


DAMAGES: dict[str, tuple[Damage, tuple[int | None, str | None]]] = {
    "a hash": (lambda files: files.update({"tile/0/001": bytes(8192)}), (256, None)),
    "two": (_late_and_early, (9, "sequence")),
    "form": (_of_no_form, (300, "form")),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_several_processes_name_the_first_fault_of_one(
    files: Files, tmp_path: Path, name: str
) -> None:
    damage, (seq, rule) = DAMAGES[name]
    damage(files)
    path = pack(files, tmp_path / "bad.zip")
    faults = []
    for jobs in (1, 2, 3):
        with pytest.raises(BundleFault) as caught:
            verify_bundle(path, jobs=jobs)
        faults.append(caught.value)
    assert (faults[0].seq, faults[0].rule) == (seq, rule)
    assert faults[1].to_json() == faults[2].to_json() == faults[0].to_json()


def test_a_process_that_is_lost_is_no_fault_of_the_bundle(tmp_path: Path, good: Path) -> None:
    # Given a bundle that is gone by the time when a helping process opens it
    tiles = iter([opening.Tile(None, 0, 256)])
    with pytest.raises(WorkersLost, match="--jobs 1"):
        list(opening._opened_by_others(tmp_path / "gone.zip", tiles, 256, 1))


def test_a_short_bundle_is_not_worth_a_second_process(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert jobs_for(good) == 1
    monkeypatch.setattr(opening, "LONG_BUNDLE_BYTES", 1)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3})
    assert jobs_for(good) == 4
