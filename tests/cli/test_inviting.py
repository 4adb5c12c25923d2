"""`points work` invites people: killed half-way, and taken up by another process."""

from __future__ import annotations

import signal
from contextlib import closing
from types import SimpleNamespace

from sqlalchemy import select

from ledger.clock import SystemClock
from ledger.programme import records
from ledger.programme.people.batches import KIND
from ledger.programme.people.tables import invitation_batch
from ledger.programme.tables import data_key, invitation, message, record
from tests.cli.conftest import Terminal
from tests.programme.people.test_invitations import ask
from tests.programme.people.test_memberships import enterprise

PATIENCE_SECONDS = 120
# The second hundred is entered, and then nothing more happens until it is killed.
HALF_WAY = """
import time
from ledger.programme.people import batches
entered = []
def enter(*said, whole=batches.enter, **more):
    outcome = whole(*said, **more)
    entered.append(outcome)
    if len(entered) == 2:
        print("half-way", flush=True)
        time.sleep(600)
    return outcome
batches.enter = enter
"""
LATER = """
from datetime import timedelta
from ledger import installation
class Later(installation.SystemClock):
    def now(self):
        return super().now() + timedelta(minutes=6)
    def database_now(self, conn):
        return self.now()
installation.SystemClock = Later
"""


def work(terminal: Terminal, before: str = "") -> str:
    """What `points work --once` says in a process of its own."""
    process = terminal.start("work", "--once", before=before)
    said, complaint = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, complaint) == (0, "")
    return said


def test_a_killed_process_leaves_its_list_to_another(either: Terminal) -> None:
    # given a list of 250 people, and a process that is killed when 200 of them are invited
    either.found()
    who = [(f"员工{at}", str(13_800_000_000 + at)) for at in range(250)]
    with closing(either.installation()) as here:
        ledger = here.ledger("beiyuan")
        office = SimpleNamespace(
            database=here.database, ledger=ledger, clock=SystemClock(), office=either.people[0]
        )
        ask(office, enterprise(office), *who)
        first = either.start("work", "--once", before=HALF_WAY)
        assert first.stdout is not None
        assert first.stdout.readline() == "half-way\n"
        first.kill()
        first.communicate(timeout=PATIENCE_SECONDS)
        assert first.returncode == -signal.SIGKILL
        with here.database.reading() as conn:
            assert len(conn.execute(select(invitation)).all()) == 200

        # when others look, at once and some minutes later
        assert "people invited" not in work(either)
        assert "Lists of people invited: 1.\n" in work(either, LATER)
        assert "people invited" not in work(either, LATER)

        # then everybody is invited once, and nothing of the list is kept
        with here.database.reading() as conn:
            ids = list(conn.execute(select(invitation.c.id)).scalars())
            told = list(conn.execute(select(message.c.subject)).scalars())
            kept = records.newest(conn, ledger, "invitation", ids)
            parts = conn.execute(select(record.c.id).where(record.c.kind == KIND)).scalars().all()
            lists = records.newest(conn, ledger, KIND, parts)
            batch = conn.execute(select(invitation_batch)).one()
            key = conn.execute(select(data_key.c.wrapped).where(data_key.c.subject == batch.id))
            assert key.scalar_one() is None
    names = [(each.fields or {})["full_name"] for each in kept.values()]
    assert sorted(map(str, names)) == sorted(name for name, _ in who)
    assert sorted(told) == sorted(ids)
    assert [each.fields for each in lists.values()] == [None] * 3
    assert (batch.next_at, batch.done_at is None) == (None, False)
