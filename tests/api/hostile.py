"""Requests that nobody should send: the document's own examples, each spoilt for sure."""

import json
import random
import string
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from api.document import examples

METHODS = ("PUT", "PATCH", "TRACE", "PROPFIND", "OPTIONS2", "LINK", "CONNECT")
JUNK: tuple[Any, ...] = (
    *(None, 1.5, -0.0, 1e308, [], [[]], {}, {"a": {"b": []}}, [None] * 50, "\u202e", "x" * 5_000),
    *(-1, 2**53, 2**64, 10**19, "1; DROP TABLE entry", "' OR '1'='1", "../../etc/passwd", "\x7f"),
    *("{{7*7}}", "<script>", "%00", "\ud83d\ude00", {"$gt": 0}, "0x1f", "1e3", " 5", "NaN"),
)
BODIES = (
    *(b"", b"{", b"[]", b"null", b'"x"', b"{}{}", b"\xff\xfe", b"\xef\xbb\xbf{}", b"{'a':1}"),
    *(b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":-Infinity}', b'{"a":' * 40 + b"1" + b"}" * 40),
    *(b'{"a":"\\ud800"}', b'{"a":"\\u0000"}', b'{"a":' + b"9" * 400 + b"}", b"\0" * 100),
    *(b"[" * 60_000, b'{"a":"' + b"x" * 70_000 + b'"}', b"a=1&b=2", b"<x/>", b"\x1f\x8b\x08"),
)
TOKENS = (
    *("", "Bearer", "Bearer ", "Basic YTpi", "Bearer pts_", "Bearer pts_beiyuan_" + "A" * 43),
    *("Bearer pts_beiyuan_" + "A" * 42 + "\u00e9", "Bearer " + "x" * 8_000, "bearer\tpts_x_y"),
    *("Bearer pts_operator_" + "-" * 43, "Bearer null", "Bearer pts_beiyuan_' OR 1=1 --"),
)
KEYS = ("", " ", "k" * 256, "k k", "k\u00e9", "k\tk")
OPEN = ("joining", "joining/codes", "sign-in", "sign-in/codes", "sign-in/codes/confirm")
OPEN += ("sign-in/password", "sign-in/setup")
WATCHED = ("/healthz", "/readyz", "/metrics")  # which pass over what monitors add
TRICKS = ("..", "%2e%2e", ".", "%00", "%2f", "a" * 2_000, "%ff", "\u00fc", ";x=1", "~", "*", "-1")


class Hostile(NamedTuple):
    """One request; `body` are bytes as they are sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    content_type: str | None


def hostile_requests(seed: int, count: int, bearer: dict[str, str]) -> Iterator[Hostile]:
    """`count` requests; `bearer` has a token that lasts for each role."""
    rng = random.Random(seed)
    known = [
        each
        for exchanges in examples().values()
        for each in exchanges
        if each["path"] not in WATCHED
    ]
    ways: tuple[Callable[..., Hostile], ...] = (
        *(_field, _field, _raw, _token, _key, _method, _path, _query, _type),
    )
    for number in range(count):
        exchange = rng.choice(known)
        tokens = list(bearer.values())
        headers = {"Authorization": f"Bearer {rng.choice(tokens)}"}
        headers["Idempotency-Key"] = f"hostile-{number}"
        method, _, _ = exchange["operation"].partition(" ")
        body = json.dumps(exchange.get("body", {"unknown": 1})).encode()
        plain = Hostile(method, exchange["path"], headers, body, "application/json")
        yield rng.choice(ways)(rng, plain)


def _field(rng: random.Random, plain: Hostile) -> Hostile:
    """A field of the body has a value of another kind, and another is one that nobody knows."""
    if plain.method != "POST":
        return _query(rng, plain)
    body = json.loads(plain.body)
    if body:
        body[rng.choice(sorted(body))] = rng.choice(JUNK)
    body["".join(rng.choices(string.ascii_lowercase, k=rng.choice((3, 60, 900))))] = 1
    return plain._replace(body=json.dumps(body).encode())


def _raw(rng: random.Random, plain: Hostile) -> Hostile:
    """What is sent is no JSON object, or half of one."""
    if plain.method != "POST":
        return _query(rng, plain)
    cut = plain.body[: rng.randrange(1, len(plain.body))]
    return plain._replace(body=rng.choice((*BODIES[1:], cut)))


def _token(rng: random.Random, plain: Hostile) -> Hostile:
    below = "/".join(plain.path.partition("?")[0].split("/")[4:])
    if below in OPEN or f"{plain.method} {below}".startswith("GET notices"):  # wants no token
        return _field(rng, plain)
    if plain.path.startswith("/log/") and "entries" not in plain.path:
        return _method(rng, plain)
    sent = rng.choice(TOKENS).encode("utf-8").decode("latin-1")
    return plain._replace(headers=plain.headers | {"Authorization": sent})


def _key(rng: random.Random, plain: Hostile) -> Hostile:
    """The key cannot be used; and where none is wanted, something else is wrong too."""
    key = rng.choice(KEYS).encode("utf-8").decode("latin-1")
    return _field(rng, plain._replace(headers=plain.headers | {"Idempotency-Key": key}))


def _method(rng: random.Random, plain: Hostile) -> Hostile:
    return plain._replace(method=rng.choice(METHODS))


def _path(rng: random.Random, plain: Hostile) -> Hostile:
    parts = plain.path.partition("?")[0].split("/")
    parts[rng.randrange(1, len(parts))] = rng.choice(TRICKS)
    return _field(rng, plain._replace(path="/".join(parts)))


def _query(rng: random.Random, plain: Hostile) -> Hostile:
    path = plain.path.partition("?")[0]
    names = ("limit", "after", "before", "wait", "type", "state", "reference")
    name, junk = rng.choice(names), rng.choice(("-1", "1e9", "%00", "x" * 300, "", "9" * 40))
    query = rng.choice(
        (f"{name}={junk}&{name}={junk}", f"{name}={junk}&strange=1", "a[]=1", "&x=1")
    )
    return plain._replace(path=f"{path}?{query}")


def _type(rng: random.Random, plain: Hostile) -> Hostile:
    if plain.method != "POST":
        return _query(rng, plain)
    kind = rng.choice((None, "text/plain", "multipart/form-data; boundary=x", "application/xml"))
    body = plain.body if kind else b"\0"
    return plain._replace(content_type=kind, body=body)
