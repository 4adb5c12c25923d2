"""Codes that are sent to a telephone or an e-mail address: six digits, ten minutes, five tries.

A code is for one contact and one purpose in one ledger.  Kept is an HMAC of it under a key of the
ledger, in a row that is found by an HMAC of the contact; so the row tells neither.  The next code
voids the one before, and the job `forget` (`jobs.py`) deletes those that are over.

Whether a contact is anybody's plays no part here: a code for a stranger's number is made and kept
as any other, and nobody sends it.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, update

from ledger.clock import Clock
from ledger.db import Database
from ledger.installation import OpenLedger
from ledger.journal.bulk import write
from ledger.journal.entry import to_base64
from ledger.journal.times import format_time, to_us
from ledger.programme.people.contacts import Contact
from ledger.programme.people.totp import code_form
from ledger.programme.tables import sent_code as table

LASTS = timedelta(minutes=10)
TRIES = 5
PER_CONTACT_AND_HOUR = 5
PURPOSES = ("sign-in", "contact", "contact-change", "helping")
"""To sign in, to confirm that a number or an address is one's own, to change one's contacts, and to
be helped by telephone."""

_HOUR = timedelta(hours=1)


def make_code(
    database: Database, ledger: OpenLedger, clock: Clock, purpose: str, contact: Contact
) -> str | None:
    """A new code, to be sent to the contact at once and kept nowhere.

    None, and nothing is changed, where the contact had its five codes in this hour.  The same
    statements whoever's contact it is.  Raises what `Database.writing` raises.
    """
    now = clock.now()
    code = f"{secrets.randbelow(1_000_000):06d}"
    place = _place(ledger, contact)
    mine = (table.c.ledger_id == ledger.id) & (table.c.contact == place)
    with database.writing() as conn:
        rows = conn.execute(select(table).where(mine).with_for_update()).all()
        if sum(row.sent for row in rows if _in_hour(row, now)) >= PER_CONTACT_AND_HOUR:
            return None
        before = next((row for row in rows if row.purpose == purpose and _in_hour(row, now)), None)
        row = {
            "contact": place,
            "purpose": _known(purpose),
            "code": _kept(ledger, purpose, contact, code),
            "expires_at": _text(now + LASTS),
            "tries": 0,
            "hour_from": _text(now) if before is None else before.hour_from,
            "sent": 1 if before is None else before.sent + 1,
        }
        columns = [column.name for column in table.c if column.name != "ledger_id"]
        write(conn, table, ledger.id, [tuple(row[name] for name in columns)], "upsert")
    return code


def use_code(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    purpose: str,
    contact: Contact,
    code: str,
    *,
    keep: bool = False,
) -> bool:
    """Whether it is the contact's code, which is used up by that, unless it is to be kept.

    A wrong one counts as a try, and after five the code is void.  Two statements, whatever comes
    of it.  Raises what `Database.writing` raises.
    """
    place = (database, ledger, clock, purpose, contact, code)
    return _used(*place, spent=None, keep=keep) is not None


def spend_code(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    purpose: str,
    contact: Contact,
    code: str,
    what: str,
) -> bytes | None:
    """Uses a contact's code up for one thing; for that alone, as `what` names it, it stays right.

    So a request whose answer was lost can be sent again while the code lasts.  16 bytes, the same
    each time, that nobody can foretell; None where the code is wrong.  Tries are counted, and it
    raises, as in `use_code`.
    """
    spent = _kept(ledger, f"{_known(purpose)} for {what}", contact, code_form(code) or "")
    place = (database, ledger, clock, purpose, contact, code)
    until = _used(*place, spent=spent, keep=False)
    if until is None:
        return None
    return ledger.keys.blind_index("sent-code spent", f"{until} {to_base64(spent)}")[:16]


def _used(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    purpose: str,
    contact: Contact,
    code: str,
    *,
    spent: bytes | None,
    keep: bool,
) -> str | None:
    """Until when the code is good; None where it is wrong.

    What is kept in its place, when it is used up, is `spent`, which opens it for the same again.
    """
    now = clock.now()
    place = _place(ledger, contact)
    offered = _kept(ledger, _known(purpose), contact, code_form(code) or "")
    mine = (
        (table.c.ledger_id == ledger.id) & (table.c.contact == place) & (table.c.purpose == purpose)
    )
    with database.writing() as conn:
        # Of two who use one code at once, the second reads the row as the first left it.
        row = conn.execute(select(table).where(mine).with_for_update()).one_or_none()
        right = row is not None and _opens(row, offered, now)
        again = row is not None and spent is not None and _opens(row, spent, now)
        change: dict[str, Any] = {"tries": table.c.tries + (0 if right or again else 1)}
        if right and not keep:
            change["code"] = spent
        conn.execute(update(table).where(mine).values(**change))
    return str(row.expires_at) if row is not None and (right or again) else None


def _opens(row: Row[Any], offered: bytes, now: datetime) -> bool:
    is_valid = row.code is not None and row.tries < TRIES and _text(now) < row.expires_at
    return hmac.compare_digest(bytes(row.code or b""), offered) and is_valid


def _in_hour(row: Row[Any], now: datetime) -> bool:
    return bool(row.hour_from > _text(now - _HOUR))


def _place(ledger: OpenLedger, contact: Contact) -> str:
    return to_base64(ledger.keys.blind_index("sent-code contact", " ".join(contact)))


def _kept(ledger: OpenLedger, purpose: str, contact: Contact, code: str) -> bytes:
    return ledger.keys.blind_index("sent-code", " ".join((purpose, *contact, code)))


def _known(purpose: str) -> str:
    if purpose not in PURPOSES:
        raise ValueError(f"no code is sent for the purpose {purpose}")
    return purpose


def _text(moment: datetime) -> str:
    return format_time(to_us(moment))
