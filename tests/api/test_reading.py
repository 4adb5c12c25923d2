"""Reading the books: as of an earlier entry or time, by type, by account, by day, page by page."""

import pytest

DAY = "2026-11-24"


def followed(desk, path, name, role="auditor"):
    """All items of a list, page by page, and the number of pages."""
    items, pages, path = [], 0, f"/v1/ledgers/beiyuan{path}"
    while path:
        answer = desk.ask("GET", path, role)
        assert answer.status_code == 200, answer.text
        items += answer.json[name]
        pages += 1
        path = answer.headers.get("Link", "").partition(">")[0].lstrip("<")
    return items, pages


def seq_of(answer):
    return answer.json["entries"][-1]["seq"]


def test_an_account_is_seen_as_it_was_after_any_entry(desk, clock):
    # given a member who got points, set some aside, and was closed in the end
    member, shop = desk.member(), desk.org()
    first = seq_of(desk.credit(member, 30))
    at = desk.get(f"/entries/{first}").json["at"]
    clock.wait(hours=1)
    hold = seq_of(desk.post("/holds", {"account": member, "payee": shop, "amount": 20}))
    desk.post(f"/holds/{hold}/captures", {})
    desk.post("/debits", {"account": member, "amount": 10})
    closed = seq_of(desk.post(f"/accounts/{member}/close"))

    # when it is looked at as of those entries, and as of a time
    def seen(query):
        return desk.get(f"/accounts/{member}?{query}").json

    # then each shows it as it was, and names the entry
    one = {"account": member, "held": 0, "open": True}
    assert seen(f"as_of={first}") == one | {"as_of": first, "balance": 30, "last": first}
    assert seen(f"as_of_time={at}") == seen(f"as_of={first}")
    assert seen(f"as_of={hold}") == one | {"as_of": hold, "balance": 10, "held": 20, "last": hold}
    assert seen(f"as_of={closed - 1}")["open"] is True
    assert seen(f"as_of={closed}")["open"] is False
    # and beyond the head the head is meant
    assert seen("as_of=9999")["as_of"] == desk.size() - 1
    now = desk.get(f"/accounts/{member}").json
    assert (now["as_of"], now["last"], now["available"]) == (closed, closed - 1, 0)


def test_what_was_not_there_yet_is_not_found(desk):
    member = desk.member()
    opened = desk.size() - 1

    for path in (f"/accounts/{member}", f"/accounts/{member}/history"):
        answer = desk.get(f"{path}?as_of={opened - 1}")
        assert (answer.status_code, answer.json["type"]) == (404, "/problems/account")
        assert f"as of entry {opened - 1}" in answer.json["detail"]
        early = desk.get(f"{path}?as_of_time=2020-01-01T00:00:00Z")
        assert (early.status_code, early.json["type"]) == (422, "/problems/before-ledger")
        assert desk.get(f"{path}?as_of={opened}").status_code == 200


@pytest.mark.parametrize(
    "path", ["/accounts/member/" + "a" * 26, "/entries", "/budgets"], ids=["one", "log", "budgets"]
)
def test_an_entry_or_a_time_is_named_not_both(desk, path):
    answer = desk.get(f"{path}?as_of=3&as_of_time=2026-11-24T02:03:04Z")

    assert answer.json["errors"] == [
        {"field": "as_of_time", "message": "Name `as_of` or `as_of_time`, not both."}
    ]


def test_a_statement_of_a_period_adds_up(desk, clock):
    # given postings on three days
    member = desk.member(100)
    clock.wait(days=1)
    for amount in (1, 2, 3):
        desk.post("/debits", {"account": member, "amount": amount})
    clock.wait(days=1)
    desk.credit(member, 50)

    # when the statement of the second day is read, the oldest first, in pages of two
    path = f"/accounts/{member}/history?from=2026-11-25&to=2026-11-25&order=oldest&limit=2"
    first = desk.get(path).json
    lines, pages = followed(desk, path, "postings")

    # then it opens with what the day before left and closes with what its lines make of it
    assert (first["account"], first["opening"], first["closing"]) == (member, 100, 94)
    assert ([line["amount"] for line in lines], pages) == ([-1, -2, -3], 2)
    assert first["opening"] + sum(line["amount"] for line in lines) == first["closing"]
    # and a later day changes nothing of it
    assert first["as_of"] == desk.size() - 1
    earlier = desk.get(f"{path}&as_of={lines[1]['seq']}").json
    assert (earlier["closing"], earlier["as_of"]) == (97, lines[1]["seq"])
    # and a day without postings opens and closes the same
    empty = desk.get(f"/accounts/{member}/history?from=2026-11-30").json
    assert (empty["opening"], empty["closing"], empty["postings"]) == (144, 144, [])
    # and so does a period that ends before it begins
    turned = desk.get(f"/accounts/{member}/history?from=2026-11-25&to=2026-11-23").json
    assert (turned["opening"], turned["closing"], turned["postings"]) == (100, 100, [])


