"""The second verifier accepts the page's worked log and refuses every small damage to it."""

import base64
import json
import re
import zipfile
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from tests import replay as r

PAGE = (Path(__file__).parent.parent / "docs" / "journal.md").read_text(encoding="utf-8")
WORKED = [
    line.encode()
    for line in re.findall(r'^\{"a.*\}$', PAGE.partition("<!-- worked:begin -->")[2], re.MULTILINE)
]
LI, WANG = "person/euydwrsrlrtxe7misopktnf7zi", "person/jjkwa23wqggjpivnxdb45wpe54"
MEMBER, ORG = "member/jvmgg3tzqshzvjnqxpdndxhh6i", "org/oj6yre46vg2l7swv4dv7maimc4"
ISSUER = "issuer/n55ilee3u2y3zr6s3xuph7qjcq"
ORIGIN = "points.example.org/log/beiyuan"
NOBODY = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
HASH = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

Log = list[dict[str, Any]]


def worked() -> Log:
    return [json.loads(raw) for raw in WORKED]


def refusal(raws: list[bytes]) -> tuple[int, str]:
    with pytest.raises(r.Broken) as caught:
        r.replay(raws)
    return caught.value.seq, caught.value.rule


# The page's figures


def test_the_worked_log_replays_to_the_balances_that_the_page_states() -> None:
    found = r.replay(WORKED)
    assert found.size == 17
    assert found.balances == {
        MEMBER: 13,
        MEMBER + "/held": 0,
        ORG: 15,
        ORG + "/held": 0,
        ISSUER: -50,
        "expired": 15,
        "settled": 0,
        "withdrawn": 7,
        "written-off": 0,
    }
    assert found.parts == {
        MEMBER: [["never", 13]],
        MEMBER + "/held": [],
        ORG: [["never", 15]],
        ORG + "/held": [],
    }
    assert found.counts["expiry"] == 2
    assert sum(found.counts.values()) == 17


def test_the_worked_log_has_the_root_of_the_page() -> None:
    root = base64.b64encode(r.replay(WORKED).root).decode()
    assert f"over these 17 entries has the root `{root}`" in PAGE


def test_parts_are_dated_in_the_middle_of_the_worked_log() -> None:
    found = r.replay(WORKED[:10])
    assert found.parts[MEMBER] == [["never", 15]]
    assert found.parts[MEMBER + "/held"] == [["2026-11-30", 30], ["never", 5]]


def test_the_leaf_of_the_member_in_the_state_is_that_of_the_page() -> None:
    member = r.keep_books(WORKED[:11]).accounts[MEMBER]
    leaf = r.encode([MEMBER, member.balance, 0, member.count, member.last, member.nonce])
    assert f"\n{leaf.decode()}\n" in PAGE


def test_the_next_of_entry_0_is_the_hash_of_the_key_that_the_page_prints() -> None:
    (key,) = re.findall(rf"^{re.escape(ORIGIN)}\+[0-9a-f]{{8}}\+\S+$", PAGE, re.MULTILINE)
    assert r.read_vkey(key).type == 0x01
    assert r.set_hash([key]) == worked()[0]["next"]


def test_the_regular_expressions_are_those_of_the_page() -> None:
    printed = dict(re.findall(r'^(date|origin|key) +"(.*)"$', PAGE, re.MULTILINE))
    assert printed["date"] == r.DAY
    assert printed["origin"] == r.ORIGIN
    assert printed["key"].startswith(r.ORIGIN)


# RFC 6962: the leaves and roots that the Certificate Transparency code tests itself with

CT_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
CT_LEAVES += ["606162636465666768696a6b6c6d6e6f"]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(9))
def test_a_root_is_that_of_rfc_6962(size: int) -> None:
    tree = r.Tree([bytes.fromhex(leaf) for leaf in CT_LEAVES])
    assert tree.root(size).hex() == CT_ROOTS[size]


def test_tiles_of_70_000_leaves_are_those_that_c2sp_lists() -> None:
    paths = [path for path, _, _ in r.tile_paths("tile/0", 70_000)]
    assert (len(paths), paths[0], paths[-1]) == (274, "tile/0/000", "tile/0/273.p/112")
    assert [path for path, _, _ in r.tile_paths("t", 1001 * 256)][-1] == "t/x001/000"


