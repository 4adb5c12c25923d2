"""Who may be in a ledger twice: pairs of people whose basics have something in common.

Pairs are found by blind index alone: no record is opened for it, and which number it is that two
people share, nobody is told.  What they share grades the pair, since families have one telephone
and whole towns one name:

    certain    the number of an identity document
    likely     the full name, and a telephone number or an e-mail address
    possible   one of these alone; or their documents' numbers, where both are known, differ

A pair that somebody marked as two different people stays away, and so does who was merged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, literal, select

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.bulk import keyed, rows_of
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order, Outcome
from ledger.journal.times import format_time, to_us
from ledger.programme.findable import FINDABLE
from ledger.programme.people.tables import distinct_people, merged
from ledger.programme.records import BASICS
from ledger.programme.tables import blind_index, record
from ledger.programme.wishes import Wish

CERTAIN, LIKELY, POSSIBLE = "certain", "likely", "possible"
GRADES = (CERTAIN, LIKELY, POSSIBLE)
"""From the surest on."""

WINDOW_ROWS = 20_000
"""How much of the index one page looks through, at the most."""

_DOCUMENT = "document_number"
_PERSON, _BEYOND = "person/", "person0"

Pair = tuple[str, str]


class DuplicateRefused(PointsError):
    """What is said of two people cannot be said of these."""

    code = "duplicate-refused"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two people, the lesser id first, who may be one; `reasons` are the fields that they share."""

    people: Pair
    reasons: tuple[str, ...]
    grade: str


class Page(NamedTuple):
    """Candidates in order of their pairs, and the pair to go on after, None at the end.

    A page may be short, or empty, although others follow.
    """

    candidates: list[Candidate]
    following: Pair | None


class Distinct(NamedTuple):
    """Two people of whom somebody knows that they are two."""

    people: Pair
    by: str
    at: str


def grade_of(reasons: Collection[str], *, differ: bool = False) -> str:
    """How sure it is that two people are one, who share these fields.

    `differ` where both have a document's number, and not the same.
    """
    if _DOCUMENT in reasons:
        return CERTAIN
    contact = "phone" in reasons or "email" in reasons
    return LIKELY if "full_name" in reasons and contact and not differ else POSSIBLE


def candidates(
    conn: Connection,
    ledger: OpenLedger,
    *,
    at_least: str = POSSIBLE,
    after: Pair | None = None,
    limit: int,
) -> Page:
    """At most `limit` pairs after the pair `after`, of a grade `at_least`.

    Seven statements at the most, whatever the number.
    """
    start, most = after or (_PERSON, _PERSON), limit + len(FINDABLE)
    parameters = {"of_ledger": ledger.id, "start": start[0]}
    ends = [row.id for row in rows_of(conn, _END, parameters | {"window": WINDOW_ROWS - 1})]
    within = parameters | {"end": ends[0] if ends else _BEYOND, "most": most}
    firsts = [row.id for row in rows_of(conn, _FIRSTS, within)]
    ends = firsts[-1:] if len(firsts) == most else ends
    found = _sharing(conn, ledger.id, sorted(set(firsts)), start, limit + 1)
    following = None
    if len(found) > limit:
        found = dict(islice(found.items(), limit))
        following = max(found)
    elif ends:
        following = max((ends[0], ends[0]), *found, start)
    wanted = GRADES[: GRADES.index(at_least) + 1]
    graded = _graded(conn, ledger.id, found)
    return Page([each for each in graded if each.grade in wanted], following)


def shared_by(conn: Connection, ledger_id: int, people: Pair) -> tuple[str, ...]:
    """The fields that are the same in what is kept of two people, in order.  One statement."""
    c = blind_index.c
    keys = [(BASICS, person, field) for person in people for field in FINDABLE]
    rows = keyed(conn, (c.field, c.value), ledger_id, (c.kind, c.id, c.field), keys)
    values = [(row.field, row.value) for row in rows if row.value is not None]
    return tuple(sorted({field for field, value in values if values.count((field, value)) > 1}))


def mark_distinct(
    database: Database, ledger: OpenLedger, clock: Clock, wish: Wish, people: Collection[str]
) -> Outcome:
    """Keeps two people apart from now on; said again, by whomever, it changes nothing.

    Raises `DuplicateRefused`, and what `Appender.submit` raises.
    """
    pair = pair_of(people)
    with database.reading() as conn:
        unknown = sorted(set(pair) - _with_basics(conn, ledger.id, pair))
    if unknown:
        raise DuplicateRefused(f"Nothing is kept of {unknown[0]}, which could be a duplicate.")
    at = format_time(to_us(clock.now()))
    row = {"first": pair[0], "second": pair[1], "by": wish.actor, "at": at}

    def change(found: Mapping[Any, CompanionRow | None], _: Done) -> Mapping[Any, CompanionRow]:
        return {pair: row} if found[pair] is None else {}

    marking = Companion(distinct_people, (pair,), change)
    order = Order(request=wish.request, fingerprint=wish.fingerprint, companions=(marking,))
    (outcome,) = ledger.appender.submit(Group((order,)))
    return outcome


