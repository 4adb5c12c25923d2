"""The bytes of an entry: one spelling, and no other bytes are read.

The strategies build entries from the field table's own words, so that a type or field added there
is tested here.  The encoder they are compared with is the package `rfc8785`.
"""

import base64
import json

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import MalformedEntry
from ledger.journal import entry as entries
from ledger.journal.entry import (
    ENTRY_BYTES_MAX,
    FIELDS,
    POINTS_MAX,
    POSTING_PARTS_MAX,
    TRANSFER_RULES_MAX,
    TYPES,
    decode,
    encode,
    fields_of,
    new_id,
)
from tests import replay
from tests.journal.books import NO_HASH, ORIGIN, START, Desk, posting, vkeys

# --- values of every form ------------------------------------------------------------------------

BASE64 = {size: st.binary(min_size=size, max_size=size).map(entries.to_base64) for size in (16, 32)}
IDS = st.binary(min_size=16, max_size=16)
DAYS = st.dates().filter(lambda day: 1900 <= day.year <= 2999).map(str)
MOMENTS = st.datetimes().filter(lambda moment: 1900 <= moment.year <= 2999)
TIMES = MOMENTS.map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
POINTS = st.integers(1, POINTS_MAX) | st.integers(1, 9)
SIGNED = st.builds(lambda points, sign: points * sign, POINTS, st.sampled_from([1, -1]))
BALANCES = SIGNED | st.just(0)


def ids(*kinds):
    return st.builds(new_id, st.sampled_from(kinds), IDS)


ACCOUNTS = (
    ids("member", "org", "issuer")
    | ids("member", "org").map(lambda name: name + "/held")
    | st.sampled_from(entries.FIXED_ACCOUNTS)
)
PARTS = st.lists(st.tuples(DAYS | st.just("never"), SIGNED).map(list), min_size=1, max_size=4)
POSTINGS = st.lists(
    st.fixed_dictionaries(
        {"account": ACCOUNTS, "amount": SIGNED, "balance": BALANCES, "prev": POINTS | st.just(0)},
        optional={"parts": PARTS},
    ),
    min_size=2,
    max_size=3,
)
TRANSFERS = st.lists(
    st.fixed_dictionaries(
        {
            "from": st.sampled_from(entries.HOLDER_KINDS),
            "limit": POINTS,
            "purpose": st.sampled_from(entries.PURPOSES),
            "to": st.sampled_from(entries.HOLDER_KINDS),
        }
    ),
    max_size=4,
)
REF = st.fixed_dictionaries({"commitment": BASE64[32], "id": ids(*entries.REF_KINDS)})
REVOKED = st.fixed_dictionaries({"root": BASE64[32], "size": st.integers(0, POINTS_MAX)})
PERSON, SEQ = ids("person"), st.integers(0, POINTS_MAX) | st.integers(0, 9)
VALUES = {
    "account": ids("member", "org"),
    "actor": PERSON,
    "approver": PERSON,
    "assurance": st.sampled_from(entries.ASSURANCES),
    "at": TIMES,
    "budget": ids("issuer"),
    "effective_at": TIMES,
    "final": st.just(True),
    "for": SEQ,
    "from": DAYS,
    "grant_limit": SEQ,
    "hold_days": st.integers(1, 3660),
    "ledger": st.sampled_from([ORIGIN, "a/log/abc", "127.0.0.1:8000/log/b-2"]),
    "limit": SEQ,
    "member": ids("member"),
    "minutes": st.integers(0, 1_000_000),
    "next": BASE64[32],
    "nonce": BASE64[16],
    "on": DAYS,
    "org": ids("org"),
    "payee": ids("member", "org"),
    "person": PERSON,
    "policy": SEQ,
    "postings": POSTINGS,
    "project": ids("project"),
    "purpose": st.sampled_from(entries.PURPOSES),
    "recorder": PERSON,
    "ref": REF,
    "request": BASE64[32],
    "reversal_limit": SEQ,
    "revoked": REVOKED,
    "root": BASE64[32],
    "rules": BASE64[32],
    "seq": SEQ,
    "standing": st.sampled_from(entries.STANDINGS),
    "subject": ids("case", "ledger", "member", "org", "person"),
    "to": DAYS,
    "transfers": TRANSFERS,
    "until": TIMES,
    "utc_offset_minutes": st.integers(-840, 840),
    "v": st.just(1),
    "vkeys": st.lists(st.sampled_from(vkeys(*"abcd")), min_size=1, max_size=4),
}


