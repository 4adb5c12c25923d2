"""Gates: what somebody needs to have attained before they do something.

A *gate* is what is needed: courses passed, qualifications, insurance.  Pure: whoever asks reads the
facts first (`attainments.facts_of`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

PASSED = "passed"


class Need(NamedTuple):
    """One thing that a gate asks for: of the kind training, `what` is a course's id.

    Of the kinds qualification and insurance it is a word, such as `first-aid` or `accident`.
    """

    kind: str
    what: str


class Fact(NamedTuple):
    """What one person attained; days are local, both included, `last` None without an end.

    `result` is that of a course.
    """

    kind: str
    what: str
    first: str
    last: str | None = None
    result: str | None = None

    @property
    def need(self) -> Need:
        """What it is for."""
        return Need(self.kind, self.what)


class Lacking(NamedTuple):
    """A need that is not met, and why, as a sentence."""

    need: Need
    why: str


Gate = tuple[Need, ...]


def lacking(facts: Iterable[Fact], gate: Gate, day: str) -> tuple[Lacking, ...]:
    """Which needs of a gate a person's facts do not meet on a local day, in the gate's order."""
    known = list(facts)
    missing = []
    for need in gate:
        found = [fact for fact in known if fact.need == need]
        if not any(_holds(fact, day) for fact in found):
            missing.append(Lacking(need, _why(need, found, day)))
    return tuple(missing)


def _holds(fact: Fact, day: str) -> bool:
    passed = fact.kind != "training" or fact.result == PASSED
    return passed and fact.first <= day and (fact.last is None or day <= fact.last)


def _why(need: Need, found: list[Fact], day: str) -> str:
    """Why none of these meets the need: of those to come the first, else the last that ended."""
    called = f"The {need.kind} {need.what}"
    if need.kind == "training":
        results = [fact.result for fact in found if fact.result != PASSED]
        if len(results) == len(found):
            return f"{called} is not passed: {results[-1]}." if found else f"{called} is missing."
        found = [fact for fact in found if fact.result == PASSED]
    if not found:
        return f"{called} is missing."
    coming = [fact.first for fact in found if fact.first > day]
    if coming:
        return f"{called} counts from {min(coming)} on only."
    return f"{called} ended on {max(fact.last or '' for fact in found)}."
