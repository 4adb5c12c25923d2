"""A master key is replaced while the service runs: killed half-way, and resumed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from ledger.clock import SystemClock
from ledger.installation import Installation, OpenLedger
from ledger.programme import records
from ledger.programme.recording import Change, save
from ledger.programme.vault import generations_in_use, make_keys
from tests.cli.conftest import Terminal
from tests.programme.registry import fresh

KEYS_PER_ORDER = 1_000
WATCHED = 20
PATIENCE_SECONDS = 600
# So many keys a batch, and a moment between them, so that there is a half-way at which to kill it.
SLOWLY = """
import time
from ledger.cli import masterkeys
def slowly(database, ledger, whole=masterkeys.rewrap):
    for done in whole(database, ledger, keys_per_batch={per_batch}):
        yield done
        time.sleep(0.02)
masterkeys.rewrap = slowly
"""


def rotate(terminal: Terminal, members: int, per_batch: int) -> dict[int, int]:
    """Replaces the master key of so many members; by generation, how many it wrapped when killed.

    Fails where the service met a fault meanwhile, or anything is left of the older key.
    """
    with closing(terminal.installation()) as here:
        ledger = here.ledger("beiyuan")
        watched = _joined(terminal, here, ledger, members)
        with _service(terminal, here, ledger, watched) as joined:
            first = terminal.start("key", "master", before=SLOWLY.format(per_batch=per_batch))
            while _wrapped(here, ledger).get(2, 0) < members // 2:
                assert first.poll() is None, first.communicate()
                time.sleep(0.01)
            first.kill()
            first.communicate(timeout=PATIENCE_SECONDS)
            half = _wrapped(here, ledger)
            assert _names(here, ledger, watched) == {*watched.values()}  # by both keys
            second = terminal.start("key", "master", "--resume")
            said, complaint = second.communicate(timeout=PATIENCE_SECONDS)
            assert (second.returncode, complaint) == (0, ""), said
        watched |= joined
        assert _wrapped(here, ledger) == {2: members + len(joined)}
    (terminal.data / "keys" / "beiyuan" / "master-1.secret.pem").unlink()
    with closing(terminal.installation()) as here:
        assert _names(here, here.ledger("beiyuan"), watched) == {*watched.values()}
    return half


def _joined(
    terminal: Terminal, here: Installation, ledger: OpenLedger, members: int
) -> dict[str, str]:
    """Members with data keys, a few of them with names, which are given."""
    people = [fresh("member") for _ in range(members)]
    for at in range(0, members, KEYS_PER_ORDER):
        make_keys(ledger, people[at : at + KEYS_PER_ORDER])
    watched = {each: f"成员{at}" for at, each in enumerate(people[:: members // WATCHED])}
    _keep(terminal, here, ledger, watched)
    return watched


@contextmanager
def _service(
    terminal: Terminal, here: Installation, ledger: OpenLedger, watched: dict[str, str]
) -> Iterator[dict[str, str]]:
    """Reads and writes records until the block ends; who joined meanwhile."""
    joined: dict[str, str] = {}
    faults: list[BaseException] = []
    ending = threading.Event()

    def serve() -> None:
        try:
            while not ending.is_set():
                assert _names(here, ledger, watched) == {*watched.values()}
                somebody = fresh("member")
                _keep(terminal, here, ledger, {somebody: somebody[-6:]})
                joined[somebody] = somebody[-6:]
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield joined
    finally:
        ending.set()
        thread.join(PATIENCE_SECONDS)
    assert faults == []
    assert joined


def _keep(
    terminal: Terminal, here: Installation, ledger: OpenLedger, names: dict[str, str]
) -> None:
    changes = [Change("basics", each, each, {"full_name": name}) for each, name in names.items()]
    save(here.database, ledger, SystemClock(), changes, by=terminal.people[0])


def _names(here: Installation, ledger: OpenLedger, people: dict[str, str]) -> set[str]:
    with here.database.reading() as conn:
        found = records.newest(conn, ledger, "basics", people)
    return {str((each.fields or {})["full_name"]) for each in found.values()}


def _wrapped(here: Installation, ledger: OpenLedger) -> dict[int, int]:
    with here.database.reading() as conn:
        return generations_in_use(conn, ledger.id)