def entries_of(kind, optional=True):
    """Entries of a type, with any of its optional fields, or with none."""
    fields = {name: form for name, form in fields_of(kind).items() if name != "type"}
    needed = {name: VALUES[name] for name, (_, required) in fields.items() if required}
    free = {name: VALUES[name] for name, (_, required) in fields.items() if not required}
    chosen = st.fixed_dictionaries({**needed, "type": st.just(kind)}, optional=free)
    return chosen if optional else st.fixed_dictionaries({**needed, "type": st.just(kind)})


ENTRIES = st.sampled_from(TYPES).flatmap(entries_of)


def example(kind, optional):
    """One entry of a type, the same each time: all optional fields, or none."""
    fields = fields_of(kind)
    member, other = new_id("member", bytes(16)), new_id("org", bytes([7]) * 16)
    lines = [
        {"account": member, "amount": -3, "balance": 0, "parts": [["2027-12-31", -3]], "prev": 1},
        {"account": other, "amount": 3, "balance": POINTS_MAX, "prev": 2},
    ]
    way = {"from": "org", "limit": POINTS_MAX, "purpose": "gift", "to": "member"}
    simple = {
        "id": lambda form: new_id(form.text.split("(?:")[1].split("|")[0].split(")")[0], bytes(16)),
        "word": lambda form: json.loads(
            form.text.replace("(?:", "").split("|")[0].rstrip('")') + '"'
        ),
        "date": lambda _: "2028-02-29",
        "time": lambda _: START,
        "hash": lambda _: NO_HASH,
        "nonce": lambda _: entries.to_base64(bytes(16)),
        "origin": lambda _: ORIGIN,
        "keys": lambda _: vkeys("a", "b"),
        "integer": lambda _: 1,
        "version": lambda _: 1,
        "true": lambda _: True,
        "account": lambda form: new_id("issuer", bytes(16)) if "issuer" in form.text else member,
        "postings": lambda _: lines,
        "transfers": lambda _: [way],
        "ref": lambda _: {"commitment": NO_HASH, "id": new_id("sheet", bytes(16))},
        "revoked": lambda _: {"root": NO_HASH, "size": 0},
    }
    return {
        name: simple[form.name](form) for name, (form, need) in fields.items() if need or optional
    }


def test_there_are_values_for_every_field_of_the_table():
    named = {name for kind in TYPES for name in fields_of(kind)} - {"type"}
    assert sorted(VALUES) == sorted(named)


# --- round trips ---------------------------------------------------------------------------------


@pytest.mark.parametrize("optional", [False, True], ids=["minimal", "maximal"])
@pytest.mark.parametrize("kind", TYPES)
def test_the_least_and_the_most_of_every_type_are_read_back(kind, optional):
    entry = example(kind, optional)
    required, more = FIELDS[kind]
    only = {"at", "ledger", "nonce", "seq", "type", "v"}
    assert set(entry) == only | set(required) | (set(more) if optional else set())
    raw = encode(entry)
    assert raw == rfc8785.dumps(entry)
    assert decode(raw) == entry
    assert encode(decode(raw)) == raw


@pytest.mark.parametrize("kind", TYPES)
def test_an_entry_that_lacks_a_required_field_or_has_another_is_refused(kind):
    entry = example(kind, optional=True)
    for name, (_, required) in fields_of(kind).items():
        rest = {key: value for key, value in entry.items() if key != name}
        if required:
            with pytest.raises(MalformedEntry, match=f"`{name}`"):
                encode(rest)
        else:
            assert decode(encode(rest)) == rest
    for unknown in ("Actor", "a", "zz", "amount", "reason"):
        with pytest.raises(MalformedEntry, match=f"no field '{unknown}'"):
            encode(entry | {unknown: 1})


@given(ENTRIES)
def test_any_entry_is_written_as_rfc_8785_says_and_read_back(entry):
    raw = encode(entry)
    assert raw == rfc8785.dumps(entry)
    assert decode(raw) == entry


