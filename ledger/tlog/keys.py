"""Keys that sign notes, and their public text form (C2SP signed-note, "Verifier keys").

::

    vkey   = <name> "+" <key id> "+" base64(<type> || <public key>)
    key id = first 4 bytes of SHA-256(<name> || "\\n" || <type> || <public key>),
             as 8 lower-case hex digits
    name   = one or more characters of UTF-8: none below U+0020, no Unicode space, no "+"

    type   algorithm                public key   signature        what is signed
    0x01   Ed25519                  32 bytes     64 bytes         the note's text
    0x04   Ed25519, timestamped     32 bytes     8 + 64 bytes     see cosignature.py
    0x06   ML-DSA-44, timestamped   1312 bytes   8 + 2420 bytes   see cosignature.py

No other type is read. ML-DSA signs with an empty context string.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256
from typing import ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from ledger.tlog.cosignature import (
    TIMESTAMP_BYTES,
    TIMESTAMP_MAX,
    ed25519_message,
    mldsa44_message,
)
from ledger.tlog.encoding import from_base64, is_line, shown, to_base64
from ledger.tlog.errors import CheckpointError, NoteError, VkeyError

KEY_ID_BYTES = 4


class KeyType(IntEnum):
    """The signature type byte of a key."""

    ED25519 = 0x01
    ED25519_COSIGNATURE = 0x04
    MLDSA44_COSIGNATURE = 0x06

    def __str__(self) -> str:
        return _SPOKEN[self]


_SPOKEN = {
    KeyType.ED25519: "Ed25519",
    KeyType.ED25519_COSIGNATURE: "Ed25519 cosigner's",
    KeyType.MLDSA44_COSIGNATURE: "ML-DSA-44",
}


@dataclass(frozen=True, slots=True)
class _Scheme:
    public_key: Callable[[bytes], Ed25519PublicKey | MLDSA44PublicKey]
    public_key_bytes: int
    signature_bytes: int
    message: Callable[[str, bytes, int], bytes] | None
    """(name, text, timestamp) -> what is signed; None for a type that signs the bare text."""


_ED25519 = (Ed25519PublicKey.from_public_bytes, 32, 64)
_MLDSA44 = (MLDSA44PublicKey.from_public_bytes, 1312, 2420)
_SCHEMES = {
    KeyType.ED25519: _Scheme(*_ED25519, None),
    KeyType.ED25519_COSIGNATURE: _Scheme(*_ED25519, ed25519_message),
    KeyType.MLDSA44_COSIGNATURE: _Scheme(*_MLDSA44, mldsa44_message),
}


def is_key_name(name: str) -> bool:
    """Whether `name` may name a key: a non-empty line without Unicode spaces and plus."""
    return is_line(name) and "+" not in name and not any(map(str.isspace, name))


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name. VkeyError if name or key cannot be one."""

    name: str
    type: KeyType
    public_key: bytes = field(repr=False)
    key_id: int = field(init=False)

    def __post_init__(self) -> None:
        if not is_key_name(self.name):
            raise VkeyError(
                f"key name {shown(self.name)} is empty or holds a space, plus or control character"
            )
        wanted = _SCHEMES[self.type].public_key_bytes
        if len(self.public_key) != wanted:
            raise VkeyError(
                f"{self.type} key {shown(self.name)} has {len(self.public_key)} bytes, "
                f"wanted {wanted}"
            )
        digest = sha256(self.name.encode() + b"\n" + self._typed_key()).digest()
        object.__setattr__(self, "key_id", int.from_bytes(digest[:KEY_ID_BYTES], "big"))

    def _typed_key(self) -> bytes:
        return bytes((self.type,)) + self.public_key

    @property
    def vkey(self) -> str:
        """The text form, which `parse_vkey` reads."""
        return f"{self.name}+{self.key_id:08x}+{to_base64(self._typed_key())}"

    def verify(self, text: bytes, signature: bytes) -> int | None:
        """The timestamp of a signature that signs `text`: POSIX seconds, None for type 0x01.

        `signature` is what follows the key id in a signature line. Raises NoteError if it does not
        verify, also when a timestamped key is held against a text that is no checkpoint. No clock
        is read: whether a timestamp lies in the future is for the caller to judge.
        """
        scheme = _SCHEMES[self.type]
        timestamp, bare = self._split(signature, scheme)
        try:
            message = scheme.message(self.name, text, timestamp) if scheme.message else text
            scheme.public_key(self.public_key).verify(bare, message)
        except (InvalidSignature, CheckpointError) as problem:
            reason = str(problem) or "it was made over other bytes or by another key"
            raise self._refusal(reason) from None
        return timestamp if scheme.message else None

    def _split(self, signature: bytes, scheme: _Scheme) -> tuple[int, bytes]:
        stamp_bytes = TIMESTAMP_BYTES if scheme.message else 0
        wanted = stamp_bytes + scheme.signature_bytes
        if len(signature) != wanted:
            raise self._refusal(f"it has {len(signature)} bytes, wanted {wanted}")
        timestamp = int.from_bytes(signature[:stamp_bytes], "big")
        if timestamp > TIMESTAMP_MAX:
            raise self._refusal(f"its timestamp is {timestamp}, wanted at most {TIMESTAMP_MAX}")
        return timestamp, signature[stamp_bytes:]

    def _refusal(self, reason: str) -> NoteError:
        return NoteError(
            f"{self.type} signature of {self.name}+{self.key_id:08x} is not valid: {reason}",
            name=self.name,
            key_id=self.key_id,
        )


