"""The command line: `points`, one module a group of commands.

A command prints what it did on stdout, complaints and progress on stderr.  It exits 0 for success
only, 1 with one sentence where something could not be done, 2 where it was called wrongly, and 3
where `verify` was given nothing to trust.
"""

from __future__ import annotations

import click

from ledger.cli.backing import backup
from ledger.cli.ceremony import bring, make
from ledger.cli.checkup import doctor
from ledger.cli.clockwork import clock, expire, work
from ledger.cli.configured import settings
from ledger.cli.distributing import distribute
from ledger.cli.founding import demo, init, migrate
from ledger.cli.imports import import_
from ledger.cli.keys import key
from ledger.cli.masterkeys import master
from ledger.cli.proofs import export, publish, receipt
from ledger.cli.restoring import restore
from ledger.cli.serving import run, serve
from ledger.cli.terminal import Commands
from ledger.cli.tokens import token
from ledger.cli.users import user
from ledger.cli.verify import verify
from ledger.logs import configure_logging
from ledger.tuning import tune_interpreter

__all__ = ["main", "points"]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def points() -> None:
    """Two-Way Points (双向积分): a points ledger with a signed log that anyone can check.

    Settings come from the environment: POINTS_DATA (the data directory, .data by default),
    POINTS_DATABASE_URL, POINTS_PASSPHRASE or POINTS_PASSPHRASE_FILE, POINTS_PUBLIC_HOST,
    POINTS_HOST, POINTS_PORT.

    \b
    Example, the sample programme on this machine:
      points run
    """


for command in (
    init,
    demo,
    run,
    serve,
    work,
    import_,
    export,
    verify,
    restore,
    backup,
    doctor,
    settings,
    receipt,
    publish,
    expire,
    key,
    token,
    user,
    clock,
    migrate,
    distribute,
):
    points.add_command(command)
for command in (make, bring, master):
    key.add_command(command)


def main() -> None:
    """The entry point of the console script."""
    configure_logging()
    tune_interpreter()
    points(prog_name="points")
