"""Bearer tokens: who a caller is, for which ledger, in which role, until when.

A token is the text ``pts_<ledger>_<secret>``: the ledger's name, and 256 random bits in base64url
without padding (43 characters).  It is shown once, when it is made.  Stored is its SHA-256, which
is also what it is looked up by, so that no comparison takes longer the more of a guess is right;
its public id ``token/…`` is drawn separately and says nothing about it.  The id of a token that
takes another's place follows from the other's id: so one token has one successor, which is found.

Each token is of one person and one role.  What the role allows is said in `roles.py`; what the
person may enter is decided by the book, by the person's standing in the log.  So a role is given
only to a standing that can use it, and holds only as long as that lasts.  A token may be narrowed
to some of its role's actions, which are then its scopes: it is for a machine that does one thing, a
kiosk that opens accounts, a script that reads the log.  A role's later actions come to tokens that
were not narrowed, and to no others.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, insert, select, tuple_, update

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.journal.bulk import Lookup, rows_of
from ledger.journal.entry import LEDGER_NAME, new_id
from ledger.journal.orders import Credentials
from ledger.journal.tables import ledger as ledger_table
from ledger.journal.tables import person as person_table
from ledger.journal.times import format_time, parse_time, to_us
from ledger.programme.reading.people import standing_of
from ledger.programme.roles import ACTIONS, STANDINGS, Held, Principal, actions_of, fits
from ledger.programme.tables import token as token_table

OPERATOR = "operator"
"""The name that stands in an operator's token where others have their ledger's; reserved."""

DAYS_MAX = 366
OVERLAP_DAYS_MAX = 7
PAGE_TOKENS = 200
SECRET_BYTES = 32

ROLES = ("admin", "officer", "auditor")
"""The roles of a ledger that tokens are made for."""

SCOPES = tuple(sorted({action for role in (*ROLES, OPERATOR) for action in actions_of(role)}))
"""What tokens may be narrowed to."""

_TEXT = re.compile(rf"pts_{LEDGER_NAME}_[A-Za-z0-9_-]{{43}}", re.ASCII)


class TokenRefused(PointsError):
    """A token as asked for would be of no use, or of too much."""

    code = "token-refused"


class TokenUnknown(PointsError):
    """The ledger has no token of that id."""

    code = "token-unknown"


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just made.  `text` is the only copy of the secret: show it once, keep it nowhere."""

    id: str
    text: str = field(repr=False)
    expires_at: str


@dataclass(frozen=True, slots=True)
class Token:
    """A stored token, without its secret.  Times are as the journal writes them."""

    id: str
    ledger: str
    person: str
    role: str
    created_at: str
    expires_at: str
    revoked_at: str | None
    scopes: tuple[str, ...] | None = None  # None: all that its role has

    @property
    def principal(self) -> Principal:
        """Who sends a request with it."""
        return Principal(self.id, self.ledger, self.person, (Held(self.role),), self.scopes)


def create_token(
    database: Database,
    clock: Clock,
    ledger: str,
    person: str,
    role: str,
    days: int,
    scopes: Iterable[str] | None = None,
) -> NewToken:
    """Makes a token of `person` that lasts 1 to 366 `days`, narrowed to some of its role's scopes.

    `ledger` is a ledger's name with a role of `ROLES`, or `OPERATOR` with the role `operator`.
    Raises `TokenRefused` where the ledger is not there, or the person's standing in its log does
    not fit the role, or the scopes are not some of the role's.
    """
    if not 1 <= days <= DAYS_MAX:
        raise TokenRefused(f"A token lasts 1 to {DAYS_MAX} days, not {days}.")
    with database.writing() as conn:
        _check_role(conn, ledger, person, role)
        kept = None if scopes is None else _narrowed(role, scopes)
        return _insert(conn, ledger, person, role, kept, clock.now(), timedelta(days=days))


