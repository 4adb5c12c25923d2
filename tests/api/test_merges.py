"""Merges: proposed by one of the office and approved by another; both histories are there after."""

import io
import json
import zipfile

import pytest

MERGES = {"purpose": "merge", "from": "member", "to": "member", "limit": 1_000}
POLICY = {"from": "2026-11-24", "transfers": [MERGES], "grant_limit": 1_000}
POLICY |= {"reversal_limit": 1_000, "hold_days": 100}
INSURED = {"kind": "insurance", "what": "accident", "issuer": "人保财险", "number": "PA-1"}
INSURED |= {"from": "2026-01-01", "to": "2026-12-31"}


@pytest.fixture
def twice(desk):
    """Somebody who joined twice, under a policy that knows merges."""
    desk.approved("/policies", POLICY)
    desk.old, desk.kept = (person_of(desk.member(points)) for points in (20, 5))
    for person in (desk.old, desk.kept):
        desk.keep(person, full_name="王小明", phone="13800138000")
    return desk


def person_of(account):
    return account.replace("member/", "person/")


def account_of(person):
    return person.replace("person/", "member/")


def propose(desk, key=None, **said):
    body = {"from": desk.old, "into": desk.kept, "reason": "他在服务台说他注册过两次。"} | said
    return desk.post("/merges", body, "admin", key=key)


def approve(desk, proposed, role="second admin"):
    href = proposed.json["href"].removeprefix(desk.base)
    return desk.post(f"{href}/approve", role=role)


def merge_of(desk, proposed):
    """The path of the merge that a proposal is about."""
    href = proposed.json["href"].removeprefix(desk.base)
    merge = desk.get(href, "admin").json["values"]["ref"]["id"]
    return merge.replace("merge/", "/merges/")


def problem(answer):
    return answer.status_code, answer.json["type"].removeprefix("/problems/")


def test_two_people_merge_and_can_look_it_up(twice):
    desk = twice
    proposed = propose(desk)
    path = merge_of(desk, proposed)

    # who decides reads why, and it is not done yet
    before = desk.get(path, "second admin").json
    assert before["reason"].startswith("他在")
    assert (before["from"], before["into"]) == (desk.old, desk.kept)
    assert before["shared"] == ["full_name", "phone"]
    assert "at" not in before
    assert desk.get("/merges", "officer").json == {"merges": []}
    assert problem(approve(desk, proposed, "admin")) == (403, "own-proposal")

    done = approve(desk, proposed)

    assert done.status_code == 201
    (entry,) = done.json["entries"]
    (listed,) = desk.get("/merges", "officer").json["merges"]
    assert listed == {
        "from": desk.old,
        "into": desk.kept,
        "merge": before["id"],
        "at": entry["at"],
        "entry": entry["seq"],
    }
    assert desk.get(path, "officer").json == before | {"at": entry["at"], "entry": entry["seq"]}
    # both histories stay, and the old account is closed
    assert desk.balance(account_of(desk.kept)) == 25
    old = desk.get(f"/accounts/{account_of(desk.old)}").json
    assert (old["balance"], old["open"]) == (0, False)
    history = desk.get(f"/accounts/{account_of(desk.old)}/history").json
    assert [each["amount"] for each in history["postings"]] == [-20, 20]
    # the same again gets the same
    again = approve(desk, proposed)
    assert again.data == done.data
    # nothing of the reason is in the log, the proposal or the trail
    for where in ("/entries", "/proposals", "/trail"):
        assert "服务台" not in desk.get(where, "admin").text
    # and the pair is no duplicate any more
    assert desk.get("/duplicates", "admin").json == {"duplicates": []}


def test_who_was_merged_is_signed_out(twice):
    desk = twice
    desk.tokens["old"] = desk.session(desk.old, "device")
    assert desk.get("/me", "old").status_code == 200

    approve(desk, propose(desk))

    assert problem(desk.get("/me", "old")) == (401, "unauthorized")


def test_who_remains_sees_and_takes_along_what_is_held_about_either(twice):
    # given that somebody looked at what is kept of the one who was merged
    desk = twice
    assert (
        desk.get(f"/{desk.old.replace('person/', 'persons/')}/basics", "admin").status_code == 200
    )
    approve(desk, propose(desk))

    # when who remains asks for their own
    kept = desk.session(desk.kept, "device")
    records = desk.get("/me/records", kept).json["records"]
    entries = desk.get("/me/entries", kept).json["entries"]
    lookups = desk.get("/me/lookups", kept).json["lookups"]
    with zipfile.ZipFile(io.BytesIO(desk.get("/me/download", kept).data)) as archive:
        packed = archive.read("records.json").decode()

    # then both are theirs
    assert {each["id"] for each in records if each["kind"] == "basics"} == {desk.old, desk.kept}
    assert {desk.old, desk.kept} <= {each["id"] for each in json.loads(packed)}
    touched = {name for each in entries for name in json.dumps(each).split('"')}
    assert {account_of(desk.old), account_of(desk.kept)} <= touched
    assert ("basics:read", desk.old) in {(each["action"], each["subject"]) for each in lookups}


