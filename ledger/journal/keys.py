"""The keys of one ledger: where they lie, who may read them, what is derived from them.

A directory of mode 0700 holds files of mode 0600, each an encrypted PKCS#8 key (`pkcs8.py`) under
one passphrase:

    log-<n>.ed25519.pem     the log keys of generation n = 1, 2, …; they sign checkpoints and
    log-<n>.mldsa44.pem     nothing else
    document.ed25519.pem    the document key: vouchers, codes, certificates, statements
    request.secret.pem      32 bytes for `request` and fingerprints; never replaced, since a log
                            that was replayed must know its requests again
    index.secret.pem        32 bytes for blind indexes
    master-<n>.secret.pem   32 bytes that wrap the data keys of the ledger's records (`masters.py`)

A secret is kept as the 32 bytes of an Ed25519 private key that signs nothing, so that all files
have one standard form. Entry 0 names the first generation and commits to the next by the hash of
its vkeys. That one is made here at the same time, or on another machine (`ceremony.py`).

No secret is in a `repr`, a message or an exception of this module.
"""

import hmac
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Never

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.errors import KeysError
from ledger.journal.pkcs8 import PASSPHRASE_BYTES_MAX, ScryptCost, Secret, decrypt, encrypt
from ledger.journal.privatefiles import (
    check_mode,
    fsync_directory,
    locked,
    made_whole,
    os_errors,
    read_private,
    write_private,
)
from ledger.journal.sealing import derived
from ledger.journal.statements import hash_vkeys
from ledger.tlog.note import Ed25519Signer, MLDSA44Signer, Signer

ENVIRONMENT_VARIABLE = "POINTS_PASSPHRASE"
INDEX_MAX = 2**53 - 1

_DOCUMENT = "document.ed25519.pem"
_REQUEST = "request.secret.pem"
_INDEX = "index.secret.pem"
_FIRST_MASTER = "master-1.secret.pem"
_LOG_FILE = re.compile(r"log-([1-9][0-9]{0,8})\.(ed25519|mldsa44)\.pem")
DEFAULT_COST = ScryptCost()
_FINGERPRINT_CONTEXT = b"points/fingerprint/v1\n"
_INDEX_CONTEXT = b"points/index/v1\n"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class LogKeys:
    """One generation of log keys."""

    ed25519: Ed25519PrivateKey
    mldsa44: MLDSA44PrivateKey

    def signers(self, origin: str) -> tuple[Signer, Signer]:
        """The signers of the log of that origin; VkeyError if it cannot be the name of a key."""
        return Ed25519Signer(origin, self.ed25519), MLDSA44Signer(origin, self.mldsa44)

    def vkeys(self, origin: str) -> tuple[str, ...]:
        """Their verifier keys, in the order in which an entry lists them."""
        return tuple(signer.verifier.vkey for signer in self.signers(origin))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class KeyRing:
    """The opened keys of one ledger. Keep one per process; it cannot be copied or pickled."""

    origin: str
    _log_signers: Mapping[int, tuple[Signer, Signer]]
    document_signer: Signer
    _request_secret: Secret
    _index_secret: Secret

    def __repr__(self) -> str:
        generations = ", ".join(map(str, self.generations))
        return f"<keys of {self.origin}, generations {generations}>"

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError("keys are not pickled or copied: load them where they are needed")

    @property
    def generations(self) -> tuple[int, ...]:
        """The generations whose log keys are here, in order."""
        return tuple(sorted(self._log_signers))

    def signers(self, generation: int) -> tuple[Signer, Signer]:
        """The Ed25519 and the ML-DSA-44 signer of a generation; KeysError if it is not here."""
        if generation not in self._log_signers:
            raise KeysError(
                f"The keys of generation {generation} of {self.origin} are not here, only"
                f" {', '.join(map(str, self.generations))}. Restore their files from a backup."
            )
        return self._log_signers[generation]

    def vkeys(self, generation: int) -> tuple[str, ...]:
        """The verifier keys of a generation, in the order in which an entry lists them."""
        return tuple(signer.verifier.vkey for signer in self.signers(generation))

    def generation_of(self, vkeys_hash: str) -> int | None:
        """The generation that an entry committed to by this hash; None if it is not here."""
        for generation in self.generations:
            if self.vkeys_hash(generation) == vkeys_hash:
                return generation
        return None

    def vkeys_hash(self, generation: int) -> str:
        """What an entry commits to before a generation is revealed, in base64."""
        return hash_vkeys(self.vkeys(generation))

    def request_id(self, principal: str, key: str, index: int) -> bytes:
        """The `request` of an entry (32 bytes): the same for the same request, else meaningless.

        `principal` is the person or `import:<source>`, `key` the idempotency key, `index` the place
        in the group, 0 to 2^53-1. ValueError where one of them cannot be written as JCS.
        """
        if not 0 <= index <= INDEX_MAX:
            raise ValueError(f"index is {index}, wanted 0 to {INDEX_MAX}")
        return _hmac(self._request_secret, _jcs_array(principal, key, index))

    def fingerprint(self, value: bytes) -> bytes:
        """What stands for a request's content (32 bytes); `value` is its canonical JSON."""
        # No JCS array begins with the context, so no fingerprint is ever a request id.
        return _hmac(self._request_secret, _FINGERPRINT_CONTEXT + value)

    def blind_index(self, field: str, value: str) -> bytes:
        """What a value from outside is found by (32 bytes); equal values of a field are equal.

        The key is one of the ledger and the field, by HKDF (RFC 5869) from the index secret. The
        caller brings the value into one form first. ValueError as for `request_id`.
        """
        key = Secret(derived(self._index_secret, _INDEX_CONTEXT + field.encode()))
        return _hmac(key, value.encode())


