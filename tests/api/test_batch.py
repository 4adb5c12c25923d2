"""A batch: many commands, one key, one answer that stays the same."""

from collections import Counter

import pytest

from api.batch import BATCH_BODY_BYTES_MAX, KINDS
from ledger.journal.batch import ENTRIES_AT_ONCE
from tests.statements import statements

NOBODY = "member/" + "a" * 26


def batch(desk, *commands, atomic=False, key=None, role="officer"):
    return desk.post("/batch", {"atomic": atomic, "commands": list(commands)}, role, key)


def credit(desk, account, amount=5):
    return {"kind": "credit", "account": account, "amount": amount, "budget": desk.budget}


def debit(account, amount=5):
    return {"kind": "debit", "account": account, "amount": amount}


def rules(answer):
    """For each outcome the code of its problem, `entered` without one."""
    assert answer.status_code == 200, answer.text
    return [
        each["problem"]["type"].removeprefix("/problems/") if "problem" in each else "entered"
        for each in answer.json["outcomes"]
    ]


def refused(answer, code, **more):
    assert answer.json["type"] == f"/problems/{code}", answer.text
    return all(answer.json.get(name) == value for name, value in more.items())


def kinds(sent) -> Counter:
    """How many statements there were, by their first words."""
    return Counter(each.words for each in sent)


# --- what it does --------------------------------------------------------------------------------


def test_every_kind_is_entered_as_its_endpoint_enters_it(desk):
    # given two members, a shop, and something to capture, release, reverse and close
    giver, receiver, org = desk.member(100), desk.member(), desk.org()
    holds = [
        desk.post("/holds", {"account": giver, "payee": org, "amount": 10}).json["hold"]
        for _ in range(2)
    ]
    given = desk.credit(receiver, 3).json["entries"][-1]["seq"]
    recorder = desk.post("/persons", {"standing": "partner"}, "admin").json["person"]
    ref = {"commitment": "A" * 43 + "=", "id": "contribution/" + "a" * 26}
    idle = desk.member()
    desk.ready(receiver)

    # when one batch does it all
    answer = batch(
        desk,
        credit(desk, receiver, 7),
        debit(giver, 1),
        {"kind": "transfer", "from": giver, "to": receiver, "amount": 2, "purpose": "gift"},
        {"kind": "hold", "account": giver, "payee": org, "amount": 4},
        {"kind": "capture", "hold": holds[0], "amount": 6, "final": True},
        {"kind": "release", "hold": holds[1]},
        {"kind": "reversal", "entry": given},
        {
            "kind": "service",
            "member": receiver,
            "minutes": 60,
            "assurance": "checked-in",
            "effective_at": "2026-11-23T01:00:00Z",
            "recorder": recorder,
            "ref": ref,
        },
        {"kind": "open", "holder": "member", "reference": "0042"},
        {"kind": "close", "account": idle},
    )

    # then each outcome has its entry, and what its endpoint would tell
    assert rules(answer) == ["entered"] * len(KINDS)
    outcomes = answer.json["outcomes"]
    types = [each["entries"][-1]["type"] for each in outcomes]
    assert sorted(types) == sorted(KINDS)
    told = dict(zip(types, outcomes, strict=True))
    assert told["hold"]["hold"] == told["hold"]["entries"][-1]["seq"]
    assert told["service"]["service"] == told["service"]["entries"][-1]["seq"]
    opened = desk.get("/accounts?reference=0042").json["accounts"][0]["account"]
    assert told["open"]["account"] == opened
    assert desk.balance(receiver) == 9
    assert desk.balance(org) == 6
    assert desk.get(f"/accounts/{giver}").json["held"] == 4
    assert desk.get(f"/accounts/{idle}").json["open"] is False


def test_each_receipt_is_where_the_outcome_says(desk):
    member = desk.member()
    answer = batch(desk, credit(desk, member), credit(desk, member), atomic=True)
    desk.publish()

    for each in answer.json["outcomes"]:
        receipt = desk.ask("GET", each["receipt"], "auditor")
        assert receipt.status_code == 200
        assert each["receipt"].split("/")[-2] == str(each["entries"][-1]["seq"])


def test_each_on_its_own_tells_who_was_refused(desk):
    member = desk.member()

    answer = batch(
        desk,
        debit(member),
        credit(desk, member),
        debit(member),
        credit(desk, NOBODY),
        {"kind": "open", "holder": "org", "reference": "0042"},
        {"kind": "open", "holder": "org", "reference": "0042"},
    )

    expected = ["funds", "entered", "entered", "account", "entered", "reference-taken"]
    assert rules(answer) == expected
    first = answer.json["outcomes"][0]["problem"]
    assert (first["status"], "available" in first["detail"]) == (409, True)
    assert desk.balance(member) == 0


