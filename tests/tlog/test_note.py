"""Signed notes and the keys that sign them."""

import base64
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.tlog.errors import NoteError, TlogError, VkeyError
from ledger.tlog.note import (
    NOTE_BYTES_MAX,
    SIGNATURES_MAX,
    Ed25519Cosigner,
    Ed25519Signer,
    KeyType,
    MLDSA44Signer,
    Note,
    Signature,
    Signer,
    Verifier,
    open_note,
    parse_vkey,
    sign_note,
    split_note,
)
from tests.tlog.mutation import damaged

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = """This is an example message.

— example.com/foo \
Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
""".encode()
POEM = """Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore \
NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
""".encode()
TEXT = "第一行\n\nthe last line\n".encode()


def key(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed.encode().ljust(32))


def line(name: str, raw: bytes) -> bytes:
    return f"— {name} {base64.b64encode(raw).decode()}\n".encode()


@pytest.fixture
def alice() -> Ed25519Signer:
    return Ed25519Signer("example.org/alice", key("alice"))


@pytest.fixture
def bob() -> Ed25519Signer:
    return Ed25519Signer("example.org/bob", key("bob"))


def test_the_published_key_verifies_the_published_note() -> None:
    note = open_note(EXAMPLE, [parse_vkey(VKEY)])

    assert note == Note(
        b"This is an example message.\n", (Signature("example.com/foo", 0x530D903A, None),)
    )


def test_the_published_key_is_written_as_it_was_read() -> None:
    verifier = parse_vkey(VKEY)

    assert verifier.vkey == VKEY
    assert (verifier.name, verifier.key_id) == ("example.com/foo", 0x530D903A)
    assert verifier.type is KeyType.ED25519


def test_text_with_empty_lines_ends_at_the_last_of_them() -> None:
    text, lines = split_note(POEM)

    assert text.endswith("raggio di sole:\n\ned è subito sera.\n".encode())
    assert [(each.name, len(each.signature)) for each in lines] == [
        ("quasimodo.example/salvatore", 64)
    ]
    assert lines[0].key_id.to_bytes(4, "big") == base64.b64decode("NnugSw==")


def test_a_key_id_is_the_head_of_the_hash_that_the_specification_names() -> None:
    for signer, kind in (
        (Ed25519Signer("a/b", key("x")), b"\x01"),
        (Ed25519Cosigner("a/b", key("x")), b"\x04"),
        (MLDSA44Signer("a/b", MLDSA44PrivateKey.from_seed_bytes(bytes(32))), b"\x06"),
    ):
        public = signer.private_key.public_key().public_bytes_raw()
        digest = sha256(b"a/b\n" + kind + public).digest()
        assert signer.verifier.key_id == int.from_bytes(digest[:4], "big")
        assert signer.verifier.vkey == (
            f"a/b+{digest[:4].hex()}+{base64.b64encode(kind + public).decode()}"
        )
        assert parse_vkey(signer.verifier.vkey) == signer.verifier


@pytest.mark.parametrize(
    ("vkey", "reason"),
    [
        ("", "form name"),
        ("example.com/foo+530d903a", "form name"),
        (VKEY.replace("530d903a", "530D903A"), "key id"),
        (VKEY.replace("530d903a", "530d903b"), "key id"),
        (VKEY.replace("530d903a", "0530d903a"), "key id"),
        (VKEY.replace("/foo", "/fop"), "key id"),
        (VKEY.replace("example.com/foo", ""), "key name"),
        (VKEY.replace("/foo", "\u00a0foo"), "key name"),
        (VKEY.replace("/foo", "\x00foo"), "key name"),
        (VKEY.replace("/foo", "\udcffoo"), "key name"),
        (VKEY + "\n", "base64"),
        (VKEY[:-1] + "l", "key id"),
        (VKEY + "=", "base64"),
        (VKEY.replace("+AekyeRrm", "+AukyeRrm"), "type 02"),
        ("example.com/foo+530d903a+", "type none"),
        ("example.com/foo+530d903a+AQ==", "0 bytes, wanted 32"),
        ("example.com/foo+530d903a+Bg==", "0 bytes, wanted 1312"),
    ],
)
def test_a_key_in_any_other_spelling_is_refused(vkey: str, reason: str) -> None:
    with pytest.raises(VkeyError, match=reason):
        parse_vkey(vkey)


@given(damaged(VKEY.encode()))
def test_a_damaged_key_is_never_read(raw: bytes) -> None:
    with pytest.raises(VkeyError):
        parse_vkey(raw.decode(errors="surrogateescape"))


