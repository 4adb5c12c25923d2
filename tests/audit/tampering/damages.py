"""What may befall a bundle, file by file and byte by byte, and what `points verify` says of it."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from tests.audit.lived import Files, flipped, pack

Damage = Callable[[Files], None]


def flip(name: str, at: int) -> Damage:
    """Turns over one bit of one byte of a file."""

    def damage(files: Files) -> None:
        files[name] = flipped(files[name], at)

    return damage


def flip_text(name: str, find: bytes, offset: int = 0) -> Damage:
    """Puts another letter at a place that the last of a text marks; both are letters of base64."""

    def damage(files: Files) -> None:
        raw = files[name]
        at = raw.rindex(find) + offset
        files[name] = raw[:at] + (b"B" if raw[at : at + 1] == b"A" else b"A") + raw[at + 1 :]

    return damage


def drop(name: str) -> Damage:
    """Leaves a file out."""
    return lambda files: files.pop(name) and None


def put(name: str, content: bytes) -> Damage:
    """Adds or replaces a file."""
    return lambda files: files.__setitem__(name, content)


def copy(source: str, target: str) -> Damage:
    """Puts the bytes of one file under the name of another."""
    return lambda files: files.__setitem__(target, files[source])


def swap_manifest(**changes: Any) -> Damage:
    """Another manifest."""

    def damage(files: Files) -> None:
        said = orjson.loads(files["manifest.json"]) | changes
        files["manifest.json"] = orjson.dumps(said)

    return damage


def first_text(name: str, offset: int) -> Damage:
    """The same behind the first signature line's mark."""

    def damage(files: Files) -> None:
        at = files[name].index(SIGNATURE) + offset
        letter = b"B" if files[name][at : at + 1] == b"A" else b"A"
        files[name] = files[name][:at] + letter + files[name][at + 1 :]

    return damage


def drop_line(name: str) -> Damage:
    """Leaves the last signature line out."""

    def damage(files: Files) -> None:
        files[name] = files[name][: files[name].rindex(SIGNATURE)]

    return damage


def move(source: str, target: str) -> Damage:
    """Gives a file another name."""
    return lambda files: files.__setitem__(target, files.pop(source))


def swap(one: str, other: str) -> Damage:
    """Exchanges the bytes of two files."""
    return lambda files: files.update({one: files[other], other: files[one]})


SIGNATURE = "— ".encode()

