"""Hostile requests are refused, each by a problem that the document knows, and change nothing."""

import ast
import inspect
import json

import pytest

import api.auth
import ledger.programme.tokens
from tests.api.conftest import FOUNDING, Desk
from tests.api.hostile import Hostile, hostile_requests
from tests.api.interface import operations, published
from tests.api.test_bad_input import everything

REQUESTS = 600
"""`make torture` sends 10,000 (tests/torture/test_hostile.py)."""


def send(desk: Desk, sent: Hostile):
    return desk.client.open(
        sent.path,
        method=sent.method,
        data=sent.body,
        headers=sent.headers,
        content_type=sent.content_type,
    )


def refused(desk: Desk, sent: Hostile) -> None:
    """Sends it, and wants a problem of the 4xx kind."""
    answer = send(desk, sent)
    assert 400 <= answer.status_code < 500, (sent, answer.text)
    if not sent.path.startswith(("/v1/", "/log/")) and answer.mimetype == "text/html":
        return  # a page of the console, to which the trick led
    assert answer.mimetype == "application/problem+json", (sent, answer.text)
    assert len(answer.data) < 8_000, sent  # at most 50 faults of fields
    desk.check_declared(sent.method, sent.path, answer)


def test_hostile_requests_leave_every_row_as_it_was(desk, installation):
    before = everything(installation)
    bearer = {role: token for role, token in desk.tokens.items() if token}

    for sent in hostile_requests(1, REQUESTS, bearer):
        refused(desk, sent)

    assert everything(installation) == before


def test_tokens_that_open_nothing(desk, clock, installation, subtests):
    # given tokens that were cut, that ended, and that are another ledger's
    good = desk.token(desk.first, "officer")
    ended = desk.token(desk.first, "officer", days=1)
    made = desk.ask("POST", "/v1/ledgers", "operator", {"name": "nanyuan"} | FOUNDING)
    foreign = made.json["founders"][0]["token"]
    wanted = {"person": desk.first, "role": "auditor"}
    revoked = desk.ask("POST", f"{desk.base}/tokens", "admin", wanted).json
    desk.ask("DELETE", f"{desk.base}/tokens/{revoked['id'][6:]}", "admin")
    clock.wait(days=2)
    before = everything(installation)

    tokens = {
        "one that ended": (ended, 401),
        "one that was revoked": (revoked["token"], 401),
        "another ledger's": (foreign, 404),
        "one that was cut": (good[:-1], 401),
        "one with something behind it": (f"{good}A", 401),
        "one with another last character": (good[:-1] + ("A" if good[-1] != "A" else "B"), 401),
        "one under another ledger's name": (good.replace("beiyuan", "nanyuan"), 401),
        "one in capitals": (good.upper(), 401),
        "one with a line break": (good[:20] + "\u2028" + good[20:], 401),
        "two": (f"{good} {good}", 401),
    }
    for name, (token, status) in tokens.items():
        with subtests.test(name):
            # the client's headers are latin-1, as on the wire
            sent = f"Bearer {token}".encode().decode("latin-1")
            answer = desk.client.get(f"{desk.base}/entries", headers={"Authorization": sent})
            assert answer.status_code == status
            assert token not in answer.text
    assert desk.client.get(
        f"{desk.base}/entries", headers={"Authorization": f"Bearer {good}"}
    ).status_code == 200  # fmt: skip
    assert everything(installation) == before


@pytest.mark.parametrize("module", [api.auth, ledger.programme.tokens])
def test_no_secret_is_compared_where_tokens_are_looked_up(module):
    # A token is found by its hash, so nothing takes longer the more of a guess is right.
    secrets = {"text", "hash", "_hash", "token_hash"}
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                names = {each.id for each in ast.walk(side) if isinstance(each, ast.Name)}
                in_sql = "token_table.c.hash" in ast.unparse(node.left)
                assert in_sql or not names & secrets, ast.unparse(node)


def test_every_list_has_an_end():
    # What an account, its proof or a person has of their own: as many as the rules let them have,
    # and of sessions the newest 50.
    whole = {"get /v1/ledgers/{ledger}/accounts/{kind}/{random}"}
    whole |= {f"{name}/proof" for name in whole}
    whole |= {"get /v1/ledgers/{ledger}/me", "get /v1/ledgers/{ledger}/sessions"}
    whole |= {"get /v1/ledgers/{ledger}/trail/{seq}/proof"}
    whole |= {"get /v1/ledgers/{ledger}/organisations/{random}"}  # 20 contacts
    whole |= {"get /v1/ledgers/{ledger}/courses/{random}"}  # its at most 100 sessions
    whole |= {"get /v1/ledgers/{ledger}/merges/{random}"}  # as many as there are fields
    whole |= {"get /v1/ledgers/{ledger}/engagements/{random}"}  # its at most 16 kinds
    whole |= {f"get /v1/ledgers/{{ledger}}/{each}" for each in ("notices", "consents")}  # purposes
    whole |= {"get /v1/ledgers/{ledger}/guardians/{random}"}  # to what one of them consents
    # at most 30 skills, and the newest 50 requests of one's own
    whole |= {"get /v1/ledgers/{ledger}/persons/{random}/basics"}
    whole |= {f"get /v1/ledgers/{{ledger}}/me/{each}" for each in ("basics", "erasure")}
    cut = set()
    for name, operation in operations(published()):
        answer = operation["responses"].get("200", {}).get("content", {}).get("application/json")
        if not name.startswith("get") or answer is None or name in whole:
            continue
        schema = published()["components"]["schemas"][answer["schema"]["$ref"].split("/")[-1]]
        if any(field.get("type") == "array" for field in schema["properties"].values()):
            limits = [each for each in operation["parameters"] if each["name"] == "limit"]
            assert limits, name
            assert limits[0]["schema"]["maximum"] <= 200, name
            cut.add(name.rpartition("/")[2])
    lists = {"accounts", "budgets", "entries", "history", "ledgers", "persons", "policies"}
    lists |= {"engagements", "grants", "members", "organisations", "proposals", "tokens", "trail"}
    lists |= {"attainments", "courses", "duplicates", "memberships", "merges", "messages", "paper"}
    lists |= {"tasks", "teams", "venues"}
    lists |= {"erasure-requests", "evidence", "lookups", "records"}
    assert cut == lists


def test_a_name_that_nobody_knows_is_not_repeated_whole(desk):
    answer = desk.post("/accounts", {"kind": "org", "x" * 5_000: 1})

    assert answer.json["type"] == "/problems/fields"
    assert answer.json["errors"] == [{"field": "x" * 40 + "…", "message": "Unknown field."}]
    assert len(answer.data) < 500


def test_headers_do_not_break_out_of_an_answer(desk):
    # A key of the caller's is not repeated, and a path in a Location is one that was routed.
    sent = {"kind": "org", "reference": "a%0d%0aSet-Cookie: x=1"}
    answer = desk.post("/accounts", sent)

    assert answer.status_code == 201
    assert "Set-Cookie" not in json.dumps(dict(answer.headers))
