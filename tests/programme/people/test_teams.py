"""Venues and teams of organisations: kept with history, led by somebody, joined from day to day."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import pytest

from ledger.journal.commands import Statement
from ledger.journal.orders import Companion, Done, Group, Order, Outcome, Refusal
from ledger.programme import records
from ledger.programme.calendar import read_calendar
from ledger.programme.grants import granting
from ledger.programme.people import belongings, consents, sessions, teams
from ledger.programme.people.attainments import keep, list_attainments
from ledger.programme.people.belongings import Belonging
from ledger.programme.people.tables import merged
from ledger.programme.people.teams import TEAM, Membership, TeamRefused, TeamUnknown
from ledger.programme.people.venues import VENUE, VenueRefused
from ledger.programme.recording import CHANGED
from ledger.programme.roles import Held, Principal, Reach
from ledger.programme.tables import membership
from ledger.programme.wishes import Wish
from tests.programme.people.informing import inform
from tests.programme.people.ready import make_ready
from tests.programme.registry import TODAY, Registry, fresh
from tests.statements import statements

EVERYTHING = Reach(everything=True)
SPACE = {"name": "社区公益空间", "address": "北苑路 1 号", "capacity": 40, "accessible": True}
NUMBERS = itertools.count()


class House:
    """An organisation, and short ways to its teams."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.place = (registry.database, registry.ledger, registry.clock)
        self.org = self.organisation()

    def wish(self, name: str | None = None) -> Wish:
        name = name or f"team{next(NUMBERS)}"
        digest = hashlib.sha256(name.encode()).digest()
        return Wish("team", {}, self.registry.office, f"{name:A<43}=", digest)

    def entered(self, kind: str, **fields: Any) -> None:
        command = Statement(kind=kind, actor=self.registry.office, fields=fields)
        (outcome,) = self.registry.ledger.appender.submit(Group((Order(command=command),)))
        assert isinstance(outcome, Done), outcome

    def organisation(self) -> str:
        name = fresh("org")
        self.entered("open", account=name)
        return name

    def stranger(self, standing: str = "partner") -> str:
        """Somebody of the ledger, and of no organisation."""
        name = fresh("person")
        self.entered("person", person=name, standing=standing)
        return name

    def person(self, standing: str = "partner") -> str:
        """Somebody of the organisation."""
        name = self.stranger(standing)
        self.belongs(name)
        return name

    def belongs(self, person: str, organisation: str | None = None, **said: Any) -> None:
        """Somebody is a member of an organisation, from the year's first day until further
        notice."""
        row = {"id": fresh("membership"), "organisation": organisation or self.org}
        row |= {"subject": person, "first": "2026-01-01", "last": None, "state": "confirmed"}
        row |= {"by": self.registry.office, "at": "2026-11-24T02:03:04.000005Z"} | said
        name = row["id"]
        self.registry.submit((Companion(membership, (name,), lambda _rows, _done: {name: row}),))

    def team(self, name: str | None = None, **said: Any) -> Belonging:
        wish, org = self.wish(name), said.pop("organisation", self.org)
        assert isinstance(teams.form(*self.place, wish, org, {"name": "红V", **said}), Done)
        return self.read(belongings.id_of(TEAM, wish.request))

    def read(self, name: str, reach: Reach = EVERYTHING) -> Belonging:
        with self.registry.database.reading() as conn:
            mine = teams.ways(conn, self.registry.ledger.id, reach)
            return belongings.find(conn, self.registry.ledger, TEAM, name, mine)

    def seen(self, reach: Reach, **which: Any) -> list[str]:
        asked = {"limit": 50} | which
        with self.registry.database.reading() as conn:
            mine = teams.ways(conn, self.registry.ledger.id, reach)
            found = belongings.listed(conn, self.registry.ledger, TEAM, mine, **asked)
        return [each.id for each in found]

    def join(self, team: Belonging, person: str, first: str, last: str | None = None) -> Outcome:
        database, ledger, _ = self.place
        return teams.join_team(database, ledger, team, person, first, last)

    def insured(self, person: str) -> None:
        """Another organisation keeps somebody's insurance."""
        policy = {"kind": "insurance", "what": "accident", "issuer": "人保财险", "number": "PA-1"}
        policy |= {"first": "2026-01-01", "last": "2026-12-31"}
        make_ready(*self.place, person)
        insurer = self.organisation()
        assert isinstance(keep(*self.place, self.wish(), person, insurer, policy), Done)

    def shares(self, person: str) -> None:
        """Somebody shows their employer who they are."""
        consents.give(*self.place, person, "employer", notice=1, how="self", by=person)

    def attained(self, person: str) -> list[str]:
        """Whose attainments a person reaches."""
        reach = self.signed_in(person).reach("attainments:read")
        with self.registry.database.reading() as conn:
            found = list_attainments(conn, self.registry.ledger, reach, limit=50)
        return [each.person for each in found]

    def members(self, team: Belonging, reach: Reach = EVERYTHING, **part: Any) -> list[Membership]:
        with self.registry.database.reading() as conn:
            asked = {"after": None, "limit": 50} | part
            return teams.members_of(conn, self.registry.ledger.id, team, reach, **asked)

    def amend(self, team: Belonging, seen: int, **said: Any) -> Outcome:
        fields = {**(team.fields or {}), **said}
        return teams.amend(*self.place, team, fields, seen=seen, by=self.registry.office)

    def granted(self, person: str, role: str, **more: Any) -> None:
        values = {"person": person, "role": role, "organisation": self.org, "first": TODAY, **more}
        at = "2026-11-24T02:03:04.000005Z"
        given = granting(values, request=self.wish().request, by=self.registry.office, at=at)
        self.registry.submit((given,))

    def signed_in(self, person: str) -> Principal:
        text = sessions.begin(*self.place, person, "day").text
        database, ledger, now = (
            self.registry.database,
            self.registry.ledger,
            self.registry.clock.now(),
        )
        with database.reading() as conn, statements(database) as sent:
            found = sessions.find_session(conn, ledger, text, now)
        assert found is not None
        assert len(sent) == 1
        return found.principal


