"""Tasks: everything that waits for a person, in one list.

A task is kept nowhere.  It is a row of its own room that is in a state in which somebody has to
decide: a kind (`KINDS`, to which rooms below add theirs with `register`) says which rows these are,
who is to decide, what they may decide, and within how many working days after the row came into
that state.  So nothing has to be closed: what was decided is no task any more.

The list is in order of due day, kind, since when it waits, and subject.  The due day follows from
since when, and never falls while that rises; so each kind's part is a range of an index, and the
list takes two statements and one for each kind, whatever is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Row, or_, select, tuple_

from ledger.journal.times import local_day, start_of_day
from ledger.programme.calendar import Calendar
from ledger.programme.reading.days import offset_of
from ledger.programme.roles import Principal
from ledger.programme.tables import message, proposal


class Kind(NamedTuple):
    """A kind of task.

    `subject` is the column of the id that it is about, `since` that of the time from which on it
    waits; `waits` says for which rows of their table that is so, for one caller.  Callers see it
    within what the `action` reaches, which `waits` has to hold where that is less than the ledger.
    `beside` are further columns that a task shows: `what`, a word, or `organisation`.
    """

    action: str
    role: str
    decisions: tuple[str, ...]
    working_days: int
    subject: Column[Any]
    since: Column[Any]
    waits: Callable[[Principal], ColumnElement[bool]]
    beside: Mapping[str, Column[Any]] = MappingProxyType({})


class Task(NamedTuple):
    """What waits for somebody of a role; `due` is a working day, the last one in time.

    `assumed` says that the holidays on the way there are not all known yet.
    """

    kind: str
    subject: str
    role: str
    decisions: tuple[str, ...]
    since: str
    due: str
    assumed: bool
    overdue: bool
    what: str | None = None
    organisation: str | None = None


class After(NamedTuple):
    """The place of a task in the list, whether it is still there or not."""

    kind: str
    since: str
    subject: str


def place_of(task: Task) -> After:
    """Where the list goes on after a task."""
    return After(task.kind, task.since, task.subject)


def register(word: str, kind: Kind) -> None:
    """Adds a kind of task; ValueError where there is one of that name."""
    if word in KINDS:
        raise ValueError(f"there are tasks of the kind {word} already")
    KINDS[word] = kind


def list_tasks(
    conn: Connection,
    ledger_id: int,
    calendar: Calendar,
    who: Principal,
    now: str,
    *,
    kind: str | None = None,
    after: After | None = None,
    limit: int,
) -> list[Task]:
    """At most `limit` tasks of a caller, those due first; `now` is the time that it is.

    KeyError for a kind that there is not.
    """
    offset = offset_of(conn, ledger_id)
    wanted = KINDS if kind is None else {kind: KINDS[kind]}
    found: list[Task] = []
    for word, each in wanted.items():
        if who.may(each.action) and who.allows(each.action):
            bound = None if after is None else _bound(calendar, offset, word, after)
            rows = _rows(conn, ledger_id, who, each, bound, limit)
            found += [_task(calendar, offset, now, word, row) for row in rows]
    return sorted(found, key=lambda task: (task.due, place_of(task)))[:limit]


def _rows(
    conn: Connection,
    ledger_id: int,
    who: Principal,
    kind: Kind,
    bound: tuple[str, str] | None,
    limit: int,
) -> list[Row[Any]]:
    table = kind.subject.table
    beside = [column.label(name) for name, column in kind.beside.items()]
    query = select(kind.subject.label("subject"), kind.since.label("since"), *beside).where(
        table.c.ledger_id == ledger_id, kind.waits(who)
    )
    if bound is not None:
        query = query.where(tuple_(kind.since, kind.subject) > tuple_(*bound))
    return list(conn.execute(query.order_by(kind.since, kind.subject).limit(limit)))


def _bound(calendar: Calendar, offset: int, word: str, after: After) -> tuple[str, str]:
    """What the tasks of a kind that follow `after` are beyond, by since when and subject."""
    if word == after.kind:
        return after.since, after.subject
    of = KINDS[after.kind]
    due = calendar.due(local_day(after.since, offset), of.working_days).day
    # Kinds that stand behind it have tasks of the same due day to come, others only later ones.
    days = KINDS[word].working_days
    first = calendar.first_due(due, days) if word > after.kind else calendar.first_after(due, days)
    return start_of_day(first, offset), ""


def _task(calendar: Calendar, offset: int, now: str, word: str, row: Row[Any]) -> Task:
    kind = KINDS[word]
    due = calendar.due(local_day(row.since, offset), kind.working_days)
    return Task(
        word,
        row.subject,
        kind.role,
        kind.decisions,
        row.since,
        due.day,
        due.assumed,
        overdue=due.day < local_day(now, offset),
        **{name: getattr(row, name) for name in kind.beside},
    )


# --- the kinds of this room ----------------------------------------------------------------------


def _proposed_by_others(who: Principal) -> ColumnElement[bool]:
    """Nobody approves what they proposed, or who they stand in for did."""
    mine = sorted({who.person, who.in_place_of("proposals:decide") or who.person})
    c = proposal.c
    others = c.actor.not_in(mine) & or_(c.actor_for.is_(None), c.actor_for.not_in(mine))
    return (c.state == "open") & others


KINDS: dict[str, Kind] = {
    "message-on-paper": Kind(
        action="messages:hand",
        role="officer",
        decisions=("handed",),
        working_days=3,
        subject=message.c.id,
        since=message.c.next_at,
        waits=lambda _: message.c.state == "paper",
    ),
    "proposal": Kind(
        action="proposals:decide",
        role="admin",
        decisions=("approve", "decline"),
        working_days=5,
        subject=proposal.c.id,
        since=proposal.c.at,
        waits=_proposed_by_others,
        beside={"what": proposal.c.kind},
    ),
}
"""By their words."""
