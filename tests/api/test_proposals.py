"""What needs two people waits for the second one."""

import base64

import pytest

REF = {"commitment": base64.b64encode(bytes(32)).decode(), "id": "settlement/" + "a" * 26}


def proposed(answer):
    """The path of the proposal, below the ledger."""
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == answer.json["href"]
    return answer.json["href"].removeprefix("/v1/ledgers/beiyuan")


def test_a_grant_above_the_limit_waits_and_is_entered_in_both_names(desk):
    # given a grant above the limit of 1,000
    member = desk.member()
    size = desk.size()
    proposal = proposed(desk.credit(member, 1001))
    assert (desk.size(), desk.balance(member)) == (size, 0)
    assert desk.get(proposal).json["state"] == "open"

    # when a second person approves it
    approved = desk.post(f"{proposal}/approve", role="second admin")

    # then it is in the log, naming both
    (entry,) = approved.json["entries"]
    assert (entry["actor"], entry["approver"]) == (desk.first, desk.second)
    assert desk.balance(member) == 1001
    seen = desk.get(proposal).json
    assert (seen["state"], seen["decided_by"], seen["entry"]) == (
        "approved",
        desk.second,
        entry["seq"],
    )


def test_nobody_approves_what_they_proposed(desk):
    proposal = proposed(desk.credit(desk.member(), 1001))
    size = desk.size()

    answer = desk.post(f"{proposal}/approve", role="admin")

    assert (answer.status_code, answer.json["type"]) == (403, "/problems/own-proposal")
    assert desk.get(proposal).json["state"] == "open"
    assert desk.size() == size


def test_an_approval_sent_again_gives_the_same_answer(desk):
    proposal = proposed(desk.credit(desk.member(), 1001))

    first = desk.post(f"{proposal}/approve", role="second admin")
    again = desk.post(f"{proposal}/approve", role="second admin")

    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_declined_proposal_is_closed_for_good(desk):
    # given a proposal that the second person declined
    member = desk.member()
    proposal = proposed(desk.credit(member, 1001))
    declined = desk.post(f"{proposal}/decline", role="second admin")
    assert (declined.status_code, declined.json["state"]) == (201, "declined")

    # when it is approved after all
    answer = desk.post(f"{proposal}/approve", role="second admin")

    # then it stays closed
    assert (answer.status_code, answer.json["type"]) == (409, "/problems/proposal-decided")
    assert desk.balance(member) == 0
    assert desk.post(f"{proposal}/decline", role="second admin").status_code == 201
    assert desk.post(f"{proposal}/decline", role="admin").status_code == 409


def test_an_officer_withdraws_what_they_proposed_and_nothing_else(desk):
    # given a grant that each of two people proposed
    desk.tokens["second officer"] = desk.token(desk.second, "officer")
    member = desk.member()
    mine = proposed(desk.credit(member, 1001))
    body = {"account": member, "amount": 1001, "budget": desk.budget}
    theirs = proposed(desk.post("/credits", body, "second officer"))

    # when the first officer closes both
    own, other = (desk.post(f"{each}/decline", role="officer") for each in (mine, theirs))

    # then only their own is closed
    assert (own.status_code, own.json["state"]) == (201, "declined")
    assert (other.status_code, other.json["type"]) == (403, "/problems/role")
    assert desk.get(theirs).json["state"] == "open"


def test_the_actor_may_withdraw_a_proposal(desk):
    proposal = proposed(desk.credit(desk.member(), 1001))

    assert desk.post(f"{proposal}/decline", role="admin").json["decided_by"] == desk.first


def test_the_same_wish_twice_is_one_proposal(desk):
    member = desk.member()

    first = desk.credit(member, 1001, key="large")
    again = desk.credit(member, 1001, key="large")
    other = desk.credit(member, 1002, key="large")

    assert (again.status_code, again.data) == (202, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json["type"]) == (422, "/problems/key-reused")
    assert len(desk.get("/proposals").json["proposals"]) == 1


def test_the_wish_is_answered_the_same_after_it_was_approved(desk):
    member = desk.member()
    first = desk.credit(member, 1001, key="large")
    desk.post(f"{proposed(first)}/approve", role="second admin")

    again = desk.credit(member, 1001, key="large")

    assert (again.status_code, again.data) == (202, first.data)
    assert desk.balance(member) == 1001


def test_a_small_wish_stays_entered_when_the_limit_is_lowered_below_it(desk, clock):
    # given a grant that one person entered under the policy of its day
    member = desk.member()
    first = desk.credit(member, 900, key="small")
    policy = {
        "from": "2026-11-25",
        "grant_limit": 10,
        "reversal_limit": 10,
        "hold_days": 30,
        "transfers": [],
    }
    proposal = proposed(desk.post("/policies", policy, "admin"))
    assert desk.post(f"{proposal}/approve", role="second admin").status_code == 201

    # when the new policy is in force and the request is sent again
    clock.wait(days=2)
    again = desk.credit(member, 900, key="small")

    # then it is a replay, and the next one a proposal
    assert (again.status_code, again.data) == (201, first.data)
    assert desk.credit(member, 900).status_code == 202


