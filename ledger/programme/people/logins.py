"""Logins of the staff: e-mail or telephone, a password, and a second factor.  Each of one ledger.

A login is found by its person's contacts (`contacts.py`).  A contact of two logins signs neither
in: their people use the other one.

Whoever tries learns nothing but whether it all was right.  Each ledger has a *nobody*, a login
whose password and secret nobody knows; who signs in with a contact of no login tries that one.  So
there is one path, with the same statements, the same hash and the same commit, and one refusal.
The second factor is a code of the authenticator application (`totp.py`), taken once, or one of the
recovery codes (`longcodes.py`), which goes with it.  After failures a login is locked (`locks.py`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, delete, select, update

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.bulk import keyed
from ledger.journal.times import format_time, parse_time, to_us
from ledger.programme.people.contacts import Contact, nobody_of, people_with
from ledger.programme.people.locks import Lock
from ledger.programme.people.longcodes import kept_of
from ledger.programme.people.passwords import hash_password, is_outdated, is_password
from ledger.programme.people.totp import accepted_step
from ledger.programme.tables import login as table
from ledger.programme.tables import recovery_code
from ledger.programme.vault import DataKey, keys_of, lawful

RECOVERY = "recovery"


class SignInRefused(PointsError):
    """Something was wrong, or the login is locked, or there is none: which, nobody is told."""

    code = "sign-in-refused"

    def __init__(self) -> None:
        super().__init__(
            "These do not fit together, or there were too many tries. Check each of them; if they"
            " are right, wait a quarter of an hour, or ask an admin for a code that sets a new"
            " password."
        )


@dataclass(frozen=True, slots=True)
class Proof:
    """What one of the staff shows: the password, and a code of the application or of recovery."""

    password: str = field(repr=False)
    second: str = field(repr=False)


class Offer(NamedTuple):
    """What an attempt amounts to, before the lock is asked.

    `values` are written where it is right.  `step` is the application's whose code is to be taken,
    and `recovery` what is kept of the recovery code that is to be used up, where one is.
    """

    right: bool
    step: int | None = None
    recovery: bytes | None = None
    values: Mapping[str, Any] = {}


Wanted = Callable[[Connection], Collection[str]]
Judge = Callable[[Row[Any], DataKey | None], Offer]
Also = Callable[[Connection, str], None]


def sign_in(
    database: Database, ledger: OpenLedger, clock: Clock, contact: Contact, proof: Proof
) -> str:
    """The person whose contact, password and second factor these are.

    Raises `SignInRefused`, and what `Database.writing` raises.
    """
    judge = proof_judge(ledger, clock.now(), proof)
    return attempt(database, ledger, clock, with_contact(ledger, contact), judge)


def show_again(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    person: str,
    proof: Proof,
    change: Judge | None = None,
    also: Also | None = None,
) -> None:
    """Lets somebody who is signed in change their login, once they have shown both factors again.

    `change` gives what is written where they are right.  Raises what `sign_in` raises.
    """
    shown = proof_judge(ledger, clock.now(), proof)

    def judge(row: Row[Any], key: DataKey | None) -> Offer:
        offer = shown(row, key)
        if not offer.right or change is None:
            return offer
        return offer._replace(values={**offer.values, **change(row, key).values})

    attempt(database, ledger, clock, of_person(person), judge, also)


def attempt(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    wanted: Wanted,
    judge: Judge,
    also: Also | None = None,
) -> str:
    """One attempt at a login, counted; the person where it was right, else `SignInRefused`.

    `judge` takes its time outside any transaction.  What it judged is compared under the row's
    lock: of two right attempts at once, the second finds its step or code used, and is refused.
    `also` writes, in the same transaction, what else belongs to a right one of that person.
    """
    now = clock.now()
    with database.reading() as conn:
        row = _found(conn, ledger, wanted(conn))
        key = keys_of(conn, lawful(ledger), (row.subject,)).get(row.subject)
    offer = judge(row, key)
    with database.writing() as conn:
        mine = (table.c.ledger_id == ledger.id) & (table.c.subject == row.subject)
        fresh = conn.execute(select(table).where(mine).with_for_update()).one_or_none()
        lock = _lock(fresh)
        right = offer.right and not lock.holds(now) and _is_as_judged(row, fresh, offer)
        right &= _taken(conn, ledger.id, row.subject, offer.recovery if right else None)
        values = _unlocked(offer) if right else _locked(lock.failed(now))
        conn.execute(update(table).where(mine).values(**values))
        if right and also is not None:
            also(conn, row.subject)
    if not right:
        raise SignInRefused
    person: str = row.subject
    return person


# --- which login ---------------------------------------------------------------------------------


def with_contact(ledger: OpenLedger, contact: Contact) -> Wanted:
    """The logins of a contact's people."""
    return lambda conn: people_with(conn, ledger, contact)


