"""How one of the staff gets a login, and changes it.

    invite()             a code of 80 bits, which an admin hands over; also after a lost password
    begin_enrolment()    shows that code: the secret for an authenticator application, shown once
    finish_enrolment()   the code, a password, and a code of the application: the login is set
    change_password()    and renew_totp(), confirm_totp(), renew_recovery_codes(): by whoever is
                         signed in, who shows the password and a second factor once more

A code that is handed over changes nothing by itself: until it is used, the old password stays.
Whoever uses it is signed out everywhere else.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.times import format_time, to_us
from ledger.programme import records
from ledger.programme.people.contacts import Contact, nobody_of
from ledger.programme.people.logins import (
    RECOVERY,
    Offer,
    Proof,
    SignInRefused,
    attempt,
    of_person,
    sealed,
    show_again,
    unsealed,
    with_contact,
)
from ledger.programme.people.longcodes import RECOVERY_CODES, kept_of, new_code
from ledger.programme.people.passwords import check_password, hash_password
from ledger.programme.people.sessions import end_sessions
from ledger.programme.people.totp import accepted_step, new_secret, setup_uri
from ledger.programme.records import BASICS
from ledger.programme.tables import login as table
from ledger.programme.tables import recovery_code
from ledger.programme.vault import DataKey, keys_of, lawful, make_keys

INVITATION_LASTS = timedelta(days=7)
_INVITATION = "invitation"


class NoContact(PointsError):
    """Nothing is known of the person that they could sign in with."""

    code = "no-contact"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What an admin hands over.  `code` is the only copy: show it once."""

    code: str = field(repr=False)
    until: str


@dataclass(frozen=True, slots=True)
class Setup:
    """What an authenticator application is set up with, shown once."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Whose login was set, and their recovery codes, shown once."""

    person: str
    recovery_codes: tuple[str, ...] = field(repr=False)


def invite(database: Database, ledger: OpenLedger, clock: Clock, person: str) -> Invitation:
    """A code with which `person` sets a password, for seven days; it voids the one before.

    Raises `NoContact` where their `basics` hold neither e-mail nor telephone, and what
    `Appender.submit` and `Database.writing` raise.
    """
    with database.reading() as conn:
        basics = records.newest(conn, ledger, BASICS, (person,)).get(person)
    known = {} if basics is None or basics.fields is None else basics.fields
    if not (known.get("email") or known.get("phone")):
        raise NoContact(
            f"Nothing is known of {person} to sign in with. Enter an e-mail address or a"
            " telephone number first."
        )
    _make_logins(database, ledger, person)
    code = new_code()
    until = _text(clock.now() + INVITATION_LASTS)
    kept = kept_of(ledger, _INVITATION, person, code)
    mine = (table.c.ledger_id == ledger.id) & (table.c.subject == person)
    with database.writing() as conn:
        conn.execute(update(table).where(mine).values(code=kept, code_until=until))
    return Invitation(code, until)


def begin_enrolment(
    database: Database, ledger: OpenLedger, clock: Clock, contact: Contact, code: str
) -> Setup:
    """A secret for the application of whoever has the code; it counts once it was confirmed.

    Asked for again, it gives another one.  Raises what `logins.sign_in` raises.
    """
    now, secret = clock.now(), new_secret()

    def judge(row: Row[Any], key: DataKey | None) -> Offer:
        if key is None or not _is_invited(ledger, row, code, now):
            return Offer(right=False)
        return Offer(right=True, values={"next_totp": sealed(ledger, key, secret)})

    attempt(database, ledger, clock, with_contact(ledger, contact), judge)
    return setup_of(ledger, secret)


def finish_enrolment(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    contact: Contact,
    code: str,
    proof: Proof,
) -> Enrolled:
    """Sets the password and the second factor, and uses the code up.

    `proof` is the new password with a code of the application that was just set up.  Raises
    `PasswordRefused`, and what `logins.sign_in` raises.
    """
    now, codes = clock.now(), _recovery_codes()

    def judge(row: Row[Any], key: DataKey | None) -> Offer:
        secret = unsealed(ledger, row, key, "next_totp")
        if secret is None or not _is_invited(ledger, row, code, now):
            return Offer(right=False)
        step = accepted_step(secret, proof.second, now, None)
        if step is None:
            return Offer(right=False)
        check_password(proof.password, own_words(database, ledger, row.subject))
        values = {
            "password": hash_password(proof.password),
            **_confirmed(row, step),
            "code": None,
            "code_until": None,
        }
        return Offer(right=True, values=values)

    def also(conn: Connection, person: str) -> None:
        _replace_codes(conn, ledger, person, codes)
        end_sessions(conn, ledger.id, person, now)

    person = attempt(database, ledger, clock, with_contact(ledger, contact), judge, also)
    return Enrolled(person, codes)


def change_password(
    database: Database, ledger: OpenLedger, clock: Clock, person: str, proof: Proof, new: str
) -> None:
    """Sets another password, and ends all their sessions.

    Raises `PasswordRefused`, and what `logins.sign_in` raises.
    """
    check_password(new, own_words(database, ledger, person))
    kept, now = hash_password(new), clock.now()

    def change(_row: Row[Any], _key: DataKey | None) -> Offer:
        return Offer(right=True, values={"password": kept})

    def also(conn: Connection, person: str) -> None:
        end_sessions(conn, ledger.id, person, now)

    show_again(database, ledger, clock, person, proof, change, also)


