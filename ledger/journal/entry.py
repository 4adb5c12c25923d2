"""What an entry is: the field table, and its one canonical spelling.

An entry is RFC 8785 (JCS) JSON of at most 65,535 bytes with the fields that `FIELDS` lists for its
type.  Every field has a *form*, and every form is a regular expression for the bytes that may stand
there, so that a type's fields, in order of their keys, make one expression for the whole entry.  It
admits the canonical encoding and nothing else: no space, no other key order, no escape, no float,
no duplicate key, no leading zero, no integer out of range, no second spelling of base64.  What an
expression cannot say, that there is no 31st of February, is checked on the parsed value.

Sources: RFC 8785 for the encoding; RFC 4648 sections 4 and 6 for base64 and base32.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from ledger.errors import MalformedEntry
from ledger.journal import times

Entry = dict[str, Any]

ENTRY_BYTES_MAX = 65_535
POINTS_MAX = 2**53 - 1
POSTINGS_MAX = 3
POSTING_PARTS_MAX = 512
TRANSFER_RULES_MAX = 64
VKEYS_MAX = 4
VERSION = 1

STANDINGS = ("auditor", "member", "none", "office", "partner")
ASSURANCES = ("back-entry", "checked-in", "imported", "roster")
PURPOSES_OF_TWO = ("merge",)
"""Purposes of transfers that two people of the office make, neither of whom gives or gets."""
PURPOSES = ("allocation", "donation", "gift", "merge", "pooling", "return")
HOLDER_KINDS = ("member", "org")
FIXED_ACCOUNTS = ("expired", "settled", "withdrawn", "written-off")
REF_KINDS = (
    "case",
    "contribution",
    "draw",
    "import",
    "member",
    "merge",
    "org",
    "person",
    "policy",
    "project",
    "record",
    "redemption",
    "reward",
    "settlement",
    "sheet",
    "trail",
)

RANDOM = "[a-z2-7]{25}[aeimquy4]"
"""What follows the kind and `/` in an id: the one base32 spelling of 16 bytes."""

_DAY = r"(?:19|2\d)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = rf"{_DAY}T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{{6}}Z"


def _up_to(bound: int) -> str:
    """The decimals of 1 to `bound`, without leading zeros."""
    digits = str(bound)
    options = [rf"[1-9]\d{{0,{len(digits) - 2}}}"] if len(digits) > 1 else []
    for place, digit in enumerate(digits):
        least = 1 if place == 0 else 0
        if int(digit) > least:
            below = f"[{least}-{int(digit) - 1}]" if int(digit) - 1 > least else str(least)
            rest = len(digits) - place - 1
            options.append(digits[:place] + below + (rf"\d{{{rest}}}" if rest else ""))
    return f"(?:{'|'.join([*options, digits])})"


_POSITIVE = _up_to(POINTS_MAX)
_COUNT = f"(?:0|{_POSITIVE})"
_SIGNED = f"-?{_POSITIVE}"
_BALANCE = f"(?:0|{_SIGNED})"
_HASH = "[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="
HOST = r"[a-z0-9](?:[a-z0-9.-]{0,198}[a-z0-9])?(?::[1-9]\d{0,4})?"
LEDGER_NAME = "[a-z][a-z0-9-]{2,31}"
_ORIGIN = rf"{HOST}/log/{LEDGER_NAME}"


@dataclass(frozen=True, slots=True)
class Form:
    """The shape of a field: its name in the documentation, its bytes, and a check of its value."""

    name: str
    text: str
    says: str
    holds: Callable[[Any], bool] | None = None


def _word(*words: str) -> Form:
    options = "|".join(words)
    return Form("word", f'"(?:{options})"', "one of " + ", ".join(f"`{w}`" for w in words))


def _id(*kinds: str) -> Form:
    options = "|".join(kinds)
    says = "one of the kinds " + ", ".join(f"`{k}`" for k in kinds) if len(kinds) > 1 else kinds[0]
    return Form("id", f'"(?:{options})/{RANDOM}"', says + ", `/` and 26 characters of base32")


def _bounded(low: int, high: int) -> Form:
    text = _up_to(high) if low == 1 else f"(?:0|{_up_to(high)})"
    if low < 0:
        text = f"(?:0|{_up_to(high)}|-{_up_to(-low)})"
    return Form("integer", text, f"{low:,} to {high:,}")


def _array(item: str, least: int, most: int) -> str:
    if least == 0:
        return rf"\[(?:{item}(?:,{item}){{0,{most - 1}}})?\]"
    return rf"\[{item}(?:,{item}){{{least - 1},{most - 1}}}\]"


def _object(fields: Mapping[str, tuple[Form, bool]]) -> str:
    """The canonical bytes of an object; its last key must be a required one."""
    parts = []
    names = sorted(fields)
    for name in names:
        form, required = fields[name]
        comma = "" if name == names[-1] else ","
        text = f'"{name}":{form.text}{comma}'
        parts.append(text if required else f"(?:{text})?")
    return r"\{" + "".join(parts) + r"\}"


DATE = Form("date", f'"{_DAY}"', "a local day of 1900 to 2999", times.is_day)
TIME = Form("time", f'"{_TIME}"', "UTC with six decimals, 1900 to 2999", times.is_time)
HASH = Form("hash", f'"{_HASH}"', "32 bytes in padded base64")
NONCE = Form("nonce", '"[A-Za-z0-9+/]{21}[AQgw]=="', "16 random bytes in padded base64")
ORIGIN = Form("origin", f'"{_ORIGIN}"', "`<public host>/log/<ledger name>`")
KEY = Form(
    "key",
    rf'"{_ORIGIN}\+[0-9a-f]{{8}}\+[A-Za-z0-9+/]{{40,3600}}={{0,2}}"',
    "a C2SP signed-note verifier key",
)
KEYS = Form("keys", _array(KEY.text, 1, VKEYS_MAX), f"1 to {VKEYS_MAX} of form key")
SEQ = _bounded(0, POINTS_MAX)
POINTS = _bounded(1, POINTS_MAX)
LIMIT = _bounded(0, POINTS_MAX)
TRUE = Form("true", "true", "present and `true`, or absent")
HOLDER = Form(
    "account", f'"(?:member|org)/{RANDOM}"', "a member's or an organisation's account, not held"
)
BUDGET = Form("account", f'"issuer/{RANDOM}"', "a budget's issuer account")
ACCOUNT = Form(
    "account",
    f'"(?:(?:member|org)/{RANDOM}(?:/held)?|issuer/{RANDOM}|{"|".join(FIXED_ACCOUNTS)})"',
    "the name of an account",
)
_PARTS = _array(rf'\["(?:{_DAY}|never)",{_SIGNED}\]', 1, POSTING_PARTS_MAX)
_POSTING = (
    rf'\{{"account":{ACCOUNT.text},"amount":{_SIGNED},"balance":{_BALANCE}'
    rf'(?:,"parts":{_PARTS})?,"prev":{_COUNT}\}}'
)


def _days_hold(postings: list[dict[str, Any]]) -> bool:
    for posting in postings:
        if "parts" in posting:
            for day, _ in posting["parts"]:
                if day != "never" and not times.is_day(day):
                    return False
    return True


POSTINGS = Form(
    "postings",
    _array(_POSTING, 2, POSTINGS_MAX),
    "2 or 3 postings, one an account, in order of account",
    _days_hold,
)
TRANSFERS = Form(
    "transfers",
    _array(
        _object(
            {
                "from": (_word(*HOLDER_KINDS), True),
                "limit": (POINTS, True),
                "purpose": (_word(*PURPOSES), True),
                "to": (_word(*HOLDER_KINDS), True),
            }
        ),
        0,
        TRANSFER_RULES_MAX,
    ),
    f"up to {TRANSFER_RULES_MAX} objects `from`, `limit`, `purpose`, `to`",
)
REF = Form(
    "ref",
    _object({"commitment": (HASH, True), "id": (_id(*REF_KINDS), True)}),
    "`commitment` (hash) and `id` of a record outside the log",
)
REVOKED = Form(
    "revoked",
    _object({"root": (HASH, True), "size": (SEQ, True)}),
    "`root` and `size` of the last head that is still trusted",
)
PERSON = _id("person")

COMMON: dict[str, Form] = {
    "at": TIME,
    "ledger": ORIGIN,
    "nonce": NONCE,
    "seq": SEQ,
    "v": Form("version", str(VERSION), f"`{VERSION}`, selects the rule set"),
}

_BY = {"actor": PERSON, "approver": PERSON, "request": HASH}
_PLACE = {"org": _id("org"), "project": _id("project")}

FIELDS: dict[str, tuple[dict[str, Form], dict[str, Form]]] = {
    # type: (required, optional) beside COMMON and `type`
    "ledger": ({"next": HASH, "utc_offset_minutes": _bounded(-840, 840), "vkeys": KEYS}, {}),
    "person": ({"person": PERSON, "standing": _word(*STANDINGS)}, _BY),
    "open": ({"account": HOLDER, "actor": PERSON}, {**_BY, "ref": REF}),
    "close": ({"account": HOLDER, "actor": PERSON}, {**_BY, "ref": REF}),
    "budget": (
        {
            "actor": PERSON,
            "approver": PERSON,
            "budget": BUDGET,
            "from": DATE,
            "limit": LIMIT,
            "to": DATE,
        },
        {"project": _id("project"), "request": HASH},
    ),
    "policy": (
        {
            "actor": PERSON,
            "approver": PERSON,
            "from": DATE,
            "grant_limit": LIMIT,
            "hold_days": _bounded(1, 3660),
            "reversal_limit": LIMIT,
            "rules": HASH,
            "transfers": TRANSFERS,
        },
        {"request": HASH},
    ),
    "service": (
        {
            "actor": PERSON,
            "assurance": _word(*ASSURANCES),
            "effective_at": TIME,
            "member": _id("member"),
            "minutes": _bounded(0, 1_000_000),
            "recorder": PERSON,
            "ref": REF,
        },
        {**_BY, **_PLACE, "for": SEQ},
    ),
    "credit": (
        {"actor": PERSON, "effective_at": TIME, "postings": POSTINGS},
        {**_BY, **_PLACE, "for": SEQ, "policy": SEQ, "ref": REF},
    ),
    "debit": ({"actor": PERSON, "postings": POSTINGS}, {**_BY, **_PLACE, "ref": REF}),
    "transfer": (
        {"actor": PERSON, "postings": POSTINGS, "purpose": _word(*PURPOSES)},
        {**_BY, "ref": REF},
    ),
    "hold": (
        {"actor": PERSON, "payee": HOLDER, "postings": POSTINGS, "until": TIME},
        {**_BY, "ref": REF},
    ),
    "capture": (
        {"actor": PERSON, "for": SEQ, "postings": POSTINGS},
        {**_BY, "final": TRUE, "ref": REF},
    ),
    "release": ({"for": SEQ, "postings": POSTINGS}, {**_BY, "ref": REF}),
    "reversal": ({"actor": PERSON, "for": SEQ, "postings": POSTINGS}, {**_BY, "ref": REF}),
    "expiry": ({"postings": POSTINGS}, {}),
    "settlement": (
        {"actor": PERSON, "approver": PERSON, "postings": POSTINGS, "ref": REF},
        {"request": HASH},
    ),
    "write-off": (
        {"actor": PERSON, "approver": PERSON, "postings": POSTINGS},
        {"ref": REF, "request": HASH},
    ),
    "key": (
        {"actor": PERSON, "approver": PERSON, "next": HASH, "vkeys": KEYS},
        {"request": HASH, "revoked": REVOKED},
    ),
    "erasure": (
        {
            "actor": PERSON,
            "approver": PERSON,
            "on": DATE,
            "subject": _id("case", "ledger", "member", "org", "person"),
        },
        {"ref": REF, "request": HASH},
    ),
    "state": ({"root": HASH}, {"actor": PERSON, "request": HASH}),
    "record": ({"ref": REF}, _BY),
}
TYPES = tuple(FIELDS)


def fields_of(kind: str) -> dict[str, tuple[Form, bool]]:
    """All fields of an entry type in order of their keys, each with whether it is required."""
    required, optional = FIELDS[kind]
    fields = {name: (form, False) for name, form in optional.items()}
    fields |= {name: (form, True) for name, form in {**COMMON, **required}.items()}
    fields["type"] = (Form("word", f'"{kind}"', f"`{kind}`"), True)
    return dict(sorted(fields.items()))


@dataclass(frozen=True, slots=True)
class _Shape:
    matches: Callable[[bytes], object]
    checks: tuple[tuple[str, Callable[[Any], bool], Form], ...]


@cache  # made when an entry of the type first comes: all of them take a tenth of a second
def _shape(kind: str) -> _Shape:
    fields = fields_of(kind)
    pattern = re.compile(_object(fields).encode("ascii"), re.ASCII)
    checks = tuple((name, form.holds, form) for name, (form, _) in fields.items() if form.holds)
    return _Shape(pattern.fullmatch, checks)


def encode(entry: Entry) -> bytes:
    """The canonical bytes of `entry`; MalformedEntry when it is not of its type's form."""
    try:
        raw = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        raise MalformedEntry("it has a value that JSON cannot say") from None
    _conforms(entry, raw)
    return raw


