"""Every list is read by an index: what is asked for is a range of it, in its order.

The statements are taken down as they are sent and explained by the database itself. A plan may not
read a table from end to end, nor sort what it found; of what people reach in several ways it may
sort a page, and may not walk all rows of the ledger in order to leave most of them out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection

from ledger.db import Database
from ledger.installation import OpenLedger
from ledger.journal import asof
from ledger.journal.asof import Span
from ledger.journal.commands import PlaceHold, StateOfAll
from ledger.journal.orders import Companion
from ledger.programme import messages, records, tasks
from ledger.programme.calendar import read_calendar
from ledger.programme.grants import list_grants
from ledger.programme.people import (
    belongings,
    consents,
    guardians,
    helping,
    rights,
    sessions,
    teams,
)
from ledger.programme.people.attainments import list_attainments
from ledger.programme.people.evidence import EvidenceUnknown, find_evidence, list_evidence
from ledger.programme.people.memberships import list_memberships
from ledger.programme.people.organisations import list_organisations
from ledger.programme.people.tables import organisation, team, team_member
from ledger.programme.people.teams import TEAM, TeamUnknown
from ledger.programme.people.venues import VENUE
from ledger.programme.reading.accounts import find_past_account, list_accounts
from ledger.programme.reading.budgets import list_budgets
from ledger.programme.reading.entries import (
    list_entries,
    list_entries_of,
    list_entries_of_type,
)
from ledger.programme.reading.histories import account_history
from ledger.programme.reading.overview import list_ledgers
from ledger.programme.reading.people import list_people
from ledger.programme.reading.policies import list_policies
from ledger.programme.recording import Change
from ledger.programme.roles import Held, Principal, Reach
from tests.journal.live import Counter
from tests.programme.registry import TODAY, Registry
from tests.statements import Statement, statements

Reads = Callable[[Connection, Counter, str], Any]
MIDDLE = Span(3, 9)
CALENDAR = read_calendar({})


def listed(newest_first: bool) -> dict[str, Any]:
    return {"newest_first": newest_first, "limit": 5}


READS: dict[str, Reads] = {
    "entries": lambda conn, c, _: list_entries(conn, c.id, MIDDLE, **listed(False)),
    "entries, newest first": lambda conn, c, _: list_entries(conn, c.id, MIDDLE, **listed(True)),
    "entries of a type": lambda conn, c, _: list_entries_of_type(
        conn, c.id, "credit", MIDDLE, **listed(False)
    ),
    "entries of a type, newest first": lambda conn, c, _: list_entries_of_type(
        conn, c.id, "credit", MIDDLE, **listed(True)
    ),
    "entries of an account": lambda conn, c, member: list_entries_of(
        conn, c.id, member, MIDDLE, **listed(False)
    ),
    "entries of an account, newest first": lambda conn, c, member: list_entries_of(
        conn, c.id, member, MIDDLE, **listed(True)
    ),
    "a history": lambda conn, c, member: account_history(
        conn, c.id, member, MIDDLE, page=MIDDLE, newest_first=True, limit=5
    ),
    "accounts": lambda conn, c, _: list_accounts(
        conn, c.id, c.clock.now(), kind="member", after="member/", limit=5
    ),
    "an account as of an entry": lambda conn, c, member: find_past_account(
        conn, c.id, member, MIDDLE.last
    ),
    "budgets as of an entry": lambda conn, c, _: list_budgets(
        conn, c.id, MIDDLE.last, after=c.budget[:-1], limit=5
    ),
    "policies": lambda conn, c, _: list_policies(conn, c.id, after=2, limit=5),
    "people": lambda conn, c, _: list_people(conn, c.id, after="person/", limit=5),
    "ledgers": lambda conn, *_: list_ledgers(conn, after="a", limit=5),
    "one state leaf": lambda conn, c, member: asof.state_of(conn, c.id, member, MIDDLE.last),
    "all state leaves": lambda conn, c, _: list(asof.accounts_as_of(conn, c.id, MIDDLE.last)),
    "a time": lambda conn, c, _: asof.resolve(conn, c.id, time="2026-11-24T02:03:04.000010Z"),
}


@pytest.fixture
def counter(database: Database) -> Counter:
    return Counter(database)


@pytest.fixture
def member(counter: Counter) -> str:
    """Somebody with a history, among others."""
    first, second = counter.open(), counter.open("org")
    for _ in range(3):
        counter.enter(counter.credit(first), counter.credit(second))
    counter.enter(
        PlaceHold(account=first, amount=4, payee=second, actor=counter.office),
        StateOfAll(actor=counter.office),
    )
    return first


def sent(database: Database, reads: Callable[[Connection], Any]) -> list[Statement]:
    """The SELECTs that `reads` sends."""
    with statements(database) as seen, database.reading() as conn:
        assert reads(conn)
    return [each for each in seen if each.text.lstrip().startswith("SELECT")]


def plan(database: Database, statement: str, parameters: Any) -> str:
    """The database's own account of how it carries a statement out.

    PostgreSQL's is that of any values, as sessions plan (`ledger/db.py`), and not of these.
    """
    with database.reading() as conn:
        if database.dialect == "sqlite":
            rows = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        else:
            explain = f"EXPLAIN (GENERIC_PLAN) {numbered(statement)}"
            driver: Any = conn.connection.driver_connection
            rows = driver.execute(explain, prepare=False).fetchall()
    return "\n".join(str(row[-1]) for row in rows)


def numbered(statement: str) -> str:
    """A statement with its parameters as the server names them."""
    names: dict[str, str] = {}
    return re.sub(
        r"%\((\w+)\)s", lambda found: names.setdefault(found[1], f"${len(names) + 1}"), statement
    )


def test_each_list_is_read_by_an_index_and_in_its_order(
    counter: Counter, member: str, subtests: pytest.Subtests
) -> None:
    for name, reads in READS.items():
        statements = sent(counter.database, lambda conn, reads=reads: reads(conn, counter, member))
        assert statements, name
        for statement, parameters in statements:
            with subtests.test(name, statement=statement):
                told = plan(counter.database, statement, parameters)
                assert faults(counter.database.dialect, told) == [], told


def faults(dialect: str, told: str) -> list[str]:
    """The steps of a plan that grow with the table instead of with the answer."""
    if dialect == "postgresql":
        grows = ("Seq Scan", "Sort", "Hash", "Bitmap")
        return [line for line in told.split("\n") if any(word in line for word in grows)]
    # What was passed in as a list is scanned, and so are the rows of a subquery.
    return [
        line
        for line in told.split("\n")
        if line.startswith(("SCAN ", "USE TEMP B-TREE FOR ORDER BY"))
        and "VIRTUAL TABLE" not in line
        and not line.startswith("SCAN past")
    ]


def test_a_list_that_no_index_serves_is_found_out(counter: Counter, member: str) -> None:
    for statement in (
        "SELECT seq FROM posting WHERE amount > 3",
        "SELECT seq FROM entry WHERE ledger_id = 1 ORDER BY leaf",
    ):
        assert faults(counter.database.dialect, plan(counter.database, statement, ()))


# --- what people reach in several ways -----------------------------------------------------------

SOMEBODY, OTHER = "person/" + "a" * 26, "person/" + "e" * 26
ORGANISATIONS = ("org/" + "a" * 26, "org/" + "e" * 26)
REACHES = {
    "a member's": Reach(own=SOMEBODY),
    "a manager's": Reach(own=SOMEBODY, organisations=frozenset(ORGANISATIONS)),
    "a leader's": Reach(
        own=SOMEBODY,
        organisations=frozenset(ORGANISATIONS[:1]),
        teams=frozenset({"team/" + "a" * 26, "team/" + "e" * 26}),
        day=TODAY,
    ),
}
"""Those who do not reach all."""

ALL = Reach(everything=True)
Lists = Callable[..., list[Any]]


def teams_of(conn: Connection, ledger: OpenLedger, reach: Reach, **which: Any) -> list[Any]:
    return belongings.listed(conn, ledger, TEAM, teams.ways(conn, ledger.id, reach), **which)


def venues_of(conn: Connection, ledger: OpenLedger, reach: Reach, **which: Any) -> list[Any]:
    ways = belongings.of_organisations(VENUE, reach)
    return belongings.listed(conn, ledger, VENUE, ways, **which)


def grants_of(conn: Connection, ledger: OpenLedger, reach: Reach, **which: Any) -> list[Any]:
    return list_grants(conn, ledger.id, reach, **which)


OF_ONE = {"organisation": ORGANISATIONS[0]}
LISTS: dict[str, tuple[Lists, list[dict[str, Any]]]] = {
    "attainments": (list_attainments, [{"person": OTHER}, {"what": "first-aid"}]),
    "evidence": (list_evidence, [{"person": OTHER}, {"about": OTHER}]),
    "grants": (grants_of, [{"person": OTHER}, OF_ONE]),
    "memberships": (list_memberships, [OF_ONE, {"state": "claimed"}]),
    "organisations": (list_organisations, [{"kind": "enterprise"}, {"status": "left"}]),
    "teams": (teams_of, [OF_ONE]),
    "venues": (venues_of, [OF_ONE]),
}
"""Each list, and what may be asked of it."""
OWN = ("attainments", "evidence", "grants", "memberships", "teams")
"""Those in which there is something of a member's own."""


