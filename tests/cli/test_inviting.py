"""`points work` invites people: killed half-way, and taken up by another process."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import closing
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from ledger.clock import SystemClock
from ledger.installation import Installation
from ledger.programme import records
from ledger.programme.people.inviting import KIND
from ledger.programme.people.tables import invitation_batch
from ledger.programme.tables import data_key, invitation, message, record
from tests.cli.conftest import Terminal
from tests.cli.test_serving import _free_port
from tests.programme.people.test_invitations import ask
from tests.programme.people.test_memberships import enterprise

PATIENCE_SECONDS = 120
# The second hundred is entered, and then nothing more happens until it is killed.
HALF_WAY = """
import time
from ledger.programme.people import inviting
entered = []
def enter(*said, whole=inviting.enter, **more):
    outcome = whole(*said, **more)
    entered.append(outcome)
    if len(entered) == 2:
        print("half-way", flush=True)
        time.sleep(600)
    return outcome
inviting.enter = enter
"""
LATER = """
from datetime import timedelta
from ledger import installation
class Later(installation.SystemClock):
    def now(self):
        return super().now() + timedelta(minutes=6)
    def database_now(self, told):
        return self.now()
installation.SystemClock = Later
"""


def work(terminal: Terminal, before: str = "") -> str:
    """What `points work --once` says in a process of its own."""
    process = terminal.start("work", "--once", before=before)
    said, complaint = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, complaint) == (0, "")
    return said


def desk(terminal: Terminal, here: Installation) -> SimpleNamespace:
    """Where the office of the terminal's ledger does things."""
    return SimpleNamespace(
        database=here.database,
        ledger=here.ledger("beiyuan"),
        clock=SystemClock(),
        office=terminal.people[0],
    )


@pytest.mark.parametrize("command", [("serve", "--workers", 2), ("work",)], ids=["serve", "work"])
def test_the_service_invites_by_itself(either: Terminal, command: tuple[object, ...]) -> None:
    # given a service, or a worker beside one
    either.found()
    either.environ["POINTS_PORT"] = str(_free_port())
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = either.start(*command, **silent)
    try:
        with closing(either.installation()) as here:
            office = desk(either, here)
            # when somebody is to be invited, then they are, and nobody has to do anything for it
            ask(office, enterprise(office), ("王芳", "13912345678"))
            invited = 0
            while not invited:
                assert process.poll() is None
                time.sleep(0.05)
                with here.database.reading() as conn:
                    done = invitation_batch.c.done_at.is_not(None)
                    invited = len(conn.execute(select(invitation_batch).where(done)).all())
            with here.database.reading() as conn:
                assert len(conn.execute(select(invitation)).all()) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE_SECONDS)


def test_a_killed_process_leaves_its_list_to_another(either: Terminal) -> None:
    # given a list of 250 people, and a process that is killed when 200 of them are invited
    either.found()
    who = [(f"员工{at}", str(13_800_000_000 + at)) for at in range(250)]
    with closing(either.installation()) as here:
        office = desk(either, here)
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
            kept = records.newest(conn, office.ledger, "invitation", ids)
            parts = conn.execute(select(record.c.id).where(record.c.kind == KIND)).scalars().all()
            lists = records.newest(conn, office.ledger, KIND, parts)
            batch = conn.execute(select(invitation_batch)).one()
            key = conn.execute(select(data_key.c.wrapped).where(data_key.c.subject == batch.id))
            assert key.scalar_one() is None
    names = [(each.fields or {})["full_name"] for each in kept.values()]
    assert sorted(map(str, names)) == sorted(name for name, _ in who)
    assert sorted(told) == sorted(ids)
    assert [each.fields for each in lists.values()] == [None] * 3
    assert (batch.next_at, batch.done_at is None) == (None, False)
