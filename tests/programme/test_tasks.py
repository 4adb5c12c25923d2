"""Tasks: a list over kinds, in order of due days, that is read page by page."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from ledger.journal.times import format_time, to_us
from ledger.programme.calendar import Calendar, read_calendar
from ledger.programme.people import waiting
from ledger.programme.people.tables import consent, organisation
from ledger.programme.roles import Held, Principal
from ledger.programme.tables import membership, message, proposal
from ledger.programme.tasks import KINDS, After, Task, list_tasks, place_of, register
from tests.programme.registry import Registry, fresh
from tests.programme.test_plans import faults, plan
from tests.statements import statements

CALENDAR = read_calendar({})
ADMIN, OFFICER = Held("admin"), Held("officer")


def caller(*held: Held, person: str | None = None, scopes: tuple[str, ...] | None = None) -> Any:
    return Principal("session/x", "beiyuan", person or fresh("person"), held, scopes)


def tasks(registry: Registry, who: Principal, **query: Any) -> list[Task]:
    now = format_time(to_us(registry.clock.now()))
    with registry.database.reading() as conn:
        return list_tasks(conn, registry.ledger.id, CALENDAR, who, now, **{"limit": 100} | query)


def put(registry: Registry, table: Any, *rows: dict[str, Any]) -> None:
    with registry.database.writing() as conn:
        for row in rows:
            conn.execute(insert(table).values(ledger_id=registry.ledger.id, **row))


def proposed(at: str, **more: Any) -> dict[str, Any]:
    row = {"id": fresh("proposal"), "actor": fresh("person"), "kind": "grant", "command": "{}"}
    row |= {"fingerprint": b"", "request": fresh("request"), "state": "open", "at": at}
    return row | more


def applied(at: str, **more: Any) -> dict[str, Any]:
    row = {"id": fresh("org"), "kind": "enterprise", "status": "applied", "changes": 1, "at": at}
    return row | more


def on_paper(at: str, **more: Any) -> dict[str, Any]:
    row = {"id": fresh("message"), "subject": fresh("person"), "kind": "proposal-approved"}
    row |= {"channel": "paper", "state": "paper", "tries": 0, "next_at": at, "at": at}
    return row | more


def claimed(at: str, of: str, **more: Any) -> dict[str, Any]:
    row = {"id": fresh("membership"), "organisation": of, "subject": fresh("person")}
    row |= {"first": at[:10], "state": "claimed", "by": fresh("person"), "at": at}
    return row | more


def noon(day: str) -> str:
    """A moment that is on that day at UTC and at +8 hours alike."""
    return f"{day}T12:00:00.000000Z"


def test_each_kind_is_due_its_working_days_after_it_began_to_wait(registry: Registry) -> None:
    # given one of each kind, on the Tuesday before three free days
    at, org = noon("2026-09-22"), fresh("org")
    claim = claimed(at, org)
    put(registry, proposal, proposed(at))
    put(registry, organisation, applied(at))
    put(registry, message, on_paper(at))
    put(registry, membership, claim)
    shared = {"person": claim["subject"], "purpose": "employer", "state": "given", "version": 1}
    shared |= {"notice": 1, "notice_hash": "x", "how": "self", "by": claim["subject"], "at": at}
    put(registry, consent, shared)

    # then they are due after that many working days, the first one due first
    found = tasks(registry, caller(ADMIN))
    assert [(each.kind, each.due, each.what or each.organisation) for each in found] == [
        ("message-on-paper", "2026-09-28", None),
        ("proposal", "2026-09-30", "grant"),
        ("membership-claimed", "2026-10-13", org),
        ("organisation-applied", "2026-10-13", "enterprise"),
    ]
    assert [each.decisions for each in found] == [
        *(("handed",), ("approve", "decline"), ("confirm", "decline"), ("admitted", "left"))
    ]
    # the tests' clock is in November
    assert all(each.overdue and not each.assumed for each in found)


def test_what_is_due_today_is_not_overdue_and_a_year_unknown_is_said(registry: Registry) -> None:
    put(registry, message, on_paper(noon("2026-11-19")), on_paper(noon("2026-12-30")))

    today, unknown = tasks(registry, caller(OFFICER))

    assert (today.due, today.overdue, today.assumed) == ("2026-11-24", False, False)
    assert (unknown.due[:4], unknown.overdue, unknown.assumed) == ("2027", False, True)


def test_a_caller_sees_what_they_may_decide(registry: Registry) -> None:
    # given what two organisations have to confirm, of people who share their names and one who not
    at, mine, others = noon("2026-11-20"), fresh("org"), fresh("org")
    claims = [claimed(at, mine), claimed(at, others), claimed(at, mine)]
    put(registry, membership, *claims)
    for each in claims[:2]:
        shared = {"person": each["subject"], "purpose": "employer", "state": "given", "version": 1}
        shared |= {"notice": 1, "notice_hash": "x", "how": "self", "by": each["subject"], "at": at}
        put(registry, consent, shared)
    put(registry, message, on_paper(at), on_paper(at, state="kept", next_at=None))
    put(registry, proposal, proposed(at), proposed(at, state="approved"))

    def seen(*held: Held, **more: Any) -> list[str]:
        return [each.kind for each in tasks(registry, caller(*held, **more))]

    assert seen(OFFICER) == ["message-on-paper"]
    assert seen(Held("manager", mine)) == ["membership-claimed"]
    assert tasks(registry, caller(Held("manager", mine)))[0].subject == claims[0]["id"]
    assert seen(Held("manager", fresh("org"))) == []
    assert seen(Held("member")) == seen(Held("auditor")) == seen(Held("desk", mine)) == []
    assert seen(ADMIN) == ["message-on-paper", "proposal", *["membership-claimed"] * 2]
    # a token that was narrowed shows what it may be used for
    assert seen(ADMIN, scopes=("tasks:read", "proposals:decide")) == ["proposal"]


def test_nobody_has_to_decide_on_what_they_proposed(registry: Registry) -> None:
    at, me, other = noon("2026-11-20"), fresh("person"), fresh("person")
    mine = [proposed(at, actor=me), proposed(at, actor_for=me)]
    put(registry, proposal, *mine, proposed(at, actor=other))

    deputy = caller(Held("admin", None, other), person=me)

    assert len(tasks(registry, caller(ADMIN, person=me))) == 1
    assert len(tasks(registry, caller(ADMIN))) == 3
    assert tasks(registry, deputy) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_page_by_page_each_task_comes_once_and_in_order(registry: Registry, limit: int) -> None:
    # given tasks of three kinds on each day of some weeks with holidays, two of them at one moment
    days = [(date(2026, 9, 14) + timedelta(days=n)).isoformat() for n in range(30)]
    put(registry, proposal, *[proposed(noon(day)) for day in days])
    put(registry, organisation, *[applied(noon(day)) for day in days])
    put(registry, message, *[on_paper(noon(day)) for day in days for _ in range(2)])
    admin = caller(ADMIN)
    whole = tasks(registry, admin, limit=200)

    pages: list[Task] = []
    after: After | None = None
    while page := tasks(registry, admin, after=after, limit=limit):
        pages += page
        after = place_of(page[-1])

    assert pages == whole
    assert len(whole) == 120
    assert [each.due for each in whole] == sorted(each.due for each in whole)
    # and one kind alone is its part of that
    some = tasks(registry, admin, kind="proposal", after=place_of(whole[40]))
    assert some == [each for each in whole[41:] if each.kind == "proposal"]


def test_the_list_is_read_by_as_many_statements_however_long_it_is(registry: Registry) -> None:
    counts = []
    for number in (1, 5, 20):
        put(registry, proposal, *[proposed(noon("2026-11-20")) for _ in range(number)])
        put(registry, message, *[on_paper(noon("2026-11-20")) for _ in range(number)])
        with statements(registry.database) as sent:
            found = tasks(registry, caller(ADMIN))
        counts.append((len(found), len(sent)))
    assert [count for _, count in counts] == [1 + len(KINDS)] * 3


def test_each_kind_is_read_by_an_index_and_in_its_order(sqlite_registry: Registry) -> None:
    # of PostgreSQL nothing can be told here: it sorts what it takes to be one row
    registry, admin = sqlite_registry, caller(ADMIN)
    for kind in KINDS:
        after = After(kind, noon("2026-11-20"), fresh("proposal"))
        with statements(registry.database) as sent:
            tasks(registry, admin, kind=kind, after=after)
        ordered = [each for each in sent if "ORDER BY" in each.text]
        assert ordered, kind
        for statement, parameters in ordered:
            told = plan(registry.database, statement, parameters)
            assert faults("sqlite", told) == [], told


def test_a_kind_has_one_name() -> None:
    with pytest.raises(ValueError, match="proposal"):
        register("proposal", KINDS["proposal"])
    assert waiting.KINDS is KINDS


DAYS = st.dates(date(2025, 11, 1), date(2027, 3, 1)).map(date.isoformat)


@given(DAYS, st.integers(1, 30))
def test_the_first_day_that_is_due_by_then_is_found_backwards(day: str, number: int) -> None:
    calendar: Calendar = CALENDAR
    for first, beyond in (
        (calendar.first_due(day, number), False),
        (calendar.first_after(day, number), True),
    ):
        before = (date.fromisoformat(first) - timedelta(days=1)).isoformat()
        late = [calendar.due(each, number).day for each in (before, first)]
        assert [(due > day) if beyond else (due >= day) for due in late] == [False, True]