@pytest.fixture
def house(registry: Registry) -> House:
    return House(registry)


def test_a_venue_is_taken_up_once_and_changed_with_history(house: House) -> None:
    # given the same request twice
    wish, ledger = house.wish("once"), house.registry.ledger
    for _ in range(2):
        outcome = belongings.take_up(
            *house.place, VENUE, wish, house.org, SPACE | {"capacity": None}
        )
        assert isinstance(outcome, Done)
    mine = belongings.of_organisations(VENUE, Reach(organisations=frozenset({house.org})))
    with house.registry.database.reading() as conn:
        (venue,) = belongings.listed(conn, ledger, VENUE, mine, limit=50)
    assert venue.fields == {name: value for name, value in SPACE.items() if name != "capacity"}

    # when two change what both saw
    def amend(capacity: int) -> Outcome:
        said, by = SPACE | {"capacity": capacity}, house.registry.office
        return belongings.amend(*house.place, VENUE, venue, said, seen=1, by=by)

    one, two = amend(40), amend(60)

    # then the second is told, and nothing is lost
    assert isinstance(one, Done)
    assert isinstance(two, Refusal)
    assert two.rule == CHANGED
    with house.registry.database.reading() as conn:
        told = records.history(conn, ledger, "venue", venue.id)
    assert [(each.fields or {}).get("capacity") for each in told] == [None, 40]


def test_what_there_is_not_has_neither_venue_nor_team(house: House) -> None:
    stranger, nowhere = fresh("person"), fresh("org")
    with pytest.raises(VenueRefused, match="There is no org/"):
        belongings.take_up(*house.place, VENUE, house.wish(), nowhere, SPACE)
    with pytest.raises(TeamRefused, match="There is no org/"):
        house.team(organisation=nowhere)
    with pytest.raises(TeamRefused, match=r"No person/.* is of it"):
        house.team(leader=stranger)
    with pytest.raises(TeamRefused, match=r"No person/.* is of it"):
        house.join(house.team(), stranger, TODAY)
    with pytest.raises(TeamRefused, match="before it begins"):
        house.join(house.team(), house.person(), TODAY, "2026-11-23")


@pytest.mark.parametrize(
    "said",
    [
        None,
        {"organisation": "another"},
        {"state": "claimed"},
        {"state": "ended", "last": TODAY},
        {"last": "2026-11-23"},
        {"first": "2026-11-25"},
    ],
)
def test_who_is_not_of_the_organisation_on_that_day_is_refused_as_a_stranger_is(
    house: House, said: dict[str, Any] | None
) -> None:
    # given somebody of the ledger who is no confirmed member of the team's organisation today
    team, leader, foreign = house.team(), house.person(), house.stranger()
    if said is not None:
        elsewhere = {"organisation": house.organisation()} if "organisation" in said else {}
        house.belongs(foreign, **said | elsewhere)

    def told(person: str) -> tuple[list[str], list[int]]:
        """What each way to put them into the team says, and how many statements it takes."""
        ways = (
            lambda: house.join(team, person, TODAY),
            lambda: house.team(leader=person),
            lambda: house.amend(team, 1, leader=person),
        )
        said, numbers = [], []
        for way in ways:
            with statements(house.registry.database) as sent, pytest.raises(TeamRefused) as caught:
                way()
            said.append(str(caught.value).replace(person, "person"))
            numbers.append(len(sent))
        return said, numbers

    # then nothing tells them from a person whom the ledger never heard of
    assert told(foreign) == told(fresh("person"))
    assert house.members(team) == []
    # and a colleague leads the team
    assert isinstance(house.amend(team, 1, leader=leader), Done)