def create_keys(
    directory: Path,
    origin: str,
    passphrase: bytes,
    *,
    generations: int = 2,
    cost: ScryptCost = DEFAULT_COST,
) -> None:
    """Make the keys of a new ledger: all of them or, on failure, none.

    Log keys are made of generations 1 to `generations`: 1 where the next are made elsewhere.

    Raises KeysError where `directory` exists and is not empty, or cannot be made; VkeyError where
    `origin` cannot be the name of a key.
    """
    check_passphrase(passphrase)
    Ed25519Signer(origin, Ed25519PrivateKey.generate())  # is the name one that a key may have?
    with os_errors(directory), made_whole(directory) as unfinished:
        for generation in range(1, generations + 1):
            write_generation(unfinished, generation, generate_generation(), passphrase, cost)
        for name in (_DOCUMENT, _REQUEST, _INDEX, _FIRST_MASTER):
            key = Ed25519PrivateKey.generate()
            write_private(unfinished / name, encrypt(key, passphrase, cost))


def add_generation(
    directory: Path,
    passphrase: bytes,
    keys: LogKeys | None = None,
    *,
    cost: ScryptCost = DEFAULT_COST,
) -> int:
    """Add a generation of log keys after the newest, made here if none is given; its number.

    Raises KeysError as `load_keys` does; above all where the passphrase is not that of the others.
    """
    check_passphrase(passphrase)
    with os_errors(directory), locked(directory):
        newest = _generations(directory)[-1]
        open_generation(directory, newest, passphrase)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=directory) as unfinished:
            made = keys or generate_generation()
            write_generation(Path(unfinished), newest + 1, made, passphrase, cost)
            for path in sorted(Path(unfinished).iterdir()):
                path.rename(directory / path.name)
        fsync_directory(directory)
    return newest + 1


def load_keys(directory: Path, origin: str, passphrase: bytes) -> KeyRing:
    """Open all keys in `directory`.

    Raises KeysError where something is missing, readable by others, or not opened by the
    passphrase; VkeyError where `origin` cannot be the name of a key.
    """
    check_passphrase(passphrase)
    with os_errors(directory):
        signers = {
            generation: open_generation(directory, generation, passphrase).signers(origin)
            for generation in _generations(directory)
        }
        document = Ed25519Signer(f"{origin}/document", _ed25519(directory / _DOCUMENT, passphrase))
        request, index = (open_secret(directory / name, passphrase) for name in (_REQUEST, _INDEX))
    return KeyRing(origin, MappingProxyType(signers), document, request, index)


