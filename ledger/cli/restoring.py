"""`points restore`: a database from an old backup is rolled forward to what was published last."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ledger.audit.faults import RestoreFault
from ledger.audit.restore import Place, Restored, origin_in, restore_bundle
from ledger.cli.place import installed
from ledger.cli.terminal import as_json, counted, key_options, ledger_option, many, progress, tell
from ledger.cli.verify import trusted_keys
from ledger.installation import Installation
from ledger.journal.names import check_ledger_name
from ledger.tlog.note import NOTE_BYTES_MAX, Verifier

EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Roll a restored database forward by a bundle.")
@click.option(
    "--from", "bundle", type=EXISTING, required=True, help="The newest bundle that anybody has."
)
@ledger_option
@key_options
@click.option(
    "--checkpoint",
    "newest",
    type=EXISTING,
    help="The newest checkpoint that anybody has; needed where the high-water file is lost.",
)
@as_json
def restore(
    bundle: Path,
    name: str | None,
    keys: Sequence[str],
    files: Sequence[Path],
    newest: Path | None,
    as_json: bool,
) -> None:
    """Roll a database that was restored from an old backup forward, by a bundle of its log.

    The bundle is verified first, with the keys that lie here or those that you name. The entries
    in the database must be its first ones, and it must reach what was signed last. What is missing
    is then put back byte for byte. Cut short, it can be run again. Where anything contradicts, it
    says what, and changes nothing.

    A migrated database without the ledger takes all of it. Tokens, names from other systems, open
    proposals and refusals are not in a bundle: they are as old as the backup.

    \b
    Example:
      points restore --from beiyuan.zip --ledger beiyuan
      points verify --database --ledger beiyuan
    """
    trusted = trusted_keys(keys, files)
    with installed() as installation:
        done = _restored(installation, bundle, name, trusted, newest)
    restored = max(done.size - done.before, 0)
    facts = {
        "origin": done.origin,
        "size": done.size,
        "root": done.root.hex(),
        "before": done.before,
        "restored": restored,
    }
    line = f"{done.origin}: {many(restored, 'entries')} put back, {done.size:,} in the bundle."
    if not restored:
        line = f"{done.origin}: all {done.size:,} entries of the bundle are there, as they were."
    tell(line, facts, as_json)


def _restored(
    installation: Installation,
    bundle: Path,
    name: str | None,
    trusted: Sequence[Verifier] | None,
    newest: Path | None,
) -> Restored:
    origin = origin_in(bundle)
    its = check_ledger_name(origin.rpartition("/")[2])
    if name not in (None, its):
        raise RestoreFault(f"The bundle is of {origin}, so not of the ledger {name}.")
    keys = installation.keys_of(its, origin)
    place = Place(installation.database, its, keys, installation.high_water_of(its))
    with progress("verifying entries") as verifying, progress("entries put back") as entering:
        return restore_bundle(
            place,
            bundle,
            trusted=trusted,
            newest=None if newest is None else _read_note(newest),
            verifying=counted(verifying),
            entering=counted(entering),
        )


def _read_note(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(NOTE_BYTES_MAX + 1)
