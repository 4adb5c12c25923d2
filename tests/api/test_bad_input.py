"""What is not a request: each fault gets a 4xx problem of its own, and changes nothing."""

import gzip
import io
import json

import pytest
from sqlalchemy import select

from api.document import FILE
from ledger.programme.people.tables import metadata
from ledger.programme.tables import trail, trail_head

CREDIT = {"account": "MEMBER", "amount": 5, "budget": "BUDGET"}
FIELDS = (422, "fields")
NOBODY = "member/" + "b" * 25 + "a"
LIMIT = 2**53 - 1

# path, body, what the answer is; MEMBER, ORG and BUDGET stand for what is there.
VALUES = {
    "amount as a float": ("/credits", CREDIT | {"amount": 5.0}, FIELDS),
    "amount as a fraction": ("/credits", CREDIT | {"amount": 0.5}, FIELDS),
    "amount as a large float": ("/credits", CREDIT | {"amount": 1e300}, FIELDS),
    "amount as a boolean": ("/credits", CREDIT | {"amount": True}, FIELDS),
    "amount as a text": ("/credits", CREDIT | {"amount": "5"}, FIELDS),
    "amount as null": ("/credits", CREDIT | {"amount": None}, FIELDS),
    "amount as a list": ("/credits", CREDIT | {"amount": [5]}, FIELDS),
    "amount of zero": ("/credits", CREDIT | {"amount": 0}, FIELDS),
    "amount below zero": ("/credits", CREDIT | {"amount": -5}, FIELDS),
    "amount beyond 2^53": ("/credits", CREDIT | {"amount": LIMIT + 1}, FIELDS),
    "amount beyond 64 bits": ("/credits", CREDIT | {"amount": 2**64}, FIELDS),
    "amount of 4,001 digits": ("/credits", {"amount": 10**4000}, (400, "json-number")),
    "no amount": ("/credits", {"account": "MEMBER", "budget": "BUDGET"}, FIELDS),
    "an unknown field": ("/credits", CREDIT | {"colour": "red"}, FIELDS),
    "a field of the journal's own": ("/credits", CREDIT | {"approver": "PERSON"}, FIELDS),
    "a held account": ("/credits", CREDIT | {"account": "member/" + "a" * 26 + "/held"}, FIELDS),
    "a fixed account": ("/credits", CREDIT | {"account": "withdrawn"}, FIELDS),
    "an account as a list": ("/credits", CREDIT | {"account": ["MEMBER"]}, FIELDS),
    "an account with a line break": ("/credits", CREDIT | {"account": NOBODY + "\n"}, FIELDS),
    "an account that is not there": ("/debits", {"account": NOBODY, "amount": 5}, (404, "account")),
    "an account to be the budget": ("/credits", CREDIT | {"budget": NOBODY}, FIELDS),
    "a budget that is not there": (
        "/credits",
        CREDIT | {"budget": "issuer/" + "b" * 25 + "a"},
        (404, "account"),
    ),
    "a day that no calendar has": ("/credits", CREDIT | {"valid_until": "2027-02-30"}, FIELDS),
    "a day that is past": ("/credits", CREDIT | {"valid_until": "2026-11-23"}, (422, "past-day")),
    "a day without bounds": ("/credits", CREDIT | {"valid_until": "9999-12-31"}, FIELDS),
    "a time without zone": ("/credits", CREDIT | {"effective_at": "2026-11-01T00:00:00"}, FIELDS),
    "a time elsewhere": (
        "/credits",
        CREDIT | {"effective_at": "2026-11-01T00:00:00+08:00"},
        FIELDS,
    ),
    "a time in nanoseconds": (
        "/credits",
        CREDIT | {"effective_at": "2026-11-01T00:00:00.000000001Z"},
        FIELDS,
    ),
    "a time to come": (
        "/credits",
        CREDIT | {"effective_at": "2027-01-01T00:00:00Z"},
        (422, "effective"),
    ),
    "a time at the end of all": (
        "/credits",
        CREDIT | {"effective_at": "9999-12-31T23:59:59Z"},
        FIELDS,
    ),
    "a time for a service's credit": (
        "/credits",
        CREDIT | {"service": 4, "effective_at": "2026-11-01T00:00:00Z"},
        FIELDS,
    ),
    "a service that is none": ("/credits", CREDIT | {"service": 4}, (409, "reference")),
    "a reference without bounds": ("/accounts", {"kind": "org", "reference": "x" * 201}, FIELDS),
    "an empty reference": ("/accounts", {"kind": "org", "reference": ""}, FIELDS),
    "a reference with a space": ("/accounts", {"kind": "org", "reference": "x "}, FIELDS),
    "a reference with a tab": ("/accounts", {"kind": "org", "reference": "x\ty"}, FIELDS),
    "a kind that is not": ("/accounts", {"kind": "issuer"}, FIELDS),
    "a flag as a number": (
        "/debits",
        {"account": "MEMBER", "amount": 1, "overdraw": 1},
        FIELDS,
    ),
    "a flag as a text": (
        "/debits",
        {"account": "MEMBER", "amount": 1, "overdraw": "true"},
        FIELDS,
    ),
    "more than there is": ("/debits", {"account": "MEMBER", "amount": 500}, (409, "funds")),
    "a ref with another field": (
        "/debits",
        {"account": "MEMBER", "amount": 1, "ref": {"id": "x", "name": "y"}},
        FIELDS,
    ),
    "an own payee": (
        "/holds",
        {"account": "MEMBER", "payee": "MEMBER", "amount": 1},
        (422, "flow"),
    ),
    "a hold without end": (
        "/holds",
        {"account": "MEMBER", "payee": "ORG", "amount": 1, "until": "2030-01-01T00:00:00Z"},
        (422, "until"),
    ),
    "a hold that is none": ("/holds/4/captures", {}, (409, "reference")),
    "a hold beyond 2^53": (f"/holds/{LIMIT + 1}/captures", {}, (404, "not-found")),
    "a hold below zero": ("/holds/-1/captures", {}, (404, "not-found")),
    "an entry beyond the log": ("/reversals", {"entry": LIMIT}, (409, "reference")),
    "an entry beyond 2^53": ("/reversals", {"entry": LIMIT + 1}, FIELDS),
    "a transfer to oneself": (
        "/transfers",
        {"from": "MEMBER", "to": "MEMBER", "amount": 1, "purpose": "gift"},
        (422, "flow"),
    ),
    "a purpose that is not": (
        "/transfers",
        {"from": "MEMBER", "to": "ORG", "amount": 1, "purpose": "bribe"},
        FIELDS,
    ),
}

