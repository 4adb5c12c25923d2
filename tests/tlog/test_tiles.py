"""Tiles and entry bundles: their paths, their bytes, and proofs made out of them."""

from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.tlog.errors import TileError
from ledger.tlog.merkle import (
    SIZE_MAX,
    CompactRange,
    check_consistency,
    check_inclusion,
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    range_at,
    root_of,
)
from ledger.tlog.tiles import (
    INDEX_MAX,
    Tile,
    TileHashes,
    decode_bundle,
    encode_bundle,
    entries_path,
    entry_tiles_of,
    parse_tile_path,
    tile_path,
    tiles_of,
)
from tests.tlog.mutation import damaged

SIZE = 70_000


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1_234_067), "tile/0/x001/x234/067"),
        (Tile(0, 1_234_067, 5), "tile/0/x001/x234/067.p/5"),
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 999, 255), "tile/1/999.p/255"),
        (Tile(2, 1000, 1), "tile/2/x001/000.p/1"),
        (Tile(63, 273, 17), "tile/63/273.p/17"),
        (Tile(None, 1_234_067), "tile/entries/x001/x234/067"),
        (Tile(None, 0, 112), "tile/entries/000.p/112"),
        (Tile(0, INDEX_MAX), "tile/0/x009/x007/x199/x254/x740/991"),
    ],
)
def test_a_tile_has_the_published_path_and_a_path_names_that_tile(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert parse_tile_path(path) == tile
    if tile.level is None:
        assert entries_path(tile.index, tile.width) == path
    else:
        assert tile_path(tile.level, tile.index, tile.width) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/",
        "tile/0",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/100/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/Entries/000",
        "tile/data/000",
        "tile//000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000",
        "tile/0/x000/000",
        "tile/0/x000/067",
        "tile/0/001/067",
        "tile/0/x001/x067",
        "tile/0/X001/067",
        "tile/0/x01/067",
        "tile/0/x001//067",
        "tile/0/000.p/0",
        "tile/0/000.p/05",
        "tile/0/000.p/256",
        "tile/0/000.p/-1",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000.P/5",
        "tile/0/000\n",
        "tile/0/００0",
        "tile/0/x009/x007/x199/x254/x740/992",
        "tile/0/" + "x999/" * 10_000 + "999",
        "../tile/0/000",
        "tile/0/../../checkpoint",
    ],
)
def test_any_other_spelling_of_a_path_is_refused(path: str) -> None:
    with pytest.raises(TileError):
        parse_tile_path(path)


@pytest.mark.parametrize(
    ("level", "index", "width"),
    [(-1, 0, 256), (64, 0, 256), (0, -1, 256), (0, INDEX_MAX + 1, 256), (0, 0, 0), (0, 0, 257)],
)
def test_a_tile_that_cannot_exist_has_no_path(level: int, index: int, width: int) -> None:
    with pytest.raises(TileError):
        tile_path(level, index, width)


@given(
    st.none() | st.integers(0, 63),
    st.integers(0, 2_000_000) | st.integers(0, INDEX_MAX),
    st.integers(1, 256),
)
def test_any_tile_is_found_again_under_its_path(level: int | None, index: int, width: int) -> None:
    tile = Tile(level, index, width)

    assert parse_tile_path(tile.path) == tile


@given(damaged(b"tile/0/x001/x234/067.p/5") | damaged(b"tile/entries/x001/067"))
def test_a_damaged_path_is_refused_or_names_another_tile(raw: bytes) -> None:
    path = raw.decode(errors="replace")
    try:
        tile = parse_tile_path(path)
    except TileError:
        return
    assert tile not in (Tile(0, 1_234_067, 5), Tile(None, 1067))
    assert tile.path == path


def test_seventy_thousand_leaves_have_the_published_tiles() -> None:
    tiles = list(tiles_of(SIZE))

    assert tiles == [
        *(Tile(0, index) for index in range(273)),
        Tile(0, 273, 112),
        Tile(1, 0),
        Tile(1, 1, 17),
        Tile(2, 0, 1),
    ]
    assert list(entry_tiles_of(SIZE)) == [
        *(Tile(None, index) for index in range(273)),
        Tile(None, 273, 112),
    ]


@pytest.mark.parametrize(
    ("size", "tiles"),
    [
        (0, []),
        (1, [Tile(0, 0, 1)]),
        (255, [Tile(0, 0, 255)]),
        (256, [Tile(0, 0), Tile(1, 0, 1)]),
        (257, [Tile(0, 0), Tile(0, 1, 1), Tile(1, 0, 1)]),
    ],
)
def test_small_trees_have_no_empty_tiles(size: int, tiles: list[Tile]) -> None:
    assert list(tiles_of(size)) == tiles
    assert [each.width for each in entry_tiles_of(size)] == [
        each.width for each in tiles if each.level == 0
    ]


@pytest.mark.parametrize("size", [-1, SIZE_MAX + 1])
def test_an_impossible_size_has_no_tiles(size: int) -> None:
    with pytest.raises(TileError, match="tree size"):
        list(tiles_of(size))
    with pytest.raises(TileError, match="tree size"):
        list(entry_tiles_of(size))
    with pytest.raises(TileError, match="tree size"):
        TileHashes(lambda _: b"", size)


@pytest.fixture(scope="module")
def many_leaves() -> list[bytes]:
    return [sha256(b"%d" % number).digest() for number in range(SIZE)]