# Section 7: every line of its tables


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading of section 7."""
    table = PAGE.partition(heading)[2].partition("|\n\n")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def parts(cell: str) -> dict[str, int]:
    if cell == "nothing":
        return {}
    return {day: int(n) for day, n in (part.split(": ") for part in cell.split(", "))}


@pytest.mark.parametrize(("has", "n", "change"), rows("Spending ("))
def test_spending_by_the_page(has: str, n: str, change: str) -> None:
    assert r.spend(parts(has), int(n)) == parts(change)


@pytest.mark.parametrize(("has", "lots", "change"), rows("Receiving ("))
def test_receiving_by_the_page(has: str, lots: str, change: str) -> None:
    assert r.receive(sum(parts(has).values()), parts(lots)) == parts(change)


@pytest.mark.parametrize(("lots", "n", "back", "held"), rows("Capturing, from"))
def test_capturing_by_the_page(lots: str, n: str, back: str, held: str) -> None:
    whole = sum(parts(lots).values())
    assert r.cut(parts(lots), int(n), whole) == parts(back)
    assert r.minus(parts(lots)) == parts(held)


@pytest.mark.parametrize(("took", "before", "n", "back"), rows("Reversing in parts"))
def test_giving_back_by_the_page(took: str, before: str, n: str, back: str) -> None:
    assert r.from_the_end(parts(took), int(n), int(before)) == parts(back)


@pytest.mark.parametrize(("has", "brought", "change"), rows("Reversing, who got"))
def test_taking_back_by_the_page(has: str, brought: str, change: str) -> None:
    n = sum(parts(brought).values())
    assert r.take_back(parts(has), parts(brought), n) == parts(change)


# Damage. Each line: what was done, to which entry, the entry that is refused, and the rule.


def put(seq: int, /, **fields: Any) -> Callable[[Log], None]:
    return lambda log: log[seq].update({k.rstrip("_"): v for k, v in fields.items()})


def drop(seq: int, *fields: str) -> Callable[[Log], None]:
    return lambda log: [log[seq].pop(name) for name in fields] and None


def post(seq: int, which: int, **fields: Any) -> Callable[[Log], None]:
    return lambda log: log[seq]["postings"][which].update(fields)


def amounts(seq: int, *values: int) -> Callable[[Log], None]:
    """Other amounts, with the balances that go with them."""

    def change(log: Log) -> None:
        for p, value in zip(log[seq]["postings"], values, strict=True):
            p["balance"] += value - p["amount"]
            p["amount"] = value

    return change


def both(*changes: Callable[[Log], None]) -> Callable[[Log], None]:
    return lambda log: [change(log) for change in changes] and None


def leave_out(seq: int) -> Callable[[Log], None]:
    """An entry is missing, and those after it are numbered as if it had never been."""

    def change(log: Log) -> None:
        del log[seq]
        for number, e in enumerate(log):
            e["seq"] = number

    return change


def swap(one: int, other: int) -> Callable[[Log], None]:
    def change(log: Log) -> None:
        log[one], log[other] = log[other], log[one]

    return change


def swap_and_renumber(one: int, other: int) -> Callable[[Log], None]:
    return both(swap(one, other), put(one, seq=one), put(other, seq=other))


WAY = {"from": "member", "limit": 20, "purpose": "gift", "to": "member"}
LATE_DAY = [["2026-11-30", 29], ["never", 1]]
DAMAGE = [
    ("an entry is missing", lambda log: log.pop(8), 8, "sequence"),
    ("an entry stands twice", lambda log: log.insert(9, log[8]), 9, "sequence"),
    ("two entries change places", swap(7, 8), 7, "sequence"),
    ("two entries change places and numbers", swap_and_renumber(5, 6), 6, "clock"),
    ("an expiry is left out", leave_out(12), 12, "due"),
    ("the second expiry is left out", leave_out(15), 15, "due"),
    ("a grant is left out", leave_out(8), 8, "funds"),
    ("another log's entry", put(9, ledger="points.example.org/log/nanyuan"), 9, "origin"),
    ("the ledger entry is of another log", put(0, ledger="example.org/log/b00"), 0, "keys"),
    ("entry 0 is a policy", lambda log: log.pop(0), 0, "sequence"),
    ("the same time twice", put(8, at="2026-11-24T02:07:00.000000Z"), 8, "clock"),
    ("31 days and a little", put(16, at="2027-01-02T02:15:00.000001Z"), 16, "gap"),
    ("an effect to come", put(7, effective_at="2026-11-24T02:07:00.000001Z"), 7, "effective"),
    ("one founder is both", put(2, person=LI), 2, "founding"),
    ("a founder is an auditor", put(1, standing="auditor"), 1, "founding"),
    ("a founder is approved", put(2, actor=LI), 2, "founding"),
    ("budget before policy", swap_and_renumber(3, 4), 3, "founding"),
    ("one request twice", both(put(7, request=HASH), put(8, request=HASH)), 8, "once"),
    ("a request of nobody", put(12, request=HASH), 12, "form"),
    ("a state with a request of nobody", put(11, request=HASH), 11, "two-people"),
    ("a member grants", put(8, actor="person/" + MEMBER[7:]), 8, "standing"),
    ("a stranger approves", put(3, approver="person/" + NOBODY), 3, "standing"),
    ("an actor approves", put(3, approver=LI), 3, "two-people"),
    ("a budget of one person", drop(4, "approver"), 4, "form"),
    ("an amount that does not balance", amounts(8, -20, 21), 8, "flow"),
    ("more than the dated parts", amounts(7, -31, 31), 7, "parts"),
    ("a flow the wrong way", amounts(13, 4, -4), 13, "flow"),
    ("a third posting", lambda log: log[13]["postings"].insert(0, HELD), 13, "flow"),
    ("postings out of order", lambda log: log[13]["postings"].reverse(), 13, "flow"),
    ("a wrong balance", post(8, 1, balance=51), 8, "balance"),
    ("a wrong prev", post(8, 1, prev=5), 8, "prev"),
    ("an issuer with parts", post(8, 0, parts=[["never", -20]]), 8, "parts"),
    ("undated parts told", post(8, 1, parts=[["never", 20]]), 8, "parts"),
    ("parts in wrong order", post(7, 1, parts=LATE_DAY[::-1]), 7, "parts"),
    ("another split of parts", post(7, 1, parts=LATE_DAY), 9, "parts"),
    ("a day kept too long", post(7, 1, parts=[["2026-12-30", 30]]), 9, "parts"),
    ("a day that is past", post(7, 1, parts=[["2026-11-23", 30]]), 7, "past-day"),
    ("a hold takes undated first", post(9, 0, parts=[["never", -35]]), 9, "parts"),
    ("a capture takes another order", post(10, 1, parts=[["never", -35]]), 10, "parts"),
    ("a budget that is over", put(4, to="2026-11-23"), 7, "budget-period"),
    ("a budget of one project", put(4, project="project/" + NOBODY), 7, "budget-project"),
    ("a small budget", put(4, limit=49), 8, "budget-limit"),
    ("a budget back to front", put(4, to="2026-10-31"), 4, "from"),
    ("a low grant limit", put(3, grant_limit=29), 7, "grant"),
    ("a low reversal limit", put(3, reversal_limit=9), 14, "reversal-limit"),
    ("a policy to come", put(3, from_="2026-11-25"), 7, "grant"),
    ("a way listed twice", put(3, transfers=[WAY, WAY | {"limit": 1}]), 3, "from"),
    ("a hold for too long", put(9, until="2027-03-05T02:09:00.000001Z"), 9, "until"),
    ("a hold that ends at once", put(9, until="2026-11-25T02:09:00.000000Z"), 9, "until"),
    ("a hold over before capture", put(9, until="2026-11-25T02:09:59.999999Z"), 10, "due"),
    ("a payee who gives", put(9, payee=MEMBER), 9, "flow"),
    ("a payee who is unknown", put(9, payee="org/" + NOBODY), 9, "account"),
    ("a capture of no hold", put(10, for_=8), 10, "reference"),
    ("a capture of more", amounts(10, 10, -46, 36), 10, "funds"),
    ("a final capture without the word", drop(10, "final"), 10, "flow"),
    ("an expiry a moment early", put(12, at="2026-11-30T15:59:59.999999Z"), 12, "due"),
    ("a reversal of an expiry", put(14, for_=12), 14, "reference"),
    ("a reversal of what is to come", put(14, for_=14), 14, "reference"),
    ("a reversal of a lapsed credit", put(14, for_=7), 14, "flow"),
    ("a reversal of more", amounts(14, 26, -26), 14, "reversal"),
    ("a debit of too much", amounts(16, -17, 17), 16, "funds"),
    ("an account opened twice", put(6, account=MEMBER), 6, "opening"),
    ("an account never opened", put(5, account="member/" + NOBODY), 7, "account"),
    ("a state of other accounts", put(11, root=HASH), 11, "root"),
    ("a nonce under a state", put(10, nonce="AAAAAAAAAAAAAAAAAAAAAA=="), 11, "root"),
    ("a key that is none", put(0, vkeys=[f"{ORIGIN}+00000000+{'A' * 44}"]), 0, "keys"),
    ("the same key twice", lambda log: log[0].update(vkeys=log[0]["vkeys"] * 2), 0, "keys"),
    ("a second version", put(9, v=2), 9, "form"),
    ("a field of another type", put(9, purpose="gift"), 9, "form"),
    ("a day out of the calendar", put(4, to="2027-02-30"), 4, "form"),
    ("a fraction", put(4, limit=1000.0), 4, "form"),
    ("a truth for a one", put(9, v=True), 9, "form"),
    ("nothing posted", post(8, 1, amount=0), 8, "form"),
    ("stray bits in a nonce", put(9, nonce="KzZBTFdibXiDjpmkr7rF0B=="), 9, "form"),
]
HELD = {"account": MEMBER + "/held", "amount": 1, "balance": 1, "prev": 10}


@pytest.mark.parametrize(
    ("damage", "seq", "rule"), [d[1:] for d in DAMAGE], ids=[d[0] for d in DAMAGE]
)
def test_damage_is_refused(damage: Callable[[Log], None], seq: int, rule: str) -> None:
    log = worked()
    damage(log)
    assert refusal([r.encode(e) for e in log]) == (seq, rule)


SPELLINGS = {
    "a space": (b'"seq":5', b'"seq": 5'),
    "an escape": (b'"type":"open"', b'"type":"\\u006fpen"'),
    "minus zero": (b'"seq":5', b'"seq":-0'),
    "a field twice": (b'"seq":5', b'"seq":5,"seq":5'),
    "a leading zero": (b'"seq":5', b'"seq":05'),
    "fields out of order": (b'"seq":5,"type":"open"', b'"type":"open","seq":5'),
    "a byte too many": (b'"v":1}', b'"v":1}\n'),
    "a null": (b'"v":1}', b'"v":1,"w":null}'),
    "a letter beyond ASCII": (b'"open"', '"öpen"'.encode()),
    "nested without end": (b'"seq":5', b'"seq":' + b"[" * 60_000),
    "too long": (b'"seq":5', b'"seq":5' + b"0" * 65_535),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_another_spelling_of_an_entry_is_refused(name: str) -> None:
    old, new = SPELLINGS[name]
    assert old in WORKED[5]
    spelt = WORKED[5].replace(old, new)
    assert refusal([*WORKED[:5], spelt, *WORKED[6:]]) == (5, "form")


def test_nobody_grants_themselves_points() -> None:
    log = b"\n".join(WORKED).replace(MEMBER[7:].encode(), LI[7:].encode())
    assert refusal(log.split(b"\n")) == (7, "self")


# Other types of entries, written on from the worked log


class Pen:
    """Writes on, and fills in what follows from the books."""

    def __init__(self, log: list[bytes]) -> None:
        self.raws = list(log)
        self.day, self.minute = 3, 0

    def write(self, type_: str, posted: dict[str, Any] | None = None, **fields: Any) -> int:
        """`posted`: account → the parts of its change. Returns the entry's `seq`."""
        self.minute += 1
        seq, clock = len(self.raws), f"{2 + self.minute // 60:02}:{self.minute % 60:02}:00.000000Z"
        at = f"2026-12-{self.day:02}T{clock}"
        e = {
            "at": at,
            "ledger": ORIGIN,
            "nonce": "A" * 22 + "==",
            "seq": seq,
            "type": type_,
            "v": 1,
        }
        e |= {key.rstrip("_"): value for key, value in fields.items() if value is not None}
        if posted:
            books = r.keep_books(self.raws)
            e["postings"] = [self.posting(books, *item) for item in sorted(posted.items())]
        self.raws.append(r.encode(e))
        return seq

    @staticmethod
    def posting(books: r.Books, name: str, change: dict[str, int]) -> dict[str, Any]:
        account, amount = books.accounts[name], sum(change.values())
        told = {} if set(change) == {"never"} else {"parts": [[d, n] for d, n in change.items()]}
        balance = account.balance + amount
        return {"account": name, "amount": amount, "balance": balance, "prev": account.last} | told