KEYS = {
    "no key": (None, (400, "key-missing")),
    "an empty key": ("", (400, "key-form")),
    "a long key": ("k" * 256, (400, "key-form")),
    "a key with a space": ("k k", (400, "key-form")),
    "a key beyond ASCII": ("k\u00e9", (400, "key-form")),
}

BODIES = {
    "nothing": (b"", (400, "json")),
    "half an object": (b'{"account": ', (400, "json")),
    "two objects": (b"{} {}", (400, "json")),
    "a list": (b"[]", (400, "json")),
    "a text": (b'"credit"', (400, "json")),
    "null": (b"null", (400, "json")),
    "a comma too many": (b'{"amount": 5,}', (400, "json")),
    "single quotes": (b"{'amount': 5}", (400, "json")),
    "a comment": (b'{"amount": 5} // five', (400, "json")),
    "a byte order mark": (b"\xef\xbb\xbf{}", (400, "json")),
    "bytes that are not UTF-8": (b'{"account": "\xff"}', (400, "json")),
    "UTF-16": ('{"amount": 5}'.encode("utf-16"), (400, "json")),
    "a key twice": (b'{"amount": 5, "amount": 6}', (400, "json-duplicate")),
    "a key twice, deeper": (b'{"ref": {"id": 1, "id": 1}}', (400, "json-duplicate")),
    "a key twice, once escaped": (b'{"amount": 5, "\\u0061mount": 6}', (400, "json-duplicate")),
    "NaN": (b'{"amount": NaN}', (400, "json-number")),
    "Infinity": (b'{"amount": -Infinity}', (400, "json-number")),
    "a NUL, escaped": (b'{"account": "a\\u0000b"}', (400, "json-text")),
    "a NUL in a key": (b'{"acc\\u0000ount": 1}', (400, "json-text")),
    "a raw NUL": (b'{"account": "a\x00b"}', (400, "json")),
    "a lone surrogate": (b'{"account": "\\ud800"}', (400, "json-text")),
    "a lone low surrogate": (b'{"account": "\\udfff"}', (400, "json-text")),
    "9 levels": (b'{"a":' * 9 + b"1" + b"}" * 9, (400, "json-depth")),
    "30,000 levels": (b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}", (400, "json-depth")),
    "over 64 KiB": (b'{"account": "' + b"a" * 65_536 + b'"}', (413, "too-large")),
    "10 MB": (b" " * 10_000_000, (413, "too-large")),
}

