"""Charts as plain geometry: what a template draws as SVG, with the table of the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.programme.reading.budgets import BudgetView

WIDTH, HEIGHT = 720, 160
GAP = 4
LEAST = 2  # so that one entry among thousands is still seen


@dataclass(frozen=True, slots=True)
class Column:
    """One day's column, in the units of the drawing."""

    day: str
    entries: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One budget's use: how much of 100 is issued, 100 and more where the limit was lowered."""

    budget: BudgetView
    share: float


def columns(days: Sequence[tuple[str, int]]) -> list[Column]:
    """Entries per day, the highest as high as the drawing."""
    most = max((entries for _, entries in days), default=0) or 1
    step = WIDTH / max(len(days), 1)
    made = []
    for place, (day, entries) in enumerate(days):
        height = max(HEIGHT * entries / most, LEAST) if entries else 0
        made.append(
            Column(
                day,
                entries,
                round(place * step + GAP / 2, 1),
                round(HEIGHT - height, 1),
                round(step - GAP, 1),
                round(height, 1),
            )
        )
    return made


def bars(budgets: Sequence[BudgetView]) -> list[Bar]:
    """The use of each budget."""
    return [Bar(b, 100.0 * b.issued / b.limit if b.limit else 0.0) for b in budgets]
