"""What all commands look like: their errors, their output, their progress, their arguments."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.exc import DBAPIError

from ledger.errors import PointsError
from ledger.faults import not_set_up
from ledger.journal.entry import POINTS_MAX, RANDOM
from ledger.journal.times import is_day
from ledger.tlog.errors import TlogError

_ID = re.compile(f"([a-z]+)/{RANDOM}", re.ASCII)
_HASH = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# Control and format characters, separators of lines, halves of pairs; not Han still to come.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class Failure(click.ClickException):
    """Something that could not be done: one sentence on stderr, exit code 1."""

    def show(self, file: Any = None) -> None:
        """Prints the sentence."""
        click.echo(f"points: {_lines(self.format_message())}", file=file or sys.stderr)


class Commands(click.Group):
    """A group whose commands fail by one sentence, never by a traceback of what was foreseen.

    `places` has further commands by name, each as `module:function` of this package.  They are
    imported when one is wanted: most of them need most of the software, and `points verify` little.
    """

    def __init__(self, *parts: Any, places: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(*parts, **more)
        self._places = places or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted({*super().list_commands(ctx), *self._places})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, None where there is none."""
        if cmd_name in self._places:
            module, _, function = self._places[cmd_name].partition(":")
            command: click.Command = getattr(import_module(f"ledger.cli.{module}"), function)
            return command
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; what it raises becomes a sentence."""
        try:
            return super().invoke(ctx)
        except (PointsError, TlogError) as error:
            raise Failure(str(error)) from error
        except DBAPIError as error:
            sentence = not_set_up(error)
            if sentence is None:
                raise
            raise Failure(sentence) from error
        except BrokenPipeError:
            raise  # click ends quietly when nobody reads on
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise Failure(f"{where}{error.strerror or error}.") from error


class IdType(click.ParamType[str]):
    """An id of one of some kinds, such as `person/…`."""

    def __init__(self, *kinds: str) -> None:
        self.kinds = kinds
        self.name = " or ".join(f"{kind}/…" for kind in kinds)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id itself, or a usage error."""
        match = _ID.fullmatch(str(value))
        if match is None or match[1] not in self.kinds:
            example = f"{self.kinds[0]}/ and 26 characters of a-z and 2-7"
            self.fail(f"{str(value)[:60]!r} is not an id: wanted {example}.", param, ctx)
        return str(value)


class DayType(click.ParamType[str]):
    """A day of the calendar."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The day itself, or a usage error."""
        text = str(value)
        if not (_DAY.fullmatch(text) and is_day(text)):
            self.fail(f"{text[:40]!r} is not a day: wanted one such as 2026-01-31.", param, ctx)
        return text


class PointsType(click.ParamType[int]):
    """Whole points, 0 or more."""

    name = "points"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number, or a usage error."""
        text = str(value)
        if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= POINTS_MAX):
            self.fail(f"{text[:40]!r} is not whole points: wanted 0 to {POINTS_MAX}.", param, ctx)
        return int(text)


class HashType(click.ParamType[str]):
    """A SHA-256 hash in base64."""

    name = "hash"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The hash itself, or a usage error."""
        if not _HASH.fullmatch(str(value)):
            wanted = "44 characters of base64, the last of them ="
            self.fail(f"{str(value)[:60]!r} is not a hash: wanted {wanted}.", param, ctx)
        return str(value)


PERSON = IdType("person")
BUDGET = IdType("issuer")
DAY = DayType()
HASH = HashType()
POINTS = PointsType()

Decorator = Callable[[Any], Any]

as_json: Decorator = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object, for scripts."
)
ledger_option: Decorator = click.option(
    "--ledger",
    "name",
    metavar="NAME",
    envvar="POINTS_LEDGER",
    help="Which ledger; may be left out where there is only one.",
)

next_hash_option: Decorator = click.option(
    "--next-hash",
    type=HASH,
    help="Commit to next keys that `points key make` made on another machine.",
)


def key_options(command: Any) -> Any:
    """The options `--key` and `--key-file`, as the arguments `keys` and `files`."""
    existing = click.Path(exists=True, dir_okay=False, path_type=Path)
    for option in (
        click.option(
            "--key-file",
            "files",
            multiple=True,
            type=existing,
            help="A file of such keys, one a line.",
        ),
        click.option(
            "--key", "keys", multiple=True, metavar="VKEY", help="A key of the log's; repeatable."
        ),
    ):
        command = option(command)
    return command


actor_option: Decorator = click.option(
    "--actor", type=PERSON, required=True, help="Who does it, of standing office."
)


def tell(lines: str, facts: Mapping[str, Any], as_json: bool) -> None:
    """Prints the result: `lines` for a person or `facts` for a script."""
    if as_json:
        click.echo(orjson.dumps(facts, option=orjson.OPT_INDENT_2))
    else:
        click.echo(_lines(lines))


def visible(text: str) -> str:
    """`text` on one line, whatever would move the cursor or turn the writing round as an escape.

    What is told may quote a file or a table that somebody forged, and who reads it at a terminal
    has to see all of it.
    """
    return "".join(
        repr(each)[1:-1] if unicodedata.category(each) in _UNSEEN else each for each in text
    )


def _lines(text: str) -> str:
    return "\n".join(map(visible, text.split("\n")))


def many(number: int, things: str) -> str:
    """So many things, which are given in the plural with s: `1 entry`, `1,041 entries`."""
    if number != 1:
        return f"{number:,} {things}"
    return f"1 {things.removesuffix('ies')}y" if things.endswith("ies") else f"1 {things[:-1]}"


def note(line: str) -> None:
    """Tells a person something that is no result."""
    click.echo(line, err=True)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A function that counts work done; a bar on stderr when a person is watching it."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)


def counted(advance: Callable[[int], None]) -> Callable[[int, int], None]:
    """Turns "so many are done" into "so many more"."""
    before = 0

    def step(done: int, _: int) -> None:
        nonlocal before
        advance(done - before)
        before = done

    return step
