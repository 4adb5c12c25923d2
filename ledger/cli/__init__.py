"""The command line: `points`, one module a group of commands.

A command prints what it did on stdout, complaints and progress on stderr.  It exits 0 for success
only, 1 with one sentence where something could not be done, 2 where it was called wrongly, and 3
where `verify` was given nothing to trust.
"""

from __future__ import annotations

import click

from ledger.cli.terminal import Commands
from ledger.logs import configure_logging
from ledger.tuning import tune_interpreter

__all__ = ["main", "points"]


PLACES = {
    "backup": "backing:backup",
    "clock": "clockwork:clock",
    "demo": "founding:demo",
    "distribute": "distributing:distribute",
    "doctor": "checkup:doctor",
    "expire": "clockwork:expire",
    "export": "proofs:export",
    "import": "imports:import_",
    "init": "founding:init",
    "key": "keys:key",
    "migrate": "founding:migrate",
    "publish": "proofs:publish",
    "receipt": "proofs:receipt",
    "restore": "restoring:restore",
    "run": "serving:run",
    "serve": "serving:serve",
    "settings": "configured:settings",
    "token": "tokens:token",
    "user": "users:user",
    "verify": "verify:verify",
    "work": "clockwork:work",
}
"""Where each command is."""


@click.group(cls=Commands, places=PLACES, context_settings={"help_option_names": ["-h", "--help"]})
def points() -> None:
    """Two-Way Points (双向积分): a points ledger with a signed log that anyone can check.

    Settings come from the environment: POINTS_DATA (the data directory, .data by default),
    POINTS_DATABASE_URL, POINTS_PASSPHRASE or POINTS_PASSPHRASE_FILE, POINTS_PUBLIC_HOST,
    POINTS_HOST, POINTS_PORT.

    \b
    Example, the sample programme on this machine:
      points run
    """


def main() -> None:
    """The entry point of the console script."""
    configure_logging()
    tune_interpreter()
    points(prog_name="points")