def test_two_people_who_decide_together_decide_once(desk, app, at_once):
    # given a proposal of the first person, and a third person of the office
    member = desk.member()
    desk.tokens["third"] = desk.token(desk.third_of_office(), "admin")
    proposal = proposed(desk.credit(member, 1001))

    # when the second and the third approve it, and the second declines it, at once
    def deciding(role, word):
        headers = {"Authorization": f"Bearer {desk.tokens[role]}"}
        return lambda: app.test_client().post(f"{desk.base}{proposal}/{word}", headers=headers)

    answers = at_once(
        deciding("second admin", "approve"),
        deciding("third", "approve"),
        deciding("second admin", "decline"),
        deciding("third", "decline"),
    )

    # then exactly one decision holds, and the books agree with it
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    state = desk.get(proposal).json["state"]
    assert desk.balance(member) == (1001 if state == "approved" else 0)


def test_what_the_book_refuses_on_approval_is_closed_and_says_why(desk):
    # given a proposal to a member whose account is closed by then
    member = desk.member()
    proposal = proposed(desk.credit(member, 1001))
    desk.post(f"/accounts/{member}/close")

    # when it is approved
    answer = desk.post(f"{proposal}/approve", role="second admin")

    # then it is refused, and stays so
    assert (answer.status_code, answer.json["type"]) == (409, "/problems/closed")
    assert desk.get(proposal).json["state"] == "refused"
    again = desk.post(f"{proposal}/approve", role="second admin")
    assert again.json["type"] == "/problems/proposal-decided"


def test_an_approver_who_left_the_office_leaves_the_proposal_open(desk):
    # given a proposal, and an admin who lost their standing
    third = desk.third_of_office()
    desk.tokens["third"] = desk.token(third, "admin")
    proposal = proposed(desk.credit(desk.member(), 1001))
    desk.approved("/persons", {"person": third, "standing": "none"})

    answer = desk.post(f"{proposal}/approve", role="third")

    assert (answer.status_code, answer.json["type"]) == (403, "/problems/standing")
    assert desk.get(proposal).json["state"] == "open"


def test_nobody_approves_a_gain_of_their_own(desk):
    # given a proposal in favour of the account of the one who would approve it
    own = "member" + desk.second.removeprefix("person")
    answer = desk.credit(own, 1001)

    refused = desk.post(f"{proposed(answer)}/approve", role="second admin")

    assert (refused.status_code, refused.json["type"]) == (403, "/problems/self")


@pytest.mark.parametrize(
    ("path", "body", "role"),
    [
        ("/debits", {"account": "MEMBER", "amount": 5, "overdraw": True}, "officer"),
        ("/reversals", {"entry": "LARGE"}, "officer"),
        ("/reversals", {"entry": "LARGE", "amount": 1001}, "officer"),
        ("/settlements", {"account": "ORG", "amount": 5, "ref": REF}, "officer"),
        ("/write-offs", {"account": "DEBTOR", "amount": 5}, "officer"),
        ("/budgets", {"limit": 5, "from": "2026-01-01", "to": "2026-12-31"}, "admin"),
        ("/persons", {"standing": "office"}, "admin"),
        (
            "/services",
            {
                "member": "MEMBER",
                "minutes": 5,
                "assurance": "back-entry",
                "effective_at": "2026-11-01T00:00:00Z",
                "recorder": "RECORDER",
                "ref": REF,
            },
            "officer",
        ),
    ],
)
def test_two_people_enter_what_one_may_not(desk, path, body, role):
    # given accounts in every state that the wishes are about
    facts = {"MEMBER": desk.member(), "ORG": desk.org(), "DEBTOR": desk.member()}
    desk.credit(facts["ORG"], 10)
    desk.ready(facts["MEMBER"])
    recorder = desk.post("/persons", {"standing": "partner"}, "admin")
    facts["RECORDER"] = recorder.json["person"]
    debt = {"account": facts["DEBTOR"], "amount": 9, "overdraw": True}
    large = {"account": facts["DEBTOR"], "amount": 9, "overdraw": True}
    for wish in (debt, large):
        desk.post(f"{proposed(desk.post('/debits', wish))}/approve", role="second admin")
    grant = desk.credit(facts["MEMBER"], 2000)
    entered = desk.post(f"{proposed(grant)}/approve", role="second admin")
    facts["LARGE"] = entered.json["entries"][-1]["seq"]
    wish = {
        name: facts.get(value, value) if isinstance(value, str) else value
        for name, value in body.items()
    }

    # when such a wish is proposed and approved
    answer = desk.post(path, wish, role)
    approved = desk.post(f"{proposed(answer)}/approve", role="second admin")

    # then the entry names both people
    entry = approved.json["entries"][-1]
    assert (entry["actor"], entry["approver"]) == (desk.first, desk.second)


