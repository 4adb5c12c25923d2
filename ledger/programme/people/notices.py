"""Notices: what people are told before they consent, in versions (PIPL, art. 17).

One notice a purpose, in Chinese and English: who keeps what, what for and how, how long, and how
one's rights are used.  A notice is public; it is a record about the ledger (`records.py`), and its
hash, the SHA-256 of its JCS, stands in each consent that was given to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.entry import to_base64
from ledger.programme import records
from ledger.programme.ids import id_from
from ledger.programme.recording import Change, save
from ledger.programme.records import Record
from ledger.programme.vault import subject_of_ledger

RECORD = "notice"
RECORDING = "recording"
PURPOSES: Mapping[str, str] = {
    RECORDING: "keeping who one is and recording one's hours and points",
    "employer": "showing one's name and hours to the organisation that one belongs to",
    "public": "showing one's name in public, as in a list of honours",
    "photos": "publishing pictures in which one can be recognised",
}
"""What people consent to, each on its own; only `recording` is needed to take part."""

PARTS = ("holder", "contact", "purpose", "method", "kinds", "retention", "rights")
"""What the law wants told: PIPL, art. 17 (1) to (3)."""
LANGUAGES = ("zh", "en")

Parts = Mapping[str, Mapping[str, str]]


class NoticeRefused(PointsError):
    """A notice lacks something that has to be told."""

    code = "notice-refused"


@dataclass(frozen=True, slots=True)
class Notice:
    """One version of a notice: its parts, each by language."""

    purpose: str
    version: int
    at: str
    parts: Parts

    @property
    def hash(self) -> str:
        """SHA-256, in base64, of JCS({purpose, version, parts})."""
        told = {"purpose": self.purpose, "version": self.version, "parts": self.parts}
        return to_base64(hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).digest())


def publish(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    purpose: str,
    parts: Parts,
    *,
    seen: int,
    by: str,
) -> Notice:
    """Makes this the notice of a purpose, if its version is still `seen` (0: there is none yet).

    Consents to earlier versions stay what they are.  Raises `NoticeRefused`, and what
    `recording.save` raises; KeyError for a purpose there is not.
    """
    name = _id_of(ledger, purpose)
    for part in PARTS:
        if not all(parts.get(part, {}).get(language, "").strip() for language in LANGUAGES):
            raise NoticeRefused(f"A notice tells its {part} in Chinese and in English.")
    if unknown := parts.keys() - set(PARTS):
        raise NoticeRefused(f"A notice has no part {min(unknown)[:60]}: {', '.join(PARTS)}.")
    fields = {part: {each: parts[part][each] for each in LANGUAGES} for part in PARTS}
    change = Change(RECORD, name, subject_of_ledger(ledger.origin), fields, seen)
    (made,) = save(database, ledger, clock, (change,), by=by)
    return _notice(purpose, made)


def current(conn: Connection, ledger: OpenLedger) -> dict[str, Notice]:
    """The newest notice of each purpose that has one.  Two statements."""
    ids = {_id_of(ledger, purpose): purpose for purpose in PURPOSES}
    found = records.newest(conn, ledger, RECORD, ids)
    return {
        purpose: _notice(purpose, found[name]) for name, purpose in ids.items() if name in found
    }


def history(
    conn: Connection,
    ledger: OpenLedger,
    purpose: str,
    *,
    after: int = 0,
    most: int | None = None,
) -> list[Notice]:
    """All versions of a purpose's notice, the first one first, or those `after` one, so many."""
    found = versions(conn, ledger, purpose, after=after, most=most)
    return [_notice(purpose, each) for each in found]


def versions(
    conn: Connection, ledger: OpenLedger, purpose: str, *, after: int = 0, most: int | None = None
) -> list[Record]:
    """The records of the same; KeyError for a purpose there is not."""
    name = _id_of(ledger, purpose)
    return records.history(conn, ledger, RECORD, name, after=after, most=most)


def _id_of(ledger: OpenLedger, purpose: str) -> str:
    if purpose not in PURPOSES:
        raise KeyError(purpose)
    return id_from("notice", ledger.origin, purpose)


def _notice(purpose: str, found: Record) -> Notice:
    return Notice(purpose, found.version, found.at, found.fields or {})