def test_of_an_organisation_is_who_has_a_role_of_it_and_who_took_a_member_over(
    house: House,
) -> None:
    # given a clerk, one who has been a clerk, and one into whom a member was merged
    team, clerk, former, kept = house.team(), *(house.stranger() for _ in range(3))
    house.granted(clerk, "desk")
    house.granted(former, "desk", first="2026-01-01", last="2026-11-23")
    before = house.person()
    row = {"person": before, "into": kept, "merge": None, "at": TODAY, "seq": None}
    house.registry.submit((Companion(merged, (before,), lambda _rows, _done: {before: row}),))

    for person in (clerk, kept):
        assert isinstance(house.join(team, person, TODAY), Done)
    with pytest.raises(TeamRefused):
        house.join(team, former, TODAY)


def test_who_left_the_organisation_can_leave_the_team_and_not_come_back(house: House) -> None:
    # given a member of a team who left the organisation
    team, person = house.team(), house.stranger()
    house.belongs(person, id=(name := fresh("membership")))
    house.join(team, person, TODAY, "2026-12-31")
    house.belongs(person, id=name, state="ended", last=TODAY)

    # then their days in the team may end sooner, and never later
    assert isinstance(house.join(team, person, TODAY, "2026-12-01"), Done)
    for last in ("2026-12-02", None):
        with pytest.raises(TeamRefused, match=r"No person/.* is of it"):
            house.join(team, person, TODAY, last)
    assert [each.last for each in house.members(team)] == ["2026-12-01"]


def test_a_member_who_has_nothing_but_an_account_can_lead_and_join(house: House) -> None:
    account = fresh("member")
    house.entered("open", account=account)
    person = "person" + account.removeprefix("member")
    house.belongs(person)

    team = house.team(leader=person)

    assert isinstance(house.join(team, person, TODAY), Done)


def test_the_leader_changes_with_the_record_and_with_what_is_reached(house: House) -> None:
    old, new = house.person(), house.person()
    team = house.team(leader=old)
    house.granted(old, "organiser")
    house.granted(new, "organiser")
    assert house.signed_in(old).reach("teams:write").teams == {team.id}

    assert isinstance(house.amend(team, 1, leader=new), Done)
    late = house.amend(team, 1, leader=old)

    assert isinstance(late, Refusal)
    assert house.signed_in(old).reach("teams:write").teams == frozenset()
    assert house.signed_in(new).reach("teams:write").teams == {team.id}


def test_who_leads_teams_reaches_them_in_the_organisation_of_the_role(house: House) -> None:
    # given somebody who leads three teams, two of them where they are an organiser
    leader, clerk, other = house.person(), house.person(), house.organisation()
    mine = {house.team(leader=leader).id for _ in range(2)}
    house.belongs(leader, other)
    theirs = house.team(leader=leader, organisation=other)
    house.granted(leader, "organiser")
    house.granted(leader, "desk")
    house.granted(clerk, "organiser")

    principal = house.signed_in(leader)

    # then an organiser's reach has two of them, and one role is one role
    assert {(each.role, each.teams) for each in principal.held} == {
        ("organiser", tuple(sorted(mine))),
        ("desk", tuple(sorted(mine))),
    }
    writing = principal.reach("teams:write")
    assert (writing.word, writing.teams, writing.organisations) == ("team", mine, frozenset())
    assert theirs.id in house.seen(principal.reach("teams:read"))
    assert set(house.seen(teams.changed_by(writing))) == mine
    # and a colleague's none
    assert house.signed_in(clerk).reach("teams:write").word == "own"
    assert house.seen(teams.changed_by(house.signed_in(clerk).reach("teams:write"))) == []


def test_a_leaders_deputy_reaches_the_leaders_teams(house: House) -> None:
    leader, deputy = house.person(), house.person()
    team = house.team(leader=leader)
    house.granted(leader, "organiser")
    house.granted(deputy, "organiser", deputy_of=leader, last="2026-12-08")

    assert house.signed_in(deputy).reach("teams:write").teams == {team.id}


