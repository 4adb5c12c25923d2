"""One form for all the ways in which people write one name, number or telephone."""

from __future__ import annotations

import unicodedata
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.programme.commitments import FieldRefused
from ledger.programme.findable import FINDABLE, document_number, email, full_name, phone

FULL_WIDTH = {ord("0") + at: chr(0xFF10 + at) for at in range(10)} | {ord("X"): "Ｘ"}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SPACES = st.sampled_from(["", " ", "\u3000", "\u00a0", "\u200b", "\t"])
HAN = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF) | st.sampled_from("𠮷𡈽𰻝")


@pytest.mark.parametrize("field", FINDABLE)
@given(TEXTS)
def test_a_form_is_a_form_of_itself(field: str, value: str) -> None:
    form = None
    with suppress(FieldRefused):  # a value may have no form
        form = FINDABLE[field](value)
    assert form is None or FINDABLE[field](form) == form


# --- names ---------------------------------------------------------------------------------------


@given(st.lists(HAN, min_size=1, max_size=20), st.data())
def test_spaces_within_a_name_and_around_it_do_not_count(
    characters: list[str], data: st.DataObject
) -> None:
    spaced = "".join(data.draw(SPACES) + each for each in characters) + data.draw(SPACES)
    assert full_name(spaced) == full_name("".join(characters))


@pytest.mark.parametrize("dot", "·•‧∙⋅・･᛫⸱·")
def test_every_middle_dot_is_the_same(dot: str) -> None:
    assert full_name(f"阿卜杜{dot}热依木") == "阿卜杜·热依木"


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("张", "张"),  # one character is a name
        ("𠮷田", "𠮷田"),
        ("Ｌｉ Ming", "liming"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("e\u0301lise", "\u00e9lise"),
        ("买买提\ufe0f", "买买提"),
        ("古丽" * 40, "古丽" * 40),
    ],
)
def test_names_have_one_form(written: str, form: str) -> None:
    assert full_name(written) == form


def test_two_names_that_people_tell_apart_stay_two() -> None:
    names = ["张三", "張三", "章三", "三张", "阿卜杜热依木", "阿卜杜·热依木", "欧阳修", "欧 阳·修"]
    assert len({full_name(name) for name in names}) == len(names)


@pytest.mark.parametrize("name", ["", " \u3000", "\u200b\ufe0f", "长" * 201])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(FieldRefused, match="1 to 200 characters"):
        full_name(name)


# --- telephones ----------------------------------------------------------------------------------


@given(st.from_regex(r"1[3-9]\d{9}", fullmatch=True).filter(str.isascii), st.data())
def test_a_mobile_number_has_one_form_however_it_is_written(
    number: str, data: st.DataObject
) -> None:
    code = data.draw(st.sampled_from(["", "+86", "86", "0086", "＋86 ", "(+86)"]))
    spaced = "".join(data.draw(st.sampled_from(["", "-", " "])) + each for each in number)
    written = code + spaced
    wide = data.draw(st.booleans())
    assert phone(written.translate(FULL_WIDTH) if wide else written) == f"+86{number}"


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("010-6512 3456", "+861065123456"),
        ("+86 (0)10 65123456", "+861065123456"),
        ("0755–8888 8888", "+8675588888888"),
        ("+852 2123 4567", "+85221234567"),
        ("0044 20 7946 0000", "+442079460000"),
    ],
)
def test_other_telephones_have_one_form(written: str, form: str) -> None:
    assert phone(written) == form


@pytest.mark.parametrize(
    "written",
    ["", "12345", "call me", "+0 123456", "1380013800", "138001380001", "++8613800138000"],
)
def test_what_is_no_telephone_is_refused(written: str) -> None:
    with pytest.raises(FieldRefused, match="field phone wants"):
        phone(written)


# --- e-mail --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("wang.wu@example.org", "wang.wu@example.org"),
        (" Wang.Wu@Example.ORG\u200b", "wang.wu@example.org"),
        ("ｗａｎｇ＠ｅｘａｍｐｌｅ．ｏｒｇ", "wang@example.org"),
        ("王五@例子.公司", "王五@xn--fsqu00a.xn--55qx5d"),
        ("wang+points@mail.example.org", "wang+points@mail.example.org"),
    ],
)
def test_an_address_has_one_form_however_it_is_written(written: str, form: str) -> None:
    assert email(written) == form


@pytest.mark.parametrize(
    "written",
    [
        *("", "@", "a@b", "wang", "@example.org", "a@b@", "a@.org", "a@b..org", "a@b.c"),
        *("王" * 260, "x" * 65 + "@example.org", f"a@{'b' * 64}.org", f"a@{'b.' * 130}org"),
    ],
)
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(FieldRefused, match="field email wants"):
        email(written)


def test_two_addresses_of_two_people_stay_two() -> None:
    written = ["wang@example.org", "wang1@example.org", "wang.@example.org", "wang@example.com"]
    assert len({email(each) for each in written}) == len(written)


# --- documents -----------------------------------------------------------------------------------


@given(st.from_regex(r"\d{17}[0-9X]", fullmatch=True).filter(str.isascii), st.data())
def test_a_document_number_has_one_form(number: str, data: st.DataObject) -> None:
    spaced = "".join(data.draw(SPACES) + each for each in number)
    written = data.draw(st.sampled_from([spaced, spaced.lower(), spaced.translate(FULL_WIDTH)]))
    assert document_number(written) == number


def test_passports_and_permits_are_documents_too() -> None:
    assert document_number("e-1234 5678") == "E12345678"
    assert document_number("H·0123456789".replace("·", "-")) == "H0123456789"


@pytest.mark.parametrize("written", ["", "123", "身份证", "1" * 33])
def test_what_is_no_document_number_is_refused(written: str) -> None:
    with pytest.raises(FieldRefused, match="4 to 32 letters and digits"):
        document_number(written)


def test_the_forms_are_of_a_known_unicode() -> None:
    # another table of characters would make other forms, and old values would not be found
    assert unicodedata.normalize("NFKC", "㍿") == "株式会社"
