"""Who may do what: a row for every endpoint, tried with every role.

Each request is as empty as it can be, so that whoever passes is told of what is missing and nothing
is changed.
"""

import pytest

from api.resource import spelled
from tests.api.conftest import FOUNDING

ROLES = ("operator", "admin", "officer", "auditor", "nobody")
READERS = {"admin", "officer", "auditor"}
ANYBODY = set(ROLES)
OFFICER, ADMIN = {"officer"}, {"admin"}

L = "/v1/ledgers/{ledger}"
TABLE = {
    "GET /healthz": ANYBODY,
    "GET /readyz": ANYBODY,
    "GET /metrics": {"operator"},
    "GET /v1/openapi.json": ANYBODY,
    "GET /v1/docs": ANYBODY,
    "GET /v1/docs/{resource}": ANYBODY,
    "GET /v1/docs/style.css": ANYBODY,
    "GET /problems": ANYBODY,
    "GET /problems/{code}": ANYBODY,
    "GET /log/{ledger}/checkpoint": ANYBODY,
    "GET /log/{ledger}/tile/{tail}": ANYBODY,
    "GET /log/{ledger}/tile/entries/{tail}": READERS,
    "GET /v1/ledgers": {"operator"},
    "POST /v1/ledgers": {"operator"},
    f"GET {L}": READERS | {"operator"},
    f"GET {L}/accounts": READERS,
    f"POST {L}/accounts": OFFICER,
    f"GET {L}/accounts/{{kind}}/{{random}}": READERS,
    f"GET {L}/accounts/{{kind}}/{{random}}/history": READERS,
    f"GET {L}/accounts/{{kind}}/{{random}}/proof": READERS,
    f"POST {L}/accounts/{{kind}}/{{random}}/close": OFFICER,
    f"POST {L}/accounts/{{kind}}/{{random}}/reopen": OFFICER,
    f"POST {L}/batch": OFFICER,
    f"GET {L}/budgets": READERS,
    f"POST {L}/budgets": ADMIN,
    f"GET {L}/bundle": READERS,
    f"POST {L}/credits": OFFICER,
    f"POST {L}/debits": OFFICER,
    f"GET {L}/entries": READERS,
    f"GET {L}/entries/{{seq}}": READERS,
    f"GET {L}/entries/{{seq}}/receipt": READERS,
    f"POST {L}/holds": OFFICER,
    f"GET {L}/holds/{{seq}}": READERS,
    f"POST {L}/holds/{{seq}}/captures": OFFICER,
    f"POST {L}/holds/{{seq}}/release": OFFICER,
    f"GET {L}/persons": READERS,
    f"POST {L}/persons": ADMIN,
    f"GET {L}/policies": READERS,
    f"POST {L}/policies": ADMIN,
    f"GET {L}/proposals": READERS,
    f"GET {L}/proposals/{{random}}": READERS,
    f"POST {L}/proposals/{{random}}/approve": ADMIN,
    f"POST {L}/proposals/{{random}}/decline": ADMIN | OFFICER,
    f"POST {L}/reversals": OFFICER,
    f"POST {L}/services": OFFICER,
    f"POST {L}/settlements": OFFICER,
    f"GET {L}/tokens": {"admin", "auditor"},
    f"POST {L}/tokens": ADMIN,
    f"DELETE {L}/tokens/{{random}}": ADMIN,
    f"POST {L}/tokens/{{random}}/rotate": ADMIN,
    f"POST {L}/transfers": OFFICER,
    f"POST {L}/write-offs": OFFICER,
}


@pytest.fixture
def database_url(sqlite_url):
    """What a role may do does not depend on the database."""
    return sqlite_url


def path_of(endpoint: str, ledger: str = "beiyuan") -> tuple[str, str]:
    method, _, path = endpoint.partition(" ")
    values = {"ledger": ledger, "kind": "member", "random": "a" * 26, "seq": "4", "tail": "000"}
    values |= {"resource": "accounts", "code": "funds"}
    return method, path.format(**values)


def test_every_endpoint_has_a_row(app):
    served = {
        f"{method} {spelled(rule.rule)}"
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.startswith("console.")  # those have a table in test_console.py
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert served == set(TABLE)


def test_each_role_passes_where_its_row_says_so(desk, subtests):
    size = desk.size()
    for endpoint, allowed in TABLE.items():
        method, path = path_of(endpoint)
        for role in ROLES:
            with subtests.test(endpoint=endpoint, role=role):
                answer = desk.ask(method, path, role, {} if method == "POST" else None)
                problem = answer.json["type"] if "problem" in answer.mimetype else ""
                stopped = problem in ("/problems/unauthorized", "/problems/role")
                assert stopped == (role not in allowed), answer.text
                if stopped:
                    assert answer.status_code == (401 if role == "nobody" else 403)
                    assert ("WWW-Authenticate" in answer.headers) == (role == "nobody")
    assert desk.size() == size


def test_another_ledger_looks_the_same_whether_it_is_there_or_not(desk, subtests):
    # given a ledger next door, and a name that nobody has
    made = desk.ask("POST", "/v1/ledgers", "operator", {"name": "nanyuan"} | FOUNDING)
    assert made.status_code == 201

    # when each endpoint is tried there with tokens of this ledger
    for endpoint, allowed in TABLE.items():
        if "{ledger}" not in endpoint or allowed == ANYBODY:
            continue
        for role in ("admin", "officer", "auditor"):
            with subtests.test(endpoint=endpoint, role=role):
                answers = []
                for ledger in ("nanyuan", "xiyuan"):
                    method, path = path_of(endpoint, ledger)
                    answers.append(desk.ask(method, path, role, {} if method == "POST" else None))
                next_door, nowhere = answers

                # then both are not found, in the same words
                assert next_door.status_code == nowhere.status_code == 404
                assert next_door.data == nowhere.data
                assert next_door.json["type"] == "/problems/ledger-unknown"