def test_following_pages_stay_as_of_the_first(desk):
    member = desk.member(1)
    for amount in (2, 3):
        desk.credit(member, amount)
    first = desk.get(f"/accounts/{member}/history?limit=2&order=oldest")
    desk.credit(member, 4)

    following = first.headers["Link"].partition(">")[0].lstrip("<")
    second = desk.ask("GET", following, "auditor").json

    assert second["as_of"] == first.json["as_of"]
    assert second["closing"] == first.json["closing"] == 6
    assert [line["amount"] for line in second["postings"]] == [3]


def test_the_log_is_read_by_type_from_either_end(desk):
    # given credits between other entries
    for amount in (1, 2, 3):
        desk.credit(desk.member(), amount)
    whole, _ = followed(desk, "/entries", "entries")
    credited = [entry for entry in whole if entry["type"] == "credit"]

    for limit in (1, 2, 3, 50):
        query = f"/entries?type=credit&limit={limit}"
        assert followed(desk, query, "entries")[0] == credited
        assert followed(desk, f"{query}&order=newest", "entries")[0] == credited[::-1]
    # and no page is empty while there is more
    assert followed(desk, "/entries?type=credit&limit=2", "entries")[1] == 2
    middle = credited[1]["seq"]
    assert desk.get(f"/entries?type=credit&as_of={middle}").json["entries"] == credited[:2]
    assert desk.get(f"/entries?type=credit&after={middle}").json["entries"] == credited[2:]
    assert desk.get(f"/entries?type=credit&before={middle}").json["entries"] == credited[:1]
    assert desk.get("/entries?type=expiry").json["entries"] == []


def test_many_entries_of_one_batch_are_listed_from_within(desk):
    # given one batch of the ledger's founding, whose second and third entry are of one type
    people = desk.get("/entries?type=person").json["entries"]
    assert [entry["seq"] for entry in people] == [1, 2]

    # when the list begins or ends between them, then it has one of them
    for query in ("after=1", "before=3&order=newest&limit=1", "as_of=2&order=newest&limit=1"):
        found = desk.get(f"/entries?type=person&{query}").json["entries"]
        assert [entry["seq"] for entry in found] == [2], query
    for query in ("before=2", "before=2&order=newest", "as_of=1&order=newest"):
        found = desk.get(f"/entries?type=person&{query}").json["entries"]
        assert [entry["seq"] for entry in found] == [1], query


def test_the_log_is_read_by_account(desk):
    # given a member and the budget that their points came from
    member, other = desk.member(5), desk.member(6)
    desk.post("/debits", {"account": member, "amount": 5})
    desk.post(f"/accounts/{member}/close")
    whole, _ = followed(desk, "/entries", "entries")

    def about(account, *fields):
        return [
            entry
            for entry in whole
            if any(entry.get(field) == account for field in fields)
            or any(posting["account"] == account for posting in entry.get("postings", ()))
        ]

    # then all that concerns an account is listed, openings and budgets included
    mine = about(member, "account")
    assert [entry["type"] for entry in mine] == ["open", "credit", "debit", "close"]
    for limit in (1, 2, 50):
        query = f"/entries?account={member}&limit={limit}"
        assert followed(desk, query, "entries")[0] == mine
        assert followed(desk, f"{query}&order=newest", "entries")[0] == mine[::-1]
    budget, _ = followed(desk, f"/entries?account={desk.budget}", "entries")
    assert budget == about(desk.budget, "budget")
    assert desk.get("/entries?account=withdrawn").json["entries"] == [mine[2]]
    assert desk.get(f"/entries?account={other}&as_of=4").json["entries"] == []
    both = desk.get(f"/entries?account={member}&type=credit")
    assert both.json["errors"][0]["message"] == "Name `type` or `account`, not both."


