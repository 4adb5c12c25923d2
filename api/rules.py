"""The rules by which paths are found; an application has two hundred of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from werkzeug.routing import Rule


class LazyRule(Rule):
    """A rule that learns to write its paths when the first one is wanted.

    Werkzeug compiles two functions a rule at once, which is six sevenths of the time that it takes
    to make an application.  Most paths are only ever read.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        made = cache(partial(super()._compile_builder, append_unknown))

        def build(rule: Rule, /, **parts: object) -> tuple[str, str]:
            return made()(rule, **parts)

        return build
