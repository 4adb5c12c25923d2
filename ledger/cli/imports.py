"""`points import`: a history of earnings from another system."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click
from sqlalchemy import select

from ledger.cli.place import chosen, installed
from ledger.cli.terminal import (
    BUDGET,
    PERSON,
    Failure,
    actor_option,
    as_json,
    ledger_option,
    many,
    progress,
    tell,
)
from ledger.installation import Installation, OpenLedger
from ledger.journal import tables as t
from ledger.programme.csvlines import CsvFile
from ledger.programme.history import Columns, Fault
from ledger.programme.importing import Import, Report, Summary
from ledger.programme.terms import Plan


@click.command("import", short_help="Credit a history of earnings.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@ledger_option
@click.option(
    "--source", required=True, help="What the other system is called, the same in each import."
)
@click.option("--budget", type=BUDGET, help="Out of which budget.  [the only one]")
@actor_option
@click.option("--approver", type=PERSON, help="Who approves it; needed above the grant limit.")
@click.option(
    "--map",
    "mapping",
    required=True,
    metavar="ROLE=COLUMN,…",
    help="Which column holds what: account=, points=, date=, and optionally reference= (a row's"
    " own number, never used twice) and valid_until=. After points' column, :floor or :round"
    " makes whole points.",
)
@click.option("--check", "check_only", is_flag=True, help="Check every row and enter nothing.")
@click.option("--skip-bad", is_flag=True, help="Enter the good rows although others are bad.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write bad and refused rows to this CSV file instead of stdout (with --json: stderr).",
)
@as_json
def import_(
    file: Path,
    name: str | None,
    source: str,
    budget: str | None,
    actor: str,
    approver: str | None,
    mapping: str,
    check_only: bool,
    skip_bad: bool,
    report: Path | None,
    as_json: bool,
) -> None:
    """Credit a history of earnings: one credit for each row of FILE, a CSV file, gzipped or not.

    Every row is checked before the first is entered. Each is entered once, however often the
    command is run: after a crash, run it again. A row's account is known by the reference
    SOURCE:<account column>, and opened where there is none; the credit is effective at the start
    of the row's local day. Rows worth 0 points only make their account known.

    \b
    Example:
      points import cdnow.csv.gz --ledger beiyuan --source cdnow --actor person/… \\
        --approver person/… --map account=customer,points=dollars:floor,date=date
    """
    if report is not None and report.exists() and report.samefile(file):
        raise click.UsageError("The report would overwrite the file that is imported.")
    columns = Columns.parse(mapping)
    with installed() as installation:
        ledger = chosen(installation, name)
        budget = budget or _only_budget(installation, ledger)
        plan = Plan(CsvFile(file), source, columns, budget, actor, approver)
        work = Import(installation.database, installation.clock, ledger, plan)
        with _reporting(report, as_json) as reports:
            summary, complaint = _run(work, check_only, skip_bad, reports)
        ledger.publisher.publish()
    facts = {"ledger": ledger.name, "source": source, "finished": not complaint}
    if as_json:
        tell("", {**facts, **summary.to_json()}, as_json)
    if complaint:
        raise Failure(complaint)
    if not as_json:
        click.echo(_lines(summary), err=reports.used and report is None)


def _run(work: Import, check_only: bool, skip_bad: bool, report: Report) -> tuple[Summary, str]:
    """What was done, and what is to be complained of, if anything."""
    with progress("checking rows") as advance:
        found = work.check(report, advance)
    bad = f"{found.bad:,} of {found.rows:,} rows cannot be entered"
    if check_only:
        return found, f"{bad}." if found.bad else ""
    if found.bad and not skip_bad:
        return found, f"{bad}, so none was. Mend them, or enter the others with --skip-bad."
    with progress("entering rows", found.rows) as advance:
        summary = work.enter(report, advance)
    if not summary.refused:
        return summary, ""
    there = summary.imported + summary.already
    return summary, (
        f"the ledger refused {many(summary.refused, 'rows')}, and has {there:,}. Once what is wrong"
        " is mended, run it again."
    )


class _Reports:
    """Writes rows with their faults as CSV, with a header once there is one."""

    def __init__(self, stream: TextIO) -> None:
        self._writer = csv.writer(stream, lineterminator="\n")
        self.used = False

    def __call__(self, fault: Fault) -> None:
        if not self.used:
            self._writer.writerow(Fault._fields)
        self.used = True
        self._writer.writerow(fault)


@contextmanager
def _reporting(path: Path | None, as_json: bool) -> Iterator[_Reports]:
    if path is None:
        yield _Reports(sys.stderr if as_json else sys.stdout)
    else:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            yield _Reports(stream)


def _only_budget(installation: Installation, ledger: OpenLedger) -> str:
    query = select(t.budget.c.account).where(t.budget.c.ledger_id == ledger.id)
    with installation.database.reading() as conn:
        budgets = sorted(conn.execute(query).scalars())
    if len(budgets) != 1:
        raise click.UsageError(f"Say which budget with --budget: {', '.join(budgets)}")
    return str(budgets[0])


def _lines(summary: Summary) -> str:
    return (
        f"{many(summary.rows, 'rows')}: {summary.imported:,} imported,"
        f" {summary.already:,} there already, {summary.zero:,} worth 0 points, {summary.bad:,} bad,"
        f" {summary.refused:,} refused\n"
        f"{many(summary.points, 'points')}, {many(summary.accounts_opened, 'accounts')} opened"
    )
