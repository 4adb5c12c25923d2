"""Checkpoints and the timestamped signatures on them."""

import struct
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.tlog.checkpoint import (
    Checkpoint,
    log_signatures,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from ledger.tlog.cosignature import TIMESTAMP_MAX, ed25519_message, mldsa44_message
from ledger.tlog.errors import CheckpointError, NoteError, TlogError
from ledger.tlog.merkle import EMPTY_ROOT, SIZE_MAX
from ledger.tlog.note import (
    Ed25519Cosigner,
    Ed25519Signer,
    MLDSA44Signer,
    Signature,
    Signer,
    parse_vkey,
    sign_note,
    split_note,
)
from tests.tlog.mutation import damaged

ORIGIN = "points.example.org/log/beiyuan"
NOW = 1_795_500_000
PUBLISHED = b"""example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
"""
COSIGNED = (
    PUBLISHED
    + (
        "\n— example.com/behind-the-sofa "
        "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
        "— witness.example.com/w1 "
        "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    ).encode()
)
VECTORS = Path(__file__).parent / "vectors"


@pytest.fixture(scope="module")
def head() -> Checkpoint:
    return Checkpoint(ORIGIN, 42, bytes(range(32)))


def test_the_published_example_is_read_and_written_alike() -> None:
    checkpoint = parse_checkpoint(PUBLISHED)

    assert checkpoint.origin == "example.com/behind-the-sofa"
    assert checkpoint.size == 20_852_163
    assert checkpoint.encode() == PUBLISHED


def test_the_published_cosignature_has_the_shape_that_is_read_here() -> None:
    text, (log, witness) = split_note(COSIGNED)

    assert text == PUBLISHED
    assert (log.name, len(log.signature)) == ("example.com/behind-the-sofa", 64)
    assert (witness.name, len(witness.signature)) == ("witness.example.com/w1", 8 + 64)
    assert int.from_bytes(witness.signature[:8], "big") == 1_679_315_147


def test_the_cosigned_text_is_the_published_one() -> None:
    assert ed25519_message("any", PUBLISHED, 1_679_315_147) == (
        b"cosignature/v1\ntime 1679315147\n" + PUBLISHED
    )


def test_the_cosigned_structure_is_laid_out_as_specified() -> None:
    name = "witness.example.com/w1"
    origin = "example.com/behind-the-sofa"

    assert mldsa44_message(name, PUBLISHED, 1_679_315_147) == (
        b"subtree/v1\n\0"
        + bytes([len(name)])
        + name.encode()
        + struct.pack(">Q", 1_679_315_147)
        + bytes([len(origin)])
        + origin.encode()
        + struct.pack(">QQ", 0, 20_852_163)
        + bytes.fromhex("0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62")
    )


def test_a_checkpoint_that_another_implementation_signed_with_ml_dsa_44_opens() -> None:
    """The log of filippo.io/torchwood's `cmd/litewitness/testdata/mldsa.txt` (ISC licence)."""
    verifier = parse_vkey((VECTORS / "mldsa44-log.vkey").read_text().rstrip("\n"))
    raw = (VECTORS / "mldsa44-log.checkpoint").read_bytes()

    checkpoint, note = open_checkpoint(raw, [verifier])

    assert (checkpoint.origin, checkpoint.size) == ("example.com/mldsa-log", 1)
    assert log_signatures(checkpoint, note) == (Signature("example.com/mldsa-log", 0xB5DF45C5, 0),)
    with pytest.raises(NoteError, match="not valid"):
        open_checkpoint(raw.replace(b"\n1\n", b"\n2\n"), [verifier])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"20852163", b"020852163"),
        (b"20852163", b"+20852163"),
        (b"20852163", b"-1"),
        (b"20852163", b"20_852_163"),
        (b"20852163", b" 20852163"),
        (b"20852163", b"20852163 "),
        (b"20852163", b"0x13"),
        (b"20852163", b""),
        (b"20852163", b"00"),
        (b"20852163", "２".encode()),
        (b"20852163", b"%d" % (SIZE_MAX + 1)),
        (b"20852163", b"9" * 5000),
        (b"20852163", b"0"),
        (b"q2I=", b"q2I"),
        (b"q2I=", b"q2J="),
        (b"q2I=", b"q2I= "),
        (b"q2I=", b"q2\nI="),
        (b"CsUY", b""),
        (b"CsUY", b"CsUYCsUY"),
        (b"m/X", b"m_X"),
        (b"example.com/behind-the-sofa", b""),
        (b"sofa", b"so\tfa"),
        (b"sofa", b"so\xfffa"),
        (b"\n", b"\r\n"),
        (b"q2I=\n", b"q2I="),
        (b"q2I=\n", b"q2I=\n\n"),
        (b"q2I=\n", b"q2I=\nextension\n"),
        (PUBLISHED, b""),
        (PUBLISHED, b"\n\n\n"),
    ],
)
def test_any_other_spelling_of_a_checkpoint_is_refused(old: bytes, new: bytes) -> None:
    assert PUBLISHED.count(old) >= 1

    with pytest.raises(CheckpointError):
        parse_checkpoint(PUBLISHED.replace(old, new))


