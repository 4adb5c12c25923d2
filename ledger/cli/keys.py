"""`points key`: the keys that sign a ledger's checkpoints."""

from __future__ import annotations

from typing import NamedTuple

import click
import orjson
from sqlalchemy import select

from ledger.cli.place import chosen, environment, installed
from ledger.cli.terminal import (
    PERSON,
    Commands,
    Failure,
    actor_option,
    as_json,
    ledger_option,
    tell,
)
from ledger.errors import KeysError
from ledger.installation import Installation, OpenLedger
from ledger.journal import tables as t
from ledger.journal.commands import Statement
from ledger.journal.keys import add_generation, read_passphrase
from ledger.journal.orders import Done, Group, Order


class Generation(NamedTuple):
    """One generation of log keys: its number, its vkeys, and whether it signs now, did, or will."""

    number: int
    vkeys: tuple[str, ...]
    state: str


@click.group(cls=Commands)
def key() -> None:
    """The keys that sign a ledger's checkpoints.

    \b
    Example:
      points key show --ledger beiyuan > beiyuan.keys
    """


@key.command("list")
@ledger_option
@as_json
def list_(name: str | None, as_json: bool) -> None:
    """List the generations of log keys: former, current and next.

    \b
    Example:
      points key list --ledger beiyuan
    """
    with installed() as installation:
        generations = _generations(installation, chosen(installation, name))
    lines = [f"{one.number}  {one.state:<8}{vkey}" for one in generations for vkey in one.vkeys]
    tell("\n".join(lines), {"generations": [one._asdict() for one in generations]}, as_json)


@key.command(short_help="Print the vkeys that sign now.")
@ledger_option
@as_json
def show(name: str | None, as_json: bool) -> None:
    """Print the vkeys that sign now, one a line: what an auditor trusts, and keeps.

    The log itself leads from them to any later ones. Hand them over by a way of its own.

    \b
    Example:
      points key show --ledger beiyuan > beiyuan.keys
      points verify beiyuan.zip --key-file beiyuan.keys
    """
    with installed() as installation:
        ledger = chosen(installation, name)
        vkeys = ledger.keys.vkeys(_current(installation, ledger))
        facts = {"ledger": ledger.name, "origin": ledger.origin, "vkeys": vkeys}
    tell("\n".join(vkeys), facts, as_json)


@key.command(short_help="Replace the keys by the next ones.")
@ledger_option
@actor_option
@click.option(
    "--approver", type=PERSON, required=True, help="Who approves it, of standing office too."
)
@as_json
def rotate(name: str | None, actor: str, approver: str, as_json: bool) -> None:
    """Replace the log's keys by the next ones, and commit to newly made ones after them.

    The next checkpoint is signed by the old keys and the new. Restart the service afterwards and
    back up the key directory, which has new files. Cut short, it can be run again.

    \b
    Example:
      points key rotate --ledger beiyuan --actor person/… --approver person/…
    """
    with installed() as installation:
        number = _make_ready(installation, chosen(installation, name))
    with installed() as installation:  # opened anew, with the keys just made
        ledger = chosen(installation, name)
        done = _enter(ledger, number, actor, approver)
        ledger.publisher.publish()
        facts = {
            "ledger": ledger.name,
            "seq": done.last,
            "generation": number,
            "vkeys": ledger.keys.vkeys(number),
        }
    line = f"Generation {number} signs from entry {done.last} on."
    tell(f"{line} Restart the service and back up the keys.", facts, as_json)


def _make_ready(installation: Installation, ledger: OpenLedger) -> int:
    """The number of the generation that comes next, the one after it being there too."""
    number = _current(installation, ledger) + 1
    if number not in ledger.keys.generations:
        raise KeysError(
            f"The keys of generation {number}, which the log is committed to, are not here."
            " Restore them from a backup."
        )
    if number + 1 not in ledger.keys.generations:
        passphrase = read_passphrase(installation.settings.passphrase_file, environment())
        add_generation(installation.settings.keys / ledger.name, passphrase)
    return number


def _enter(ledger: OpenLedger, number: int, actor: str, approver: str) -> Done:
    fields = {
        "vkeys": list(ledger.keys.vkeys(number)),
        "next": ledger.keys.vkeys_hash(number + 1),
    }
    command = Statement(kind="key", fields=fields, actor=actor, approver=approver)
    (outcome,) = ledger.appender.submit(Group((Order(command=command),)))
    if not isinstance(outcome, Done):
        raise Failure(f"The ledger refused it: {outcome.message}.")
    return outcome


def _current(installation: Installation, ledger: OpenLedger) -> int:
    """The generation whose vkeys the log revealed last."""
    mine = t.keyset.c.ledger_id == ledger.id
    query = select(t.keyset.c.vkeys).where(mine).order_by(t.keyset.c.seq.desc()).limit(1)
    with installation.database.reading() as conn:
        vkeys = tuple(orjson.loads(conn.execute(query).scalar_one()))
    for number in ledger.keys.generations:
        if ledger.keys.vkeys(number) == vkeys:
            return number
    raise KeysError(
        "The keys that the log names are not in the key directory. Restore them from a backup."
    )


def _generations(installation: Installation, ledger: OpenLedger) -> list[Generation]:
    current = _current(installation, ledger)

    def state(number: int) -> str:
        return "former" if number < current else "current" if number == current else "next"

    keys = ledger.keys
    return [Generation(number, keys.vkeys(number), state(number)) for number in keys.generations]
