"""What each resource answers in the ordinary case, page by page."""

import base64

from ledger.programme.people.tables import metadata
from tests.api.conftest import FOUNDING

REF = {"commitment": base64.b64encode(bytes(32)).decode(), "id": "contribution/" + "a" * 26}


def test_an_account_is_closed_when_empty_and_opened_again(desk):
    # given an account with points
    member = desk.member(5)

    # when it is closed, then only once it is empty
    assert desk.post(f"/accounts/{member}/close").json["type"] == "/problems/closing"
    desk.post("/debits", {"account": member, "amount": 5})
    assert desk.post(f"/accounts/{member}/close").status_code == 201
    assert desk.get(f"/accounts/{member}").json["open"] is False

    # and it takes nothing until it is open again
    assert desk.credit(member, 1).json["type"] == "/problems/closed"
    assert desk.post(f"/accounts/{member}/reopen").status_code == 201
    assert desk.credit(member, 1).status_code == 201
    assert desk.post(f"/accounts/{member}/reopen").json["type"] == "/problems/opening"


def test_only_an_account_that_was_there_is_opened_again(desk):
    answer = desk.post(f"/accounts/member/{'a' * 26}/reopen")

    assert answer.json["type"] == "/problems/account"


def test_points_are_transferred_for_a_purpose_that_the_policy_lists(desk):
    giver, receiver = desk.member(50), desk.member()
    gift = {"from": giver, "to": receiver, "amount": 20, "purpose": "gift"}

    assert desk.post("/transfers", gift).status_code == 201
    assert (desk.balance(giver), desk.balance(receiver)) == (30, 20)
    unlisted = desk.post("/transfers", gift | {"purpose": "donation"})
    assert (unlisted.status_code, unlisted.json["type"]) == (422, "/problems/purpose")


def test_a_credit_is_reversed_in_part_and_then_whole(desk):
    member = desk.member()
    seq = desk.credit(member, 30).json["entries"][-1]["seq"]

    assert desk.post("/reversals", {"entry": seq, "amount": 10}).status_code == 201
    assert desk.balance(member) == 20
    assert desk.post("/reversals", {"entry": seq}).status_code == 201
    assert desk.balance(member) == 0
    assert desk.post("/reversals", {"entry": seq}).json["type"] == "/problems/reversal"


def test_a_hold_is_released_whole(desk):
    member, org = desk.member(50), desk.org()
    hold = desk.post("/holds", {"account": member, "payee": org, "amount": 20}).json["hold"]

    desk.post(f"/holds/{hold}/captures", {"amount": 5})
    assert desk.get(f"/holds/{hold}").json["left"] == 15
    assert desk.post(f"/holds/{hold}/release").status_code == 201
    assert desk.balance(member) == 45
    assert desk.post(f"/holds/{hold}/release").json["type"] == "/problems/reference"


def test_what_was_due_comes_back_with_the_entry_that_found_it(desk, clock):
    # given a member whose dated points lapse
    member = desk.member()
    desk.credit(member, 5, valid_until="2026-11-30")
    clock.wait(days=10)

    # when the member gets points after that day
    answer = desk.credit(member, 7)

    # then the answer has the expiry too, and the receipt is the credit's
    kinds = [entry["type"] for entry in answer.json["entries"]]
    assert kinds == ["expiry", "credit"]
    credit = answer.json["entries"][-1]["seq"]
    assert answer.json["receipt"] == f"/v1/ledgers/beiyuan/entries/{credit}/receipt"


def test_service_is_recorded_and_credited(desk):
    # given a member and somebody who recorded their time
    member = desk.member()
    desk.ready(member)
    recorder = desk.post("/persons", {"standing": "partner"}, "admin").json["person"]
    service = {
        "member": member,
        "minutes": 90,
        "assurance": "roster",
        "effective_at": "2026-11-21T01:00:00Z",
        "recorder": recorder,
        "ref": REF,
    }

    # when it is recorded and credited
    recorded = desk.post("/services", service)
    credited = desk.credit(member, 300, service=recorded.json["service"])

    # then the credit is of the service's time
    assert recorded.json["entries"][0]["effective_at"] == "2026-11-21T01:00:00.000000Z"
    assert credited.status_code == 201
    assert credited.json["entries"][0]["effective_at"] == "2026-11-21T01:00:00.000000Z"
    again = desk.credit(member, 10, service=recorded.json["service"])
    assert again.json["type"] == "/problems/credited"


def test_a_history_is_read_page_by_page_the_newest_first(desk):
    # given 5 postings
    member = desk.member()
    seqs = [desk.credit(member, n).json["entries"][0]["seq"] for n in range(1, 6)]

    # when pages of 2 are followed
    path, pages = f"/v1/ledgers/beiyuan/accounts/{member}/history?limit=2", []
    while path:
        answer = desk.ask("GET", path, "auditor")
        pages.append([line["seq"] for line in answer.json["postings"]])
        path = answer.headers.get("Link", "").partition(">")[0].lstrip("<")

    # then each posting was there once
    assert pages == [[seqs[4], seqs[3]], [seqs[2], seqs[1]], [seqs[0]]]


