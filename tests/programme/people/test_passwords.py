"""Passwords: length and no more, but none of those that are tried first."""

from __future__ import annotations

import string
import unicodedata

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from hypothesis import given
from hypothesis import strategies as st

from ledger.programme.people.passwords import (
    PasswordRefused,
    check_password,
    hash_password,
    is_outdated,
    is_password,
)

OWN = ("王小明", "wangxiaoming", "13800138000", "beiyuan")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "lower case only will do",
        "三个和尚没水喝一个人挑",
        "x9!Rk2#vQ0",
        "beiyuan teapot lantern",  # an own word among others
        "🦊🌵🎻🧊🛶🪁🧵🪵🫖🧭",
    ],
)
def test_a_password_of_no_particular_kinds_of_characters_is_taken(password: str) -> None:
    check_password(password, OWN)


@pytest.mark.parametrize(
    "password",
    [
        "password123",
        "Passw0rd!!",
        "P@ssw0rd2026",
        "1234567890",
        "0987654321",
        "qwertyuiop",
        "1qaz2wsx3edc",
        "1q2w3e4r5t",
        "abcdefghij",
        "aaaaaaaaaaaa",
        "abababababab",
        "woaini1314520",
        "5201314520",
        "admin123456",
        "147258369147",
        "ｐａｓｓｗｏｒｄ１２３",
    ],
)
def test_one_that_is_tried_first_is_refused(password: str) -> None:
    with pytest.raises(PasswordRefused, match="among the first") as refused:
        check_password(password)
    assert password not in str(refused.value)


@pytest.mark.parametrize(
    "password",
    ["wangxiaoming1", "WangXiaoMing88", "13800138000", "beiyuan2026!", "王小明王小明王小明！"],
)
def test_the_owners_own_words_are_tried_first_too(password: str) -> None:
    with pytest.raises(PasswordRefused, match="your own name"):
        check_password(password, OWN)


@given(st.text("xyzq", min_size=0, max_size=9) | st.text("xyzq", min_size=201, max_size=400))
def test_length_has_bounds(password: str) -> None:
    with pytest.raises(PasswordRefused, match=rf"10 to 200 characters, not {len(password)}"):
        check_password(password)


@pytest.mark.parametrize("length", [10, 200])
def test_both_bounds_are_within(length: int) -> None:
    check_password(("x9!Rk2#vQ0" * 20)[:length])


def test_a_hash_knows_its_password_alone_to_the_last_character() -> None:
    password = ("x9!Rk2#vQ0" * 20)[:199]
    kept = hash_password(password + "a")
    assert is_password(kept, password + "a")
    assert not is_password(kept, password + "b")
    assert not is_password(kept, password)
    assert hash_password(password) != hash_password(password)


def test_composed_and_wide_characters_are_one_password() -> None:
    kept = hash_password("Élise et ses chats 12")
    assert is_password(kept, unicodedata.normalize("NFD", "Élise et ses chats １２"))


def test_a_hash_is_argon2id_with_owasps_parameters() -> None:
    kept = hash_password("correct horse")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    # as another reader of the same format sees it
    assert PasswordHasher().verify(kept, "correct horse")
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(kept, "correct horsf")


def test_a_hash_of_other_parameters_still_opens_and_is_known_as_outdated() -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash("correct horse")
    assert is_password(weaker, "correct horse")
    assert is_outdated(weaker)
    assert not is_outdated(hash_password("correct horse"))


def test_what_is_no_hash_opens_for_nobody() -> None:
    assert not is_password("$argon2id$damaged", "correct horse")


@given(
    st.text(string.ascii_letters + string.digits, min_size=12, max_size=12).filter(
        lambda text: len(set(text.lower())) > 10
    ),
    st.sampled_from(["qwert", "1234", "password", "asdf"]),
)
def test_random_characters_are_taken_whatever_stands_beside_them(text: str, common: str) -> None:
    check_password(text[:6] + common + text[6:])
