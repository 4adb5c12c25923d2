"""Dated points: what lapses when.

An account's points consist of *parts* ``(last valid day, points)``.  Undated points are the part
``never``, which sorts after every day, so plain text order is the order of spending.  Parts here
are tuples in that order, each day once, no part of zero points.

An account keeps its *dated* parts only; the undated rest is its balance less their sum.  A debt is
a negative undated rest with no dated parts beside it.

A *change* is what one posting does to one account: parts that all have the sign of the amount.
"""

from __future__ import annotations

from collections.abc import Iterable

NEVER = "never"

Parts = tuple[tuple[str, int], ...]


def total(parts: Iterable[tuple[str, int]]) -> int:
    """The points in `parts`."""
    return sum(points for _, points in parts)


def tidy(parts: Iterable[tuple[str, int]]) -> Parts:
    """`parts` with equal days summed, in order, without zeros."""
    days: dict[str, int] = {}
    for day, points in parts:
        days[day] = days.get(day, 0) + points
    return tuple((day, days[day]) for day in sorted(days) if days[day])


def negated(parts: Parts) -> Parts:
    """The same days, the other sign."""
    return tuple((day, -points) for day, points in parts)


def whole(balance: int, dated: Parts) -> Parts:
    """All parts of an account, the undated one included."""
    undated = balance - total(dated)
    return (*dated, (NEVER, undated)) if undated else dated


def soonest(parts: Parts, points: int) -> Parts:
    """The first `points` of `parts` in the order of spending; all of them when there are fewer."""
    taken = []
    for day, have in parts:
        if points <= 0:
            break
        take = min(have, points)
        taken.append((day, take))
        points -= take
    return tuple(taken)


def without(parts: Parts, taken: Parts) -> Parts:
    """What is left of `parts` when `taken` is gone."""
    return tidy((*parts, *negated(taken)))


def spend(balance: int, dated: Parts, points: int) -> Parts:
    """The change (negative) of spending `points`: soonest day first, then undated, then debt."""
    if not dated:
        return ((NEVER, -points),)
    have = whole(balance, dated)
    taken = soonest(have, points)
    short = points - total(taken)
    return negated(tidy((*taken, (NEVER, short))) if short else taken)


def receive(balance: int, lots: Parts) -> Parts:
    """The change (positive) of receiving `lots`: a debt is filled first, by the soonest days."""
    if balance >= 0:
        return lots
    filling = soonest(lots, -balance)
    return tidy((*without(lots, filling), (NEVER, total(filling))))


def applied(dated: Parts, change: Parts) -> Parts:
    """The dated parts of an account after `change`; the undated rest follows from the balance."""
    days = tuple(part for part in change if part[0] != NEVER)
    return tidy((*dated, *days)) if days else dated


def latest(parts: Parts, skip: int, points: int) -> Parts:
    """`points` of `parts` counted from the latest day back, after the first `skip` of them.

    So successive partial reversals of one entry take up where the one before left off.
    """
    taken = []
    for day, have in reversed(parts):
        passed = min(skip, have)
        skip -= passed
        take = min(have - passed, points)
        points -= take
        if take:
            taken.append((day, take))
    return tuple(reversed(taken))


def take_back(balance: int, dated: Parts, brought: Parts, points: int) -> Parts:
    """The change (negative) of losing `points`, by taking back what an earlier entry `brought`.

    First what is left of the days that were brought, the latest first, then other days soonest
    first, then debt.
    """
    have = dict(whole(balance, dated))
    there = tidy((day, min(got, max(have.get(day, 0), 0))) for day, got in brought)
    first = latest(there, 0, points)
    rest = points - total(first)
    if not rest:
        return negated(first)
    left_dated = applied(dated, negated(first))
    return tidy((*negated(first), *spend(balance - total(first), left_dated, rest)))
