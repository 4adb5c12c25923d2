"""A terminal in which `points` is run, on a database of the test's own."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

import ledger
from ledger.cli import points
from ledger.clock import SystemClock
from ledger.config import read_settings
from ledger.installation import Installation
from ledger.journal.ceremony import bring_next, make_next
from ledger.journal.keys import add_generation, create_keys
from tests.journal.live import CHEAP

ROOT = Path(ledger.__file__).resolve().parent.parent
CDNOW = ROOT / "tests" / "data" / "cdnow.csv.gz"
COLUMNS = "account=customer,points=dollars:floor,date=date"
INIT = (
    *("init", "beiyuan", "--budget-limit", "10000000"),
    *("--budget-from", "1997-01-01", "--budget-to", "2099-12-31"),
)


class Terminal:
    """Runs `points` with an environment of its own, in this process or in another."""

    def __init__(self, data: Path, database_url: str) -> None:
        self.data = data
        self.environ = {
            "POINTS_DATA": str(data),
            "POINTS_DATABASE_URL": database_url,
            "POINTS_PASSPHRASE": "a passphrase of the tests",
            "POINTS_PASSPHRASE_FILE": "",
            "POINTS_PUBLIC_HOST": "points.example.org",
            "POINTS_LEDGER": "",
            "COLUMNS": "80",
        }
        self.founded: dict[str, Any] = {}

    def __call__(self, *arguments: object, exits: int = 0, typed: str | None = None) -> Result:
        """The result of a command that is to end with that exit code, and with no traceback.

        `typed` is what comes in on standard input.
        """
        words = [str(argument) for argument in arguments]
        environ = {name: value or None for name, value in self.environ.items()}
        result = CliRunner(env=environ).invoke(
            points, words, prog_name="points", catch_exceptions=False, input=typed
        )
        assert result.exit_code == exits, f"{words} exits {result.exit_code}: {result.output}"
        return result

    def facts(self, *arguments: object, exits: int = 0, typed: str | None = None) -> dict[str, Any]:
        """What a command says with `--json`."""
        result = self(*arguments, "--json", exits=exits, typed=typed)
        facts: dict[str, Any] = orjson.loads(result.stdout)
        return facts

    def complaint(self, *arguments: object, exits: int = 1) -> str:
        """The one sentence on stderr of a command that fails, which it must not say on stdout."""
        result = self(*arguments, exits=exits)
        lines = result.stderr.splitlines()
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("points: ")
        return lines[0].removeprefix("points: ")

    def found(self) -> dict[str, Any]:
        """Makes the ledger beiyuan, and gives what `points init` told."""
        self.founded = self.facts(*INIT)
        return self.founded

    @property
    def people(self) -> tuple[str, str]:
        first, second = self.founded["founders"]
        return first["person"], second["person"]

    def importing(self, file: Path, *more: object, columns: str = COLUMNS) -> tuple[object, ...]:
        """The arguments of an import by the two founders."""
        actor, approver = self.people
        people = ("--actor", actor, "--approver", approver)
        return ("import", file, "--source", "cdnow", "--map", columns, *people, *more)

    def process_environ(self) -> dict[str, str]:
        """The environment of a process of its own."""
        own = {name: value for name, value in self.environ.items() if value}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("POINTS_")}
        return {**kept, **own, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}

    def start(self, *arguments: object, before: str = "", **options: Any) -> subprocess.Popen[str]:
        """A process of its own that runs `before` (Python) and then the command."""
        code = f"{before}\nfrom ledger.cli import main\nmain()"
        command = [sys.executable, "-c", code, *map(str, arguments)]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            command, env=self.process_environ(), text=True, **{**pipes, **options}
        )

    def installation(self) -> Installation:
        """The installation itself, to look at what the commands left."""
        environ: Mapping[str, str] = {name: value for name, value in self.environ.items() if value}
        return Installation(read_settings(environ), environ)


def make_cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys made from here on have a passphrase that costs next to nothing to try."""
    monkeypatch.setattr("ledger.installation.create_keys", partial(create_keys, cost=CHEAP))
    monkeypatch.setattr("ledger.cli.keys.add_generation", partial(add_generation, cost=CHEAP))
    monkeypatch.setattr("ledger.cli.ceremony.make_next", partial(make_next, cost=CHEAP))
    monkeypatch.setattr("ledger.cli.ceremony.bring_next", partial(bring_next, cost=CHEAP))


@pytest.fixture
def cheap_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for one test."""
    make_cheap_keys(monkeypatch)


@pytest.fixture
def terminal(sqlite_url: str, tmp_path: Path, cheap_passphrase: None) -> Terminal:
    """A terminal on SQLite, without a ledger."""
    return Terminal(tmp_path / "data", sqlite_url)


@pytest.fixture
def either(database_url: str, tmp_path: Path, cheap_passphrase: None) -> Terminal:
    """A terminal on each database in turn, without a ledger."""
    return Terminal(tmp_path / "data", database_url)


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a table of earnings; gives its path."""

    def write(text: str) -> Path:
        path = tmp_path / "earnings.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets days go by: the clock that the installation is given is ahead by so many."""

    def days(number: int) -> None:
        class Later(SystemClock):
            def now(self) -> datetime:
                return super().now() + timedelta(days=number)

            def database_now(self, _: datetime | None) -> datetime:
                return self.now()

        monkeypatch.setattr("ledger.installation.SystemClock", Later)

    return days
