"""The record store: all text about people and organisations, encrypted, with its whole history.

A *record* is (kind, id) with versions from 1 on; each version is one AES-256-GCM blob under the
data key of its subject (`vault.py`), with its place (ledger, kind, id, version) as associated data:
32 fresh random bytes, then the fields as JCS.  Nothing is overwritten: `recording.py` adds
versions.  The commitment of a version (`commitments.py`) stands beside it, so that an entry of the
log can bind it.

What was erased is listed with its dates and without its fields.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Row, Select, exists, select, tuple_

from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.bulk import keyed
from ledger.journal.entry import to_base64
from ledger.programme.commitments import (
    SEED_BYTES,
    Disclosure,
    FieldRefused,
    Fields,
    Place,
    commitment_of,
    disclose,
)
from ledger.programme.findable import FINDABLE
from ledger.programme.tables import blind_index, record
from ledger.programme.vault import DataKey, Erased, keys_of

RECORD_BYTES_MAX = 65_536
BASICS = "basics"
"""The kind of the records in which a person's name and own contacts are."""


INVITED = "invitation"
"""The same of somebody who is invited, and has not said yes."""


class RecordUnknown(PointsError):
    """There is no such record, or no such version of it."""

    code = "record-unknown"


class RecordDamaged(PointsError):
    """A version does not open, or does not match its commitment."""

    code = "record-damaged"


@dataclass(frozen=True, slots=True)
class Record:
    """One version of a record; `fields` are None when it was erased."""

    kind: str
    id: str
    version: int
    subject: str
    commitment: bytes
    at: str
    by: str
    fields: Fields | None

    def __repr__(self) -> str:
        return f"<version {self.version} of {self.kind} {self.id}>"


_later = record.alias("later")
_NEWEST = ~exists().where(
    _later.c.ledger_id == record.c.ledger_id,
    _later.c.kind == record.c.kind,
    _later.c.id == record.c.id,
    _later.c.version == record.c.version + 1,
).correlate(record)


def newest(
    conn: Connection, ledger: OpenLedger, kind: str, ids: Collection[str]
) -> dict[str, Record]:
    """The newest version of each of these records that is there, by id.

    Two statements, whatever the number.  Raises `RecordDamaged`, `KeyDamaged`, `KeysError`.
    """
    found = newest_of(conn, ledger, [(kind, name) for name in ids])
    return {name: each for (_, name), each in found.items()}


def newest_of(
    conn: Connection, ledger: OpenLedger, places: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Record]:
    """The same of records of several kinds, by kind and id."""
    by = (record.c.kind, record.c.id)
    rows = keyed(conn, record.c, ledger.id, by, places, _NEWEST)
    return {(each.kind, each.id): each for each in _opened(conn, ledger, rows)}


def one(conn: Connection, ledger: OpenLedger, kind: str, name: str) -> Record:
    """The newest version of one record; `RecordUnknown`, and what `newest` raises."""
    found = newest(conn, ledger, kind, (name,)).get(name)
    if found is None:
        raise RecordUnknown(f"There is no {kind} {name[:60]} in this ledger.")
    return found


def history(
    conn: Connection,
    ledger: OpenLedger,
    kind: str,
    name: str,
    *,
    after: int = 0,
    most: int | None = None,
) -> list[Record]:
    """All versions of one record, the first one first; none where there is no such record.

    Or those `after` a version, at the most so many.
    """
    mine = (record.c.kind == kind, record.c.id == name, record.c.version > after)
    query = _all(ledger).where(*mine).order_by(record.c.version).limit(most)
    return _opened(conn, ledger, conn.execute(query).all())


def shown(
    conn: Connection, ledger: OpenLedger, kind: str, name: str, *, after: int, most: int
) -> list[tuple[Record, Disclosure]]:
    """Versions as `history` gives them, each with what shows all of it under its commitment.

    None of those that were erased.  Two statements.  Raises as `newest` does.
    """
    mine = (record.c.kind == kind, record.c.id == name, record.c.version > after)
    rows = conn.execute(_all(ledger).where(*mine).order_by(record.c.version).limit(most)).all()
    found = _disclosed(conn, ledger, rows)
    return [(version, told) for version, told in found if told is not None]


def about(conn: Connection, ledger: OpenLedger, subject: str) -> list[Record]:
    """All versions of all records of a subject, in order of kind, id and version."""
    order = (record.c.kind, record.c.id, record.c.version)
    query = _all(ledger).where(record.c.subject == subject).order_by(*order)
    return _opened(conn, ledger, conn.execute(query).all())


def shown_about(
    conn: Connection,
    ledger: OpenLedger,
    subjects: Collection[str],
    *,
    after: tuple[str, str, str, int] | None = None,
    limit: int,
) -> list[tuple[Record, Disclosure | None]]:
    """At most `limit` versions of records of subjects, those after (subject, kind, id, version).

    Each with what shows all its fields under its commitment, None where it was erased.  Two
    statements, whatever the number.  Raises as `newest` does.
    """
    place = (record.c.subject, record.c.kind, record.c.id, record.c.version)
    query = _all(ledger).where(record.c.subject.in_(sorted(subjects)))
    if after is not None:
        query = query.where(tuple_(*place) > tuple_(*after))
    return _disclosed(conn, ledger, conn.execute(query.order_by(*place).limit(limit)).all())