@pytest.mark.parametrize(
    "name", ["", "a b", "a+b", "a\nb", "a\u2003b", "a\u0085b", "a\u3000b", "a\u2028b", "a\tb"]
)
def test_a_name_that_would_break_a_signature_line_is_refused(name: str) -> None:
    with pytest.raises(VkeyError, match="key name"):
        Ed25519Signer(name, key("x"))


def test_a_signer_refuses_a_key_of_another_algorithm() -> None:
    with pytest.raises(VkeyError, match=r"Ed25519 key .* has 1312 bytes, wanted 32"):
        Ed25519Signer("a/b", MLDSA44PrivateKey.from_seed_bytes(bytes(32)))


def test_a_signer_does_not_show_its_private_key() -> None:
    assert "private" not in repr(Ed25519Signer("a/b", key("x")))


def test_what_is_signed_is_opened(alice: Ed25519Signer, bob: Ed25519Signer) -> None:
    raw = sign_note(TEXT, [alice, bob], 0)

    note = open_note(raw, [bob.verifier, alice.verifier])

    assert note.text == TEXT
    assert [each.name for each in note.signatures] == ["example.org/alice", "example.org/bob"]
    assert note.signed_by("example.org/bob") == (
        Signature("example.org/bob", bob.verifier.key_id, None),
    )
    assert note.signed_by("example.org/carol") == ()


def test_a_note_is_spelled_as_specified(alice: Ed25519Signer) -> None:
    raw = sign_note(TEXT, [alice], 0)

    signature = alice.verifier.key_id.to_bytes(4, "big") + alice.private_key.sign(TEXT)
    assert raw == TEXT + b"\n" + line("example.org/alice", signature)


def test_unknown_keys_are_ignored_even_if_they_share_name_or_id_or_come_twice(
    alice: Ed25519Signer, bob: Ed25519Signer
) -> None:
    namesake = Ed25519Signer("example.org/alice", key("mallory"))
    id_twin = line("example.org/other", alice.verifier.key_id.to_bytes(4, "big") + bytes(64))
    raw = sign_note(TEXT, [namesake, alice], 0) + id_twin + id_twin

    note = open_note(raw, [alice.verifier, bob.verifier])

    assert note.signatures == (Signature("example.org/alice", alice.verifier.key_id, None),)


def test_a_note_without_a_known_key_is_refused(alice: Ed25519Signer, bob: Ed25519Signer) -> None:
    raw = sign_note(TEXT, [alice], 0)

    for known in ([bob.verifier], []):
        with pytest.raises(NoteError, match="none of the 1 signatures"):
            open_note(raw, known)


def test_one_bad_signature_of_a_known_key_spoils_the_note(
    alice: Ed25519Signer, bob: Ed25519Signer
) -> None:
    forged = line("example.org/bob", bob.verifier.key_id.to_bytes(4, "big") + bytes(64))
    raw = sign_note(TEXT, [alice], 0) + forged

    assert open_note(raw, [alice.verifier]).text == TEXT
    with pytest.raises(NoteError, match=r"example\.org/bob.*not valid") as refusal:
        open_note(raw, [alice.verifier, bob.verifier])
    assert refusal.value.facts == {"name": "example.org/bob", "key_id": bob.verifier.key_id}


@pytest.mark.parametrize("length", [0, 1, 63, 65])
def test_a_known_keys_signature_has_one_length(alice: Ed25519Signer, length: int) -> None:
    with pytest.raises(NoteError, match=f"it has {length} bytes, wanted 64"):
        alice.verifier.verify(TEXT, bytes(length))


def test_a_known_key_that_signs_twice_is_refused(alice: Ed25519Signer) -> None:
    raw = sign_note(TEXT, [alice], 0)
    twice = raw + raw[raw.rindex("— ".encode()) :]

    with pytest.raises(NoteError, match="signed twice"):
        open_note(twice, [alice.verifier])
    with pytest.raises(NoteError, match="sign once"):
        sign_note(TEXT, [alice, alice], 0)


