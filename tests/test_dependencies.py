"""What is imported is named in setup.cfg, and does not come by chance with something else."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"api", "bench", "ledger", "migrations", "tests", "wsgi"}


def imported(*places: str) -> set[str]:
    """The top-level packages of others that the files at these places import."""
    files = [file for place in places for file in files_at(ROOT / place)]
    names = {name.partition(".")[0] for file in files for name in imports_of(file)}
    return names - OURS - sys.stdlib_module_names


def files_at(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


def imports_of(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def declared(*extras: str) -> set[str]:
    """The distributions that setup.cfg names for the service and for these extras."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lists = [setup["options"]["install_requires"]]
    lists += [setup["options.extras_require"][extra] for extra in extras]
    lines = "\n".join(lists).split()
    return {spelled(re.split(r"[\[>=<]", line)[0]) for line in lines}


def spelled(distribution: str) -> str:
    return distribution.lower().replace("_", "-")


@pytest.mark.parametrize(
    ("places", "extras"),
    [
        (("ledger", "api", "migrations", "wsgi.py"), ()),
        (("tests", "bench"), ("test",)),
    ],
)
def test_what_is_imported_is_declared(places: tuple[str, ...], extras: tuple[str, ...]) -> None:
    bringing = packages_distributions()
    names = imported(*places)

    undeclared = {
        name
        for name in names
        if not declared(*extras) & {spelled(each) for each in bringing.get(name, ())}
    }

    assert len(names) > 15
    assert undeclared == set()