REF = {"commitment": HASH, "id": "record/" + NOBODY}
NOON = "2026-12-02T04:00:00.000000Z"


@pytest.fixture
def pen() -> Pen:
    return Pen(WORKED)


def serve(pen: Pen, **fields: Any) -> int:
    who = {"actor": LI, "recorder": WANG, "member": MEMBER, "ref": REF}
    what = {"assurance": "roster", "effective_at": NOON, "minutes": 60}
    return pen.write("service", **(who | what | fields))


def pay(pen: Pen, service: int | None, **fields: Any) -> int:
    posted = {ISSUER: {"never": -6}, MEMBER: {"never": 6}}
    usual = {"actor": LI, "effective_at": NOON, "for_": service, "policy": 3}
    return pen.write("credit", posted, **(usual | fields))


def undo(pen: Pen, credit: int, n: int) -> int:
    posted = {ISSUER: {"never": n}, MEMBER: {"never": -n}}
    return pen.write("reversal", posted, actor=LI, for_=credit)


def test_a_service_is_paid_once_until_its_credit_is_wholly_reversed(pen: Pen) -> None:
    service = serve(pen)
    credit = pay(pen, service)
    undo(pen, credit, 4)
    assert refusal(pay_again(pen, service)) == (20, "credited")
    undo(pen, credit, 2)
    assert r.replay(pay_again(pen, service)).balances[MEMBER] == 19


