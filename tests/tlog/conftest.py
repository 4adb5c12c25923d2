"""A log, a witness and a tree that every test of the log's formats can use."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.tlog.merkle import leaf_hash, node_hash
from ledger.tlog.note import Ed25519Cosigner, Ed25519Signer, MLDSA44Signer

ORIGIN = "points.example.org/log/beiyuan"
LEAVES = 300


@pytest.fixture(scope="session")
def ed25519() -> Ed25519Signer:
    return Ed25519Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"log".ljust(32)))


@pytest.fixture(scope="session")
def mldsa44() -> MLDSA44Signer:
    return MLDSA44Signer(ORIGIN, MLDSA44PrivateKey.from_seed_bytes(b"log".ljust(32)))


@pytest.fixture(scope="session")
def witness() -> Ed25519Cosigner:
    key = Ed25519PrivateKey.from_private_bytes(b"witness".ljust(32))
    return Ed25519Cosigner("witness.example/w1", key)


@pytest.fixture(scope="session")
def entries() -> list[bytes]:
    return [b"entry %d" % number for number in range(LEAVES)]


@pytest.fixture(scope="session")
def leaves(entries: list[bytes]) -> list[bytes]:
    return [leaf_hash(each) for each in entries]


@pytest.fixture(scope="session")
def subtree(leaves: list[bytes]) -> Callable[[int, int], bytes]:
    """Hashes of all complete subtrees over the 300 leaves, pair by pair."""
    rows = [leaves]
    while len(rows[-1]) > 1:
        row = rows[-1]
        rows.append([node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)])
    return lambda level, index: rows[level][index]


@pytest.fixture(scope="session")
def roots(leaves: list[bytes]) -> list[bytes]:
    """The root of each prefix of the leaves, straight from the recursive definition of RFC 6962."""
    known: dict[tuple[int, int], bytes] = {}

    def tree_hash(start: int, end: int) -> bytes:
        if end - start == 1:
            return leaves[start]
        if (start, end) not in known:
            middle = start + max(1 << bit for bit in range(9) if 1 << bit < end - start)
            known[start, end] = node_hash(tree_hash(start, middle), tree_hash(middle, end))
        return known[start, end]

    empty = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    return [empty] + [tree_hash(0, size) for size in range(1, LEAVES + 1)]
