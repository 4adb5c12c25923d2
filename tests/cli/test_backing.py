"""`points backup`: an archive that anybody with the other key opens, and nobody else."""

from __future__ import annotations

import os
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from tests.cli.conftest import Terminal
from tests.postgres import PACKAGE, fresh_database

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
