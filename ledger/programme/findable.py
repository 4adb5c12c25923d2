"""What a record is found by without being kept in clear: document number, phone, e-mail, name.

Each is brought into one form, the same for all the ways in which people write one value, and kept
as an HMAC under a key of the ledger and the field.  The record keeps what was written.

    document_number   NFKC, upper case, without spaces, hyphens and dots
    phone             NFKC, digits after `+`; a number of the mainland without country code gets
                      +86 (11 digits from 1 on, or an area code from 0 on, whose 0 goes)
    email             NFKC and case folded, without spaces; the domain as IDNA writes it in ASCII
    full_name         NFKC and case folded, without spaces and invisible characters; all middle
                      dots become `·`.  No part of it is taken for a family name.

Two values of one form may belong to two people: what is found is a candidate, never a proof.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress

from ledger.programme.commitments import FieldRefused

CHARACTERS_MAX = 200
HOME_CODE = "86"

# Hyphens, dashes and minus signs after NFKC; brackets, dots and slashes as people write numbers.
_BETWEEN = re.compile(r"[\s\u00ad\u2010-\u2015\u2212\u30fc\u200b-\u200f\ufeff_.()/\-]+")
_DOCUMENT = re.compile(r"[0-9A-Z]{4,32}", re.ASCII)
_PHONE = re.compile(r"\+?\d{5,17}", re.ASCII)
_ABROAD = re.compile(r"\+[1-9]\d{4,14}", re.ASCII)
_MOBILE = re.compile(r"1[3-9]\d{9}", re.ASCII)
_AREA = re.compile(r"0[1-9]\d{8,10}", re.ASCII)
_EMAIL = re.compile(r"(?=.{6,254}\Z)[^@\s]{1,64}@(?:[0-9a-z-]+\.)+[0-9a-z-]{2,}")
_EMAIL_WANTED = "an address such as name@example.org"
_MIDDLE_DOTS = str.maketrans(dict.fromkeys("·•‧∙⋅・᛫⸱", "·"))


def document_number(value: str) -> str:
    """One form of an identity document's number, 4 to 32 letters and digits."""
    text = _BETWEEN.sub("", unicodedata.normalize("NFKC", value)).upper()
    return _matching(_DOCUMENT, text, "document_number", "4 to 32 letters and digits")


def phone(value: str) -> str:
    """One form of a telephone number: `+`, country code, number, as in E.164."""
    text = _BETWEEN.sub("", unicodedata.normalize("NFKC", value))
    _matching(_PHONE, text, "phone", "5 to 17 digits, with a + before a country code")
    if text.startswith("00"):
        text = "+" + text[2:]
    elif _MOBILE.fullmatch(text):
        text = f"+{HOME_CODE}{text}"
    elif _AREA.fullmatch(text):
        text = f"+{HOME_CODE}{text[1:]}"
    elif text.startswith(HOME_CODE) and _MOBILE.fullmatch(text[2:]):
        text = f"+{text}"
    if text.startswith(f"+{HOME_CODE}0"):
        text = f"+{HOME_CODE}{text[4:]}"
    return _matching(_ABROAD, text, "phone", "an area code from 0, or a country code after +")


def email(value: str) -> str:
    """One form of an e-mail address, at most 254 characters (RFC 5321, section 4.5.3.1).

    Case is folded in the part before the @ too: no provider tells two people apart by it.
    """
    local, _, domain = "".join(_settled(value).split()).rpartition("@")
    with suppress(UnicodeError):  # a label that is empty, or longer than 63 characters
        domain = domain.encode("idna").decode("ascii").lower()
        return _matching(_EMAIL, f"{local}@{domain}", "email", _EMAIL_WANTED)
    raise FieldRefused(f"The field email wants {_EMAIL_WANTED}.")


def full_name(value: str) -> str:
    """One form of a person's whole name, 1 to 200 characters."""
    text = _settled(value)
    if not 1 <= len(text) <= CHARACTERS_MAX:
        raise FieldRefused(f"The field full_name wants 1 to {CHARACTERS_MAX} characters.")
    return text


FINDABLE: Mapping[str, Callable[[str], str]] = {
    "document_number": document_number,
    "email": email,
    "full_name": full_name,
    "phone": phone,
}
"""By field: its one form; `FieldRefused` for what has none."""


def _settled(text: str) -> str:
    while (folded := _folded(text)) != text:  # case folding may ask for composing anew
        text = folded
    return text


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(each for each in plain.translate(_MIDDLE_DOTS) if not _is_invisible(each))


def _is_invisible(character: str) -> bool:
    """A space, a control or format character, or a variation selector."""
    category = unicodedata.category(character)
    return category in ("Zs", "Zl", "Zp", "Cc", "Cf") or (
        "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    )


def _matching(form: re.Pattern[str], text: str, field: str, wanted: str) -> str:
    if not form.fullmatch(text):
        raise FieldRefused(f"The field {field} wants {wanted}.")
    return text
