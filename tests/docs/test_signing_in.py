"""docs/signing-in.md says the figures that the code has."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from argon2 import extract_parameters

from ledger.programme.erasure import GONE_WITH_SUBJECT
from ledger.programme.people import codes, enrolment, locks, longcodes, passwords, sessions
from ledger.programme.tables import login, recovery_code
from tests.api.interface import published
from tests.cli.conftest import ROOT

PAGE = (ROOT / "docs" / "signing-in.md").read_text(encoding="utf-8")
WORDS = re.sub(r"\s+", " ", PAGE)
NUMBERS = {5: "five", 7: "seven", 10: "ten"}
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
HASH = extract_parameters(passwords.hash_password("correct horse"))


@pytest.mark.parametrize(
    "said",
    [
        f"{passwords.CHARACTERS_MIN} to {passwords.CHARACTERS_MAX} characters",
        f"argon2id ({HASH.memory_cost // 1024} MiB, {HASH.time_cost} passes)",
        f"one of {NUMBERS[longcodes.RECOVERY_CODES]} recovery codes",
        f"good for {NUMBERS[enrolment.INVITATION_LASTS // DAY]} days",
        f"every {NUMBERS[locks.FAILURES_PER_LOCK]} failures in a row",
        f"{locks.FIRST_LOCK // MINUTE} minutes, 30, 60 … at most a day",
        f"good for {codes.LASTS // MINUTE} minutes",
        f"A sent code has {NUMBERS[codes.TRIES]} tries",
        f"A contact gets {NUMBERS[codes.PER_CONTACT_AND_HOUR]} codes an hour",
        f"{sessions.LASTS['day'] // timedelta(hours=1)} hours",
        f"not used for {sessions.LASTS['device'] // DAY} days",
    ],
)
def test_the_page_says_the_figures_that_hold(said: str) -> None:
    assert said in WORDS


def test_what_goes_with_the_person_is_deleted_by_an_erasure() -> None:
    assert {login, recovery_code} <= {column.table for column in GONE_WITH_SUBJECT}


def test_the_addresses_on_the_page_are_served() -> None:
    served = {
        (method.upper(), path.removeprefix("/v1/ledgers/{ledger}"))
        for path, methods in published()["paths"].items()
        for method in methods
    }
    named = re.findall(r"`(GET|POST|DELETE) …(/[a-z/-]+)`", PAGE)
    assert len(named) >= 4
    assert {*named} <= served
