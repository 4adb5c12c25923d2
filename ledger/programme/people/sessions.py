"""Sessions: where a person is signed in, and what they may do there today.

A session is the text ``pse_<ledger>_<secret>``, of the form of a token's (`tokens.py`): shown once,
kept as its SHA-256, found by it.  Unlike a token it has no role of its own: whoever sends it has
the roles that the person holds on that local day, as far as their standing in the log fits and the
organisation of the role takes part.

    device   a member's own telephone: 180 days from the last day on which it was used; it has the
             role `member` alone, whatever else the person is, since no password was asked for
    day      staff: 12 hours from signing in
    helping  a helper's for a member: 15 minutes, what `roles.HELPED` says (`helping.py`)
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, bindparam, func, insert, literal, select, update

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal import tables as t
from ledger.journal.bulk import rows_of
from ledger.journal.entry import LEDGER_NAME, new_id
from ledger.journal.times import format_time, local_day, to_us
from ledger.programme.people.organisations import ADMITTED
from ledger.programme.people.tables import organisation, team
from ledger.programme.reading.days import today_of
from ledger.programme.roles import HELPED, Held, Principal, fits
from ledger.programme.tables import role_grant
from ledger.programme.tables import session as table

DEVICE, HELPING = "device", "helping"
LASTS = {
    DEVICE: timedelta(days=180),
    "day": timedelta(hours=12),
    HELPING: timedelta(minutes=15),
}
SECRET_BYTES = 32
SESSIONS_PER_PERSON_MAX = 50
"""What a list of them shows at the most, the newest."""

_TEXT = re.compile(rf"pse_({LEDGER_NAME})_[A-Za-z0-9_-]{{43}}", re.ASCII)


class SessionUnknown(PointsError):
    """The caller has no session of that id."""

    code = "session-unknown"


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session just begun.  `text` is the only copy of the secret: show it once."""

    id: str
    text: str = field(repr=False)
    expires_at: str


@dataclass(frozen=True, slots=True)
class Session:
    """A stored session, without its secret."""

    id: str
    person: str
    lasts: str
    created_at: str
    used_on: str
    expires_at: str
    helper: str | None = None


class Helped(NamedTuple):
    """Who helps, and how they know whom: `present`, or by `telephone`, which has a reason."""

    helper: str
    way: str
    reason: str | None


class Found(NamedTuple):
    """A session that lasts, who sends it, and whether this is its first use today."""

    principal: Principal
    session: Session
    today: str
    fresh: bool


def ledger_of(text: str) -> str | None:
    """The ledger's name that a session's text begins with; None for what is no session's text."""
    matched = _TEXT.fullmatch(text)
    return matched[1] if matched else None


def begin(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    person: str,
    lasts: str,
    helped: Helped | None = None,
) -> NewSession:
    """Signs a person in; `lasts` is a word of `LASTS`, `HELPING` with whom they are `helped` by.

    Raises what `Database.writing` raises.
    """
    now = clock.now()
    text = f"pse_{ledger.name}_{secrets.token_urlsafe(SECRET_BYTES)}"
    made = NewSession(new_id("session", os.urandom(16)), text, _text(now + LASTS[lasts]))
    with database.writing() as conn:
        conn.execute(
            insert(table).values(
                ledger_id=ledger.id,
                hash=_hash(text),
                id=made.id,
                person=person,
                lasts=lasts,
                created_at=_text(now),
                used_on=today_of(conn, ledger.id, now),
                expires_at=made.expires_at,
                revoked_at=None,
                helper=None if helped is None else helped.helper,
                way=None if helped is None else helped.way,
                reason=None if helped is None else helped.reason,
            )
        )
    return made


_theirs = role_grant.alias("theirs")
_MEMBER = literal("member").concat(func.substr(table.c.person, len("person") + 1))
_FOUND = (
    select(
        table,
        t.head.c.utc_offset_minutes,
        t.person.c.standing,
        t.account.c.name.label("account"),
        role_grant.c.role,
        role_grant.c.organisation,
        role_grant.c.deputy_of,
        role_grant.c.first,
        role_grant.c.last,
        _theirs.c.first.label("their_first"),
        _theirs.c.last.label("their_last"),
        team.c.id.label("team"),
        organisation.c.status,
    )
    .join_from(table, t.head, t.head.c.ledger_id == table.c.ledger_id)
    .outerjoin(
        t.person,
        and_(t.person.c.ledger_id == table.c.ledger_id, t.person.c.person == table.c.person),
    )
    .outerjoin(
        t.account, and_(t.account.c.ledger_id == table.c.ledger_id, t.account.c.name == _MEMBER)
    )
    .outerjoin(
        role_grant,
        and_(
            role_grant.c.ledger_id == table.c.ledger_id,
            role_grant.c.person == table.c.person,
            role_grant.c.ended_at.is_(None),
        ),
    )
    .outerjoin(
        _theirs,
        and_(
            _theirs.c.ledger_id == table.c.ledger_id,
            _theirs.c.person == role_grant.c.deputy_of,
            _theirs.c.role == role_grant.c.role,
            func.coalesce(_theirs.c.organisation, "")
            == func.coalesce(role_grant.c.organisation, ""),
            _theirs.c.deputy_of.is_(None),
            _theirs.c.ended_at.is_(None),
        ),
    )
    .outerjoin(
        team,
        and_(
            team.c.ledger_id == table.c.ledger_id,
            team.c.organisation == role_grant.c.organisation,
            team.c.leader == func.coalesce(role_grant.c.deputy_of, role_grant.c.person),
        ),
    )
    .outerjoin(
        organisation,
        and_(
            organisation.c.ledger_id == table.c.ledger_id,
            organisation.c.id == role_grant.c.organisation,
        ),
    )
    .where(table.c.ledger_id == bindparam("of_ledger"), table.c.hash == bindparam("wanted"))
)