def test_what_is_reached_in_several_ways_is_read_without_a_walk_over_all(
    registry: Registry, subtests: pytest.Subtests
) -> None:
    # given somebody who is in a team
    key = ("team/" + "i" * 26, SOMEBODY, TODAY)
    row = dict(zip(("team", "person", "first"), key, strict=True)) | {"last": None}
    registry.submit((Companion(team_member, (key,), lambda _rows, _done: {key: row}),))
    for name, (reads, filters) in LISTS.items():
        whose = {who: reach for who, reach in REACHES.items() if reach.organisations or name in OWN}
        asked = [(who, reach, which) for who, reach in whose.items() for which in [{}, *filters]]
        for who, reach, which in [*asked, *(("the office's", ALL, each) for each in filters)]:
            for page in ({}, {"after": f"{name[:-1]}/k"}):
                with statements(registry.database) as seen, registry.database.reading() as conn:
                    reads(conn, registry.ledger, reach, **which, **page, limit=5)
                selects = [each for each in seen if each.text.lstrip().startswith("SELECT")]
                told = "\n".join(plan(registry.database, *each) for each in selects)
                with subtests.test(f"{who} {name}", **which, **page):
                    assert selects
                    assert walks(registry.database.dialect, told) == [], told


def test_organisations_of_a_kind_and_status_are_one_range(registry: Registry) -> None:
    # given each kind in one status alone, so that by either half of all would be walked
    for number in range(200):
        kind, status = (("enterprise", "left"), ("community", "admitted"))[number % 2]
        name = f"org/{number:026}"
        row = {"id": name, "kind": kind, "subkind": None, "status": status, "changes": 1, "at": ""}
        registry.submit((Companion(organisation, (name,), lambda _rows, _, r=row: {r["id"]: r}),))
    asked = {"kind": "enterprise", "status": "admitted", "limit": 5}
    with statements(registry.database) as seen, registry.database.reading() as conn:
        assert list_organisations(conn, registry.ledger, ALL, **asked) == []
    told = plan(registry.database, *seen[0])
    (used,) = [
        line for line in told.split("\n") if "organisation" in line and "ndex" in line.lower()
    ]
    assert "organisation_ledger_id_kind_status_id_idx" in used


