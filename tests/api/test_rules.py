"""Paths are written as Werkzeug writes them, and nothing is compiled for those that never are."""

import pytest
from werkzeug.routing import (
    AnyConverter,
    IntegerConverter,
    Map,
    PathConverter,
    Rule,
    UnicodeConverter,
)

from api.converters import Id, LedgerName, Seq
from api.rules import LazyRule

VALUES = {
    Id: "a" * 26,
    IntegerConverter: 3,
    LedgerName: "beiyuan",
    PathConverter: "a/b",
    Seq: 7,
    UnicodeConverter: "a word",
}


def written(rules, kind):
    """The paths of `rules` made anew of one kind of rule, with a query added to each."""
    (first, *_) = rules
    made = [kind(rule.rule, endpoint=str(at)) for at, rule in enumerate(rules)]
    adapter = Map(made, converters=first.map.converters).bind("points.example.org")
    return [adapter.build(rule.endpoint, {**some_values(rule), "further": "x y"}) for rule in made]


def some_values(rule):
    return {
        name: min(part.items) if isinstance(part, AnyConverter) else VALUES[type(part)]
        for name, part in rule._converters.items()
    }


def test_paths_are_written_as_ever(app):
    rules = list(app.url_map.iter_rules())

    lazily = written(rules, LazyRule)

    assert lazily == written(rules, Rule)
    assert len(set(lazily)) > 150
    assert all(path.endswith("?further=x+y") for path in lazily)


def test_nothing_is_compiled_until_a_path_is_written(monkeypatch: pytest.MonkeyPatch):
    compiled = []
    compiling = Rule._compile_builder

    def watched(rule, append_unknown=True):
        compiled.append(rule.rule)
        return compiling(rule, append_unknown)

    monkeypatch.setattr(Rule, "_compile_builder", watched)
    rules = Map([LazyRule("/one/<int:rule>", endpoint="one"), LazyRule("/two", endpoint="two")])
    adapter = rules.bind("points.example.org")
    assert adapter.match("/one/4") == ("one", {"rule": 4})
    assert compiled == []

    # a part may have any name, and the second time costs nothing
    assert [adapter.build("one", {"rule": each}) for each in (4, 5)] == ["/one/4", "/one/5"]
    assert compiled == ["/one/<int:rule>"]
