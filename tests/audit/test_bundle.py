"""What an export holds, and that it is written whole or not at all."""

import zipfile
from pathlib import Path

import orjson
import pytest

from ledger.audit.bundle import bundle_chunks, write_bundle
from ledger.audit.faults import ExportFault
from ledger.audit.layout import count_tiles, tiles_in_order
from ledger.audit.verify import verify_bundle
from ledger.db import Database
from ledger.errors import NotPublished
from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.commands import Statement
from ledger.tlog.note import Verifier
from ledger.tlog.tiles import entry_tiles_of, tiles_of
from tests.audit.lived import Files, Lived, entries_in, live
from tests.journal.live import ORIGIN, Counter


def test_a_bundle_has_the_published_checkpoints_verbatim(lived: Lived, files: Files) -> None:
    founded, first_day, grants, over_key, head = lived.published
    with lived.counter.database.reading() as conn:
        rows = {
            size: bytes(note)
            for size, note in conn.execute(
                t.checkpoint.select().with_only_columns(t.checkpoint.c.size, t.checkpoint.c.note)
            )
        }
    assert files["checkpoint"] == rows[head]
    kept = {name: raw for name, raw in files.items() if name.startswith("checkpoints/")}
    # The first over a `key` entry (0 is one), the last of each day; not the one in between.
    assert kept == {f"checkpoints/{size}": rows[size] for size in (founded, grants, over_key, head)}
    assert first_day in rows


def test_its_manifest_tells_the_keys_in_the_order_in_which_they_came(
    lived: Lived, files: Files
) -> None:
    assert orjson.loads(files["manifest.json"]) == {
        "format": "points-bundle/1",
        "keys": [*lived.keys.vkeys(1), *lived.keys.vkeys(2)],
        "origin": ORIGIN,
        "size": lived.published[-1],
    }


def test_its_tiles_are_those_that_the_log_serves(lived: Lived, files: Files) -> None:
    size = lived.published[-1]
    with lived.counter.database.reading() as conn:
        served = {tile.path: log.hash_tile(conn, lived.counter.id, tile) for tile in tiles_of(size)}
        for tile in entry_tiles_of(size):
            served[tile.path] = log.entry_tile(conn, lived.counter.id, tile)
    assert {name: raw for name, raw in files.items() if name.startswith("tile/")} == served
    assert any(tile.width == 256 for tile in entry_tiles_of(size))


def test_a_reader_of_the_stream_has_each_hash_when_he_needs_it(files: Files, lived: Lived) -> None:
    assert list(files)[:2] == ["manifest.json", "checkpoint"]
    names = [name for name in files if name.startswith("tile/")]
    assert list(files)[-len(names) :] == names
    assert names == [tile.path for tile in tiles_in_order(lived.published[-1])]
    assert names[:3] == ["tile/entries/000", "tile/0/000", "tile/entries/001"]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_535, 65_536, 65_537, 131_072, 200_000])
def test_the_tiles_of_a_bundle_are_all_tiles_once(size: int) -> None:
    ordered = list(tiles_in_order(size))
    assert len(ordered) == len(set(ordered)) == count_tiles(size)
    assert set(ordered) == {*tiles_of(size), *entry_tiles_of(size)}


def test_a_tile_of_a_higher_level_follows_the_last_of_those_below() -> None:
    paths = [tile.path for tile in tiles_in_order(65_537)]
    at = paths.index("tile/1/000")
    assert paths[at - 2 : at + 2] == [
        "tile/entries/255",
        "tile/0/255",
        "tile/1/000",
        "tile/entries/256.p/1",
    ]
    assert paths[at + 2 :] == ["tile/0/256.p/1", "tile/2/000.p/1"]


def test_the_same_size_gives_the_same_bytes(lived: Lived, good: Path) -> None:
    assert b"".join(bundle_chunks(*lived.where)) == good.read_bytes()


def test_nothing_in_the_zip_tells_when_or_where_it_was_made(good: Path) -> None:
    with zipfile.ZipFile(good) as archive:
        for info in archive.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.create_system == 3
            assert (info.comment, info.extra) == (b"", b"")


