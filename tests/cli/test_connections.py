"""How long the service waits for a client that takes its answer."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from ledger.cli import connections
from ledger.cli.connections import Connection

BUFFER_BYTES = 4_096
PATIENCE_SECONDS = 0.5


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Connection, socket.socket]]:
    """The service's end of a connection that holds little on its way, and its client's."""
    monkeypatch.setattr(connections, "SECONDS", PATIENCE_SECONDS)
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
    with Connection.of(ours) as connection, theirs:
        yield connection, theirs


def test_a_client_that_takes_its_answer_slowly_gets_all_of_it(
    ends: tuple[Connection, socket.socket],
) -> None:
    # Given an answer of one piece, and a client that takes three times our patience for it
    ours, theirs = ends
    said = bytes(30 * connections.PIECE_BYTES)
    taken = bytearray()

    def take() -> None:
        while len(taken) < len(said):
            wanted = len(taken) + connections.PIECE_BYTES
            while len(taken) < min(wanted, len(said)):
                taken.extend(theirs.recv(connections.PIECE_BYTES))
            time.sleep(PATIENCE_SECONDS / 10)

    client = threading.Thread(target=take)
    client.start()
    # When it is sent
    ours.sendall(said)
    client.join()
    # Then nothing is missing
    assert taken == said


def test_a_client_that_takes_nothing_is_given_up(ends: tuple[Connection, socket.socket]) -> None:
    ours, _ = ends
    with pytest.raises(BrokenPipeError):
        ours.sendall(bytes(30 * connections.PIECE_BYTES))
