"""Commitments, against a second implementation written from docs/records.md alone."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger.programme.commitments import (
    FieldRefused,
    NotShown,
    Place,
    check_disclosure,
    check_fields,
    commitment_of,
    disclose,
)

PLACE = Place("points.example.org/log/beiyuan", "basics", "member/" + "a" * 26, 3)
SEED = bytes(range(32))
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS
KEYS = st.text(st.characters(max_codepoint=126), max_size=5)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.dictionaries(NAMES, VALUES, min_size=1, max_size=9)


# --- from the page alone -------------------------------------------------------------------------


def tree_hash(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\x01" + tree_hash(leaves[:half]) + tree_hash(leaves[half:])).digest()


def commitment_by_the_page(place: Place, fields: dict[str, Any], seed: bytes) -> bytes:
    first = {
        "context": "points/commitment/v1",
        "ledger": place.ledger,
        "kind": place.kind,
        "id": place.id,
        "version": place.version,
    }
    extracted = hmac.digest(bytes(32), seed, "sha256")
    leaves = [rfc8785.dumps(first)]
    for name in sorted(fields):
        info = b"points/commitment/v1/salt\n" + name.encode()
        salt = base64.b64encode(hmac.digest(extracted, info + b"\x01", "sha256")).decode()
        leaves.append(rfc8785.dumps({"field": name, "salt": salt, "value": fields[name]}))
    return tree_hash(leaves)


@given(FIELDS)
def test_the_commitment_is_what_the_page_says(fields: dict[str, Any]) -> None:
    check_fields(fields)
    assert commitment_of(PLACE, fields, SEED) == commitment_by_the_page(PLACE, fields, SEED)


# --- showing -------------------------------------------------------------------------------------


@given(FIELDS, st.data())
def test_any_fields_can_be_shown_and_no_others_are_told(
    fields: dict[str, Any], data: st.DataObject
) -> None:
    names = data.draw(st.sets(st.sampled_from(sorted(fields))))
    shown = disclose(PLACE, fields, SEED, names)
    assert check_disclosure(shown, commitment_of(PLACE, fields, SEED)) == (
        PLACE,
        {name: fields[name] for name in names},
    )
    assert {each["field"] for each in shown["fields"]} == names


def places(value: Any, *before: Any) -> Iterator[tuple[Any, ...]]:
    """The way to each text, number and truth value in a disclosure."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from places(each, *before, key)
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from places(each, *before, at)
    else:
        yield before


def changed(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return value + 1
    return value[:-1] + chr(ord(value[-1]) ^ 1) if value else "x"


@given(FIELDS, st.data())
def test_whatever_is_changed_in_a_disclosure_it_is_refused(
    fields: dict[str, Any], data: st.DataObject
) -> None:
    shown = disclose(PLACE, fields, SEED, fields.keys())
    commitment = commitment_of(PLACE, fields, SEED)
    *way, last = data.draw(st.sampled_from(sorted(places(shown), key=str)))
    forged = copy.deepcopy(shown)
    inner = forged
    for step in way:
        inner = inner[step]
    inner[last] = changed(inner[last])
    with pytest.raises(NotShown):
        check_disclosure(forged, commitment)


@given(FIELDS, st.integers(0, 255))
def test_under_another_commitment_nothing_is_shown(fields: dict[str, Any], at: int) -> None:
    raw = bytearray(commitment_of(PLACE, fields, SEED))
    raw[at // 8] ^= 1 << at % 8
    with pytest.raises(NotShown):
        check_disclosure(disclose(PLACE, fields, SEED, fields.keys()), bytes(raw))


@pytest.mark.parametrize(
    "forged",
    [
        None,
        {},
        [],
        {"record": {}, "size": 2, "fields": []},
        {"record": None, "size": 2, "fields": None},
    ],
)
def test_what_is_no_disclosure_is_refused(forged: Any) -> None:
    with pytest.raises(NotShown):
        check_disclosure(forged, bytes(32))


def test_a_field_shown_twice_or_the_first_leaf_as_a_field_is_refused() -> None:
    fields = {"name": "张三", "phone": "1"}
    shown = disclose(PLACE, fields, SEED, ["name"])
    commitment = commitment_of(PLACE, fields, SEED)
    for more in (shown["fields"][0], {**shown["record"], "index": 0}):
        with pytest.raises(NotShown):
            check_disclosure({**shown, "fields": [*shown["fields"], more]}, commitment)


def test_a_truth_value_is_no_number() -> None:
    fields = {"count": 1}
    shown = disclose(PLACE, fields, SEED, ["count"])
    for other in (True, 1.0):
        shown["fields"][0]["value"] = other
        with pytest.raises(NotShown):
            check_disclosure(shown, commitment_of(PLACE, fields, SEED))


def test_equal_fields_of_two_versions_have_nothing_in_common() -> None:
    fields = {"sex": "女"}
    first, second = (disclose(PLACE, fields, bytes([each]) * 32, ["sex"]) for each in (1, 2))
    assert first["fields"][0]["salt"] != second["fields"][0]["salt"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "1 to 200 fields, not 0"),
        ({f"f{at}": 1 for at in range(201)}, "not 201"),
        ({"Name": "x"}, "name is 1 to 63"),
        ({"name": 1.0}, "field name holds something else"),
        ({"name": 2**53}, "field name holds something else"),
        ({"name": "\udc00"}, "field name holds something else"),
        ({"name": b"x"}, "field name holds something else"),
        ({"name": {"é": 1}}, "field name holds something else"),
        ({"name": [[[[[[[[["deep"]]]]]]]]]}, "field name holds something else"),
    ],
)
def test_fields_that_have_no_one_spelling_are_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(FieldRefused, match=says):
        check_fields(fields)


def test_a_field_that_is_not_there_cannot_be_shown() -> None:
    with pytest.raises(FieldRefused, match="no field 'phone'"):
        disclose(PLACE, {"name": "x"}, SEED, ["phone"])