def test_either_database_gives_a_bundle_that_verifies(database: Database, tmp_path: Path) -> None:
    lived = live(database, tmp_path, grants=30)
    path = tmp_path / "beiyuan.zip"
    length = write_bundle(*lived.where, path)
    assert length == path.stat().st_size
    keys: list[Verifier] = [signer.verifier for signer in lived.keys.signers(1)]
    report = verify_bundle(path, keys)
    assert (report.size, report.trust) == (lived.published[-1], "checked")


def test_an_export_fixes_its_size_first(sqlite_database: Database, tmp_path: Path) -> None:
    # Given a published ledger whose export has begun
    counter = Counter(sqlite_database)
    counter.publisher(tmp_path / "high-water").publish()
    where = sqlite_database, counter.id, ORIGIN
    before = b"".join(bundle_chunks(*where))
    chunks = bundle_chunks(*where)
    first = next(chunks)
    # When it grows, and is published again
    counter.open()
    counter.publisher(tmp_path / "high-water").publish()
    # Then the export goes on as it began
    assert first + b"".join(chunks) == before


def test_an_export_with_a_publisher_has_what_was_appended_by_now(
    sqlite_database: Database, tmp_path: Path
) -> None:
    counter = Counter(sqlite_database)
    publisher = counter.publisher(tmp_path / "high-water")
    publisher.publish()
    counter.open()
    path = tmp_path / "new.zip"
    write_bundle(sqlite_database, counter.id, ORIGIN, path, publisher=publisher)
    assert verify_bundle(path).size == 6


def test_nothing_is_exported_before_something_is_published(sqlite_database: Database) -> None:
    counter = Counter(sqlite_database)
    with pytest.raises(NotPublished, match="Nothing of this ledger is published yet"):
        bundle_chunks(sqlite_database, counter.id, ORIGIN)


def test_a_bundle_is_not_overwritten_unless_one_says_so(lived: Lived, tmp_path: Path) -> None:
    path = tmp_path / "beiyuan.zip"
    path.write_bytes(b"mine")
    with pytest.raises(ExportFault, match="is there already"):
        write_bundle(*lived.where, path)
    assert path.read_bytes() == b"mine"
    write_bundle(*lived.where, path, overwrite=True)
    assert verify_bundle(path).size == lived.published[-1]
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_export_that_fails_leaves_no_file(
    lived: Lived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        raise NotPublished("half way")

    monkeypatch.setattr(log, "hash_tile", broken)
    with pytest.raises(NotPublished, match="half way"):
        write_bundle(*lived.where, tmp_path / "beiyuan.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(lived: Lived, tmp_path: Path) -> None:
    with pytest.raises(ExportFault, match=r"cannot be written to .*nowhere"):
        write_bundle(*lived.where, tmp_path / "nowhere" / "beiyuan.zip")


def test_every_entry_of_a_long_log_is_exported_in_order(lived: Lived, files: Files) -> None:
    with lived.counter.database.reading() as conn:
        size = lived.published[-1]
        assert entries_in(files) == log.raw_entries(conn, lived.counter.id, 0, size)


def test_of_a_quiet_day_nothing_is_missing_of_a_busy_one_the_last(
    sqlite_database: Database, tmp_path: Path
) -> None:
    # Given heads at 10:03 and 23:59 of one local day, and the next at 00:01
    counter = Counter(sqlite_database)
    publisher = counter.publisher(tmp_path / "high-water")
    sizes = [publisher.publish()]
    for hours in (0, 13.93, 0.04):
        counter.clock.wait(hours=hours)
        counter.enter(
            Statement(
                kind="person",
                fields={"person": counter.new("person"), "standing": "partner"},
                actor=counter.office,
            )
        )
        sizes.append(publisher.publish())
    # Then the bundle has the first (over entry 0), the last of that day, and the next day's
    path = tmp_path / "beiyuan.zip"
    write_bundle(sqlite_database, counter.id, ORIGIN, path)
    with zipfile.ZipFile(path) as archive:
        kept = [name for name in archive.namelist() if name.startswith("checkpoints/")]
    assert kept == [f"checkpoints/{size}" for size in (sizes[0], sizes[2], sizes[3])]
