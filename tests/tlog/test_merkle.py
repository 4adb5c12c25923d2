"""The tree of RFC 6962, against published vectors, another implementation and damage."""

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.tlog.errors import ProofError, RangeError
from ledger.tlog.merkle import (
    EMPTY_ROOT,
    SIZE_MAX,
    CompactRange,
    Subtree,
    check_consistency,
    check_inclusion,
    consistency_nodes,
    inclusion_nodes,
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    range_at,
    root_of,
)

SubtreeHash = Callable[[int, int], bytes]
VECTORS = json.loads((Path(__file__).parent / "vectors/rfc6962-eight-leaves.json").read_text())


def unhex(lines: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(map(bytes.fromhex, lines))


def flipped(proof: Sequence[bytes], at: int) -> tuple[bytes, ...]:
    bad = bytes((proof[at][0] ^ 1,)) + proof[at][1:]
    return (*proof[:at], bad, *proof[at + 1 :])


@pytest.fixture(scope="module")
def published() -> list[bytes]:
    return [leaf_hash(each) for each in unhex(VECTORS["leaves"])]


@pytest.fixture(scope="module")
def published_subtree(published: list[bytes]) -> SubtreeHash:
    return lambda level, index: root_of(published[index << level : (index + 1) << level])


def test_roots_are_the_published_ones(published: list[bytes]) -> None:
    assert [root_of(published[:size]) for size in range(9)] == list(unhex(VECTORS["roots"]))


@pytest.mark.parametrize("case", VECTORS["inclusion"])
def test_inclusion_proofs_are_the_published_ones(
    case: dict, published: list[bytes], published_subtree: SubtreeHash
) -> None:
    index, size, proof = case["index"], case["size"], unhex(case["proof"])

    assert prove_inclusion(index, size, published_subtree) == proof
    check_inclusion(published[index], index, size, proof, bytes.fromhex(VECTORS["roots"][size]))


@pytest.mark.parametrize("case", VECTORS["consistency"])
def test_consistency_proofs_are_the_published_ones(
    case: dict, published_subtree: SubtreeHash
) -> None:
    old, new, proof = case["old"], case["new"], unhex(case["proof"])
    roots = unhex(VECTORS["roots"])

    assert prove_consistency(old, new, published_subtree) == proof
    check_consistency(old, roots[old], new, roots[new], proof)


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert root_of([]) == CompactRange.empty().root() == EMPTY_ROOT == sha256(b"").digest()


def test_a_leaf_cannot_pass_for_a_node(leaves: list[bytes]) -> None:
    inner = leaves[0] + leaves[1]

    assert leaf_hash(inner) != root_of(leaves[:2])


@pytest.fixture(scope="module")
def second_opinion(entries: list[bytes]) -> pymerkle.InmemoryTree:
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for each in entries:
        tree.append_entry(each)
    return tree


def test_another_implementation_computes_the_same_roots(
    second_opinion: pymerkle.InmemoryTree, leaves: list[bytes], roots: list[bytes]
) -> None:
    for size in range(1, len(leaves) + 1):
        assert root_of(leaves[:size]) == second_opinion.get_root(size) == roots[size]


def test_another_implementation_makes_the_same_inclusion_proofs(
    second_opinion: pymerkle.InmemoryTree, subtree: SubtreeHash
) -> None:
    for size in (1, 2, 3, 7, 8, 9, 63, 64, 65, 200, 255, 256, 257, 300):
        for index in range(0, size, 7):
            theirs = second_opinion.prove_inclusion(index + 1, size)
            assert prove_inclusion(index, size, subtree) == tuple(theirs.path[1:])


def test_another_implementation_accepts_our_roots_as_consistent_and_no_others(
    second_opinion: pymerkle.InmemoryTree, roots: list[bytes], subtree: SubtreeHash
) -> None:
    for new in (1, 2, 3, 8, 65, 255, 256, 257, 300):
        for old in range(1, new, 11):
            theirs = second_opinion.prove_consistency(old, new)
            ours = prove_consistency(old, new, subtree)

            pymerkle.verify_consistency(roots[old], roots[new], theirs)
            check_consistency(old, roots[old], new, roots[new], ours)
            with pytest.raises(pymerkle.InvalidProof):
                pymerkle.verify_consistency(roots[old - 1], roots[new], theirs)
            with pytest.raises(ProofError):
                check_consistency(old, roots[old - 1], new, roots[new], ours)


def test_every_inclusion_proof_holds_and_breaks_with_any_hash_of_it(
    leaves: list[bytes], roots: list[bytes], subtree: SubtreeHash
) -> None:
    for size in range(1, len(leaves) + 1):
        for index in range(size):
            proof = prove_inclusion(index, size, subtree)
            check_inclusion(leaves[index], index, size, proof, roots[size])
            every = range(len(proof)) if size <= 64 else [(index + size) % len(proof)]
            for at in every:
                with pytest.raises(ProofError):
                    check_inclusion(leaves[index], index, size, flipped(proof, at), roots[size])


def test_every_consistency_proof_holds_and_breaks_with_any_hash_of_it(
    roots: list[bytes], subtree: SubtreeHash
) -> None:
    for new in range(len(roots)):
        for old in range(new + 1):
            proof = prove_consistency(old, new, subtree)
            check_consistency(old, roots[old], new, roots[new], proof)
            every = range(len(proof)) if new <= 64 else [(old + new) % len(proof)] if proof else []
            for at in every:
                with pytest.raises(ProofError):
                    check_consistency(old, roots[old], new, roots[new], flipped(proof, at))


def test_an_inclusion_proof_holds_for_no_other_leaf_index_size_or_root(
    leaves: list[bytes], roots: list[bytes], subtree: SubtreeHash
) -> None:
    for size in range(2, 40):
        for index in range(size):
            proof = prove_inclusion(index, size, subtree)
            other = (index + 1) % size
            for leaf, at, total, root in (
                (leaves[other], index, size, roots[size]),
                (leaves[index], other, size, roots[size]),
                (leaves[index], index, size, roots[size - 1]),
                (leaves[index], index, size * 4, roots[size]),
            ):
                with pytest.raises(ProofError):
                    check_inclusion(leaf, at, total, proof, root)


def test_a_consistency_proof_holds_for_no_other_root(
    roots: list[bytes], subtree: SubtreeHash
) -> None:
    for new in range(1, 40):
        for old in range(new + 1):
            proof = prove_consistency(old, new, subtree)
            with pytest.raises(ProofError):
                check_consistency(old, roots[old + 1], new, roots[new], proof)
            if old > 0:
                with pytest.raises(ProofError):
                    check_consistency(old, roots[old], new, roots[new + 1], proof)


def test_a_tree_of_nothing_begins_every_tree_but_has_only_one_root(roots: list[bytes]) -> None:
    check_consistency(0, EMPTY_ROOT, 5, roots[5], ())
    check_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, ())

    with pytest.raises(ProofError, match="leads to root e3b0c442"):
        check_consistency(0, roots[1], 5, roots[5], ())
    with pytest.raises(ProofError):
        check_consistency(0, EMPTY_ROOT, 0, roots[1], ())


