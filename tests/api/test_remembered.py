"""A token that was found a moment ago is asked about again before anything is entered with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from api.remembered import SECONDS, TOKENS_MAX, Remembered
from tests.api.conftest import Desk
from tests.statements import statements


def hold(desk: Desk) -> str:
    body = {"account": desk.member(9), "payee": desk.org(), "amount": 5}
    return str(desk.post("/holds", body).json["hold"])


def transfer(desk: Desk) -> Any:
    return "/transfers", {
        "from": desk.member(9),
        "to": desk.member(),
        "amount": 1,
        "purpose": "gift",
    }


def credit(desk: Desk) -> Any:
    return "/credits", {"account": desk.member(), "amount": 3, "budget": desk.budget}


ENTERING: dict[str, Callable[[Desk], tuple[str, Any]]] = {
    "/credits": credit,
    "/debits": lambda desk: ("/debits", {"account": desk.member(9), "amount": 2}),
    "/transfers": transfer,
    "/reversals": lambda desk: (
        "/reversals",
        {"entry": desk.credit(desk.member(), 4).json["entries"][-1]["seq"]},
    ),
    "/holds": lambda desk: (
        "/holds",
        {"account": desk.member(9), "payee": desk.org(), "amount": 5},
    ),
    "/holds/<seq:seq>/captures": lambda desk: (f"/holds/{hold(desk)}/captures", {}),
    "/holds/<seq:seq>/release": lambda desk: (f"/holds/{hold(desk)}/release", None),
}
"""Every endpoint that only enters something, and what it is sent."""


def test_these_are_all_that_only_enter(app: Any) -> None:
    views = app.view_functions
    marked = {
        rule.rule.removeprefix("/v1/ledgers/<ledger:ledger>")
        for rule in app.url_map.iter_rules()
        if getattr(views[rule.endpoint], "only_enters", False)
    }

    assert marked == ENTERING.keys()


@pytest.mark.parametrize("rule", ENTERING)
def test_what_was_revoked_meanwhile_enters_nothing(desk: Desk, rule: str) -> None:
    # Given a token that was used a moment ago
    path, body = ENTERING[rule](desk)
    made = desk.post("/tokens", {"person": desk.first, "role": "officer"}, "admin").json
    assert desk.post("/debits", {"account": desk.member(1), "amount": 1}, made["token"]).json

    # When it is revoked
    random = made["id"].removeprefix("token/")
    desk.ask("DELETE", f"{desk.base}/tokens/{random}", "admin")
    size = desk.size()
    answer = desk.post(path, body, made["token"], key="the-same")

    # Then it enters nothing, and nothing is kept of that: another token enters it under that key
    assert (answer.status_code, answer.json["type"]) == (401, "/problems/unauthorized")
    assert answer.headers["WWW-Authenticate"].endswith('error="invalid_token"')
    assert desk.size() == size
    assert desk.post(path, body, "officer", key="the-same").status_code == 201


def test_what_has_ended_meanwhile_enters_nothing(desk: Desk, clock: Any) -> None:
    token = desk.token(desk.first, "officer", days=1)
    path, body = credit(desk)
    assert desk.post(path, body, token).status_code == 201

    clock.wait(days=1)

    assert desk.post(path, body, token).status_code == 401


def test_who_lost_their_standing_meanwhile_enters_nothing(desk: Desk) -> None:
    third = desk.third_of_office()
    token = desk.token(third, "officer")
    path, body = credit(desk)
    assert desk.post(path, body, token).status_code == 201

    desk.approved("/persons", {"person": third, "standing": "partner"})
    size = desk.size()
    answer = desk.post(path, body, token)

    assert (answer.status_code, answer.json["type"]) == (403, "/problems/standing")
    assert desk.size() == size


def test_a_token_is_of_its_ledger_and_scopes_though_it_is_remembered(desk: Desk) -> None:
    token = desk.token(desk.first, "officer", scopes=["points:write"])
    path, body = credit(desk)
    assert desk.post(path, body, token).status_code == 201

    foreign = desk.ask(
        "POST", "/v1/ledgers/nanyuan/credits", token, body, Idempotency_Key="elsewhere"
    )

    assert (foreign.status_code, foreign.json["type"]) == (404, "/problems/ledger-unknown")
    assert desk.post("/accounts", {"kind": "member"}, token).status_code == 403


def test_it_is_asked_about_once_and_under_the_lock(desk: Desk) -> None:
    path, body = credit(desk)
    desk.post(path, body)

    with statements(desk.installation.database) as seen:
        assert desk.post(path, body).status_code == 201

    asked = [at for at, each in enumerate(seen) if "token.revoked_at" in each.text]
    locked = next(at for at, each in enumerate(seen) if "head" in each.text)
    assert len(asked) == 1
    assert locked < asked[0]


def test_it_is_remembered_for_a_minute(subtests: Any) -> None:
    now = [0.0]
    remembered = Remembered[str](now=lambda: now[0])
    remembered.keep("pts_a", "somebody")

    for passed, found in ((0.0, "somebody"), (SECONDS - 1.0, "somebody"), (float(SECONDS), None)):
        with subtests.test(passed=passed):
            now[0] = passed
            assert remembered.find("pts_a") == found
    assert remembered.find("pts_b") is None


def test_no_more_are_remembered_than_memory_is_meant_for() -> None:
    remembered = Remembered[int]()
    for number in range(TOKENS_MAX + 1):
        remembered.keep(f"pts_{number}", number)

    assert remembered.find("pts_0") is None
    assert remembered.find(f"pts_{TOKENS_MAX}") == TOKENS_MAX
