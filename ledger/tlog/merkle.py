"""The Merkle tree of RFC 6962 section 2.1, SHA-256.

::

    leaf_hash(d)    = SHA-256(0x00 || d)
    node_hash(l, r) = SHA-256(0x01 || l || r)
    MTH of nothing  = SHA-256()
    MTH of n leaves = node_hash(MTH of the first k, MTH of the rest),
                      k the largest power of two below n

A *node* (level, index) is the hash of the complete subtree over the 2**level leaves from
index * 2**level on. A *compact range* of a tree is its size and, for each set bit of the size from
the highest down, the node of that many leaves: between 0 and 53 hashes, from which the root follows
and to which leaves can be added without any older hash. Encoded, it is these hashes one after
another, 32 bytes each; the size is kept beside it.

An *inclusion proof* lists MTHs from the leaf's sibling to the child of the root (RFC 6962 section
2.1.1), a *consistency proof* those of section 2.1.2; from size 0 or between equal sizes it is
empty. Sizes are 0 to 2**53 - 1, the largest that JSON readers carry exactly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from ledger.tlog.errors import ProofError, RangeError

HASH_BYTES = 32
SIZE_MAX = 2**53 - 1
EMPTY_ROOT = sha256().digest()
_TILE_HEIGHT = 8

Node = tuple[int, int]
"""(level, index): the complete subtree over the 2**level leaves from index * 2**level on."""

SubtreeHash = Callable[[int, int], bytes]
"""The hash of the node (level, index), in these two arguments."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf that holds `data`."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the node over two subtrees."""
    return sha256(b"\x01" + left + right).digest()


class Subtree(NamedTuple):
    """A complete subtree of 256**level leaves, level >= 1; `index` counts within the level."""

    level: int
    index: int  # type: ignore[assignment]  # nobody searches in a subtree: hides tuple.index
    hash: bytes


@dataclass(frozen=True, slots=True)
class CompactRange:
    """The right edge of a tree: enough to know its root and to let it grow.

    `hashes` has one hash per set bit of `size`, largest subtree first; RangeError if it has not.
    """

    size: int
    hashes: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.size <= SIZE_MAX:
            raise RangeError(f"tree size is {self.size}, wanted 0 to {SIZE_MAX}", size=self.size)
        wanted = self.size.bit_count()
        if len(self.hashes) != wanted or any(len(each) != HASH_BYTES for each in self.hashes):
            raise RangeError(
                f"range of size {self.size} has {len(self.hashes)} hashes, "
                f"wanted {wanted} of 32 bytes",
                size=self.size,
            )

    @classmethod
    def empty(cls) -> "CompactRange":
        """The range of the tree without leaves."""
        return cls(0, ())

    @classmethod
    def decode(cls, size: int, raw: bytes) -> "CompactRange":
        """Undo `encode`; RangeError unless `raw` has exactly the length that `size` calls for."""
        if len(raw) % HASH_BYTES:
            raise RangeError(f"range has {len(raw)} bytes, wanted a multiple of 32", size=size)
        return cls(size, split_hashes(raw))

    def encode(self) -> bytes:
        """The hashes one after another."""
        return b"".join(self.hashes)

    def root(self) -> bytes:
        """The Merkle tree hash of all leaves so far."""
        return _fold(self.hashes) if self.hashes else EMPTY_ROOT

    def extend(self, leaf_hashes: Sequence[bytes]) -> "tuple[CompactRange, list[Subtree]]":
        """Add leaves on the right: the new range, and the subtrees of 256**k leaves now complete.

        The subtrees (k >= 1) come level by level, each in order of index. RangeError if a
        leaf hash is not 32 bytes.
        """
        if not set(map(len, leaf_hashes)) <= {HASH_BYTES}:
            raise RangeError("a leaf hash does not have 32 bytes; hash the leaf with leaf_hash()")
        edge = list(self.hashes)
        lone: list[bytes] = []
        finished: list[Subtree] = []
        row, level, start = list(leaf_hashes), 0, self.size
        while row:
            if start & 1:
                row.insert(0, edge.pop())
            if len(row) & 1:
                lone.append(row[-1])
            pairs = iter(row)  # zipped with itself it gives (first, second), (third, fourth), …
            row = [
                sha256(b"\x01" + left + right).digest()
                for left, right in zip(pairs, pairs, strict=False)
            ]
            level, start = level + 1, start >> 1
            if level % _TILE_HEIGHT == 0:
                height = level // _TILE_HEIGHT
                finished += [Subtree(height, start + at, each) for at, each in enumerate(row)]
        grown = CompactRange(self.size + len(leaf_hashes), (*edge, *reversed(lone)))
        return grown, finished


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """The Merkle tree hash over leaves given by their hashes."""
    return CompactRange.empty().extend(leaf_hashes)[0].root()


def split_hashes(raw: bytes) -> tuple[bytes, ...]:
    """Cut concatenated hashes apart; the caller has checked that the length is a multiple of 32."""
    return tuple(raw[at : at + HASH_BYTES] for at in range(0, len(raw), HASH_BYTES))


def range_nodes(size: int) -> tuple[Node, ...]:
    """The nodes whose hashes make up the compact range of a tree of `size` leaves."""
    return tuple(_cover(0, size))


def range_at(size: int, subtree: SubtreeHash) -> CompactRange:
    """The compact range of the tree as it was at `size`, from stored hashes."""
    return CompactRange(size, tuple(subtree(*node) for node in range_nodes(size)))


def inclusion_nodes(index: int, size: int) -> tuple[Node, ...]:
    """Every node that `prove_inclusion` will ask for; ProofError unless 0 <= index < size."""
    return tuple(node for span in _inclusion_spans(index, size) for node in _cover(*span))


def consistency_nodes(old: int, new: int) -> tuple[Node, ...]:
    """Every node that `prove_consistency` will ask for; ProofError unless 0 <= old <= new."""
    return tuple(node for span in _consistency_spans(old, new) for node in _cover(*span))


def prove_inclusion(index: int, size: int, subtree: SubtreeHash) -> tuple[bytes, ...]:
    """The proof that leaf `index` is in the tree of `size`; ProofError unless 0 <= index < size."""
    return tuple(_span_hash(*span, subtree) for span in _inclusion_spans(index, size))


def inclusion_sides(index: int, size: int) -> tuple[str, ...]:
    """Whether each hash of `prove_inclusion` stands `left` or `right` of what it is hashed with."""
    spans = _inclusion_spans(index, size)
    return tuple("left" if start < index else "right" for start, _ in spans)


def prove_consistency(old: int, new: int, subtree: SubtreeHash) -> tuple[bytes, ...]:
    """The proof that the tree at `new` extends that at `old`; ProofError unless 0 <= old <= new."""
    return tuple(_span_hash(*span, subtree) for span in _consistency_spans(old, new))


def check_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Return only if `proof` shows that the leaf hash `leaf` is number `index` under `root`.

    Raises ProofError otherwise. The number of hashes is settled before any hashing.
    """
    spans = _inclusion_spans(index, size)
    _want_hashes(proof, len(spans), f"inclusion of leaf {index} in size {size}")
    _want_hashes((leaf, root), 2, "leaf and root")
    value = leaf
    for (start, _), sibling in zip(spans, proof, strict=True):
        value = node_hash(sibling, value) if start < index else node_hash(value, sibling)
    _want_root(value, root, f"inclusion of leaf {index}", size)