def found_by(
    conn: Connection, ledger: OpenLedger, field: str, values: Collection[str]
) -> dict[str, list[tuple[str, str]]]:
    """By value, as given: (kind, id) of the records whose newest version has it, in order.

    One statement.  `FieldRefused` for a value that the field cannot have, KeyError for a field that
    nothing is found by.
    """
    wanted = {value: find_value(ledger, field, value) for value in values}
    c = blind_index.c
    keys = [(field, index) for index in wanted.values()]
    found: dict[str, list[tuple[str, str]]] = {}
    for row in keyed(conn, (c.value, c.kind, c.id), ledger.id, (c.field, c.value), keys):
        found.setdefault(row.value, []).append((row.kind, row.id))
    return {value: sorted(found.get(index, [])) for value, index in wanted.items()}


def disclosed(
    conn: Connection,
    ledger: OpenLedger,
    place: tuple[str, str, int],
    names: Collection[str],
) -> Disclosure:
    """What shows these fields of the version (kind, id, version) under its commitment.

    Raises `RecordUnknown`, `Erased`, `RecordDamaged` and `FieldRefused`.
    """
    kind, name, version = place
    query = _all(ledger).where(
        record.c.kind == kind, record.c.id == name, record.c.version == version
    )
    row = conn.execute(query).one_or_none()
    if row is None:
        raise RecordUnknown(f"There is no version {version} of {kind} {name[:60]} in this ledger.")
    key = keys_of(conn, ledger, (row.subject,)).get(row.subject)
    if key is None:
        raise Erased(f"All that was kept of {row.subject} has been erased.")
    seed, fields = _plain(ledger, key, row)
    where = Place(ledger.origin, kind, name, version)
    if commitment_of(where, fields, seed) != bytes(row.commitment):
        raise _damaged(row)
    return disclose(where, fields, seed, names)


def sealed(key: DataKey, place: Place, fields: Fields) -> tuple[bytes, bytes]:
    """A new version's ciphertext and commitment; `FieldRefused` for one that is too large."""
    seed = os.urandom(SEED_BYTES)
    plain = seed + orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    if len(plain) > RECORD_BYTES_MAX:
        raise FieldRefused(f"A record has at most {RECORD_BYTES_MAX} bytes, not {len(plain)}.")
    return key.seal(plain, _associated(place)), commitment_of(place, fields, seed)


def find_value(ledger: OpenLedger, field: str, value: str) -> str:
    """What is kept of a value of one of the fields `FINDABLE`; `FieldRefused`."""
    return to_base64(ledger.keys.blind_index(field, FINDABLE[field](value)))


# --- within --------------------------------------------------------------------------------------


def _associated(place: Place) -> bytes:
    return orjson.dumps(("points/record/v1", *place))


def _all(ledger: OpenLedger) -> Select[Any]:
    return select(record).where(record.c.ledger_id == ledger.id)


def _opened(conn: Connection, ledger: OpenLedger, rows: Iterable[Row[Any]]) -> list[Record]:
    rows = list(rows)
    keys = keys_of(conn, ledger, {row.subject for row in rows})
    return [
        _record(row, None if (key := _key(keys, row)) is None else _plain(ledger, key, row)[1])
        for row in rows
    ]


def _disclosed(
    conn: Connection, ledger: OpenLedger, rows: Sequence[Row[Any]]
) -> list[tuple[Record, Disclosure | None]]:
    """The versions, each with what shows all its fields, None where it was erased."""
    keys = keys_of(conn, ledger, {row.subject for row in rows})
    return [_shown(ledger, _key(keys, row), row) for row in rows]


def _record(row: Row[Any], fields: Fields | None) -> Record:
    commitment = bytes(row.commitment)
    return Record(row.kind, row.id, row.version, row.subject, commitment, row.at, row.by, fields)


def _shown(
    ledger: OpenLedger, key: DataKey | None, row: Row[Any]
) -> tuple[Record, Disclosure | None]:
    if key is None:
        return _record(row, None), None
    seed, fields = _plain(ledger, key, row)
    where = Place(ledger.origin, row.kind, row.id, row.version)
    if commitment_of(where, fields, seed) != bytes(row.commitment):
        raise _damaged(row)
    return _record(row, fields), disclose(where, fields, seed, fields)


def _key(keys: Mapping[str, DataKey | None], row: Row[Any]) -> DataKey | None:
    if row.subject not in keys:
        raise _damaged(row)
    return keys[row.subject]


def _plain(ledger: OpenLedger, key: DataKey, row: Row[Any]) -> tuple[bytes, dict[str, Any]]:
    """A version's random bytes and fields."""
    place = Place(ledger.origin, row.kind, row.id, row.version)
    try:
        plain = key.unseal(bytes(row.ciphertext), _associated(place))
    except ValueError:
        raise _damaged(row) from None
    return plain[:SEED_BYTES], orjson.loads(plain[SEED_BYTES:])


def _damaged(row: Row[Any]) -> RecordDamaged:
    return RecordDamaged(
        f"Version {row.version} of {row.kind} {row.id} does not open as it was written. Restore"
        " its row from a backup."
    )
