"""`points backup`: an archive that anybody with the other key opens, and nobody else."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import tracemalloc
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyrage
import pytest

from ledger import backup
from ledger.journal.orders import Done
from ledger.programme import files, records
from ledger.programme.erasure import destroy
from ledger.programme.vault import Erased
from ledger.programme.wishes import Wish
from tests.cli.conftest import Terminal
from tests.postgres import PACKAGE, fresh_database
from tests.programme.registry import fresh

SCAN = b"%PDF-1.7\n" + bytes(range(256))

TOOLS = PACKAGE / "pginstall" / "bin"


@pytest.fixture
def pair() -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.generate()


@pytest.fixture
def identity(pair: pyrage.x25519.Identity, tmp_path: Path) -> Path:
    """The file that `age-keygen` writes."""
    file = tmp_path / "key.txt"
    file.write_text(
        f"# created: 2026-11-24T10:00:00+08:00\n# public key: {pair.to_public()}\n{pair}\n"
    )
    file.chmod(0o600)
    return file


@pytest.fixture
def either(either: Terminal, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal whose machine has PostgreSQL's client programs."""
    monkeypatch.setenv("PATH", f"{TOOLS}{os.pathsep}{os.environ['PATH']}")
    return either


@pytest.fixture
def restored(either: Terminal, postgres_url: str, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal on another machine, to which nothing but keys has been copied."""
    other = Terminal(tmp_path / "other", either.environ["POINTS_DATABASE_URL"])
    other.data.mkdir(mode=0o700)
    if either.environ["POINTS_DATABASE_URL"].startswith("sqlite"):
        other.environ["POINTS_DATABASE_URL"] = f"sqlite:///{other.data}/points.db"
        yield other
        return
    with fresh_database(postgres_url, f"points_{uuid.uuid4().hex}", "template0") as url:
        other.environ["POINTS_DATABASE_URL"] = url
        yield other


def put_back(folder: Path, other: Terminal, keys: Path) -> None:
    """What docs/operating.md says to do with an unpacked backup."""
    subprocess.run(["cp", "-a", keys, other.data / "keys"], check=True)
    (folder / "high-water").rename(other.data / "high-water")
    if (folder / "evidence").exists():
        (folder / "evidence").rename(other.data / "evidence")
    if (folder / "points.db").exists():
        (folder / "points.db").rename(other.data / "points.db")
        return
    url = other.environ["POINTS_DATABASE_URL"]
    dump = folder / "points.dump"
    subprocess.run([TOOLS / "pg_restore", "--no-owner", f"--dbname={url}", dump], check=True)


def test_a_backup_is_put_back_on_another_machine_and_is_what_it_was(
    either: Terminal,
    restored: Terminal,
    pair: pyrage.x25519.Identity,
    identity: Path,
    tmp_path: Path,
) -> None:
    # given the sample programme, and a backup of it
    made = either.facts("demo")
    archive = tmp_path / "monday.age"
    told = either.facts("backup", "make", archive, "--to", pair.to_public())
    assert told["ledgers"] == {made["ledger"]: made["entries"]}
    assert archive.stat().st_mode & 0o777 == 0o600
    assert (either.data / "last-backup").read_text().startswith("20")

    # when it is opened and put back elsewhere
    opened = either.facts(
        *("backup", "open", archive, "--identity", identity, "--into", tmp_path / "folder")
    )
    put_back(tmp_path / "folder", restored, either.data / "keys")

    # then the ledger is there, whole, and its log goes on
    assert opened["ledgers"] == told["ledgers"]
    assert restored.facts("verify", "--database")["ok"] is True
    installation = restored.installation()
    assert installation.ledger(made["ledger"]).publisher.publish() == made["entries"]
    installation.close()


# --- evidence ------------------------------------------------------------------------------------


def scan_of(terminal: Terminal, person: str, number: int = 0) -> str:
    """The id of a scan of somebody's that is kept."""
    with closing(terminal.installation()) as here:
        ledger = here.ledger(here.names()[0])
        request = fresh("request")
        wish = Wish("evidence", {}, person, request, bytes(32))
        new = files.New(person, person, None, f"扫描件 {number}", SCAN + bytes([number]))
        assert isinstance(files.keep(here.database, ledger, here.clock, wish, new), Done)
    return files.id_of(request)


def read(terminal: Terminal, name: str) -> bytes:
    with closing(terminal.installation()) as here:
        ledger = here.ledger(here.names()[0])
        with here.database.reading() as conn:
            found = records.one(conn, ledger, files.KIND, name)
            return files.content(conn, ledger, found)


def test_evidence_reads_the_same_on_the_other_machine(
    either: Terminal,
    restored: Terminal,
    pair: pyrage.x25519.Identity,
    identity: Path,
    tmp_path: Path,
) -> None:
    # given a scan that is kept, and what a cut left half written, and somebody put there
    either.facts("demo")
    person = fresh("person")
    name = scan_of(either, person)
    (folder,) = (either.data / "evidence").iterdir()
    (folder / f"{fresh('file')[5:]}.new").write_bytes(b"half")
    (folder / fresh("file")[5:]).symlink_to("/etc/passwd")
    (folder / fresh("file")[5:]).mkdir()
    archive, into = tmp_path / "monday.age", tmp_path / "folder"

    # when a backup of it is opened, and put back elsewhere
    made = either.facts("backup", "make", archive, "--to", pair.to_public())
    opened = either.facts("backup", "open", archive, "--identity", identity, "--into", into)
    put_back(into, restored, either.data / "keys")

    # then it reads the same, and nothing is missing
    assert (made["evidence"], opened["evidence"]) == (1, 1)
    assert not [file for file in opened["files"] if "evidence" in file]
    assert read(restored, name) == read(either, name) == SCAN + b"\0"
    assert len(list((restored.data / "evidence").glob("*/*"))) == 1


def test_evidence_of_who_was_erased_since_does_not_come_back(
    either: Terminal,
    restored: Terminal,
    pair: pyrage.x25519.Identity,
    identity: Path,
    tmp_path: Path,
) -> None:
    # given a backup, and somebody who is erased after it
    either.facts("demo")
    person, other = fresh("person"), fresh("person")
    name, theirs = scan_of(either, person), scan_of(either, other, 1)
    archive, into = tmp_path / "monday.age", tmp_path / "folder"
    either.facts("backup", "make", archive, "--to", pair.to_public())
    with closing(either.installation()) as here:
        ledger = here.ledger(here.names()[0])
        destroy(here.database, ledger, [person], "2026-11-24")
        erased = ledger.erased

    # when it is put back, beside the newest list of whom the ledger erased
    either.facts("backup", "open", archive, "--identity", identity, "--into", into)
    assert len(list((into / "evidence").glob("*/*"))) == 2
    put_back(into, restored, either.data / "keys")
    shutil.copy(erased, restored.data / "high-water" / erased.name)

    restored.facts("publish")

    # then the file is gone with the first that is done there, and the other's is there
    assert read(restored, theirs) == SCAN + b"\1"
    assert len(list((restored.data / "evidence").glob("*/*"))) == 1
    with pytest.raises(Erased):
        read(restored, name)


def test_a_file_that_goes_while_the_backup_is_made_leaves_it_whole(
    terminal: Terminal,
    pair: pyrage.x25519.Identity,
    identity: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given an erasure that comes while the files are copied
    terminal.facts("demo")
    person, other = fresh("person"), fresh("person")
    scan_of(terminal, person)
    scan_of(terminal, other, 1)
    with closing(terminal.installation()) as here:
        ledger = here.ledger(here.names()[0])
        with here.database.reading() as conn:
            (theirs,) = files.files_of(conn, ledger.id, [person])
    add = backup._add_file

    def erased_before(tar: tarfile.TarFile, file: str, name: str) -> bool:
        if name.endswith(theirs):
            with closing(terminal.installation()) as here:
                destroy(here.database, here.ledger(here.names()[0]), [person], "2026-11-24")
        return add(tar, file, name)

    monkeypatch.setattr(backup, "_add_file", erased_before)
    archive, into = tmp_path / "monday.age", tmp_path / "folder"
    made = terminal.facts("backup", "make", archive, "--to", pair.to_public())
    monkeypatch.undo()
    opened = terminal.facts("backup", "open", archive, "--identity", identity, "--into", into)

    # then the other's file is in it, and who was erased is on the list
    assert (made["evidence"], opened["evidence"]) == (1, 1)
    (listed,) = (into / "high-water").glob("*.erased")
    assert listed.read_text() == f"{person} 2026-11-24\n"


def test_of_evidence_there_may_be_any_number_and_of_other_files_not(
    terminal: Terminal,
    pair: pyrage.x25519.Identity,
    identity: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backup, "OTHERS_MAX", 5)
    terminal.facts("demo")
    person = fresh("person")
    for number in range(8):
        scan_of(terminal, person, number)
    archive = tmp_path / "monday.age"
    terminal.facts("backup", "make", archive, "--to", pair.to_public())
    opening = ("backup", "open", archive, "--identity", identity, "--into")

    assert terminal.facts(*opening, tmp_path / "folder")["evidence"] == 8
    for number in range(5):
        (terminal.data / "high-water" / f"more{number}").touch()
    terminal.facts("backup", "make", archive, "--to", pair.to_public())
    assert "something else than a backup" in terminal.complaint(*opening, tmp_path / "other")


def test_no_list_of_the_files_is_kept_in_memory(
    terminal: Terminal, pair: pyrage.x25519.Identity, identity: Path, tmp_path: Path
) -> None:
    made = terminal.facts("demo")
    folder = terminal.data / "evidence" / made["ledger"]
    folder.mkdir(parents=True)

    def takes(number: int) -> int:
        """The memory that making and opening a backup of so many files takes at the most."""
        for _ in range(number):
            (folder / fresh("file")[5:]).touch()
        archive, into = tmp_path / f"{number}.age", tmp_path / f"{number}"
        tracemalloc.start()
        try:
            terminal("backup", "make", archive, "--to", pair.to_public())
            terminal("backup", "open", archive, "--identity", identity, "--into", into)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    takes(1)  # what a process keeps from the first time on
    few = takes(10)
    many = takes(2_000)

    assert many - few < 500_000


# --- who reads it --------------------------------------------------------------------------------


def test_whoever_has_the_archive_alone_reads_nothing_of_it(
    either: Terminal, pair: pyrage.x25519.Identity, tmp_path: Path
) -> None:
    made = either.facts("demo")
    archive, stranger = tmp_path / "monday.age", pyrage.x25519.Identity.generate()
    either.facts("backup", "make", archive, "--to", pair.to_public())

    # it is the standard format, for the one key
    raw = archive.read_bytes()
    assert raw.startswith(b"age-encryption.org/v1\n")
    assert made["ledger"].encode() not in raw
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(raw, [stranger])
    plain = tmp_path / "plain.tar"
    plain.write_bytes(pyrage.decrypt(raw, [pair]))
    with tarfile.open(plain) as tar:
        names = tar.getnames()
    database = (
        "points.db" if either.environ["POINTS_DATABASE_URL"][:6] == "sqlite" else "points.dump"
    )
    assert names[:2] == ["manifest.json", database]
    assert f"high-water/{made['ledger']}" in names
    assert not [name for name in names if "key" in name or "passphrase" in name]
    assert list(tmp_path.glob(".points-backup-*")) == []


def test_a_backup_that_cannot_be_made_leaves_the_one_before(
    postgresql_url: str,
    cheap_passphrase: None,
    pair: pyrage.x25519.Identity,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given a backup, on a machine from which PostgreSQL's programs are taken afterwards
    terminal = Terminal(tmp_path / "data", postgresql_url)
    monkeypatch.setenv("PATH", f"{TOOLS}{os.pathsep}{os.environ['PATH']}")
    terminal.facts("demo")
    archive = tmp_path / "monday.age"
    making = ("backup", "make", archive, "--to", pair.to_public())
    terminal.facts(*making)
    before = archive.read_bytes()

    # when there is no program, or one that fails
    monkeypatch.setenv("PATH", str(tmp_path))
    absent = terminal.complaint(*making)
    (tmp_path / "pg_dump").write_text("#!/bin/sh\necho 'server version mismatch' >&2; exit 1\n")
    (tmp_path / "pg_dump").chmod(0o755)
    failing = terminal.complaint(*making)

    # then each is said, and nothing else has changed
    assert "install PostgreSQL's client programs" in absent
    assert "server version mismatch" in failing
    assert archive.read_bytes() == before
    assert list(tmp_path.glob(".points-backup-*")) == []


@pytest.mark.parametrize(
    ("key", "why"), [("age1x", "no age public key"), ("AGE-SECRET-KEY-1", "no age public key")]
)
def test_what_is_no_public_key_is_refused(terminal: Terminal, key: str, why: str) -> None:
    terminal.facts("demo")

    assert why in terminal.complaint("backup", "make", terminal.data / "b.age", "--to", key)
    assert not (terminal.data / "b.age").exists()


def test_what_does_not_open_leaves_nothing(
    terminal: Terminal, pair: pyrage.x25519.Identity, identity: Path, tmp_path: Path
) -> None:
    terminal.facts("demo")
    archive, into = tmp_path / "monday.age", tmp_path / "folder"
    terminal.facts("backup", "make", archive, "--to", pair.to_public())
    whole = archive.read_bytes()
    opening = ("backup", "open", archive, "--identity", identity, "--into", into)

    for damaged in (whole[:-100], whole[:500] + b"x" + whole[501:], b"", b"something else"):
        archive.write_bytes(damaged)
        assert "does not open" in terminal.complaint(*opening)
        assert not into.exists()

    into.mkdir()
    assert "is there already" in terminal.complaint(*opening)


def tar_of(mode: str, **files: bytes) -> bytes:
    """A tar of files by their names, written as `tarfile` calls it: `w`, or `w:gz` and such."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode=mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return written.getvalue()


MANIFEST = {"manifest.json": b'{"at":"2026-11-24T10:00:00.000000Z","format":"points/backup/v1"}'}


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"no tar at all" * 1_000,
        tar_of("w", **MANIFEST, database=bytes(20_000))[:5_000],
        tar_of("w", **MANIFEST | {"../elsewhere": b"x"}),
        tar_of("w", database=b"x"),
        tar_of("w", **{"manifest.json": b"{"}),
        tar_of("w", **{"manifest.json": b"[]"}),
        tar_of("w", **{"manifest.json": b'{"format":"points/backup/v1"}'}),
        tar_of("w:gz", **MANIFEST, database=bytes(1_000_000)),
        tar_of("w:xz", **MANIFEST, database=bytes(1_000_000)),
    ],
    ids=[
        *("empty", "no-tar", "cut", "outside", "no-manifest", "no-json", "no-object", "no-time"),
        *("gzip-bomb", "xz-bomb"),
    ],
)
def test_what_somebody_else_put_into_an_archive_is_refused_in_words(
    plain: bytes, pair: pyrage.x25519.Identity, tmp_path: Path
) -> None:
    archive, into = tmp_path / "forged.age", tmp_path / "folder"
    archive.write_bytes(pyrage.encrypt(plain, [pair.to_public()]))

    with pytest.raises(backup.BackupFailed, match="something else than a backup"):
        backup.open_backup(archive, str(pair), into)

    assert not into.exists()
    assert not (tmp_path / "elsewhere").exists()


def test_an_archive_that_would_write_elsewhere_is_refused(
    terminal: Terminal, pair: pyrage.x25519.Identity, identity: Path, tmp_path: Path
) -> None:
    # given an archive that somebody else made for this key, with a link in it
    plain = tmp_path / "plain.tar"
    with tarfile.open(plain, "w") as tar:
        link = tarfile.TarInfo("manifest.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    archive = tmp_path / "forged.age"
    archive.write_bytes(pyrage.encrypt(plain.read_bytes(), [pair.to_public()]))

    said = terminal.complaint(
        *("backup", "open", archive, "--identity", identity, "--into", tmp_path / "folder")
    )

    assert "something else than a backup" in said
    assert not (tmp_path / "folder").exists()
