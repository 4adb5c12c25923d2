"""Passwords of the staff: which are good enough, and how they are kept (argon2id, RFC 9106).

What is asked of a password follows NIST SP 800-63B-4, section 3.1.1.2: its length, and that it is
none of those which are tried first.  No kinds of characters are asked for, nothing is cut off, and
nobody has to change it because time has passed.  Widths and composed characters count as one
(NFKC), so that a password can be typed on any keyboard.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Collection

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ledger.errors import PointsError

CHARACTERS_MIN = 10
CHARACTERS_MAX = 200
DIFFERENT_MIN = 5
"""Different characters that are left of a password without all that is easily guessed."""

RUN_MIN = 4
"""From so many neighbours of a keyboard, the digits or the alphabet on, they are easily guessed."""

HASHES_AT_ONCE = 4
"""How many are worked out at once in one process: each needs 19 MiB and all of a core."""

# OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_TURNS = threading.BoundedSemaphore(HASHES_AT_ONCE)

_COMMON = (
    *("password", "passw0rd", "p@ssw0rd", "p@ssword", "welcome", "letmein", "changeme", "admin"),
    *("administrator", "iloveyou", "woaini", "woaizhongguo", "zhongguo", "beijing", "secret"),
    *("monkey", "dragon", "football", "sunshine", "princess", "master", "login", "hello", "test"),
    *("5201314", "1314520", "1314521", "520", "1314", "666", "888", "110", "aini", "points"),
    *("volunteer", "zhiyuanzhe", "jifen", "志愿者", "志愿服务", "积分", "密码"),
)
_ROWS = (
    *("01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./"),
    *("1qaz2wsx3edc4rfv5tgb6yhn7ujm", "qazwsxedcrfvtgbyhnujm", "1q2w3e4r5t6y7u8i9o0p"),
    *("q1w2e3r4t5y6u7i8o9p0", "147258369", "741852963", "qawsedrftgyhujikolp", "!@#$%^&*()"),
)
_RUNS = frozenset(
    run[at : at + RUN_MIN]
    for row in _ROWS
    for run in (row, row[::-1])
    for at in range(len(run) - RUN_MIN + 1)
)


class PasswordRefused(PointsError):
    """Not good enough; the message says why, and does not repeat it."""

    code = "password-refused"


def check_password(password: str, own: Collection[str] = ()) -> None:
    """`PasswordRefused` for one that is too short, too long, or too easily guessed.

    `own` are words that anybody would try who knows whose it is: names, numbers, addresses, the
    ledger's name.
    """
    text = _normal(password)
    if not CHARACTERS_MIN <= len(text) <= CHARACTERS_MAX:
        raise PasswordRefused(
            f"A password has {CHARACTERS_MIN} to {CHARACTERS_MAX} characters, not {len(text)}."
        )
    if len(set(_unguessed(text.casefold(), own))) < DIFFERENT_MIN:
        raise PasswordRefused(
            "This password would be among the first that somebody tries: it is made of a common"
            " word, a row of keys, few characters, or your own name or number. Take another, such"
            " as a few words that have nothing to do with each other."
        )


def hash_password(password: str) -> str:
    """What is kept of a password: an argon2id hash with its parameters and a fresh salt."""
    with _TURNS:
        return _HASHER.hash(_normal(password))


def is_password(kept: str, password: str) -> bool:
    """Whether it is the password of which `kept` is the hash; takes as long either way."""
    with _TURNS:
        try:
            return _HASHER.verify(kept, _normal(password))
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(kept: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(kept)


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def _unguessed(text: str, own: Collection[str]) -> str:
    """What is left of a password without its common words, its owner's words and its runs."""
    words = {_normal(word).casefold() for word in own} | set(_COMMON)
    for word in sorted(words, key=lambda word: (-len(word), word)):
        if len(word) >= 2:
            text = text.replace(word, "\0")
    in_run: set[int] = set()
    for at in range(len(text) - RUN_MIN + 1):
        if text[at : at + RUN_MIN] in _RUNS:
            in_run.update(range(at, at + RUN_MIN))
    return "".join(each for at, each in enumerate(text) if at not in in_run and each != "\0")
