"""Who may do what: a row for every endpoint, tried with every role.

Each request is as empty as it can be, so that whoever passes is told of what is missing and nothing
is changed.
"""

import pytest

from api.resource import spelled
from ledger.programme.roles import ACTIONS, ROLES, Outcome
from tests.api.conftest import FOUNDING
from tests.api.foreign import looks_like_none

CALLERS = (*ROLES, "nobody")
READERS = dict.fromkeys(("admin", "officer", "auditor"), "ledger")
ANYBODY = dict.fromkeys(CALLERS, "ledger")
OPERATOR = {"operator": "ledger"}
OFFICER, ADMIN = {"officer": "ledger"}, {"admin": "ledger"}
ONESELF = dict.fromkeys(ROLES[1:], "own")
MANAGER = {"manager": "organisation"}
DESKS = dict.fromkeys(("admin", "officer", "desk"), "ledger")
HELPERS = dict.fromkeys(("officer", "desk"), "ledger")
LEADER = {"organiser": "team"}
TRAINERS = dict.fromkeys(("manager", "organiser"), "organisation")
ORGANISATION = dict.fromkeys(("manager", "organiser", "desk"), "organisation")

L = "/v1/ledgers/{ledger}"
TABLE = {
    "GET /healthz": ANYBODY,
    "GET /readyz": ANYBODY,
    "GET /metrics": OPERATOR,
    "GET /v1/openapi.json": ANYBODY,
    "GET /v1/docs": ANYBODY,
    "GET /v1/docs/{resource}": ANYBODY,
    "GET /v1/docs/style.css": ANYBODY,
    "GET /ledgers/{ledger}/card": ANYBODY,
    "GET /problems": ANYBODY,
    "GET /problems/{code}": ANYBODY,
    "GET /log/{ledger}/checkpoint": ANYBODY,
    "GET /log/{ledger}/tile/{tail}": ANYBODY,
    "GET /log/{ledger}/tile/entries/{tail}": READERS,
    "GET /v1/ledgers": OPERATOR,
    "POST /v1/ledgers": OPERATOR,
    f"GET {L}": READERS | OPERATOR,
    f"GET {L}/accounts": READERS,
    f"POST {L}/accounts": OFFICER,
    f"GET {L}/accounts/{{kind}}/{{random}}": READERS,
    f"GET {L}/accounts/{{kind}}/{{random}}/history": READERS,
    f"GET {L}/accounts/{{kind}}/{{random}}/proof": READERS,
    f"POST {L}/accounts/{{kind}}/{{random}}/close": OFFICER,
    f"POST {L}/accounts/{{kind}}/{{random}}/reopen": OFFICER,
    f"POST {L}/batch": OFFICER,
    f"GET {L}/attainments": ONESELF | ADMIN | OFFICER | TRAINERS,
    f"POST {L}/attainments": ADMIN | TRAINERS,
    f"GET {L}/attainments/{{random}}": ONESELF | ADMIN | OFFICER | TRAINERS,
    f"PUT {L}/attainments/{{random}}": ADMIN | TRAINERS,
    f"GET {L}/evidence": ONESELF | ADMIN | OFFICER | TRAINERS,
    f"POST {L}/evidence": ADMIN | OFFICER | TRAINERS | {"desk": "own"},
    f"GET {L}/evidence/{{random}}": ONESELF | ADMIN | OFFICER | TRAINERS,
    f"GET {L}/evidence/{{random}}/file": ONESELF | ADMIN | OFFICER | TRAINERS,
    f"POST {L}/cards": DESKS,
    f"POST {L}/cards/find": DESKS,
    f"GET {L}/cards/{{random}}": DESKS | {"member": "own"},
    f"GET {L}/cards/{{random}}/sheet": DESKS | {"member": "own"},
    f"DELETE {L}/cards/{{random}}": DESKS,
    f"GET {L}/courses": ADMIN | OFFICER | ORGANISATION,
    f"POST {L}/courses": ADMIN | TRAINERS,
    f"GET {L}/courses/{{random}}": ADMIN | OFFICER | ORGANISATION,
    f"PUT {L}/courses/{{random}}": ADMIN | TRAINERS,
    f"GET {L}/duplicates": ADMIN,
    f"POST {L}/duplicates/distinct": ADMIN,
    f"GET {L}/merges": ADMIN | OFFICER,
    f"POST {L}/merges": ADMIN,
    f"GET {L}/merges/{{random}}": ADMIN | OFFICER,
    f"GET {L}/budgets": READERS,
    f"POST {L}/budgets": ADMIN,
    f"GET {L}/bundle": READERS,
    f"POST {L}/credits": OFFICER,
    f"POST {L}/debits": OFFICER,
    f"GET {L}/engagements": ADMIN | {"auditor": "own"},
    f"POST {L}/engagements": ADMIN,
    f"GET {L}/engagements/{{random}}": ADMIN | {"auditor": "own"},
    f"DELETE {L}/engagements/{{random}}": ADMIN,
    f"GET {L}/engagements/{{random}}/reason": ADMIN | {"auditor": "own"},
    f"GET {L}/engagements/{{random}}/file": {"auditor": "own"},
    f"GET {L}/engagements/{{random}}/record": {"auditor": "own"},
    f"GET {L}/entries": READERS,
    f"GET {L}/entries/{{seq}}": READERS,
    f"GET {L}/entries/{{seq}}/receipt": READERS,
    f"POST {L}/erasures": ADMIN,
    f"GET {L}/grants": ONESELF | READERS | MANAGER,
    f"POST {L}/grants": {**ONESELF, "member": "never"} | MANAGER | ADMIN,
    f"DELETE {L}/grants/{{random}}": {**ONESELF, "member": "never"} | MANAGER | ADMIN,
    f"POST {L}/helping": HELPERS,
    f"POST {L}/helping/codes": HELPERS,
    f"DELETE {L}/helping/{{random}}": dict.fromkeys(HELPERS, "own"),
    f"GET {L}/helping/{{random}}/slip": dict.fromkeys((*HELPERS, "member"), "own"),
    f"POST {L}/holds": OFFICER,
    f"GET {L}/holds/{{seq}}": READERS,
    f"POST {L}/holds/{{seq}}/captures": OFFICER,
    f"POST {L}/holds/{{seq}}/release": OFFICER,
    f"POST {L}/login/password": ONESELF,
    f"POST {L}/login/recovery-codes": ONESELF,
    f"POST {L}/login/setup": ONESELF,
    f"POST {L}/login/setup/confirm": ONESELF,
    f"POST {L}/logins": ADMIN,
    f"GET {L}/me": ONESELF,
    f"GET {L}/tasks": ONESELF,
    f"GET {L}/messages": ONESELF,
    f"GET {L}/messages/choice": ONESELF,
    f"PUT {L}/messages/choice": ONESELF,
    f"GET {L}/messages/paper": ADMIN | OFFICER,
    f"POST {L}/messages/{{random}}/handed": ADMIN | OFFICER,
    f"POST {L}/messages/{{random}}/read": ONESELF,
    f"GET {L}/me/basics": ONESELF,
    f"PUT {L}/me/basics": ONESELF,
    f"POST {L}/me/basics/codes": ONESELF,
    f"GET {L}/me/download": ONESELF,
    f"GET {L}/me/entries": ONESELF,
    f"GET {L}/me/entries/{{seq}}/receipt": ONESELF,
    f"GET {L}/me/erasure": ONESELF,
    f"POST {L}/me/erasure": ONESELF,
    f"DELETE {L}/me/erasure/{{random}}": ONESELF,
    f"GET {L}/erasure-requests": ADMIN | OFFICER,
    f"GET {L}/erasure-requests/{{random}}": ADMIN | OFFICER,
    f"POST {L}/erasure-requests/{{random}}/decision": ADMIN,
    f"GET {L}/me/lookups": ONESELF,
    f"GET {L}/me/records": ONESELF,
    f"GET {L}/organisations": ADMIN | OFFICER | ORGANISATION,
    f"POST {L}/organisations": ADMIN,
    f"GET {L}/organisations/{{random}}": ADMIN | OFFICER | ORGANISATION,
    f"PUT {L}/organisations/{{random}}": ADMIN | MANAGER,
    f"GET {L}/organisations/{{random}}/history": ADMIN | OFFICER | ORGANISATION,
    f"POST {L}/invitations": ADMIN | MANAGER,
    f"POST {L}/invitations/decline": ANYBODY,
    f"POST {L}/invitations/look": ANYBODY,
    f"GET {L}/notices": ANYBODY,
    f"GET {L}/notices/{{purpose}}/history": ANYBODY,
    f"PUT {L}/notices/{{purpose}}": ADMIN,
    f"GET {L}/guardians/{{random}}": ONESELF | ADMIN | OFFICER,
    f"PUT {L}/guardians/{{random}}": ADMIN | OFFICER,
    f"POST {L}/joining": ANYBODY,
    f"POST {L}/joining/codes": ANYBODY,
    f"POST {L}/joining/desk": ADMIN | OFFICER | {"desk": "organisation"},
    f"GET {L}/consents": ONESELF | ADMIN | OFFICER,
    f"GET {L}/consents/{{purpose}}/history": ONESELF | ADMIN | OFFICER,
    f"POST {L}/consents/{{purpose}}": ONESELF,
    f"DELETE {L}/consents/{{purpose}}": ONESELF,
    f"GET {L}/organisations/{{random}}/totals": READERS | MANAGER,
    f"POST {L}/rosters": ADMIN | MANAGER,
    f"POST {L}/rosters/report": ADMIN | MANAGER,
    f"GET {L}/memberships": ONESELF | ADMIN | OFFICER | MANAGER,
    f"POST {L}/memberships": {"member": "own"},
    f"GET {L}/memberships/{{random}}": ONESELF | ADMIN | OFFICER | MANAGER,
    f"POST {L}/memberships/{{random}}/confirm": ADMIN | MANAGER,
    f"POST {L}/memberships/{{random}}/decline": ADMIN | MANAGER,
    f"POST {L}/memberships/{{random}}/end": ONESELF | ADMIN | MANAGER,
    f"GET {L}/organisations/{{random}}/joining-link": ADMIN | MANAGER,
    f"GET {L}/organisations/{{random}}/joining-link/poster": ADMIN | MANAGER,
    f"POST {L}/organisations/{{random}}/joining-link": ADMIN | MANAGER,
    f"DELETE {L}/organisations/{{random}}/joining-link": ADMIN | MANAGER,
    f"GET {L}/organisations/{{random}}/members": ADMIN | OFFICER | ORGANISATION,
    f"POST {L}/organisations/{{random}}/members": ADMIN,
    f"POST {L}/organisations/{{random}}/status": ADMIN,
    f"GET {L}/persons": READERS,
    f"POST {L}/persons": ADMIN,
    f"GET {L}/persons/{{random}}/basics": ADMIN | OFFICER,
    f"PUT {L}/persons/{{random}}/basics": ADMIN | OFFICER,
    f"POST {L}/persons/{{random}}/basics/codes": ADMIN | OFFICER,
    f"GET {L}/policies": READERS,
    f"POST {L}/policies": ADMIN,
    f"GET {L}/proposals": READERS,
    f"GET {L}/proposals/{{random}}": READERS,
    f"POST {L}/proposals/{{random}}/approve": ADMIN,
    f"POST {L}/proposals/{{random}}/decline": ADMIN | {"officer": "own"},
    f"POST {L}/reversals": OFFICER,
    f"POST {L}/services": OFFICER,
    f"GET {L}/sessions": ONESELF,
    f"DELETE {L}/sessions": ONESELF,
    f"DELETE {L}/sessions/{{random}}": ONESELF,
    f"POST {L}/settlements": OFFICER,
    f"POST {L}/sign-in": ANYBODY,
    f"POST {L}/sign-in/codes": ANYBODY,
    f"POST {L}/sign-in/codes/confirm": ANYBODY,
    f"POST {L}/sign-in/password": ANYBODY,
    f"POST {L}/sign-in/setup": ANYBODY,
    f"POST {L}/sign-out": ONESELF,
    f"GET {L}/teams": ONESELF | ADMIN | OFFICER | ORGANISATION,
    f"POST {L}/teams": ADMIN | MANAGER | LEADER,
    f"GET {L}/teams/{{random}}": ONESELF | ADMIN | OFFICER | ORGANISATION,
    f"PUT {L}/teams/{{random}}": ADMIN | MANAGER | LEADER,
    f"GET {L}/teams/{{random}}/members": ONESELF | ADMIN | OFFICER | ORGANISATION,
    f"POST {L}/teams/{{random}}/members": ADMIN | MANAGER | LEADER,
    f"GET {L}/tokens": ADMIN | {"auditor": "ledger"},
    f"POST {L}/tokens": ADMIN,
    f"DELETE {L}/tokens/{{random}}": ADMIN,
    f"POST {L}/tokens/{{random}}/rotate": ADMIN,
    f"GET {L}/trail": ADMIN | {"auditor": "ledger"},
    f"GET {L}/trail/{{seq}}/proof": ADMIN | {"auditor": "ledger"},
    f"POST {L}/transfers": OFFICER,
    f"GET {L}/venues": ADMIN | OFFICER | ORGANISATION,
    f"POST {L}/venues": ADMIN | MANAGER,
    f"GET {L}/venues/{{random}}": ADMIN | OFFICER | ORGANISATION,
    f"PUT {L}/venues/{{random}}": ADMIN | MANAGER,
    f"POST {L}/write-offs": OFFICER,
}