def check_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Return only if `proof` shows that the new tree begins with all leaves of the old one.

    Raises ProofError otherwise. The number of hashes is settled before any hashing. From size 0
    everything is consistent, given that `old_root` is the root of nothing.
    """
    spans = _consistency_spans(old_size, new_size)
    what = f"consistency of size {old_size} with {new_size}"
    _want_hashes(proof, len(spans), what)
    _want_hashes((old_root, new_root), 2, "roots")
    for size, root in ((old_size, old_root), (new_size, new_root)):
        if size == 0:
            _want_root(EMPTY_ROOT, root, what, 0)
    if old_size == 0:
        return
    # The walk starts at the subtree that ends the old tree. If it is all of the old tree, its hash
    # is the old root; if not, the proof brings it.
    steps = list(zip(spans, proof, strict=True))
    old = new = steps.pop(0)[1] if spans and spans[0][1] == old_size else old_root
    for (start, _), sibling in steps:
        if start < old_size:
            old = node_hash(sibling, old)
            new = node_hash(sibling, new)
        else:
            new = node_hash(new, sibling)
    _want_root(old, old_root, what, old_size)
    _want_root(new, new_root, what, new_size)


def _want_hashes(hashes: Sequence[bytes], count: int, what: str) -> None:
    if len(hashes) != count or any(len(each) != HASH_BYTES for each in hashes):
        lengths = sorted({len(each) for each in hashes})
        raise ProofError(
            f"{what}: got {len(hashes)} hashes of {lengths} bytes, wanted {count} of 32",
            got=len(hashes),
            want=count,
        )


def _want_root(got: bytes, want: bytes, what: str, size: int) -> None:
    if got != want:
        raise ProofError(
            f"{what}: leads to root {got.hex()} at size {size}, wanted {want.hex()}",
            got=got,
            want=want,
            size=size,
        )


def _split_point(count: int) -> int:
    """The largest power of two below `count` (at least 2)."""
    return 1 << ((count - 1).bit_length() - 1)


def _inclusion_spans(index: int, size: int) -> list[tuple[int, int]]:
    """The runs of leaves [start, end) whose MTHs are PATH(index, D[size]), from the leaf up."""
    if not 0 <= index < size <= SIZE_MAX:
        raise ProofError(
            f"leaf {index} is not in a tree of size {size}, wanted 0 <= index < size <= {SIZE_MAX}",
            index=index,
            size=size,
        )
    spans = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split_point(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def _consistency_spans(old: int, new: int) -> list[tuple[int, int]]:
    """The runs of leaves [start, end) whose MTHs are PROOF(old, D[new]), deepest first."""
    if not 0 <= old <= new <= SIZE_MAX:
        raise ProofError(
            f"no consistency from size {old} to {new}, wanted 0 <= old <= new <= {SIZE_MAX}",
            old=old,
            new=new,
        )
    if old == 0:
        return []
    spans = []
    start, end = 0, new
    while end != old:
        middle = start + _split_point(end - start)
        if old <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    if start > 0:
        spans.append((start, end))
    return spans[::-1]


def _cover(start: int, end: int) -> list[Node]:
    """Cut [start, end) into complete subtrees, largest first."""
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start % (1 << level):
            raise RuntimeError(f"bad tree arithmetic: no subtree of level {level} at leaf {start}")
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def _span_hash(start: int, end: int, subtree: SubtreeHash) -> bytes:
    return _fold([subtree(*node) for node in _cover(start, end)])


def _fold(hashes: Sequence[bytes]) -> bytes:
    """The MTH over complete subtrees of falling size."""
    value = hashes[-1]
    for left in hashes[-2::-1]:
        value = node_hash(left, value)
    return value