def read_passphrase(file: Path | None, environ: Mapping[str, str]) -> bytes:
    """The passphrase from `file` (mode 0600, one newline at its end ignored), else `environ`.

    Raises KeysError where there is neither, or it is empty, too long, or readable by others.
    """
    if file is not None:
        with os_errors(file):
            passphrase = Secret(read_private(file).removesuffix(b"\n").removesuffix(b"\r"))
    elif ENVIRONMENT_VARIABLE in environ:
        passphrase = Secret(os.fsencode(environ[ENVIRONMENT_VARIABLE]))
    else:
        raise KeysError(
            "The keys need a passphrase. Name a file (mode 0600) that holds it in the settings, or"
            f" set {ENVIRONMENT_VARIABLE}."
        )
    check_passphrase(passphrase)
    return passphrase


def check_passphrase(passphrase: bytes) -> None:
    """KeysError unless it is one of 1 byte to `PASSPHRASE_BYTES_MAX`."""
    if not 1 <= len(passphrase) <= PASSPHRASE_BYTES_MAX:
        raise KeysError(
            f"The passphrase has {len(passphrase)} bytes. Wanted 1 to {PASSPHRASE_BYTES_MAX}."
        )


def _hmac(secret: Secret, message: bytes) -> bytes:
    # `hmac.digest` lets go of the interpreter, and then must wait for it again.
    return hmac.new(secret, message, "sha256").digest()


def _jcs_array(*values: str | int) -> bytes:
    # orjson escapes strings exactly as RFC 8785 wants, and writes whole numbers as it does.
    try:
        return orjson.dumps(values)
    except orjson.JSONEncodeError:
        raise ValueError("a text holds half a character (a lone surrogate)") from None


# --- the directory ---


def _generations(directory: Path) -> list[int]:
    check_mode(directory, directory.stat())
    found = {match[0] for path in directory.iterdir() if (match := _LOG_FILE.fullmatch(path.name))}
    generations = sorted({int(name.removeprefix("log-").partition(".")[0]) for name in found})
    for generation in generations:
        for name in (f"log-{generation}.ed25519.pem", f"log-{generation}.mldsa44.pem"):
            if name not in found:
                raise KeysError(
                    f"{directory} lacks {name}. Restore it from a backup; if adding these keys was"
                    f" interrupted, remove the other file of generation {generation} instead."
                )
    if not generations:
        raise KeysError(f"{directory} holds no log keys. Restore them from a backup.")
    return generations


def open_generation(directory: Path, generation: int | str, passphrase: bytes) -> LogKeys:
    """The log keys `log-<generation>…` of a directory; KeysError where they cannot be opened."""
    path = directory / f"log-{generation}.mldsa44.pem"
    mldsa44 = _open(path, passphrase)
    if not isinstance(mldsa44, MLDSA44PrivateKey):
        raise KeysError(f"{path} holds a key of another kind than ML-DSA-44. Restore it.")
    return LogKeys(_ed25519(directory / f"log-{generation}.ed25519.pem", passphrase), mldsa44)


def _ed25519(path: Path, passphrase: bytes) -> Ed25519PrivateKey:
    key = _open(path, passphrase)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeysError(f"{path} holds a key of another kind than Ed25519. Restore it.")
    return key


def open_secret(path: Path, passphrase: bytes) -> Secret:
    """The 32 bytes of a `….secret.pem`; KeysError where it cannot be opened."""
    return Secret(_ed25519(path, passphrase).private_bytes_raw())


def _open(path: Path, passphrase: bytes) -> object:
    try:
        return decrypt(read_private(path), passphrase)
    except ValueError as error:
        raise KeysError(f"{path} cannot be used: {error}.") from None


def generate_generation() -> LogKeys:
    """New log keys."""
    return LogKeys(Ed25519PrivateKey.generate(), MLDSA44PrivateKey.generate())


def write_generation(
    directory: Path, generation: int | str, keys: LogKeys, passphrase: bytes, cost: ScryptCost
) -> None:
    """Write log keys into a directory of mode 0700, as `log-<generation>…`."""
    for name, key in (("ed25519", keys.ed25519), ("mldsa44", keys.mldsa44)):
        path = directory / f"log-{generation}.{name}.pem"
        write_private(path, encrypt(key, passphrase, cost))
