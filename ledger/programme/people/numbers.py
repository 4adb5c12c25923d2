"""Numbers with a check digit: a citizen's, an organisation's, and a member card's.

    公民身份号码          GB 11643-1999: area (6), day of birth (8), order (3), check digit by
                          ISO 7064 MOD 11-2.  The residence permits of Hong Kong, Macau and Taiwan
                          people have it too (areas 81, 82, 83).
    统一社会信用代码      GB 32100-2015: authority, kind, area (6), body of the organisation (9),
                          check digit modulo 31
    a member card's       11 random digits, check digit by ISO 7064 MOD 11,10, which finds each
                          wrong digit and nearly all that changed places

A check digit finds slips of the pen; that the number was given to this person it does not show.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from datetime import date
from typing import NamedTuple

from ledger.errors import PointsError
from ledger.programme.findable import document_number

_CITIZEN = re.compile(r"[1-9]\d{16}[0-9X]", re.ASCII)
_CITIZEN_CHECKS = "10X98765432"
# Without I, O, S, V and Z, which look like others.
_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT = re.compile(rf"[{_CREDIT_ALPHABET}]{{2}}\d{{6}}[{_CREDIT_ALPHABET}]{{10}}", re.ASCII)
_CARD = re.compile(r"[0-9]{12}", re.ASCII)
_FIRST_BIRTH = date(1850, 1, 1)


class NumberRefused(PointsError):
    """A number that cannot be right; the message does not repeat it."""

    code = "number"


class Citizen(NamedTuple):
    """What a citizen's number says: its one form, the day of birth, and `female` or `male`."""

    number: str
    born: date
    sex: str


def citizen(text: str, today: date) -> Citizen:
    """Reads a citizen's number as people write it; `today` is the local day.

    `NumberRefused` where its form, day of birth or check digit cannot be; `FieldRefused` for what
    is no document number at all.
    """
    number = document_number(text)
    if not _CITIZEN.fullmatch(number):
        raise NumberRefused(
            "A citizen's number has 17 digits and a last digit or X, the first of them not 0."
        )
    if number[17] != _citizen_check(number):
        raise NumberRefused("The number's last digit does not fit the others: look for a slip.")
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        raise NumberRefused("The number's day of birth is not in the calendar.") from None
    if not _FIRST_BIRTH <= born <= today:
        raise NumberRefused("The number's day of birth is in the future, or too long ago.")
    return Citizen(number, born, "male" if int(number[16]) % 2 else "female")


def credit_code(text: str) -> str:
    """The one form of an organisation's code as people write it, 18 characters.

    `NumberRefused` where its form or check digit cannot be.
    """
    code = document_number(text)
    if not _CREDIT.fullmatch(code):
        raise NumberRefused(
            "A 统一社会信用代码 has 18 digits and capital letters, none of them I, O, S, V or Z,"
            " with digits from the third place to the eighth."
        )
    if code[17] != _credit_check(code):
        raise NumberRefused("The code's last character does not fit the others: look for a slip.")
    return code


def new_card_number() -> str:
    """A new number for a member's card: 12 digits, 11 of them random."""
    digits = f"{secrets.randbelow(10**11):011}"
    return digits + _card_check(digits)


def card_number(text: str) -> str:
    """The one form of a member card's number as people write it; `NumberRefused`."""
    number = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text))
    if not _CARD.fullmatch(number):
        raise NumberRefused("A member card's number has 12 digits.")
    if number[11] != _card_check(number[:11]):
        raise NumberRefused("The number's last digit does not fit the others: look for a slip.")
    return number


def _card_check(digits: str) -> str:
    product = 10
    for digit in digits:
        product = 2 * ((product + int(digit)) % 10 or 10) % 11
    return str((11 - product) % 10)


def _citizen_check(number: str) -> str:
    total = sum(int(digit) * pow(2, 17 - at, 11) for at, digit in enumerate(number[:17]))
    return _CITIZEN_CHECKS[total % 11]


def _credit_check(code: str) -> str:
    total = sum(
        _CREDIT_ALPHABET.index(character) * pow(3, at, 31) for at, character in enumerate(code[:17])
    )
    return _CREDIT_ALPHABET[-total % 31]
