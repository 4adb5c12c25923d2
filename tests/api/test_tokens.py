"""Tokens open the ledger they were made for, as long as they last, and nothing else."""

import pytest

from ledger.programme.tokens import TokenRefused
from tests.api.conftest import FOUNDING


def unauthorized(answer):
    return (answer.status_code, answer.json["type"]) == (401, "/problems/unauthorized")


def test_a_token_is_shown_once(desk):
    made = desk.post("/tokens", {"person": desk.first, "role": "auditor"}, "admin").json
    listed = desk.get("/tokens", "admin")

    assert made["token"] not in listed.text
    assert made["token"][-43:] not in listed.text
    assert made["id"] in [each["id"] for each in listed.json["tokens"]]


def test_a_token_ends_on_its_day(desk, clock):
    desk.tokens["short"] = desk.token(desk.first, "auditor", days=1)

    clock.wait(hours=23, minutes=59)
    assert desk.get("", "short").status_code == 200
    clock.wait(minutes=1)
    assert unauthorized(desk.get("", "short"))


def test_a_revoked_token_ends_at_once(desk):
    made = desk.post("/tokens", {"person": desk.first, "role": "auditor"}, "admin").json
    path = f"/v1/ledgers/beiyuan/tokens/{made['id'].removeprefix('token/')}"
    assert desk.get("", made["token"]).status_code == 200

    assert desk.ask("DELETE", path, "admin").status_code == 204

    assert unauthorized(desk.get("", made["token"]))
    assert desk.ask("DELETE", path, "admin").status_code == 204
    shown = {each["id"]: each for each in desk.get("/tokens", "admin").json["tokens"]}
    assert shown[made["id"]]["revoked_at"]


def test_a_ledger_does_not_end_the_tokens_of_another(desk):
    made = desk.ask("POST", "/v1/ledgers", "operator", {"name": "nanyuan"} | FOUNDING).json
    foreign = made["founders"][0]["token"]
    shown = desk.ask("GET", "/v1/ledgers/nanyuan/tokens", foreign).json["tokens"]

    path = f"/v1/ledgers/beiyuan/tokens/{shown[0]['id'].removeprefix('token/')}"
    answer = desk.ask("DELETE", path, "admin")

    assert (answer.status_code, answer.json["type"]) == (404, "/problems/token-unknown")
    assert desk.ask("GET", "/v1/ledgers/nanyuan", foreign).status_code == 200


def test_nothing_but_the_whole_token_is_taken(desk, subtests):
    token = desk.tokens["auditor"]
    secret = token[-43:]  # which may have any character of base64, the underscore too
    for header in (
        "",
        "Bearer",
        f"Basic {token}",
        token,
        f"Bearer {token[:-1]}",
        f"Bearer {token}A",
        f"Bearer {secret}",
        f"Bearer {token.replace('beiyuan', 'nanyuan')}",
        f"Bearer {token.upper()}",
        "Bearer pts_beiyuan_" + "A" * 43,
        "Bearer " + "A" * 5_000,
        "Bearer pts_beiyuan_é",
    ):
        with subtests.test(header=header[:40]):
            answer = desk.client.get(desk.base, headers={"Authorization": header})
            assert unauthorized(answer)
            assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="points"')
            assert secret not in answer.text


def test_a_token_of_somebody_who_lost_their_standing_opens_nothing(desk):
    third = desk.third_of_office()
    desk.tokens["third"] = desk.token(third, "officer")
    assert desk.get("", "third").status_code == 200

    desk.approved("/persons", {"person": third, "standing": "partner"})

    answer = desk.get("", "third")
    assert (answer.status_code, answer.json["type"]) == (403, "/problems/standing")


