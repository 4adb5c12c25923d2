"""A zip that is none, is cut short, lies or swells is refused in one sentence, and nothing else."""

import random
import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from ledger.audit import reader
from ledger.audit.bundle import write_bundle
from ledger.audit.faults import BundleFault
from ledger.audit.verify import verify_bundle
from ledger.db import Database
from tests.audit.lived import Files, pack
from tests.journal.live import ORIGIN, Counter

SAMPLES = 200


def fault_of(path: Path) -> str:
    """The sentence that a bundle is refused by."""
    with pytest.raises(BundleFault) as caught:
        verify_bundle(path)
    return str(caught.value)


def place_of(path: Path, name: str) -> int:
    """Where a file's record in the directory of a zip begins (APPNOTE.TXT section 4.3.12)."""
    with zipfile.ZipFile(path) as archive:
        start = archive.start_dir
    at = path.read_bytes().index(name.encode(), start) - 46
    assert path.read_bytes()[at : at + 4] == b"PK\x01\x02"
    return at


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", b"%PDF-1.7 and so on, for more than twenty-two bytes", bytes(10_000)],
    ids=["empty", "short", "a PDF", "zeros"],
)
def test_what_is_no_zip_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.zip"
    path.write_bytes(content)
    assert fault_of(path) == (
        f"{path} is not a whole zip file: the bundle is damaged or was cut short. Get it again."
    )


def test_a_zip_of_something_else_is_no_bundle(tmp_path: Path) -> None:
    path = pack({"photo.jpg": b""}, tmp_path / "photos.zip")
    assert fault_of(path) == "the bundle has a file 'photo.jpg', which no bundle has"
    empty = pack({}, tmp_path / "empty.zip")
    assert fault_of(empty) == "manifest.json is missing: this zip is no points bundle"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "nothing.zip cannot be read: No such file" in fault_of(tmp_path / "nothing.zip")
    assert "cannot be read: Is a directory" in fault_of(tmp_path)


@pytest.mark.parametrize("part", [0.01, 0.5, 0.9, 0.999])
def test_a_bundle_that_was_cut_short_is_said_to_be(good: Path, tmp_path: Path, part: float) -> None:
    path = tmp_path / "short.zip"
    raw = good.read_bytes()
    path.write_bytes(raw[: int(len(raw) * part)])
    assert fault_of(path).endswith("the bundle is damaged or was cut short. Get it again.")


def test_a_file_that_is_there_twice_is_named(files: Files, tmp_path: Path) -> None:
    path = pack(files, tmp_path / "twice.zip")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("tile/0/000", files["tile/0/000"])
    assert fault_of(path) == "tile/0/000 is in the bundle twice"


def test_a_bomb_is_refused_by_the_length_that_it_admits(files: Files, tmp_path: Path) -> None:
    files["checkpoint"] = bytes(50_000_000)
    path = pack(files, tmp_path / "bomb.zip")
    assert path.stat().st_size < 1_000_000
    assert fault_of(path) == "checkpoint would unpack to 50000000 bytes, at most 1000000 are read"


def test_a_bomb_that_lies_about_its_length_is_not_unpacked_beyond_it(
    files: Files, tmp_path: Path
) -> None:
    # Given a checkpoint of 50 MB of which the directory says that it is 4,000 bytes
    files["checkpoint"] = bytes(50_000_000)
    path = pack(files, tmp_path / "bomb.zip")
    raw = path.read_bytes()
    at = place_of(path, "checkpoint")
    said = struct.pack("<L", 4_000)
    path.write_bytes(raw[: at + 24] + said + raw[at + 28 :])
    # Then no more than that is unpacked, and it is not what the checksum was made of
    assert fault_of(path).startswith("checkpoint cannot be unpacked: the bundle is damaged")


