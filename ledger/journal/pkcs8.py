"""Private keys as PEM files that a passphrase opens: encrypted PKCS#8 under PBES2.

    EncryptedPrivateKeyInfo                 RFC 5958, section 3
      PBES2                                 RFC 8018, appendix A.4
        scrypt: salt, cost, block, parallel RFC 7914, section 7
        AES-256-CBC: IV of 16 bytes         RFC 8018, appendix B.2.5
      PKCS#8 PrivateKeyInfo, padded and encrypted

`openssl pkey -in <file>` opens them too (ML-DSA from OpenSSL 3.5 on). The library's own
`BestAvailableEncryption` is not used: it stretches the passphrase by 2,048 rounds of PBKDF2, half a
millisecond, where a guess should cost a tenth of a second.
"""

import base64
import os
import textwrap
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import ObjectIdentifier

PASSPHRASE_BYTES_MAX = 1023

_PBES2 = ObjectIdentifier("1.2.840.113549.1.5.13")
_SCRYPT = ObjectIdentifier("1.3.6.1.4.1.11591.4.11")
_AES256_CBC = ObjectIdentifier("2.16.840.1.101.3.4.1.42")


@dataclass(frozen=True, slots=True)
class ScryptCost:
    """What opening a file costs: 128 · `n` · `r` bytes of memory, time in proportion to n · r · p.

    The default takes 16 MiB (OpenSSL refuses more than 32) and about 0.13 s.
    """

    n: int = 2**14
    r: int = 8
    p: int = 5


class Secret(bytes):
    """Bytes that no message, log line or traceback shows. Equal to, and used as, plain bytes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<secret of {len(self)} bytes>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)


@asn1.sequence
class _ScryptParameters:
    salt: bytes
    cost: int
    block_size: int
    parallelization: int


@asn1.sequence
class _Kdf:
    algorithm: ObjectIdentifier
    parameters: _ScryptParameters


@asn1.sequence
class _Cipher:
    algorithm: ObjectIdentifier
    iv: bytes


@asn1.sequence
class _Pbes2Parameters:
    kdf: _Kdf
    cipher: _Cipher


@asn1.sequence
class _Algorithm:
    algorithm: ObjectIdentifier
    parameters: _Pbes2Parameters


@asn1.sequence
class _EncryptedPrivateKeyInfo:
    algorithm: _Algorithm
    data: bytes


def encrypt(key: PrivateKeyTypes, passphrase: bytes, cost: ScryptCost) -> bytes:
    """The PEM text of `key` under `passphrase` (1 to 1,023 bytes)."""
    salt, iv = os.urandom(16), os.urandom(16)
    kdf = Scrypt(salt=salt, length=32, n=cost.n, r=cost.r, p=cost.p)
    padder = PKCS7(128).padder()
    plain = Secret(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    padded = Secret(padder.update(plain) + padder.finalize())
    encryptor = Cipher(AES256(Secret(kdf.derive(passphrase))), CBC(iv)).encryptor()
    info = _EncryptedPrivateKeyInfo(
        algorithm=_Algorithm(
            algorithm=_PBES2,
            parameters=_Pbes2Parameters(
                kdf=_Kdf(
                    algorithm=_SCRYPT,
                    parameters=_ScryptParameters(
                        salt=salt, cost=cost.n, block_size=cost.r, parallelization=cost.p
                    ),
                ),
                cipher=_Cipher(algorithm=_AES256_CBC, iv=iv),
            ),
        ),
        data=encryptor.update(padded) + encryptor.finalize(),
    )
    return _to_pem(asn1.encode_der(info))


def decrypt(pem: bytes, passphrase: bytes) -> PrivateKeyTypes:
    """The key in `pem`; ValueError, in words of ours, where the passphrase does not open it."""
    try:
        return load_pem_private_key(pem, passphrase)
    except TypeError:
        raise ValueError("it is not encrypted") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("the passphrase does not open it, or it is damaged") from None


def _to_pem(der: bytes) -> bytes:
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode("ascii"), 64))
    label = "ENCRYPTED PRIVATE KEY"
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n".encode("ascii")
