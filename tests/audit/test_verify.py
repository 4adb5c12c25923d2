"""A good bundle passes whole; a damaged one is refused by naming the first thing that is wrong."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.audit.faults import BundleFault
from ledger.audit.verify import verify_bundle
from ledger.journal import entry as entries
from ledger.tlog.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from ledger.tlog.merkle import EMPTY_ROOT
from ledger.tlog.note import Ed25519Signer, Verifier, split_note
from ledger.tlog.tiles import encode_bundle
from tests.audit.lived import Files, Lived, bundle_of, entries_in, flipped, pack
from tests.journal.live import ORIGIN


def fault_of(path: Path, trusted: Sequence[Verifier] | None = None) -> BundleFault:
    """The fault that a bundle is refused by."""
    with pytest.raises(BundleFault) as caught:
        verify_bundle(path, trusted)
    return caught.value


# --- a good bundle -------------------------------------------------------------------------------


def test_a_good_bundle_is_reported_with_its_totals(
    lived: Lived, good: Path, trusted: list[Verifier], files: Files
) -> None:
    # When it is verified by someone who has the keys with which the log began
    report = verify_bundle(good, trusted)
    # Then all of it is under a head that he trusts
    size = lived.published[-1]
    assert (report.origin, report.size, report.trust) == (ORIGIN, size, "checked")
    assert report.trusted_size == size
    assert report.says == f"all {size} entries are under a head that you trust"
    assert report.checkpoints == 4
    assert report.vkeys == (*lived.keys.vkeys(1), *lived.keys.vkeys(2))
    # And every type of entry is counted
    kinds = [entries.decode(raw)["type"] for raw in entries_in(files)]
    assert report.entries == {kind: kinds.count(kind) for kind in entries.TYPES}
    assert all(report.entries.values())
    assert report.first_at == entries.decode(entries_in(files)[0])["at"]
    assert report.last_at == entries.decode(entries_in(files)[-1])["at"]


def test_its_points_are_those_in_the_tables_and_add_up(lived: Lived, good: Path) -> None:
    points = verify_bundle(good).points
    tables = lived.counter
    assert points.issued == -tables.balance(tables.budget)
    assert points.withdrawn == tables.balance("withdrawn") == 50
    assert points.expired == tables.balance("expired") == 5
    assert points.settled == tables.balance("settled") == 20
    assert points.written_off == -tables.balance("written-off") == 5
    assert (points.held, points.owed) == (0, 12)
    gone = points.withdrawn + points.expired + points.settled
    assert points.issued + points.written_off == gone + points.outstanding


def test_its_accounts_are_counted_by_kind(good: Path) -> None:
    counts = verify_bundle(good).accounts
    assert asdict(counts) == {"issuer": 1, "member": 4, "org": 1, "closed": 1}


def test_the_report_is_json(good: Path, trusted: list[Verifier]) -> None:
    report = verify_bundle(good, trusted)
    told = orjson.loads(orjson.dumps(report.to_json()))
    assert told["trust"] == "checked"
    assert told["root"] == entries.to_base64(report.root)
    assert told["points"]["issued"] == report.points.issued
    assert told["entries"]["credit"] == report.entries["credit"]


def test_without_keys_it_is_only_consistent_with_itself(good: Path) -> None:
    report = verify_bundle(good)
    assert (report.trust, report.trusted_size) == ("unchecked", 0)
    assert report.says == "consistent with itself; whose it is was not checked"


def test_progress_is_told_to_the_end(good: Path) -> None:
    told: list[tuple[int, int]] = []
    report = verify_bundle(good, progress=lambda done, whole: told.append((done, whole)))
    assert told == [(256, report.size), (512, report.size), (report.size, report.size)]


def test_verifying_needs_no_database(good: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from ledger.audit.verify import verify_bundle;"
        "from ledger.audit.receipts import verify_receipt;"
        "verify_bundle(Path(sys.argv[1])); sys.exit('sqlalchemy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(good)], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


# --- damaged files (each kind of damage: tests/audit/tampering) ----------------------------------


def test_a_bit_of_an_entry_is_found_by_its_seq(files: Files, tmp_path: Path) -> None:
    # Given an entry in the middle of the second bundle, of which one digit is changed
    raw = files["tile/entries/001"]
    at = raw.index(b'"amount":', 30_000) + len('"amount":-')
    files["tile/entries/001"] = flipped(raw, at)
    seq = entries.decode(entries_in(files)[256])["seq"]
    wanted = next(s for s, e in enumerate(entries_in(files)) if e not in raw and s >= seq)
    # Then the fault names it
    fault = fault_of(pack(files, tmp_path / "bad.zip"))
    assert (fault.seq, fault.file, fault.rule) == (wanted, "tile/entries/001", None)
    assert str(fault).startswith(f"entry {wanted} in tile/entries/001 has the leaf hash")


@pytest.mark.parametrize("rearranged", ["dropped", "doubled", "reordered"])
def test_entries_that_were_moved_are_found_where_they_begin_to_differ(
    files: Files, tmp_path: Path, rearranged: str
) -> None:
    log = entries_in(files)[256:512]
    moved = {
        "dropped": [*log[:9], *log[10:], log[9]],
        "doubled": [*log[:9], log[8], *log[9:255]],
        "reordered": [*log[:9], log[10], log[9], *log[11:]],
    }[rearranged]
    files["tile/entries/001"] = encode_bundle(moved)
    fault = fault_of(pack(files, tmp_path / "bad.zip"))
    assert fault.seq == 256 + 9


def test_a_root_that_the_entries_do_not_give_is_named(
    lived: Lived, files: Files, tmp_path: Path
) -> None:
    # Given a head of another history, signed by the log's own keys
    head = Checkpoint(ORIGIN, 5, bytes(32))
    files["checkpoints/5"] = sign_checkpoint(head, lived.keys.signers(1), 1)
    # Then it is refused, though its signatures are right
    fault = fault_of(pack(files, tmp_path / "bad.zip"))
    assert f"checkpoints/5 states the root {bytes(32).hex()} at size 5, its entries give" in str(
        fault
    )


def test_a_checkpoint_lacks_one_of_the_logs_keys(
    lived: Lived, files: Files, tmp_path: Path
) -> None:
    text, *lines = files["checkpoints/5"].partition(b"\n\n")
    files["checkpoints/5"] = text + b"\n\n" + lines[1].splitlines(keepends=True)[0]
    fault = fault_of(pack(files, tmp_path / "bad.zip"))
    missing = lived.keys.signers(1)[1].verifier
    assert f"checkpoints/5 is not signed by {ORIGIN}+{missing.key_id:08x}" in str(fault)


def test_the_log_of_one_origin_is_not_published_under_another(
    lived: Lived, files: Files, tmp_path: Path, trusted: list[Verifier]
) -> None:
    # Given the log's own keys under the head of a log that calls itself something else
    log = entries_in(files)[:27]
    other = "example.org/log/other"
    forged = bundle_of(log, lambda _: lived.keys.signers(1), [], lived.keys.vkeys(1), other)
    # Then it is refused
    fault = fault_of(pack(forged, tmp_path / "bad.zip"), trusted)
    assert str(fault) == (
        f"checkpoints/27 is of {other} at size 27, but these are the first 27 entries of {ORIGIN}"
    )


def test_an_empty_log_is_no_bundle(lived: Lived, tmp_path: Path) -> None:
    note = sign_checkpoint(Checkpoint(ORIGIN, 0, EMPTY_ROOT), lived.keys.signers(1), 1)
    manifest = {"format": "points-bundle/1", "keys": [], "origin": ORIGIN, "size": 0}
    files = {"manifest.json": orjson.dumps(manifest), "checkpoint": note}
    assert "checkpoint is of size 0" in str(fault_of(pack(files, tmp_path / "bad.zip")))


def test_a_head_of_a_monstrous_size_costs_no_more_than_its_files(
    lived: Lived, files: Files, tmp_path: Path
) -> None:
    size = 2**53 - 1
    head = Checkpoint(ORIGIN, size, bytes(32))
    note = sign_checkpoint(head, lived.keys.signers(2), 1)
    files["checkpoint"] = files[f"checkpoints/{size}"] = note
    fault = fault_of(pack(files, tmp_path / "bad.zip"))
    assert f"is missing: a log of {size} entries has" in str(fault)


# --- whose it is ---------------------------------------------------------------------------------


def test_the_bundle_of_another_log_is_foreign(good: Path) -> None:
    other = Ed25519Signer(ORIGIN, Ed25519PrivateKey.generate()).verifier
    fault = fault_of(good, [other])
    assert f"no checkpoint of this bundle of {ORIGIN} is signed by a key that you trust" in str(
        fault
    )


def test_a_witness_alone_does_not_say_whose_it_is(
    lived: Lived, files: Files, tmp_path: Path
) -> None:
    # Given a bundle whose head a witness signed too
    witness = Ed25519Signer("witness.example.org", Ed25519PrivateKey.generate())
    size = lived.published[-1]
    text = split_note(files["checkpoint"]).text
    line = sign_checkpoint(parse_checkpoint(text), [witness], 0).rpartition(b"\n\n")[2]
    files["checkpoint"] += line
    files[f"checkpoints/{size}"] = files["checkpoint"]
    path = pack(files, tmp_path / "witnessed.zip")
    # Then his key alone is not enough, and beside the log's it does no harm
    assert "none of the keys that you trust is this log's" in str(
        fault_of(path, [witness.verifier])
    )
    own = [signer.verifier for signer in lived.keys.signers(1)]
    assert verify_bundle(path, [witness.verifier, *own]).trust == "checked"


@pytest.mark.parametrize("generation", [1, 2])
@pytest.mark.parametrize("which", [slice(0, 1), slice(1, 2), slice(0, 2)])
def test_any_key_of_any_generation_vouches_for_the_head(
    lived: Lived, good: Path, generation: int, which: slice
) -> None:
    keys = [signer.verifier for signer in lived.keys.signers(generation)][which]
    assert verify_bundle(good, keys).trust == "checked"


def test_a_key_that_the_log_did_not_reveal_yet_is_not_trusted(lived: Lived, good: Path) -> None:
    keys = [signer.verifier for signer in lived.keys.signers(3)]
    assert "signed by a key that you trust" in str(fault_of(good, keys))
