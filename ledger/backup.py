"""One encrypted archive of what an installation cannot be made anew from, but for its keys.

The archive is a tar in the age format (age-encryption.org/v1), so that the `age` program opens it
as well as `unpack` does.  It is encrypted to a public key whose other half lies elsewhere: the
machine that makes backups cannot read old ones.  In it, in this order:

    manifest.json                format, time, kind of database, its revision, ledgers with sizes
    points.db or points.dump     SQLite's own copy, or pg_dump's custom format: one state each
    evidence/<ledger>/<name>     files of evidence, encrypted as they lie there; copied after the
                                 database, so each file that a row in the copy names is there
    high-water/<ledger>          the head that was signed last, and whom the ledger has erased; both
    high-water/<ledger>.erased   copied last, so who was erased meanwhile is on the list

The keys, the master keys among them, and the passphrase are not in it: they are kept apart, so that
whoever has a backup alone reads no record and signs nothing.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyrage  # type: ignore[import-untyped]
from sqlalchemy import make_url, select, text

from ledger.clock import Clock
from ledger.config import Settings
from ledger.db import Database
from ledger.errors import ConfigError, PointsError
from ledger.journal import tables as t
from ledger.journal.privatefiles import fsync_directory, os_errors
from ledger.journal.times import format_time, to_us

FORMAT = "points/backup/v1"
LAST = "last-backup"
"""A file of the data directory that tells when a backup was made last."""

TRIED = "last-backup-tried"
"""One that tells of when the backup is that was opened last."""

DUMP_SECONDS_MAX = 24 * 3_600

OTHERS_MAX = 10_000
"""How many files an archive may have that are no evidence: of that there is no end.