def distinct(conn: Connection, ledger_id: int, people: Collection[str]) -> Distinct:
    """Who said of two people that they are two, and when; `DuplicateRefused` where nobody did.

    One statement.
    """
    pair = pair_of(people)
    c = distinct_people.c
    rows = keyed(conn, (c.by, c.at), ledger_id, (c.first, c.second), [pair])
    if not rows:
        raise DuplicateRefused("Nobody has marked these two as two people.")
    return Distinct(pair, rows[0].by, rows[0].at)


def pair_of(people: Collection[str]) -> Pair:
    """Two people in order of their ids; `DuplicateRefused` unless they are two."""
    pair = tuple(sorted(set(people)))
    if len(pair) != 2:
        raise DuplicateRefused("A pair is two people. Name each of them once.")
    return pair[0], pair[1]


# --- finding -------------------------------------------------------------------------------------

_a, _b = blind_index.alias("a"), blind_index.alias("b")
_MINE = (
    _a.c.ledger_id == bindparam("of_ledger"),
    _a.c.kind == literal(BASICS),
    _a.c.id >= bindparam("start"),
    _a.c.id < literal(_BEYOND),
)
_WALK = select(_a.c.id, _a.c.field, _a.c.value).where(*_MINE).order_by(_a.c.id, _a.c.field)


_END = _WALK.with_only_columns(_a.c.id).offset(bindparam("window")).limit(1)
"""The last person whom a page looks at; none where it looks at all that there are."""
# A scalar subquery with a limit is asked row by row, by key, whatever the planner believes of a
# table that was small once.  By the value, too: the kind is told in a form that no key is searched
# by, else SQLite walks the primary key from each person to the last.
_OTHER = (
    select(_b.c.id)
    .where(
        _b.c.ledger_id == bindparam("of_ledger"),
        _b.c.field == _a.c.field,
        _b.c.value == _a.c.value,
        _b.c.kind.concat("") == literal(BASICS),
        _b.c.id > _a.c.id,
        _b.c.id < literal(_BEYOND),
    )
    .limit(1)
    .scalar_subquery()
)
_FIRSTS = (
    _WALK.with_only_columns(_a.c.id)
    .where(_a.c.id <= bindparam("end"), _OTHER.is_not(None))
    .limit(bindparam("most"))
)
"""Those who share something with somebody of a greater id, in order, once for each such field."""


def _sharing(
    conn: Connection, ledger_id: int, firsts: Sequence[str], start: Pair, most: int
) -> dict[Pair, set[str]]:
    """What each pair after `start` shares that begins with one of `firsts`, in order, of `most`."""
    c = blind_index.c
    held = keyed(
        conn, (c.id, c.field, c.value), ledger_id, (c.kind, c.id), [(BASICS, n) for n in firsts]
    )
    values = {(row.field, row.value) for row in held if row.value is not None}
    people: dict[tuple[str, str], list[str]] = {}
    for row in keyed(conn, (c.id, c.kind, c.field, c.value), ledger_id, (c.field, c.value), values):
        if row.kind == BASICS and row.id.startswith(_PERSON):
            people.setdefault((row.field, row.value), []).append(row.id)
    of: dict[str, list[tuple[str, str]]] = {}
    for row in held:
        of.setdefault(row.id, []).append((row.field, row.value))
    found: dict[Pair, set[str]] = {}
    for first in firsts:
        shared: dict[Pair, set[str]] = {}
        for field, value in of.get(first, ()):
            for second in people.get((field, value), ()):
                if second > first:
                    shared.setdefault((first, second), set()).add(field)
        found |= {pair: shared[pair] for pair in sorted(shared) if pair > start}
        if len(found) >= most:
            break
    return dict(islice(found.items(), most))


def _graded(
    conn: Connection, ledger_id: int, found: Mapping[Pair, set[str]]
) -> Iterator[Candidate]:
    """The pairs that are neither kept apart nor merged, graded."""
    c, d, m = blind_index.c, distinct_people.c, merged.c
    apart = {
        (row.first, row.second)
        for row in keyed(conn, (d.first, d.second), ledger_id, (d.first, d.second), found)
    }
    people = {person for pair in found for person in pair}
    rows = keyed(conn, (m.person, m.into), ledger_id, m.person, people)
    gone = {row.person for row in rows if row.into != row.person}
    keys = [(BASICS, person, _DOCUMENT) for person in people]
    rows = keyed(conn, (c.id, c.value), ledger_id, (c.kind, c.id, c.field), keys)
    documents = {row.id: row.value for row in rows if row.value is not None}
    for pair, reasons in found.items():
        if pair not in apart and gone.isdisjoint(pair):
            differ = len({documents[each] for each in pair if each in documents}) > 1
            grade = grade_of(reasons, differ=differ)
            yield Candidate(pair, tuple(sorted(reasons)), grade)


def _with_basics(conn: Connection, ledger_id: int, people: Iterable[str]) -> set[str]:
    c = record.c
    keys = [(BASICS, person, 1) for person in people]
    return {row.id for row in keyed(conn, (c.id,), ledger_id, (c.kind, c.id, c.version), keys)}