def test_two_keys_that_cannot_be_told_apart_are_not_taken(alice: Ed25519Signer) -> None:
    other = Verifier("example.org/alice", KeyType.ED25519, bytes(32))
    object.__setattr__(other, "key_id", alice.verifier.key_id)
    raw = sign_note(TEXT, [alice], 0)

    assert open_note(raw, [alice.verifier, alice.verifier]).text == TEXT
    with pytest.raises(NoteError, match="share name and key id"):
        open_note(raw, [alice.verifier, other])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"\n\n",
        b"text\n",
        b"text\n\n",
        EXAMPLE[:-1],
        EXAMPLE + b"\n",
        EXAMPLE + b"more\n",
        EXAMPLE.replace(b"\n\n", b"\n"),
        EXAMPLE.replace("— ".encode(), b"- "),
        EXAMPLE.replace("— ".encode(), "—".encode()),
        EXAMPLE.replace("— ".encode(), "—  ".encode()),
        EXAMPLE.replace(b"foo Uw", b"foo  Uw"),
        EXAMPLE.replace(b"foo Uw", b"foo\tUw"),
        EXAMPLE.replace(b"com/foo", b"com+foo"),
        EXAMPLE.replace(b"com/foo", "com\u00a0foo".encode()),
        EXAMPLE.replace(b"aQM=\n", b"aQM\n"),
        EXAMPLE.replace(b"aQM=\n", b"aQN=\n"),
        EXAMPLE.replace(b"aQM=\n", b"aQM= \n"),
        EXAMPLE.replace(b"\n", b"\r\n"),
        EXAMPLE.replace(b"This", b"T\x00is"),
        EXAMPLE.replace(b"This", b"T\x1fis"),
        EXAMPLE.replace(b"This", b"T\xffis"),
        b"text\n\n" + line("a/b", b"1234"),
        b"text\n\n" + line("", bytes(68)),
        b"text\n\n" + line("a/b", bytes(68)).replace(b"A", b"_", 1),
    ],
)
def test_a_malformed_note_is_refused_before_any_key_is_asked(raw: bytes) -> None:
    with pytest.raises(NoteError):
        split_note(raw)
    with pytest.raises(NoteError):
        open_note(raw, [parse_vkey(VKEY)])


def test_a_signature_of_one_byte_is_the_shortest() -> None:
    assert split_note(b"\n\n" + line("a/b", b"12345")) == (b"\n", (("a/b", 0x31323334, b"5"),))


def test_a_note_has_at_most_a_hundred_signatures(alice: Ed25519Signer) -> None:
    raw = sign_note(TEXT, [alice], 0)
    others = [line(f"example.org/{number}", bytes(68)) for number in range(SIGNATURES_MAX)]

    full = raw + b"".join(others[1:])
    assert len(open_note(full, [alice.verifier]).signatures) == 1
    with pytest.raises(NoteError, match="101 signature lines, wanted at most 100"):
        open_note(raw + b"".join(others), [alice.verifier])


def test_a_note_has_at_most_a_million_bytes(alice: Ed25519Signer) -> None:
    room = NOTE_BYTES_MAX - len(sign_note(b"\n", [alice], 0))

    assert len(sign_note(b"x" * room + b"\n", [alice], 0)) == NOTE_BYTES_MAX
    with pytest.raises(NoteError, match="1000001 bytes, wanted at most 1000000"):
        sign_note(b"x" * (room + 1) + b"\n", [alice], 0)


@pytest.mark.parametrize(
    "text", [b"", b"no newline", b"a\n\nb", b"\xff\n", b"\t\n", b"a\n\n\xe2\x80\x94 a/b MTIzNDU="]
)
def test_a_text_that_would_not_be_read_back_is_not_signed(
    text: bytes, alice: Ed25519Signer
) -> None:
    with pytest.raises(NoteError):
        sign_note(text, [alice], 0)


def test_a_note_needs_a_signer() -> None:
    with pytest.raises(NoteError, match="text, empty line, signature lines"):
        sign_note(b"text\n", [], 0)


@given(st.data())
def test_a_damaged_note_never_opens_to_the_same(data: st.DataObject) -> None:
    signers: list[Signer] = [
        Ed25519Signer("example.org/alice", key("alice")),
        Ed25519Signer("example.org/bob", key("bob")),
    ]
    verifiers = [each.verifier for each in signers]
    raw = sign_note(TEXT, signers, 0)
    whole = open_note(raw, verifiers)

    try:
        found = open_note(data.draw(damaged(raw)), verifiers)
    except TlogError:
        return
    assert found.text == TEXT
    assert len(found.signatures) < len(whole.signatures)


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_bytes_of_any_kind_are_read_or_refused_in_our_own_words(raw: bytes) -> None:
    try:
        note = split_note(raw)
    except NoteError:
        return
    again = note.text + b"\n"
    for name, key_id, signature in note.lines:
        again += line(name, key_id.to_bytes(4, "big") + signature)
    assert again == raw


def test_a_key_that_is_no_point_of_the_curve_verifies_nothing() -> None:
    nonsense = Verifier("a/b", KeyType.ED25519, b"\x02" + bytes(31))

    with pytest.raises(NoteError, match="not valid"):
        nonsense.verify(TEXT, bytes(64))