def pay_again(pen: Pen, service: int | None, **fields: Any) -> list[bytes]:
    other = Pen(pen.raws)
    other.minute = pen.minute
    pay(other, service, **fields)
    return other.raws


def test_what_was_replaced_or_withdrawn_is_not_paid(pen: Pen) -> None:
    # Given a service that a later one withdrew; its change has a recorder of its own
    clerk = "person/" + NOBODY
    pen.write("person", actor=LI, person=clerk, standing="partner")
    first = serve(pen)
    second = serve(pen, for_=first, minutes=0, approver=WANG, recorder=clerk)
    assert refusal(pay_again(pen, first)) == (20, "replaced")
    assert refusal(pay_again(pen, second)) == (20, "replaced")


def test_a_recorder_without_standing_records_nothing(pen: Pen) -> None:
    serve(pen, recorder="person/" + NOBODY)
    assert refusal(pen.raws) == (17, "standing")


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"recorder": LI}, "self"),
        ({"recorder": "person/" + MEMBER[7:]}, "self"),
        ({"assurance": "back-entry"}, "two-people"),
        ({"minutes": 0}, "reference"),
        ({"member": "member/" + NOBODY}, "account"),
    ],
)
def test_a_service_is_refused(pen: Pen, fields: dict[str, Any], rule: str) -> None:
    serve(pen, **fields)
    assert refusal(pen.raws) == (17, rule)


def test_a_member_records_what_is_checked_in(pen: Pen) -> None:
    serve(pen, assurance="checked-in", recorder="person/" + MEMBER[7:])
    assert r.replay(pen.raws).counts["service"] == 1


def test_a_credit_names_the_policy_in_force_if_and_only_if_it_is_for_a_service(pen: Pen) -> None:
    service = serve(pen)
    for wrong in (None, 4):
        assert refusal(pay_again(pen, service, policy=wrong)) == (18, "policy")
    assert refusal(pay_again(pen, None, policy=3)) == (18, "policy")


def test_a_credit_is_for_the_time_of_its_service(pen: Pen) -> None:
    service = serve(pen)
    later = "2026-12-02T04:00:00.000001Z"
    assert refusal(pay_again(pen, service, effective_at=later)) == (18, "reference")


def test_a_service_is_replaced_once(pen: Pen) -> None:
    clerk = "person/" + NOBODY
    pen.write("person", actor=LI, person=clerk, standing="partner")
    first = serve(pen)
    serve(pen, for_=first, minutes=30, approver=WANG, recorder=clerk)
    serve(pen, for_=first, minutes=40, approver=WANG, recorder=clerk)
    assert refusal(pen.raws) == (20, "replaced")


def test_lapsed_points_are_not_taken_back_from_their_credit(pen: Pen) -> None:
    # Given points of today, a night, and their expiry
    dated = {ISSUER: {"never": -9}, MEMBER: {"2026-12-03": 9}}
    credit = pen.write("credit", dated, actor=LI, effective_at=NOON)
    pen.day = 4
    pen.write("expiry", {MEMBER: {"2026-12-03": -9}, "expired": {"never": 9}})
    assert r.replay(pen.raws).balances["expired"] == 24
    undo(pen, credit, 9)
    assert refusal(pen.raws) == (19, "lapsed")