def walks(dialect: str, told: str) -> list[str]:
    """The steps of a plan that read all rows of a table or ledger, or all from an id on."""
    if dialect == "postgresql":
        whole = r"Seq Scan|Index Cond: \(\(?ledger_id = [^()]*\)?( AND \(id > [^()]*\))?\)$"
    else:
        whole = r"^SCAN (?!anon_|\d|\(|CONSTANT)(?!.*VIRTUAL TABLE)|\(ledger_id=\?( AND id>\?)?\)$"
    return [line for line in told.split("\n") if re.search(whole, line)]


def test_a_walk_over_all_is_found_out(registry: Registry) -> None:
    one = "person = 'x' AND \"first\" > '2026-11-24'"
    for statement in (
        f"SELECT id FROM attainment WHERE ledger_id = 1 AND (kind = 'x' OR {one}) ORDER BY id",
        "SELECT id FROM attainment WHERE ledger_id = 1 AND id > 'x' AND kind = 'x' ORDER BY id",
    ):
        assert walks(registry.database.dialect, plan(registry.database, statement, ()))


MANY = [*(f"org/{number:026}" for number in range(1_200)), ORGANISATIONS[0]]
"""More than SQLite takes SELECTs in a statement, and conditions in an expression."""


def test_any_number_of_organisations_and_teams_is_reached(
    registry: Registry, subtests: pytest.Subtests
) -> None:
    # given a team of the last of very many organisations, and one of nobody's
    led, other = ("team/" + letter * 26 for letter in "ae")
    for name, whose in ((led, MANY[-1]), (other, ORGANISATIONS[1])):
        registry.save(Change(TEAM.word, name, whose, {"name": "红V服务队"}))
        row = {"id": name, "organisation": whose, "leader": None, "at": TODAY}
        registry.submit((Companion(team, (name,), lambda _rows, _, n=name, r=row: {n: r}),))
    teams_led = frozenset(f"team/{number:026}" for number in range(1_200)) | {led}
    for who, reach in {
        "a manager's": Reach(own=SOMEBODY, organisations=frozenset(MANY)),
        "a leader's": Reach(own=SOMEBODY, teams=teams_led, day=TODAY),
    }.items():
        # then whoever reaches so many finds theirs, and no other
        with subtests.test(who), registry.database.reading() as conn:
            found = teams_of(conn, registry.ledger, reach, limit=5)
            assert [each.id for each in found] == [led]
            mine = teams_of(conn, registry.ledger, reach, organisation=MANY[-1], limit=5)
            assert mine == found
            among = teams.ways(conn, registry.ledger.id, reach)
            assert belongings.find(conn, registry.ledger, TEAM, led, among) == found[0]
            with pytest.raises(TeamUnknown):
                belongings.find(conn, registry.ledger, TEAM, other, among)
            with pytest.raises(EvidenceUnknown):
                find_evidence(conn, registry.ledger, "evidence/" + "a" * 26, reach)
        # and every list may be asked for what is theirs
        for name, (reads, filters) in LISTS.items():
            for which in ({}, *filters):
                with subtests.test(f"{who} {name}", **which), registry.database.reading() as conn:
                    assert isinstance(reads(conn, registry.ledger, reach, **which, limit=5), list)


