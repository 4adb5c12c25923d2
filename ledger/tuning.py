"""How the interpreter is set up for this work, by whatever starts a process of ours."""

from __future__ import annotations

import gc

OBJECTS_BETWEEN_COLLECTIONS = 50_000


def tune_interpreter() -> None:
    """Looks for cycles less often than Python's default of every 700 objects.

    Entries, postings and rows are values that form no cycles, made by the thousand: looking
    through them takes 5 to 8 % of appending and verifying.
    """
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
