"""AES-256-GCM and HKDF as everything here uses them.

What is sealed has a fresh nonce first and a place beside it.

A place is bytes that say where the sealed text belongs.  They are not in it, but it opens only
where they are the same: a row that was copied over another does not open.

Sources: NIST SP 800-38D; random nonces of 96 bits allow 2^32 seals under one key (section 8.3).
RFC 5869.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16


def seal(key: bytes, plain: bytes, place: bytes) -> bytes:
    """`plain` encrypted under a key of 32 bytes: nonce, ciphertext, tag."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, place)


def unseal(key: bytes, sealed: bytes, place: bytes) -> bytes:
    """What was sealed; ValueError where key or place are others, or a byte was changed."""
    if len(sealed) < NONCE_BYTES + TAG_BYTES:
        raise ValueError("too short to be anything sealed")
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
    except InvalidTag:
        raise ValueError("another key, another place, or a changed byte") from None


def derived(secret: bytes, info: bytes) -> bytes:
    """32 bytes by HKDF-SHA256 without a salt: for each `info` others, from which none follow."""
    return HKDF(SHA256(), 32, None, info).derive(secret)