DAMAGES: list[tuple[str, Damage, str]] = [
    # what is damaged, how, what is said (SIZE: the head's size)
    (
        "a letter of the newest signature",
        flip_text("checkpoint", SIGNATURE, 45),
        "checkpoints/SIZE is another note",
    ),
    (
        "the origin in `checkpoint`",
        flip("checkpoint", 0),
        "checkpoints/SIZE is another note than checkpoint",
    ),
    (
        "`checkpoint` with another text",
        put("checkpoint", b"points\n"),
        "checkpoint: note does not have the form",
    ),
    (
        "`checkpoint` left out",
        drop("checkpoint"),
        "checkpoint is missing: this zip is no points bundle",
    ),
    (
        "the newest of the old checkpoints left out",
        drop("checkpoints/SIZE"),
        "checkpoints/SIZE is missing from the bundle",
    ),
    (
        "the root in an old checkpoint",
        flip_text("checkpoints/5", b"\n5\n", 4),
        "checkpoints/5: Ed25519 signature of",
    ),
    (
        "an old checkpoint under another size",
        copy("checkpoints/5", "checkpoints/7"),
        "checkpoints/7 is of points.example.org",
    ),
    (
        "a checkpoint of a size beyond the log",
        copy("checkpoint", "checkpoints/9999"),
        "checkpoints/9999 is beyond the head",
    ),
    (
        "a file of another spelling",
        put("checkpoints/05", b""),
        "has a file 'checkpoints/05', which no bundle has",
    ),
    ("a file that no bundle has", put("README", b""), "has a file 'README', which no bundle has"),
    ("a folder", put("tile/0/", b""), "has a file 'tile/0/', which no bundle has"),
    ("a file outside the bundle", put("../evil", b""), "has a file '../evil', which no bundle has"),
    (
        "a bit of a leaf hash",
        flip("tile/0/001", 32 * 7),
        "entry 263 in tile/entries/001 has the leaf hash",
    ),
    ("a bit of the hash of 256 entries", flip("tile/1/000.p/2", 40), "tile/1/000.p/2 says"),
    ("a bit of an entry", flip("tile/entries/001", 1000), "in tile/entries/001 has the leaf hash"),
    ("the length of an entry, low byte", flip("tile/entries/000", 1), "tile/entries/000: bundle"),
    ("the length of an entry, high byte", flip("tile/entries/001", 0), "tile/entries/001: bundle"),
    (
        "a hash tile left out",
        drop("tile/0/001"),
        "tile/0/001 is missing: a log of SIZE entries has",
    ),
    (
        "an entry bundle left out",
        drop("tile/entries/001"),
        "tile/entries/001 is missing: a log of SIZE entries",
    ),
    ("an upper hash tile left out", drop("tile/1/000.p/2"), "tile/1/000.p/2 is missing"),
    (
        "one hash tile too many",
        put("tile/0/003", bytes(8192)),
        "tile/0/003 is no tile of a log of SIZE entries",
    ),
    (
        "a partial hash tile beside the full one",
        put("tile/0/000.p/9", b""),
        "tile/0/000.p/9 is no tile of a log of SIZE",
    ),
    (
        "a hash tile of a level that the log has not",
        put("tile/9/000.p/1", bytes(32)),
        "tile/9/000.p/1 is no tile of a log of SIZE",
    ),
    (
        "a hash tile that is too short",
        put("tile/0/000", bytes(64)),
        "tile/0/000 has 64 bytes, wanted 256 hashes of 32",
    ),
    (
        "a hash tile that is too long",
        put("tile/0/000", bytes(8224)),
        "tile/0/000 would unpack to 8224 bytes, at most",
    ),
    ("a manifest that is no JSON", put("manifest.json", b"{"), "manifest.json is not JSON"),
    (
        "a manifest that is a list",
        put("manifest.json", b"[]"),
        "manifest.json says format is 'None'",
    ),
    (
        "`manifest.json` left out",
        drop("manifest.json"),
        "manifest.json is missing: this zip is no points bundle",
    ),
    (
        "the format in the manifest",
        swap_manifest(format="points-bundle/2"),
        "says format is 'points-bundle/2', but it",
    ),
    (
        "the origin in the manifest",
        swap_manifest(origin="example.org/log/mine"),
        "manifest.json says origin is",
    ),
    (
        "the size in the manifest",
        swap_manifest(size=5),
        "manifest.json says size is '5', but it is 'SIZE'",
    ),
    (
        "the size in the manifest as `true`",
        swap_manifest(size=True),
        "manifest.json says size is 'True'",
    ),
    ("the keys in the manifest", swap_manifest(keys=[]), "manifest.json says keys is '[]'"),
    (
        "an old Ed25519 signature",
        first_text("checkpoints/5", 60),
        "checkpoints/5: Ed25519 signature of",
    ),
    (
        "an old ML-DSA signature",
        flip_text("checkpoints/5", SIGNATURE, 60),
        "checkpoints/5: ML-DSA-44 signature of",
    ),
    (
        "an old signature line left out",
        drop_line("checkpoints/5"),
        "checkpoints/5 is not signed by",
    ),
    ("a hash tile renamed", move("tile/0/001", "tile/0/009"), "tile/0/009 is no tile of a log"),
    (
        "two entry bundles exchanged",
        swap("tile/entries/000", "tile/entries/001"),
        "entry 0 in tile/entries/000 has the leaf hash",
    ),
]


# --- the zip around it ---------------------------------------------------------------------------

Rezip = Callable[[Path, Files], None]


def edited(edit: Callable[[bytes], bytes]) -> Rezip:
    """The bytes of the zip changed."""
    return lambda path, _: path.write_bytes(edit(path.read_bytes())) and None


def in_directory(offset: int, content: bytes) -> Rezip:
    """Bytes of the record of `tile/0/001` in the zip's directory (APPNOTE.TXT section 4.3.12)."""

    def edit(raw: bytes) -> bytes:
        at = raw.rindex(b"tile/0/001") - 46 + offset
        return raw[:at] + content + raw[at + len(content) :]

    return edited(edit)


def _twice(path: Path, files: Files) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("tile/0/000", files["tile/0/000"])


def _reordered(path: Path, files: Files) -> None:
    pack(dict(reversed(files.items())), path)


ZIPS: list[tuple[str, Rezip, str]] = [
    ("cut short", edited(lambda raw: raw[:-100]), "is not a whole zip file"),
    ("a byte before it", edited(lambda raw: b"x" + raw), "passes"),
    ("a byte behind it", edited(lambda raw: raw + b"x"), "is not a whole zip file"),
    (
        "the name of a file where it begins",
        edited(lambda raw: raw.replace(b"tile/0/001", b"tile/0/009", 1)),
        "tile/0/001 cannot be unpacked",
    ),
    (
        "the name of a file in the directory",
        in_directory(46, b"tile/0/009"),
        "tile/0/009 is no tile",
    ),
    ("the checksum of a file", in_directory(16, bytes(4)), "tile/0/001 cannot be unpacked"),
    ("the length of a file", in_directory(24, struct.pack("<L", 32)), "tile/0/001"),
    ("the place of a file", in_directory(42, bytes(4)), "tile/0/001 cannot be unpacked"),
    (
        "the compression of a file",
        in_directory(10, b"\x0e\0"),
        "tile/0/001 is neither stored nor deflated",
    ),
    ("a file said to be encrypted", in_directory(8, b"\x01"), "tile/0/001 is encrypted"),
    ("a file twice", _twice, "tile/0/000 is in the bundle twice"),
    ("the files in another order", _reordered, "passes"),
]
