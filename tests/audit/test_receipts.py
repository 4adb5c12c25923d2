"""A receipt proves one entry, offline, to whoever has a key of the log's."""

import re
from dataclasses import replace

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.audit.faults import ReceiptFault
from ledger.audit.receipts import verify_receipt
from ledger.journal import log
from ledger.journal.entry import decode, encode
from ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from ledger.tlog.merkle import leaf_hash, node_hash
from ledger.tlog.note import Ed25519Signer, Verifier
from ledger.tlog.proof import LogProof, parse_proof
from tests.audit.lived import Lived
from tests.journal.live import ORIGIN

SEQ = 300


@pytest.fixture
def receipt(lived: Lived) -> bytes:
    """The receipt of a credit."""
    with lived.counter.database.reading() as conn:
        return log.receipt(conn, lived.counter.id, SEQ).encode()


@pytest.fixture
def present(lived: Lived) -> list[Verifier]:
    """The log's present keys."""
    return [signer.verifier for signer in lived.keys.signers(2)]


def fault_of(raw: bytes, trusted: list[Verifier] | None = None) -> str:
    """The sentence that a receipt is refused by."""
    with pytest.raises(ReceiptFault) as caught:
        verify_receipt(raw, trusted)
    return str(caught.value)


def damaged(receipt: bytes, **changes: object) -> bytes:
    """The receipt with some of its parts replaced."""
    proof = parse_proof(receipt)
    return replace(proof, **changes).encode()  # type: ignore[arg-type]


def test_a_receipt_proves_its_entry(lived: Lived, receipt: bytes, present: list[Verifier]) -> None:
    report = verify_receipt(receipt, present)
    assert (report.origin, report.seq, report.trust) == (ORIGIN, SEQ, "checked")
    assert report.size == lived.published[-1]
    assert report.entry["type"] == "credit"
    assert report.signed_by == tuple(f"{ORIGIN}+{key.key_id:08x}" for key in present)
    told = orjson.loads(orjson.dumps(report.to_json()))
    assert told["entry"]["seq"] == SEQ


def test_without_keys_whose_it_is_is_not_checked(receipt: bytes) -> None:
    report = verify_receipt(receipt)
    assert (report.trust, report.signed_by) == ("unchecked", ())
    assert report.says == "consistent with itself; whose it is was not checked"


def test_the_keys_of_another_log_prove_nothing(receipt: bytes, trusted: list[Verifier]) -> None:
    other = Ed25519Signer(ORIGIN, Ed25519PrivateKey.generate()).verifier
    for keys in ([other], trusted):  # those before the present ones did not sign this head either
        says = fault_of(receipt, keys)
        assert "signed by none of the keys that you gave, but by" in says
        assert "if the log changed its keys" in says


@pytest.mark.parametrize("left", [0, 1])
def test_who_has_keys_of_both_types_wants_both_to_sign(
    lived: Lived, receipt: bytes, present: list[Verifier], trusted: list[Verifier], left: int
) -> None:
    # Given a receipt from whose head one of the two signatures was taken away
    text, _, lines = parse_proof(receipt).checkpoint.rpartition(b"\n\n")
    note = text + b"\n\n" + lines.splitlines(keepends=True)[left]
    less = damaged(receipt, checkpoint=note)
    # Then who has a key of each type refuses it, whatever other keys he has besides
    for keys in (present, [*present, *trusted]):
        assert "a signature was taken away" in fault_of(less, keys)
        assert re.search("none of the (Ed25519|ML-DSA-44) keys", fault_of(less, keys))
    # And who has that key alone accepts it
    assert verify_receipt(less, [present[left]]).trust == "checked"
    # Though all is well with both signatures and the keys of all times
    assert len(verify_receipt(receipt, [*present, *trusted]).signed_by) == 2


def test_another_entry_does_not_fit_the_proof(receipt: bytes, present: list[Verifier]) -> None:
    entry = decode(parse_proof(receipt).extra or b"")
    entry["postings"][1]["amount"] += 1
    for keys in (present, None):
        says = fault_of(damaged(receipt, extra=encode(entry)), keys)
        assert says.startswith("the receipt does not hold: inclusion of leaf 300: leads to root")


def test_another_place_does_not_fit_the_proof(receipt: bytes, present: list[Verifier]) -> None:
    assert "inclusion of leaf 301" in fault_of(damaged(receipt, index=SEQ + 1), present)


def test_a_changed_head_is_not_signed(receipt: bytes, present: list[Verifier]) -> None:
    note = parse_proof(receipt).checkpoint.replace(b"\n655\n", b"\n654\n")
    assert "is not valid" in fault_of(damaged(receipt, checkpoint=note), present)


def test_a_proof_without_an_entry_is_no_receipt(receipt: bytes, present: list[Verifier]) -> None:
    assert "carries no entry" in fault_of(damaged(receipt, extra=None), present)


def test_something_else_is_no_receipt() -> None:
    assert "the receipt does not hold: proof does not have the form" in fault_of(b"hello")


def forged(lived: Lived, raw: bytes, index: int) -> bytes:
    """A sound proof, by the log's own keys, that `raw` is an entry of a log of two."""
    other = leaf_hash(b"")
    leaves = [leaf_hash(raw), other] if index == 0 else [other, leaf_hash(raw)]
    head = Checkpoint(ORIGIN, 2, node_hash(*leaves))
    note = sign_checkpoint(head, lived.keys.signers(2), 1)
    return LogProof(index, (other,), note, raw).encode()


def test_an_entry_that_calls_itself_another_is_refused(
    lived: Lived, receipt: bytes, present: list[Verifier]
) -> None:
    raw = parse_proof(receipt).extra or b""
    says = fault_of(forged(lived, raw, 1), present)
    assert says == (f"the entry says that it is 300 of {ORIGIN}, but the proof is of 1 of {ORIGIN}")
    foreign = encode(decode(raw) | {"seq": 1, "ledger": "example.org/log/other"})
    assert "it is 1 of example.org/log/other" in fault_of(forged(lived, foreign, 1), present)


def test_what_is_logged_but_is_no_entry_is_refused(lived: Lived, present: list[Verifier]) -> None:
    assert "the receipt's entry is none: it is not JSON" in fault_of(
        forged(lived, b"hello", 0), present
    )
