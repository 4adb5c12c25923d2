"""A note: text signed by one or more keys (C2SP signed-note).

::

    <text>                                 ends in a newline, may hold empty lines
    <empty line>                           the last one of the note
    — <name> base64(<key id> || <sig>)     one or more lines: U+2014, space, name, space, base64

The whole is UTF-8 without characters below U+0020 but newline, at most 1,000,000 bytes, with 1 to
100 signature lines. A name is as in keys.py, the key id 4 bytes big-endian, the signature at least
1 byte. Base64 is padded and canonical, so that a note has one spelling.

Name and key id together say which key signed. A key that the reader does not know is ignored, even
if it shares one of the two with a known key, and however often it stands there. A known key must
verify, or the note is refused; a known key that stands there twice is refused too, since one
spelling must have one meaning.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ledger.tlog.encoding import from_base64, from_utf8, shown, to_base64
from ledger.tlog.errors import NoteError
from ledger.tlog.keys import (
    KEY_ID_BYTES,
    Ed25519Cosigner,
    Ed25519Signer,
    KeyType,
    MLDSA44Signer,
    Signer,
    Verifier,
    is_key_name,
    parse_vkey,
)

__all__ = [
    "Ed25519Cosigner",
    "Ed25519Signer",
    "KeyType",
    "MLDSA44Signer",
    "Note",
    "Signature",
    "SignatureLine",
    "Signer",
    "UnverifiedNote",
    "Verifier",
    "open_note",
    "parse_vkey",
    "sign_note",
    "split_note",
]

NOTE_BYTES_MAX = 1_000_000
SIGNATURES_MAX = 100
_DASH = "\N{EM DASH} "


class SignatureLine(NamedTuple):
    """A signature line as read, not verified. `signature` is what follows the key id."""

    name: str
    key_id: int
    signature: bytes


class UnverifiedNote(NamedTuple):
    """A note taken apart. Nothing in it can be trusted."""

    text: bytes
    lines: tuple[SignatureLine, ...]


class Signature(NamedTuple):
    """A signature that verified; `timestamp` is POSIX seconds, None for type 0x01."""

    name: str
    key_id: int
    timestamp: int | None


class Note(NamedTuple):
    """A text, and the signatures over it that verified from known keys, in the note's order."""

    text: bytes
    signatures: tuple[Signature, ...]

    def signed_by(self, name: str) -> tuple[Signature, ...]:
        """Those of the signatures that keys called `name` made."""
        return tuple(each for each in self.signatures if each.name == name)


def sign_note(text: bytes, signers: Sequence[Signer], timestamp: int) -> bytes:
    """The note of `text` with one line per signer, in that order.

    `timestamp` is POSIX seconds, for the keys that sign one. NoteError if `text` cannot be a note's
    text, if there is no signer, two share name and key id, or the note grows beyond its bounds.
    """
    named = {(each.verifier.name, each.verifier.key_id) for each in signers}
    if len(named) != len(signers):
        raise NoteError("two signers share name and key id; sign once with each key")
    lines = [
        _format_line(each.verifier.name, each.verifier.key_id, each.sign(text, timestamp))
        for each in signers
    ]
    raw = text + b"\n" + "".join(lines).encode()
    if split_note(raw).text != text:
        raise NoteError("text of a note must end in a newline")
    return raw


def split_note(raw: bytes) -> UnverifiedNote:
    """Take a note apart without verifying anything; NoteError if it is malformed."""
    if len(raw) > NOTE_BYTES_MAX:
        raise NoteError(f"note has {len(raw)} bytes, wanted at most {NOTE_BYTES_MAX}")
    from_utf8(raw, NoteError, "note")
    text, blank, tail = raw.rpartition(b"\n\n")
    if not blank or not tail.endswith(b"\n"):
        raise NoteError(
            "note does not have the form text, empty line, signature lines, each ended by a newline"
        )
    lines = tail.decode()[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise NoteError(f"note has {len(lines)} signature lines, wanted at most {SIGNATURES_MAX}")
    return UnverifiedNote(text + b"\n", tuple(map(_parse_line, lines)))


def open_note(raw: bytes, verifiers: Sequence[Verifier]) -> Note:
    """Take a note apart and verify every signature of `verifiers` on it.

    Raises NoteError if the note is malformed, if a signature of one of the keys fails or comes
    twice, or if none is there. That some known key signed is all this says: which of them must, is
    for the caller to ask.
    """
    known = {(each.name, each.key_id): each for each in verifiers}
    if len(known) != len(set(verifiers)):
        raise NoteError("two of the given keys share name and key id; neither can be told apart")
    text, lines = split_note(raw)
    verified: dict[tuple[str, int], Signature] = {}
    for name, key_id, signature in lines:
        key = name, key_id
        if key not in known:
            continue
        if key in verified:
            raise NoteError(f"key {name}+{key_id:08x} signed twice", name=name, key_id=key_id)
        verified[key] = Signature(name, key_id, known[key].verify(text, signature))
    if not verified:
        raise NoteError(
            f"none of the {len(lines)} signatures is by one of the {len(known)} known keys",
            signed=tuple(f"{name}+{key_id:08x}" for name, key_id, _ in lines),
        )
    return Note(text, tuple(verified.values()))


def _format_line(name: str, key_id: int, signature: bytes) -> str:
    return f"{_DASH}{name} {to_base64(key_id.to_bytes(KEY_ID_BYTES, 'big') + signature)}\n"


def _parse_line(line: str) -> SignatureLine:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not is_key_name(name):
        raise NoteError(f"signature line {shown(line)} does not have the form “— name base64”")
    raw = from_base64(encoded, NoteError, f"signature of {shown(name)}")
    if len(raw) <= KEY_ID_BYTES:
        raise NoteError(f"signature of {shown(name)} has {len(raw)} bytes, wanted at least 5")
    key_id = int.from_bytes(raw[:KEY_ID_BYTES], "big")
    return SignatureLine(name, key_id, raw[KEY_ID_BYTES:])
