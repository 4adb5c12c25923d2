"""`points settings`: what can be set, what it is now, and which law asks for it."""

from __future__ import annotations

import click

from ledger.cli.place import environment
from ledger.cli.terminal import Failure, as_json, tell
from ledger.settings import Setting, faults_of, settings_of


@click.command(short_help="Show the settings with their defaults and legal sources.")
@as_json
def settings(as_json: bool) -> None:
    """Show what can be set, what it is now, its default, and which law asks for it.

    Settings come from the environment. Passwords, passphrases and secrets are not shown. It ends
    with 1 where a setting cannot be used. It needs no database and changes nothing.

    \b
    Example:
      points settings --json
    """
    environ = environment()
    found, faults = settings_of(environ), faults_of(environ)
    lines = [_line(each) for each in found] + [f"LOOK  {fault}" for fault in faults]
    facts = {"settings": [each._asdict() for each in found], "faults": faults}
    tell("\n".join(lines), facts, as_json)
    if faults:
        raise Failure(f"{len(faults)} of the settings cannot be used.")


def _line(setting: Setting) -> str:
    value = setting.value or "–"
    if setting.set and setting.default is not None:
        value += f" (default {setting.default})"
    elif setting.set:
        value += " (default: none)"
    source = f"\n    {setting.source}" if setting.source else ""
    return f"{setting.name}={value}\n    {setting.says}{source}"
