"""`points verify`: bundles, receipts and the database, checked against the caller's own keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ledger.audit.balances import BALANCE_BYTES_MAX, BalanceReport, verify_balance
from ledger.audit.database import verify_database
from ledger.audit.faults import BundleFault
from ledger.audit.kept import KeptHead, read_kept
from ledger.audit.opening import jobs_for
from ledger.audit.receipts import ReceiptReport, verify_receipt
from ledger.audit.report import Report
from ledger.audit.trust import parse_keys
from ledger.audit.verify import verify_bundle
from ledger.cli.place import chosen, installed
from ledger.cli.terminal import (
    Failure,
    as_json,
    counted,
    key_options,
    ledger_option,
    many,
    progress,
    tell,
    visible,
)
from ledger.programme.trail import trail_faults
from ledger.tlog.note import Verifier
from ledger.tlog.proof import PROOF_BYTES_MAX

EXIT_UNCHECKED = 3
KEY_FILE_CHARS_MAX = 1_000_000
EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Check a bundle, a receipt or the database.")
@click.argument("bundle", type=EXISTING, required=False)
@click.option("--receipt", type=EXISTING, help="Check this receipt instead of a bundle.")
@click.option("--balance", type=EXISTING, help="Check this proof of a balance instead.")
@click.option(
    "--database", "in_database", is_flag=True, help="Check the tables of a ledger here instead."
)
@ledger_option
@key_options
@click.option(
    "--head",
    "heads",
    multiple=True,
    type=EXISTING,
    help="An older checkpoint, receipt or bundle that you kept: the log must extend its head."
    " Repeatable.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    help="Cores to use on a bundle; all of them for a long one unless you say.",
)
@as_json
def verify(
    bundle: Path | None,
    receipt: Path | None,
    balance: Path | None,
    in_database: bool,
    name: str | None,
    keys: Sequence[str],
    files: Sequence[Path],
    heads: Sequence[Path],
    jobs: int | None,
    as_json: bool,
) -> None:
    """Check BUNDLE, offline: every entry, every rule, every hash and signature.

    The keys to trust come from you, never from what is checked. Exit code 0: all of it is well and
    under your keys. 1: something is wrong. 3: you gave no keys, so it is consistent with itself;
    whose it is was not checked.

    \b
    Examples:
      points verify beiyuan.zip --key-file beiyuan.keys
      points verify beiyuan.zip --key-file beiyuan.keys --head last-year.checkpoint
      points verify --receipt 1042.tlog-proof --key-file beiyuan.keys
      points verify --balance member.balance --key-file beiyuan.keys
      points verify --database --ledger beiyuan
    """
    things = (bundle is not None, receipt is not None, balance is not None, in_database)
    if things.count(True) != 1:
        raise click.UsageError(
            "Name one thing to check: BUNDLE, --receipt, --balance, or --database."
        )
    if heads and bundle is None and not in_database:
        raise click.UsageError("Give --head with a bundle or --database: nothing else has heads.")
    trusted = trusted_keys(keys, files)
    kept = [read_kept(path, trusted) for path in heads]
    if bundle is not None:
        _verify_bundle(bundle, trusted, kept, jobs or jobs_for(bundle), as_json)
    elif receipt is not None:
        _verify_receipt(receipt, trusted, as_json)
    elif balance is not None:
        _verify_balance(balance, trusted, as_json)
    else:
        _verify_database(name, trusted, kept, as_json)


def trusted_keys(keys: Sequence[str], files: Sequence[Path]) -> tuple[Verifier, ...] | None:
    """The keys that the options name, None where they name none."""
    texts = list(keys)
    for path in files:
        with path.open("rb") as file:
            text = file.read(KEY_FILE_CHARS_MAX).decode(errors="replace")
        found = [line for raw in text.splitlines() if (line := raw.strip()) and line[0] != "#"]
        if not found:
            raise click.UsageError(f"{path} holds no keys.")
        texts += found
    return parse_keys(texts) if texts else None


def _verify_bundle(
    path: Path,
    trusted: Sequence[Verifier] | None,
    heads: Sequence[KeptHead],
    jobs: int,
    as_json: bool,
) -> None:
    try:
        with progress("entries") as advance:
            report = verify_bundle(path, trusted, counted(advance), heads=heads, jobs=jobs)
    except BundleFault as fault:
        if as_json:
            tell("", {"ok": False, "fault": fault.to_json()}, as_json)
        raise
    tell(_told(report), {"ok": report.trust == "checked", **report.to_json()}, as_json)
    _judge(report.trust, report.says)


def _verify_receipt(path: Path, trusted: Sequence[Verifier] | None, as_json: bool) -> None:
    with path.open("rb") as file:
        report = verify_receipt(file.read(PROOF_BYTES_MAX + 1), trusted)
    tell(_shown(report), {"ok": report.trust == "checked", **report.to_json()}, as_json)
    _judge(report.trust, report.says)


def _verify_balance(path: Path, trusted: Sequence[Verifier] | None, as_json: bool) -> None:
    with path.open("rb") as file:
        report = verify_balance(file.read(BALANCE_BYTES_MAX + 1), trusted)
    trust = report.receipt.trust
    tell(_balance_told(report), {"ok": trust == "checked", **report.to_json()}, as_json)
    _judge(trust, report.receipt.says)


def _verify_database(
    name: str | None,
    trusted: Sequence[Verifier] | None,
    heads: Sequence[KeptHead],
    as_json: bool,
) -> None:
    """Compares tables with entries, under the keys that lie here unless others are given.

    The log must extend the high-water file's head, and those that are given.
    """
    with installed() as installation, progress("entries") as advance:
        ledger = chosen(installation, name)
        rings = map(ledger.keys.vkeys, ledger.keys.generations)
        own = parse_keys(vkey for ring in rings for vkey in ring)
        trusted = own if trusted is None else trusted
        if not all(kept.signed_by_one_of([*dict.fromkeys((*own, *trusted))]) for kept in heads):
            raise Failure(
                f"A head that you gave is signed by no key of {ledger.name}: it proves nothing."
                " Leave it out."
            )
        known = [kept.checkpoint for kept in heads]
        signed = ledger.publisher.seen()
        differences = verify_database(
            installation.database,
            ledger.id,
            ledger.origin,
            trusted,
            heads=[*known, *([signed] if signed else [])],
            progress=counted(advance),
        )
        with installation.database.reading(snapshot=True) as conn:
            trail = trail_faults(conn, ledger)
    facts = {
        "ok": not differences and not trail,
        "ledger": ledger.name,
        "differences": [difference._asdict() for difference in differences],
        "trail": trail,
    }
    lines = [visible(line) for line in (*map(str, differences), *trail)]
    tell("\n".join(lines) or f"{ledger.name}: the tables are what its entries say", facts, as_json)
    if lines:
        raise Failure(f"The tables of {ledger.name} are not what its entries say.")


def _judge(trust: str, says: str) -> None:
    """Ends the command unless the caller's own keys vouch for all of it."""
    if trust == "unchecked":
        click.echo(f"points: {says}", err=True)
        raise SystemExit(EXIT_UNCHECKED)
    if trust != "checked":
        raise Failure(f"{says}.")