@pytest.mark.parametrize(
    ("standing", "roles"),
    [("auditor", {"auditor"}), ("partner", set()), ("member", set()), ("none", set())],
)
def test_a_role_is_given_only_to_a_standing_that_can_use_it(desk, standing, roles):
    person = desk.post("/persons", {"standing": standing}, "admin").json["person"]

    for role in ("admin", "officer", "auditor"):
        if role in roles:
            assert desk.token(person, role)
        else:
            with pytest.raises(TokenRefused, match=standing):
                desk.token(person, role)


def test_nobody_makes_the_token_of_another_clerk_and_so_becomes_two_people(desk):
    for role in ("admin", "officer"):
        answer = desk.post("/tokens", {"person": desk.second, "role": role}, "admin")
        assert (answer.status_code, answer.json["type"]) == (422, "/problems/token-refused")
        assert "You make tokens for yourself" in answer.json["detail"]

    assert (
        desk.post("/tokens", {"person": desk.first, "role": "officer"}, "admin").status_code == 201
    )
    auditor = desk.post("/persons", {"standing": "auditor"}, "admin").json["person"]
    made = desk.post("/tokens", {"person": auditor, "role": "auditor"}, "admin")
    assert made.status_code == 201


def test_one_admin_alone_does_not_take_office_away(desk):
    answer = desk.post("/persons", {"person": desk.second, "standing": "none"}, "admin")

    assert answer.status_code == 202
    assert desk.get("", "second admin").status_code == 200


# --- scopes --------------------------------------------------------------------------------------


def narrowed(desk, role, *scopes):
    return desk.token(desk.first, role, scopes=scopes)


def test_a_narrowed_token_opens_what_it_was_made_for_and_nothing_else(desk):
    reader, kiosk = (
        narrowed(desk, "auditor", "log:read"),
        narrowed(desk, "officer", "accounts:write"),
    )

    assert desk.get("/entries", reader).status_code == 200
    for answer in (desk.get("/budgets", reader), desk.get("/entries", kiosk)):
        assert (answer.status_code, answer.json["type"]) == (403, "/problems/scope")
        assert "may not be used for" in answer.json["detail"]

    assert desk.post("/accounts", {"kind": "member"}, kiosk).status_code == 201
    body = {"account": desk.member(), "amount": 5, "budget": desk.budget}
    assert desk.post("/credits", body, kiosk).status_code == 403


def test_a_batch_needs_the_scope_of_each_of_its_commands(desk):
    till = narrowed(desk, "officer", "points:write")
    credit = {"kind": "credit", "account": desk.member(), "amount": 5, "budget": desk.budget}
    size = desk.size()

    def batch(*commands):
        return desk.post("/batch", {"atomic": False, "commands": list(commands)}, till)

    refused = batch(credit, {"kind": "open", "holder": "member"})

    assert (refused.status_code, refused.json["type"]) == (403, "/problems/scope")
    assert desk.size() == size
    assert batch(credit).status_code == 200


@pytest.mark.parametrize("scopes", [["points:write"], ["moon:write"], [], ["log:read", "all"]])
def test_scopes_that_the_role_does_not_have_are_refused(desk, scopes):
    body = {"person": desk.first, "role": "auditor", "scopes": scopes}

    answer = desk.post("/tokens", body, "admin")

    assert answer.status_code == 422
    assert answer.json["type"] in ("/problems/token-refused", "/problems/fields")
    assert all("scopes" not in each for each in desk.get("/tokens", "admin").json["tokens"])


def test_a_narrowed_token_makes_none_that_can_do_more(desk):
    maker = narrowed(desk, "admin", "tokens:write", "log:read")
    body = {"person": desk.first, "role": "auditor"}

    for scopes in ({}, {"scopes": ["log:read", "people:read"]}):
        answer = desk.post("/tokens", body | scopes, maker)
        assert (answer.status_code, answer.json["type"]) == (422, "/problems/token-refused")
    assert desk.post("/tokens", body | {"scopes": ["log:read"]}, maker).status_code == 201


# --- rotation ------------------------------------------------------------------------------------


def rotated(desk, made, role="admin", **body):
    return desk.post(f"/tokens/{made['id'].removeprefix('token/')}/rotate", body, role)


