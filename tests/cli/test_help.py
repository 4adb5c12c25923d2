"""Every command explains itself, and the explanation changes only on purpose."""

from pathlib import Path

import click
import pytest

from tests.cli import helps
from tests.cli.conftest import Terminal

SNAPSHOT = Path(__file__).with_name("help.txt")
ALL = list(helps.commands())
COMMANDS = {
    *("init", "demo", "run", "serve", "import", "export", "verify", "receipt", "publish", "expire"),
    "restore",
    *(
        "work",
        "migrate",
        "distribute",
        "backup",
        "backup make",
        "backup open",
        "doctor",
        "settings",
        "clock",
        "clock accept",
    ),
    *("key", "key list", "key show", "key rotate", "key revoke", "key make", "key bring"),
    "key master",
    *("token", "token create", "token list", "token revoke", "token rotate"),
    *("user", "user add", "user list", "user invite"),
}


def test_the_commands_are_those_of_the_design_and_no_others() -> None:
    assert {" ".join(path) for path, _ in ALL if path} == COMMANDS


def test_the_help_is_that_of_the_snapshot() -> None:
    assert helps.text() == SNAPSHOT.read_text(encoding="utf-8"), (
        "renew it, and look at the difference: python -m tests.cli.helps > tests/cli/help.txt"
    )


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) or "-" for path, _ in ALL])
def test_each_command_shows_an_example_that_calls_it(
    path: tuple[str, ...], command: click.Command
) -> None:
    _, _, example = (command.help or "").partition("Example")
    assert " ".join(("points", *path)) in example


def test_a_command_called_wrongly_exits_2_and_names_the_fault(terminal: Terminal) -> None:
    wrong = [
        (("init", "beiyuan", "--budget-limit", "many"), "'many' is not whole points"),
        (("receipt", "the-last"), "'the-last' is not a valid integer"),
        (("clock", "accept", "--actor", "person/zhang"), "'person/zhang' is not an id"),
        (("verify",), "Name one thing to check"),
        (("explode",), "No such command 'explode'"),
    ]
    for words, sentence in wrong:
        assert sentence in terminal(*words, exits=2).stderr