def test_an_outcome_above_the_team_includes_it() -> None:
    person, org, team = fresh("person"), fresh("org"), fresh("team")
    principal = Principal("x", "beiyuan", person, (Held("organiser", org, None, (team,)),))

    reading = principal.reach("attainments:read")

    assert (reading.word, reading.teams) == ("organisation", {team})
    assert principal.reach("login:write").teams == frozenset()
    assert principal.reach("points:write").teams == frozenset()


def test_one_sees_the_teams_that_one_leads_or_is_in_and_no_others(house: House) -> None:
    leader, member, other = house.person(), house.person(), house.person()
    team, second = house.team(leader=leader), house.team()
    house.join(team, member, "2026-01-01", "2026-06-30")
    house.join(team, other, "2026-01-01")

    assert house.seen(Reach(own=leader)) == [team.id]
    assert house.seen(Reach(own=member)) == [team.id]
    assert house.seen(Reach(own=house.person())) == []
    assert house.seen(Reach(organisations=frozenset({house.org}))) == sorted([team.id, second.id])
    with pytest.raises(TeamUnknown):
        house.read(second.id, Reach(own=member))
    # and of its members the leader all, others themselves
    assert len(house.members(team, Reach(own=leader))) == 2
    assert house.members(team, Reach(own=member)) == [
        Membership(member, "2026-01-01", "2026-06-30")
    ]


def test_a_membership_is_ended_by_its_last_day_and_begins_again(house: House) -> None:
    team, person = house.team(), house.person()
    house.join(team, person, "2026-01-01")
    house.join(team, person, "2026-01-01", "2026-06-30")
    house.join(team, person, "2026-11-01")

    assert [(each.first, each.last) for each in house.members(team)] == [
        ("2026-01-01", "2026-06-30"),
        ("2026-11-01", None),
    ]
    (page,) = house.members(team, after=(person, "2026-01-01"), limit=1)
    assert page.first == "2026-11-01"


@pytest.mark.parametrize(
    ("first", "last", "reached"),
    [
        (TODAY, TODAY, True),
        ("2026-01-01", None, True),
        ("2026-11-25", None, False),
        ("2026-01-01", "2026-11-23", False),
    ],
)
def test_a_leader_reaches_what_those_attained_who_are_in_the_team_today(
    house: House, first: str, last: str | None, reached: bool
) -> None:
    # given an organiser's team, and a colleague who is insured by another organisation, and shares
    leader, person = house.person(), house.person()
    inform(house.registry, "employer")
    house.shares(person)
    team = house.team(leader=leader)
    house.granted(leader, "organiser")
    house.insured(person)

    house.join(team, person, first, last)

    assert house.attained(leader) == [person] * reached


def test_a_leader_reaches_what_others_keep_only_of_colleagues_who_share_it(house: House) -> None:
    # given two of a team whom other organisations insured
    leader, silent, open_one = (house.person() for _ in range(3))
    inform(house.registry, "employer")
    team = house.team(leader=leader)
    house.granted(leader, "organiser")
    for person in (silent, open_one):
        house.insured(person)
        house.join(team, person, TODAY)

    # when one of them shares with the employer
    house.shares(open_one)

    # then the leader sees what that one has, until they take it back
    assert house.attained(leader) == [open_one]
    consents.withdraw(
        *house.place, read_calendar({}), open_one, "employer", how="self", by=open_one
    )
    assert house.attained(leader) == []


def test_a_leader_does_not_reach_who_left_the_organisation_and_shares_with_another(
    house: House,
) -> None:
    leader, person = house.person(), house.stranger()
    inform(house.registry, "employer")
    house.shares(person)
    team = house.team(leader=leader)
    house.granted(leader, "organiser")
    house.belongs(person, first=TODAY, last="2026-11-30")
    house.insured(person)
    house.join(team, person, TODAY)
    assert house.attained(leader) == [person]

    house.registry.clock.wait(days=30)

    assert house.attained(leader) == []


def test_lists_take_five_statements_and_one_whatever_their_number(house: House) -> None:
    leader = house.person()
    made = [house.team(leader=leader) for _ in range(4)]
    for _ in range(4):
        house.join(made[0], house.person(), TODAY)

    for limit in (1, 4):
        with statements(house.registry.database) as sent:
            assert len(house.seen(Reach(own=leader), limit=limit)) == limit
        assert len(sent) == 5
        with statements(house.registry.database) as sent:
            assert len(house.members(made[0], limit=limit)) == limit
        assert len(sent) == 1
