"""`points key`: the keys that sign a ledger's checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import click
import orjson
from sqlalchemy import select

from ledger.cli.place import chosen, environment, installed
from ledger.cli.terminal import (
    HASH,
    PERSON,
    Commands,
    Failure,
    actor_option,
    as_json,
    ledger_option,
    next_hash_option,
    tell,
)
from ledger.errors import KeysError
from ledger.installation import Installation, OpenLedger
from ledger.journal import tables as t
from ledger.journal.commands import Statement
from ledger.journal.entry import POINTS_MAX
from ledger.journal.keys import add_generation, read_passphrase
from ledger.journal.orders import Done, Group, Order


class Generation(NamedTuple):
    """One generation of log keys: its number, its vkeys, and whether it signs now, did, or will."""

    number: int
    vkeys: tuple[str, ...]
    state: str


class Revealed(NamedTuple):
    """What the log says of its keys: all that it revealed, and the hash of those that follow."""

    vkeys: list[tuple[str, ...]]
    next: str


_approver = click.option(
    "--approver", type=PERSON, required=True, help="Who approves it, of standing office too."
)


PLACES = {"bring": "ceremony:bring", "make": "ceremony:make", "master": "masterkeys:master"}


@click.group(cls=Commands, places=PLACES)
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
    """List the generations of log keys: former, current, next, and any to come after it.

    It also says to which next keys the log is committed, and whether these are here.

    \b
    Example:
      points key list --ledger beiyuan
    """
    with installed() as installation:
        ledger = chosen(installation, name)
        revealed = revealed_keys(installation, ledger)
    keys = ledger.keys
    generations = [
        Generation(number, keys.vkeys(number), _state(ledger, revealed, number))
        for number in keys.generations
    ]
    here = keys.generation_of(revealed.next) is not None
    lines = [f"{one.number}  {one.state:<8}{vkey}" for one in generations for vkey in one.vkeys]
    lines += [] if here else [f"-  next    not here; the log is committed to {revealed.next}"]
    facts = {
        "generations": [one._asdict() for one in generations],
        "next": {"hash": revealed.next, "here": here},
    }
    tell("\n".join(lines), facts, as_json)


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
        vkeys = revealed_keys(installation, ledger).vkeys[-1]
        facts = {"ledger": ledger.name, "origin": ledger.origin, "vkeys": vkeys}
    tell("\n".join(vkeys), facts, as_json)


@key.command(short_help="Replace the keys by the next ones.")
@ledger_option
@actor_option
@_approver
@next_hash_option
@as_json
def rotate(
    name: str | None, actor: str, approver: str, next_hash: str | None, as_json: bool
) -> None:
    """Replace the log's keys by the next ones, and commit to those after them.

    The next checkpoint is signed by the old keys and the new. Next keys that were made on another
    machine are brought first, by points key bring. Restart the service afterwards and back up the
    key directory, which has new files. Cut short, it can be run again.

    \b
    Example:
      points key rotate --ledger beiyuan --actor person/… --approver person/…
    """
    facts = _replace(name, actor, approver, next_hash)
    line = f"Generation {facts['generation']} signs from entry {facts['seq']} on."
    tell(f"{line} Restart the service and back up the keys.", facts, as_json)


@key.command(short_help="Replace keys that somebody else may have.")
@ledger_option
@actor_option
@_approver
@click.option(
    "--size",
    type=click.IntRange(1, POINTS_MAX),
    required=True,
    help="Size of the last head that is surely yours.",
)
@click.option(
    "--root", type=HASH, required=True, help="Its root, from a checkpoint that was kept elsewhere."
)
@next_hash_option
@as_json
def revoke(
    name: str | None,
    actor: str,
    approver: str,
    size: int,
    root: str,
    next_hash: str | None,
    as_json: bool,
) -> None:
    """Replace keys that somebody else may have: they vouch for nothing beyond the size you name.

    As points key rotate, but the old keys do not sign the change. Who trusts only these is told to
    get the new ones, so hand those to all auditors at once.

    \b
    Example:
      points key revoke --ledger beiyuan --size 1042 --root JWv1… \\
        --actor person/… --approver person/…
    """
    facts = _replace(name, actor, approver, next_hash, {"root": root, "size": size})
    line = (
        f"Generation {facts['generation']} signs from entry {facts['seq']} on; the keys before it"
        f" vouch for nothing after the first {size} entries."
    )
    tell(f"{line} Restart the service and hand out the new vkeys.", facts, as_json)


def _replace(
    name: str | None,
    actor: str,
    approver: str,
    next_hash: str | None,
    revoked: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Enters a `key` entry, publishes it, and says what was done."""
    with installed() as installation:
        number, next_hash = _make_ready(installation, chosen(installation, name), next_hash)
    with installed() as installation:  # opened anew, with the keys just made
        ledger = chosen(installation, name)
        fields = {
            "vkeys": list(ledger.keys.vkeys(number)),
            "next": next_hash or ledger.keys.vkeys_hash(ledger.keys.generations[-1]),
            **({"revoked": revoked} if revoked else {}),
        }
        done = _enter(ledger, Statement(kind="key", fields=fields, actor=actor, approver=approver))
        ledger.publisher.publish()
        return {
            "ledger": ledger.name,
            "seq": done.last,
            "generation": number,
            "vkeys": ledger.keys.vkeys(number),
            "next": fields["next"],
        }


def _make_ready(
    installation: Installation, ledger: OpenLedger, next_hash: str | None
) -> tuple[int, str | None]:
    """The generation that comes next; unless others are named, the one after it is there too."""
    committed = revealed_keys(installation, ledger).next
    number = ledger.keys.generation_of(committed)
    if number is None:
        raise KeysError(
            f"The next keys, to which the log is committed ({committed}), are not here. Fetch them"
            " with `points key bring`, or restore them from a backup."
        )
    if next_hash is None and number == ledger.keys.generations[-1]:
        passphrase = read_passphrase(installation.settings.passphrase_file, environment())
        add_generation(installation.settings.keys / ledger.name, passphrase)
    return number, next_hash


def _enter(ledger: OpenLedger, command: Statement) -> Done:
    (outcome,) = ledger.appender.submit(Group((Order(command=command),)))
    if not isinstance(outcome, Done):
        raise Failure(f"The ledger refused it: {outcome.message}.")
    return outcome


def revealed_keys(installation: Installation, ledger: OpenLedger) -> Revealed:
    """The keys that the log revealed; `KeysError` where those that sign now are not here."""
    mine = t.keyset.c.ledger_id == ledger.id
    query = select(t.keyset).where(mine).order_by(t.keyset.c.seq)
    with installation.database.reading() as conn:
        rows = conn.execute(query).all()
    vkeys = [tuple(orjson.loads(row.vkeys)) for row in rows]
    if not any(ledger.keys.vkeys(number) == vkeys[-1] for number in ledger.keys.generations):
        raise KeysError(
            "The keys that the log names are not in the key directory. Restore them from a backup."
        )
    return Revealed(vkeys, rows[-1].next)


def _state(ledger: OpenLedger, revealed: Revealed, number: int) -> str:
    vkeys = ledger.keys.vkeys(number)
    if vkeys in revealed.vkeys:
        return "current" if vkeys == revealed.vkeys[-1] else "former"
    return "next" if ledger.keys.generation_of(revealed.next) == number else "later"
