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
    assert made["token"].rpartition("_")[2] not in listed.text
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
    secret = token.rpartition("_")[2]
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
