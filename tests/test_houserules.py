"""House rules that no linter knows, held over the whole source tree, and each shown to bite.

A rule says where it holds and what offends; a finding is `path:line: what`. The offenders at the
end are snippets that each rule must refuse, and blameless neighbours that it must let pass.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CLOCKS = {"datetime.now", "datetime.utcnow", "date.today", "datetime.today", "time.time"}
CLOCKS |= {"time.time_ns", "time.gmtime", "time.localtime", "time.ctime", "time.clock_gettime"}
CHANCE = {"random", "secrets", "uuid"}
PURE = {f"ledger/journal/{name}.py" for name in ("book", "entry", "parts")}
ROOM_WITHOUT_A_NAME = {"common", "helper", "helpers", "manager", "managers", "util", "utils"}
SOURCES = ("ledger", "api", "migrations", "wsgi.py")

Finding = tuple[int, str]


@dataclass(frozen=True)
class Rule:
    """`holds` says for which paths, from the root; `offences` finds what breaks it in a file."""

    reason: str
    holds: Callable[[str], bool]
    offences: Callable[[ast.Module], Iterator[Finding]]


# --- reading a file ---


def dotted(node: ast.expr) -> str:
    """`a.b.c` as written, or nothing for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def imports(tree: ast.Module) -> Iterator[Finding]:
    """Each imported name in full, and the module that it is from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)


def names_used(tree: ast.Module) -> Iterator[Finding]:
    """Each dotted name, with what its first part was imported as put in its place."""
    aliases = {
        name.asname or name.name: f"{node.module}.{name.name}"
        if isinstance(node, ast.ImportFrom)
        else name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and (name := dotted(node)):
            first, dot, rest = name.partition(".")
            yield node.lineno, aliases.get(first, first) + dot + rest


def ends_with(name: str, endings: set[str]) -> bool:
    return any(name == ending or name.endswith(f".{ending}") for ending in endings)


# --- the rules ---


def clock_readings(tree: ast.Module) -> Iterator[Finding]:
    return (found for found in names_used(tree) if ends_with(found[1], CLOCKS))


def chance(tree: ast.Module) -> Iterator[Finding]:
    for line, name in imports(tree):
        if name.partition(".")[0] in CHANCE:
            yield line, name
    for line, name in names_used(tree):
        if name in {"os.urandom", "os.getrandom"}:
            yield line, name


def commits(tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="commit")):
                yield node.lineno, ast.unparse(node.func)
            case ast.Constant(value=str(text)) if text.strip().rstrip(";").upper() == "COMMIT":
                yield node.lineno, repr(text)


def swallowed_exceptions(tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        match node:
            case ast.ExceptHandler() if catches_everything(node) and says_nothing(node):
                yield node.lineno, "an exception of any kind is swallowed"
            case ast.Call(func=func, args=kinds) if ends_with(dotted(func), {"suppress"}):
                if any(map(is_everything, kinds)):
                    yield node.lineno, "an exception of any kind is suppressed"


def is_everything(kind: ast.expr | None) -> bool:
    return kind is None or dotted(kind) in {"Exception", "BaseException"}


def catches_everything(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(map(is_everything, kinds))


def says_nothing(handler: ast.ExceptHandler) -> bool:
    return all(
        isinstance(statement, ast.Pass | ast.Continue | ast.Break)
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for statement in handler.body
    )


def web_imports(tree: ast.Module) -> Iterator[Finding]:
    for found in imports(tree):
        first = found[1].partition(".")[0]
        if first in {"api", "flask", "werkzeug"} or first.startswith("flask_"):
            yield found


def openings(tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=func) if ends_with(dotted(func), {"Installation"}):
                yield node.lineno, ast.unparse(func)


RULES = {
    "opening": Rule(
        "a service opens its installation in one way, in which whoever was erased stays erased",
        lambda path: path != "ledger/programme/opening.py",
        openings,
    ),
    "clock": Rule(
        "one Clock is given to the application (ledger/clock.py); nothing else asks the time",
        lambda path: path != "ledger/clock.py",
        clock_readings,
    ),
    "chance": Rule(
        "the rules are pure: randomness comes in as an argument",
        lambda path: path in PURE,
        chance,
    ),
    "commit": Rule(
        "a transaction is ended by Database.writing, nowhere else",
        lambda path: path != "ledger/db.py",
        commits,
    ),
    "swallow": Rule(
        "an exception that nobody expected is handled or passed on",
        lambda _: True,
        swallowed_exceptions,
    ),
    "web": Rule(
        "the domain knows no web framework",
        lambda path: path.startswith("ledger/"),
        web_imports,
    ),
}


def sources() -> list[Path]:
    files = [path for name in SOURCES for path in [ROOT / name, *(ROOT / name).rglob("*.py")]]
    return sorted(path for path in files if path.is_file())


@pytest.mark.parametrize("name", RULES)
def test_the_source_tree_keeps_the_rule(name: str) -> None:
    rule = RULES[name]
    held = [path for path in sources() if rule.holds(path.relative_to(ROOT).as_posix())]
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in held
        for line, what in rule.offences(ast.parse(path.read_bytes()))
    ]
    assert held, "the rule holds for no file: has one been renamed?"
    assert not found, f"{rule.reason}\n" + "\n".join(found)


def test_each_file_that_a_rule_names_is_there() -> None:
    named = {*PURE, "ledger/clock.py", "ledger/db.py"}
    assert {path for path in named if not (ROOT / path).is_file()} == set()


def nameless(paths: list[Path]) -> list[Path]:
    return [path for path in paths if ROOM_WITHOUT_A_NAME & {path.stem, *path.parts}]


def test_every_room_has_a_name_of_its_own() -> None:
    everything = [
        path.relative_to(ROOT)
        for name in (*SOURCES, "bench", "tests")
        for path in (ROOT / name).rglob("*.py")
    ]
    assert nameless(everything) == []


# --- each rule bites ---

OFFENDERS = {
    "opening": [
        "from ledger.installation import Installation\nhere = Installation(settings, environ)",
        "from ledger import installation\nhere = installation.Installation(settings, environ)",
    ],
    "clock": [
        "from datetime import datetime\nnow = datetime.now()",
        "import datetime\nnow = datetime.datetime.now(datetime.UTC)",
        "from datetime import datetime as dt\nnow = dt.utcnow()",
        "from datetime import date\ntoday = date.today()",
        "import time\nnow = time.time()",
        "import time as t\nnow = t.time_ns()",
        "from time import time\nnow = time()",
        "from datetime import datetime\nread: Clock = datetime.now",
    ],
    "chance": [
        "import random",
        "import secrets as s",
        "from secrets import token_bytes",
        "from uuid import uuid4",
        "import os\nnonce = os.urandom(16)",
        "from os import urandom\nnonce = urandom(16)",
    ],
    "commit": [
        "conn.commit()",
        "def f(self):\n    self.session.commit()",
        "with engine.begin() as transaction:\n    transaction.commit()",
        "conn.exec_driver_sql('commit;')",
    ],
    "swallow": [
        "try:\n    f()\nexcept Exception:\n    pass",
        "try:\n    f()\nexcept:\n    pass",
        "try:\n    f()\nexcept (ValueError, BaseException):\n    ...",
        "for x in y:\n    try:\n        f()\n    except Exception as error:\n        continue",
        "try:\n    f()\nexcept Exception:\n    'never mind'",
        "with suppress(Exception):\n    f()",
        "with contextlib.suppress(ValueError, BaseException):\n    f()",
    ],
    "web": [
        "import flask",
        "from flask import g",
        "import werkzeug.exceptions",
        "def f():\n    from flask_smorest import abort",
        "from api import create_app",
    ],
}

BLAMELESS = {
    "opening": "here = open_installation(settings, environ)\nx: Installation = here",
    "clock": "import time\nfrom datetime import datetime\na = time.monotonic()\nb = clock.now()\n"
    "c = datetime.fromisoformat(text)\nd = self.time",
    "chance": "import os\nfrom hashlib import sha256\nrandom = 4\nos.fspath(path)",
    "commit": "commit = 1\nself.commitment()\nx = 'a commit of unknown outcome'",
    "swallow": "try:\n    f()\nexcept ValueError:\n    pass\ntry:\n    f()\n"
    "except Exception:\n    undo()\n    raise\nwith suppress(OSError):\n    f()",
    "web": "import flaskless\nfrom ledger.api import x\nflask = 1",
}

SNIPPETS = [(name, snippet) for name, snippets in OFFENDERS.items() for snippet in snippets]


@pytest.mark.parametrize(("name", "snippet"), SNIPPETS)
def test_an_offender_is_found(name: str, snippet: str) -> None:
    assert list(RULES[name].offences(ast.parse(snippet)))


@pytest.mark.parametrize("name", RULES)
def test_a_blameless_neighbour_passes(name: str) -> None:
    assert list(RULES[name].offences(ast.parse(BLAMELESS[name]))) == []


@pytest.mark.parametrize("path", ["ledger/utils.py", "api/common/x.py", "tests/helpers.py"])
def test_a_room_without_a_name_is_found(path: str) -> None:
    assert nameless([Path(path), Path("ledger/journal/managers_of_points.py")]) == [Path(path)]


@pytest.mark.parametrize("room", ["ledger/programme", "ledger/programme/people"])
def test_a_newcomer_finds_each_file_of_a_room_on_its_first_page(room: str) -> None:
    page = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text("utf-8"))) or ""
    told = set(re.findall(r"^ *((?:[a-z_]+\.py(?:, )?)+) ", page, re.MULTILINE))
    listed = sorted(name for line in told for name in line.split(", "))

    there = sorted(path.name for path in (ROOT / room).glob("[a-z]*.py"))

    assert listed == there
