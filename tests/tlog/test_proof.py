"""Proofs that stand alone: a receipt that anyone can check offline."""

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from ledger.tlog.errors import NoteError, ProofError, TlogError
from ledger.tlog.merkle import leaf_hash, prove_inclusion
from ledger.tlog.note import Ed25519Cosigner, Ed25519Signer, MLDSA44Signer
from ledger.tlog.proof import PROOF_BYTES_MAX, LogProof, check_proof, parse_proof
from tests.tlog.mutation import damaged

ORIGIN = "points.example.org/log/beiyuan"
NOW = 1_795_500_000
SIZE, INDEX = 300, 137
# The example of the specification; its extra data and its signatures, which are cut short there,
# stand here in full length.
PUBLISHED = """c2sp.org/tlog-proof@v1
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=

example.com/fancylog
109482
sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

— example.com/fancylog hI2DJ1roloI=
""".encode()


@pytest.fixture(scope="module")
def checkpoint(
    roots: list[bytes], ed25519: Ed25519Signer, mldsa44: MLDSA44Signer, witness: Ed25519Cosigner
) -> bytes:
    head = Checkpoint(ORIGIN, SIZE, roots[SIZE])
    return sign_checkpoint(head, [ed25519, mldsa44, witness], NOW)


@pytest.fixture(scope="module")
def proof(
    entries: list[bytes], subtree: Callable[[int, int], bytes], checkpoint: bytes
) -> LogProof:
    return LogProof(INDEX, prove_inclusion(INDEX, SIZE, subtree), checkpoint, entries[INDEX])


def test_the_published_example_is_read_and_written_alike() -> None:
    proof = parse_proof(PUBLISHED)

    assert proof.index == 73_894
    assert len(proof.hashes) == 5
    assert proof.hashes[0] == base64.b64decode("gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=")
    assert proof.extra == b"age-v1.2.1-darwin-arm64.tar.gz"
    assert proof.checkpoint.startswith(b"example.com/fancylog\n109482\n")
    assert proof.encode() == PUBLISHED


def test_a_receipt_shows_offline_that_the_log_holds_its_extra_line(
    proof: LogProof, ed25519: Ed25519Signer, roots: list[bytes]
) -> None:
    receipt = parse_proof(proof.encode())
    assert receipt == proof
    assert receipt.extra is not None

    checkpoint = check_proof(receipt, leaf_hash(receipt.extra), [ed25519.verifier])

    assert checkpoint == Checkpoint(ORIGIN, SIZE, roots[SIZE])


def test_without_extra_data_there_is_no_extra_line(proof: LogProof) -> None:
    bare = LogProof(proof.index, proof.hashes, proof.checkpoint)

    assert bare.encode().startswith(b"c2sp.org/tlog-proof@v1\nindex 137\n")
    assert parse_proof(bare.encode()) == bare


def test_the_only_leaf_of_a_tree_needs_no_hash(ed25519: Ed25519Signer) -> None:
    leaf = leaf_hash(b"first")
    signed = sign_checkpoint(Checkpoint(ORIGIN, 1, leaf), [ed25519], NOW)

    proof = parse_proof(LogProof(0, (), signed).encode())

    assert check_proof(proof, leaf, [ed25519.verifier]).size == 1


def test_extra_data_proves_nothing_by_itself(
    proof: LogProof, entries: list[bytes], ed25519: Ed25519Signer
) -> None:
    other = LogProof(proof.index, proof.hashes, proof.checkpoint, b"I am the entry")

    check_proof(other, leaf_hash(entries[INDEX]), [ed25519.verifier])
    with pytest.raises(ProofError, match="leads to root"):
        check_proof(other, leaf_hash(b"I am the entry"), [ed25519.verifier])


def test_a_proof_for_another_leaf_or_place_is_refused(
    proof: LogProof, leaves: list[bytes], ed25519: Ed25519Signer
) -> None:
    with pytest.raises(ProofError):
        check_proof(proof, leaves[INDEX + 1], [ed25519.verifier])
    for index in (INDEX + 1, 0, SIZE, 2**53 - 1):
        moved = LogProof(index, proof.hashes, proof.checkpoint, proof.extra)
        with pytest.raises(ProofError):
            check_proof(moved, leaves[INDEX], [ed25519.verifier])


def test_a_proof_needs_a_signature_of_the_log_itself(
    proof: LogProof, leaves: list[bytes], ed25519: Ed25519Signer, witness: Ed25519Cosigner
) -> None:
    stranger = Ed25519Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))

    check_proof(proof, leaves[INDEX], [ed25519.verifier, witness.verifier])
    with pytest.raises(NoteError, match="no known key called"):
        check_proof(proof, leaves[INDEX], [witness.verifier])
    with pytest.raises(NoteError, match="none of the 3 signatures"):
        check_proof(proof, leaves[INDEX], [stranger.verifier])


