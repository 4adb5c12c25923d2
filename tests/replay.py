"""A second verifier, written from docs/journal.md alone: it shares no line with the ledger.

It is the page put into Python as plainly as possible. What an account has is a plain dict from day
to points, a Merkle root is the recursive definition of RFC 6962, an earlier entry is parsed again
when a reversal needs it. Numbers in brackets are sections and rules of the page: [5.7] is rule 7 of
section 5. Refusals come in the order of section 6.

    python -m tests.replay BUNDLE VKEY...
"""

import base64
import hashlib
import json
import re
import struct
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

Entry = dict[str, Any]
Parts = dict[str, int]  # last valid day, or "never" -> points; "never" sorts after every day

MOST = 2**53 - 1
NEVER = "never"
FIXED = ("expired", "settled", "withdrawn", "written-off")


class Broken(Exception):
    """Entry `seq` breaks `rule`, one of the ids of section 6."""

    def __init__(self, seq: int, rule: str, message: str) -> None:
        super().__init__(f"entry {seq} breaks rule {rule}: {message}")
        self.seq, self.rule = seq, rule


class BadBundle(Exception):
    """Something around the entries is wrong: a file, a tile, a root, a checkpoint, a signature."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the books hold after the last entry, and the root over all entries."""

    size: int
    root: bytes
    counts: dict[str, int]  # entries by type
    balances: dict[str, int]  # of every account, /held ones too
    parts: dict[str, list[list[Any]]]  # of every holder and /held account, [day, points] ascending


# --- [1, 2] An entry and its bytes ----------------------------------------------------------------

Check = Callable[[Any], bool]


def text(pattern: str) -> Check:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: type(value) is str and compiled.fullmatch(value) is not None


def integer(least: int, most: int) -> Check:
    return lambda value: type(value) is int and least <= value <= most


def array(check: Check, least: int, most: int) -> Check:
    return lambda value: (
        type(value) is list and least <= len(value) <= most and all(map(check, value))
    )