@pytest.mark.parametrize("size", [1, SIZE_MAX])
def test_the_first_and_the_last_size_are_read(size: int) -> None:
    checkpoint = Checkpoint(ORIGIN, size, bytes(32))

    assert parse_checkpoint(checkpoint.encode()) == checkpoint


def test_a_tree_of_nothing_has_size_zero_and_the_root_of_nothing() -> None:
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)

    assert empty.encode() == (
        f"{ORIGIN}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n".encode()
    )
    assert parse_checkpoint(empty.encode()) == empty


def test_nothing_is_assumed_of_an_origins_form() -> None:
    for origin in ("not a url", "a+b", "街道 积分", "https://x/", "\u2028"):
        checkpoint = Checkpoint(origin, 1, bytes(32))
        assert parse_checkpoint(checkpoint.encode()) == checkpoint


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 1, bytes(32)),
        ("two\nlines", 1, bytes(32)),
        ("\udcff", 1, bytes(32)),
        (ORIGIN, -1, bytes(32)),
        (ORIGIN, SIZE_MAX + 1, bytes(32)),
        (ORIGIN, 1, bytes(31)),
        (ORIGIN, 0, bytes(32)),
    ],
)
def test_a_checkpoint_that_could_not_be_read_cannot_be_made(
    origin: str, size: int, root: bytes
) -> None:
    with pytest.raises(CheckpointError):
        Checkpoint(origin, size, root)


@given(damaged(PUBLISHED))
def test_a_damaged_checkpoint_never_reads_as_the_same(raw: bytes) -> None:
    try:
        found = parse_checkpoint(raw)
    except CheckpointError:
        return
    assert found != parse_checkpoint(PUBLISHED)
    assert found.encode() == raw


def test_log_and_witness_sign_and_are_told_apart(
    head: Checkpoint, ed25519: Ed25519Signer, mldsa44: MLDSA44Signer, witness: Ed25519Cosigner
) -> None:
    signers: list[Signer] = [ed25519, mldsa44, witness]
    raw = sign_checkpoint(head, signers, NOW)

    checkpoint, note = open_checkpoint(raw, [each.verifier for each in signers])

    assert checkpoint == head
    assert log_signatures(checkpoint, note) == (
        Signature(ORIGIN, ed25519.verifier.key_id, None),
        Signature(ORIGIN, mldsa44.verifier.key_id, NOW),
    )
    assert note.signed_by("witness.example/w1") == (
        Signature("witness.example/w1", witness.verifier.key_id, NOW),
    )


def test_a_signed_checkpoint_has_an_ed25519_line_of_the_log(
    head: Checkpoint, ed25519: Ed25519Signer, mldsa44: MLDSA44Signer
) -> None:
    raw = sign_checkpoint(head, [ed25519, mldsa44], NOW)

    plain, timed = split_note(raw).lines
    assert (plain.name, len(plain.signature)) == (ORIGIN, 64)
    assert (timed.name, len(timed.signature)) == (ORIGIN, 8 + 2420)


def test_a_witness_alone_opens_a_checkpoint_but_is_not_its_log(
    head: Checkpoint, ed25519: Ed25519Signer, witness: Ed25519Cosigner
) -> None:
    raw = sign_checkpoint(head, [ed25519, witness], NOW)

    checkpoint, note = open_checkpoint(raw, [witness.verifier])

    with pytest.raises(NoteError, match=f"no known key called '{ORIGIN}'"):
        log_signatures(checkpoint, note)


def test_a_log_cannot_sign_for_another_origin(
    ed25519: Ed25519Signer, mldsa44: MLDSA44Signer
) -> None:
    foreign = Checkpoint("points.example.org/log/other", 42, bytes(32))
    raw = sign_checkpoint(foreign, [ed25519, mldsa44], NOW)

    checkpoint, note = open_checkpoint(raw, [ed25519.verifier, mldsa44.verifier])

    assert checkpoint.origin == "points.example.org/log/other"
    with pytest.raises(NoteError, match="no known key called"):
        log_signatures(checkpoint, note)


@pytest.mark.parametrize("kind", ["mldsa44", "witness"])
def test_a_timestamped_signature_covers_origin_size_root_and_timestamp(
    kind: str, head: Checkpoint, request: pytest.FixtureRequest
) -> None:
    signer: Signer = request.getfixturevalue(kind)
    signature = signer.sign(head.encode(), NOW)
    verify = signer.verifier.verify

    assert verify(head.encode(), signature) == NOW
    for other in (
        Checkpoint(ORIGIN + "2", head.size, head.root),
        Checkpoint(ORIGIN, head.size + 1, head.root),
        Checkpoint(ORIGIN, head.size, bytes(32)),
    ):
        with pytest.raises(NoteError, match="not valid"):
            verify(other.encode(), signature)
    for timestamp in (0, NOW + 1, TIMESTAMP_MAX):
        with pytest.raises(NoteError, match="not valid"):
            verify(head.encode(), struct.pack(">Q", timestamp) + signature[8:])


