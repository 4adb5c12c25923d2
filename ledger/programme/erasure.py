"""Erasure: a subject's data key is destroyed, and nothing brings it back.

    announce()        an `erasure` entry: two people, and the local day from which it may be done
    erase()           does what an entry announced, once its day has come
    erase_due()       the same for all entries whose day has come
    destroy()         destroys keys, whoever asked for it
    destroy_listed()  before a ledger is served: whatever a backup has brought back

Beside the high-water file of a ledger lies a file `<ledger>.erased`: the opaque id and the local
day of each subject that was erased, a line each.  A line is on disk before the transaction that
destroys the key commits; for one that was cut short nothing was destroyed.  Each process destroys
what the file lists before it serves the ledger, so a database that was restored from a backup
brings nobody back.

The rows that a subject was found by, and signed in by, go with its key, and so do their sessions,
and the files that are kept as evidence (`files.py`).  Its records stay, unreadable: their
commitments are in the log, and that something was kept is no secret.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from sqlalchemy import Connection

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import LedgerStopped, PointsError
from ledger.filelocks import locked
from ledger.installation import OpenLedger
from ledger.journal import log
from ledger.journal.bulk import keyed, remove
from ledger.journal.commands import Statement
from ledger.journal.entry import decode
from ledger.journal.orders import Group, Order, Outcome
from ledger.journal.privatefiles import append_private
from ledger.journal.store import load_position
from ledger.journal.times import is_day
from ledger.programme.files import files_of, remove_files
from ledger.programme.reading.days import today_of
from ledger.programme.reading.entries import parts_of_type
from ledger.programme.tables import (
    blind_index,
    card,
    evidence,
    login,
    membership,
    message,
    message_choice,
    recovery_code,
    session,
)
from ledger.programme.vault import destroy_keys, living

LOCK_TIMEOUT_SECONDS = 5.0
GONE_WITH_SUBJECT = (
    *(blind_index.c.subject, login.c.subject, recovery_code.c.subject, session.c.person),
    *(message.c.subject, message_choice.c.subject, membership.c.subject, card.c.subject),
    evidence.c.subject,
)
"""Of tables whose rows are deleted with a subject's key, the column that names it."""

_SUBJECT = re.compile(r"[a-z]{1,20}/[a-z2-7]{26}", re.ASCII)
_LINE = re.compile(rf"({_SUBJECT.pattern}) (\d{{4}}-\d\d-\d\d)", re.ASCII)


class NotAnnounced(PointsError):
    """The log does not say that this subject is to be erased by today."""

    code = "not-announced"


def announce(
    ledger: OpenLedger, subject: str, on: str, *, actor: str, approver: str, request: str | None
) -> Outcome:
    """Enters that all about `subject` is erased on a local day, today or later.

    Raises what `Appender.submit` raises.
    """
    fields = {"subject": subject, "on": on}
    command = Statement(kind="erasure", fields=fields, actor=actor, approver=approver)
    (outcome,) = ledger.appender.submit(Group((Order(command=command, request=request),)))
    return outcome


def erase(database: Database, ledger: OpenLedger, clock: Clock, seq: int) -> str:
    """Does what the `erasure` entry `seq` announced; the subject.  Again, it changes nothing.

    Raises `NotAnnounced` where it is no such entry or its day has not come, and what `destroy`
    raises.
    """
    with database.reading() as conn:
        raws = log.raw_entries(conn, ledger.id, seq, seq + 1)
        today = today_of(conn, ledger.id, clock.now())
    entry = decode(raws[0]) if raws else None
    if entry is None or entry["type"] != "erasure":
        raise NotAnnounced(f"Entry {seq} announces no erasure. Announce it first, with two people.")
    if entry["on"] > today:
        raise NotAnnounced(f"Entry {seq} announces an erasure for {entry['on']}: wait until then.")
    subject: str = entry["subject"]
    destroy(database, ledger, (subject,), today)
    return subject


def erase_due(database: Database, ledger: OpenLedger, day: str) -> None:
    """Does all that the log announced for `day` or earlier and that is not done yet.

    So an erasure is done although nobody comes back to it, and again where a ledger was restored
    from its log.  Raises what `destroy` raises.
    """
    with database.reading() as conn:
        due = due_by(conn, ledger, day)
    if due:
        destroy(database, ledger, due, day)


