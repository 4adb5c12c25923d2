"""Citizens' numbers and organisations' codes: the standards' own examples, and every slip."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.programme.commitments import FieldRefused
from ledger.programme.people.numbers import NumberRefused, citizen, credit_code

TODAY = date(2026, 11, 24)
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"

# The weights as the two standards print them.
CITIZEN_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CREDIT_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)


@st.composite
def citizens(draw: st.DrawFn) -> str:
    area = draw(st.integers(110000, 839999))
    born = draw(st.dates(date(1850, 1, 1), TODAY))
    body = f"{area}{born:%Y%m%d}{draw(st.integers(0, 999)):03d}"
    rest = sum(int(digit) * weight for digit, weight in zip(body, CITIZEN_WEIGHTS, strict=True))
    return body + "10X98765432"[rest % 11]


@st.composite
def codes(draw: st.DrawFn) -> str:
    letters = st.text(ALPHABET, min_size=9, max_size=9)
    kind = draw(st.text(ALPHABET, min_size=2, max_size=2))
    body = f"{kind}{draw(st.integers(0, 999999)):06d}{draw(letters)}"
    values = (ALPHABET.index(each) for each in body)
    total = sum(value * weight for value, weight in zip(values, CREDIT_WEIGHTS, strict=True))
    return body + ALPHABET[(31 - total % 31) % 31]


def test_the_examples_of_the_standards() -> None:
    assert citizen("11010519491231002X", TODAY) == (
        "11010519491231002X",
        date(1949, 12, 31),
        "female",
    )
    assert citizen("440524188001010014", TODAY).born == date(1880, 1, 1)
    assert citizen("440524188001010014", TODAY).sex == "male"
    assert credit_code("91350100M000100Y43") == "91350100M000100Y43"


@given(citizens())
def test_a_citizen_s_number_is_read_however_it_is_written(number: str) -> None:
    read = citizen(number, TODAY)
    assert (read.number, f"{read.born:%Y%m%d}") == (number, number[6:14])
    spaced = f"{number[:6]} {number[6:14]}-{number[14:].lower()}"
    assert citizen(spaced, TODAY) == read


@given(citizens(), st.integers(0, 17), st.sampled_from("0123456789X"))
def test_one_wrong_digit_is_always_found(number: str, at: int, other: str) -> None:
    assume(number[at] != other)
    with pytest.raises(NumberRefused) as refused:
        citizen(number[:at] + other + number[at + 1 :], TODAY)
    assert number[6:14] not in str(refused.value)


@given(citizens(), st.integers(0, 16))
def test_two_digits_that_changed_places_are_always_found(number: str, at: int) -> None:
    assume(number[at] != number[at + 1])
    with pytest.raises(NumberRefused):
        citizen(number[:at] + number[at + 1] + number[at] + number[at + 2 :], TODAY)


@given(codes(), st.integers(0, 17), st.sampled_from(ALPHABET))
def test_one_wrong_character_of_a_code_is_always_found(code: str, at: int, other: str) -> None:
    assert credit_code(f" {code[:2]}-{code[2:].lower()}") == code
    assume(code[at] != other)
    with pytest.raises(NumberRefused):
        credit_code(code[:at] + other + code[at + 1 :])


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("110105194912310021", "last digit does not fit"),
        ("010105194912310029", "17 digits"),
        ("110105491231002", "17 digits"),  # of 15 digits, given out until 1999
        ("X1010519491231002X", "17 digits"),
    ],
)
def test_what_is_no_citizen_s_number_is_refused_in_words(number: str, says: str) -> None:
    with pytest.raises(NumberRefused, match=says):
        citizen(number, TODAY)


def test_nobody_is_born_tomorrow_or_on_a_day_that_never_was() -> None:
    number = "11010519491231002X"
    assert citizen(number, date(1949, 12, 31)).sex == "female"
    with pytest.raises(NumberRefused, match="in the future"):
        citizen(number, date(1949, 12, 30))
    # the 31st of February with the check digit that belongs to it
    body = "11010519490231002"
    rest = sum(int(digit) * weight for digit, weight in zip(body, CITIZEN_WEIGHTS, strict=True))
    with pytest.raises(NumberRefused, match="not in the calendar"):
        citizen(body + "10X98765432"[rest % 11], TODAY)


@pytest.mark.parametrize("code", ["91350100M000100Y4", "91350100M000100YI3", "9135O100M000100Y43"])
def test_what_is_no_code_is_refused_in_words(code: str) -> None:
    with pytest.raises(NumberRefused, match="统一社会信用代码 has 18"):
        credit_code(code)


def test_what_is_no_number_at_all_is_refused() -> None:
    for read in (credit_code, lambda text: citizen(text, TODAY)):
        with pytest.raises(FieldRefused):
            read("身份证")
