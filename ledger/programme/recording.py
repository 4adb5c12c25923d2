"""Writing records: changes to them, as companions that travel with an entry, or alone.

A correction is the next version, and whoever makes it names the version that they saw: of two who
change one record at once, the second is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order, Refusal
from ledger.journal.times import format_time, to_us
from ledger.programme.commitments import FieldRefused, Fields, Place, check_fields
from ledger.programme.findable import FINDABLE
from ledger.programme.records import Record, find_value, sealed
from ledger.programme.tables import blind_index, record
from ledger.programme.vault import (
    DataKey,
    error_of,
    holding,
    keys_to_write,
    lawful,
    make_keys,
    subjects_of,
)

CHANGED = "record-changed"


class RecordChanged(PointsError):
    """Somebody changed the record after the caller had read it; nothing was written."""

    code = CHANGED


class Change(NamedTuple):
    """The fields that a record is to have from now on; `seen` is the version that this is based on.

    0 makes a new record.  A record keeps its subject.
    """

    kind: str
    id: str
    subject: str
    fields: Fields
    seen: int = 0


class Composed(NamedTuple):
    """Changes, ready to be entered: their records as they will be, and what enters them."""

    records: tuple[Record, ...]
    companions: tuple[Companion, ...]


def compose(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    changes: Sequence[Change],
    *,
    by: str,
    duty: bool = False,
) -> Composed:
    """Encrypts changes, of different records, for one order: with an entry's command, or alone.

    About the restricted nobody writes but themselves, and whoever has the `duty` to: what they are
    told, what is decided on a request of theirs, what they say at a desk.  The order is refused
    with `CHANGED` where somebody was quicker, or `ERASED`, or `RESTRICTED`.  Subjects without a
    data key get one at once.  Raises `FieldRefused`, `Erased`, `Restricted`, `KeysError`, and what
    `Appender.submit` raises.
    """
    for change in changes:
        _check(change)
    if len({(change.kind, change.id) for change in changes}) < len(changes):
        raise ValueError("two changes of one record in one order")
    opened = lawful(ledger, None if duty else subjects_of(by))
    keys = _keys_for(database, opened, {change.subject for change in changes})
    at = format_time(to_us(clock.now()))
    sealed = [_sealed(ledger, keys[change.subject], change, at, by) for change in changes]
    companions = (
        holding(opened, [keys[subject] for subject in sorted(keys)]),
        _versions(changes, [row for _, row in sealed]),
        _indexes(ledger, changes),
    )
    return Composed(tuple(made for made, _ in sealed), companions)


def save(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    changes: Sequence[Change],
    *,
    by: str,
    duty: bool = False,
) -> tuple[Record, ...]:
    """Enters changes, all or none, without an entry in the log.

    Raises `RecordChanged` where one is no longer what its writer saw, and what `compose` raises.
    """
    composed = compose(database, ledger, clock, changes, by=by, duty=duty)
    (outcome,) = ledger.appender.submit(Group((Order(companions=composed.companions),)))
    if isinstance(outcome, Refusal):
        raise error_of(outcome, RecordChanged)
    return composed.records


def _check(change: Change) -> None:
    check_fields(change.fields)
    for field in FINDABLE:
        if not isinstance(change.fields.get(field), str | None):
            raise FieldRefused(f"The field {field} wants text.")


def _keys_for(database: Database, ledger: OpenLedger, subjects: set[str]) -> dict[str, DataKey]:
    with database.reading() as conn:
        keys = keys_to_write(conn, ledger, subjects)
    missing = subjects - keys.keys()
    if missing:
        make_keys(ledger, missing)
        with database.reading() as conn:
            keys |= keys_to_write(conn, ledger, missing)
    return keys


def _sealed(
    ledger: OpenLedger, key: DataKey, change: Change, at: str, by: str
) -> tuple[Record, dict[str, Any]]:
    """The version as it will be, and its row."""
    place = Place(ledger.origin, change.kind, change.id, change.seen + 1)
    ciphertext, commitment = sealed(key, place, change.fields)
    common: dict[str, Any] = {
        "kind": change.kind,
        "id": change.id,
        "version": place.version,
        "subject": change.subject,
        "commitment": commitment,
        "at": at,
        "by": by,
    }
    made = Record(**common, fields=change.fields)
    return made, {**common, "key": key.id, "ciphertext": ciphertext}


def _versions(changes: Sequence[Change], rows: Sequence[Mapping[str, Any]]) -> Companion:
    """Writes the versions, if each is the next of its record and of the same subject."""
    fresh = {(row["kind"], row["id"], row["version"]): dict(row) for row in rows}
    seen = {
        (change.kind, change.id, change.seen): change.subject for change in changes if change.seen
    }

    def enter(
        found: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        for kind, name, version in fresh:
            if found[kind, name, version] is not None:
                return Refusal(
                    CHANGED,
                    f"the {kind} {name} has a version {version} already: read it, and change that",
                )
        for key, subject in seen.items():
            before = found[key]
            if before is None or before["subject"] != subject:
                kind, name, version = key
                return Refusal(
                    CHANGED, f"the {kind} {name} has no version {version} of that subject"
                )
        return fresh

    return Companion(record, (*fresh, *seen), enter)


def _indexes(ledger: OpenLedger, changes: Sequence[Change]) -> Companion:
    """Makes the new versions what their records are found by."""
    fresh = {
        (change.kind, change.id, field): {
            "kind": change.kind,
            "id": change.id,
            "field": field,
            "value": _found_by(ledger, field, change.fields.get(field)),
            "subject": change.subject,
        }
        for change in changes
        for field in FINDABLE
    }

    def enter(found: Mapping[Any, CompanionRow | None], _: Done) -> Mapping[Any, CompanionRow]:
        return {
            key: row
            for key, row in fresh.items()
            if row["value"] is not None or found[key] is not None
        }

    return Companion(blind_index, (*fresh,), enter)


def _found_by(ledger: OpenLedger, field: str, value: str | None) -> str | None:
    return None if value is None else find_value(ledger, field, value)
