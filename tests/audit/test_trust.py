"""Trust passes from one set of the log's keys to the next, and ends where one was revoked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ledger.audit.faults import BundleFault
from ledger.audit.kept import read_kept
from ledger.audit.verify import verify_bundle
from ledger.journal import entry as entries
from ledger.journal.commands import Statement
from ledger.tlog.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from ledger.tlog.merkle import EMPTY_ROOT
from ledger.tlog.note import Signer, Verifier, split_note
from tests.audit.lived import Files, Forger, Lived, bundle_of, entries_in, pack
from tests.journal.live import ORIGIN


def fault_of(path: Path, trusted: Sequence[Verifier] | None = None) -> BundleFault:
    """The fault that a bundle is refused by."""
    with pytest.raises(BundleFault) as caught:
        verify_bundle(path, trusted)
    return caught.value


class Rotation:
    """A log of which the keys are changed after its founding: honest entries, chosen signatures."""

    def __init__(self, lived: Lived, files: Files, revoked: dict[str, Any] | None = None) -> None:
        self.keys = lived.keys
        self.forger = Forger(entries_in(files)[: lived.published[1]])
        self.before = len(self.forger.entries)
        two = {"actor": lived.counter.office, "approver": lived.counter.second}
        fields: dict[str, Any] = {
            "next": lived.keys.vkeys_hash(3),
            "vkeys": list(lived.keys.vkeys(2)),
        }
        if revoked is not None:
            fields["revoked"] = revoked
        self.forger.enter(Statement(kind="key", fields=fields, **two))
        self.over = len(self.forger.entries)

    def bundle(self, path: Path, sizes: Sequence[int], *generations: int) -> Path:
        """Checkpoints of `sizes`, those over the `key` entry signed by these generations."""

        def signing(size: int) -> list[Signer]:
            use = generations if size >= self.over else (1,)
            return [signer for each in use for signer in self.keys.signers(each)]

        vkeys = [*self.keys.vkeys(1), *self.keys.vkeys(2)]
        return pack(bundle_of(self.forger.entries, signing, sizes, vkeys), path)


def test_the_first_head_over_new_keys_bears_the_old_ones_too(
    lived: Lived, files: Files, tmp_path: Path, trusted: list[Verifier]
) -> None:
    rotation = Rotation(lived, files)
    good = rotation.bundle(tmp_path / "good.zip", [5, rotation.before], 1, 2)
    assert verify_bundle(good, trusted).trust == "checked"
    for generations, missing in (((2,), 1), ((1,), 2)):
        bad = rotation.bundle(tmp_path / "bad.zip", [5, rotation.before], *generations)
        first, second = (each.verifier for each in lived.keys.signers(missing))
        says = str(fault_of(bad, trusted))
        if missing == 1:
            names = " and ".join(f"{ORIGIN}+{each.key_id:08x}" for each in (first, second))
            assert says == f"checkpoints/{rotation.over} is not signed by {names}"
        else:
            assert f"checkpoints/{rotation.over} is not signed by" in says


@pytest.mark.parametrize("generation", [1, 2])
def test_a_wrong_signature_is_refused_where_none_was_wanted(
    lived: Lived, files: Files, tmp_path: Path, generation: int
) -> None:
    # Given checkpoints that bear lines of keys that need not sign there, over other bytes
    first, last = (lived.keys.signers(each)[0] for each in (1, 2))
    wrong = sign_checkpoint(Checkpoint(ORIGIN, 1, bytes(32)), [(last, first)[generation - 1]], 0)
    place = ("checkpoints/5", f"checkpoints/{lived.published[-1]}")[generation - 1]
    files[place] += wrong.rpartition(b"\n\n")[2]
    files["checkpoint"] = files[f"checkpoints/{lived.published[-1]}"]
    path = pack(files, tmp_path / "bad.zip")
    # Then everybody refuses them, whichever of the keys they trust
    for each in (first, last):
        assert f"{ORIGIN}+" in str(fault_of(path, [each.verifier]))
        assert "is not valid" in str(fault_of(path, [each.verifier]))


def test_revoked_keys_accuse_nobody_after_the_size_that_they_are_good_for(
    lived: Lived, files: Files, tmp_path: Path, trusted: list[Verifier]
) -> None:
    # Given keys that were revoked after the head of size 5, and a thief who signs with them
    five = parse_checkpoint(split_note(files["checkpoints/5"]).text)
    rotation = Rotation(lived, files, {"root": entries.to_base64(five.root), "size": 5})
    path = rotation.bundle(tmp_path / "revoked.zip", [5, rotation.before], 2)
    kept = tmp_path / "kept"

    def said(size: int, generation: int) -> str:
        head = Checkpoint(ORIGIN, size, b"\1" * 32)
        kept.write_bytes(sign_checkpoint(head, lived.keys.signers(generation), 0))
        with pytest.raises(BundleFault) as caught:
            verify_bundle(path, trusted, heads=[read_kept(kept, trusted)])
        return str(caught.value)

    # Then what he signed says nothing against the log, beyond that size
    assert "says nothing against the log" in said(6, 1)
    assert "signed by none of the keys" in said(6_000, 1)
    # And up to it, as with the keys that are good, it does
    assert "two histories" in said(4, 1)
    assert "two histories" in said(6, 2)
    assert "were taken away" in said(6_000, 2)


def test_after_a_revocation_older_trust_ends_at_the_size_it_names(
    lived: Lived, files: Files, tmp_path: Path, trusted: list[Verifier]
) -> None:
    # Given keys that were revoked after the head of size 5
    five = parse_checkpoint(split_note(files["checkpoints/5"]).text)
    revoked = {"root": entries.to_base64(five.root), "size": 5}
    rotation = Rotation(lived, files, revoked)
    path = rotation.bundle(tmp_path / "revoked.zip", [5, rotation.before], 2)
    # Then who trusts them trusts 5 entries
    report = verify_bundle(path, trusted)
    assert (report.trust, report.trusted_size) == ("partly", 5)
    assert f"entry {rotation.before} revoked the keys that you trust" in report.says
    assert "they vouch for the first 5 entries only" in report.says
    # And who trusts the new ones trusts all
    new = [signer.verifier for signer in lived.keys.signers(2)]
    assert verify_bundle(path, new).trust == "checked"


def test_a_revocation_without_an_older_head_leaves_nothing_to_trust(
    lived: Lived, files: Files, tmp_path: Path, trusted: list[Verifier]
) -> None:
    # Given a revocation of everything, as somebody without the old keys would write it
    revoked = {"root": entries.to_base64(EMPTY_ROOT), "size": 0}
    rotation = Rotation(lived, files, revoked)
    path = rotation.bundle(tmp_path / "revoked.zip", [rotation.before], 2)
    fault = fault_of(path, trusted)
    assert fault.seq == rotation.before
    assert "the bundle has no head that they signed up to size 0" in str(fault)


def test_a_revocation_that_names_another_history_is_refused(
    lived: Lived, files: Files, tmp_path: Path
) -> None:
    rotation = Rotation(lived, files, {"root": entries.to_base64(bytes(32)), "size": 5})
    fault = fault_of(rotation.bundle(tmp_path / "bad.zip", [5], 2))
    assert (fault.seq, fault.rule) == (rotation.before, "keys")
    assert "revokes keys after size 5 with the root" in str(fault)