def renew_totp(
    database: Database, ledger: OpenLedger, clock: Clock, person: str, proof: Proof
) -> Setup:
    """A secret for another application; the old one counts until `confirm_totp`."""
    secret = new_secret()

    def change(_row: Row[Any], key: DataKey | None) -> Offer:
        return Offer(right=True, values={"next_totp": sealed(ledger, _living(key), secret)})

    show_again(database, ledger, clock, person, proof, change)
    return setup_of(ledger, secret)


def confirm_totp(
    database: Database, ledger: OpenLedger, clock: Clock, person: str, code: str
) -> None:
    """Makes the application that was set up the one that counts, by a code of it."""
    now = clock.now()

    def judge(row: Row[Any], key: DataKey | None) -> Offer:
        secret = unsealed(ledger, row, key, "next_totp")
        step = None if secret is None else accepted_step(secret, code, now, None)
        return Offer(right=step is not None, values=_confirmed(row, step))

    attempt(database, ledger, clock, of_person(person), judge)


def renew_recovery_codes(
    database: Database, ledger: OpenLedger, clock: Clock, person: str, proof: Proof
) -> tuple[str, ...]:
    """Ten new recovery codes; the old ones are void.  Raises what `logins.sign_in` raises."""
    codes = _recovery_codes()
    show_again(
        database,
        ledger,
        clock,
        person,
        proof,
        also=lambda conn, person: _replace_codes(conn, ledger, person, codes),
    )
    return codes


def own_words(database: Database, ledger: OpenLedger, person: str) -> tuple[str, ...]:
    """The words that anybody would try as this person's password."""
    with database.reading() as conn:
        basics = records.newest(conn, ledger, BASICS, (person,)).get(person)
    known = {} if basics is None or basics.fields is None else basics.fields
    email, _, domain = str(known.get("email") or "").partition("@")
    words = (ledger.name, known.get("full_name"), known.get("phone"), email, domain)
    return tuple(str(word) for word in words if word)


def _make_logins(database: Database, ledger: OpenLedger, person: str) -> None:
    """Gives the person a login, if they have none, and the ledger its nobody."""
    people = {person, nobody_of(ledger)}
    with database.reading() as conn:
        mine = (table.c.ledger_id == ledger.id) & table.c.subject.in_(sorted(people))
        people -= set(conn.execute(select(table.c.subject).where(mine)).scalars())
    if not people:
        return
    make_keys(ledger, people)
    with database.reading() as conn:
        keys = {name: _living(key) for name, key in keys_of(conn, lawful(ledger), people).items()}
    rows = [_fresh(ledger, keys[name]) for name in sorted(people)]
    made = (sqlite if database.dialect == "sqlite" else postgresql).insert(table)
    with database.writing() as conn:
        # Another admin may have been quicker.
        conn.execute(made.on_conflict_do_nothing(), rows)


def _fresh(ledger: OpenLedger, key: DataKey) -> dict[str, Any]:
    """A login that nobody can use, since nobody knows its password; nobody's stays so."""
    return {
        "ledger_id": ledger.id,
        "subject": key.subject,
        "password": hash_password(os.urandom(32).hex()),
        "totp": sealed(ledger, key, new_secret()),
        "next_totp": None,
        "step": None,
        "failures": 0,
        "locked_until": None,
        "code": None,
        "code_until": None,
    }


def _is_invited(ledger: OpenLedger, row: Row[Any], code: str, now: datetime) -> bool:
    offered = kept_of(ledger, _INVITATION, row.subject, code)
    known = hmac.compare_digest(bytes(row.code or b""), offered)
    return known and _text(now) < row.code_until


def _confirmed(row: Row[Any], step: int | None) -> dict[str, Any]:
    """The new secret in the place of the old one, whose steps were others'."""
    return {"totp": row.next_totp, "next_totp": None, "step": step}


def _recovery_codes() -> tuple[str, ...]:
    return tuple(new_code() for _ in range(RECOVERY_CODES))


def _replace_codes(
    conn: Connection, ledger: OpenLedger, person: str, codes: tuple[str, ...]
) -> None:
    c = recovery_code.c
    conn.execute(delete(recovery_code).where(c.ledger_id == ledger.id, c.subject == person))
    kept = [kept_of(ledger, RECOVERY, person, code) for code in codes]
    rows = [{"ledger_id": ledger.id, "subject": person, "code": code} for code in kept]
    conn.execute(insert(recovery_code), rows)


def setup_of(ledger: OpenLedger, secret: str) -> Setup:
    """A secret as it is shown."""
    return Setup(secret, setup_uri(secret, ledger.name, ledger.origin.partition("/")[0]))


def _living(key: DataKey | None) -> DataKey:
    if key is None:
        raise SignInRefused
    return key


def _text(moment: datetime) -> str:
    return format_time(to_us(moment))
