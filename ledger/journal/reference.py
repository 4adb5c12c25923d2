"""The parts of `docs/journal.md` that are printed from the code.

`python -m ledger.journal.reference docs/journal.md` rewrites them.  Each stands between two
comments, ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->``; the rest of the page is left as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from ledger.journal import entry
from ledger.journal.book import ACTORS
from ledger.journal.entry import COMMON, FIELDS
from ledger.journal.rules import RULES

_EXACT = {
    "date": entry.DATE,
    "time": entry.TIME,
    "hash": entry.HASH,
    "nonce": entry.NONCE,
    "origin": entry.ORIGIN,
    "key": entry.KEY,
    "ref": entry.REF,
    "revoked": entry.REVOKED,
}
_INSIDE = (
    ("`id` in `ref`", "`id`", "one of the kinds ", entry.REF_KINDS),
    ("`from`, `to` in `transfers`", "`word`", "one of ", entry.HOLDER_KINDS),
    ("`limit` in `transfers`", "`integer`", entry.POINTS.says, ()),
    ("`purpose` in `transfers`", "`word`", "one of ", entry.PURPOSES),
    ("`size` in `revoked`", "`integer`", entry.SEQ.says, ()),
)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *map(list, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "–"


def forms() -> str:
    """The regular expressions of the forms whose bytes one expression describes."""
    width = max(map(len, _EXACT)) + 2
    lines = [f"{name:{width}}{form.text}" for name, form in _EXACT.items()]
    return "\n".join(("```text", *lines, "```"))


def types() -> str:
    """Which fields each entry type has, beside those of all."""
    rows = (
        (f"`{kind}`", _codes(sorted(required)), _codes(sorted(set(optional) - set(required))))
        for kind, (required, optional) in FIELDS.items()
    )
    return _table(("Type", "Required", "Optional"), rows)


def _uses() -> dict[tuple[str, str, str], list[str]]:
    """(field, form, values) → the types that have it."""
    uses: dict[tuple[str, str, str], list[str]] = {}
    for name, form in COMMON.items():
        uses[name, form.name, form.says] = ["all"]
    uses["type", "word", "one of the types above"] = ["all"]
    for kind, (required, optional) in FIELDS.items():
        for name, form in {**required, **optional}.items():
            uses.setdefault((name, form.name, form.says), []).append(f"`{kind}`")
    return uses


def fields() -> str:
    """The form of each field, and the types that have it."""
    rows = [
        (f"`{name}`", f"`{form}`", says, ", ".join(kinds))
        for (name, form, says), kinds in sorted(_uses().items())
    ]
    inside = [
        (name, form, says + (_codes(words) if words else ""), "–")
        for name, form, says, words in _INSIDE
    ]
    return _table(("Field", "Form", "Values", "In"), rows + inside)


def actors() -> str:
    """Who may act in each entry type, and whether it has an actor and an approver."""
    rows = []
    for kind, (required, optional) in FIELDS.items():
        presence = [
            "required" if name in required else "optional" if name in optional else "–"
            for name in ("actor", "approver")
        ]
        rows.append((f"`{kind}`", _codes(sorted(ACTORS.get(kind, ()))), *presence))
    return _table(("Type", "Standing of the actor", "`actor`", "`approver`"), rows)


def rules() -> str:
    """All rules in their order."""
    rows = (
        (str(number), f"`{rule.id}`", rule.section, rule.demands)
        for number, rule in enumerate(RULES, 1)
    )
    return _table(("No.", "Rule", "Section", "Demands"), rows)


PARTS = {"forms": forms, "types": types, "fields": fields, "actors": actors, "rules": rules}


def marks(name: str) -> tuple[str, str]:
    """The comments before and after a printed part."""
    return f"<!-- {name}:begin -->", f"<!-- {name}:end -->"


def render(page: str) -> str:
    """`page` with its printed parts anew; ValueError unless each is marked exactly once."""
    for name, part in PARTS.items():
        begin, end = marks(name)
        if page.count(begin) != 1 or page.count(end) != 1:
            raise ValueError(f"the page does not have {begin} and {end} once each: mark the place")
        before, _, rest = page.partition(begin)
        after = rest.partition(end)[2]
        page = f"{before}{begin}\n\n{part()}\n\n{end}{after}"
    return page


def main(arguments: list[str]) -> int:
    """Rewrites the printed parts of the page named by the only argument."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m ledger.journal.reference docs/journal.md\n")
        return 2
    path = Path(arguments[0])
    path.write_text(render(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
