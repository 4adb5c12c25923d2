"""Prints the cases into docs/tampering.md: `python -m tests.audit.tampering.page`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.audit.tampering.damages import DAMAGES, ZIPS
from tests.audit.tampering.histories import HISTORIES
from tests.audit.tampering.rows import ROWS

PAGE = Path(__file__).parents[3] / "docs" / "tampering.md"

_LED = "A row under another ledger's number is one taken away here and one too many there"
WITHOUT_A_CASE: dict[str, str] = {
    **{
        f"{table}.ledger_id": _LED
        for table in (
            *("account", "budget", "checkpoint", "entry", "head", "hold", "keyset", "person"),
            *(
                "mention",
                "policy",
                "posting",
                "publication",
                "request",
                "reversed",
                "run",
                "service",
                "subtree",
            ),
        )
    },
    "ledger.ledger_id": "`head`, `publication` and `checkpoint` refer to it by foreign keys",
    "hold.companion": "What runs with the closing of a hold belongs to another room's tables",
    "request.fingerprint": "What was asked is not in the log; another one makes a retry a 422",
    "request.rule": "Refusals are not in the log: one that is changed gives a retry another reason",
    "request.message": "As `request.rule`",
    "request.at": "When an answer was stored; it decides when a refusal is forgotten",
}


def rows() -> str:
    """What may be done to a row, and who notices it."""
    lines = (
        (
            f"`{case.place}`",
            case.what,
            "stops" if case.stops else "–",
            "–" if case.stops is None or case.signs else "stops",
            f"`{case.names}`",
            case.bundle or "–",
        )
        for case in ROWS
    )
    heads = ("Where", "What", "`/readyz`", "Publisher", "`--database` names", "An export says")
    return _table(heads, lines)


def histories() -> str:
    """Whole histories, and who notices them."""
    lines = (
        (
            each.what,
            each.stops or "–",
            f"`{each.names}`" if each.names else "–",
            each.bundle or "–",
            each.kept,
        )
        for each in HISTORIES
    )
    heads = ("What", "The service stops: it says", "`--database` names", "An export says")
    return _table((*heads, "Who kept a checkpoint reads"), lines)


def bundles() -> str:
    """Damage to a bundle, and what is said of it."""
    lines = ((what, says) for what, _, says in (*DAMAGES, *ZIPS))
    return _table(("What is changed in the bundle", "`points verify` says"), lines)


def columns() -> str:
    """The columns that no case is about, with the reason."""
    named = ((f"`{column}`", why) for column, why in WITHOUT_A_CASE.items() if why != _LED)
    return _table(("Column", "Why"), [("`ledger_id` of each table", _LED), *named])


PARTS = {"rows": rows, "histories": histories, "bundles": bundles, "columns": columns}


def render(page: str) -> str:
    """The page with its tables anew; ValueError unless each place is marked exactly once."""
    for name, part in PARTS.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        if (page.count(begin), page.count(end)) != (1, 1):
            raise ValueError(f"the page does not have {begin} and {end} once each: mark the place")
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}\n\n{part()}\n\n{end}{rest.partition(end)[2]}"
    return page


def _table(heads: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    rows = [list(heads), *([cell.replace("|", "\\|") for cell in line] for line in lines)]
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