def test_a_rotated_token_lives_on_for_the_overlap_beside_its_successor(desk, clock):
    # given a narrowed token of 30 days, ten days old
    body = {"person": desk.first, "role": "auditor", "days": 30, "scopes": ["log:read"]}
    old = desk.post("/tokens", body, "admin").json
    clock.wait(days=10)

    # when it is rotated
    answer = rotated(desk, old, overlap_days=2)

    # then both open what it opened, until the overlap is over
    assert answer.status_code == 201
    new = answer.json
    assert new["id"] != old["id"]
    for token in (old["token"], new["token"]):
        assert desk.get("/entries", token).status_code == 200
        assert desk.get("/budgets", token).status_code == 403
    clock.wait(days=2)
    assert unauthorized(desk.get("/entries", old["token"]))
    # and the new one lasts as long as the old one was to
    clock.wait(days=27)
    assert desk.get("/entries", new["token"]).status_code == 200
    clock.wait(days=1)
    assert unauthorized(desk.get("/entries", new["token"]))


def test_without_an_overlap_the_old_token_ends_at_once(desk):
    old = desk.post("/tokens", {"person": desk.first, "role": "auditor"}, "admin").json

    new = rotated(desk, old, overlap_days=0).json

    assert unauthorized(desk.get("", old["token"]))
    assert desk.get("", new["token"]).status_code == 200
    again = rotated(desk, old)
    assert (again.status_code, again.json["type"]) == (422, "/problems/token-refused")


def test_a_token_that_was_rotated_is_not_rotated_again_but_its_successor_is(desk, clock):
    # given an answer that was lost
    old = desk.post("/tokens", {"person": desk.first, "role": "officer"}, "admin").json
    lost = rotated(desk, old, overlap_days=1).json

    # when the same is asked again, then it is said which token is there already
    again = rotated(desk, old, overlap_days=1)
    assert (again.status_code, again.json["type"]) == (422, "/problems/token-refused")
    assert f"{lost['id']} took its place: rotate that one" in again.json["detail"]

    # and that one's successor lasts as long as the first was to
    new = rotated(desk, lost, overlap_days=0).json
    clock.wait(days=89)
    assert desk.get("", new["token"]).status_code == 200
    assert unauthorized(desk.get("", lost["token"]))


def test_nobody_rotates_the_token_of_another_clerk(desk):
    shown = desk.get("/tokens", "admin").json["tokens"]
    (theirs,) = (each for each in shown if each["person"] == desk.second)

    answer = rotated(desk, theirs)

    assert (answer.status_code, answer.json["type"]) == (422, "/problems/token-refused")
    assert desk.get("", "second admin").status_code == 200


def test_rotation_takes_0_to_7_days_and_a_token_that_is_there(desk):
    old = desk.post("/tokens", {"person": desk.first, "role": "auditor"}, "admin").json

    for days in (-1, 8, 1.5, "1"):
        assert rotated(desk, old, overlap_days=days).status_code == 422
    missing = rotated(desk, {"id": "token/" + "a" * 26})
    assert (missing.status_code, missing.json["type"]) == (404, "/problems/token-unknown")


# --- the list ------------------------------------------------------------------------------------


def test_tokens_are_listed_page_by_page_the_newest_first(desk, clock):
    made = []
    for _ in range(3):
        clock.wait(seconds=1)
        made.append(desk.post("/tokens", {"person": desk.first, "role": "auditor"}, "admin").json)
    everything = [each["id"] for each in desk.get("/tokens?limit=200", "admin").json["tokens"]]

    listed, path = [], "/tokens?limit=2"
    while path:
        page = desk.get(path, "admin")
        listed += [each["id"] for each in page.json["tokens"]]
        link = page.headers.get("Link", "")
        path = link.partition("<")[2].partition(">")[0].removeprefix(desk.base)

    assert listed == everything
    assert listed[:3] == [each["id"] for each in reversed(made)]
