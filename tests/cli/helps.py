"""The help of every command as one text.

To renew the snapshot that `test_help.py` compares:

    python -m tests.cli.helps > tests/cli/help.txt
"""

import sys
from collections.abc import Iterator

import click
from click.testing import CliRunner

from ledger.cli import points

WIDTH = 82  # click leaves two columns free


def commands(
    command: click.Command = points, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that call it, groups before what is in them."""
    yield path, command
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            yield from commands(command.get_command(ctx, name), (*path, name))


def text() -> str:
    """What `--help` prints for each, one after the other."""
    runner = CliRunner(env={"COLUMNS": str(WIDTH)})
    parts = []
    for path, _ in commands():
        words = [*path, "--help"]
        printed = runner.invoke(points, words, prog_name="points", catch_exceptions=False)
        parts.append(f"$ {' '.join(('points', *words))}\n{printed.stdout}")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(text())