def rotate_token(
    database: Database,
    clock: Clock,
    ledger: str,
    token_id: str,
    overlap_days: int = 1,
) -> NewToken:
    """Makes the successor of a token: same person, role and scopes, and as long a life as it had.

    The old one ends `overlap_days` (0 to 7) later, or on its own day if that is sooner; 0: at
    once.  Raises `TokenUnknown`, and `TokenRefused` where it has a successor already, has ended, or
    would not be made today.
    """
    if not 0 <= overlap_days <= OVERLAP_DAYS_MAX:
        raise TokenRefused(f"Two tokens overlap 0 to {OVERLAP_DAYS_MAX} days, not {overlap_days}.")
    with database.writing() as conn:
        old, now = read_token(conn, ledger, token_id, locked=True), clock.now()
        successor = _successor_of(token_id)
        mine = token_table.c.id == successor
        if conn.execute(select(token_table.c.id).where(mine)).one_or_none() is not None:
            raise TokenRefused(
                f"{token_id} was rotated already, and {successor} took its place: rotate that one,"
                " or make a new one."
            )
        if old.revoked_at is not None or old.expires_at <= _text(now):
            raise TokenRefused(f"{token_id} has ended: make a new one instead.")
        _check_role(conn, ledger, old.person, old.role)
        ends = min(old.expires_at, _text(now + timedelta(days=overlap_days)))
        mine = token_table.c.id == token_id
        conn.execute(update(token_table).where(mine).values(expires_at=ends))
        life = timedelta(microseconds=parse_time(old.expires_at) - parse_time(old.created_at))
        return _insert(conn, ledger, old.person, old.role, old.scopes, now, life, successor)


def _successor_of(token_id: str) -> str:
    digest = hashlib.sha256(f"successor of {token_id}".encode("ascii")).digest()
    return new_id("token", digest[:16])


def read_token(conn: Connection, ledger: str, token_id: str, *, locked: bool = False) -> Token:
    """One token of a ledger by its public id, kept from others if `locked`; `TokenUnknown`."""
    mine = (token_table.c.ledger == ledger) & (token_table.c.id == token_id)
    query = select(token_table).where(mine)
    row = conn.execute(query.with_for_update() if locked else query).one_or_none()
    if row is None:
        raise TokenUnknown(f"{ledger} has no token {token_id}.")
    return _token(row)


_WITH_STANDING = token_table.outerjoin(
    person_table,
    (person_table.c.ledger_id == bindparam("of_ledger"))
    & (person_table.c.person == token_table.c.person),
)
_BY_HASH = (
    select(token_table, person_table.c.standing)
    .select_from(_WITH_STANDING)
    .where(token_table.c.hash == bindparam("wanted"))
)


class Found(NamedTuple):
    """A token that lasts, and whether its person's standing in the log still fits its role."""

    token: Token
    fits: bool


def ledger_of(text: str) -> str | None:
    """The ledger's name that a token's text begins with; None for what is no token's text."""
    return text.split("_")[1] if _TEXT.fullmatch(text) else None


def find_token(conn: Connection, text: str, now: datetime, ledger_id: int | None) -> Found | None:
    """The token of that text; None when it is unknown, expired or revoked, without saying which.

    One statement.  `ledger_id` is that of the ledger that the text names, None without one: then
    only an operator's token, which needs no standing, fits.
    """
    if not _TEXT.fullmatch(text):
        return None
    values = {"wanted": _hash(text), "of_ledger": ledger_id}
    row = next(iter(rows_of(conn, _BY_HASH, values)), None)
    if row is None or row.revoked_at is not None or row.expires_at <= _text(now):
        return None
    return Found(_token(row), fits(row.role, row.standing))


def _tokens_of(ids: Collection[str]) -> Lookup:
    c = token_table.c
    return Lookup((c.id, c.person, c.role, c.revoked_at, c.expires_at), c.id, ids)


def _lasts(row: Row[Any], standing: str | None, now: datetime) -> bool:
    lasts: bool = row.revoked_at is None and row.expires_at > _text(now)
    return lasts and fits(row.role, standing)


CREDENTIALS = Credentials(_tokens_of, _lasts)
"""Tokens by their ids, for the append path, which asks about them under the ledger's lock."""


