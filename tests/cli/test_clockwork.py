"""What is due is brought forward; a clock that jumped is vouched for by a person."""

import signal

import pytest

from ledger.cli import clockwork
from ledger.programme.erasure import announce
from ledger.programme.jobs import JOBS
from ledger.programme.reading.days import today_of
from ledger.programme.recording import Change, save
from tests.api.letters import Letters
from tests.cli.conftest import Terminal


def test_expire_enters_what_is_due_and_nothing_twice(either: Terminal, wait) -> None:
    # Given the sample programme, in which a credit is valid until the day it was loaded
    made = either.facts("demo")
    assert either.facts("expire") == {"ledger": made["ledger"], "accounts": 0, "entries": 0}
    # When two days have gone by, then those points lapse, once
    wait(2)
    assert either.facts("expire") == {"ledger": made["ledger"], "accounts": 1, "entries": 1}
    assert either.facts("expire")["entries"] == 0
    # And the tables are what the entries say
    assert either.facts("verify", "--database")["ok"] is True


def test_after_a_gap_somebody_accepts_the_clock_and_holds_are_released(
    either: Terminal, wait
) -> None:
    # Given that nothing was entered for longer than holds last
    made = either.facts("demo")
    wait(200)
    # Then nothing is entered until a person has looked
    assert "run `points clock accept` first" in either.complaint("expire")
    accepted = either.facts("clock", "accept", "--actor", made["founders"][0])
    assert accepted["seq"] == made["entries"]
    # And then the two holds that were open are released, and the dated points lapse
    assert either.facts("expire")["entries"] >= 3
    assert either.facts("expire")["entries"] == 0


def test_only_the_office_accepts_the_clock(terminal: Terminal) -> None:
    made = terminal.facts("demo")
    assert "may not act in a state" in terminal.complaint(
        "clock", "accept", "--actor", made["auditor"]
    )


def test_work_does_what_is_due_once(either: Terminal, wait) -> None:
    # Given the sample programme on its second day, with points that have lapsed
    made = either.facts("demo")
    wait(2)
    # When it is asked to work, then it tells what it did, and finds nothing the second time
    done = either.facts("work", "--once")["done"]
    assert [(each["ledger"], each["job"]) for each in done] == [
        (made["ledger"], job) for job in ("expire", "state", "erase", "forget", "lapse", "trail")
    ]
    assert "Nothing is due." in either("work", "--once").output
    assert either.facts("verify", "--database")["ok"] is True


def test_work_ends_once_who_was_erased_is_told(
    either: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given somebody whom the office erases today
    made, letters = either.facts("demo"), Letters()
    person, (first, second) = "person/" + "a" * 26, made["founders"][:2]
    installation = either.installation()
    ledger = installation.ledger(made["ledger"])
    with installation.database.reading() as conn:
        today = today_of(conn, ledger.id, installation.clock.now())
    basics = Change("basics", person, person, {"full_name": "王芳", "phone": "+8613912345678"})
    save(installation.database, ledger, installation.clock, [basics], by=first)
    announce(ledger, person, today, actor=first, approver=second, request=None)
    installation.close()
    # When the work is done by a command of its own, then it ended only after the message was sent
    monkeypatch.setattr(clockwork, "channels", lambda _: {"phone": letters})
    either.facts("work", "--once")
    assert [(each.to, each.kind) for each in letters.sent] == [("+8613912345678", "erased")]
    either.facts("work", "--once")
    assert len(letters.sent) == 1


def test_work_goes_on_until_it_is_told_to_stop(terminal: Terminal) -> None:
    # Given a worker of its own that has done what was due
    terminal.facts("demo")
    told = "from ledger.programme import jobs\n_look = jobs.Worker.look\n"
    told += "jobs.Worker.look = lambda worker: print(len(_look(worker)), 'done', flush=True)"
    worker = terminal.start("work", before=told)
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == f"{len(JOBS)} done\n"
        # When it is told to stop, then it ends as it should
        worker.send_signal(signal.SIGTERM)
        assert worker.communicate(timeout=60) == ("", "")
        assert worker.returncode == 0
    finally:
        if worker.poll() is None:
            worker.kill()
            worker.communicate()
