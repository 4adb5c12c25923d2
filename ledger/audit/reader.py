"""Reads a bundle's files out of its zip, trusting nothing about it.

What a hostile zip could do is bounded before anything is unpacked: the length of its directory
before that is parsed, the name and length of each file before that is read. A file is never
unpacked beyond the length that the directory states, which is at most what its name allows:

    manifest.json        1,000,000 bytes
    checkpoint notes     1,000,000 bytes
    tile/<L>/…           32 bytes a hash, exactly
    tile/entries/…       65,537 bytes an entry

Whether the contents are right is for `verify.py` to say.
"""

from __future__ import annotations

import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ledger.audit.faults import BundleFault
from ledger.audit.layout import CHECKPOINTS, HEAD, MANIFEST
from ledger.tlog.errors import TileError
from ledger.tlog.merkle import HASH_BYTES, SIZE_MAX
from ledger.tlog.note import NOTE_BYTES_MAX
from ledger.tlog.tiles import ENTRY_BYTES_MAX, Tile, parse_tile_path

DIRECTORY_BYTES_MAX = 64 * 1024 * 1024  # of some 75 bytes a file: over 100 million entries
MANIFEST_BYTES_MAX = 1_000_000
PATH_CHARACTERS_MAX = 64
_LENGTH_BYTES = 2
_ENCRYPTED = 0x1
_CHECKPOINT = re.compile(CHECKPOINTS + r"([1-9][0-9]{0,15})", re.ASCII)
# APPNOTE.TXT sections 4.3.14 to 4.3.16: the ends of a zip's directory.
_END = struct.Struct("<4s8xL4xH")
_LOCATOR_64_BYTES = 20
_END_64 = struct.Struct("<4s36xQ8x")
_IN_END_64 = 0xFFFF_FFFF  # which some tools write for each length, once one does not fit


class BundleReader:
    """The files of the bundle at `path`; close it after use. BundleFault where it is not one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _zip_errors(path):
            _want_short_directory(path)
            self._zip = zipfile.ZipFile(path)
        try:
            self._files = self._listed()
        except BaseException:
            self._zip.close()
            raise
        self.checkpoint_sizes = tuple(sorted(self._sizes()))
        self.tile_count = sum(name.startswith("tile/") for name in self._files)

    def __enter__(self) -> BundleReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return name in self._files

    def tiles(self) -> Iterator[str]:
        """The names of all tiles and entry bundles, in the order of the zip."""
        return (name for name in self._files if name.startswith("tile/"))

    def read(self, name: str) -> bytes:
        """The bytes of a file; BundleFault where it is not there or damaged."""
        info = self._files.get(name)
        if info is None:
            raise BundleFault(f"{name} is missing from the bundle", file=name)
        with _zip_errors(self.path, name), self._zip.open(info) as file:
            content = file.read(info.file_size)
            # Only now, at the end of the file, does zipfile compare the checksum.
            if len(content) != info.file_size or file.read(1):
                raise BundleFault(
                    f"{name} unpacks to {len(content)} bytes, the directory of the zip says"
                    f" {info.file_size}",
                    file=name,
                )
        return content

    def _listed(self) -> dict[str, zipfile.ZipInfo]:
        files: dict[str, zipfile.ZipInfo] = {}
        for info in self._zip.infolist():
            name = info.filename
            _check_info(info)
            if name in files:
                raise BundleFault(f"{name} is in the bundle twice", file=name)
            files[name] = info
        for name in (MANIFEST, HEAD):
            if name not in files:
                raise BundleFault(f"{name} is missing: this zip is no points bundle", file=name)
        return files

    def _sizes(self) -> Iterator[int]:
        return (int(name.removeprefix(CHECKPOINTS)) for name in self._files if CHECKPOINTS in name)


def _want_short_directory(path: Path) -> None:
    """Reads from the end of the zip how long its directory is, before that is parsed."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END) - _END.size
        if end < 0:
            raise zipfile.BadZipFile
        magic, length, comment = _END.unpack(_at(file, end, _END.size))
        if magic != b"PK\x05\x06" or comment:
            raise zipfile.BadZipFile
        end_64 = end - _LOCATOR_64_BYTES - _END_64.size
        if end_64 >= 0:
            magic, length_64 = _END_64.unpack(_at(file, end_64, _END_64.size))
            if magic == b"PK\x06\x06":
                length = length_64 if length == _IN_END_64 else max(length, length_64)
    if length > DIRECTORY_BYTES_MAX:
        raise BundleFault(
            f"the directory of the zip has {length} bytes, at most {DIRECTORY_BYTES_MAX} are read"
        )


def _at(file: IO[bytes], offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _check_info(info: zipfile.ZipInfo) -> None:
    """Name, length and method of a file, as far as the directory tells."""
    name = info.orig_filename
    most = _bytes_max(name)
    shown = ascii(name[:PATH_CHARACTERS_MAX])
    if most is None or name != info.filename:
        raise BundleFault(f"the bundle has a file {shown}, which no bundle has", file=name[:64])
    if info.file_size > most:
        raise BundleFault(
            f"{name} would unpack to {info.file_size} bytes, at most {most} are read", file=name
        )
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BundleFault(f"{name} is neither stored nor deflated", file=name)
    if info.flag_bits & _ENCRYPTED:
        raise BundleFault(f"{name} is encrypted: unpack the bundle and pack it again", file=name)


def _bytes_max(name: str) -> int | None:
    """How long a file of that name can be; None where no file of a bundle has it."""
    if name == MANIFEST:
        return MANIFEST_BYTES_MAX
    if name == HEAD:
        return NOTE_BYTES_MAX
    if found := _CHECKPOINT.fullmatch(name):
        return NOTE_BYTES_MAX if int(found[1]) <= SIZE_MAX else None
    try:
        return tile_bytes_max(parse_tile_path(name))
    except TileError:
        return None


def tile_bytes_max(tile: Tile) -> int:
    """The length of a hash tile, and the most that an entry bundle can have."""
    if tile.level is None:
        return tile.width * (_LENGTH_BYTES + ENTRY_BYTES_MAX)
    return tile.width * HASH_BYTES


@contextmanager
def _zip_errors(path: Path, name: str | None = None) -> Iterator[None]:
    what = f"{name} cannot be unpacked" if name else f"{path} is not a whole zip file"
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        OverflowError,
        NotImplementedError,
        UnicodeDecodeError,
        ValueError,
    ):
        raise BundleFault(
            f"{what}: the bundle is damaged or was cut short. Get it again.", file=name
        ) from None
    except OSError as error:
        raise BundleFault(f"{path} cannot be read: {error.strerror}") from error
