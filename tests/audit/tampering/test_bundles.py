"""Whatever befalls a bundle is named by the file, with keys of one's own or without."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.audit.faults import BundleFault
from ledger.audit.verify import verify_bundle
from ledger.tlog.note import Verifier
from tests.audit.lived import Files, Lived, pack
from tests.audit.tampering.damages import DAMAGES, ZIPS, Damage, Rezip


def verdict(path: Path, trusted: list[Verifier] | None) -> tuple[str, str | None]:
    """What a bundle is refused by, and the file that is named; `passes` where it is not."""
    try:
        verify_bundle(path, trusted)
    except BundleFault as fault:
        return str(fault), fault.file
    return "passes", None


@pytest.mark.parametrize("own_keys", [True, False])
@pytest.mark.parametrize(("what", "damage", "says"), DAMAGES, ids=[row[0] for row in DAMAGES])
def test_a_damaged_bundle_is_refused_by_what_is_wrong(
    lived: Lived,
    files: Files,
    trusted: list[Verifier],
    tmp_path: Path,
    own_keys: bool,
    what: str,
    damage: Damage,
    says: str,
) -> None:
    size = str(lived.published[-1])
    renamed = {name.replace(size, "SIZE"): raw for name, raw in files.items()}
    damage(renamed)
    named = {name.replace("SIZE", size): raw for name, raw in renamed.items()}
    said, file = verdict(pack(named, tmp_path / "bad.zip"), trusted if own_keys else None)
    assert says.replace("SIZE", size) in said
    assert file is not None


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("what", "rezip", "says"), ZIPS, ids=[row[0] for row in ZIPS])
def test_a_damaged_zip_is_refused_or_says_the_same(
    files: Files, trusted: list[Verifier], tmp_path: Path, what: str, rezip: Rezip, says: str
) -> None:
    path = pack(files, tmp_path / "bad.zip")
    rezip(path, files)
    assert says in verdict(path, trusted)[0]