No list of them is kept in memory, and a tar is not compressed, so that none unpacks to more than it
takes itself.
"""

_EVIDENCE = re.compile(r"evidence/[a-z0-9-]+/[a-z2-7]{26}", re.ASCII)
_SOMETHING_ELSE = "This archive holds something else than a backup."


class BackupFailed(PointsError):
    """The backup was not made, or cannot be opened; what was there before is as it was."""

    code = "backup"


class Made(NamedTuple):
    """A backup that is on the disk: its bytes, the size of each ledger, how much evidence."""

    bytes: int
    ledgers: Mapping[str, int]
    evidence: int


def make_backup(
    settings: Settings, database: Database, clock: Clock, target: Path, recipients: list[str]
) -> Made:
    """Writes a backup to `target`, readable by its owner alone, whole or not at all.

    `recipients` are age public keys (`age1…`).  Raises `ConfigError` where one is none, or pg_dump
    is missing, `BackupFailed`, and what `Database.reading` raises.
    """
    keys = [_recipient(each) for each in recipients]
    now = format_time(to_us(clock.now()))
    with os_errors(target), _working_directory(target.parent) as work:
        ledgers, revision = _looked_at(database)
        copy = _copied(settings, database, work)
        manifest = {
            "at": now,
            "database": database.dialect,
            "format": FORMAT,
            "ledgers": ledgers,
            "revision": revision,
        }
        plain, sealed = work / "backup.tar", work / "backup.age"
        copy.chmod(0o600)
        with tarfile.open(plain, "x", format=tarfile.PAX_FORMAT) as archive:
            _add(archive, "manifest.json", orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS))
            archive.add(copy, copy.name)
            evidence = _add_evidence(archive, settings)
            for file in sorted(settings.high_water.glob("*")):
                if file.is_file() and not file.name.endswith(".lock"):
                    archive.add(file, f"high-water/{file.name}")
        pyrage.encrypt_file(str(plain), str(sealed), keys)
        with sealed.open("rb+") as file_:
            os.fsync(file_.fileno())
        sealed.chmod(0o600)
        size = sealed.stat().st_size
        sealed.replace(target)
        fsync_directory(target.parent)
    (settings.data / LAST).write_text(f"{now}\n", "ascii")
    return Made(size, ledgers, evidence)


def open_backup(source: Path, identity: str, target: Path) -> dict[str, Any]:
    """Decrypts and unpacks a backup into a new directory; its manifest, and how much evidence.

    `identity` is an age secret key (`AGE-SECRET-KEY-1…`).  Raises `BackupFailed`: then there is no
    new directory.
    """
    if target.exists():
        raise BackupFailed(f"{target} is there already. Name a directory that is not there yet.")
    try:
        key = pyrage.x25519.Identity.from_str(identity.strip())
    except pyrage.IdentityError:
        raise BackupFailed("This is no age secret key: it begins with AGE-SECRET-KEY-1.") from None
    with os_errors(target), _working_directory(target.parent) as work:
        plain, folder = work / "backup.tar", work / "unpacked"
        try:
            pyrage.decrypt_file(str(source), str(plain), [key])
        except (pyrage.DecryptError, OSError):
            raise BackupFailed(
                f"{source} does not open: it is for another key, or not whole. Try another copy."
            ) from None
        manifest = _unpacked(plain, folder)
        folder.replace(target)
    return manifest


def note_tried(data: Path, manifest: Mapping[str, Any]) -> None:
    """Notes in a data directory, if it is there, that this backup was opened, for `points doctor`.

    Where a backup is tried on another machine, its data directory gets the note.
    """
    if data.is_dir():
        with os_errors(data):
            (data / TRIED).write_text(f"{manifest['at']}\n", "ascii")


def _unpacked(plain: Path, folder: Path) -> dict[str, Any]:
    """Unpacks the tar; `BackupFailed` for one that is none of ours, whoever made it."""
    folder.mkdir(mode=0o700)
    try:
        # Nothing that is compressed: a small file would fill the disk.
        with tarfile.open(plain, "r:") as archive:
            evidence = _extracted(archive, folder)
        manifest = orjson.loads((folder / "manifest.json").read_bytes())
        format_, _ = manifest["format"], manifest["at"]
    except (tarfile.TarError, ValueError, FileNotFoundError, KeyError, TypeError):
        raise BackupFailed(_SOMETHING_ELSE) from None
    if format_ != FORMAT:
        raise BackupFailed(f"This backup is not of the format {FORMAT}: use the version it is of.")
    return {**manifest, "evidence": evidence}


def _extracted(archive: tarfile.TarFile, folder: Path) -> int:
    """Writes its files below the folder, and nowhere else; how many are evidence."""
    others = evidence = 0
    while (member := archive.next()) is not None:
        _forget(archive)
        is_evidence = _EVIDENCE.fullmatch(member.name) is not None
        others, evidence = others + (not is_evidence), evidence + is_evidence
        if others > OTHERS_MAX or not member.isreg() or member.issparse():
            raise BackupFailed(_SOMETHING_ELSE)
        archive.extract(member, folder, filter="data")
    return evidence


def _recipient(key: str) -> Any:
    try:
        return pyrage.x25519.Recipient.from_str(key)
    except pyrage.RecipientError:
        raise ConfigError(
            f"{key[:80]!r} is no age public key: it begins with age1. Make a pair with age-keygen,"
            " and keep the other half elsewhere."
        ) from None


def _looked_at(database: Database) -> tuple[dict[str, int], str]:
    with database.reading(snapshot=True) as conn:
        query = select(t.ledger.c.name, t.head.c.size).join_from(
            t.ledger, t.head, t.head.c.ledger_id == t.ledger.c.ledger_id
        )
        ledgers = {row.name: row.size for row in conn.execute(query.order_by(t.ledger.c.name))}
        revision: str = conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    return ledgers, revision


def _copied(settings: Settings, database: Database, work: Path) -> Path:
    """The database as it is at one moment, while others write."""
    if database.path is not None:
        copy = work / "points.db"
        with closing(sqlite3.connect(database.path)) as conn:
            conn.execute("VACUUM INTO ?", (str(copy),))
        return copy
    dump = shutil.which("pg_dump")
    if dump is None:
        raise ConfigError(
            "pg_dump is not there: install PostgreSQL's client programs, of the server's version or"
            " a newer one."
        )
    copy, url = work / "points.dump", make_url(settings.database_url)
    plain = url.set(drivername="postgresql", password=None)
    command = [dump, "--format=custom", f"--file={copy}", f"--dbname={plain.render_as_string()}"]
    environ = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    done = subprocess.run(  # noqa: S603  # of our own words and a configured address
        command, env=environ, capture_output=True, timeout=DUMP_SECONDS_MAX, check=False
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise BackupFailed(f"pg_dump failed: {said[-1][:200] if said else 'it said nothing'}.")
    return copy


def _add_evidence(archive: tarfile.TarFile, settings: Settings) -> int:
    """Adds the files of all ledgers; how many.  One that goes meanwhile is of somebody erased."""
    added = 0
    for folder in sorted(settings.evidence.glob("*")):
        with os.scandir(folder) as entries:
            for entry in entries:
                name = f"evidence/{folder.name}/{entry.name}"
                # Else it is half written, or what somebody else put there.
                if _EVIDENCE.fullmatch(name) and entry.is_file(follow_symlinks=False):
                    added += _add_file(archive, entry.path, name)
    return added


def _add_file(archive: tarfile.TarFile, path: str, name: str) -> bool:
    """Adds a file, if it is there; not by `archive.add`, which keeps in memory what it added."""
    try:
        with Path(path).open("rb") as file:
            status, member = os.fstat(file.fileno()), tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = status.st_size, 0o600, int(status.st_mtime)
            archive.addfile(member, file)
    except FileNotFoundError:
        return False
    _forget(archive)
    return True


def _forget(archive: tarfile.TarFile) -> None:
    """Frees the memory that an archive keeps for each member: it is for finding them by name."""
    archive.members.clear()  # type: ignore[attr-defined]


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o600
    archive.addfile(member, io.BytesIO(content))


@contextmanager
def _working_directory(beside: Path) -> Iterator[Path]:
    """A private directory on the target's disk, gone at the end."""
    if not beside.is_dir():
        raise BackupFailed(f"{beside} is no directory. Make it first.")
    with tempfile.TemporaryDirectory(prefix=".points-backup-", dir=beside) as folder:
        yield Path(folder)