def test_no_receiver_gets_more_than_64_days(pen: Pen) -> None:
    days = [f"2027-{month:02}-{day:02}" for month in (1, 2, 3) for day in range(1, 28)]
    for many in (64, 65):
        trial = Pen(pen.raws)
        dated = {ISSUER: {"never": -many}, MEMBER: dict.fromkeys(days[:many], 1)}
        trial.write("credit", dated, actor=LI, effective_at=NOON)
        if many == 64:
            assert len(r.replay(trial.raws).parts[MEMBER]) == 65
    assert refusal(trial.raws) == (17, "dates")


def test_nobody_has_more_than_64_open_holds(pen: Pen) -> None:
    much = {ISSUER: {"never": -90}, MEMBER: {"never": 90}}
    pen.write("credit", much, actor=LI, effective_at=NOON)
    held = {MEMBER: {"never": -1}, MEMBER + "/held": {"never": 1}}
    for _ in range(65):
        pen.write("hold", held, actor=LI, payee=ORG, until="2026-12-09T00:00:00.000000Z")
    assert refusal(pen.raws) == (82, "holds")


def test_no_balance_and_no_sum_of_limits_is_beyond_the_range(pen: Pen) -> None:
    other = Pen(pen.raws)
    days = {"from_": "2026-11-01", "to": "2027-10-31"}
    people = {"actor": LI, "approver": WANG}
    other.write("budget", budget="issuer/" + NOBODY, limit=r.MOST - 999, **days, **people)
    assert refusal(other.raws) == (17, "limits")
    posted = {MEMBER: {"never": -r.MOST}, "withdrawn": {"never": r.MOST}}
    pen.write("debit", posted, **people)
    assert refusal(pen.raws) == (17, "range")


def test_a_new_set_of_keys_is_the_one_that_was_committed_to(pen: Pen) -> None:
    vkeys = worked()[0]["vkeys"]
    pen.write("key", actor=LI, approver=WANG, next=HASH, vkeys=vkeys)
    assert refusal(pen.raws) == (17, "keys")


def test_a_founder_alone_makes_no_third_office(pen: Pen) -> None:
    pen.write("person", actor=LI, person="person/" + NOBODY, standing="office")
    assert refusal(pen.raws) == (17, "two-people")


def test_an_erasure_is_not_announced_for_a_day_that_is_past(pen: Pen) -> None:
    fields = {"actor": LI, "approver": WANG, "subject": MEMBER}
    pen.write("erasure", on="2026-12-03", **fields)
    pen.write("erasure", on="2026-12-02", **fields)
    assert refusal(pen.raws) == (18, "from")


def test_debts_are_not_undone_by_those_who_owe_them(pen: Pen) -> None:
    # Given an account of the office worker's own, with a debt made by two others
    mine, third = "member/" + LI[7:], "person/" + NOBODY
    pen.write("person", actor=LI, approver=WANG, person=third, standing="office")
    pen.write("open", account=mine, actor=WANG)
    owed = {mine: {"never": -5}, "withdrawn": {"never": 5}}
    debit = pen.write("debit", owed, actor=WANG, approver=third)
    back = {mine: {"never": 5}, "withdrawn": {"never": -5}}
    for fields in ({"actor": LI}, {"actor": WANG, "approver": LI}):
        trial = Pen(pen.raws)
        trial.minute = pen.minute
        trial.write("reversal", back, for_=debit, **fields)
        assert refusal(trial.raws) == (20, "self")
    gift = {mine: {"never": 5}, "written-off": {"never": -5}}
    pen.write("write-off", gift, actor=WANG, approver=LI)
    assert refusal(pen.raws) == (20, "self")


STRANGER = "person/" + NOBODY
TWO = {"actor": LI, "approver": WANG}
POLICY = TWO | {"grant_limit": 1, "hold_days": 1, "reversal_limit": 1, "rules": HASH}
NEXT = [
    (
        "office for nobody's asking",
        "person",
        {"person": STRANGER, "standing": "none"},
        "two-people",
    ),
    ("of oneself", "person", {"actor": LI, "person": LI, "standing": "none"}, "self"),
    ("of the approver", "person", TWO | {"person": WANG, "standing": "none"}, "self"),
    ("a stranger opens", "open", {"actor": STRANGER, "account": "org/" + NOBODY}, "standing"),
    ("a policy from before", "policy", POLICY | {"from_": "2026-12-02", "transfers": []}, "from"),
    ("a second ledger", "ledger", {"next": HASH, "utc_offset_minutes": 0, "vkeys": ()}, "form"),
    ("closing the unknown", "close", {"actor": LI, "account": "org/" + NOBODY}, "account"),
    ("a release of no hold", "release", {"for_": 9, "postings": []}, "form"),
]


@pytest.mark.parametrize(
    ("type_", "fields", "rule"), [n[1:] for n in NEXT], ids=[n[0] for n in NEXT]
)
def test_a_next_entry_is_refused(pen: Pen, type_: str, fields: dict[str, Any], rule: str) -> None:
    pen.write(type_, **fields)
    assert refusal(pen.raws) == (17, rule)


def test_anybody_opens_their_own_account_but_a_partner_is_not_approved_in_it(pen: Pen) -> None:
    pen.write("open", actor=STRANGER, account="member/" + NOBODY)
    pen.write("person", actor=LI, person=STRANGER, standing="partner")
    pen.write("open", actor=STRANGER, approver=WANG, account="org/" + NOBODY)
    assert refusal(pen.raws) == (19, "standing")


def test_the_verifier_of_a_service_is_not_its_member(pen: Pen) -> None:
    pen.write("open", account="member/" + LI[7:], actor=WANG)
    serve(pen, member="member/" + LI[7:])
    assert refusal(pen.raws) == (18, "self")