def test_the_log_is_read_by_day(desk, clock):
    desk.member(1)
    today = desk.size()
    clock.wait(days=1)
    desk.member(2)

    def seqs(query):
        return [entry["seq"] for entry in followed(desk, f"/entries?{query}", "entries")[0]]

    assert seqs(f"to={DAY}") == list(range(today))
    assert seqs("from=2026-11-25") == [today, today + 1]
    assert seqs("from=2026-11-25&type=credit") == [today + 1]
    assert seqs(f"from=2026-11-25&account={desk.budget}") == [today + 1]
    assert seqs("from=2026-11-26") == []
    assert desk.get("/entries?from=2026-02-30").json["errors"][0]["field"] == "from"


def test_accounts_are_listed_page_by_page_and_by_kind(desk, clock):
    # given members and organisations, some points set aside, some of them over
    members = sorted(desk.member(10) for _ in range(5))
    orgs = sorted(desk.org() for _ in range(2))
    until = "2026-11-24T03:00:00Z"
    desk.post("/holds", {"account": members[1], "payee": orgs[0], "amount": 4, "until": until})
    clock.wait(hours=2)

    # when they are listed
    for limit in (1, 2, 3, 50):
        for query, wanted in (
            ("kind=member", members),
            ("kind=org", orgs),
            ("", [*members, *orgs]),
        ):
            found, _ = followed(desk, f"/accounts?limit={limit}&{query}", "accounts")
            assert [each["account"] for each in found] == wanted, (limit, query)
    # and a cursor of one kind gives nothing of it in a list of the other
    after = f"/accounts?kind=org&after={members[0]}"
    assert [each["account"] for each in desk.get(after).json["accounts"]] == orgs
    assert desk.get(f"/accounts?kind=member&after={orgs[0]}").json["accounts"] == []
    # then each is shown as when it is asked for alone
    alone = desk.get(f"/accounts/{members[1]}").json
    assert desk.get(f"/accounts?limit=1&after={members[0]}").json["accounts"] == [
        {name: value for name, value in alone.items() if name != "as_of"}
    ]
    assert (alone["balance"], alone["held"], alone["available"]) == (6, 4, 10)


def test_budgets_are_listed_as_of_any_entry(desk):
    # given a budget that was used and raised, and a second one
    member = desk.member(40)
    used = desk.size() - 1
    days = {"from": "2026-01-01", "to": "2030-12-31"}
    raised = desk.approved("/budgets", {"budget": desk.budget, "limit": 2_000_000, **days})["seq"]
    second = desk.approved("/budgets", {"limit": 5, **days})["budget"]
    desk.credit(member, 2)

    def seen(query):
        listed = desk.get(f"/budgets?{query}").json["budgets"]
        return {each["budget"]: (each["limit"], each["issued"]) for each in listed}

    assert seen("") == {desk.budget: (2_000_000, 42), second: (5, 0)}
    assert seen(f"as_of={raised}") == {desk.budget: (2_000_000, 40)}
    assert seen(f"as_of={used}") == {desk.budget: (1_000_000, 40)}
    assert seen("as_of=4") == {desk.budget: (1_000_000, 0)}
    assert seen("as_of=3") == {}
    listed, pages = followed(desk, "/budgets?limit=1", "budgets")
    assert [each["budget"] for each in listed] == sorted((desk.budget, second))
    assert pages == 3  # the last is empty


def test_policies_and_ledgers_are_listed_page_by_page(desk):
    policy = {"from": "2026-12-01", "grant_limit": 7, "reversal_limit": 7, "hold_days": 7}
    second = desk.approved("/policies", policy | {"transfers": []})["seq"]

    assert [each["policy"] for each in followed(desk, "/policies?limit=1", "policies")[0]] == [
        3,
        second,
    ]
    first = desk.ask("GET", "/v1/ledgers?limit=1", "operator")
    assert first.json["ledgers"] == ["beiyuan"]
    following = first.headers["Link"].partition(">")[0].lstrip("<")
    assert desk.ask("GET", following, "operator").json["ledgers"] == []
