"""`points doctor`: what somebody who runs the service should look at."""

from __future__ import annotations

import click

from ledger.cli.place import installed
from ledger.cli.terminal import Failure, as_json, tell
from ledger.doctor import look


@click.command(short_help="Look at clock, disk, backups, keys, evidence, jobs, messages.")
@as_json
def doctor(as_json: bool) -> None:
    """Look at clock, disk, tables, backups, keys, publishing, jobs, evidence, what waits, calendar.

    It ends with 1 where somebody should do something. It changes nothing.

    \b
    Example:
      points doctor
    """
    with installed() as installation:
        findings = look(installation)
    lines = [f"{'ok  ' if each.good else 'LOOK'}  {each.about:<13}{each.says}" for each in findings]
    bad = [each for each in findings if not each.good]
    facts = {"ok": not bad, "findings": [each._asdict() for each in findings]}
    tell("\n".join(lines), facts, as_json)
    if bad:
        raise Failure(f"{len(bad)} of {len(findings)} findings want somebody to look.")