def test_who_remains_is_erased_together_with_whom_they_were_merged_with(twice):
    # given a merge, and that who remains asks to be erased, and has nothing left
    desk = twice
    approve(desk, propose(desk))
    account = account_of(desk.kept)
    asked = desk.post("/me/erasure", {}, desk.session(desk.kept, "device")).json["id"]
    desk.post("/debits", {"account": account, "amount": desk.balance(account)})
    assert desk.post(f"/accounts/{account}/close").status_code == 201

    # when two people decide so
    path = f"/erasure-requests/{asked.removeprefix('erasure/')}/decision"
    approve(desk, desk.post(path, {"outcome": "erased", "reasons": "依其申请"}, "admin"))

    # then nothing is left of either
    for person in (desk.old, desk.kept):
        basics = f"/persons/{person.removeprefix('person/')}/basics"
        assert problem(desk.get(basics, "officer")) == (404, "record-unknown")
    erased = desk.installation.ledger("beiyuan").erased.read_text()
    assert {desk.old, desk.kept} <= {line.split()[0] for line in erased.splitlines()}


def test_what_is_kept_of_the_one_is_found_with_the_other(twice):
    desk = twice
    org = desk.org()
    desk.ready(desk.old)
    kept = desk.post(
        "/attainments", INSURED | {"person": desk.old, "organisation": org}, "admin"
    ).json
    desk.tokens["kept"] = desk.session(desk.kept, "device")
    assert desk.get("/attainments", "kept").json["attainments"] == []

    approve(desk, propose(desk))

    for answer in (
        desk.get("/attainments", "kept"),
        desk.get(f"/attainments?person={desk.kept}", "admin"),
        desk.get(f"/attainments?person={desk.old}", "admin"),
    ):
        (found,) = answer.json["attainments"]
        # whose it is, stays
        assert (found["id"], found["person"]) == (kept["id"], desk.old)


def test_the_same_request_proposes_once_and_another_is_told(twice):
    desk = twice
    first, again = (propose(desk, key="k") for _ in range(2))
    assert first.json == again.json
    assert again.headers["Idempotency-Replayed"] == "true"
    other = propose(desk, key="k", into=person_of(desk.member()))
    assert problem(other) == (409, "merge-refused")
    assert problem(propose(desk, key="k", reason="另一个理由")) == (422, "key-reused")


def test_what_cannot_be_is_said_before_anybody_is_asked(twice):
    desk = twice
    for said in ({"into": desk.old}, {"into": desk.person()}, {"from": desk.first}):
        assert problem(propose(desk, **said)) == (409, "merge-refused")
    for said in ({"into": desk.org()}, {"from": account_of(desk.old)}, {"reason": ""}):
        assert problem(propose(desk, **said)) == (422, "fields")
    assert desk.get("/proposals?state=open").json == {"proposals": []}
    assert problem(desk.get(f"/merges/{'a' * 26}", "admin")) == (404, "merge-unknown")


def test_a_hold_between_proposal_and_approval_refuses_all_of_it(twice):
    desk = twice
    proposed = propose(desk)
    hold = {"account": account_of(desk.old), "amount": 3, "payee": desk.org()}
    placed = desk.post("/holds", hold).json["entries"][-1]["seq"]
    assert problem(propose(desk)) == (409, "merge-refused")

    refused = approve(desk, proposed)

    assert problem(refused) == (409, "closing")
    assert "release or capture" in refused.json["detail"]
    assert desk.balance(account_of(desk.old)) == 17
    # once it is released, it can be proposed anew
    assert desk.post(f"/holds/{placed}/release").status_code == 201
    assert approve(desk, propose(desk)).status_code == 201


def test_points_are_not_moved_for_a_merge_by_one_person(twice):
    desk = twice
    body = {"from": account_of(desk.old), "to": account_of(desk.kept), "amount": 5}
    answer = desk.post("/transfers", body | {"purpose": "merge"})
    assert problem(answer)[1] == "two-people"
    assert desk.balance(account_of(desk.old)) == 20
