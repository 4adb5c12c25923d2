"""Two faults at once: an entry is refused by the rule that stands first in `RULES`.

Each builder makes an entry that breaks the rules it is told to break, and is good without.
"""

from itertools import combinations

import pytest

from ledger.journal.commands import PlaceHold, Reverse, Transfer
from ledger.journal.entry import POINTS_MAX
from ledger.journal.rules import ORDER
from tests.journal.books import BUDGET, Desk, posting, refused, statement

WRAPPING = ("sequence", "origin", "clock", "once", "standing")
POSTED = ("parts", "balance", "prev")


def _wrap(desk, entry, broken):
    """Faults that any entry can have."""
    if "sequence" in broken:
        entry["seq"] += 1
    if "origin" in broken:
        entry["ledger"] = "points.example.org/log/nanyuan"
    if "clock" in broken:
        entry["at"] = desk.books.head.at
    if "once" in broken:
        entry["request"] = desk.used_request
    if "standing" in broken:
        entry["actor"] = desk.barred
    if "two-people" in broken:
        entry["approver"] = entry["actor"]
    return entry


def _spoil(entry, broken, account, other):
    """Faults of postings; the parts of `account` are dated."""
    if "parts" in broken:
        posting(entry, account)["parts"][0][0] = "2031-01-01"
    if "balance" in broken:
        posting(entry, other)["balance"] += 1
    if "prev" in broken:
        posting(entry, other)["prev"] += 1
    if "flow" in broken:
        posting(entry, other)["amount"] *= 2


def _desk():
    desk = Desk(policy={"grant_limit": 1_000, "reversal_limit": 50})
    desk.used_request = desk.request()
    desk.do(statement("record", ref=desk.ref(), **desk.by), request=desk.used_request)
    desk.barred = desk.person("none")
    return desk


def _fill(desk, account, dates):
    for ahead in range(10, 10 + dates):
        desk.credit(account, 1, desk.day(ahead))


def transfer(broken):
    desk = _desk()
    giver, receiver, poor = desk.open_member(), desk.open_member(), desk.open_member()
    desk.credit(giver, 400, desk.day(90))
    desk.credit(poor, 2, desk.day(90))
    if "dates" in broken:
        _fill(desk, receiver, 64)
    if "due" in broken:
        desk.credit(giver, 1, desk.day(1))
        desk.credit(poor, 1, desk.day(1))
        desk.wait(days=3)
    if "closed" in broken:
        giver = desk.open_member()
        desk.state("close", account=giver, **desk.by)
    elif "funds" in broken:
        giver = poor
    if "account" in broken:
        receiver = desk.id("member")
    purpose = "return" if "purpose" in broken else "gift"
    command = Transfer(account=giver, receiver=receiver, amount=300, purpose=purpose, **desk.by)
    entry = desk.draft(command)
    _spoil(entry, broken, receiver, giver)
    return desk, _wrap(desk, entry, broken)


def credit(broken):
    desk = _desk()
    actor = desk.office
    member = "member" + actor[6:] if "self" in broken else desk.id("member")
    if "account" not in broken:
        desk.state("open", account=member, **desk.by)
    budget = desk.new_budget(
        **{
            "from": "2026-01-01",
            "to": "2026-02-01" if "budget-period" in broken else "2030-12-31",
            "limit": 1_999 if "budget-limit" in broken else 10_000,
            "project": desk.id("project"),
        }
    )
    if "dates" in broken:
        _fill_by(desk, member, 63 if "due" in broken else 64)
    if "due" in broken:
        desk.do(desk.grant(member, 1, desk.day(1), **_others(desk)))
        desk.wait(days=3)
    if "closed" in broken:
        desk.state("close", account=member, **desk.by)
    until = desk.day(-1) if "past-day" in broken else desk.day(5)
    more = {"actor": actor, "approver": None, "project": desk.books.get("budgets", budget).project}
    amount = 2_000 if {"grant", "budget-limit"} & broken else 500
    if "grant" not in broken:
        more["approver"] = desk.second
    if "budget-project" in broken:
        more["project"] = None
    entry = desk.draft(desk.grant(member, amount, until, budget=budget, **more))
    if "effective" in broken:
        entry["effective_at"] = "2027-01-01T00:00:00.000000Z"
    if "reference" in broken:
        entry["for"] = 4
    if "policy" in broken:
        entry["policy"] = 3
    if "parts" in broken:
        lots = posting(entry, member)["parts"]
        lots.append(list(lots[0]))
        lots[1][1] = -1
        lots[0][1] += 1
    _spoil(entry, broken - {"parts"}, member, budget)
    return desk, _wrap(desk, entry, broken)


def _others(desk):
    """Two people of the office beside the founders."""
    return {"actor": desk.person("office"), "approver": desk.person("office")}


def _fill_by(desk, account, dates):
    people = _others(desk)
    for ahead in range(10, 10 + dates):
        desk.do(desk.grant(account, 1, desk.day(ahead), **people))


