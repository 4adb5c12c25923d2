"""Next log keys that are made on another machine, and brought here when their turn comes.

A ledger is committed to its next keys by a hash. Who breaks into the machine that serves it, or
copies its key directory, gets the present keys but not the next ones, as long as these lie
elsewhere: so the ledger can always be taken back from him by a revocation.

The other machine holds a directory of mode 0700 with the two files `log-next.….pem`, under a
passphrase of its own.
"""

from __future__ import annotations

from pathlib import Path

from ledger.errors import KeysError
from ledger.journal.keys import (
    DEFAULT_COST,
    add_generation,
    check_passphrase,
    generate_generation,
    open_generation,
    write_generation,
)
from ledger.journal.pkcs8 import ScryptCost
from ledger.journal.privatefiles import check_mode, made_whole, os_errors
from ledger.journal.statements import hash_vkeys

NEXT = "next"


def make_next(
    directory: Path, origin: str, passphrase: bytes, *, cost: ScryptCost = DEFAULT_COST
) -> str:
    """Make log keys for `origin` in a new directory; the hash that commits to them, in base64.

    Raises KeysError where `directory` exists and is not empty, or cannot be made; VkeyError where
    `origin` cannot be the name of a key.
    """
    check_passphrase(passphrase)
    keys = generate_generation()
    commitment = hash_vkeys(keys.vkeys(origin))
    with os_errors(directory), made_whole(directory) as unfinished:
        write_generation(unfinished, NEXT, keys, passphrase, cost)
    return commitment


def bring_next(
    source: Path,
    source_passphrase: bytes,
    directory: Path,
    passphrase: bytes,
    *,
    origin: str,
    committed: str,
    cost: ScryptCost = DEFAULT_COST,
) -> int:
    """Copy the keys of `source` into a ledger's key directory; the number of their generation.

    They are kept there under the passphrase of the others. Raises KeysError where they are not the
    keys that the hash `committed` stands for, or cannot be opened or stored.
    """
    check_passphrase(source_passphrase)
    with os_errors(source):
        check_mode(source, source.stat())
        keys = open_generation(source, NEXT, source_passphrase)
    if hash_vkeys(keys.vkeys(origin)) != committed:
        raise KeysError(
            f"The keys in {source} are not those to which {origin} is committed"
            f" ({committed}). Bring those; nothing was changed."
        )
    return add_generation(directory, passphrase, keys, cost=cost)
