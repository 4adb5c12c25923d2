"""`points backup`: one encrypted archive, made and opened."""

from __future__ import annotations

from pathlib import Path

import click

from ledger.backup import make_backup, note_tried, open_backup
from ledger.cli.place import environment, stored
from ledger.cli.terminal import Commands, as_json, many, tell
from ledger.clock import SystemClock
from ledger.config import read_settings
from ledger.journal.privatefiles import read_private


@click.group(cls=Commands)
def backup() -> None:
    """Backups: database, evidence, high-water files and erased ids in one encrypted archive.

    It is encrypted to a public key, whose other half lies elsewhere.

    The keys and the passphrase are not in it: copy them to another place.

    \b
    Example:
      points backup make /backup/points-monday.age --to age1…
    """


@backup.command(name="make", short_help="Make a backup while the service runs.")
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--to",
    "recipients",
    multiple=True,
    required=True,
    help="An age public key; may be given several times. Its other half opens the backup.",
)
@as_json
def make(target: Path, recipients: tuple[str, ...], as_json: bool) -> None:
    """Make a backup while the service runs, and replace TARGET by it.

    PostgreSQL is copied by pg_dump, which has to be installed. The `age` program opens the archive
    too: age --decrypt -i key.txt TARGET | tar -x

    \b
    Example, with a pair made by `age-keygen -o key.txt` on another machine:
      points backup make /backup/points-monday.age --to age1…
    """
    settings = read_settings(environment())
    with stored(settings) as database:
        made = make_backup(settings, database, SystemClock(), target.absolute(), list(recipients))
    entries = ", ".join(
        f"{name} with {many(size, 'entries')}" for name, size in made.ledgers.items()
    )
    facts = {"file": str(target), **made._asdict(), "ledgers": dict(made.ledgers)}
    says = f"{target}: {made.bytes:,} bytes, {entries or 'no ledger'}"
    tell(f"{says}; files of evidence: {made.evidence:,}", facts, as_json)


@backup.command(name="open", short_help="Unpack a backup into a new directory.")
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--identity",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="The file of the age secret key (mode 0600).",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    required=True,
    help="A directory that is not there yet.",
)
@as_json
def open_(source: Path, identity: Path, into: Path, as_json: bool) -> None:
    """Unpack a backup into a new directory, from where it is put back as docs/operating.md says.

    That it opened is noted where the data lie, and points doctor tells how old it is.

    \b
    Example:
      points backup open points-monday.age --identity key.txt --into restored
    """
    lines = read_private(identity).decode("ascii", "replace").splitlines()
    secret = next((line for line in lines if line.startswith("AGE-SECRET-KEY-")), "")
    manifest = open_backup(source, secret, into.absolute())
    note_tried(read_settings(environment()).data, manifest)
    found = [*into.glob("*"), *into.glob("high-water/*")]
    files = sorted(str(file.relative_to(into)) for file in found if file.is_file())
    facts = {"into": str(into), "files": files, **manifest}
    says = f"A backup of {manifest['at']}, in {into}: {', '.join(files)}"
    tell(f"{says}; files of evidence: {manifest['evidence']:,}", facts, as_json)