def parse_vkey(text: str) -> Verifier:
    """Read a verifier key; VkeyError unless it is the one spelling of a key of a type read here."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise VkeyError(f"vkey {shown(text)} does not have the form name+id+key")
    name, _, typed_key = parts
    raw = from_base64(typed_key, VkeyError, "key of a vkey")
    if raw[:1] not in {bytes((each,)) for each in KeyType}:
        raise VkeyError(
            f"vkey {shown(text)} has type {raw[:1].hex() or 'none'}, wanted 01, 04 or 06"
        )
    verifier = Verifier(name, KeyType(raw[0]), raw[1:])
    if verifier.vkey != text:
        raise VkeyError(
            f"vkey {shown(text)} does not carry the key id that its name and key give, "
            f"{verifier.key_id:08x}"
        )
    return verifier


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with its name; subclasses fix the type. VkeyError if either does not suit."""

    type: ClassVar[KeyType]

    name: str
    private_key: Ed25519PrivateKey | MLDSA44PrivateKey = field(repr=False)
    verifier: Verifier = field(init=False)

    def __post_init__(self) -> None:
        public_key = self.private_key.public_key().public_bytes_raw()
        object.__setattr__(self, "verifier", Verifier(self.name, self.type, public_key))

    def sign(self, text: bytes, timestamp: int) -> bytes:
        """The signature of `text` as a signature line has it after the key id.

        `timestamp` is POSIX seconds, 0 to 2**63 - 1; a type without timestamp ignores it.
        CheckpointError if a timestamped key is to sign a text that is no checkpoint, NoteError if
        name or origin is too long.
        """
        message = _SCHEMES[self.type].message
        if message is None:
            return self.private_key.sign(text)
        if not 0 <= timestamp <= TIMESTAMP_MAX:
            raise NoteError(f"timestamp is {timestamp}, wanted 0 to {TIMESTAMP_MAX} seconds")
        bare = self.private_key.sign(message(self.name, text, timestamp))
        return struct.pack(">Q", timestamp) + bare


class Ed25519Signer(Signer):
    """Signs any note with Ed25519 (type 0x01)."""

    __slots__ = ()
    type = KeyType.ED25519


class Ed25519Cosigner(Signer):
    """Signs checkpoints with timestamped Ed25519 (type 0x04), as witnesses do.

    The signature does not cover the name: use the key under one name and for this only.
    """

    __slots__ = ()
    type = KeyType.ED25519_COSIGNATURE


class MLDSA44Signer(Signer):
    """Signs checkpoints with timestamped ML-DSA-44 (type 0x06), as logs and witnesses do."""

    __slots__ = ()
    type = KeyType.MLDSA44_COSIGNATURE