def hold(broken):
    desk = _desk()
    member, payee = desk.open_member(), desk.open_org()
    desk.credit(member, 100, desk.day(90))
    if "due" in broken:
        desk.credit(member, 100, desk.day(1))
    if "holds" in broken:
        for _ in range(64):
            desk.hold(member, 1, payee)
    if "due" in broken:
        desk.wait(days=3)
    if "closed" in broken:
        desk.state("close", account=payee, **desk.by)
    if "account" in broken:
        payee = desk.id("org")
    until = desk.time(days=101 if "until" in broken else 50)
    amount = 200 if "funds" in broken else 5
    command = PlaceHold(account=member, amount=amount, payee=payee, until=until, **desk.by)
    entry = desk.draft(command)
    _spoil(entry, broken, member + "/held", member)
    return desk, _wrap(desk, entry, broken)


def reversal(broken):
    desk = _desk()
    member, other = desk.open_member(), desk.open_member()
    desk.credit(other, 1_000, desk.day(90))
    if "due" in broken or "lapsed" in broken:
        desk.credit(member, 7, desk.day(1))
    lapsing = desk.credit(member, 60, desk.day(1))
    lasting = desk.credit(member, 60, desk.day(90))
    entry = desk.draft(Reverse(original=lasting, **desk.by))
    if "lapsed" in broken or "due" in broken:
        desk.wait(days=2)
        if "due" not in broken:
            desk.do(desk.grant(member, 1))
        entry = desk.draft(Reverse(original=lasting, **desk.by))
    if "lapsed" in broken:
        entry["for"] = lapsing
    if "reversal" in broken:
        for line in entry["postings"]:
            step = 1 if line["amount"] > 0 else -1
            line["amount"] += step
            line["balance"] += step
    if "reversal-limit" not in broken:
        entry["approver"] = desk.second
    if "reference" in broken:
        entry["for"] = entry["seq"]
    _spoil(entry, broken, member, desk.budget)
    return desk, _wrap(desk, entry, broken)


def service(broken):
    desk = _desk()
    member = desk.id("member")
    if "account" not in broken:
        desk.state("open", account=member, **desk.by)
    if "closed" in broken:
        desk.state("close", account=member, **desk.by)
    more = {}
    if "effective" in broken:
        more["effective_at"] = "2027-01-01T00:00:00.000000Z"
    if "self" in broken:
        more["recorder"] = desk.office
    if "reference" in broken:
        more["for_"] = 4
        more["approver"] = None if "two-people" in broken else desk.second
        more.setdefault("recorder", desk.person("partner"))
    elif "two-people" in broken:
        more["assurance"] = "back-entry"
    entry = desk.draft(desk.service(member, **more))
    return desk, _wrap(desk, entry, broken - {"two-people"})


def budget(broken):
    desk = _desk()
    fields = BUDGET | {"budget": desk.id("issuer")}
    if "limits" in broken:
        fields["limit"] = POINTS_MAX
    if "from" in broken:
        fields["to"] = "2025-12-31"
    entry = desk.draft(statement("budget", **fields, **desk.two))
    return desk, _wrap(desk, entry, broken)


FAULTS = {
    transfer: (
        *WRAPPING,
        "two-people",
        "flow",
        "account",
        "closed",
        "due",
        "purpose",
        "funds",
        "dates",
        *POSTED,
    ),
    credit: (
        *WRAPPING,
        "effective",
        "flow",
        "self",
        "reference",
        "account",
        "closed",
        "due",
        "policy",
        "grant",
        "budget-period",
        "budget-project",
        "budget-limit",
        "past-day",
        "dates",
        *POSTED,
    ),
    hold: (
        *WRAPPING,
        "two-people",
        "flow",
        "account",
        "closed",
        "due",
        "until",
        "holds",
        "funds",
        *POSTED,
    ),
    reversal: (
        *WRAPPING,
        "flow",
        "reference",
        "due",
        "reversal",
        "reversal-limit",
        "lapsed",
        *POSTED,
    ),
    service: (
        *WRAPPING,
        "effective",
        "two-people",
        "self",
        "reference",
        "account",
        "closed",
    ),
    budget: (*WRAPPING, "two-people", "limits", "from"),
}
# Two that cannot both be broken in one entry, or not by these builders; where a reversal or a hold
# names nothing, nobody can say which accounts its postings should join.
APART = {
    ("account", "closed"),
    ("account", "dates"),
    ("account", "due"),
    ("account", "parts"),
    ("closed", "dates"),
    ("closed", "due"),
    ("closed", "parts"),
    ("clock", "effective"),
    ("flow", "reference"),
    ("funds", "parts"),
    ("policy", "grant"),
}


def _pairs():
    for builder, rules in FAULTS.items():
        for pair in combinations(sorted(rules, key=ORDER.__getitem__), 2):
            if pair not in APART:
                yield pytest.param(builder, *pair, id="-".join((builder.__name__, *pair)))


@pytest.mark.parametrize("builder", FAULTS)
def test_the_entry_is_good_where_no_rule_is_broken(builder):
    desk, entry = builder(frozenset())
    desk.judge(entry)


@pytest.mark.parametrize(
    ("builder", "rule"), [(builder, rule) for builder, rules in FAULTS.items() for rule in rules]
)
def test_a_fault_by_itself_is_refused_by_its_rule(builder, rule):
    desk, entry = builder(frozenset({rule}))
    with refused(rule):
        desk.judge(entry)


@pytest.mark.parametrize(("builder", "first", "second"), list(_pairs()))
def test_of_two_faults_the_rule_that_stands_first_refuses(builder, first, second):
    desk, entry = builder(frozenset({first, second}))
    with refused(first):
        desk.judge(entry)