def record(required: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    checks = {**required, **optional}
    return lambda value: (
        type(value) is dict
        and required.keys() <= value.keys() <= checks.keys()
        and all(checks[key](value[key]) for key in value)
    )


@lru_cache(maxsize=100_000)
def in_calendar(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True


B32 = r"[a-z2-7]{25}[aeimquy4]"
B64 = r"[A-Za-z0-9+/]"
HOLDER = rf"(?:member|org)/{B32}"
ISSUER = rf"issuer/{B32}"
ORIGIN = r"[a-z0-9](?:[a-z0-9.-]{0,198}[a-z0-9])?(?::[1-9]\d{0,4})?/log/[a-z][a-z0-9-]{2,31}"
DAY = r"(?:19|2\d)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
like_a_day = text(DAY)
like_a_time = text(DAY + r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z")
a_holder, a_hash = text(HOLDER), text(rf"{B64}{{42}}[AEIMQUYcgkosw048]=")
a_purpose = text("allocation|donation|gift|merge|pooling|return")
a_kind, a_number = text("member|org"), integer(0, 10**16 - 1)  # numbers that the books bound


def a_date(value: Any) -> bool:
    return like_a_day(value) and in_calendar(value)


def a_time(value: Any) -> bool:
    return like_a_time(value) and in_calendar(value[:10])


def an_amount(value: Any) -> bool:
    return type(value) is int and -MOST <= value <= MOST and value != 0


def a_part(value: Any) -> bool:
    if type(value) is not list or len(value) != 2:
        return False
    return (value[0] == NEVER or a_date(value[0])) and an_amount(value[1])


def an_id(kinds: str) -> Check:
    return text(rf"(?:{kinds})/{B32}")


POSTING = record(
    {
        "account": text(rf"{HOLDER}(?:/held)?|{ISSUER}|{'|'.join(FIXED)}"),
        "amount": an_amount,
        "balance": integer(-(10**16 - 1), 10**16 - 1),  # its range is rule `range`
        "prev": a_number,
    },
    {"parts": array(a_part, 1, 512)},
)
WAY = {"from": a_kind, "limit": integer(1, MOST), "purpose": a_purpose, "to": a_kind}
REF = (
    "case|contribution|draw|import|member|merge|org|person|policy|project|record|redemption|reward"
    "|settlement|sheet|trail"
)
# The table of fields, in its order, fields of one form together
FORMS: list[tuple[str, Check]] = [
    ("account payee", a_holder),
    ("actor approver person recorder", an_id("person")),
    ("assurance", text("back-entry|checked-in|imported|roster")),
    ("at effective_at until", a_time),
    ("budget", text(ISSUER)),
    ("final", lambda value: value is True),
    ("for policy seq", a_number),
    ("from on to", a_date),
    ("grant_limit limit reversal_limit", integer(0, MOST)),
    ("hold_days", integer(1, 3660)),
    ("ledger", text(ORIGIN)),
    ("member", an_id("member")),
    ("minutes", integer(0, 1_000_000)),
    ("next request root rules", a_hash),
    ("nonce", text(rf"{B64}{{21}}[AQgw]==")),
    ("org", an_id("org")),
    ("postings", array(POSTING, 2, 3)),
    ("project", an_id("project")),
    ("purpose", a_purpose),
    ("ref", record({"commitment": a_hash, "id": an_id(REF)}, {})),
    ("revoked", record({"root": a_hash, "size": a_number}, {})),
    ("standing", text("auditor|member|none|office|partner")),
    ("subject", an_id("case|ledger|member|org|person")),
    ("transfers", array(record(WAY, {}), 0, 64)),
    ("type", text("[a-z-]+")),
    ("utc_offset_minutes", integer(-840, 840)),
    ("v", integer(1, 1)),
    ("vkeys", array(text(rf"{ORIGIN}\+[0-9a-f]{{8}}\+{B64}{{40,3600}}={{0,2}}"), 1, 4)),
]
FIELDS = {name: check for names, check in FORMS for name in names.split()}
# Type: required fields | optional fields | standings of the actor [5.8]
TYPE_TABLE = """
ledger: next utc_offset_minutes vkeys | |
person: person standing | actor approver request | office
open: account actor | approver ref request | office partner
close: account actor | approver ref request | office partner
budget: actor approver budget from limit to | project request | office
policy: actor approver from grant_limit hold_days reversal_limit rules transfers | request | office
service: actor assurance effective_at member minutes recorder ref\
 | approver for org project request | office partner
credit: actor effective_at postings | approver for org policy project ref request | office
debit: actor postings | approver org project ref request | office
transfer: actor postings purpose | approver ref request | member office partner
hold: actor payee postings until | approver ref request | member office partner
capture: actor for postings | approver final ref request | member office partner
release: for postings | actor approver ref request | member office partner
reversal: actor for postings | approver ref request | office
expiry: postings | |
settlement: actor approver postings ref | request | office partner
write-off: actor approver postings | ref request | office
key: actor approver next vkeys | request revoked | office
erasure: actor approver on subject | ref request | office
state: root | actor request | office
record: ref | actor approver request | auditor member office partner
"""
COMMON = ["at", "ledger", "nonce", "seq", "type", "v"]
TYPES: dict[str, Check] = {}
ACTORS: dict[str, list[str]] = {}
for _line in TYPE_TABLE.strip().splitlines():
    _type, _fields = _line.split(":")
    _required, _optional, ACTORS[_type] = (part.split() for part in _fields.split("|"))
    TYPES[_type] = record(
        {name: FIELDS[name] for name in _required + COMMON},
        {name: FIELDS[name] for name in _optional},
    )


CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def encode(value: Any) -> bytes:
    """RFC 8785 for what occurs here: objects, arrays, integers and ASCII text without escapes."""
    return CANONICAL.encode(value).encode("ascii")


def read(raw: bytes) -> Entry:
    """Parse the bytes of an entry; raises ValueError unless they are the one right encoding."""
    if not 0 < len(raw) <= 65_535:
        raise ValueError(f"an entry has 1 to 65,535 bytes, not {len(raw)}")
    try:
        entry = json.loads(raw.decode("ascii"))
        # A key that stands twice, or out of order, or an integer spelt -0 does not come back.
        canonical = encode(entry) == raw
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not canonical:
        raise ValueError("these bytes are not the canonical encoding of what they say")
    if type(entry) is not dict or type(entry.get("type")) is not str or entry["type"] not in TYPES:
        raise ValueError("not an object with a type of the table")
    if not TYPES[entry["type"]](entry):
        raise ValueError(f"fields missing, unknown or out of form for {entry['type']}")
    return entry


# --- [8] The tree ---------------------------------------------------------------------------------


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


class Tree:
    """RFC 6962 section 2.1. Ranges are remembered, because the roots of many sizes share them."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.hashes = [sha256(b"\x00" + leaf) for leaf in leaves]
        self.mth = cache(self._mth)

    def root(self, size: int) -> bytes:
        return self.mth(0, size) if size else sha256(b"")

    def _mth(self, start: int, stop: int) -> bytes:
        """MTH(D[start:stop]), of at least one leaf."""
        n = stop - start
        if n == 1:
            return self.hashes[start]
        k = 1 << (n - 1).bit_length() - 1  # the largest power of two below n
        return sha256(b"\x01" + self.mth(start, start + k) + self.mth(start + k, stop))


# --- [5.5, 5.7] Parts -----------------------------------------------------------------------------


def cut(parts: Parts, start: int, stop: int) -> Parts:
    """Lay all points in a row, soonest day first; what lies from number `start` up to `stop`."""
    found, here = {}, 0
    for day in sorted(parts):
        low, high = max(here, start), min(here + parts[day], stop)
        if low < high:
            found[day] = high - low
        here += parts[day]
    return found


def plus(one: Parts, other: Parts) -> Parts:
    total = {day: one.get(day, 0) + other.get(day, 0) for day in {*one, *other}}
    return {day: points for day, points in total.items() if points}


def minus(parts: Parts) -> Parts:
    return {day: -points for day, points in parts.items()}


def spend(has: Parts, n: int) -> Parts:
    """The change of an account that spends n; what it does not have becomes debt."""
    own = {day: points for day, points in has.items() if points > 0}  # a debt is nothing to spend
    missing = max(0, n - sum(own.values()))
    return plus(minus(cut(own, 0, n)), {NEVER: -missing})


def receive(balance: int, lots: Parts) -> Parts:
    """The change of an account that receives these lots; the first of them pay its debt."""
    total = sum(lots.values())
    pays = min(max(0, -balance), total)
    return plus({NEVER: pays}, cut(lots, pays, total))


def take_back(has: Parts, left: Parts, n: int) -> Parts:
    """The change of who got, when n are reversed of an original that left these."""
    taken: Parts = {}
    for day in sorted(left, reverse=True):
        taken[day] = min(max(0, has.get(day, 0)), left[day], n - sum(taken.values()))
    change = minus(taken)
    return plus(change, spend(plus(has, change), n - sum(taken.values())))


def from_the_end(parts: Parts, n: int, after: int) -> Parts:
    """Skip `after` points from the latest backwards, then take n."""
    end = sum(parts.values()) - after
    return cut(parts, end - n, end)


def moved(posting: Entry) -> Parts:
    """The parts of a posting as positive numbers."""
    return {day: abs(n) for day, n in posting.get("parts", [[NEVER, posting["amount"]]])}


# --- [5.11] Keys ----------------------------------------------------------------------------------


class Key(NamedTuple):
    name: str
    id: bytes
    type: int  # 1 Ed25519, 6 ML-DSA-44
    public: bytes


class KeySet(NamedTuple):
    seq: int
    vkeys: list[str]
    next: str
    revoked: Entry | None


def read_vkey(vkey: str) -> Key:
    """C2SP signed-note, "Verifier keys"; raises ValueError."""
    name, key_id, material = vkey.split("+", 2)
    blob = base64.b64decode(material, validate=True)
    if base64.b64encode(blob).decode() != material:
        raise ValueError("base64 with stray bits")
    if (blob[0], len(blob)) not in ((0x01, 1 + 32), (0x06, 1 + 1312)):
        raise ValueError("neither an Ed25519 nor an ML-DSA-44 key")
    if sha256(name.encode() + b"\n" + blob)[:4].hex() != key_id:
        raise ValueError("the key id does not follow from name, type and public key")
    return Key(name, bytes.fromhex(key_id), blob[0], blob[1:])


def set_hash(vkeys: Sequence[str]) -> str:
    return base64.b64encode(sha256("".join(f"{v}\n" for v in vkeys).encode())).decode()


# --- [4, 5, 6] The books and the rules ------------------------------------------------------------

# [3] "giver taker" of the entries with two sides
FLOWS = {
    "credit": text(f"{ISSUER} {HOLDER}"),
    "debit": text(f"{HOLDER} withdrawn"),
    "transfer": text(f"({HOLDER}) (?!\\1$){HOLDER}"),
    "hold": text(f"({HOLDER}) \\1/held"),
    "expiry": text(f"{HOLDER} expired"),
    "settlement": text(f"org/{B32} settled"),
    "write-off": text(f"written-off {HOLDER}"),
}


@dataclass(slots=True)
class Account:
    last: int
    nonce: str
    balance: int = 0
    count: int = 0
    dated: Parts = field(default_factory=dict)
    open: bool = True
    holds: list[int] = field(default_factory=list)  # seq of the open ones

    def parts(self) -> Parts:
        return plus(self.dated, {NEVER: self.balance - sum(self.dated.values())})


@dataclass(slots=True)
class Hold:
    account: str
    payee: str
    until: str
    lots: Parts


@dataclass(slots=True)
class Service:
    member: str
    effective_at: str
    minutes: int
    root: int  # the first of its chain
    last: bool = True  # of its chain


class Books:
    """The tables of section 4, and one method for each type of entry."""

    def __init__(self, raws: Sequence[bytes]) -> None:
        self.raws = raws
        self.seq, self.at, self.today, self.origin = 0, "", "", ""
        self.offset = timedelta()
        self.accounts: dict[str, Account] = {}
        self.holds: dict[int, Hold] = {}
        self.budgets: dict[str, Entry] = {}
        self.policies: list[Entry] = []
        self.persons: dict[str, str] = {}
        self.services: dict[int, Service] = {}
        self.credited: dict[int, int] = {}  # root of a chain -> seq of the credit that it bears
        self.reversed: Counter[int] = Counter()
        self.requests: set[str] = set()
        self.keys: list[KeySet] = []
        self.counts: Counter[str] = Counter()

    def want(self, condition: object, rule: str, message: str) -> None:
        if not condition:
            raise Broken(self.seq, rule, message)

    def enter(self, seq: int, raw: bytes) -> None:
        """Check entry number `seq` by the steps of section 6 and carry it into the books."""
        self.seq = seq
        try:
            e = read(raw)
        except ValueError as problem:
            raise Broken(seq, "form", str(problem)) from None
        self.want(e["seq"] == seq, "sequence", f"its seq is {e['seq']}")
        if seq == 0:
            self.found(e)
        else:
            self.follow(e)
            self.people(e)
            getattr(self, "do_" + e["type"].replace("-", "_"))(e)
        if "request" in e:
            self.requests.add(e["request"])
        self.counts[e["type"]] += 1
        self.at = e["at"]

    def found(self, e: Entry) -> None:
        self.want(e["type"] == "ledger", "founding", "entry 0 is of type ledger")
        self.origin, self.offset = e["ledger"], timedelta(minutes=e["utc_offset_minutes"])
        self.want_vkeys(e["vkeys"])
        for name in FIXED:
            self.accounts[name] = Account(0, e["nonce"])
        self.keys.append(KeySet(0, e["vkeys"], e["next"], None))

    def follow(self, e: Entry) -> None:
        """Step 3: what any entry after the first owes to those before it."""
        kind = e["type"]
        self.want(e["ledger"] == self.origin, "origin", f"the log is {self.origin}")
        self.want(e["at"] > self.at, "clock", f"at is not after {self.at}")
        pause = datetime.fromisoformat(e["at"]) - datetime.fromisoformat(self.at)
        looked = kind == "state" and "actor" in e
        self.want(looked or pause <= timedelta(days=31), "gap", "over 31 days, and nobody looked")
        effective = e.get("effective_at", e["at"])
        self.want(effective <= e["at"], "effective", "effective_at is after at")
        want_type = {1: "person", 2: "person", 3: "policy", 4: "budget"}.get(self.seq, kind)
        self.want(kind == want_type != "ledger", "founding", f"{kind} at this place")
        if self.seq in (1, 2):
            alone = not {"actor", "approver"} & e.keys() and e["person"] not in self.persons
            self.want(alone and e["standing"] == "office", "founding", "not a founder")
        self.want(e.get("request") not in self.requests, "once", "its request was entered before")
        self.today = self.local_day(e["at"])

    def local_day(self, time: str) -> str:
        return (datetime.fromisoformat(time) + self.offset).date().isoformat()

    # People [5.8]

    def standing(self, person: str) -> str:
        opened = "member/" + person[len("person/") :] in self.accounts
        return self.persons.get(person, "member" if opened else "none")

    def people(self, e: Entry) -> None:
        """Step 4: the standing of actor, approver and recorder."""
        kind, actor, approver = e["type"], e.get("actor"), e.get("approver")
        if actor is None:
            stray = {"approver", "request"} | ({"ref"} if kind == "release" else set())
            self.want(not stray & e.keys(), "two-people", f"{stray & e.keys()} without an actor")
            unfounded = kind == "person" and self.seq > 2
            self.want(not unfounded, "two-people", "a person entry without an actor")
            return
        standing = self.standing(actor)
        own = kind == "open" and e["account"] == "member/" + actor[len("person/") :]
        self.want(own or standing in ACTORS[kind], "standing", f"the actor's is {standing}")
        if approver is not None:
            self.want(approver != actor, "two-people", "actor and approver are one person")
            self.want(self.standing(approver) == "office", "standing", "the approver is not office")
            both = standing == "office" or kind in ("settlement", "service")
            self.want(both, "standing", "beside an approver the actor is office too")
        if "recorder" in e:
            self.want(self.standing(e["recorder"]) != "none", "standing", "the recorder has none")

    def want_other_than(self, e: Entry, account: str, *roles: str) -> None:
        for role in roles:
            mine = "member/" + e.get(role, "person/?")[len("person/") :]
            self.want(mine != account, "self", f"the {role} would act for themselves")

    # Accounts, due work [5.6, 5.13] and policies

    def want_open(self, name: str) -> Account:
        self.want(name in self.accounts, "account", f"{name} does not exist")
        self.want(self.accounts[name].open, "closed", f"{name} is closed")
        return self.accounts[name]

    def due_holds(self, e: Entry, account: Account) -> list[int]:
        return sorted(seq for seq in account.holds if self.holds[seq].until < e["at"])

    def due_points(self, account: Account) -> Parts:
        over = sorted(day for day in account.dated if day < self.today)
        return {day: account.dated[day] for day in over[:512]}

    def want_ready(self, e: Entry, name: str) -> Account:
        account = self.want_open(name)
        due = self.due_holds(e, account) or self.due_points(account)
        self.want(not due, "due", f"{name} has due work: {due}")
        return account

    def policy_on(self, day: str) -> Entry | None:
        return max((p for p in self.policies if p["from"] <= day), key=_seq, default=None)

    def limit_today(self, field_name: str) -> int:
        policy = self.policy_on(self.today)
        return policy[field_name] if policy else -1

    # Postings

    def two_sides(self, e: Entry) -> tuple[str, str, int]:
        giver, *between, taker = sorted(e["postings"], key=lambda p: p["amount"])
        opposite = not between and giver["amount"] == -taker["amount"]
        self.want(opposite, "flow", "not two postings of opposite amounts")
        names = f"{giver['account']} {taker['account']}"
        self.want(FLOWS[e["type"]](names), "flow", f"no way for points: {names}")
        return giver["account"], taker["account"], taker["amount"]

    def amount_to(self, e: Entry, name: str) -> int:
        amount = sum(p["amount"] for p in e["postings"] if p["account"] == name)
        self.want(amount > 0, "flow", f"nothing is posted to {name}")
        return amount

    def post(self, e: Entry, changes: Mapping[str, Parts | None]) -> None:
        """`changes`: of each account that changes; None for issuers and the fixed accounts."""
        self.want(len(e["postings"]) == len(changes), "flow", f"wanted {sorted(changes)}")
        before = ""
        for p in e["postings"]:
            name, amount = p["account"], p["amount"]
            self.want(before < name and name in changes, "flow", f"{name} has no place here")
            self.want_parts(p, changes[name])
            account, before = self.accounts[name], name
            balance = account.balance + amount
            self.want(-MOST <= balance <= MOST, "range", f"{name} would have {balance}")
            self.want(p["balance"] == balance, "balance", f"{name} has {balance} after this")
            self.want(p["prev"] == account.last, "prev", f"{name} was last in {account.last}")
        self.want(sum(p["amount"] for p in e["postings"]) == 0, "flow", "does not sum to zero")
        for p in e["postings"]:
            account = self.accounts[p["account"]]
            dated = {day: n for day, n in (changes[p["account"]] or {}).items() if day != NEVER}
            account.dated = plus(account.dated, dated)
            account.balance += p["amount"]
            account.count += 1
            account.last, account.nonce = self.seq, e["nonce"]

    def want_parts(self, p: Entry, change: Parts | None) -> None:
        if change is None:
            self.want("parts" not in p, "parts", f"{p['account']} has no parts")
            return
        listed = None if change.keys() == {NEVER} else [[d, change[d]] for d in sorted(change)]
        right = p.get("parts") == listed and p["amount"] == sum(change.values())
        self.want(right, "parts", f"the change of {p['account']} is {change}")

    def want_days(self, taker: str, change: Parts) -> None:
        days = set(self.accounts[taker].dated) | set(self.accounts[taker + "/held"].dated)
        brought = change.keys() - {NEVER}
        self.want(not brought or len(days | brought) <= 64, "dates", f"{taker}: over 64 days")

    # One method for each type

    def do_credit(self, e: Entry) -> None:
        issuer, taker, n = self.two_sides(e)
        self.want_other_than(e, taker, "actor", "approver")
        self.want(issuer in self.budgets, "account", f"{issuer} does not exist")
        receiver = self.want_ready(e, taker)
        root = self.want_service(e, taker) if "for" in e else None
        if root is None:
            self.want("policy" not in e, "policy", "only a credit for a service names a policy")
            granted = "approver" in e or n <= self.limit_today("grant_limit")
            self.want(granted, "grant", f"a grant of {n} needs an approver")
        self.want_budget(e, issuer, n)
        listed = next(p for p in e["postings"] if p["account"] == taker).get("parts")
        change = dict(listed or [[NEVER, n]])
        days = [day for day, _ in listed or []]
        good = days == sorted(change) != [NEVER] and min(change.values()) > 0
        self.want(listed is None or good, "parts", "not a list of positive parts in order")
        debt = max(0, -receiver.balance)
        self.want(change.get(NEVER, 0) >= min(debt, n), "parts", f"the debt of {debt} comes first")
        self.want(min(change) >= self.today, "past-day", f"{min(change)} is past")
        self.want_days(taker, change)
        self.post(e, {issuer: None, taker: change})
        if root is not None:
            self.credited[root] = self.seq

    def want_service(self, e: Entry, taker: str) -> int:
        """[5.9] The service that a credit is for: the root of its chain."""
        service = self.services.get(e["for"])
        fits = service and (service.member, service.effective_at) == (taker, e["effective_at"])
        self.want(service and fits, "reference", "for names no service of this account and time")
        assert service is not None
        policy = self.policy_on(self.local_day(e["effective_at"]))
        self.want(policy and e.get("policy") == policy["seq"], "policy", "not the policy in force")
        self.want(service.last and service.minutes, "replaced", "replaced or withdrawn")
        self.want(service.root not in self.credited, "credited", "its chain bears a credit")
        return service.root

    def want_budget(self, e: Entry, issuer: str, n: int) -> None:
        budget, day = self.budgets[issuer], self.local_day(e["effective_at"])
        covered = budget["from"] <= day <= budget["to"]
        self.want(covered, "budget-period", f"the budget does not cover {day}")
        project = budget.get("project", e.get("project"))
        self.want(project == e.get("project"), "budget-project", f"the budget is for {project}")
        within = self.accounts[issuer].balance - n >= -budget["limit"]
        self.want(within, "budget-limit", f"the budget's limit is {budget['limit']}")

    def do_debit(self, e: Entry) -> None:
        giver, taker, n = self.two_sides(e)
        account = self.want_ready(e, giver)
        debt_allowed = e["type"] == "debit" and "approver" in e
        self.want(debt_allowed or n <= account.balance, "funds", f"{giver} has less")
        self.post(e, {giver: spend(account.parts(), n), taker: None})

    do_settlement = do_debit

    def do_transfer(self, e: Entry) -> None:
        merging = e["purpose"] == "merge"
        self.want(not merging or "approver" in e, "two-people", "a merge without an approver")
        giver, taker, n = self.two_sides(e)
        for account in (giver, taker) if merging else ():
            self.want_other_than(e, account, "actor", "approver")
        source, target = self.want_ready(e, giver), self.want_ready(e, taker)
        policy = self.policy_on(self.today) or {"transfers": []}
        way = (e["purpose"], giver.split("/")[0], taker.split("/")[0])
        limits = [t["limit"] for t in policy["transfers"] if way == _way(t)]
        self.want(limits and n <= limits[0], "purpose", f"{way} is not allowed for {n}")
        self.want(n <= source.balance, "funds", f"{giver} has less")
        spent = spend(source.parts(), n)
        change = receive(target.balance, minus(spent))
        self.want_days(taker, change)
        self.post(e, {giver: spent, taker: change})

    def do_hold(self, e: Entry) -> None:
        giver, held, n = self.two_sides(e)
        self.want(e["payee"] != giver, "flow", "the payee is the giver")
        account = self.want_ready(e, giver)
        self.want_open(e["payee"])
        latest = datetime.fromisoformat(e["at"]) + timedelta(days=self.limit_today("hold_days"))
        timely = e["at"] < e["until"] and datetime.fromisoformat(e["until"]) <= latest
        self.want(timely, "until", "until is not after at, or further than the policy allows")
        self.want(len(account.holds) < 64, "holds", f"{giver} has 64 open holds")
        self.want(n <= account.balance, "funds", f"{giver} has less")
        spent = spend(account.parts(), n)
        lots = minus(spent)
        self.post(e, {giver: spent, held: lots})
        self.holds[self.seq] = Hold(giver, e["payee"], e["until"], lots)
        account.holds.append(self.seq)

    def want_hold(self, e: Entry) -> Hold:
        hold = self.holds.get(e["for"])
        self.want(hold and hold.lots, "reference", "for names no open hold")
        assert hold is not None
        return hold

    def settle_hold(self, seq: int, lots: Parts) -> None:
        """What a hold still has; with nothing left it is closed."""
        self.holds[seq].lots = lots
        if not lots:
            self.accounts[self.holds[seq].account].holds.remove(seq)

    def do_capture(self, e: Entry) -> None:
        hold = self.want_hold(e)
        holder = self.want_ready(e, hold.account)
        self.want_ready(e, hold.payee)
        n, whole = self.amount_to(e, hold.payee), sum(hold.lots.values())
        self.want(n <= whole, "funds", f"the hold has {whole} left")
        paid, rest = cut(hold.lots, 0, n), cut(hold.lots, n, whole)
        changes = {hold.payee: {NEVER: n}, hold.account + "/held": minus(paid)}
        if "final" in e and rest:
            changes[hold.account + "/held"] = minus(hold.lots)
            changes[hold.account] = receive(holder.balance, rest)
        self.post(e, changes)
        self.settle_hold(e["for"], {} if "final" in e else rest)

    def do_release(self, e: Entry) -> None:
        hold = self.want_hold(e)
        if "actor" in e:
            holder = self.want_ready(e, hold.account)
        else:
            holder = self.want_open(hold.account)
            oldest = self.due_holds(e, holder)[:1]
            self.want(oldest == [e["for"]], "due", f"the oldest due hold is {oldest}")
        held, lots = hold.account + "/held", hold.lots
        self.post(e, {hold.account: receive(holder.balance, lots), held: minus(lots)})
        self.settle_hold(e["for"], {})

    def do_reversal(self, e: Entry) -> None:
        first = json.loads(self.raws[e["for"]]) if e["for"] < self.seq else {"type": "none"}
        reversible = first["type"] in ("credit", "debit", "transfer", "capture")
        self.want(reversible, "reference", "for names nothing that can be reversed")
        gave, got, took, brought = self.sides_of(first)
        whole, before = sum(brought.values()), self.reversed[e["for"]]
        n = self.amount_to(e, gave)
        self.want_other_than(e, gave, "actor", "approver")
        for name in (gave, got):
            if a_holder(name):
                self.want_ready(e, name)
        self.want(before + n <= whole, "reversal", f"{whole - before} are left to reverse")
        alone = "approver" in e or n <= self.limit_today("reversal_limit")
        self.want(alone, "reversal-limit", f"a reversal of {n} needs an approver")
        left = cut(brought, 0, whole - before)
        lapsed = first["type"] == "credit" and min(left) < self.today
        self.want(not lapsed, "lapsed", "a day of the credit is past")
        back = receive(self.accounts[gave].balance, from_the_end(took, n, before))
        loss = take_back(self.accounts[got].parts(), left, n)
        changes = {gave: back, got: loss}
        self.post(e, {name: change if a_holder(name) else None for name, change in changes.items()})
        self.reversed[e["for"]] += n
        if first["type"] == "credit" and "for" in first and before + n == whole:
            del self.credited[self.services[first["for"]].root]

    def sides_of(self, first: Entry) -> tuple[str, str, Parts, Parts]:
        """Of an original: who gave, who got, the parts that it took and that it brought."""
        by_name = {p["account"]: p for p in first["postings"]}
        if first["type"] == "capture":
            hold = self.holds[first["for"]]
            paid, taken = by_name[hold.payee], moved(by_name[hold.account + "/held"])
            return hold.account, hold.payee, cut(taken, 0, paid["amount"]), moved(paid)
        gave, got = sorted(by_name, key=lambda name: by_name[name]["amount"])
        return gave, got, moved(by_name[gave]), moved(by_name[got])

    def do_expiry(self, e: Entry) -> None:
        giver, taker, _ = self.two_sides(e)
        account = self.want_open(giver)
        due = self.due_points(account)
        self.want(due and not self.due_holds(e, account), "due", "nothing is due, or a hold first")
        self.post(e, {giver: minus(due), taker: None})

    def do_write_off(self, e: Entry) -> None:
        giver, taker, n = self.two_sides(e)
        self.want_other_than(e, taker, "actor", "approver")
        account = self.want_ready(e, taker)
        self.want(n <= -account.balance, "debt", f"{taker} has {account.balance}")
        self.post(e, {giver: None, taker: {NEVER: n}})

    def do_person(self, e: Entry) -> None:
        alone = self.seq > 2 and e["standing"] == "office" and "approver" not in e
        self.want(not alone, "two-people", "office is given by two people")
        themselves = e["person"] in (e.get("actor"), e.get("approver"))
        self.want(not themselves, "self", "a person entry about the actor or approver")
        self.persons[e["person"]] = e["standing"]

    def do_open(self, e: Entry) -> None:
        name = e["account"]
        known = self.accounts.get(name)
        self.want(not (known and known.open), "opening", f"{name} is open")
        for each in (name, name + "/held"):
            self.accounts.setdefault(each, Account(self.seq, e["nonce"])).open = True

    def do_close(self, e: Entry) -> None:
        name = e["account"]
        account = self.want_open(name)
        empty = account.balance == 0 and not account.holds
        self.want(empty, "closing", f"{name} has {account.balance} and {len(account.holds)} holds")
        account.open = self.accounts[name + "/held"].open = False

    def do_budget(self, e: Entry) -> None:
        self.want(e["from"] <= e["to"], "from", "the budget ends before it starts")
        limits = {**self.budgets, e["budget"]: e}
        total = sum(budget["limit"] for budget in limits.values())
        self.want(total <= MOST, "limits", f"all limits sum to {total}")
        self.budgets = limits
        self.accounts.setdefault(e["budget"], Account(self.seq, e["nonce"]))

    def do_policy(self, e: Entry) -> None:
        self.want(self.seq == 3 or e["from"] >= self.today, "from", "it starts in the past")
        ways = [_way(t) for t in e["transfers"]]
        self.want(len(ways) == len(set(ways)), "from", "a kind of transfer is listed twice")
        self.policies.append(e)

    def do_erasure(self, e: Entry) -> None:
        self.want(e["on"] >= self.today, "from", "the day is past")

    def do_service(self, e: Entry) -> None:
        seen = e["assurance"] != "back-entry" and "for" not in e
        self.want(seen or "approver" in e, "two-people", "back entry and change need an approver")
        others = (e["actor"], e.get("approver"))
        self.want(e["recorder"] not in others, "self", "the recorder verifies or approves")
        self.want_other_than(e, e["member"], "actor", "approver")
        by_member = e["recorder"][len("person/") :] == e["member"][len("member/") :]
        checked_in = e["assurance"] == "checked-in"
        self.want(checked_in or not by_member, "self", "a member records only what is checked-in")
        self.want_open(e["member"])
        old = self.services.get(e["for"]) if "for" in e else None
        same = (old and old.member == e["member"]) if "for" in e else e["minutes"] >= 1
        self.want(same, "reference", "for names no service of the member, or there are no minutes")
        self.want(old is None or old.last, "replaced", "that service was replaced before")
        if old:
            old.last = False
        root = old.root if old else self.seq
        service = Service(e["member"], e["effective_at"], e["minutes"], root)
        self.services[self.seq] = service

    def want_vkeys(self, vkeys: Sequence[str]) -> None:
        types = []
        for vkey in vkeys:
            try:
                key = read_vkey(vkey)
            except ValueError as problem:
                raise Broken(self.seq, "keys", f"{vkey[:200]}: {problem}") from None
            self.want(key.name == self.origin, "keys", f"a key's name is not {self.origin}")
            types.append(key.type)
        self.want(0x01 in types, "keys", "no Ed25519 key")
        self.want(len(set(vkeys)) == len(vkeys), "keys", "a key stands there twice")

    def do_key(self, e: Entry) -> None:
        self.want_vkeys(e["vkeys"])
        committed = set_hash(e["vkeys"])
        self.want(committed == self.keys[-1].next, "keys", "not the set that was committed to")
        self.want(committed != e["next"], "keys", "commits to the same set again")
        revoked = e.get("revoked")
        self.want(revoked is None or revoked["size"] <= self.seq, "keys", "revoked head to come")
        self.keys.append(KeySet(self.seq, e["vkeys"], e["next"], revoked))

    def do_state(self, e: Entry) -> None:
        leaves = []
        for name in sorted(self.accounts):
            if not name.endswith("/held"):
                a, held = self.accounts[name], self.accounts.get(name + "/held")
                holds = held.balance if held else 0
                leaves.append(encode([name, a.balance, holds, a.count, a.last, a.nonce]))
        root = base64.b64encode(Tree(leaves).root(len(leaves))).decode()
        self.want(e["root"] == root, "root", f"the root over all accounts is {root}")

    def do_record(self, e: Entry) -> None:
        """Nothing but the steps of all entries."""


def _seq(e: Entry) -> int:
    return e["seq"]


def _way(line: Entry) -> tuple[str, str, str]:
    return line["purpose"], line["from"], line["to"]


def keep_books(raws: Sequence[bytes]) -> Books:
    books = Books(raws)
    for seq, raw in enumerate(raws):
        books.enter(seq, raw)
    return books


def summary(books: Books, tree: Tree) -> Replayed:
    accounts = books.accounts
    return Replayed(
        size=len(books.raws),
        root=tree.root(len(books.raws)),
        counts=dict(books.counts),
        balances={name: account.balance for name, account in accounts.items()},
        parts={
            name: [[day, n] for day, n in sorted(account.parts().items())]
            for name, account in accounts.items()
            if name.startswith(("member/", "org/"))
        },
    )


def replay(raws: Sequence[bytes]) -> Replayed:
    """Walk through a whole log; raises Broken at the first entry that breaks a rule."""
    return summary(keep_books(raws), Tree(raws))


# --- [8, 9] The bundle ----------------------------------------------------------------------------


class Checkpoint(NamedTuple):
    path: str
    text: bytes  # what is signed
    origin: str
    size: int
    root: bytes
    lines: list[tuple[str, bytes]]  # of each signature: key name, and key id with signature


def want(condition: object, message: str) -> None:
    if not condition:
        raise BadBundle(message)


NOTE = re.compile(
    r"(?P<text>(?P<origin>[^\n]+)\n(?P<size>0|[1-9][0-9]{0,15})\n(?P<root>[^\n]{44})\n)"
    r"\n(?P<lines>(?:\u2014 [^\s+]+ [A-Za-z0-9+/]+={0,2}\n)+)"
)


def read_checkpoint(path: str, note: bytes) -> Checkpoint:
    """C2SP tlog-checkpoint without extension lines; raises BadBundle."""
    try:
        text_of_note = note.decode("utf-8")
        match = NOTE.fullmatch(text_of_note)
        want(match and a_hash(match["root"]), f"{path} is not a checkpoint")
        assert match is not None
        controls = any(c < " " and c != "\n" for c in text_of_note)
        want(not controls, f"{path} has control characters")
        split = [line.split(" ") for line in match["lines"].splitlines()]
        lines = [(name, base64.b64decode(blob, validate=True)) for _, name, blob in split]
    except ValueError as problem:
        raise BadBundle(f"{path} is not a signed note: {problem}") from None
    root = base64.b64decode(match["root"])
    return Checkpoint(
        path, match["text"].encode(), match["origin"], int(match["size"]), root, lines
    )


def verify_signature(key: Key, signature: bytes, point: Checkpoint) -> None:
    """Raises InvalidSignature or ValueError."""
    if key.type == 0x01:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, point.text)
        return
    if len(signature) != 8 + 2420:
        raise ValueError("a timestamped ML-DSA-44 signature has 2,428 bytes")
    name, origin = key.name.encode(), point.origin.encode()
    message = b"subtree/v1\n\0" + bytes([len(name)]) + name + signature[:8]
    message += bytes([len(origin)]) + origin + struct.pack(">QQ", 0, point.size) + point.root
    if signature[0] >= 0x80:
        raise ValueError("a timestamp beyond 2^63-1")
    MLDSA44PublicKey.from_public_bytes(key.public).verify(signature[8:], message)


def signers(point: Checkpoint, known: Mapping[str, Key]) -> set[str]:
    """Which of the known keys signed; a wrong signature of one of them is an error."""
    found = set()
    for name, blob in point.lines:
        for vkey, key in known.items():
            if (key.name, key.id) == (name, blob[:4]):
                try:
                    verify_signature(key, blob[4:], point)
                except (InvalidSignature, ValueError) as problem:
                    raise BadBundle(f"{point.path}: {vkey[:99]} did not sign it") from problem
                found.add(vkey)
    return found


def tile_paths(prefix: str, count: int) -> Iterator[tuple[str, int, int]]:
    """Path, first and end of each tile over `count` things (C2SP tlog-tiles)."""
    for first in range(0, count, 256):
        end, digits = min(first + 256, count), str(first // 256)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        path = "/".join([prefix, *("x" + group for group in groups[:-1]), groups[-1]])
        yield (path if end - first == 256 else f"{path}.p/{end - first}"), first, end


class Bundle:
    """The files of an exported log."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.names = set(archive.namelist())
        want(len(self.names) == len(archive.namelist()), "a file is in the bundle twice")

    def read(self, path: str, most: int) -> bytes:
        want(path in self.names, f"{path} is missing")
        want(self.archive.getinfo(path).file_size <= most, f"{path} is over {most} bytes")
        return self.archive.read(path)

    def checkpoint(self, path: str) -> Checkpoint:
        return read_checkpoint(path, self.read(path, 1_000_000))

    def entries(self, n: int) -> list[bytes]:
        raws = []
        for path, first, end in tile_paths("tile/entries", n):
            data = self.read(path, 256 * 65_537)
            for _ in range(first, end):
                length = int.from_bytes(data[:2])
                want(len(data) >= 2 + length, f"{path} ends within an entry")
                raws.append(data[2 : 2 + length])
                data = data[2 + length :]
            want(not data, f"{path} has more than {end - first} entries")
        return raws

    def want_tiles(self, tree: Tree, n: int) -> None:
        level, span = 0, 1
        while n // span:
            for path, first, end in tile_paths(f"tile/{level}", n // span):
                hashes = (tree.mth(i * span, (i + 1) * span) for i in range(first, end))
                want(self.read(path, 8192) == b"".join(hashes), f"{path} is not of this tree")
            level, span = level + 1, span * 256

    def checkpoints(self) -> Iterator[Checkpoint]:
        for path in sorted(self.names):
            name = re.fullmatch(r"checkpoints/(\d+)", path, re.ASCII)
            if name:
                point = self.checkpoint(path)
                want(name[1] == str(point.size), f"{path} is of size {point.size}")
                yield point


def want_signatures(points: Sequence[Checkpoint], books: Books, brought: Sequence[str]) -> None:
    """Steps 6 and 8: who has to have signed what."""
    sets = books.keys
    known = {vkey: read_vkey(vkey) for each in sets for vkey in each.vkeys}
    signed = {point.path: signers(point, known) for point in points}
    for point in points:
        want(point.size >= 1, f"{point.path}: no key was in force before entry 0")
        force = [each for each in sets if each.seq < point.size][-1]
        want(signed[point.path] >= set(force.vkeys), f"{point.path}: a key in force did not sign")
    for old, new in pairwise(sets):
        after = min(point.size for point in points if point.size > new.seq)
        for point in points:
            if new.revoked is None and point.size == after:
                handed = signed[point.path] >= set(old.vkeys)
                want(handed, f"{point.path}: a key replaced by entry {new.seq} did not sign")
    reach = False
    for vkey in brought:
        within = [i for i, each in enumerate(sets) if vkey in each.vkeys]
        want(within, f"{vkey[:99]} is in no set of the log's keys")
        want(any(vkey in who for who in signed.values()), f"{vkey[:99]} signed no checkpoint")
        reach |= all(each.revoked is None for each in sets[within[-1] + 1 :])
    want(reach, "every key that you brought was revoked: none of them vouches for the head")


def verify_bundle(path: str | Path, vkeys: Sequence[str]) -> Replayed:
    """Verify an exported log by the steps of section 9; raises Broken or BadBundle.

    `vkeys` come from a source other than the bundle; their name is the origin that is expected.
    """
    try:
        origins = {read_vkey(vkey).name for vkey in vkeys}
    except ValueError as problem:
        raise BadBundle(f"a key that you brought is not a verifier key: {problem}") from None
    want(len(origins) == 1, "bring one or more verifier keys, all of one origin")
    try:
        with zipfile.ZipFile(path) as archive:
            return _verify(Bundle(archive), origins.pop(), vkeys)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as problem:
        raise BadBundle(f"{path} cannot be read as a zip: {problem}") from None


def _verify(bundle: Bundle, origin: str, vkeys: Sequence[str]) -> Replayed:
    head = bundle.checkpoint("checkpoint")  # step 1
    want(head.origin == origin and head.size >= 1, f"the head is not one of {origin}")
    raws = bundle.entries(head.size)  # step 2
    tree = Tree(raws)  # step 3
    want(tree.root(head.size) == head.root, "the entries do not give the root of the head")
    bundle.want_tiles(tree, head.size)
    points = [head, *bundle.checkpoints()]  # step 4
    for point in points:
        mine = point.origin == origin and point.size <= head.size
        want(mine, f"{point.path} is of {point.origin}, size {point.size}")
        want(tree.root(point.size) == point.root, f"{point.path}: the tree never had its root")
    books = keep_books(raws)  # step 5
    want(books.origin == origin, f"the entries are of {books.origin}")
    want_signatures(points, books, vkeys)  # steps 6 and 8
    for each in books.keys:  # step 7
        if each.revoked:
            root = base64.b64encode(tree.root(each.revoked["size"])).decode()
            want(root == each.revoked["root"], f"entry {each.seq} revokes after an unknown head")
    return summary(books, tree)


def main(arguments: Sequence[str]) -> int:
    if len(arguments) < 2:
        sys.stderr.write("python -m tests.replay BUNDLE VKEY...\n")
        return 2
    try:
        found = verify_bundle(arguments[0], arguments[1:])
    except (Broken, BadBundle) as problem:
        sys.stdout.write(f"{problem}\n")
        return 1
    totals: Counter[str] = Counter()
    for name, balance in found.balances.items():
        kind, _, rest = name.partition("/")
        totals[kind + "/held" * rest.endswith("/held")] += balance
    for kind, n in sorted(found.counts.items()):
        sys.stdout.write(f"{n:>12,} {kind}\n")
    for kind, total in sorted(totals.items()):
        sys.stdout.write(f"{total:>12,} points: {kind}\n")
    sys.stdout.write(f"head: {found.size} {base64.b64encode(found.root).decode()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