def test_the_page_is_of_the_first_of_all_ways(registry: Registry) -> None:
    # given nine teams of three organisations in turn
    names = [f"team/{letter * 26}" for letter in "abcdefghi"]
    for number, name in enumerate(names):
        registry.save(Change(TEAM.word, name, MANY[number % 3], {"name": "红V服务队"}))
        row = {"id": name, "organisation": MANY[number % 3], "leader": None, "at": TODAY}
        registry.submit((Companion(team, (name,), lambda _rows, _, n=name, r=row: {n: r}),))
    reach = Reach(organisations=frozenset(MANY))
    with registry.database.reading() as conn:
        first = teams_of(conn, registry.ledger, reach, limit=4)
        second = teams_of(conn, registry.ledger, reach, after=first[-1].id, limit=9)
    assert [each.id for each in (*first, *second)] == names


# --- what is somebody's own ----------------------------------------------------------------------

ME = Principal("session/" + "a" * 26, "beiyuan", SOMEBODY, (Held("admin"), Held("officer")))
OWN_LISTS: dict[str, Callable[[Connection, OpenLedger], Any]] = {
    "who looked": lambda conn, ledger: rights.lookups_of(conn, ledger, SOMEBODY, limit=5),
    "who looked, further": lambda conn, ledger: rights.lookups_of(
        conn, ledger, SOMEBODY, before=9, limit=5
    ),
    "what one did": lambda conn, ledger: rights.deeds_of(conn, ledger, SOMEBODY, limit=5),
    "an inbox": lambda conn, ledger: messages.inbox(conn, ledger, SOMEBODY, before=None, limit=5),
    "tasks": lambda conn, ledger: tasks.list_tasks(
        conn, ledger.id, CALENDAR, ME, "2026-11-24T02:03:04.000000Z", limit=5
    ),
    "a guardian": lambda conn, ledger: records.newest(
        conn, ledger, guardians.RECORD, (guardians.id_of(SOMEBODY),)
    ),
    "sessions": lambda conn, ledger: sessions.list_sessions(
        conn, ledger.id, SOMEBODY, datetime(2026, 11, 24, tzinfo=UTC)
    ),
    "errands": lambda conn, ledger: helping.errands_of(conn, ledger.id, ME.id),
    "who helped": lambda conn, ledger: helping.helpers_of(conn, ledger.id, (SOMEBODY, OTHER)),
    "consents": lambda conn, ledger: consents.agreeing(conn, ledger.id, "employer", (SOMEBODY,)),
}


def test_what_is_somebody_s_own_is_read_without_a_walk_over_all(
    registry: Registry, subtests: pytest.Subtests
) -> None:
    for name, reads in OWN_LISTS.items():
        with statements(registry.database) as seen, registry.database.reading() as conn:
            reads(conn, registry.ledger)
        # A ledger has one head.
        selects = [each for each in seen if each.text.lstrip().startswith("SELECT")]
        selects = [each for each in selects if "FROM head" not in each.text]
        told = "\n".join(plan(registry.database, *each) for each in selects)
        with subtests.test(name):
            assert selects
            assert walks(registry.database.dialect, told) == [], told
