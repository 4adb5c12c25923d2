"""The master keys of one ledger: they wrap the data keys under which its records are encrypted.

A master key is 32 random bytes with a number from 1 on, its *generation*.  They lie with the
ledger's other keys, `master-<n>.secret.pem`: a copy of the database opens nothing without this
directory and its passphrase, and one ledger's keys open no record of another.  The newest
generation wraps; every one that is here unwraps.

A process that runs sees a new generation at once: the directory is looked at when something is to
be wrapped, and a file is opened when it is first needed (which takes 0.13 s).
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import KeysError
from ledger.journal.keys import DEFAULT_COST, open_secret
from ledger.journal.pkcs8 import ScryptCost, Secret, encrypt
from ledger.journal.privatefiles import (
    check_mode,
    fsync_directory,
    locked,
    os_errors,
    write_private,
)
from ledger.journal.sealing import seal, unseal

_FILE = re.compile(r"master-([1-9][0-9]{0,8})\.secret\.pem")


class Wrapped(NamedTuple):
    """A key under the master key of a generation."""

    generation: int
    raw: bytes


class MasterKeys:
    """The master keys in a ledger's key directory.  Safe to share between threads."""

    def __init__(self, directory: Path, passphrase: bytes) -> None:
        self._directory = directory
        self._passphrase = Secret(passphrase)
        self._opened: dict[int, Secret] = {}

    def __repr__(self) -> str:
        return f"<master keys in {self._directory}>"

    def newest(self) -> int:
        """The generation that wraps; KeysError where the directory has none."""
        with os_errors(self._directory):
            generations = self._generations()
        if not generations:
            raise KeysError(
                f"{self._directory} holds no master key. Restore master-….secret.pem from its"
                " backup; if this ledger has never had one, run: points key master"
            )
        return generations[-1]

    def wrap(self, generation: int, key: bytes, place: bytes) -> Wrapped:
        """`key` under the master key of that generation; KeysError where that cannot be opened."""
        return Wrapped(generation, seal(self._key(generation), key, place))

    def unwrap(self, wrapped: Wrapped, place: bytes) -> Secret:
        """The key that was wrapped for this place.

        KeysError where the master key is not here or cannot be opened, ValueError where it is
        another one or the row was changed.
        """
        return Secret(unseal(self._key(wrapped.generation), wrapped.raw, place))

    def add_generation(self, *, cost: ScryptCost = DEFAULT_COST) -> int:
        """Makes the next master key, from now on the one that wraps; its generation.

        KeysError where the newest is not opened by the passphrase, or the file cannot be made.
        """
        with os_errors(self._directory), locked(self._directory):
            newest = max(self._generations(), default=0)
            if newest:
                self._key(newest)  # all files have one passphrase
            name = _name(newest + 1)
            key = encrypt(Ed25519PrivateKey.generate(), self._passphrase, cost)
            with tempfile.TemporaryDirectory(prefix=".new-", dir=self._directory) as unfinished:
                write_private(Path(unfinished) / name, key)
                (Path(unfinished) / name).rename(self._directory / name)
            fsync_directory(self._directory)
        return newest + 1

    def _generations(self) -> list[int]:
        check_mode(self._directory, self._directory.stat())
        found = (_FILE.fullmatch(path.name) for path in self._directory.iterdir())
        return sorted(int(match[1]) for match in found if match)

    def _key(self, generation: int) -> Secret:
        if generation not in self._opened:
            path = self._directory / _name(generation)
            with os_errors(path):
                self._opened[generation] = open_secret(path, self._passphrase)
        return self._opened[generation]


def _name(generation: int) -> str:
    return f"master-{generation}.secret.pem"