def test_the_oldest_due_hold_is_released_first(pen: Pen) -> None:
    held = {MEMBER: {"never": -3}, MEMBER + "/held": {"never": 3}}
    until = "2026-12-03T02:09:00.000000Z"
    first, second = (pen.write("hold", held, actor=LI, payee=ORG, until=until) for _ in range(2))
    pen.minute = 9
    back = {MEMBER: {"never": 3}, MEMBER + "/held": {"never": -3}}
    trial = Pen(pen.raws)
    trial.minute = 9
    trial.write("release", back, for_=second)
    assert refusal(trial.raws) == (19, "due")
    pen.write("release", back, for_=first)
    pen.write("release", back, for_=second)
    assert r.replay(pen.raws).balances[MEMBER] == 13


def test_what_a_getter_owes_to_the_clock_comes_before_a_reversal(pen: Pen) -> None:
    # Given points whose day has passed, of who got them
    dated = {ISSUER: {"never": -9}, MEMBER: {"2026-12-03": 9}}
    credit = pen.write("credit", dated, actor=LI, effective_at=NOON)
    pen.day = 4
    undo(pen, credit, 9)
    assert refusal(pen.raws) == (18, "due")


def test_a_gift_of_more_than_there_is_is_refused(pen: Pen) -> None:
    friend = "member/" + NOBODY
    pen.write("open", account=friend, actor=LI)
    gift = {MEMBER: {"never": -14}, friend: {"never": 14}}
    pen.write("transfer", gift, actor=LI, purpose="gift")
    assert refusal(pen.raws) == (18, "funds")


@pytest.mark.parametrize(
    ("fields", "right"),
    [
        ({}, True),
        ({"revoked": {"root": HASH, "size": 17}}, True),
        ({"revoked": {"root": HASH, "size": 18}}, False),
        ({"next": "the same again"}, False),
        ({"vkeys": "without Ed25519"}, False),
    ],
)
def test_a_change_of_keys(fields: dict[str, Any], right: bool) -> None:
    vkeys = [Signer(6).vkey] if "vkeys" in fields else [Signer(1).vkey, Signer(6).vkey]
    committed = r.set_hash(vkeys)
    log = worked()
    log[0]["next"] = committed
    pen = Pen([r.encode(e) for e in log])
    after = committed if "next" in fields else HASH
    pen.write("key", **TWO, **(fields | {"vkeys": vkeys, "next": after}))
    if right:
        assert r.replay(pen.raws).counts["key"] == 1
    else:
        assert refusal(pen.raws) == (17, "keys")


def test_a_debt_is_paid_first_by_whatever_comes(pen: Pen) -> None:
    # Given a debt of 7, a hold that takes points with it is impossible and a write-off is bounded
    posted = {MEMBER: {"never": -20}, "withdrawn": {"never": 20}}
    pen.write("debit", posted, actor=LI, approver=WANG)
    dated = {ISSUER: {"never": -9}, MEMBER: {"2026-12-31": 9}}
    wrong = Pen(pen.raws)
    wrong.minute = pen.minute
    wrong.write("credit", dated, actor=LI, effective_at=NOON)
    assert refusal(wrong.raws) == (18, "parts")
    # When 9 come, 2 of them dated
    dated[MEMBER] = {"2026-12-31": 2, "never": 7}
    pen.write("credit", dated, actor=LI, effective_at=NOON)
    found = r.replay(pen.raws)
    # Then these two are what the member has
    assert found.parts[MEMBER] == [["2026-12-31", 2]]


def test_a_write_off_is_at_most_the_debt(pen: Pen) -> None:
    pen.write(
        "debit", {MEMBER: {"never": -20}, "withdrawn": {"never": 20}}, actor=LI, approver=WANG
    )
    posted = {MEMBER: {"never": 8}, "written-off": {"never": -8}}
    pen.write("write-off", posted, actor=LI, approver=WANG)
    assert refusal(pen.raws) == (18, "debt")


def test_a_gift_needs_its_line_and_carries_days(pen: Pen) -> None:
    friend = "member/" + NOBODY
    pen.write("open", account=friend, actor=LI)
    dated = {ISSUER: {"never": -9}, MEMBER: {"2026-12-31": 9}}
    pen.write("credit", dated, actor=LI, effective_at=NOON)
    gift = {MEMBER: {"2026-12-31": -9, "never": -1}, friend: {"2026-12-31": 9, "never": 1}}
    pen.write("transfer", gift, actor="person/" + MEMBER[7:], purpose="gift")
    assert r.replay(pen.raws).parts[friend] == [["2026-12-31", 9], ["never", 1]]
    back = {friend: {"2026-12-31": -1}, ORG: {"2026-12-31": 1}}
    pen.write("transfer", back, actor="person/" + MEMBER[7:], purpose="gift")
    assert refusal(pen.raws) == (20, "purpose")


def test_an_account_closes_empty_and_takes_nothing_after(pen: Pen) -> None:
    settled = {ORG: {"never": -15}, "settled": {"never": 15}}
    pen.write("settlement", settled, actor=LI, approver=WANG, ref=REF)
    pen.write("close", account=ORG, actor=LI)
    assert r.replay(pen.raws).balances["settled"] == 15
    pen.write("credit", {ISSUER: {"never": -1}, ORG: {"never": 1}}, actor=LI, effective_at=NOON)
    assert refusal(pen.raws) == (19, "closed")


def test_an_account_with_points_does_not_close(pen: Pen) -> None:
    pen.write("close", account=ORG, actor=LI)
    assert refusal(pen.raws) == (17, "closing")


