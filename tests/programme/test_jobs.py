"""What time brings is done once a day of each ledger, by one of those who look."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ledger.config import read_settings
from ledger.demo import load_demo
from ledger.installation import Installation, OpenLedger
from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.bulk import write
from ledger.journal.commands import Statement
from ledger.journal.entry import decode, to_base64
from ledger.journal.orders import Done, Group, Order, Refusal
from ledger.programme import jobs
from ledger.programme.courier import Courier
from ledger.programme.jobs import LEASE_SECONDS, REFUSALS_KEPT_DAYS, do_due_jobs, due_jobs
from ledger.programme.tables import lease
from tests.cli.conftest import make_cheap_keys
from tests.journal.live import TestClock
from tests.statements import statements

ALL_JOBS = ["expire", "state", "erase", "forget", "lapse", "trail"]
ME, OTHER = "worker/me", "worker/other"


class Place:
    """An installation with the sample programme, whose clock the test moves."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.clock = TestClock()
        self.installation = Installation(read_settings(environ), environ, clock=self.clock)
        self.demo = load_demo(self.installation)

    @property
    def ledger(self) -> OpenLedger:
        return self.installation.ledger(self.demo.ledger)

    def work(self, holder: str = ME) -> list[str]:
        return [due.job for due in do_due_jobs(self.installation, holder, Courier({}))]

    def types(self) -> list[str]:
        """The types of all entries after those of the sample programme."""
        with self.installation.database.reading() as conn:
            size = log.log_size(conn, self.ledger.id)
            raws = log.raw_entries(conn, self.ledger.id, self.demo.entries, size)
        return [decode(raw)["type"] for raw in raws]

    def introduce(self, letter: str) -> Any:
        """Enters something."""
        fields = {"person": "person/" + letter * 25 + "a", "standing": "partner"}
        command = Statement(kind="person", fields=fields, actor=self.demo.founders[0])
        (outcome,) = self.ledger.appender.submit(Group((Order(command=command),)))
        return outcome


@pytest.fixture
def place(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    make_cheap_keys(monkeypatch)
    made = Place(
        {
            "POINTS_DATA": str(tmp_path / "data"),
            "POINTS_DATABASE_URL": database_url,
            "POINTS_PASSPHRASE": "a passphrase of the tests",
            "POINTS_PUBLIC_HOST": "points.example.org",
        }
    )
    yield made
    made.installation.close()


def test_each_job_is_done_once_a_local_day(place: Place) -> None:
    # given a ledger of which nothing is done today, when somebody looks, then all is done, once
    assert place.work() == ALL_JOBS
    assert place.work() == []
    # and again once the local day is another, eight hours before that of UTC; some each hour
    place.clock.wait(hours=13)
    assert place.work() == ["lapse", "trail"]
    assert place.work() == []
    place.clock.wait(hours=1)
    assert place.work() == ALL_JOBS


def test_a_day_on_which_something_was_entered_ends_with_the_state_of_all(place: Place) -> None:
    # given a log that ends with a state, then none is added
    assert place.work() == ALL_JOBS
    assert place.types() == []
    # but where something was entered since, the next day has one, and the day after has none
    place.introduce("b")
    for _ in range(3):
        place.clock.wait(days=1)
        place.work()
    # (the sample programme has points that lapse on its first day)
    assert place.types() == ["person", "expiry", "state"]


def test_two_who_look_at_once_do_it_once(place: Place) -> None:
    # given something to sum up, and two who see that it is due
    place.introduce("b")
    seen = threading.Barrier(2)
    done: list[list[str]] = []

    def look(holder: str) -> None:
        due = due_jobs(place.installation)
        seen.wait(10)
        assert [each.job for each in due] == ALL_JOBS
        # past the lease, as if it had run out: what keeps it from being done twice is the row
        for each in due:
            jobs.JOBS[each.job](place.installation, place.ledger, each.period, Courier({}))
        done.append(place.work(holder))

    threads = [threading.Thread(target=look, args=(holder,)) for holder in (ME, OTHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert done == [[], []]
    assert place.types() == ["person", "state"]


def test_what_somebody_else_is_doing_is_left_to_them_until_their_lease_ends(place: Place) -> None:
    # given another process that took a job and has not come back
    with place.installation.database.writing() as conn:
        write(conn, lease, place.ledger.id, [("state", OTHER, "2026-11-24T02:10:00Z")], "upsert")
    assert place.work() == ["expire", "erase", "forget", "lapse", "trail"]

    place.clock.wait(seconds=LEASE_SECONDS)

    assert place.work() == ["state"]
    with place.installation.database.reading() as conn:
        assert conn.execute(select(lease)).all() == []


def test_a_job_that_is_refused_is_tried_again_and_keeps_no_other_from_being_done(
    place: Place,
) -> None:
    # given a month of silence, after which the book wants a person to look at the clock
    place.introduce("b")
    place.clock.wait(days=32)

    assert place.work() == ["erase", "forget", "lapse", "trail"]
    assert place.work() == []  # expiry and state are still refused
    assert [due.job for due in due_jobs(place.installation)] == ["expire", "state"]


def test_refusals_are_forgotten_after_400_days_and_entries_never(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given three keys that were answered by a refusal, and one by an entry
    monkeypatch.setattr(jobs, "FORGOTTEN_PER_STATEMENT", 2)
    account = "member/" + "c" * 25 + "a"
    opening = Statement(kind="open", fields={"account": account}, actor=place.demo.founders[0])
    orders = [
        Order(command=opening, request=to_base64(bytes([number]) * 32), fingerprint=b"same")
        for number in range(4)
    ]
    done, *refused = place.ledger.appender.submit(Group(tuple(orders), atomic=False))
    assert isinstance(done, Done)
    assert all(isinstance(outcome, Refusal) for outcome in refused)
    count = len(_requests(place))

    place.clock.wait(days=REFUSALS_KEPT_DAYS - 1)
    place.work()
    assert len(_requests(place)) == count
    place.clock.wait(days=2)
    place.work()

    left = _requests(place)
    assert len(left) == count - len(refused)
    assert all(row.rule is None for row in left)


def _requests(place: Place) -> list[Any]:
    with place.installation.database.reading() as conn:
        return list(conn.execute(select(t.request)).all())


def test_a_look_costs_two_statements_whatever_the_number_of_ledgers(place: Place) -> None:
    load_demo(place.installation)

    with statements(place.installation.database) as sent:
        due = due_jobs(place.installation)

    assert len(due) == 2 * len(ALL_JOBS)
    assert sum(each.text.startswith("SELECT") for each in sent) == 2