def test_a_bomb_with_the_right_checksum_of_its_beginning_is_refused_too(
    files: Files, tmp_path: Path
) -> None:
    # Given the same with the checksum of the first 4,000 bytes
    files["checkpoint"] = bytes(50_000_000)
    path = pack(files, tmp_path / "bomb.zip")
    raw = path.read_bytes()
    at = place_of(path, "checkpoint")
    crc = struct.pack("<L", zlib.crc32(bytes(4_000)))
    raw = raw[: at + 16] + crc + raw[at + 20 : at + 24] + struct.pack("<L", 4_000) + raw[at + 28 :]
    path.write_bytes(raw)
    # Then its 4,000 zeros are read, and are no note
    assert fault_of(path).startswith("checkpoint: note holds the control character '\\x00'")


def test_a_directory_that_is_too_long_is_refused_before_it_is_read(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "DIRECTORY_BYTES_MAX", 500)
    monkeypatch.setattr(zipfile, "ZipFile", None)  # it would be called to read the directory
    assert fault_of(good).endswith("bytes, at most 500 are read")


def test_a_directory_that_calls_itself_longer_than_the_file_is_refused(
    good: Path, tmp_path: Path
) -> None:
    path = tmp_path / "lie.zip"
    raw = good.read_bytes()
    path.write_bytes(raw[:-10] + struct.pack("<L", 2**32 - 2) + raw[-6:])
    assert fault_of(path) == (
        f"the directory of the zip has {2**32 - 2} bytes, at most 67108864 are read"
    )


def test_more_files_than_a_16_bit_count_can_tell_are_read(tmp_path: Path) -> None:
    # Given a zip of 70,000 files, whose directory ends in a 64 bit record
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(70_000):
            archive.writestr(f"checkpoints/{number + 1}", b"")
    # Then it is read as far as what is missing
    missing = "manifest.json is missing: this zip is no points bundle"
    assert fault_of(path) == missing
    # And so it is where the lengths stand in that record alone, as other tools write them
    raw = path.read_bytes()
    path.write_bytes(raw[:-14] + b"\xff" * 12 + raw[-2:])
    assert fault_of(path) == missing


def test_another_compression_is_refused(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "lzma.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("manifest.json", files["manifest.json"])
    assert fault_of(path) == "manifest.json is neither stored nor deflated"


def test_an_encrypted_file_is_refused(files: Files, tmp_path: Path) -> None:
    path = pack(files, tmp_path / "locked.zip")
    raw = path.read_bytes()
    at = place_of(path, "manifest.json")
    path.write_bytes(raw[: at + 8] + b"\x01" + raw[at + 9 :])
    assert fault_of(path).startswith("manifest.json is encrypted")


@pytest.fixture
def small(sqlite_database: Database, tmp_path: Path) -> bytes:
    """The bundle of a ledger that was just founded."""
    counter = Counter(sqlite_database)
    counter.publisher(tmp_path / "high-water").publish()
    write_bundle(sqlite_database, counter.id, ORIGIN, tmp_path / "small.zip")
    return (tmp_path / "small.zip").read_bytes()


def test_whatever_byte_is_damaged_it_is_a_fault_or_makes_no_difference(
    small: bytes, tmp_path: Path
) -> None:
    # Given a sound bundle, and any of its bytes replaced by another
    path = tmp_path / "damaged.zip"
    path.write_bytes(small)
    sound = verify_bundle(path)
    draw = random.Random(20261124)
    faults = 0
    for _ in range(SAMPLES):
        at, other = draw.randrange(len(small)), draw.randrange(1, 256)
        path.write_bytes(small[:at] + bytes((small[at] ^ other,)) + small[at + 1 :])
        # Then it is refused as a bundle, or the byte is one that says nothing (a date in the zip)
        try:
            assert verify_bundle(path) == sound
        except BundleFault:
            faults += 1
    assert faults > SAMPLES * 0.8


def test_wherever_a_bundle_is_cut_it_is_a_fault(small: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.zip"
    for length in range(0, len(small), 97):
        path.write_bytes(small[:length])
        fault_of(path)
