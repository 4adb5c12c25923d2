"""A head that somebody kept proves something against a log only if the log's own keys signed it."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.audit.faults import BundleFault
from ledger.audit.kept import read_kept
from ledger.audit.verify import verify_bundle
from ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from ledger.tlog.note import Ed25519Signer, Signer, Verifier
from ledger.tlog.proof import LogProof
from tests.audit.lived import Files, Lived
from tests.journal.live import ORIGIN

STRANGER = Ed25519Signer(ORIGIN, Ed25519PrivateKey.generate())


def note(signers: Sequence[Signer], size: int, origin: str = ORIGIN) -> bytes:
    """A head that the log never had."""
    return sign_checkpoint(Checkpoint(origin, size, b"\1" * 32), signers, 0)


def verdict(good: Path, kept: Path, trusted: list[Verifier]) -> str:
    """What a verifier of the good bundle reads who brings what he kept."""
    kept_head = read_kept(kept, trusted)
    try:
        return verify_bundle(good, trusted, heads=[kept_head]).trust
    except BundleFault as fault:
        return str(fault)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.mark.parametrize("generation", [1, 2])
def test_a_head_of_another_history_that_a_log_key_signed_is_the_proof(
    lived: Lived, good: Path, kept: Path, trusted: list[Verifier], generation: int
) -> None:
    kept.write_bytes(note(lived.keys.signers(generation)[:1], 400))
    assert "two histories were signed" in verdict(good, kept, trusted)


def test_a_head_that_no_key_of_the_log_signed_accuses_nobody(
    good: Path, kept: Path, trusted: list[Verifier]
) -> None:
    kept.write_bytes(note([STRANGER], 400))
    assert "it says nothing against the log" in verdict(good, kept, trusted)


def test_a_head_beyond_the_end_that_no_key_of_the_log_signed_accuses_nobody(
    lived: Lived, good: Path, kept: Path, trusted: list[Verifier]
) -> None:
    kept.write_bytes(note([STRANGER], 4_000))
    assert "signed by none of the keys" in verdict(good, kept, trusted)
    kept.write_bytes(note(lived.keys.signers(2), 4_000))
    assert "entries were taken away" in verdict(good, kept, trusted)


def test_a_key_that_the_caller_trusts_is_as_good_as_one_of_the_log(
    good: Path, kept: Path, trusted: list[Verifier]
) -> None:
    # Given a log that was made anew with other keys, but for a key that an auditor had before
    kept.write_bytes(note([STRANGER], 400))
    both = [*trusted, STRANGER.verifier]
    assert "two histories were signed" in verdict(good, kept, both)


def test_a_head_of_another_log_is_told_from_another_history(
    lived: Lived, good: Path, kept: Path, trusted: list[Verifier]
) -> None:
    kept.write_bytes(note([STRANGER], 400, "points.example.org/log/nanyuan\u202e\u009b"))
    said = verdict(good, kept, trusted)
    assert "'points.example.org/log/nanyuan\\u202e\\x9b'" in said
    assert "leave it out" in said


def test_receipts_and_bundles_are_kept_heads_too(
    good: Path, kept: Path, trusted: list[Verifier], files: Files, lived: Lived
) -> None:
    # Given the receipt of an entry
    kept.write_bytes(LogProof(3, (), files["checkpoints/5"], b"{}").encode())
    assert verdict(good, kept, trusted) == "checked"
    # And one under another head
    kept.write_bytes(LogProof(3, (), note(lived.keys.signers(1), 5), b"{}").encode())
    assert "two histories were signed" in verdict(good, kept, trusted)
    # And a bundle
    assert verdict(good, good, trusted) == "checked"


def test_a_file_without_a_head_is_named(kept: Path, trusted: list[Verifier]) -> None:
    for raw in (b"", b"c2sp.org/tlog-proof@v1\n", b"PK\3\4", b"\n\n"):
        kept.write_bytes(raw)
        with pytest.raises(BundleFault, match="kept"):
            read_kept(kept, trusted)