QUERIES = {
    "/entries?limit=0": FIELDS,
    "/entries?limit=201": FIELDS,
    "/entries?limit=-1": FIELDS,
    "/entries?limit=ten": FIELDS,
    "/entries?limit=1.0": FIELDS,
    "/entries?limit=\u0661": FIELDS,
    "/entries?limit=": FIELDS,
    "/entries?after=9007199254740992": FIELDS,
    "/entries?colour=red": FIELDS,
    "/entries?limit=5&limit=6": (400, "bad-request"),
    "/entries?type=everything": FIELDS,
    "/entries/9007199254740992": (404, "not-found"),
    "/entries/007": (404, "not-found"),
    "/entries/9007199254740991": (404, "not-found"),
    "/accounts?kind=issuer": FIELDS,
    "/accounts?reference=": FIELDS,
    "/accounts?reference=x&kind=member": FIELDS,
    "/accounts?reference=x&after=org/" + "a" * 26: FIELDS,
    "/accounts?reference=%00": (400, "bad-request"),
    "/accounts?reference=%D5%C5": (400, "bad-request"),
    "/accounts?%D5%C5=1": (400, "bad-request"),
    "/accounts?reference=%ED%A0%80": (400, "bad-request"),
    "/accounts?reference=" + "x" * 201: FIELDS,
    "/accounts/issuer/" + "a" * 26: (404, "not-found"),
    "/accounts/member/" + "a" * 25: (404, "not-found"),
    "/accounts/member/" + "a" * 25 + "b": (404, "not-found"),
    "/accounts/member/" + "a" * 26: (404, "account"),
    "/persons?after=somebody": FIELDS,
    "/proposals?state=forgotten": FIELDS,
    "/proposals?before=last": FIELDS,
    "/entries/4/receipt?wait=11": FIELDS,
    "/entries/4/receipt?wait=-1": FIELDS,
}


@pytest.fixture
def place(desk):
    """A member with points and an organisation, by the names that the tables use."""
    return {
        "MEMBER": desk.member(100),
        "ORG": desk.org(),
        "BUDGET": desk.budget,
        "PERSON": desk.second,
    }


def everything(installation, but=()):
    """Every row of every table, so that a test can say that nothing changed."""
    with installation.database.reading(snapshot=True) as conn:
        return {
            table.name: sorted(map(repr, conn.execute(select(table)).all()))
            for table in metadata.sorted_tables
            if table not in (trail, trail_head)  # which tells of what was denied
            if table.name not in but
        }