def test_together_all_are_refused_for_one_and_it_is_named(desk):
    member, size = desk.member(10), desk.size()

    answer = batch(desk, debit(member, 7), debit(member, 7), credit(desk, member), atomic=True)

    assert answer.status_code == 409
    assert refused(answer, "funds", command=1)
    assert (desk.size(), desk.balance(member)) == (size, 10)


# --- sent again ----------------------------------------------------------------------------------


@pytest.mark.parametrize("atomic", [True, False])
def test_a_replay_gives_the_same_bytes_and_says_so(desk, atomic):
    member = desk.member(20)
    commands = [debit(member, 7), {"kind": "open", "holder": "member"}, debit(member, 7)]

    first = batch(desk, *commands, atomic=atomic, key="once")
    desk.credit(member, 100)
    again = batch(desk, *commands, atomic=atomic, key="once")

    assert first.status_code == 200
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert desk.balance(member) == 106


@pytest.mark.parametrize("atomic", [True, False])
def test_a_refusal_is_replayed_though_it_would_pass_by_now(desk, atomic):
    member = desk.member(5)
    commands = [debit(member, 5), debit(member, 5)]

    first = batch(desk, *commands, atomic=atomic, key="once")
    desk.credit(member, 100)
    again = batch(desk, *commands, atomic=atomic, key="once")

    assert again.data == first.data
    assert again.headers["Idempotency-Replayed"] == "true"
    assert desk.balance(member) == (105 if atomic else 100)


@pytest.mark.parametrize("atomic", [True, False])
def test_a_key_used_for_anything_else_refuses_the_whole(desk, subtests, atomic):
    # given keys of a credit, of a proposal and of a shorter batch
    member, other = desk.member(5), desk.member()
    desk.credit(member, 1, key="a-credit")
    assert desk.credit(member, 1001, key="a-proposal").status_code == 202
    batch(desk, debit(member, 1), atomic=atomic, key="a-batch")
    size = desk.size()

    for key in ("a-credit", "a-proposal", "a-batch"):
        with subtests.test(key=key):
            # when a batch of more commands comes under it
            answer = batch(desk, debit(member, 1), credit(desk, other), atomic=atomic, key=key)

            # then none of them is entered
            assert answer.status_code == 422
            assert refused(answer, "key-reused")
            assert desk.size() == size

    answer = desk.credit(member, 5, key="a-batch")
    assert (answer.status_code, answer.json["type"]) == (422, "/problems/key-reused")


def test_the_same_batch_from_many_threads_is_entered_once(desk, app, at_once):
    member = desk.member()
    body = {"atomic": False, "commands": [credit(desk, member), debit(member, 2)]}
    headers = {"Authorization": f"Bearer {desk.tokens['officer']}", "Idempotency-Key": "once"}

    def send():
        return app.test_client().post(f"{desk.base}/batch", json=body, headers=headers)

    answers = at_once(*[send] * 6)

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.data for answer in answers}) == 1
    assert desk.balance(member) == 3


def test_two_batches_of_one_key_at_once_enter_one_of_them(desk, app, at_once):
    # given two batches under one key, the one longer than the other
    member = desk.member()
    headers = {"Authorization": f"Bearer {desk.tokens['officer']}", "Idempotency-Key": "once"}

    def sending(amounts):
        commands = [credit(desk, member, amount) for amount in amounts]
        body = {"atomic": False, "commands": commands}
        return lambda: app.test_client().post(f"{desk.base}/batch", json=body, headers=headers)

    # when both are sent together
    answers = at_once(sending([1]), sending([20, 20, 20]))

    # then one is entered whole, and nothing of the other
    assert sorted(answer.status_code for answer in answers) == [200, 422]
    assert desk.balance(member) in (1, 60)


# --- two people ----------------------------------------------------------------------------------


def of_two(desk, member, entry):
    return [
        credit(desk, member, 1001),
        debit(member, 5000) | {"overdraw": True},
        {"kind": "reversal", "entry": entry},
    ]


def test_what_needs_two_people_is_refused_and_sent_by_itself(desk):
    # given something large to reverse
    member = desk.member()
    proposal = desk.credit(member, 1500).json["href"]
    approved = desk.ask("POST", f"{proposal}/approve", "second admin").json
    entry = approved["entries"][-1]["seq"]

    answer = batch(desk, *of_two(desk, member, entry), debit(member, 1))

    assert rules(answer) == ["two-people"] * 3 + ["entered"]
    for each in answer.json["outcomes"][:3]:
        assert "Send it by itself" in each["problem"]["detail"]
    assert desk.get("/proposals?state=open").json["proposals"] == []
    together = batch(desk, debit(member, 1), *of_two(desk, member, entry), atomic=True)
    assert refused(together, "two-people", command=1)
    assert desk.balance(member) == 1499


