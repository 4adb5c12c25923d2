"""The spellings that every format of this package shares, each with exactly one form per value.

- base64: RFC 4648 section 4, padded, unused bits zero; nothing else, no white space.
- decimal: ASCII digits, no sign, no leading zero (except `0` itself).
- line text: UTF-8, no character below U+0020 (a newline only ends lines).

Each reader takes the error type to raise and the words for what was read, so that a message names
both.
"""

import base64
import binascii
import re

from ledger.tlog.errors import TlogError

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f]")
_SHOWN_CHARACTERS_MAX = 60


def shown(text: str | bytes) -> str:
    """`text` as a message may quote it: escaped, and cut to a length that fits a line."""
    cut = text[:_SHOWN_CHARACTERS_MAX]
    return repr(cut) + ("…" if len(cut) < len(text) else "")


def to_base64(raw: bytes) -> str:
    """`raw` in standard padded base64."""
    return base64.b64encode(raw).decode("ascii")


def from_base64(text: str, error: type[TlogError], what: str) -> bytes:
    """The bytes that `text` spells; raises `error` unless it is their one canonical spelling."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raw = None
    if raw is None or to_base64(raw) != text:
        raise error(f"{what} is {shown(text)}, not canonical padded base64", got=text)
    return raw


def from_decimal(text: str, most: int, error: type[TlogError], what: str) -> int:
    """The number, 0 to `most` (under 10**19), that `text` spells; raises `error` for other text."""
    number = int(text) if _DECIMAL.fullmatch(text) else None
    if number is None or number > most:
        raise error(
            f"{what} is {shown(text)}, wanted 0 to {most} in decimal, no sign, no leading zero",
            got=text,
            most=most,
        )
    return number


def from_utf8(raw: bytes, error: type[TlogError], what: str) -> str:
    """`raw` as text; raises `error` unless it is UTF-8 without control characters but newline."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise error(
            f"{what} is not UTF-8 at byte {problem.start}", position=problem.start
        ) from None
    if stray := _CONTROL.search(text.replace("\n", "")):
        raise error(f"{what} holds the control character {stray[0]!r}", got=stray[0])
    return text


def is_line(text: str) -> bool:
    """Whether `text` can stand as one line: not empty, fit for UTF-8, no control characters."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return bool(text) and not _CONTROL.search(text)