@given(ENTRIES, st.data())
@settings(max_examples=300)
def test_bytes_that_differ_in_one_place_are_refused_or_mean_something_else(entry, data):
    raw = encode(entry)
    place = data.draw(st.integers(0, len(raw) - 1))
    spoilt = raw[:place] + bytes([data.draw(st.integers(0, 255))]) + raw[place + 1 :]
    _refused_or_canonical(spoilt)


@pytest.mark.parametrize("kind", ["credit", "policy", "key"])
def test_every_byte_of_a_good_entry_counts(kind):
    entry = example(kind, optional=True)
    raw = encode(entry)
    for place in range(len(raw)):
        for other in range(256):
            spoilt = raw[:place] + bytes([other]) + raw[place + 1 :]
            if spoilt != raw and _refused_or_canonical(spoilt):
                assert decode(spoilt) != entry
        _refused_or_canonical(raw[:place] + raw[place + 1 :])
        assert not _refused_or_canonical(raw[:place])


def _refused_or_canonical(raw):
    """Whether the bytes are read; if so, they are the encoding of what was read.

    The second verifier reads the same bytes and no others.
    """
    try:
        entry = decode(raw)
    except MalformedEntry:
        assert _read_by_the_second(raw) is None
        return False
    assert _read_by_the_second(raw) == entry
    assert encode(entry) == raw == rfc8785.dumps(entry)
    return True


def _read_by_the_second(raw):
    try:
        entry = replay.read(raw)
    except ValueError:
        return None
    # It leaves the range of balances to the rule that adds them up.
    in_range = all(abs(line["balance"]) <= POINTS_MAX for line in entry.get("postings", ()))
    return entry if in_range else None


# --- other spellings of the same, and values out of form -----------------------------------------


def spelt(old, new, kind="credit"):
    """The bytes of a good entry with one text in it replaced."""
    raw = encode(example(kind, optional=True))
    assert old in raw
    return raw.replace(old, new, 1)