def test_a_hold_past_its_time_is_released_before_anything_else(pen: Pen) -> None:
    held = {MEMBER: {"never": -3}, MEMBER + "/held": {"never": 3}}
    until = "2026-12-03T02:02:00.000000Z"
    hold = pen.write("hold", held, actor=LI, payee=ORG, until=until)
    pen.minute = 9
    late = Pen(pen.raws)
    late.minute = 9
    late.write("capture", {MEMBER + "/held": {"never": -1}, ORG: {"never": 1}}, actor=LI, for_=hold)
    assert refusal(late.raws) == (18, "due")
    pen.write("release", {MEMBER: {"never": 3}, MEMBER + "/held": {"never": -3}}, for_=hold)
    assert r.replay(pen.raws).parts[MEMBER] == [["never", 13]]


# A bundle, signed with keys made here


class Signer:
    """One log key: Ed25519 (type 1) or ML-DSA-44 (type 6)."""

    def __init__(self, type_: int) -> None:
        self.type = type_
        self.key = Ed25519PrivateKey.generate() if type_ == 1 else MLDSA44PrivateKey.generate()
        blob = bytes([type_]) + self.key.public_key().public_bytes_raw()
        self.id = r.sha256(ORIGIN.encode() + b"\n" + blob)[:4]
        self.vkey = f"{ORIGIN}+{self.id.hex()}+{base64.b64encode(blob).decode()}"

    def line(self, size: int, root: bytes) -> str:
        if self.type == 1:
            signature = self.key.sign(head_text(size, root).encode())
        else:
            stamp, name = (1_800_000_000).to_bytes(8), bytes([len(ORIGIN)]) + ORIGIN.encode()
            ends = bytes(8) + size.to_bytes(8)
            message = b"subtree/v1\n\x00" + name + stamp + name + ends + root
            signature = stamp + self.key.sign(message)
        return f"\u2014 {ORIGIN} {base64.b64encode(self.id + signature).decode()}\n"


def head_text(size: int, root: bytes) -> str:
    return f"{ORIGIN}\n{size}\n{base64.b64encode(root).decode()}\n"


def checkpoint(raws: list[bytes], size: int, *signers: Signer) -> bytes:
    root = r.Tree(raws).root(size)
    return (head_text(size, root) + "\n" + "".join(s.line(size, root) for s in signers)).encode()


Files = dict[str, bytes]


class Exported:
    """The worked log under keys of ours, and a change of keys as entry 17."""

    def __init__(self, revoked: int | None = None, root: str | None = None) -> None:
        self.old, self.pq, self.new = Signer(1), Signer(6), Signer(1)
        log = worked()
        vkeys = [self.old.vkey, self.pq.vkey]
        log[0] |= {"vkeys": vkeys, "next": r.set_hash([self.new.vkey])}
        pen = Pen([r.encode(e) for e in log])
        head = None
        if revoked is not None:
            was = base64.b64encode(r.Tree(pen.raws).root(revoked)).decode()
            head = {"root": root or was, "size": revoked}
        fields = {"actor": LI, "approver": WANG, "next": HASH, "revoked": head}
        pen.write("key", vkeys=[self.new.vkey], **fields)
        self.raws = pen.raws
        signers = [self.new] if revoked else [self.new, self.old, self.pq]
        tree = r.Tree(self.raws)
        self.files: Files = {
            "checkpoint": checkpoint(self.raws, 18, *signers),
            "checkpoints/5": checkpoint(self.raws, 5, self.old, self.pq),
            "tile/0/000.p/18": b"".join(tree.hashes),
            "tile/entries/000.p/18": b"".join(len(e).to_bytes(2) + e for e in self.raws),
            "manifest.json": b"whatever",
        }

    def save(self, path: Path) -> Path:
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in self.files.items():
                archive.writestr(name, data)
        return path


@pytest.fixture(scope="module")
def export() -> Exported:
    return Exported()


def test_a_bundle_verifies_with_any_key_of_the_chain(export: Exported, tmp_path: Path) -> None:
    path = export.save(tmp_path / "log.zip")
    for signer in (export.old, export.pq, export.new):
        assert r.verify_bundle(path, [signer.vkey]).balances[MEMBER] == 13