def test_the_log_is_read_page_by_page_and_by_type(desk):
    # given a log with 3 credits in it
    member = desk.member()
    for points in (1, 2, 3):
        desk.credit(member, points)

    # when it is read, whole and by type
    def followed(path):
        found = []
        while path:
            answer = desk.ask("GET", path, "auditor")
            found += answer.json["entries"]
            path = answer.headers.get("Link", "").partition(">")[0].lstrip("<")
        return found

    whole = followed("/v1/ledgers/beiyuan/entries?limit=4")
    credited = followed("/v1/ledgers/beiyuan/entries?limit=2&type=credit")

    # then nothing is missing and nothing twice
    assert [entry["seq"] for entry in whole] == list(range(desk.size()))
    assert credited == [entry for entry in whole if entry["type"] == "credit"]
    assert desk.get(f"/entries/{whole[-1]['seq']}").json == whole[-1]
    assert desk.get("/entries/999").status_code == 404


def test_a_ledger_shows_where_it_stands(desk):
    desk.member(10)

    assert desk.get("").json == {
        "ledger": "beiyuan",
        "origin": "points.example.org/log/beiyuan",
        "size": 7,
        "at": desk.get("/entries/6").json["at"],
        "published": 5,
        "utc_offset_minutes": 480,
        "budgets": 1,
    }
    assert desk.ask("GET", "/v1/ledgers", "operator").json == {"ledgers": ["beiyuan"]}


def test_budgets_say_what_is_issued_and_left(desk):
    desk.member(400)

    assert desk.get("/budgets").json == {
        "as_of": 6,
        "budgets": [
            {
                "budget": desk.budget,
                "limit": 1_000_000,
                "from": "2026-01-01",
                "to": "2030-12-31",
                "issued": 400,
                "left": 999_600,
            }
        ],
    }


def test_policies_are_listed(desk):
    (policy,) = desk.get("/policies").json["policies"]

    assert policy["policy"] == 3
    assert policy["transfers"] == [
        {"purpose": "gift", "from": "member", "to": "member", "limit": 100}
    ]


def test_people_are_introduced_and_listed_page_by_page(desk):
    new = desk.post("/persons", {"standing": "auditor"}, "admin").json["person"]
    known = sorted([desk.first, desk.second, new])

    first = desk.get("/persons?limit=2")
    following = first.headers["Link"].partition(">")[0].lstrip("<")
    second = desk.ask("GET", following, "auditor")

    listed = first.json["persons"] + second.json["persons"]
    assert [each["person"] for each in listed] == known
    assert {"person": new, "standing": "auditor"} in listed


def test_a_reference_belongs_to_one_account(desk):
    # given an account known by a name with an accent, typed in one form
    account = desk.post("/accounts", {"kind": "org", "reference": "caf\u00e9"}).json["account"]

    # when another is opened by the same name, typed in the other form
    size = desk.size()
    second = desk.post("/accounts", {"kind": "org", "reference": "cafe\u0301"})

    # then it is refused, nothing is entered, and the first is found
    assert (second.status_code, second.json["type"]) == (409, "/problems/reference-taken")
    assert desk.size() == size
    found = desk.get("/accounts?reference=cafe\u0301").json["accounts"]
    assert [each["account"] for each in found] == [account]
    assert desk.get("/accounts?reference=nobody").json == {"accounts": []}


def test_no_reference_is_stored_in_clear(desk, installation):
    desk.post("/accounts", {"kind": "member", "reference": "13800000000"})

    with installation.database.reading() as conn:
        stored = [
            str(row)
            for table in metadata.sorted_tables
            for row in conn.execute(table.select()).all()
        ]
    assert not [row for row in stored if "13800000000" in row]


def test_a_second_ledger_has_its_own_books_and_the_name_of_the_operator_is_taken(desk):
    second = desk.ask("POST", "/v1/ledgers", "operator", {"name": "nanyuan"} | FOUNDING)
    assert second.status_code == 201
    again = desk.ask("POST", "/v1/ledgers", "operator", {"name": "nanyuan"} | FOUNDING)
    assert (again.status_code, again.json["type"]) == (409, "/problems/ledger-exists")
    reserved = desk.ask("POST", "/v1/ledgers", "operator", {"name": "operator"} | FOUNDING)
    assert (reserved.status_code, reserved.json["type"]) == (409, "/problems/ledger-exists")
    member = desk.member()
    foreign = second.json["founders"][0]["token"]
    seen = desk.ask("GET", f"/v1/ledgers/nanyuan/accounts/{member}", foreign)
    assert seen.json["type"] == "/problems/account"


def test_a_budget_that_is_changed_is_there(desk):
    # given an id of nobody's, as a slip of the keyboard makes one
    days = {"from": "2026-01-01", "to": "2026-12-31"}
    slip = "issuer/" + "a" * 26

    # when a budget of that id is to be changed
    answer = desk.post("/budgets", {"budget": slip, "limit": 5} | days, "admin")

    # then none is made
    assert (answer.status_code, answer.json["type"]) == (404, "/problems/account")
    assert slip in answer.json["detail"]
    assert desk.get("/proposals", "admin").json["proposals"] == []