TAIL = NO_HASH.encode()
LONGEST_ID = b"person/" + b"a" * 26
OTHER_SPELLINGS = {
    "a fraction of nothing": (b'"seq":1', b'"seq":1.0'),
    "an exponent": (b'"seq":1', b'"seq":1e0'),
    "true for 1": (b'"seq":1', b'"seq":true'),
    "null": (b'"seq":1', b'"seq":null'),
    "a number as text": (b'"seq":1', b'"seq":"1"'),
    "minus nought": (b'"balance":0', b'"balance":-0'),
    "a leading zero": (b'"prev":1', b'"prev":01'),
    "a plus": (b'"prev":1', b'"prev":+1'),
    "an amount of nought": (b'"amount":3', b'"amount":0'),
    "2^53 as a balance": (b'"balance":9007199254740991', b'"balance":9007199254740992'),
    "2^53+1 as a balance": (b'"balance":9007199254740991', b'"balance":9007199254740993'),
    "-2^53 as a balance": (b'"balance":9007199254740991', b'"balance":-9007199254740992'),
    "2^53 as an amount": (b'"amount":3', b'"amount":9007199254740992'),
    "2^53 as points of a part": (b'-31",-3', b'-31",-9007199254740992'),
    "17 digits": (b'"seq":1', b'"seq":10000000000000000'),
    "a space": (b'"seq":1', b'"seq": 1'),
    "a line": (b"}", b"\n}"),
    "an escape": (b'"seq"', b'"s\\u0065q"'),
    "an escaped slash": (b"person/", b"person\\/"),
    "an escaped digit": (b"2027-12-31", b"202\\u0037-12-31"),
    "a duplicate key": (b'"seq":1', b'"seq":1,"seq":1'),
    "a duplicate key with another value": (b'"seq":1', b'"seq":2,"seq":1'),
    "another order of keys": (b'"seq":1,"type":"credit"', b'"type":"credit","seq":1'),
    "another order in a posting": (b'"amount":3,"balance"', b'"balance":0,"amount":3,"balance"'),
    "base64 with other tail bits": (TAIL, TAIL[:-2] + b"B="),
    "base64 without padding": (TAIL, TAIL[:-1]),
    "base64 for URLs": (TAIL, b"_" + TAIL[1:]),
    "base32 with other tail bits": (LONGEST_ID, LONGEST_ID[:-1] + b"b"),
    "base32 in upper case": (LONGEST_ID, LONGEST_ID[:-1] + b"A"),
    "base32 too short": (LONGEST_ID, LONGEST_ID[:-1]),
    "31 February": (b"2027-12-31", b"2027-02-31"),
    "29 February of a common year": (b"2027-12-31", b"2027-02-29"),
    "month 13": (b"2027-12-31", b"2027-13-01"),
    "a year of five digits": (b"2027-12-31", b"12027-12-31"),
    "30 February in a time": (b'"at":"2026-11-24', b'"at":"2026-02-30'),
    "second 60": (b":04.000005Z", b":60.000005Z"),
    "hour 24": (b"T02:03", b"T24:03"),
    "a time in milliseconds": (b".000005Z", b".000Z"),
    "a time with an offset": (b".000005Z", b".000005+00:00"),
    "a byte of nothing": (b"beiyuan", b"beiyua\x00"),
    "a byte of nothing, escaped": (b"beiyuan", b"beiyua\\u0000"),
    "a lone surrogate": (b"beiyuan", b"beiyua\\ud800"),
    "the bytes of a lone surrogate": (b"beiyuan", b"beiyua\xed\xa0\x80"),
    "bytes that are not UTF-8": (b"beiyuan", b"beiyua\xff"),
    "text that is not ASCII": (b"beiyuan", "beiyuän".encode()),
    "a digit of another script": (b"2027-12-31", "2027-12-3١".encode()),
    "an unknown type": (b'"credit"', b'"Credit"'),
    "a type that is no text": (b'"credit"', b'["credit"]'),
    "no type": (b'"type":"credit",', b""),
    "version 2": (b'"v":1', b'"v":2'),
    "an unknown field": (b'"v":1', b'"v":1,"w":1'),
    "no postings": (b'"postings":[{', b'"postings":[],"x":[{'),
    "empty parts": (b'[["2027-12-31",-3]]', b"[]"),
    "a part of three": (b'["2027-12-31",-3]', b'["2027-12-31",-3,0]'),
    "something after the entry": (b'"v":1}', b'"v":1}{}'),
    "a line after the entry": (b'"v":1}', b'"v":1}\n'),
    "a byte order mark": (b'{"actor"', b'\xef\xbb\xbf{"actor"'),
}


@pytest.mark.parametrize(("old", "new"), OTHER_SPELLINGS.values(), ids=OTHER_SPELLINGS)
def test_there_is_no_other_spelling(old, new):
    assert not _refused_or_canonical(spelt(old, new))


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("ledger", b'"utc_offset_minutes":1', b'"utc_offset_minutes":841'),
        ("ledger", b'"utc_offset_minutes":1', b'"utc_offset_minutes":-841'),
        ("ledger", b"/log/beiyuan", b"/log/be"),
        ("ledger", b"points.example.org", b"-points.example.org"),
        ("policy", b'"hold_days":1', b'"hold_days":0'),
        ("policy", b'"hold_days":1', b'"hold_days":3661'),
        ("policy", b'"limit":9007199254740991', b'"limit":9007199254740992'),
        ("policy", b'"limit":9007199254740991', b'"limit":0'),
        ("policy", b'"grant_limit":1', b'"grant_limit":9007199254740992'),
        ("budget", b'"limit":1', b'"limit":-1'),
        ("service", b'"minutes":1', b'"minutes":1000001'),
        ("capture", b'"final":true', b'"final":false'),
        ("capture", b'"final":true', b'"final":1'),
        ("open", b'"account":"member/', b'"account":"issuer/'),
        ("hold", b'"payee":"member/aaaaaaaaaaaaaaaaaaaaaaaaaa', b'"payee":"withdrawn'),
        ("erasure", b'"on":"2028-02-29"', b'"on":"2027-02-29"'),
    ],
)
def test_values_out_of_their_range_are_refused(kind, old, new):
    assert not _refused_or_canonical(spelt(old, new, kind))


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"[]", b"null", b"1", b'"entry"', b"{", b'{"type":1}', b'{"type":{}}', b"NaN"],
)
def test_what_is_no_entry_at_all_is_refused(raw):
    with pytest.raises(MalformedEntry):
        decode(raw)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("depth", [200, 10_000])