def test_a_policy_that_changed_since_does_not_change_the_answer(desk, clock):
    # given two batches, one with a grant that needs two people and one with one that does not
    member = desk.member()
    large = batch(desk, credit(desk, member, 1001), debit(member, 1), key="large")
    small = batch(desk, credit(desk, member, 900), key="small")
    assert (rules(large), rules(small)) == (["two-people", "funds"], ["entered"])

    # when the policy turns both around
    def limited(grant_limit):
        policy = {
            "from": "2026-11-24",
            "grant_limit": grant_limit,
            "reversal_limit": 1000,
            "hold_days": 100,
            "transfers": [],
        }
        desk.approved("/policies", policy)

    limited(2000)
    assert batch(desk, credit(desk, member, 1001), debit(member, 1), key="large").data == large.data
    limited(10)
    assert batch(desk, credit(desk, member, 900), key="small").data == small.data

    # then a new key gets the new policy's answer
    assert rules(batch(desk, credit(desk, member, 900))) == ["two-people"]
    assert desk.balance(member) == 900


# --- bad input -----------------------------------------------------------------------------------


def test_a_faulty_field_is_named_with_its_place_and_nothing_is_entered(desk):
    member, size = desk.member(), desk.size()
    commands = [credit(desk, member)] * 3
    commands += [
        credit(desk, member, 1.5),
        debit(member) | {"colour": "red"},
        {"kind": "capture", "amount": 5},
        {"kind": "settlement", "account": member},
        {"kind": ["credit"]},
        "credit",
        {"kind": "hold", "account": member, "ref": {"id": 1}, "payee": member, "amount": 1},
    ]

    answer = batch(desk, *commands, key="kept")

    assert (answer.status_code, answer.json["type"]) == (422, "/problems/fields")
    assert {each["field"] for each in answer.json["errors"]} == {
        "commands.3.amount",
        "commands.4.colour",
        "commands.5.hold",
        "commands.6.kind",
        "commands.7.kind",
        "commands.8.kind",
        "commands.9.ref",
    }
    assert desk.size() == size
    # and the key is still free
    assert batch(desk, credit(desk, member), key="kept").status_code == 200


@pytest.mark.parametrize("count", [0, 1001])
def test_a_batch_has_1_to_1000_commands(desk, count):
    answer = batch(desk, *[debit(NOBODY)] * count)

    assert (answer.status_code, answer.json["type"]) == (422, "/problems/fields")
    assert answer.json["errors"][0]["field"] == "commands"


def test_its_body_may_be_longer_than_others_and_has_a_limit_too(desk):
    member = desk.member()
    commands = [credit(desk, member, 1)] * 1000
    assert rules(batch(desk, *commands)) == ["entered"] * 1000
    assert desk.balance(member) == 1000

    size = desk.size()
    padding = " " * BATCH_BODY_BYTES_MAX
    for path, text in (("/batch", padding), ("/credits", " " * 70_000)):
        answer = desk.client.post(
            desk.base + path,
            data=f'{{"atomic":true,{text}"commands":[]}}',
            headers={
                "Authorization": f"Bearer {desk.tokens['officer']}",
                "Content-Type": "application/json",
                "Idempotency-Key": desk.key(),
            },
        )
        assert (answer.status_code, answer.json["type"]) == (413, "/problems/too-large")
    assert desk.size() == size


# --- cost ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("atomic", [True, False])
def test_the_number_of_statements_hardly_grows_with_the_commands(desk, atomic):
    # given accounts, and entries to reverse
    members = [desk.member(20) for _ in range(4)]
    org = desk.org()

    def commands(times):
        made = [credit(desk, members[n % 4], 3) for n in range(times)]
        made += [{"kind": "open", "holder": "org", "reference": f"{times}-{n}"} for n in range(9)]
        made += [
            {"kind": "hold", "account": members[n % 4], "payee": org, "amount": 1}
            for n in range(min(times, 60))
        ]
        return made + [credit(desk, members[0], 2_000)] * (0 if atomic else times)

    def sent(times):
        with statements(desk.installation.database) as entering:
            first = batch(desk, *commands(times), atomic=atomic, key=f"of-{times}")
        with statements(desk.installation.database) as replaying:
            again = batch(desk, *commands(times), atomic=atomic, key=f"of-{times}")
        assert first.status_code == 200, first.text
        assert again.data == first.data
        return kinds(entering), kinds(replaying)

    # when a batch of a few comes, and then one of hundreds, to accounts with holds
    sent(1)
    few, hundreds = sent(2), sent(300)

    # then the second takes no statement more, but for the subtree that it finishes, and for what
    # goes out with each 64 entries where no later command can take them back
    pieces = 0 if atomic else (300 + 9 + 60) // ENTRIES_AT_ONCE
    tables = ("account", "entry", "hold", "mention", "posting", "request", "run")
    more = Counter({f"INSERT INTO {table}": pieces for table in tables})
    assert hundreds[0] - few[0] <= more + Counter({"INSERT INTO subtree": 1})
    assert hundreds[1] == few[1]