def test_ml_dsa_commits_to_the_signers_name(head: Checkpoint, mldsa44: MLDSA44Signer) -> None:
    namesake = MLDSA44Signer("another.example/name", mldsa44.private_key)
    signature = mldsa44.sign(head.encode(), NOW)

    with pytest.raises(NoteError, match="not valid"):
        namesake.verifier.verify(head.encode(), signature)


@pytest.mark.parametrize("kind", ["mldsa44", "witness"])
def test_a_timestamp_has_63_bits(
    kind: str, head: Checkpoint, request: pytest.FixtureRequest
) -> None:
    signer: Signer = request.getfixturevalue(kind)
    text = head.encode()

    assert signer.verifier.verify(text, signer.sign(text, 0)) == 0
    assert signer.verifier.verify(text, signer.sign(text, TIMESTAMP_MAX)) == TIMESTAMP_MAX
    for timestamp in (-1, TIMESTAMP_MAX + 1):
        with pytest.raises(NoteError, match="timestamp is"):
            signer.sign(text, timestamp)
    late = struct.pack(">Q", TIMESTAMP_MAX + 1) + signer.sign(text, 0)[8:]
    with pytest.raises(NoteError, match="timestamp is 9223372036854775808"):
        signer.verifier.verify(text, late)


@pytest.mark.parametrize("kind", ["mldsa44", "witness"])
def test_a_timestamped_signature_has_one_length(
    kind: str, head: Checkpoint, request: pytest.FixtureRequest
) -> None:
    signer: Signer = request.getfixturevalue(kind)
    signature = signer.sign(head.encode(), NOW)

    for bad in (signature[:-1], signature + b"\0", signature[8:], b""):
        with pytest.raises(NoteError, match=f"it has {len(bad)} bytes, wanted {len(signature)}"):
            signer.verifier.verify(head.encode(), bad)


@pytest.mark.parametrize("kind", ["mldsa44", "witness"])
def test_a_timestamped_key_signs_and_verifies_checkpoints_only(
    kind: str, head: Checkpoint, request: pytest.FixtureRequest
) -> None:
    signer: Signer = request.getfixturevalue(kind)
    signature = signer.sign(head.encode(), NOW)

    for text in (b"free text\n", head.encode() + b"extension\n", head.encode() + b"\n"):
        with pytest.raises(CheckpointError):
            sign_note(text, [signer], NOW)
        with pytest.raises(NoteError, match="not valid: checkpoint has"):
            signer.verifier.verify(text, signature)


def test_a_note_that_is_no_checkpoint_does_not_open_as_one(ed25519: Ed25519Signer) -> None:
    raw = sign_note(b"free text\n", [ed25519], NOW)

    with pytest.raises(CheckpointError):
        open_checkpoint(raw, [ed25519.verifier])


def test_names_too_long_for_ml_dsa_are_refused(
    head: Checkpoint, mldsa44: MLDSA44Signer, ed25519: Ed25519Signer
) -> None:
    private_key = mldsa44.private_key
    assert isinstance(private_key, MLDSA44PrivateKey)
    longest = Checkpoint("o" * 255, 1, bytes(32)).encode()
    too_long = Checkpoint("o" * 256, 1, bytes(32)).encode()

    signer = MLDSA44Signer("n" * 255, private_key)
    assert signer.verifier.verify(longest, signer.sign(longest, NOW)) == NOW
    with pytest.raises(NoteError, match="log origin has 256 bytes"):
        signer.sign(too_long, NOW)
    with pytest.raises(NoteError, match="log origin has 256 bytes"):
        signer.verifier.verify(too_long, bytes(8 + 2420))
    with pytest.raises(NoteError, match="cosigner name has 256 bytes"):
        MLDSA44Signer("n" * 256, private_key).sign(longest, NOW)
    assert ed25519.sign(too_long, NOW)


@pytest.fixture(scope="module")
def signed(head: Checkpoint, ed25519: Ed25519Signer, mldsa44: MLDSA44Signer) -> bytes:
    return sign_checkpoint(head, [ed25519, mldsa44], NOW)


@given(data=st.data())
def test_a_damaged_signed_checkpoint_never_opens_to_the_same(
    data: st.DataObject,
    head: Checkpoint,
    signed: bytes,
    ed25519: Ed25519Signer,
    mldsa44: MLDSA44Signer,
) -> None:
    verifiers = [ed25519.verifier, mldsa44.verifier]

    try:
        found, note = open_checkpoint(data.draw(damaged(signed)), verifiers)
    except TlogError:
        return
    assert found == head
    assert len(note.signatures) == 1