def test_deep_nesting_is_refused(opening, depth):
    closing = b"]" if opening == b"[" else b"}"
    with pytest.raises(MalformedEntry):
        decode(opening * depth + b"1" + closing * depth)
    with pytest.raises(MalformedEntry):
        decode(b'{"type":' + opening * depth + b"1" + closing * depth + b"}")


def test_more_bytes_than_an_entry_may_have_are_not_even_parsed():
    raw = encode(example("record", optional=True))
    with pytest.raises(MalformedEntry, match="65,536 bytes, at most 65,535"):
        decode(raw + b" " * (ENTRY_BYTES_MAX + 1 - len(raw)))
    with pytest.raises(MalformedEntry, match="not the canonical encoding"):
        decode(raw + b" " * (ENTRY_BYTES_MAX - len(raw)))


def test_the_largest_entry_of_the_form_has_room():
    entry = example("transfer", optional=True)
    held = new_id("member", b"\xff" * 16) + "/held"
    lot = ["2027-12-31", -POINTS_MAX]
    line = {"account": held, "amount": -POINTS_MAX, "balance": -POINTS_MAX, "prev": POINTS_MAX}
    entry["postings"] = [line | {"parts": [lot] * POSTING_PARTS_MAX}] * 3
    assert len(encode(entry)) < ENTRY_BYTES_MAX

    entry["postings"] = [line | {"parts": [lot] * (POSTING_PARTS_MAX + 1)}] * 3
    with pytest.raises(MalformedEntry, match="`postings`"):
        encode(entry)


def test_a_policy_has_at_most_64_ways():
    entry = example("policy", optional=True)
    entry["transfers"] *= TRANSFER_RULES_MAX
    assert decode(encode(entry)) == entry
    entry["transfers"] = entry["transfers"][:1] * (TRANSFER_RULES_MAX + 1)
    with pytest.raises(MalformedEntry, match="`transfers`"):
        encode(entry)
    assert decode(encode(entry | {"transfers": []}))["transfers"] == []


@pytest.mark.parametrize("value", [1.0, True, None, 2**53, -1, "1", 2**64, -(2**63) - 1, [], {}])
def test_values_that_are_no_points_are_not_written(value):
    entry = example("budget", optional=True)
    with pytest.raises(MalformedEntry):
        encode(entry | {"limit": value})


def test_a_refusal_names_the_field_and_shows_no_value():
    entry = example("credit", optional=True) | {"actor": "person/secret"}
    with pytest.raises(MalformedEntry, match="its `actor` is not of form id") as caught:
        encode(entry)
    assert "secret" not in str(caught.value)


# --- ids -----------------------------------------------------------------------------------------


@given(IDS)
def test_an_id_holds_its_random_bits_in_26_characters(random):
    kind, _, text = new_id("member", random).partition("/")
    assert kind == "member"
    assert len(text) == 26
    assert base64.b32decode(text.upper() + "======") == random


@pytest.mark.parametrize("size", [0, 15, 17])
def test_an_id_takes_exactly_16_random_bytes(size):
    with pytest.raises(ValueError, match=f"got {size}"):
        new_id("member", bytes(size))


def test_accounts_and_people_belong_together():
    member = new_id("member", b"\x01" * 16)
    assert entries.person_of(member) == new_id("person", b"\x01" * 16)
    assert entries.base_of(member + "/held") == entries.base_of(member) == member
    assert entries.kind_of(member + "/held") == "member"
    assert entries.kind_of("withdrawn") == "withdrawn"


def test_the_entries_of_a_desk_are_their_own_encoding():
    desk = Desk()
    member = desk.open_member()
    desk.credit(member, 5, desk.day(3))
    desk.hold(member, 2, desk.open_org())
    for seq, raw in enumerate(desk.log):
        entry = decode(raw)
        assert entry["seq"] == seq
        assert rfc8785.dumps(entry) == raw
    assert posting(decode(desk.log[-1]), member)["amount"] == -2