def test_a_proof_of_the_wrong_length_is_refused_before_any_hashing(
    leaves: list[bytes],
    roots: list[bytes],
    subtree: SubtreeHash,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inclusion = prove_inclusion(5, 13, subtree)
    consistency = prove_consistency(6, 13, subtree)

    def no_hashing(left: bytes, right: bytes) -> bytes:
        raise AssertionError("hashed")

    monkeypatch.setattr("ledger.tlog.merkle.node_hash", no_hashing)
    for bad in (inclusion[:-1], (*inclusion, leaves[0]), (), (b"short", *inclusion[1:])):
        with pytest.raises(ProofError, match="wanted 4 of 32") as refusal:
            check_inclusion(leaves[5], 5, 13, bad, roots[13])
        assert refusal.value.facts == {"got": len(bad), "want": 4}
    for bad in (consistency[:-1], (*consistency, leaves[0]), ()):
        with pytest.raises(ProofError, match="wanted 4 of 32"):
            check_consistency(6, roots[6], 13, roots[13], bad)
    with pytest.raises(ProofError, match="leaf and root"):
        check_inclusion(b"leaf", 5, 13, inclusion, roots[13])
    with pytest.raises(ProofError, match="roots"):
        check_consistency(6, roots[6], 13, roots[13] + b"\0", consistency)


@pytest.mark.parametrize(
    ("index", "size"), [(0, 0), (3, 3), (-1, 3), (4, 3), (1, -1), (0, SIZE_MAX + 1)]
)
def test_no_leaf_lies_outside_its_tree(index: int, size: int, subtree: SubtreeHash) -> None:
    with pytest.raises(ProofError, match=f"leaf {index} is not in a tree of size {size}"):
        prove_inclusion(index, size, subtree)
    with pytest.raises(ProofError):
        check_inclusion(EMPTY_ROOT, index, size, (), EMPTY_ROOT)


@pytest.mark.parametrize(("old", "new"), [(3, 2), (-1, 2), (0, SIZE_MAX + 1)])
def test_no_tree_extends_a_larger_one(old: int, new: int, subtree: SubtreeHash) -> None:
    with pytest.raises(ProofError, match=f"no consistency from size {old} to {new}"):
        prove_consistency(old, new, subtree)
    with pytest.raises(ProofError):
        check_consistency(old, EMPTY_ROOT, new, EMPTY_ROOT, ())


def test_a_proof_asks_for_the_nodes_that_were_announced(subtree: SubtreeHash) -> None:
    asked: list[tuple[int, int]] = []

    def noted(level: int, index: int) -> bytes:
        asked.append((level, index))
        return subtree(level, index)

    for size in range(1, 70):
        for index in range(size):
            asked.clear()
            prove_inclusion(index, size, noted)
            assert asked == list(inclusion_nodes(index, size))
            asked.clear()
            prove_consistency(index, size, noted)
            assert asked == list(consistency_nodes(index, size))


def test_a_range_grown_in_any_steps_has_the_same_root_and_hashes(
    leaves: list[bytes], roots: list[bytes], subtree: SubtreeHash
) -> None:
    for step in (1, 2, 3, 7, 64, 100, 255, 256, 300):
        grown = CompactRange.empty()
        for at in range(0, len(leaves), step):
            grown, _ = grown.extend(leaves[at : at + step])
            assert grown.root() == roots[grown.size]
            assert grown == range_at(grown.size, subtree)
            assert CompactRange.decode(grown.size, grown.encode()) == grown


def test_extending_by_nothing_changes_nothing(leaves: list[bytes]) -> None:
    before, _ = CompactRange.empty().extend(leaves[:21])

    assert before.extend([]) == (before, [])


def test_a_subtree_is_reported_once_when_its_last_leaf_comes() -> None:
    leaves = [sha256(b"%d" % number).digest() for number in range(256 * 256 + 300)]
    wanted = [
        Subtree(1, index, root_of(leaves[index * 256 : (index + 1) * 256])) for index in range(257)
    ]
    whole = Subtree(2, 0, root_of(leaves[: 256 * 256]))

    at_once = CompactRange.empty().extend(leaves)[1]
    assert at_once == [*wanted, whole]

    one_by_one, size = [], 0
    tree = CompactRange.empty()
    for step in (255, 1, 1, 255, 255, 65_000, 69, 44, 256):
        tree, finished = tree.extend(leaves[size : size + step])
        size += step
        assert all(256**each.level * (each.index + 1) <= size for each in finished)
        assert all(256**each.level * (each.index + 1) > size - step for each in finished)
        one_by_one += finished
    assert sorted(one_by_one) == sorted(each for each in at_once if (each.index + 1) * 256 <= size)


@pytest.mark.parametrize("length", [0, 31, 33, 64, 96 + 1, 128])
def test_a_stored_range_of_the_wrong_length_is_refused(length: int) -> None:
    assert CompactRange.decode(7, bytes(96)).size == 7

    with pytest.raises(RangeError):
        CompactRange.decode(7, bytes(length))


@pytest.mark.parametrize("size", [-1, SIZE_MAX + 1])
def test_a_range_of_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(RangeError, match="tree size"):
        CompactRange(size, ())


def test_what_is_not_a_hash_cannot_be_a_leaf() -> None:
    with pytest.raises(RangeError, match="32 bytes"):
        CompactRange.empty().extend([bytes(32), b"a leaf that nobody hashed"])


@given(st.lists(st.binary(max_size=3), max_size=70), st.data())
def test_any_tree_proves_any_of_its_leaves_and_prefixes(
    contents: list[bytes], data: st.DataObject
) -> None:
    leaves = [leaf_hash(each) for each in contents]
    old = data.draw(st.integers(0, len(leaves)))

    def subtree(level: int, index: int) -> bytes:
        return root_of(leaves[index << level : (index + 1) << level])

    size, root = len(leaves), root_of(leaves)
    proof = prove_consistency(old, size, subtree)
    check_consistency(old, root_of(leaves[:old]), size, root, proof)
    for index in range(old, size):
        check_inclusion(leaves[index], index, size, prove_inclusion(index, size, subtree), root)
