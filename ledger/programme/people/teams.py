"""Teams (服务队) of organisations: a name, a leader, and members from day to day.

Name and leader are the team's record; the leader, a person, stands in its row too, since an
organiser reaches what belongs to the teams that they lead (`roles.py`).  A membership is of a team
and a person, from a local day on; it is ended by its last day, and stays in the list.  Who leads a
team or comes into one is of its organisation that day (`affiliations.py`); that the ledger knows
anybody else is not told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, tuple_, union

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.bulk import keyed
from ledger.journal.orders import Companion, Group, Order, Outcome
from ledger.programme.pages import Ways
from ledger.programme.people import belongings
from ledger.programme.people.affiliations import lasts, organisations_of
from ledger.programme.people.belongings import Belonging, Kind
from ledger.programme.people.consents import agreeing
from ledger.programme.people.memberships import SHARING
from ledger.programme.people.tables import team as table
from ledger.programme.people.tables import team_member as membership
from ledger.programme.reading.days import today_of
from ledger.programme.roles import Reach
from ledger.programme.wishes import Wish


class TeamUnknown(PointsError):
    """The ledger has no team of that id that the caller may see."""

    code = "team-unknown"


class TeamRefused(PointsError):
    """What is said of a team does not fit together."""

    code = "team-refused"


TEAM = Kind("team", table, TeamUnknown, TeamRefused, columns=("leader",))


class Membership(NamedTuple):
    """A person in a team, for some local days; `last` None: until further notice."""

    person: str
    first: str
    last: str | None


def form(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    wish: Wish,
    organisation: str,
    fields: Mapping[str, Any],
) -> Outcome:
    """Forms a team of an organisation's; the same request again changes nothing.

    Raises `TeamRefused` where the ledger knows no such organisation, or the leader is none of its
    people today, and what `recording.compose` raises.
    """
    _want_leader(database, ledger, clock, organisation, fields.get("leader"))
    return belongings.take_up(database, ledger, clock, TEAM, wish, organisation, fields)


def amend(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    team: Belonging,
    fields: Mapping[str, Any],
    *,
    seen: int,
    by: str,
) -> Outcome:
    """Gives a team another name or leader, if its version is still `seen`; else a `Refusal`.

    Raises as `form` does.
    """
    leader = fields.get("leader")
    if leader != (team.fields or {}).get("leader"):
        _want_leader(database, ledger, clock, team.organisation, leader)
    return belongings.amend(database, ledger, clock, TEAM, team, fields, seen=seen, by=by)


def join_team(
    database: Database,
    ledger: OpenLedger,
    team: Belonging,
    person: str,
    first: str,
    last: str | None,
) -> Outcome:
    """Says that a person is in a team from a local day on; the same day again changes the last one.

    Who left the organisation since can leave the team sooner, and not later.  Raises
    `TeamRefused`, and what `Appender.submit` raises.
    """
    if last is not None and last < first:
        raise TeamRefused(f"It would end on {last}, before it begins. Mend the days.")
    key = (team.id, person, first)
    with database.reading() as conn:
        if not _leaves_sooner(conn, ledger.id, key, last):
            _want_affiliated(conn, ledger.id, team.organisation, person, first)
    row = {"team": team.id, "person": person, "first": first, "last": last}
    companion = Companion(membership, (key,), lambda _rows, _done: {key: row})
    (outcome,) = ledger.appender.submit(Group((Order(companions=(companion,)),)))
    return outcome


def members_of(
    conn: Connection,
    ledger_id: int,
    team: Belonging,
    reach: Reach,
    *,
    after: tuple[str, str] | None,
    limit: int,
) -> list[Membership]:
    """At most `limit` memberships of a team in order of person and first day.

    They are those after that person and first day: all, for its organisation and its leader; for
    anybody else in it their own.
    """
    c = membership.c
    query = select(c.person, c.first, c.last).where(c.ledger_id == ledger_id, c.team == team.id)
    leads = reach.own is not None and (team.fields or {}).get("leader") == reach.own
    if not (leads or team.id in reach.teams or reach.has_organisation(team.organisation)):
        query = query.where(c.person == reach.own)
    if after is not None:
        query = query.where(tuple_(c.person, c.first) > tuple_(*after))
    rows = conn.execute(query.order_by(c.person, c.first).limit(limit))
    return [Membership(*row) for row in rows]


def ways(conn: Connection, ledger_id: int, reach: Reach) -> Ways:
    """In which ways teams belong to a reach: all; its organisations'; its teams; one's own.

    One's own are those that one leads, or is or was in.  One statement, where there may be such.
    """
    c = table.c
    if reach.everything:
        return [c.ledger_id.is_not(None)]
    found = [c.organisation == each for each in sorted(reach.organisations)]
    names = reach.teams
    if reach.own is not None:
        m = membership.c
        led = select(c.id).where(c.ledger_id == ledger_id, c.leader == reach.own)
        joined = select(m.team).where(m.ledger_id == ledger_id, m.person == reach.own)
        names |= set(conn.execute(union(led, joined)).scalars())
    return [*found, *(c.id == each for each in sorted(names))]


def changed_by(reach: Reach) -> Reach:
    """The part of a reach within which teams are changed: nobody changes a team by being in it."""
    return replace(reach, own=None)


def shown_in_teams(conn: Connection, ledger_id: int, reach: Reach) -> frozenset[str]:
    """The people of a reach's teams who show their organisation what others keep of them.

    They are in a team, and of its organisation, on the day that the reach is for, and share who
    they are.  Six statements, where there are teams.
    """
    if not reach.teams or reach.day is None:
        return frozenset()
    # All columns, since SQLite would rather walk an index that has those that are asked for.
    known = keyed(conn, table.c, ledger_id, table.c.id, reach.teams)
    whose = {row.id: row.organisation for row in known}
    rows = keyed(conn, membership.c, ledger_id, membership.c.team, whose)
    there = [row for row in rows if lasts(row.first, row.last, reach.day)]
    of = organisations_of(conn, ledger_id, {row.person for row in there}, reach.day)
    shown = {row.person for row in there if whose[row.team] in of[row.person]}
    return agreeing(conn, ledger_id, SHARING, shown)


def _want_leader(
    database: Database, ledger: OpenLedger, clock: Clock, organisation: str, leader: str | None
) -> None:
    if leader is not None:
        with database.reading() as conn:
            today = today_of(conn, ledger.id, clock.now())
            _want_affiliated(conn, ledger.id, organisation, leader, today)


def _want_affiliated(
    conn: Connection, ledger_id: int, organisation: str, person: str, day: str
) -> None:
    if organisation not in organisations_of(conn, ledger_id, (person,), day)[person]:
        raise TeamRefused(
            f"The team is {organisation}'s. No {person} is of it on {day}: a member joins it first,"
            " and is confirmed."
        )


def _leaves_sooner(
    conn: Connection, ledger_id: int, key: tuple[str, str, str], last: str | None
) -> bool:
    """Whether somebody's time in a team is known, and would end no later than it does."""
    c = membership.c
    query = select(c.last).where(c.ledger_id == ledger_id, tuple_(c.team, c.person, c.first) == key)
    known = conn.execute(query).one_or_none()
    return known is not None and last is not None and (known.last is None or last <= known.last)
