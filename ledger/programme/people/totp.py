"""The second factor: six digits of an authenticator application (TOTP, RFC 6238).

SHA-1, 30 seconds and 6 digits, as every such application has them.  A code of the step before or
after is taken too, since telephones' clocks are off; each step is taken once.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

import pyotp

STEP_SECONDS = 30
WINDOW_STEPS = 1
SECRET_CHARACTERS = 32
"""Of base32: 160 bits, as RFC 4226, section 4, recommends."""

_CODE = re.compile(r"\d{6}", re.ASCII)


def new_secret() -> str:
    """A new secret, in base32."""
    return pyotp.random_base32(SECRET_CHARACTERS)


def setup_uri(secret: str, account: str, issuer: str) -> str:
    """What an authenticator application scans: an `otpauth:` URI, which holds the secret."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def step_of(moment: datetime) -> int:
    """The number of the step that a moment is in."""
    return int(moment.timestamp()) // STEP_SECONDS


def accepted_step(secret: str, code: str, now: datetime, last: int | None) -> int | None:
    """The step whose code this is, to be kept as the `last` one; None for a wrong or an old code.

    Takes as long for every code.
    """
    digits = code_form(code) or ""
    made = pyotp.TOTP(secret)
    found = None
    for step in range(step_of(now) - WINDOW_STEPS, step_of(now) + WINDOW_STEPS + 1):
        right = pyotp.utils.strings_equal(made.generate_otp(step), digits)
        if right and (last is None or step > last):
            found = step
    return found


def code_form(text: str) -> str | None:
    """The six digits that somebody typed, with spaces or in full width; None for anything else."""
    digits = "".join(unicodedata.normalize("NFKC", text).split())
    return digits if _CODE.fullmatch(digits) else None
