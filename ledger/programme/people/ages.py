"""What age lets a person do, as the law divides minors.  Rules as data, and pure functions.

    under 8     no capacity: the guardian acts                           Civil Code, art. 20
    under 14    the guardian's consent to anything kept of the child     PIPL, arts. 28 and 31
    under 18    limited capacity: volunteers with the guardian's         Civil Code, art. 19
                consent

No law of the whole country asks for a guardian's consent to volunteering by that name.  By the
Civil Code it follows from limited capacity, unless the act fits the minor's age and wits; the
Communist Youth League asks the representative of whoever is between 14 and 18 to consent to their
registration (中国注册志愿者管理办法).  志愿服务条例, art. 15, is the organisation's duty, whatever
anybody consents to: service fits the volunteer's age, knowledge, skills and health.  PIPL, art. 31,
wants rules of their own for children's data too: the consents here, and who may see them.

Civil Code, art. 18: who is sixteen and lives on their own labour has full capacity.  Nobody is
asked for that here: a guardian's consent to volunteering is wanted of them all the same.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import NamedTuple

JOIN, DATA, VOLUNTEER = "join", "data", "volunteer"


class Stage(NamedTuple):
    """People below an age in years: whether they act themselves, and what a guardian consents to.

    `acts` is false where the guardian joins in their place.
    """

    below: int
    acts: bool
    guardian: frozenset[str]


STAGES = (
    Stage(8, False, frozenset({JOIN, DATA, VOLUNTEER})),
    Stage(14, True, frozenset({JOIN, DATA, VOLUNTEER})),
    Stage(18, True, frozenset({VOLUNTEER})),
)
GROWN = Stage(200, True, frozenset())
"""Of age: Civil Code, art. 17."""


def age_on(born: date, day: date) -> int:
    """Whole years on a local day; ValueError for a day before the birth.

    One born on 29 February is a year older on 1 March of a common year.  No law that is quoted here
    says which of the two days it is; by this one a guardian's consent is wanted a day longer.
    """
    if day < born:
        raise ValueError("the day is before the birth")
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def stage_on(born: date, day: date) -> Stage:
    """The rules for one born on a day, on another; ValueError for a day before the birth."""
    age = age_on(born, day)
    return next((stage for stage in STAGES if age < stage.below), GROWN)


def lacking_consents(born: date, day: date, given: Collection[str]) -> frozenset[str]:
    """What a guardian has still to consent to on that day, having given these consents."""
    return stage_on(born, day).guardian - frozenset(given)