def of_person(person: str) -> Wanted:
    """A person's login."""
    return lambda _: [person]


def _found(conn: Connection, ledger: OpenLedger, people: Collection[str]) -> Row[Any]:
    """The one login of these people, or else nobody's; `SignInRefused` in a ledger without logins.

    One statement.
    """
    nobody = nobody_of(ledger)
    wanted = {*people, nobody}
    rows = {r.subject: r for r in keyed(conn, table.c, ledger.id, table.c.subject, wanted)}
    if not rows:
        raise SignInRefused
    theirs = [row for person, row in rows.items() if person != nobody]
    return theirs[0] if len(theirs) == 1 else rows[nobody]


# --- what is shown -------------------------------------------------------------------------------


def proof_judge(ledger: OpenLedger, now: datetime, proof: Proof) -> Judge:
    """Judges a password and a second factor; takes as long for wrong ones."""

    def judge(row: Row[Any], key: DataKey | None) -> Offer:
        known = is_password(row.password, proof.password)
        secret = unsealed(ledger, row, key, "totp")
        step = None if secret is None else accepted_step(secret, proof.second, now, row.step)
        recovery = kept_of(ledger, RECOVERY, row.subject, proof.second) if step is None else None
        values = {}
        if known and is_outdated(row.password):
            values["password"] = hash_password(proof.password)
        return Offer(known and secret is not None, step, recovery, values)

    return judge


def sealed(ledger: OpenLedger, key: DataKey, secret: str) -> bytes:
    """A secret of the authenticator application as it is kept."""
    return key.seal(secret.encode("ascii"), _place(ledger, key.subject))


def unsealed(ledger: OpenLedger, row: Row[Any], key: DataKey | None, column: str) -> str | None:
    """The secret in `totp` or `next_totp`; None without one, or when the person was erased."""
    kept = getattr(row, column)
    if kept is None or key is None:
        return None
    return key.unseal(bytes(kept), _place(ledger, row.subject)).decode("ascii")


def _place(ledger: OpenLedger, person: str) -> bytes:
    return orjson.dumps(("points/totp/v1", ledger.origin, person))


# --- under the row's lock ------------------------------------------------------------------------


def _is_as_judged(row: Row[Any], fresh: Row[Any] | None, offer: Offer) -> bool:
    judged = ("password", "totp", "next_totp", "code", "code_until")
    if fresh is None or any(getattr(row, name) != getattr(fresh, name) for name in judged):
        return False
    return offer.step is None or fresh.step is None or fresh.step < offer.step


def _taken(conn: Connection, ledger_id: int, person: str, recovery: bytes | None) -> bool:
    """Uses up a recovery code, if one is shown; whether there was one."""
    c = recovery_code.c
    wanted = recovery or secrets.token_bytes(32)  # the same statement where there is none
    mine = (c.ledger_id == ledger_id) & (c.subject == person) & (c.code == wanted)
    gone = conn.execute(delete(recovery_code).where(mine)).rowcount
    return recovery is None or gone == 1


def _lock(row: Row[Any] | None) -> Lock:
    if row is None:
        return Lock()
    until = row.locked_until
    return Lock(row.failures, None if until is None else _moment(until))


def _locked(lock: Lock) -> dict[str, Any]:
    until = None if lock.until is None else format_time(to_us(lock.until))
    return {"failures": lock.failures, "locked_until": until}


def _unlocked(offer: Offer) -> dict[str, Any]:
    values = {} if offer.step is None else {"step": offer.step}
    return {**_locked(Lock()), **values, **offer.values}


def _moment(text: str) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=parse_time(text))