@pytest.fixture
def database_url(sqlite_url):
    """What a role may do does not depend on the database."""
    return sqlite_url


def path_of(endpoint: str, ledger: str = "beiyuan") -> tuple[str, str]:
    method, _, path = endpoint.partition(" ")
    values = {"ledger": ledger, "kind": "member", "random": "a" * 26, "seq": "4", "tail": "000"}
    values |= {"resource": "accounts", "code": "funds", "purpose": "photos"}
    return method, path.format(**values)


@pytest.fixture
def people(desk):
    """A session of each role that no token is made for, of the first of two organisations."""
    desk.orgs = [desk.org(), desk.org()]
    for role in ("manager", "organiser", "desk"):
        person = desk.person()
        desk.given(person, role, desk.orgs[0])
        desk.tokens[role] = desk.session(person)
    member = desk.member()
    desk.tokens["member"] = desk.session("person" + member.removeprefix("member"), "device")
    return desk


def test_every_endpoint_has_a_row_and_an_action_that_says_the_same(app, subtests):
    served = {
        f"{method} {spelled(rule.rule)}": app.view_functions[rule.endpoint]
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.startswith("console.")  # those have a table in test_console.py
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert served.keys() == TABLE.keys()
    for endpoint, row in TABLE.items():
        with subtests.test(endpoint=endpoint):
            action = getattr(served[endpoint], "action", None)
            assert (action is None) == (row is ANYBODY)
            if action is not None:
                said = ACTIONS[action].outcomes
                wanted = {role: Outcome[word.upper()] for role, word in row.items()}
                assert {r: said.get(r, 0) for r in ROLES} == {r: wanted.get(r, 0) for r in ROLES}


def test_every_action_is_of_some_endpoint(app):
    served = {getattr(view, "action", None) for view in app.view_functions.values()}

    assert served - {None} == ACTIONS.keys()


def test_each_role_passes_where_its_row_says_so(people, subtests):
    desk = people
    size = desk.size()
    for endpoint, row in TABLE.items():
        method, path = path_of(endpoint)
        if endpoint in (f"DELETE {L}/sessions", f"POST {L}/sign-out"):
            continue  # it would end the sessions that the rest is tried with
        for role in CALLERS:
            with subtests.test(endpoint=endpoint, role=role):
                answer = desk.ask(method, path, role, {} if method == "POST" else None)
                problem = answer.json["type"] if "problem" in answer.mimetype else ""
                stopped = problem in ("/problems/unauthorized", "/problems/role")
                assert stopped == (row.get(role, "never") == "never"), answer.text
                if stopped:
                    assert answer.status_code == (401 if role == "nobody" else 403)
                    assert ("WWW-Authenticate" in answer.headers) == (role == "nobody")
    assert desk.size() == size


def test_another_ledger_looks_the_same_whether_it_is_there_or_not(people, subtests):
    # given a ledger next door, and a name that nobody has
    desk = people
    made = desk.ask("POST", "/v1/ledgers", "operator", {"name": "nanyuan"} | FOUNDING)
    assert made.status_code == 201

    # when each endpoint is tried there with the tokens and sessions of this ledger
    for endpoint, row in TABLE.items():
        if "{ledger}" not in endpoint or row is ANYBODY:
            continue
        for role in ROLES[1:]:
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


# --- a record of somebody else's -----------------------------------------------------------------

FOREIGN = {
    "DELETE /grants/{id}": ("grant", "manager"),
    "DELETE /me/erasure/{id}": ("erasure", "member"),
    "DELETE /sessions/{id}": ("session", "manager"),
    "GET /attainments/{id}": ("attainment", "manager"),
    "PUT /attainments/{id}": ("attainment", "manager"),
    "GET /cards/{id}": ("card", "member"),
    "GET /cards/{id}/sheet": ("card", "member"),
    "GET /courses/{id}": ("course", "manager"),
    "PUT /courses/{id}": ("course", "manager"),
    "GET /engagements/{id}": ("engagement", "auditor"),
    "GET /engagements/{id}/reason": ("engagement", "auditor"),
    "GET /engagements/{id}/record": ("engagement", "auditor"),
    "GET /engagements/{id}/file": ("engagement", "auditor"),
    "GET /evidence/{id}": ("evidence", "manager"),
    "GET /evidence/{id}/file": ("evidence", "organiser"),
    "GET /guardians/{id}": ("person", "organiser"),
    "GET /memberships/{id}": ("membership", "manager"),
    "POST /memberships/{id}/confirm": ("membership", "manager"),
    "POST /memberships/{id}/decline": ("membership", "manager"),
    "POST /memberships/{id}/end": ("membership", "manager"),
    "POST /messages/{id}/read": ("message", "manager"),
    "DELETE /helping/{id}": ("helping", "desk"),
    "GET /helping/{id}/slip": ("helping", "member"),
    "GET /organisations/{id}": ("org", "manager"),
    "GET /organisations/{id}/totals": ("org", "manager"),
    "GET /organisations/{id}/joining-link": ("org", "manager"),
    "GET /organisations/{id}/joining-link/poster": ("org", "manager"),
    "POST /organisations/{id}/joining-link": ("org", "manager"),
    "DELETE /organisations/{id}/joining-link": ("org", "manager"),
    "GET /organisations/{id}/history": ("org", "manager"),
    "GET /organisations/{id}/members": ("org", "manager"),
    "PUT /organisations/{id}": ("org", "manager"),
    "GET /teams/{id}": ("team", "organiser"),
    "PUT /teams/{id}": ("team", "organiser"),
    "GET /teams/{id}/members": ("team", "organiser"),
    "POST /teams/{id}/members": ("team", "organiser"),
    "GET /venues/{id}": ("venue", "manager"),
    "PUT /venues/{id}": ("venue", "manager"),
}
"""Each endpoint that names a record which may be somebody else's: what it names, who asks."""

COURSE = {
    "name": "急救入门",
    "content": "心肺复苏",
    "sessions": [{"day": "2026-11-08", "minutes": 90}],
}
INSURED = {
    "kind": "insurance",
    "what": "accident",
    "issuer": "人保财险",
    "number": "PA-1",
    "from": "2026-01-01",
    "to": "2026-12-31",
}
VENUE = {"name": "社区公益空间", "address": "北苑路 1 号", "accessible": True}
BODIES = {
    "org": {"name_zh": "七夕集团"},
    "course": COURSE,
    "attainment": INSURED,
    "team": {"name": "红V服务队"},
    "venue": VENUE,
}
QUERIES = {
    "GET /engagements/{id}/record": f"?kind=basics&id=member/{'a' * 26}",
    "GET /engagements/{id}/file": f"?id=evidence/{'a' * 26}",
}


def test_every_endpoint_that_reaches_less_than_the_ledger_is_among_the_foreign_ones():
    narrow = {
        endpoint.replace(f" {L}", " ").replace("{random}", "{id}")
        for endpoint, row in TABLE.items()
        if "{random}" in endpoint and set(row.values()) & {"own", "team", "organisation"}
    }
    # who declines a proposal may read all of them
    assert narrow - {"POST /proposals/{id}/decline"} == FOREIGN.keys()


@pytest.fixture
def foreign(people):
    """What belongs to a stranger in another organisation, by what it is."""
    desk = people
    organisation, stranger = desk.organisation(), desk.person()
    grant = desk.given(stranger, "desk", organisation)
    desk.tokens["stranger"] = desk.session(stranger)
    (session,) = desk.get("/sessions", "stranger").json["sessions"]
    theirs = {"org": organisation, "grant": grant, "session": session["id"]}
    course = desk.post("/courses", COURSE | {"organisation": organisation}, "admin")
    insured = INSURED | {"person": stranger, "organisation": organisation}
    desk.ready(stranger)
    attainment = desk.post("/attainments", insured, "admin")
    theirs |= {"course": course.json["id"], "attainment": attainment.json["id"]}
    query = f"?person={stranger}&about={attainment.json['id']}"
    theirs["evidence"] = desk.post(f"/evidence{query}", b"%PDF-1.7", "admin").json["id"]
    theirs["membership"] = desk.joined(organisation)
    minor = desk.member().removeprefix("member/")
    mother = {"name": "王芳", "consents": ["volunteer"], "how": "paper"}
    path = f"{desk.base}/guardians/{minor}"
    assert desk.ask("PUT", path, "officer", mother, If_None_Match="*").status_code == 200
    theirs["person"] = f"person/{minor}"
    team = {"name": "爱心服务队", "organisation": organisation}
    theirs["team"] = desk.post("/teams", team, "admin").json["id"]
    member = "person" + desk.member().removeprefix("member")
    card = desk.post("/cards", {"person": member, "name": "王芳"}, "admin").json
    theirs["card"] = card["id"]
    shown = {"way": "present", "card": card["number"]}
    theirs["helping"] = desk.post("/helping", shown, "stranger").json["id"]
    theirs["venue"] = desk.post("/venues", VENUE | {"organisation": organisation}, "admin").json[
        "id"
    ]
    theirs |= {"message": desk.message(stranger)}
    theirs |= {"erasure": desk.post("/me/erasure", {}, "stranger").json["id"]}
    return theirs | {"engagement": desk.engaged()}


@pytest.mark.parametrize("endpoint", FOREIGN)
def test_a_foreign_record_looks_the_same_as_none(people, foreign, endpoint):
    desk, (kind, role) = people, FOREIGN[endpoint]
    method, _, path = endpoint.partition(" ")
    path += QUERIES.get(endpoint, "")
    body = BODIES[kind] if method == "PUT" else None
    if method == "POST" and path.startswith("/teams/"):
        body = {"person": desk.first, "from": "2026-11-24"}
    if path.endswith("/end"):
        body = {}

    # then others cannot tell it from one that is not there, and change nothing
    looks_like_none(desk, method, path, role, foreign=foreign[kind], body=body, If_Match='"1"')
    assert desk.get("/me", "stranger").json["roles"] == [
        {"role": "desk", "organisation": foreign["org"]}
    ]
