"""Evidence: scans and photographs of paper, as encrypted files beside the database.

    keep()           encrypts a file, puts it on disk, and then enters its record
    content()        what a file holds, decrypted and compared with its record
    remove_files()   deletes files, such as those of whoever was erased
    sweep()          deletes what no row names any more, or ever did
    missing()        how many of the files that rows name are not there

A file lies at `<data>/evidence/<ledger>/<name>`, under the data key of the person whom it is about,
in one AES-256-GCM blob (RFC 5116) with its place as associated data: once that key is destroyed,
nobody reads it, wherever a copy of it lies.  Its record (kind `evidence`) has the SHA-256 of what
it holds, so that the record's commitment binds the file.  The file is on disk before its record is,
so no record names a file that never was there.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, select

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.bulk import keyed
from ledger.journal.entry import new_id
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order, Outcome, Refusal
from ledger.journal.privatefiles import fsync_directory, replace_private
from ledger.journal.sealing import NONCE_BYTES, TAG_BYTES
from ledger.programme.ids import id_from
from ledger.programme.recording import Change, compose
from ledger.programme.records import Record
from ledger.programme.tables import evidence as table
from ledger.programme.vault import Erased, keys_of, lawful
from ledger.programme.wishes import Wish

KIND = "evidence"
FILE_BYTES_MAX = 10_000_000
FILES_PER_THING_MAX = 20
FULL = "evidence-full"

FORMS: Mapping[str, bytes] = {
    "application/pdf": b"%PDF-",
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG\r\n\x1a\n",
}
"""By media type, the bytes with which a file of it begins."""

SWEPT_AFTER_SECONDS = 86_400
SWEPT_PER_LOOK = 500
LOOKED_AT_MAX = 10_000

_NAME = re.compile("[a-z2-7]{26}", re.ASCII)


class EvidenceRefused(PointsError):
    """A file that is not kept: it is of another form, or too large, or about nothing known."""

    code = "evidence-refused"


class EvidenceDamaged(PointsError):
    """A file is not there, or not what its record says."""

    code = "evidence-damaged"


class EvidenceUnwritable(PointsError):
    """The disk does not take a file; nothing was kept."""

    code = "evidence-unwritable"


class New(NamedTuple):
    """A file to be kept: whom and what it is about, what it is called, and its bytes.

    `organisation` is the one that keeps the thing, if any does.
    """

    subject: str
    about: str
    organisation: str | None
    title: str | None
    content: bytes


def id_of(request: str) -> str:
    """The id of the evidence that a request keeps."""
    return id_from(KIND, request)


def media_type_of(content: bytes) -> str:
    """What a file is, by its first bytes; `EvidenceRefused` unless it is a PDF, JPEG or PNG."""
    for media_type, begins in FORMS.items():
        if content.startswith(begins):
            return media_type
    raise EvidenceRefused("This is no PDF, JPEG or PNG file. Scan or photograph the paper as one.")


def keep(database: Database, ledger: OpenLedger, clock: Clock, wish: Wish, new: New) -> Outcome:
    """Keeps a file; the same request again changes nothing.

    Refused (`FULL`) where 20 are kept about that thing.  Raises `EvidenceRefused` for another form
    or more than 10 MB, `EvidenceUnwritable`, and what `recording.compose` raises.
    """
    media_type = media_type_of(new.content)
    if len(new.content) > FILE_BYTES_MAX:
        raise EvidenceRefused(f"A file has at most {FILE_BYTES_MAX:,} bytes. Scan it smaller.")
    name, file = id_of(wish.request), new_id("file", os.urandom(16)).partition("/")[2]
    said = {
        "about": new.about,
        "media_type": media_type,
        "bytes": len(new.content),
        "sha256": hashlib.sha256(new.content).hexdigest(),
        **({} if new.title is None else {"title": new.title}),
    }
    change = Change(KIND, name, new.subject, said)
    composed = compose(database, ledger, clock, [change], by=wish.actor)
    if not _is_kept(database, ledger, name):
        _write(database, ledger, new, name, file)
    row = {"id": name, "subject": new.subject, "organisation": new.organisation, "file": file}
    companions = (*composed.companions, _numbering(new.about, row))
    order = Order(request=wish.request, fingerprint=wish.fingerprint, companions=companions)
    (outcome,) = ledger.appender.submit(Group((order,)))
    if not isinstance(outcome, Done) or outcome.replayed:
        remove_files(ledger, (file,))
    return outcome


def content(conn: Connection, ledger: OpenLedger, record: Record) -> bytes:
    """The bytes of the file that a record of this kind tells of.  Two statements.

    Raises `Erased` where it is, `EvidenceDamaged`, `KeyDamaged` and `KeysError`.
    """
    mine = (table.c.ledger_id == ledger.id) & (table.c.id == record.id)
    file = conn.execute(select(table.c.file).where(mine)).scalar_one_or_none()
    key = keys_of(conn, ledger, (record.subject,)).get(record.subject)
    if file is None or key is None or record.fields is None:
        raise Erased(f"All that was kept of {record.subject} has been erased.")
    try:
        with _path(ledger.evidence, file).open("rb") as opened:
            sealed = opened.read(FILE_BYTES_MAX + NONCE_BYTES + TAG_BYTES + 1)
        plain = key.unseal(sealed, _place(ledger, record.id, file))
    except (OSError, ValueError):
        raise _damaged(record.id) from None
    if hashlib.sha256(plain).hexdigest() != record.fields["sha256"]:
        raise _damaged(record.id)
    return plain


def files_of(conn: Connection, ledger_id: int, subjects: Collection[str]) -> list[str]:
    """The names of all files about these people; one statement."""
    rows = keyed(conn, (table.c.file,), ledger_id, table.c.subject, subjects)
    return [row.file for row in rows]


def remove_files(ledger: OpenLedger, files: Collection[str]) -> None:
    """Deletes files of these names, those that are there.

    One that cannot be deleted stays for `sweep`: nobody waits for it, and nobody can read it.
    """
    for file in files:
        with suppress(OSError):
            _path(ledger.evidence, file).unlink()


def sweep(database: Database, ledger: OpenLedger, clock: Clock) -> int:
    """Deletes what lies in the ledger's directory for over a day and no row names; how many.

    Such files are left where a request or an erasure was cut short, or a backup was put back.  In
    memory that does not grow with the directory.  Raises what `Database.reading` raises.
    """
    swept, before = 0, clock.now().timestamp() - SWEPT_AFTER_SECONDS
    names = _lying(ledger.evidence, before)
    while batch := list(islice(names, SWEPT_PER_LOOK)):
        with database.reading() as conn:
            rows = keyed(conn, (table.c.file,), ledger.id, table.c.file, batch)
        loose = set(batch) - {row.file for row in rows}
        for name in loose:
            (ledger.evidence / name).unlink(missing_ok=True)
        swept += len(loose)
    return swept


def missing(
    conn: Connection, ledger_id: int, folder: Path, most: int = LOOKED_AT_MAX
) -> tuple[int, int]:
    """How many files were looked for, at most so many, and how many of these are not there.

    Of more they are others each time.  Two statements.  A ledger whose keys do not open is looked
    at too.
    """
    c = table.c
    start = new_id("file", os.urandom(16)).partition("/")[2]
    names: list[str] = []
    for half in (c.file >= start, c.file < start):
        query = select(c.file).where(c.ledger_id == ledger_id, half).order_by(c.file)
        names += conn.execute(query.limit(most - len(names))).scalars()
    return len(names), sum(not _path(folder, name).is_file() for name in names)


# --- within --------------------------------------------------------------------------------------


def _is_kept(database: Database, ledger: OpenLedger, name: str) -> bool:
    with database.reading() as conn:
        return bool(keyed(conn, (table.c.id,), ledger.id, table.c.id, (name,)))


def _write(database: Database, ledger: OpenLedger, new: New, name: str, file: str) -> None:
    with database.reading() as conn:  # whether it may be added to, `compose` has asked
        key = keys_of(conn, lawful(ledger), (new.subject,)).get(new.subject)
    if key is None:
        raise Erased(f"All that was kept of {new.subject} has been erased.")
    sealed, folder = key.seal(new.content, _place(ledger, name, file)), ledger.evidence
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fsync_directory(folder.parent)
            fsync_directory(folder.parent.parent)
        replace_private(folder / file, sealed)
    except OSError as error:
        raise EvidenceUnwritable(
            "The disk does not take the file, so nothing was kept. Tell the operator, then send it"
            " again."
        ) from error


def _numbering(about: str, row: CompanionRow) -> Companion:
    """Gives a file the first free number of its thing, so that no two requests exceed them."""
    keys = tuple((about, number) for number in range(1, FILES_PER_THING_MAX + 1))

    def enter(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        free = next((key for key in keys if rows[key] is None), None)
        if free is None:
            says = f"{FILES_PER_THING_MAX} files are kept about {about}: that is the most"
            return Refusal(FULL, says)
        return {free: {"about": about, "number": free[1], **row}}

    return Companion(table, keys, enter)


def _place(ledger: OpenLedger, name: str, file: str) -> bytes:
    return orjson.dumps(("points/evidence/v1", ledger.origin, KIND, name, file))


def _path(folder: Path, file: str) -> Path:
    # A row that was changed names no file elsewhere.
    return folder / (file if _NAME.fullmatch(file) else "none")


def _lying(folder: Path, before: float) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    is_old = entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < before
                except FileNotFoundError:  # deleted meanwhile
                    continue
                if is_old:
                    yield entry.name
    except FileNotFoundError:
        return  # nothing was kept yet


def _damaged(name: str) -> EvidenceDamaged:
    return EvidenceDamaged(
        f"The file of {name} is not there as it was kept. Tell the operator: it is restored from a"
        " backup."
    )
