"""`points key make` and `points key bring`: next keys that lie elsewhere until their turn comes."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ledger.cli.keys import revealed_keys
from ledger.cli.place import chosen, environment, installed
from ledger.cli.terminal import as_json, ledger_option, tell
from ledger.config import read_settings
from ledger.journal.ceremony import bring_next, make_next
from ledger.journal.keys import read_passphrase

DIRECTORY = click.Path(file_okay=False, path_type=Path)


@click.command(short_help="Make next keys, on another machine.")
@click.argument("directory", type=DIRECTORY)
@click.option("--origin", required=True, metavar="ORIGIN", help="The origin of the ledger's log.")
@as_json
def make(directory: Path, origin: str, as_json: bool) -> None:
    """Make next keys in DIRECTORY, on another machine than the service runs on.

    They are encrypted under POINTS_PASSPHRASE or POINTS_PASSPHRASE_FILE of that machine. Keep
    DIRECTORY and passphrase there, apart from each other. The hash that is printed goes to the
    service: points init, points key rotate and points key revoke take it as --next-hash.

    \b
    Example:
      points key make next-keys --origin points.example.org/log/beiyuan
    """
    passphrase = read_passphrase(read_settings(os.environ).passphrase_file, os.environ)
    commitment = make_next(directory, origin, passphrase)
    tell(commitment, {"origin": origin, "directory": str(directory), "hash": commitment}, as_json)


@click.command(short_help="Bring next keys from where they were made.")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@ledger_option
@click.option(
    "--passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="File (mode 0600) with the passphrase under which they were made.",
)
@as_json
def bring(directory: Path, name: str | None, passphrase_file: Path, as_json: bool) -> None:
    """Bring next keys from DIRECTORY, a copy of what points key make made, when they are needed.

    They must be those to which the log is committed. They are kept under the service's passphrase
    from now on. Rotate or revoke at once afterwards, and destroy the copy.

    \b
    Example:
      points key bring next-keys --ledger beiyuan --passphrase-file next-passphrase
    """
    with installed() as installation:
        ledger = chosen(installation, name)
        own = read_passphrase(installation.settings.passphrase_file, environment())
        number = bring_next(
            directory,
            read_passphrase(passphrase_file, {}),
            installation.settings.keys / ledger.name,
            own,
            origin=ledger.origin,
            committed=revealed_keys(installation, ledger).next,
        )
    facts = {"ledger": ledger.name, "generation": number}
    tell(f"The next keys are here, as generation {number}.", facts, as_json)