def list_tokens(
    database: Database, ledger: str, *, before: str | None = None, limit: int = PAGE_TOKENS
) -> list[Token]:
    """At most `limit` tokens of a ledger (or of `OPERATOR`), the newest first, ended ones too.

    They are those made before the token `before`; `TokenUnknown` where there is none of that id.
    """
    place = tuple_(token_table.c.created_at, token_table.c.id)
    query = select(token_table).where(token_table.c.ledger == ledger)
    with database.reading() as conn:
        if before is not None:
            last = read_token(conn, ledger, before)
            query = query.where(place < tuple_(last.created_at, last.id))
        ordered = query.order_by(token_table.c.created_at.desc(), token_table.c.id.desc())
        return [_token(row) for row in conn.execute(ordered.limit(limit))]


def revoke_token(database: Database, clock: Clock, ledger: str, token_id: str) -> None:
    """Ends a token at once; one that has ended stays as it is.  `TokenUnknown`."""
    with database.writing() as conn:
        read_token(conn, ledger, token_id)
        conn.execute(
            update(token_table)
            .where(token_table.c.id == token_id, token_table.c.revoked_at.is_(None))
            .values(revoked_at=_text(clock.now()))
        )


def end_tokens(conn: Connection, ledger: str, person: str, now: datetime) -> None:
    """Revokes all that a person has in a ledger, within a transaction."""
    c = token_table.c
    mine = (c.ledger == ledger) & (c.person == person) & c.revoked_at.is_(None)
    conn.execute(update(token_table).where(mine).values(revoked_at=_text(now)))


def _insert(
    conn: Connection,
    ledger: str,
    person: str,
    role: str,
    scopes: tuple[str, ...] | None,
    now: datetime,
    life: timedelta,
    token_id: str | None = None,
) -> NewToken:
    text = f"pts_{ledger}_{secrets.token_urlsafe(SECRET_BYTES)}"
    token_id = token_id or new_id("token", os.urandom(16))
    made = NewToken(token_id, text, _text(now + life))
    conn.execute(
        insert(token_table).values(
            hash=_hash(text),
            id=made.id,
            ledger=ledger,
            person=person,
            role=role,
            created_at=_text(now),
            expires_at=made.expires_at,
            revoked_at=None,
            scopes=None if scopes is None else " ".join(scopes),
        )
    )
    return made


def _check_role(conn: Connection, ledger: str, person: str, role: str) -> None:
    if (ledger == OPERATOR) != (role == OPERATOR):
        raise TokenRefused("The role operator is the installation's, the other roles a ledger's.")
    if role == OPERATOR:
        return
    if role not in ROLES:
        raise TokenRefused(f"There is no role {role[:40]!r}: wanted one of {', '.join(ROLES)}.")
    query = select(ledger_table.c.ledger_id).where(ledger_table.c.name == ledger)
    ledger_id = conn.execute(query).scalar_one_or_none()
    if ledger_id is None:
        raise TokenRefused(f"There is no ledger {ledger[:40]!r} here.")
    standing = standing_of(conn, ledger_id, person)
    if not fits(role, standing):
        raise TokenRefused(
            f"{person} has the standing {standing or 'of nobody'} in {ledger}; the role {role}"
            f" needs {' or '.join(STANDINGS[role])}. Enter that standing first."
        )


def _narrowed(role: str, scopes: Iterable[str]) -> tuple[str, ...]:
    """Those scopes in order and each once; `TokenRefused` where one is not the role's."""
    wanted, had = sorted(set(scopes)), actions_of(role)
    unknown = [scope for scope in wanted if scope not in ACTIONS]
    if unknown:
        raise TokenRefused(
            f"There is no scope {unknown[0][:40]!a}: wanted some of {', '.join(had)}."
        )
    beyond = [scope for scope in wanted if scope not in had]
    if beyond or not wanted:
        what = f"has no scope {beyond[0]}" if beyond else "needs a scope at least"
        raise TokenRefused(f"A token of the role {role} {what}: wanted some of {', '.join(had)}.")
    return tuple(wanted)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()


def _text(moment: datetime) -> str:
    return format_time(to_us(moment))


def _token(row: Any) -> Token:
    return Token(
        row.id,
        row.ledger,
        row.person,
        row.role,
        row.created_at,
        row.expires_at,
        row.revoked_at,
        None if row.scopes is None else tuple(row.scopes.split()),
    )