def find_session(conn: Connection, ledger: OpenLedger, text: str, now: datetime) -> Found | None:
    """The session of that text, with the roles of its person today.

    None when it is unknown, ended or run out, without saying which.  One statement.
    """
    if ledger_of(text) != ledger.name:
        return None
    rows = rows_of(conn, _FOUND, {"of_ledger": ledger.id, "wanted": _hash(text)})
    if not rows or rows[0].revoked_at is not None or rows[0].expires_at <= _text(now):
        return None
    row = rows[0]
    today = local_day(_text(now), row.utc_offset_minutes)
    principal = Principal(
        row.id,
        ledger.name,
        row.person,
        _held(rows, today),
        scopes=None if row.helper is None else HELPED[row.way],
        day=today,
        helped_by=row.helper,
    )
    return Found(principal, _session(row), today, row.used_on != today)


def note_use(database: Database, ledger: OpenLedger, found: Found, now: datetime) -> None:
    """Writes down the day on which a session was used last; a device's goes on from there."""
    values = {"used_on": found.today}
    if found.session.lasts == DEVICE:
        values["expires_at"] = _text(now + LASTS[DEVICE])
    with database.writing() as conn:
        mine = (table.c.ledger_id == ledger.id) & (table.c.id == found.session.id)
        conn.execute(update(table).where(mine, table.c.revoked_at.is_(None)).values(**values))


def list_sessions(conn: Connection, ledger_id: int, person: str, now: datetime) -> list[Session]:
    """The sessions of a person that last, at most 50, the newest first."""
    query = (
        select(table)
        .where(
            table.c.ledger_id == ledger_id,
            table.c.person == person,
            table.c.revoked_at.is_(None),
            table.c.expires_at > _text(now),
        )
        .order_by(table.c.created_at.desc(), table.c.id.desc())
        .limit(SESSIONS_PER_PERSON_MAX)
    )
    return [_session(row) for row in conn.execute(query)]


def revoke(
    database: Database, ledger: OpenLedger, clock: Clock, person: str, session_id: str
) -> None:
    """Ends one session of a person's; `SessionUnknown` where they have no such one that lasts."""
    mine = (table.c.id == session_id) & (table.c.person == person)
    with database.writing() as conn:
        if not _revoke(conn, ledger.id, mine, clock.now()):
            raise SessionUnknown(f"You have no session {session_id} that lasts.")


def revoke_all(
    database: Database, ledger: OpenLedger, clock: Clock, person: str, *, but: str | None = None
) -> int:
    """Ends all sessions of a person, on every device, `but` one if so; how many these were."""
    mine = (table.c.person == person) & (table.c.id != (but or ""))
    with database.writing() as conn:
        return _revoke(conn, ledger.id, mine, clock.now())


def end_sessions(conn: Connection, ledger_id: int, person: str, now: datetime) -> int:
    """Ends them within a transaction: what changes a login ends what was signed in by it."""
    return _revoke(conn, ledger_id, table.c.person == person, now)


def _revoke(conn: Connection, ledger_id: int, mine: Any, now: datetime) -> int:
    lasting = (table.c.revoked_at.is_(None)) & (table.c.expires_at > _text(now))
    change = update(table).where(table.c.ledger_id == ledger_id, mine, lasting)
    return conn.execute(change.values(revoked_at=_text(now))).rowcount


def _held(rows: Iterable[Any], today: str) -> tuple[Held, ...]:
    held: dict[Held, set[str]] = {}
    for row in sorted(rows, key=lambda row: (row.role or "", row.organisation or "")):
        # As the book has it: who has a member's account and no entry of their own is a member.
        standing = row.standing or ("member" if row.account is not None else None)
        if row.account is not None and fits("member", standing):
            held[Held("member")] = set()
        if row.lasts != "day":
            continue  # what a code in a message or a helper opens is no more than a member's
        if row.role is None or not fits(row.role, standing):
            continue
        # An organisation that has an account alone, opened by the log, takes part.
        if row.status not in (None, ADMITTED) or not _holds(row.first, row.last, today):
            continue
        if row.deputy_of is not None and not _holds(row.their_first, row.their_last, today):
            continue
        teams = held.setdefault(Held(row.role, row.organisation, row.deputy_of), set())
        teams |= set() if row.team is None else {row.team}
    return tuple(each._replace(teams=tuple(sorted(teams))) for each, teams in held.items())


def _holds(first: str | None, last: str | None, day: str) -> bool:
    return first is not None and first <= day and (last is None or day <= last)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()


def _text(moment: datetime) -> str:
    return format_time(to_us(moment))


def _session(row: Row[Any]) -> Session:
    times = (row.created_at, row.used_on, row.expires_at)
    return Session(row.id, row.person, row.lasts, *times, row.helper)
