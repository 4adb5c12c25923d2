"""The vault: a data key for each subject, under which all records about that subject are encrypted.

A *subject* is a member, a person of the staff, an organisation, a case, or the ledger itself, by
its opaque id.  Its data key is 32 random bytes, wrapped by a master key of the ledger
(`ledger.journal.masters`) for its place, and kept nowhere else: once the wrapped bytes are gone,
nobody reads those records again.  A row whose key was destroyed stays, so that no second key is
ever made for a subject that was erased.

A key may be *restricted* before it is destroyed (`restriction.py`): then it is as good as destroyed
for everybody but its subject, and whom the law obliges to read or to write (`lawful`).

Nothing unwrapped is kept between calls, so a key that another process destroyed is not used here.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import Connection, Row, func, select

from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.bulk import keyed, row_mapping, write
from ledger.journal.entry import new_id
from ledger.journal.masters import Wrapped
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order, Refusal
from ledger.journal.pkcs8 import Secret
from ledger.journal.sealing import KEY_BYTES, seal, unseal
from ledger.journal.store import load_position
from ledger.programme.ids import id_from
from ledger.programme.tables import data_key as table

REWRAPPED_PER_BATCH = 500
ERASED, RESTRICTED = "erased", "restricted"


class _Everybody:
    """The collection of all subjects."""

    def __contains__(self, _: object) -> bool:
        return True


class Erased(PointsError):
    """The subject's key was destroyed: nothing about it can be read or written any more."""

    code = ERASED


class Restricted(PointsError):
    """What is kept of the subject is stored and not used: nobody else adds anything to it."""

    code = RESTRICTED


class KeyDamaged(PointsError):
    """A data key is not there, or not as it was wrapped."""

    code = "data-key-damaged"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class DataKey:
    """A subject's key, unwrapped.  To be used and dropped."""

    subject: str
    id: str
    _secret: Secret

    def __repr__(self) -> str:
        return f"<data key of {self.subject}>"

    def seal(self, plain: bytes, place: bytes) -> bytes:
        """`plain`, encrypted for this place alone."""
        return seal(self._secret, plain, place)

    def unseal(self, sealed: bytes, place: bytes) -> bytes:
        """What was sealed for this place; ValueError where it was not, or was changed."""
        return unseal(self._secret, sealed, place)


def subject_of_ledger(origin: str) -> str:
    """The id under which records about the ledger itself are kept."""
    return id_from("subject", origin, kind="ledger")


def subjects_of(person: str) -> tuple[str, str]:
    """What records about a person are kept under: the person, and their account as a member."""
    return person, "member" + person.removeprefix("person")


def lawful(ledger: OpenLedger, subjects: Container[str] | None = None) -> OpenLedger:
    """The ledger as those see it who may read restricted subjects: these, or all of them.

    It is for the subjects themselves, for telling them something, and for legal duties.
    """
    return replace(ledger, opens=_Everybody() if subjects is None else subjects)


def own(ledger: OpenLedger, person: str | None) -> OpenLedger:
    """The ledger as somebody sees it to whom no more than what is theirs opens though restricted.

    Nothing does for nobody.
    """
    return ledger if person is None else lawful(ledger, (person,))


def keys_of(
    conn: Connection, ledger: OpenLedger, subjects: Collection[str]
) -> dict[str, DataKey | None]:
    """The data keys of those subjects that ever had one; None where it was destroyed.

    None too where it is restricted, unless the ledger is `lawful` for that.  One statement.
    Raises `KeyDamaged` and `KeysError`.
    """
    rows = keyed(conn, table.c, ledger.id, table.c.subject, subjects)
    return {row.subject: _unwrapped(ledger, row) for row in rows}


def keys_to_write(
    conn: Connection, ledger: OpenLedger, subjects: Collection[str]
) -> dict[str, DataKey]:
    """The data keys of those subjects that ever had one, to add something under.  One statement.

    Raises `Erased`, `Restricted` unless the ledger is `lawful` for that, and as `keys_of` does.
    """
    rows = {row.subject: row for row in keyed(conn, table.c, ledger.id, table.c.subject, subjects)}
    for subject in sorted(rows):
        refusal = _shut(ledger, subject, row_mapping(table, rows[subject]))
        if refusal is not None:
            raise error_of(refusal, Erased)
    return {subject: _opened(ledger, row) for subject, row in rows.items()}


def make_keys(ledger: OpenLedger, subjects: Collection[str]) -> None:
    """Gives a data key to each of these subjects that has none; one that was erased gets none.

    Raises what `Appender.submit` raises, and `KeysError`.
    """
    generation = ledger.masters.newest()
    fresh = {subject: _fresh(ledger, subject, generation) for subject in subjects}

    def change(rows: Mapping[Any, CompanionRow | None], _: Done) -> Mapping[Any, CompanionRow]:
        return {subject: fresh[subject] for subject, row in rows.items() if row is None}

    ledger.appender.submit(Group((Order(companions=(Companion(table, (*fresh,), change),)),)))


