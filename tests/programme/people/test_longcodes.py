"""Codes that people copy from paper."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.programme.people.longcodes import code_form, kept_of, new_code
from tests.programme.registry import Registry, fresh

CODE = "k7qd-ol2b-mmmm-2345"


def test_a_code_is_80_random_bits_in_four_groups() -> None:
    codes = {new_code() for _ in range(100)}
    assert len(codes) == 100
    assert all(re.fullmatch(r"([a-z2-7]{4}-){3}[a-z2-7]{4}", code) for code in codes)


@pytest.mark.parametrize(
    "written",
    [
        *(CODE, CODE.upper(), "k7qdol2bmmmm2345", " k7qd ol2b\tmmmm 2345\n"),
        "k7qd-012b-mmmm-2345",  # digits that no code has, for the letters that they look like
        "ｋ７ｑｄ－ｏｌ２ｂ－ｍｍｍｍ－２３４５",
    ],
)
def test_a_code_is_known_however_it_is_typed(written: str) -> None:
    assert code_form(written) == "k7qdol2bmmmm2345"


@given(st.text(max_size=15))
def test_what_is_shorter_is_no_code(text: str) -> None:
    assert code_form(text) is None


def test_what_is_kept_is_of_one_person_purpose_and_code(sqlite_registry: Registry) -> None:
    ledger, person = sqlite_registry.ledger, fresh("person")
    kept = kept_of(ledger, "recovery", person, CODE)
    assert kept == kept_of(ledger, "recovery", person, CODE.upper())
    others = [
        kept_of(ledger, "reset", person, CODE),
        kept_of(ledger, "recovery", fresh("person"), CODE),
        kept_of(ledger, "recovery", person, new_code()),
    ]
    assert kept not in others
    assert kept_of(ledger, "recovery", person, "no code") != kept_of(
        ledger, "recovery", person, "no code"
    )
