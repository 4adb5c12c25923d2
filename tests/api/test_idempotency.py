"""The same request twice enters once and answers the same."""


def without(answer, *headers):
    return {name: value for name, value in answer.headers.items() if name not in headers}


def test_a_replay_gives_the_same_answer_and_says_so(desk):
    # given a credit
    member = desk.member()
    first = desk.credit(member, 25, key="once")

    # when it is sent again
    again = desk.credit(member, 25, key="once")

    # then nothing is entered, and only a header differs, and what each request is known by
    assert desk.balance(member) == 25
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    kept = without(first, "X-Request-Id")
    assert without(again, "Idempotency-Replayed", "X-Request-Id") == kept


def test_a_replay_gives_the_account_that_was_opened(desk):
    body = {"kind": "member", "reference": "0042"}

    first = desk.post("/accounts", body, key="open")
    again = desk.post("/accounts", body, key="open")

    assert again.data == first.data
    assert again.headers["Location"] == first.headers["Location"]


def test_a_key_used_for_another_request_is_refused(desk):
    member = desk.member()
    desk.credit(member, 25, key="once")

    for other in (
        desk.credit(member, 26, key="once"),
        desk.post("/debits", {"account": member, "amount": 25}, key="once"),
        desk.post(f"/accounts/{member}/close", key="once"),
    ):
        assert (other.status_code, other.json["type"]) == (422, "/problems/key-reused")
    assert desk.balance(member) == 25


def test_a_key_that_made_a_proposal_is_used_up(desk):
    # given a grant that waits for a second person
    member, org = desk.member(50), desk.org()
    waiting = desk.credit(member, 1001, key="once")
    assert waiting.status_code == 202

    # when its key comes with something that needs nobody else
    hold = {"account": member, "payee": org, "amount": 5}
    for other in (desk.post("/holds", hold, key="once"), desk.credit(member, 5, key="once")):
        assert (other.status_code, other.json["type"]) == (422, "/problems/key-reused")

    # then the proposal can still be approved
    href = waiting.json["href"]
    assert desk.ask("POST", f"{href}/approve", "second admin").status_code == 201
    assert desk.balance(member) == 1051


def test_a_key_belongs_to_a_person_whatever_their_token(desk):
    # given the same key, used by one person and then by another
    member = desk.member()
    desk.tokens["other token"] = desk.token(desk.first, "officer")
    desk.tokens["other person"] = desk.token(desk.second, "officer")
    body = {"account": member, "amount": 25, "budget": desk.budget}

    first = desk.post("/credits", body, key="once")
    replay = desk.post("/credits", body, "other token", key="once")
    other = desk.post("/credits", body, "other person", key="once")

    assert replay.data == first.data
    assert other.data != first.data
    assert desk.balance(member) == 50


def test_a_refusal_is_replayed_even_when_it_would_pass_by_now(desk):
    # given a debit that was refused for lack of points
    member = desk.member()
    first = desk.post("/debits", {"account": member, "amount": 5}, key="once")
    assert (first.status_code, first.json["type"]) == (409, "/problems/funds")

    # when the points have come, and it is sent again
    desk.credit(member, 10)
    again = desk.post("/debits", {"account": member, "amount": 5}, key="once")

    # then the answer is the same
    assert again.data == first.data
    assert again.headers["Idempotency-Replayed"] == "true"
    assert desk.balance(member) == 10


def test_a_faulty_request_leaves_its_key_unused(desk):
    member = desk.member()

    faulty = desk.credit(member, -25, key="once")
    right = desk.credit(member, 25, key="once")

    assert (faulty.status_code, right.status_code) == (422, 201)


def test_the_same_request_from_many_threads_is_entered_once(desk, app, at_once):
    # given a member
    member = desk.member()
    body = {"account": member, "amount": 25, "budget": desk.budget}
    headers = {"Authorization": f"Bearer {desk.tokens['officer']}", "Idempotency-Key": "once"}

    # when eight clients send the same credit together
    def send():
        return app.test_client().post(f"{desk.base}/credits", json=body, headers=headers)

    answers = at_once(*[send] * 8)

    # then one entered it, and all were told the same
    assert desk.balance(member) == 25
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.data for answer in answers}) == 1
    replayed = [answer.headers.get("Idempotency-Replayed") for answer in answers]
    assert sorted(replayed, key=str) == [None, *["true"] * 7]


def test_one_reference_wanted_by_many_threads_names_one_account(desk, app, at_once):
    def opening(number):
        headers = {
            "Authorization": f"Bearer {desk.tokens['officer']}",
            "Idempotency-Key": f"open-{number}",
        }
        body = {"kind": "member", "reference": "0042"}
        return lambda: app.test_client().post(f"{desk.base}/accounts", json=body, headers=headers)

    answers = at_once(*(opening(number) for number in range(6)))

    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]
    (account,) = (answer.json["account"] for answer in answers if answer.status_code == 201)
    assert desk.get("/accounts?reference=0042").json["accounts"][0]["account"] == account