def filled(value, names):
    if isinstance(value, dict):
        return {key: filled(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value


def said(answer):
    return answer.status_code, answer.json["type"].removeprefix("/problems/")


def test_values_that_are_wrong(desk, place, installation, subtests):
    # A refusal of the book is remembered with its key, and nothing else of it.
    before = everything(installation, but=["request"])
    for name, (path, body, wanted) in VALUES.items():
        with subtests.test(name):
            answer = send(desk, path, json.dumps(filled(body, place)).encode(), key=desk.key())
            assert said(answer) == wanted, answer.text
            if wanted == FIELDS:
                assert answer.json["errors"], answer.text
            assert everything(installation, but=["request"]) == before


def send(desk, path, raw, content_type="application/json", key="bad-input"):
    headers = {"Authorization": f"Bearer {desk.tokens['officer']}"}
    if key is not None:
        headers["Idempotency-Key"] = key
    return desk.client.post(desk.base + path, data=raw, content_type=content_type, headers=headers)


def test_bodies_that_are_no_json_object(desk, installation, subtests):
    before = everything(installation)
    for name, (raw, wanted) in BODIES.items():
        with subtests.test(name):
            answer = send(desk, "/credits", raw)
            assert said(answer) == wanted, answer.text
            assert everything(installation) == before


def test_a_body_that_is_no_json_is_told_where(desk, subtests):
    for raw, where in (
        (b"", "character 0"),
        (b"\xef\xbb\xbf{}", "character 0"),
        (b" {} {}", "character 4"),
        (b'{"amount": }', "character 11"),
        ('{"姓": 名}'.encode(), "character 6"),
        (b'{"account": "\xff"}', "byte 13"),
    ):
        with subtests.test(raw):
            assert where in send(desk, "/credits", raw).json["detail"]


@pytest.mark.parametrize(
    "stated",
    [{"HTTP_TRANSFER_ENCODING": "chunked"}, {"CONTENT_LENGTH": "x"}],
    ids=["none", "no number"],
)
def test_a_large_body_of_no_stated_length(desk, installation, stated):
    # given a JSON object within the bounds, with blanks after it that go beyond them
    before = everything(installation)
    raw = b'{"kind": "org"}' + b" " * 100_000

    # when it comes in chunks, or else nothing says how long it is
    answer = desk.client.post(
        f"{desk.base}/accounts",
        input_stream=io.BytesIO(raw),
        content_type="application/json",
        headers={"Authorization": f"Bearer {desk.tokens['officer']}", "Idempotency-Key": "k"},
        environ_overrides={"wsgi.input_terminated": True, **stated},
    )

    # then it is too large, and not taken for the object that it begins with
    assert said(answer) == (413, "too-large")
    assert everything(installation) == before


def test_keys_that_are_none(desk, place, installation, subtests):
    before = everything(installation)
    raw = json.dumps(filled(CREDIT, place)).encode()
    for name, (key, wanted) in KEYS.items():
        with subtests.test(name):
            assert said(send(desk, "/credits", raw, key=key)) == wanted
            assert everything(installation) == before


def test_content_types_that_are_not_json(desk, place, installation, subtests):
    before = everything(installation)
    raw = json.dumps(filled(CREDIT, place)).encode()
    for content_type in (
        None,
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json-patch+json",
    ):
        with subtests.test(content_type=content_type):
            answer = send(desk, "/credits", raw, content_type)
            assert said(answer) == (415, "content-type")
            assert everything(installation) == before
    assert send(desk, "/credits", raw, "application/json; charset=utf-8").status_code == 201


@pytest.mark.parametrize("path", ["/credits", "/rosters?organisation=org/" + "a" * 26])
def test_a_body_that_comes_compressed_is_refused_as_that(desk, path):
    kind = "application/json" if path == "/credits" else FILE
    sent = {"data": gzip.compress(b"{}"), "content_type": kind}
    role = "officer" if path == "/credits" else "admin"
    headers = {"Authorization": f"Bearer {desk.tokens[role]}", "Idempotency-Key": "once"}

    for coding in ("gzip", "br", "GZIP, identity"):
        named = headers | {"Content-Encoding": coding}
        answer = desk.client.post(desk.base + path, headers=named, **sent)
        assert said(answer) == (415, "content-type")
        assert "Content-Encoding" in answer.json["detail"]
        assert answer.headers["Accept-Encoding"] == "identity"
    named = headers | {"Content-Encoding": "identity"}
    assert desk.client.post(desk.base + path, headers=named, **sent).status_code != 415


def test_queries_and_paths_that_lead_nowhere(desk, place, subtests):
    for path, wanted in QUERIES.items():
        with subtests.test(path):
            assert said(desk.get(path)) == wanted


@pytest.mark.parametrize("path", ["/v1/ledgers/beiyuan/accounts", "/ledgers/beiyuan", "/none"])
def test_a_query_that_is_no_text_is_a_fault_of_the_query(desk, path):
    # GBK, as old systems write Chinese; as it is, by percent, and a NUL
    for query, why in {"a=\xd5\xc5": "UTF-8", "a=%D5%C5": "UTF-8", "a=%00": "NUL"}.items():
        answer = desk.client.get(path, environ_overrides={"QUERY_STRING": query})

        assert answer.status_code == 400
        if path.startswith("/v1"):
            assert answer.json["type"] == "/problems/bad-request"
            assert answer.json["detail"].startswith("The query")
            assert why in answer.json["detail"]


def test_a_request_that_takes_no_body_refuses_one(desk, place, installation):
    hold = {"account": place["MEMBER"], "payee": place["ORG"], "amount": 5}
    seq = desk.post("/holds", hold).json["hold"]
    before = everything(installation)

    answer = desk.post(f"/holds/{seq}/release", {"amount": 1})

    assert said(answer) == (400, "bad-request")
    assert everything(installation) == before


def test_methods_and_addresses_that_are_not_served(desk):
    put = desk.client.put("/v1/ledgers")
    assert said(put) == (405, "method")
    assert set(put.headers["Allow"].split(", ")) >= {"GET", "POST"}
    assert said(desk.client.get("/v1/ledgers/BEIYUAN")) == (404, "not-found")
    assert said(desk.client.get("/v1/ledgers/bei%00yuan")) == (404, "not-found")
    assert said(desk.client.get("/nothing/here")) == (404, "not-found")


def test_a_founding_that_the_book_would_refuse_makes_no_ledger(desk, installation, subtests):
    before = everything(installation)
    budget = {"limit": 5, "from": "2026-01-01", "to": "2026-12-31"}
    gift = {"purpose": "gift", "from": "member", "to": "member", "limit": 5}
    whole = {"name": "nanyuan", "budget": budget, "policy": {"from": "2026-01-01"}}
    for name, change in {
        "days that are not in order": {"budget": budget | {"to": "2025-12-31"}},
        "a purpose twice": {"policy": whole["policy"] | {"transfers": [gift, gift]}},
        "a name that is none": {"name": "Nan Yuan"},
        "a name too long": {"name": "n" * 33},
        "an offset out of range": {"utc_offset_minutes": 841},
        "an offset as text": {"utc_offset_minutes": "480"},
        "no hold days": {"policy": whole["policy"] | {"hold_days": 0}},
        "no policy": {"policy": None},
    }.items():
        with subtests.test(name):
            answer = desk.ask("POST", "/v1/ledgers", "operator", whole | change)
            assert said(answer) == FIELDS
            assert everything(installation) == before
