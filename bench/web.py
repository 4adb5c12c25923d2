"""What comes over HTTP: single credits and batches, beside a bare echo under the same server."""

from __future__ import annotations

import json

from bench.desk import BenchDesk
from bench.load import Load, load
from bench.service import Address, echo_service, our_service
from ledger.programme.tokens import create_token

CLIENTS = 32
REQUESTS = 6_000
WARMING_REQUESTS = 400  # the workers load while they listen already
ECHO_REQUESTS = 20_000
BATCH_CLIENTS = 4
BATCHES = 60
WARMING_BATCHES = 8
BATCH_COMMANDS = 1_000


def echo_load(workers: int, *, on_cores: bool = False) -> Load:
    """The peer: as many clients, a body of the same size."""
    body = _credit("member/" + "a" * 26, "issuer/" + "a" * 26, 25)
    with echo_service(workers, on_cores=on_cores) as address:
        message = _post(address, "/echo", body, {})
        load(address, lambda _: message, WARMING_REQUESTS, CLIENTS)
        return load(address, lambda _: message, ECHO_REQUESTS, CLIENTS)


def credit_load(desk: BenchDesk, workers: int) -> Load:
    """Single credits, each with a key of its own, out of one budget to many members."""
    token, run = _officer(desk), desk.next_numbers(WARMING_REQUESTS + REQUESTS)
    path = f"/v1/ledgers/{desk.ledger.name}/credits"

    def request(number: int) -> bytes:
        body = _credit(desk.member(number), desk.budget, 1 + number % 50)
        return _post(address, path, body, _headers(token, number))

    with our_service(desk.environ, workers) as address:
        messages = list(map(request, run))  # beforehand, as the echo's is
        load(address, messages.__getitem__, WARMING_REQUESTS, CLIENTS)
        return load(address, messages[WARMING_REQUESTS:].__getitem__, REQUESTS, CLIENTS)


def batch_load(desk: BenchDesk, workers: int) -> Load:
    """Batches of 1,000 credits each; the rate is that of commands."""
    token = _officer(desk)
    run = desk.next_numbers((WARMING_BATCHES + BATCHES) * BATCH_COMMANDS)
    path = f"/v1/ledgers/{desk.ledger.name}/batch"

    def request(at: int) -> bytes:
        numbers = run[at * BATCH_COMMANDS : (at + 1) * BATCH_COMMANDS]
        commands = [
            {"kind": "credit", **_credit(desk.member(each), desk.budget, 1 + each % 50)}
            for each in numbers
        ]
        body = {"atomic": False, "commands": commands}
        return _post(address, path, body, _headers(token, numbers[0]))

    with our_service(desk.environ, workers) as address:
        load(address, request, WARMING_BATCHES, BATCH_CLIENTS)
        found = load(address, lambda at: request(WARMING_BATCHES + at), BATCHES, BATCH_CLIENTS)
    return found._replace(per_second=found.per_second * BATCH_COMMANDS)


def _officer(desk: BenchDesk) -> str:
    here = desk.installation
    made = create_token(here.database, here.clock, desk.ledger.name, desk.actor, "officer", 1)
    return made.text


def _credit(account: str, budget: str, amount: int) -> dict[str, object]:
    return {"account": account, "amount": amount, "budget": budget}


def _headers(token: str, number: int) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Idempotency-Key": f"bench-{number}"}


def _post(address: Address, path: str, body: object, headers: dict[str, str]) -> bytes:
    content = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", f"Host: {address[0]}:{address[1]}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content
