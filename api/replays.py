"""That an answer was given before: the header `Idempotency-Replayed`, wherever a key is taken.

`problems.want_done`, which every view asks what became of its request, notes it; what puts the view
together (`resource.py`) says it.  So no view has to, and none can forget it.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from api.current import this_g

if TYPE_CHECKING:
    from api.auth import View

REPLAYED = "Idempotency-Replayed"


def note(*, replayed: bool) -> None:
    """Notes whether what this request asks for was answered at an earlier time."""
    this_g().replayed = replayed


def replaying(view: View) -> View:
    """The view, whose answer says so where it was given before."""

    @wraps(view)
    def told(*args: Any, **path: Any) -> Any:
        answer = view(*args, **path)
        if this_g().get("replayed"):
            answer.headers[REPLAYED] = "true"
        return answer

    return told
