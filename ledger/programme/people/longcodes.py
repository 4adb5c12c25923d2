"""Codes that are written down or handed over: 80 random bits as 16 characters, ``k7qd-…``.

Kept is an HMAC under a key of the ledger, for one person and purpose.  Recovery codes are ten of
them, each of which stands once in the place of a code of the authenticator application.
"""

from __future__ import annotations

import base64
import re
import secrets
import unicodedata

from ledger.installation import OpenLedger

RANDOM_BYTES = 10
RECOVERY_CODES = 10
_GROUP_CHARACTERS = 4
_CODE = re.compile(r"[a-z2-7]{16}", re.ASCII)
# Digits that base32 has not, for the letters that they were meant to be.
_MISREAD = str.maketrans("018", "olb")


def new_code() -> str:
    """A new code, in four groups."""
    text = base64.b32encode(secrets.token_bytes(RANDOM_BYTES)).decode("ascii").lower()
    groups = range(0, len(text), _GROUP_CHARACTERS)
    return "-".join(text[at : at + _GROUP_CHARACTERS] for at in groups)


def code_form(text: str) -> str | None:
    """The one form of a code as somebody typed it; None for what is none."""
    plain = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text)).lower().translate(_MISREAD)
    return plain if _CODE.fullmatch(plain) else None


def kept_of(ledger: OpenLedger, purpose: str, person: str, code: str) -> bytes:
    """What is kept of a code (32 bytes); of what is no code, something that nothing equals."""
    form = code_form(code)
    if form is None:
        return secrets.token_bytes(32)
    return ledger.keys.blind_index(f"{purpose}-code", f"{person} {form}")
