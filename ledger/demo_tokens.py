"""Tokens of the sample programme, kept in private files so that whoever tries it out finds them.

`points run` makes them when it has loaded the sample programme, and for no other ledger.  The
officer's is for whoever sits at this machine; the auditor's is offered to every visitor of the
console, who can then look at data that are made up, and change nothing.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from ledger.config import Settings
from ledger.errors import KeysError
from ledger.installation import Installation
from ledger.journal import tables as t
from ledger.journal.privatefiles import read_private, write_private
from ledger.programme.tokens import Token, create_token, find_token, ledger_of

DAYS = 90
FILES = {"officer": "demo-token", "auditor": "demo-auditor-token"}
_STANDINGS = {"officer": "office", "auditor": "auditor"}


def token_file(settings: Settings, role: str = "officer") -> Path:
    """Where the token of that role is kept."""
    return settings.data / FILES[role]


def demo_token(installation: Installation, ledger: str, role: str = "officer") -> str:
    """A token of the sample programme `ledger` that still holds; a new one if there is none."""
    file = token_file(installation.settings, role)
    text, token = _kept(installation, role)
    if token is not None and token.ledger == ledger:
        return text
    file.unlink(missing_ok=True)
    person = _somebody(installation, ledger, _STANDINGS[role])
    made = create_token(installation.database, installation.clock, ledger, person, role, DAYS)
    write_private(file, made.text.encode() + b"\n")
    return made.text


def sample_ledger(installation: Installation) -> str | None:
    """The ledger that the officer's kept token is of, whether that token still holds or not."""
    text, _ = _kept(installation, "officer")
    name = text.split("_")[1] if text.count("_") >= 2 else ""
    return name if name in installation.names() else None


def offered_token(installation: Installation) -> str | None:
    """The auditor's token that may be given to anybody, None where there is none that holds."""
    text, token = _kept(installation, "auditor")
    return text if token is not None and token.role == "auditor" else None


def _kept(installation: Installation, role: str) -> tuple[str, Token | None]:
    file = token_file(installation.settings, role)
    try:
        text = read_private(file).decode("ascii", "replace").strip()
    except (FileNotFoundError, KeysError):
        return "", None
    name = ledger_of(text)
    if name is None or name not in installation.names():
        return text, None
    ledger_id = installation.ledger(name).id
    with installation.database.reading() as conn:
        found = find_token(conn, text, installation.clock.now(), ledger_id)
    return text, found.token if found is not None and found.fits else None


def _somebody(installation: Installation, ledger: str, standing: str) -> str:
    """A person of that standing."""
    mine = t.person.c.ledger_id == installation.ledger(ledger).id
    query = (
        select(t.person.c.person)
        .where(mine, t.person.c.standing == standing)
        .order_by(t.person.c.person)
        .limit(1)
    )
    with installation.database.reading() as conn:
        person: str = conn.execute(query).scalar_one()
    return person