@pytest.fixture(scope="module")
def directory(many_leaves: list[bytes]) -> dict[str, bytes]:
    """The tiles of 70,000 leaves, put together from leaf hashes and the finished subtrees."""
    hashes = {(0, index): each for index, each in enumerate(many_leaves)}
    for level, index, each in CompactRange.empty().extend(many_leaves)[1]:
        hashes[level, index] = each
    return {
        tile.path: b"".join(hashes[tile.level, tile.index * 256 + at] for at in range(tile.width))
        for tile in tiles_of(SIZE)
        if tile.level is not None
    }


@pytest.fixture(scope="module")
def tile_hashes(directory: dict[str, bytes]) -> TileHashes:
    return TileHashes(lambda tile: directory[tile.path], SIZE)


def test_full_tiles_are_8192_bytes_and_partial_ones_as_wide_as_their_path_says(
    directory: dict[str, bytes],
) -> None:
    assert len(directory["tile/0/000"]) == len(directory["tile/1/000"]) == 8192
    assert len(directory["tile/0/273.p/112"]) == 112 * 32
    assert directory["tile/1/000"][:32] == root_of(
        [directory["tile/0/000"][at : at + 32] for at in range(0, 8192, 32)]
    )
    assert directory["tile/2/000.p/1"] == root_of(
        [directory["tile/1/000"][at : at + 32] for at in range(0, 8192, 32)]
    )


def test_proofs_can_be_made_from_a_directory_of_tiles(
    tile_hashes: TileHashes, many_leaves: list[bytes]
) -> None:
    root = range_at(SIZE, tile_hashes).root()
    assert root == root_of(many_leaves)

    for index in (0, 1, 255, 256, 65_535, 65_536, 69_887, 69_888, SIZE - 1):
        proof = prove_inclusion(index, SIZE, tile_hashes)
        check_inclusion(many_leaves[index], index, SIZE, proof, root)
    for old in (1, 2, 255, 256, 257, 65_535, 65_536, 65_537, 69_999, SIZE):
        proof = prove_consistency(old, SIZE, tile_hashes)
        check_consistency(old, root_of(many_leaves[:old]), SIZE, root, proof)


def test_a_wrong_tile_makes_a_proof_that_does_not_hold(
    directory: dict[str, bytes], many_leaves: list[bytes]
) -> None:
    forged = directory | {"tile/0/000": bytes(8192)}
    proof = prove_inclusion(7, SIZE, TileHashes(lambda tile: forged[tile.path], SIZE))

    with pytest.raises(ValueError, match="leads to root"):
        check_inclusion(many_leaves[7], 7, SIZE, proof, root_of(many_leaves))


@pytest.mark.parametrize(
    "change", [lambda raw: raw[:-1], lambda raw: raw + raw[:32], lambda _: b""]
)
def test_a_tile_of_the_wrong_length_is_refused(
    change: Callable[[bytes], bytes], directory: dict[str, bytes]
) -> None:
    hashes = TileHashes(lambda tile: change(directory[tile.path]), SIZE)

    with pytest.raises(TileError, match=r"tile/0/273.p/112 has \d+ bytes, wanted 3584"):
        hashes(0, SIZE - 1)


@pytest.mark.parametrize(
    ("level", "index"), [(0, SIZE), (1, SIZE // 2), (17, 0), (-1, 0), (0, -1), (16, 1)]
)
def test_a_subtree_outside_the_tree_has_no_hash(
    level: int, index: int, tile_hashes: TileHashes
) -> None:
    with pytest.raises(TileError, match="no complete subtree"):
        tile_hashes(level, index)


def test_a_bundle_is_entries_with_their_lengths_before_them() -> None:
    entries = [b"", b"one", b"x" * 65_535]

    raw = encode_bundle(entries)

    assert raw == b"\0\0" + b"\0\x03one" + b"\xff\xff" + b"x" * 65_535
    assert decode_bundle(raw, 3) == entries


def test_the_entries_of_a_bundle_hash_to_the_leaves_of_its_tile(
    entries: list[bytes], leaves: list[bytes]
) -> None:
    bundles = {
        tile: encode_bundle(entries[tile.index * 256 : tile.index * 256 + tile.width])
        for tile in entry_tiles_of(len(entries))
    }

    read = [each for tile, raw in bundles.items() for each in decode_bundle(raw, tile.width)]
    assert [leaf_hash(each) for each in read] == leaves


@pytest.mark.parametrize(
    ("raw", "count"),
    [
        (b"", 1),
        (b"\0", 1),
        (b"\0\x03on", 1),
        (b"\0\x03one", 2),
        (b"\0\x03one\0", 2),
        (b"\0\x03one\0\0", 1),
        (b"\0\x03one\0", 1),
        (b"\0\x03one", 0),
        (b"\0\0" * 257, 257),
        (b"\0\x03one", -1),
    ],
)
def test_a_bundle_of_the_wrong_length_is_refused(raw: bytes, count: int) -> None:
    with pytest.raises(TileError):
        decode_bundle(raw, count)


@pytest.mark.parametrize("entries", [[], [b""] * 257, [b"x" * 65_536]])
def test_a_bundle_that_could_not_be_read_is_not_written(entries: list[bytes]) -> None:
    with pytest.raises(TileError):
        encode_bundle(entries)


@given(st.data())
def test_a_damaged_bundle_is_refused_or_holds_other_entries(data: st.DataObject) -> None:
    entries = data.draw(st.lists(st.binary(max_size=300), min_size=1, max_size=20))
    raw = data.draw(damaged(encode_bundle(entries)))

    try:
        found = decode_bundle(raw, len(entries))
    except TileError:
        return
    assert found != entries
    assert encode_bundle(found) == raw