def test_the_command_prints_the_head_and_says_what_is_wrong(
    export: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(export.save(tmp_path / "log.zip"))
    assert r.main([path, export.new.vkey]) == 0
    assert "head: 18 " in capsys.readouterr().out
    assert r.main([path, Signer(1).vkey]) == 1
    assert "is in no set" in capsys.readouterr().out
    assert r.main([path]) == 2


def copy_of(export: Exported) -> Exported:
    same = copy(export)
    same.files = dict(export.files)
    return same


def without(*names: str) -> Callable[[Exported, Files], None]:
    return lambda _, files: [files.pop(name) for name in names] and None


def flipped(name: str, at: int) -> Callable[[Exported, Files], None]:
    def change(_: Exported, files: Files) -> None:
        data = bytearray(files[name])
        data[at] ^= 1
        files[name] = bytes(data)

    return change


def signed(name: str, size: int, *who: str) -> Callable[[Exported, Files], None]:
    def change(export: Exported, files: Files) -> None:
        signers = [getattr(export, each) for each in who]
        files[name] = checkpoint(export.raws, size, *signers)

    return change


def another_tree(export: Exported, files: Files) -> None:
    files["checkpoints/5"] = checkpoint([b"other"] * 5, 5, export.old, export.pq)


def rewritten(name: str, old: str, new: str) -> Callable[[Exported, Files], None]:
    def change(_: Exported, files: Files) -> None:
        files[name] = files[name].decode().replace(old, new).encode()

    return change


def longer(name: str) -> Callable[[Exported, Files], None]:
    return lambda _, files: files.update({name: files[name] + b"\0"})


BUNDLE_DAMAGE = [
    ("a root of another tree", another_tree, "never had its root"),
    ("bytes after the last entry", longer("tile/entries/000.p/18"), "more than 18 entries"),
    ("a file of any length", longer("checkpoint"), "not a checkpoint"),
    ("an extension line", rewritten("checkpoint", "\n\n", "\nmore\n\n"), "not a checkpoint"),
    ("a bell", rewritten("checkpoint", ORIGIN, ORIGIN + "\a"), "control characters"),
    ("another origin", rewritten("checkpoint", ORIGIN, "example.org/log/b00"), "not one of"),
    ("no signature", rewritten("checkpoint", "\u2014", "-"), "not a checkpoint"),
    ("no head", without("checkpoint"), "checkpoint is missing"),
    ("no tile", without("tile/0/000.p/18"), "000.p/18 is missing"),
    ("a wrong tile", flipped("tile/0/000.p/18", 40), "not of this tree"),
    ("a wrong byte in an entry", flipped("tile/entries/000.p/18", 400), "do not give the root"),
    ("a wrong length", flipped("tile/entries/000.p/18", 1), "ends within an entry|more than"),
    ("the head lacks the new key", signed("checkpoint", 18, "old", "pq"), "in force did not sign"),
    ("the head lacks an old key", signed("checkpoint", 18, "old", "new"), "replaced by entry 17"),
    ("an early one lacks a key", signed("checkpoints/5", 5, "old"), "in force did not sign"),
    ("a size not of its name", signed("checkpoints/6", 5, "old", "pq"), "is of size 5"),
    ("a size beyond the head", signed("checkpoints/19", 19, "new"), "size 19"),
    ("a size of nothing", signed("checkpoints/0", 0, "old", "pq"), "no key was in force"),
    (
        "a head of fewer entries",
        signed("checkpoint", 17, "old", "pq"),
        "entries/000.p/17 is missing",
    ),
]


@pytest.mark.parametrize(
    ("damage", "words"), [d[1:] for d in BUNDLE_DAMAGE], ids=[d[0] for d in BUNDLE_DAMAGE]
)
def test_a_damaged_bundle_is_refused(
    export: Exported, tmp_path: Path, damage: Callable[[Exported, Files], None], words: str
) -> None:
    # A longer log is at hand for heads of a size that this one never had
    damaged, other = copy_of(export), copy_of(export)
    other.raws = [*export.raws, b""]
    damage(other, damaged.files)
    with pytest.raises(r.BadBundle, match=words):
        r.verify_bundle(damaged.save(tmp_path / "log.zip"), [export.new.vkey])


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_wrong_signature_of_a_known_key_is_an_error(
    export: Exported, tmp_path: Path, line: int
) -> None:
    # Given a head whose signatures are those of another root
    damaged = copy_of(export)
    other = checkpoint([*export.raws[:-1], b"other"], 18, export.new, export.old, export.pq)
    right, wrong = (note.split(b"\n") for note in (export.files["checkpoint"], other))
    right[4 + line] = wrong[4 + line]
    damaged.files = export.files | {"checkpoint": b"\n".join(right)}
    with pytest.raises(r.BadBundle, match="did not sign it"):
        r.verify_bundle(damaged.save(tmp_path / "log.zip"), [export.new.vkey])


def test_a_revoked_key_vouches_for_nothing_later(tmp_path: Path) -> None:
    export = Exported(revoked=5)
    path = export.save(tmp_path / "log.zip")
    assert r.verify_bundle(path, [export.new.vkey]).size == 18
    with pytest.raises(r.BadBundle, match="revoked"):
        r.verify_bundle(path, [export.old.vkey])


def test_a_revocation_names_a_head_that_was(tmp_path: Path) -> None:
    export = Exported(revoked=5, root=HASH)
    with pytest.raises(r.BadBundle, match="unknown head"):
        r.verify_bundle(export.save(tmp_path / "log.zip"), [export.new.vkey])


def test_keys_come_from_elsewhere_and_are_of_one_origin(export: Exported, tmp_path: Path) -> None:
    path = export.save(tmp_path / "log.zip")
    for vkeys in ([], ["nonsense"], [export.new.vkey, export.new.vkey.replace("beiyuan", "b00")]):
        with pytest.raises(r.BadBundle, match="verifier key"):
            r.verify_bundle(path, vkeys)


def test_a_file_is_not_in_a_bundle_twice(export: Exported, tmp_path: Path) -> None:
    path = export.save(tmp_path / "log.zip")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("checkpoint", export.files["checkpoint"])
    with pytest.raises(r.BadBundle, match="twice"):
        r.verify_bundle(path, [export.new.vkey])


def test_an_entry_that_breaks_a_rule_is_named_though_all_signatures_hold(tmp_path: Path) -> None:
    # Given a log whose keys signed a debit of more than there is
    export = Exported()
    log = [json.loads(raw) for raw in export.raws]
    amounts(16, -17, 17)(log)
    export.raws = [r.encode(e) for e in log]
    tree = r.Tree(export.raws)
    export.files |= {
        "checkpoint": checkpoint(export.raws, 18, export.new, export.old, export.pq),
        "tile/0/000.p/18": b"".join(tree.hashes),
        "tile/entries/000.p/18": b"".join(len(e).to_bytes(2) + e for e in export.raws),
    }
    with pytest.raises(r.Broken, match="entry 16 breaks rule funds"):
        r.verify_bundle(export.save(tmp_path / "log.zip"), [export.new.vkey])