def test_what_is_within_the_limits_needs_one_person(desk):
    member = desk.member()
    grant = desk.credit(member, 1000)
    seq = grant.json["entries"][-1]["seq"]

    assert grant.status_code == 201
    assert desk.post("/debits", {"account": member, "amount": 1}).status_code == 201
    assert desk.post("/reversals", {"entry": seq, "amount": 1}).status_code == 201
    assert desk.post("/persons", {"standing": "partner"}, "admin").status_code == 201


def test_proposals_are_listed_page_by_page_and_by_state(desk):
    # given three proposals at one and the same time, one of them declined
    member = desk.member()
    made = [proposed(desk.credit(member, 1001 + n)) for n in range(3)]
    desk.post(f"{made[1]}/decline", role="second admin")

    # when they are listed
    path, found = "/v1/ledgers/beiyuan/proposals?limit=1", []
    while path:
        answer = desk.ask("GET", path, "auditor")
        found += answer.json["proposals"]
        path = answer.headers.get("Link", "").partition(">")[0].lstrip("<")

    # then each is there once
    assert len(found) == 3
    assert {f"/proposals/{each['id'].removeprefix('proposal/')}" for each in found} == set(made)
    still_open = desk.get("/proposals?state=open").json["proposals"]
    assert len(still_open) == 2
    assert desk.get(f"/proposals?before=proposal/{'a' * 26}").status_code == 404


def test_a_settlement_stands_behind_the_state_of_all_accounts(desk):
    # given an organisation that collected points
    org = desk.org()
    assert desk.credit(org, 30).status_code == 201
    body = {"account": org, "amount": 30, "ref": REF}
    proposal = proposed(desk.post("/settlements", body))
    size = desk.size()

    # when its settlement is approved
    approved = desk.post(f"{proposal}/approve", role="second admin")

    # then the state of all accounts comes just before it, and the answer tells of the settlement
    (entry,) = approved.json["entries"]
    assert (entry["type"], entry["seq"]) == ("settlement", size + 1)
    assert desk.get(f"/entries/{size}").json["type"] == "state"

    # and one that the book refuses leaves neither
    refused = proposed(desk.post("/settlements", body))
    answer = desk.post(f"{refused}/approve", role="second admin")
    assert (answer.status_code, answer.json["type"]) == (409, "/problems/funds")
    assert desk.size() == size + 2


# --- who proposed is told ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "kind"), [("approve", "proposal-approved"), ("decline", "proposal-declined")]
)
def test_whoever_proposed_is_told_what_became_of_it(desk, how, kind):
    proposed = desk.post(
        "/budgets", {"limit": 10, "from": "2026-01-01", "to": "2026-12-31"}, "admin"
    )
    path = proposed.json["href"].removeprefix(desk.base)

    assert desk.post(f"{path}/{how}", role="second admin").status_code == 201
    desk.post(f"{path}/{how}", role="second admin")  # again

    (told,) = desk.get("/messages", "admin").json["messages"]
    assert told["kind"] == kind
    assert proposed.json["proposal"] in told["texts"]["zh"]["body"]
    assert desk.get("/messages", "second admin").json == {"messages": []}


def test_whoever_withdraws_what_they_proposed_is_told_nothing(desk):
    proposed = desk.post(
        "/budgets", {"limit": 10, "from": "2026-01-01", "to": "2026-12-31"}, "admin"
    )
    path = proposed.json["href"].removeprefix(desk.base)

    assert desk.post(f"{path}/decline", role="admin").status_code == 201

    assert desk.get("/messages", "admin").json == {"messages": []}


def test_what_the_book_refuses_is_told_too(desk):
    # given a write-off of a debt that is gone when it is approved
    account = desk.member(5)
    wanted = {"account": account, "amount": 5}
    over = desk.post("/debits", wanted | {"overdraw": True, "amount": 10}, "officer")
    path = over.json["href"].removeprefix(desk.base)
    desk.post(f"{path}/approve", role="second admin")
    forgiven = desk.post("/write-offs", wanted, "officer")
    desk.credit(account, 100)

    # when it is approved
    path = forgiven.json["href"].removeprefix(desk.base)
    refused = desk.post(f"{path}/approve", role="second admin")

    # then its proposer knows
    assert refused.status_code == 409, refused.text
    kinds = [each["kind"] for each in desk.get("/messages", "officer").json["messages"]]
    assert sorted(kinds) == ["proposal-approved", "proposal-refused"]