def holding(ledger: OpenLedger, keys: Collection[DataKey]) -> Companion:
    """Refuses with `ERASED` or `RESTRICTED` where one of these keys came to that meanwhile."""
    ids = {key.subject: key.id for key in keys}

    def change(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        for subject, row in rows.items():
            known = row if row is not None and row["key"] == ids[subject] else None
            refusal = _shut(ledger, subject, known)
            if refusal is not None:
                return refusal
        return {}

    return Companion(table, (*ids,), change)


def error_of(refusal: Refusal, otherwise: type[PointsError]) -> PointsError:
    """What an order that holds keys was refused for: `Erased`, `Restricted`, or `otherwise`."""
    kind = {ERASED: Erased, RESTRICTED: Restricted}.get(refusal.rule, otherwise)
    return kind(refusal.message[0].upper() + refusal.message[1:] + ".")


def destroy_keys(conn: Connection, ledger_id: int, days: Mapping[str, str]) -> None:
    """Destroys the keys of these subjects, if they have any, on their day each.

    The caller holds the ledger's head locked, and has written the subjects where no backup of the
    database brings them back (`erasure.py`).
    """
    rows = keyed(conn, table.c, ledger_id, table.c.subject, days)
    known = {row.subject: row_mapping(table, row) for row in rows}
    none: dict[str, Any] = {"key": "", "generation": 0, "restricted_on": None}
    gone = [
        {**known.get(subject, none), "subject": subject, "wrapped": None, "destroyed_on": day}
        for subject, day in days.items()
        if subject not in known or known[subject]["wrapped"] is not None
    ]
    _upsert(conn, ledger_id, gone)


def living(conn: Connection, ledger_id: int, subjects: Collection[str]) -> set[str]:
    """Those of the subjects whose key was not destroyed, or which have no row yet."""
    columns = (table.c.subject,)
    destroyed = table.c.wrapped.is_(None)
    rows = keyed(conn, columns, ledger_id, table.c.subject, subjects, destroyed)
    return set(subjects) - {row.subject for row in rows}


# --- rotation of the master key ------------------------------------------------------------------


def rewrap(
    database: Database, ledger: OpenLedger, keys_per_batch: int = REWRAPPED_PER_BATCH
) -> Iterator[int]:
    """Wraps all data keys by the newest master key; after each batch, how many it were.

    Each batch is a transaction of its own, under the ledger's head, so it may be cut short at any
    time and begun again, by several at once, while the service runs.  Raises `KeyDamaged`,
    `KeysError`, and what `Database.writing` raises.
    """
    newest = ledger.masters.newest()
    older = (
        select(table)
        .where(
            table.c.ledger_id == ledger.id,
            table.c.generation < newest,
            table.c.wrapped.is_not(None),
        )
        .order_by(table.c.generation, table.c.subject)
        .limit(keys_per_batch)
    )
    done = keys_per_batch
    while done:
        with database.writing() as conn:
            # Else the append path could write a row as it was before.
            load_position(conn, ledger.id, ledger.origin, lock=True)
            rows = conn.execute(older).all()
            _upsert(conn, ledger.id, [_rewrapped(ledger, row, newest) for row in rows])
        done = len(rows)
        if done:
            yield done


def generations_in_use(conn: Connection, ledger_id: int) -> dict[int, int]:
    """How many data keys each generation of master keys wraps, of those that wrap any."""
    query = (
        select(table.c.generation, func.count())
        .where(table.c.ledger_id == ledger_id, table.c.wrapped.is_not(None))
        .group_by(table.c.generation)
        .order_by(table.c.generation)
    )
    return {row[0]: row[1] for row in conn.execute(query)}


# --- rows ----------------------------------------------------------------------------------------


def _fresh(ledger: OpenLedger, subject: str, generation: int) -> dict[str, Any]:
    key = new_id("key", os.urandom(16))
    return _row(ledger, subject, key, Secret(os.urandom(KEY_BYTES)), generation)


def _rewrapped(ledger: OpenLedger, row: Row[Any], generation: int) -> dict[str, Any]:
    fresh = _row(ledger, row.subject, row.key, _secret(ledger, row), generation)
    return fresh | {"restricted_on": row.restricted_on}


def _row(
    ledger: OpenLedger, subject: str, key: str, secret: Secret, generation: int
) -> dict[str, Any]:
    place = _place(ledger.origin, subject, key, generation)
    wrapped = ledger.masters.wrap(generation, secret, place)
    return {
        "subject": subject,
        "key": key,
        "generation": wrapped.generation,
        "wrapped": wrapped.raw,
        "destroyed_on": None,
        "restricted_on": None,
    }


def _unwrapped(ledger: OpenLedger, row: Row[Any]) -> DataKey | None:
    shut = row.restricted_on is not None and row.subject not in ledger.opens
    return None if row.wrapped is None or shut else _opened(ledger, row)


def _opened(ledger: OpenLedger, row: Row[Any]) -> DataKey:
    return DataKey(row.subject, row.key, _secret(ledger, row))


def _shut(ledger: OpenLedger, subject: str, row: CompanionRow | None) -> Refusal | None:
    """Why nothing is added to what is kept of a subject, if that is so."""
    if row is None or row["wrapped"] is None:
        said = f"all that was kept of {subject} has been erased. Nothing can be added to it"
        return Refusal(ERASED, said)
    if row["restricted_on"] is not None and subject not in ledger.opens:
        return Refusal(
            RESTRICTED,
            f"what is kept of {subject} is restricted until it is destroyed. Nobody but themselves"
            " adds anything to it",
        )
    return None


def _secret(ledger: OpenLedger, row: Row[Any]) -> Secret:
    place = _place(ledger.origin, row.subject, row.key, row.generation)
    try:
        return ledger.masters.unwrap(Wrapped(row.generation, bytes(row.wrapped)), place)
    except ValueError:
        raise KeyDamaged(
            f"The data key of {row.subject} does not open: its row was changed, or master key"
            f" {row.generation} is another. Restore what was changed from a backup."
        ) from None


def _place(origin: str, subject: str, key: str, generation: int) -> bytes:
    return orjson.dumps(("points/data-key/v1", origin, subject, key, generation))


def _upsert(conn: Connection, ledger_id: int, rows: Collection[Mapping[str, Any]]) -> None:
    columns = [column.name for column in table.c if column.name != "ledger_id"]
    write(conn, table, ledger_id, [tuple(row[name] for name in columns) for row in rows], "upsert")
