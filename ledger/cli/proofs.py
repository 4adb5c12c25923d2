"""`points publish`, `points export` and `points receipt`: what others check the ledger by."""

from __future__ import annotations

from pathlib import Path

import click

from ledger.audit.balances import encode_balance
from ledger.audit.bundle import write_bundle
from ledger.cli.place import chosen, installed
from ledger.cli.terminal import Failure, IdType, as_json, ledger_option, tell
from ledger.installation import Installation, OpenLedger
from ledger.journal import log
from ledger.journal.entry import to_base64
from ledger.programme.reading.accounts import account_exists

NEW_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Sign and publish the head of the log now.")
@ledger_option
@as_json
def publish(name: str | None, as_json: bool) -> None:
    """Sign and publish the head of the log now, and print its checkpoint.

    The service does this each second by itself.

    \b
    Example:
      points publish --ledger beiyuan
    """
    with installed() as installation:
        ledger = chosen(installation, name)
        ledger.publisher.publish()
        with installation.database.reading() as conn:
            published = log.latest_checkpoint(conn, ledger.id)
    if published is None:
        raise Failure("The ledger has no entries yet, so there is nothing to publish.")
    note = published.note.decode()
    root = to_base64(log.root_in(published.note))
    facts = {"origin": ledger.origin, "size": published.size, "root": root, "checkpoint": note}
    tell(note.rstrip("\n"), facts, as_json)


@click.command(short_help="Write the whole published log to a file.")
@click.argument("file", type=NEW_FILE)
@ledger_option
@click.option("--overwrite", is_flag=True, help="Replace the file where there is one.")
@as_json
def export(file: Path, name: str | None, overwrite: bool, as_json: bool) -> None:
    """Write the whole published log to FILE, a bundle that anyone can check offline.

    \b
    Example:
      points export beiyuan.zip --ledger beiyuan
      points verify beiyuan.zip --key-file beiyuan.keys
    """
    with installed() as installation:
        ledger = chosen(installation, name)
        length = write_bundle(
            installation.database,
            ledger.id,
            ledger.origin,
            file,
            publisher=ledger.publisher,
            overwrite=overwrite,
        )
    facts = {"ledger": ledger.name, "origin": ledger.origin, "file": str(file), "bytes": length}
    tell(f"{file}: {length:,} bytes", facts, as_json)


@click.command(short_help="Print the receipt of an entry, or the proof of a balance.")
@click.argument("seq", type=click.IntRange(0), required=False)
@click.option(
    "--balance",
    "account",
    type=IdType("member", "org", "issuer"),
    metavar="ACCOUNT",
    help="Prove this account's balance instead; SEQ: as of which entry.",
)
@ledger_option
@click.option("-o", "--output", type=NEW_FILE, help="Write it to this new file instead.")
def receipt(seq: int | None, account: str | None, name: str | None, output: Path | None) -> None:
    """Print the receipt of entry SEQ: a C2SP tlog-proof with the entry's exact bytes.

    With --balance, print the proof of what an account had at the last state of all accounts.

    \b
    Example:
      points receipt 1042 --ledger beiyuan -o 1042.tlog-proof
      points verify --receipt 1042.tlog-proof --key-file beiyuan.keys
      points receipt --balance member/… --ledger beiyuan -o member.balance
      points verify --balance member.balance --key-file beiyuan.keys
    """
    if seq is None and account is None:
        raise click.UsageError("Name an entry by its number, or an account with --balance.")
    with installed() as installation:
        ledger = chosen(installation, name)
        size = ledger.publisher.publish()
        if seq is not None and seq >= size:
            raise Failure(f"There is no entry {seq}: the log has {size}, from 0 to {size - 1}.")
        if account is not None:
            proof = _balance(installation, ledger, account, seq)
        else:
            proof = _receipt(installation, ledger, seq or 0)
    if output is None:
        click.echo(proof, nl=False)
    else:
        with output.open("xb") as file:
            file.write(proof)


def _receipt(installation: Installation, ledger: OpenLedger, seq: int) -> bytes:
    with installation.database.reading() as conn:
        return log.receipt(conn, ledger.id, seq).encode()


def _balance(
    installation: Installation, ledger: OpenLedger, account: str, as_of: int | None
) -> bytes:
    with installation.database.reading() as conn:
        if not account_exists(conn, ledger.id, account):
            raise Failure(f"There is no account {account} in {ledger.name}.")
    proven = installation.state_trees.prove(ledger.id, account, as_of)
    return encode_balance(proven.leaf, proven.path, _receipt(installation, ledger, proven.seq))
