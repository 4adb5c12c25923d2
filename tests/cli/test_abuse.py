"""Clients that misuse the connection: the real server refuses or leaves them, and serves the next.

Slow clients are left after `PATIENCE` seconds here, and fill every thread but for that.
"""

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPConnection

import pytest

from tests.cli.conftest import Terminal
from tests.cli.test_serving import _free_port

PATIENCE = 1
THREADS = 2
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /v1/ledgers/x/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BIG = 100_000_000

REFUSED = {
    "a header of a megabyte": GET + b"X: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "a thousand headers": GET + b"".join(b"X-%d: x\r\n" % n for n in range(1_000)) + b"\r\n",
    "a path of a megabyte": b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a bare CR in a value": GET + b"X: a\rSet-Cookie: b\r\n\r\n",
    "a NUL in a value": GET + b"X: a\0b\r\n\r\n",
    "a folded value": GET + b"X: a\r\n b\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a length and chunks": POST
    + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks within chunks": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "a chunk of no size": POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n",
    "a chunk of no size for a page": b"POST /sign-in HTTP/1.1\r\nHost: x\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a space before the colon": GET + b"Content-Length : 5\r\n\r\n",
}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where a service of one worker with few threads listens."""
    data = tmp_path_factory.mktemp("abuse") / "data"
    terminal = Terminal(data, f"sqlite:///{data}/points.db")
    terminal.environ["POINTS_PORT"] = str(_free_port())
    terminal("migrate")
    patience = f"import ledger.cli.connections as patience\npatience.SECONDS = {PATIENCE}"
    process = terminal.start(
        *("serve", "--workers", 1, "--threads", THREADS), before=patience, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Two-Way Points serves")
    yield int(terminal.environ["POINTS_PORT"])
    process.terminate()
    process.communicate(timeout=60)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def answer(client: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    said = b""
    try:
        while more := client.recv(65_536):
            said += more
    except ConnectionResetError:
        pass  # it does not wait for the rest of what it refused
    return said


def served(port: int) -> bool:
    """Whether another client's request is answered."""
    with connect(port) as client:
        client.sendall(GET + b"Connection: close\r\n\r\n")
        return answer(client).startswith(b"HTTP/1.1 200")


def send(client: socket.socket, sent: bytes) -> None:
    """Sends what the server takes: it may close before the end."""
    with suppress(ConnectionResetError, BrokenPipeError):
        client.sendall(sent)


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_request_is_refused_and_the_next_is_served(port: int, sent: bytes) -> None:
    with connect(port) as client:
        send(client, sent)
        said = answer(client)
    assert said == b"" or said.startswith(b"HTTP/1.1 4"), said[:200]
    assert b"Set-Cookie: b" not in said
    assert served(port)


@pytest.mark.parametrize(
    "length", [b"Content-Length: %d" % BIG, b"Transfer-Encoding: chunked"], ids=["told", "chunks"]
)
def test_a_body_of_100_mb_is_not_read_to_its_end(port: int, length: bytes) -> None:
    chunk = b"%x\r\n%s\r\n" % (65_536, b"x" * 65_536)
    taken = 0
    with connect(port) as client:
        client.sendall(POST + length + b"\r\n\r\n")
        try:
            while taken < BIG:
                client.sendall(chunk)
                taken += len(chunk)
        except (ConnectionResetError, BrokenPipeError):
            pass  # what this is about
        said = answer(client)
    assert taken < BIG / 2
    assert said == b"" or said.startswith(b"HTTP/1.1 4"), said[:200]
    assert served(port)


def test_nonsense_behind_a_request_does_not_spoil_its_answer(port: int) -> None:
    with connect(port) as client:
        client.sendall(GET + b"\r\n" + b"\0nonsense\r\n\r\n")
        said = answer(client)
    assert said.startswith(b"HTTP/1.1 200")
    assert said.count(b"HTTP/1.1 4") <= 1
    assert b"HTTP/1.1 5" not in said
    assert served(port)


@pytest.mark.parametrize(
    "begin", [GET + b"X: ", POST + b"Content-Length: 1000\r\n\r\n{"], ids=["header", "body"]
)
def test_slow_clients_hold_no_thread_for_ever(port: int, begin: bytes) -> None:
    # given clients that drip, more than there are threads
    clients = [connect(port) for _ in range(THREADS + 1)]
    left = threading.Event()
    for client in clients:
        client.sendall(begin)
    dripping = [threading.Thread(target=drip, args=(client, left)) for client in clients]
    for thread in dripping:
        thread.start()
    # when another comes, then it is served
    try:
        assert served(port)
        # and those that drip are left, with a refusal at most
        for client in clients:
            said = answer(client)
            assert said == b"" or said.startswith(b"HTTP/1.1 4"), said[:200]
    finally:
        left.set()
        for thread in dripping:
            thread.join(30)
        for client in clients:
            client.close()


def test_clients_that_stay_are_served_by_turns_though_there_are_fewer_threads(port: int) -> None:
    with ExitStack() as stack:
        clients = [HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(THREADS + 2)]
        for client in clients:
            stack.callback(client.close)
        for _ in range(10):
            for client in clients:
                client.request("GET", "/healthz")
            for client in clients:
                answered = client.getresponse()
                assert (answered.status, answered.read()) == (200, b'{"status":"ok"}')
                assert not answered.will_close
    assert served(port)


def test_requests_that_are_sent_at_once_are_answered_in_their_order(port: int) -> None:
    with connect(port) as client:
        client.sendall(GET + b"\r\n" + GET + b"\r\n" + GET + b"Connection: close\r\n\r\n")
        said = answer(client)
    assert said.count(b"HTTP/1.1 200") == 3
    assert said.count(b"Connection: close") == 1


def test_clients_that_say_nothing_keep_nobody_waiting(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(connect(port))
        assert served(port)


def test_clients_that_take_no_answer_hold_no_thread_for_ever(port: int) -> None:
    # given clients that ask for far more than fits on the way, and read nothing
    with ExitStack() as stack:
        for _ in range(THREADS + 1):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.connect(("127.0.0.1", port))
            send(client, (b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n") * 20)
        # when another comes, then it is served
        assert served(port)


def test_clients_that_stay_when_they_are_told_to_go_keep_nobody_waiting(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(connect(port))
            client.sendall(GET + b"Connection: close\r\n\r\n")
        assert served(port)


def drip(client: socket.socket, left: threading.Event) -> None:
    """Sends a byte, time and again, until the server or the test has enough."""
    while not left.wait(PATIENCE / 10):
        try:
            client.sendall(b"x")
        except OSError:
            return