def test_a_known_witness_that_fails_spoils_the_proof(
    proof: LogProof, leaves: list[bytes], ed25519: Ed25519Signer, witness: Ed25519Cosigner
) -> None:
    start = proof.checkpoint.rindex("— witness".encode())
    forged = Ed25519Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    text = proof.checkpoint[: proof.checkpoint.index(b"\n\n") + 1]
    signature = witness.verifier.key_id.to_bytes(4, "big") + forged.sign(text, NOW)
    line = f"— witness.example/w1 {base64.b64encode(signature).decode()}\n".encode()
    bad = LogProof(proof.index, proof.hashes, proof.checkpoint[:start] + line)

    check_proof(bad, leaves[INDEX], [ed25519.verifier])
    with pytest.raises(NoteError, match=r"witness\.example/w1.*not valid"):
        check_proof(bad, leaves[INDEX], [ed25519.verifier, witness.verifier])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"tlog-proof@v1", b"tlog-proof@v2"),
        (b"c2sp.org", b" c2sp.org"),
        (b"@v1\n", b"@v1\r\n"),
        (b"@v1\n", b"@v1\n\n"),
        (b"extra ", b"extra  "),
        (b"extra ", b"Extra "),
        (b"extra ", b"extra"),
        (b"d6\n", b"d6=\n"),
        (b"YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6", b""),
        (b"d6\nindex", b"d6\nextra QQ==\nindex"),
        (b"index 73894\n", b""),
        (b"index 73894", b"index 073894"),
        (b"index 73894", b"index +73894"),
        (b"index 73894", b"index -1"),
        (b"index 73894", b"index 73_894"),
        (b"index 73894", b"index  73894"),
        (b"index 73894", b"index "),
        (b"index 73894", b"index"),
        (b"index 73894", b"index 9007199254740992"),
        (b"index 73894", b"index 73894\nindex 73894"),
        (b"PlQ=", b"PlR="),
        (b"PlQ=", b"PlQ"),
        (b"gSKy", b""),
        (b"gSKy", b" gSKy"),
        (b"\n\nexample.com", b"\nexample.com"),
        (PUBLISHED[PUBLISHED.index(b"\n\n") + 2 :], b""),
        (PUBLISHED, b""),
        (PUBLISHED, b"\n\n"),
    ],
)
def test_any_other_spelling_of_a_proof_is_refused(old: bytes, new: bytes) -> None:
    assert PUBLISHED.count(old) == 1

    with pytest.raises(ProofError):
        parse_proof(PUBLISHED.replace(old, new))


def test_a_proof_with_more_hashes_than_any_tree_needs_is_refused() -> None:
    many = b"gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n" * 49
    at = PUBLISHED.index(b"gSKy")

    assert len(parse_proof(PUBLISHED[:at] + many[45:] + PUBLISHED[at:]).hashes) == 53
    with pytest.raises(ProofError, match="54 hashes, wanted at most 53"):
        parse_proof(PUBLISHED[:at] + many + PUBLISHED[at:])


def test_a_proof_has_at_most_two_million_bytes() -> None:
    with pytest.raises(ProofError, match="2000001 bytes, wanted at most 2000000"):
        parse_proof(PUBLISHED.ljust(PROOF_BYTES_MAX + 1))


@pytest.mark.parametrize(
    ("index", "hashes", "extra"),
    [
        (-1, (), None),
        (2**53, (), None),
        (0, (bytes(31),), None),
        (0, (bytes(32),) * 54, None),
        (0, (), b""),
    ],
)
def test_a_proof_that_could_not_be_read_cannot_be_made(
    index: int, hashes: tuple[bytes, ...], extra: bytes | None
) -> None:
    with pytest.raises(ProofError):
        LogProof(index, hashes, b"checkpoint", extra)


@given(data=st.data())
def test_a_damaged_proof_is_refused_or_differs_in_what_no_signature_covers(
    data: st.DataObject,
    proof: LogProof,
    leaves: list[bytes],
    ed25519: Ed25519Signer,
    mldsa44: MLDSA44Signer,
    witness: Ed25519Cosigner,
) -> None:
    verifiers = [ed25519.verifier, mldsa44.verifier, witness.verifier]
    raw = data.draw(damaged(proof.encode()))

    try:
        found = parse_proof(raw)
        checkpoint = check_proof(found, leaves[INDEX], verifiers)
    except TlogError:
        return
    assert found != proof
    assert found.encode() == raw
    assert (found.index, found.hashes) == (proof.index, proof.hashes)
    assert (checkpoint.origin, checkpoint.size) == (ORIGIN, SIZE)


@given(st.binary(max_size=200) | st.text().map(str.encode) | damaged(PUBLISHED))
def test_bytes_of_any_kind_are_read_or_refused_in_our_own_words(raw: bytes) -> None:
    try:
        proof = parse_proof(raw)
    except ProofError:
        return
    assert proof.encode() == raw
    assert proof != parse_proof(PUBLISHED)