def due_by(conn: Connection, ledger: OpenLedger, day: str) -> set[str]:
    """Whom the log announced for `day` or earlier, and of whom something is kept still."""
    due: set[str] = set()
    for part in parts_of_type(conn, ledger.id, "erasure"):
        due |= living(conn, ledger.id, {each["subject"] for each in part if each["on"] <= day})
    return due


def destroy(database: Database, ledger: OpenLedger, subjects: Collection[str], day: str) -> None:
    """Destroys the keys of subjects for good, on a local day.

    Without an entry it is for those of whom the log has never heard, such as the invited.
    Raises `LedgerStopped` where the file cannot be written, ValueError for what is no opaque id,
    and what `Database.writing` raises; calling it again finishes what was cut short.
    """
    for subject in subjects:
        if not _SUBJECT.fullmatch(subject):
            raise ValueError("a subject is an opaque id, such as member/ and 26 characters")
    listed = add_listed(ledger.erased, dict.fromkeys(subjects, day))
    _destroy(database, ledger, {subject: listed[subject] for subject in subjects})


def destroy_listed(database: Database, ledger: OpenLedger) -> None:
    """Destroys what the file lists and the database still has.

    One or two statements where there is nothing to do.  Raises `LedgerStopped` where the file
    cannot be read, and what `Database.writing` raises.
    """
    days = read_listed(ledger.erased)
    if not days:
        return
    with database.reading() as conn:
        back = living(conn, ledger.id, days)
        for column in GONE_WITH_SUBJECT:
            back |= {row[0] for row in keyed(conn, (column,), ledger.id, column, days)}
    if back:
        _destroy(database, ledger, {subject: days[subject] for subject in back})


def read_listed(path: Path) -> dict[str, str]:
    """The day of each subject in the file; none where there is no file yet.

    Raises `LedgerStopped` where it is damaged: what it says cannot be left undone.
    """
    try:
        *lines, last = path.read_text("ascii").split("\n")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerStopped(f"The file {path} of erased subjects cannot be read.") from error
    if _is_whole(last):
        lines.append(last)  # else it was cut short, and nothing was destroyed for it
    for number, line in enumerate(lines, start=1):
        if not _is_whole(line):
            raise LedgerStopped(
                f"Line {number} of {path} is damaged: wanted an id and a day. Restore the file"
                " from its newest backup; until then this ledger is not served."
            )
    return _days(lines)


def _is_whole(line: str) -> bool:
    match = _LINE.fullmatch(line)
    return match is not None and is_day(match[2])


def _days(lines: Iterable[str]) -> dict[str, str]:
    return {subject: day for subject, _, day in (line.partition(" ") for line in lines)}


def add_listed(path: Path, days: Mapping[str, str]) -> dict[str, str]:
    """Adds subjects to the file, those that are not in it, durably; the day of each that it has."""
    try:
        with locked(path.with_name(path.name + ".lock"), LOCK_TIMEOUT_SECONDS):
            before = path.read_bytes() if path.exists() else b""
            *lines, last = before.decode("ascii", "replace").split("\n")
            known = [each for each in (*lines, last) if each.partition(" ")[0] in days]
            listed = _days(filter(_is_whole, known))
            added = "".join(f"{each} {days[each]}\n" for each in days if each not in listed)
            if added:
                # What is of no whole line was cut short: nothing was destroyed for it.
                ends = len(before) if _is_whole(last) else before.rfind(b"\n") + 1
                line_end = "\n" if ends and not before[:ends].endswith(b"\n") else ""
                append_private(path, f"{line_end}{added}".encode("ascii"), ends)
    except OSError as error:
        raise LedgerStopped(
            f"The file {path} of erased subjects cannot be written, so nothing is erased. Check the"
            " disk and the permissions of its directory."
        ) from error
    return {**days, **listed}


def _destroy(database: Database, ledger: OpenLedger, days: Mapping[str, str]) -> None:
    with database.writing() as conn:
        # The head's lock keeps the append path from writing these rows meanwhile.
        load_position(conn, ledger.id, ledger.origin, lock=True)
        files = files_of(conn, ledger.id, days)
        destroy_keys(conn, ledger.id, days)
        for column in GONE_WITH_SUBJECT:
            remove(conn, ledger.id, column, days)
    remove_files(ledger, files)