def decode(raw: bytes) -> Entry:
    """The entry that `raw` encodes; MalformedEntry unless `raw` is its canonical encoding."""
    if len(raw) > ENTRY_BYTES_MAX:
        raise MalformedEntry(f"it has {len(raw):,} bytes, at most {ENTRY_BYTES_MAX:,} are allowed")
    try:
        entry = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedEntry(f"it is not JSON (at character {error.pos})") from None
    if not isinstance(entry, dict):
        raise MalformedEntry("it is not a JSON object")
    _conforms(entry, raw)
    return entry


def _conforms(entry: Entry, raw: bytes) -> None:
    kind = entry.get("type")
    if not isinstance(kind, str) or kind not in FIELDS:
        raise MalformedEntry("its `type` is none of " + ", ".join(TYPES))
    shape = _shape(kind)
    if not shape.matches(raw):
        raise MalformedEntry(_fault(entry, raw))
    for name, holds, form in shape.checks:
        if name in entry and not holds(entry[name]):
            raise MalformedEntry(f"its `{name}` is out of range: want {form.name}, {form.says}")


def _fault(entry: Entry, raw: bytes) -> str:
    """Says which field breaks the form; called only when one does."""
    fields = fields_of(entry["type"])
    for name, (form, required) in fields.items():
        if name not in entry:
            if required:
                return f"a {entry['type']} entry lacks `{name}`"
            continue
        value = orjson.dumps(entry[name], option=orjson.OPT_SORT_KEYS)
        if not re.fullmatch(form.text.encode("ascii"), value, re.ASCII):
            return f"its `{name}` is not of form {form.name}: {form.says}"
    unknown = sorted(set(entry) - set(fields))
    if unknown:
        return f"a {entry['type']} entry has no field {unknown[0][:40]!a}"
    if len(raw) > ENTRY_BYTES_MAX:
        return f"it has {len(raw):,} bytes, at most {ENTRY_BYTES_MAX:,} are allowed"
    return "its bytes are not the canonical encoding (RFC 8785) of what they say"


def new_id(kind: str, random: bytes) -> str:
    """`<kind>/` and the 26 lower-case base32 characters of 16 `random` bytes."""
    if len(random) != 16:
        raise ValueError(f"an id takes 16 random bytes, got {len(random)}")
    return f"{kind}/{base64.b32encode(random).decode('ascii').rstrip('=').lower()}"


def to_base64(raw: bytes) -> str:
    """Padded base64, the journal's spelling of hashes and nonces."""
    return base64.b64encode(raw).decode("ascii")


def kind_of(account: str) -> str:
    """`member`, `org`, `issuer`, or the name of one of the fixed accounts."""
    return account.partition("/")[0]


def base_of(account: str) -> str:
    """The account that `account` belongs to: itself, or the one whose `/held` it is."""
    return account.removesuffix("/held")


def person_of(member: str) -> str:
    """The person behind a member's account: one natural person has one id."""
    return "person" + member.removeprefix("member")