def _told(report: Report) -> str:
    accounts, points = report.accounts, report.points
    members = many(accounts.member, "members")
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(report.entries.items()))
    gone = f"{points.settled:,} settled, {points.expired:,} expired, {points.withdrawn:,} withdrawn"
    return "\n".join(
        [
            f"log          {report.origin}",
            f"size         {many(report.size, 'entries')}, {report.first_at} to {report.last_at}",
            f"root         {report.root.hex()}",
            f"entries      {kinds}",
            "checked      every signature, leaf, tile and root, and each entry by every rule;",
            f"             {_heads(report.checkpoints)}",
            f"accounts     {members}, {many(accounts.org, 'organisations')}",
            f"points       {points.issued:,} issued, {points.outstanding:,} outstanding, {gone}",
            f"trust        {report.says}",
        ]
    )


def _heads(checkpoints: int) -> str:
    if checkpoints == 1:
        return "1 checkpoint is consistent with the log"
    return f"{checkpoints:,} checkpoints are consistent with each other"


def _shown(report: ReceiptReport) -> str:
    return "\n".join(
        [
            f"log    {report.origin}",
            f"entry  {report.seq} of {report.size:,}: {report.entry['type']}, {report.entry['at']}",
            f"trust  {report.says}",
        ]
    )


def _balance_told(report: BalanceReport) -> str:
    receipt = report.receipt
    last = f"{many(report.count, 'postings')}, the last of them entry {report.last}"
    return "\n".join(
        [
            f"log      {receipt.origin}",
            f"account  {report.account}",
            f"balance  {many(report.balance, 'points')}, and {report.held:,} held",
            f"as of    entry {receipt.seq}, {receipt.entry['at']}; {last}",
            f"trust    {receipt.says}",
        ]
    )
