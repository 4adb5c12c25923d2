"""`points key master`: the master key that wraps the data keys of a ledger's records."""

from __future__ import annotations

import click

from ledger.cli.place import chosen, installed
from ledger.cli.terminal import as_json, ledger_option, progress, tell
from ledger.programme.vault import generations_in_use, rewrap


@click.command(short_help="Replace the master key of the records.")
@ledger_option
@click.option(
    "--resume", is_flag=True, help="Go on with a replacement that was cut short; make no new key."
)
@as_json
def master(name: str | None, resume: bool, as_json: bool) -> None:
    """Replace the master key that wraps the data keys of a ledger's records.

    A new one is made, and every data key is wrapped by it, while the service runs. Back up the key
    directory afterwards, which has a new file. Older files are needed as long as a data key, or a
    backup that you keep, names their generation.

    \b
    Example:
      points key master --ledger beiyuan
    """
    with installed() as installation:
        ledger = chosen(installation, name)
        newest = ledger.masters.newest() if resume else ledger.masters.add_generation()
        with installation.database.reading() as conn:
            before = generations_in_use(conn, ledger.id)
        older = sum(count for number, count in before.items() if number < newest)
        with progress("data keys", older) as advance:
            for done in rewrap(installation.database, ledger):
                advance(done)
        with installation.database.reading() as conn:
            left = generations_in_use(conn, ledger.id)
    wrapped = left.get(newest, 0)
    facts = {"ledger": ledger.name, "generation": newest, "data_keys": wrapped}
    line = f"Master key {newest} wraps all {wrapped} data keys. Back up the key directory."
    tell(line, facts, as_json)
