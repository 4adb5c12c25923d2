"""`points init`, `points demo` and `points migrate`: what there is before anything else."""

from __future__ import annotations

import os

import click

from ledger.cli.place import installed, prepare
from ledger.cli.terminal import DAY, POINTS, as_json, next_hash_option, note, tell
from ledger.config import read_settings
from ledger.demo import load_demo
from ledger.installation import Installation, OpenLedger
from ledger.journal.entry import new_id
from ledger.journal.founding import Founding
from ledger.migrating import migrate as migrate_tables
from ledger.migrating import migrate_down, revisions
from ledger.programme.tokens import create_token

ADMIN_TOKEN_DAYS = 90


@click.command(short_help="Make a ledger.")
@click.argument("name")
@click.option(
    "--budget-limit",
    type=POINTS,
    required=True,
    help="The most points that the first budget may issue.",
)
@click.option("--budget-from", type=DAY, required=True, help="Its first local day.")
@click.option("--budget-to", type=DAY, required=True, help="Its last local day.")
@click.option("--policy-from", type=DAY, help="First day of the first policy.  [the budget's]")
@click.option(
    "--utc-offset",
    type=click.IntRange(-840, 840),
    metavar="MINUTES",
    default=480,
    show_default=True,
    help="The ledger's time zone in minutes east of UTC, fixed for ever.",
)
@click.option(
    "--grant-limit",
    type=POINTS,
    default=1_000,
    show_default=True,
    help="The most points that one person alone may grant without a service.",
)
@click.option(
    "--reversal-limit",
    type=POINTS,
    default=1_000,
    show_default=True,
    help="The most points that one person alone may reverse.",
)
@click.option(
    "--hold-days",
    type=click.IntRange(1, 3_660),
    metavar="DAYS",
    default=100,
    show_default=True,
    help="The longest that points are held for a redemption.",
)
@next_hash_option
@as_json
def init(
    name: str,
    budget_limit: int,
    budget_from: str,
    budget_to: str,
    policy_from: str | None,
    utc_offset: int,
    grant_limit: int,
    reversal_limit: int,
    hold_days: int,
    next_hash: str | None,
    as_json: bool,
) -> None:
    """Make a ledger called NAME: its keys, two founders, first policy and first budget.

    NAME becomes part of the log's origin, <POINTS_PUBLIC_HOST>/log/NAME, and can never be changed
    or used again. The founders' tokens are shown once.

    \b
    Example:
      points init beiyuan --budget-limit 1000000 --budget-from 2026-01-01 --budget-to 2026-12-31
    """
    if budget_from > budget_to:
        raise click.UsageError(f"A budget from {budget_from} to {budget_to} covers no day.")
    founding = Founding(
        founders=(_id("person"), _id("person")),
        budget=_id("issuer"),
        budget_limit=budget_limit,
        budget_from=budget_from,
        budget_to=budget_to,
        policy_from=policy_from or budget_from,
        utc_offset_minutes=utc_offset,
        grant_limit=grant_limit,
        reversal_limit=reversal_limit,
        hold_days=hold_days,
    )
    if prepare():
        data = read_settings(os.environ).data
        note(f"A passphrase for the keys was made in {data}/passphrase. Keep a copy elsewhere.")
    with installed() as installation:
        ledger = installation.create_ledger(name, founding, next_hash)
        _tell_founded(installation, ledger, founding, as_json)


def _tell_founded(
    installation: Installation, ledger: OpenLedger, founding: Founding, as_json: bool
) -> None:
    tokens = [
        create_token(
            installation.database,
            installation.clock,
            ledger.name,
            person,
            "admin",
            ADMIN_TOKEN_DAYS,
        )
        for person in founding.founders
    ]
    vkeys = ledger.keys.vkeys(ledger.keys.generations[0])
    facts = {
        "ledger": ledger.name,
        "origin": ledger.origin,
        "budget": founding.budget,
        "founders": [
            {"person": person, "token": token.text, "expires_at": token.expires_at}
            for person, token in zip(founding.founders, tokens, strict=True)
        ],
        "vkeys": list(vkeys),
    }
    lines = [f"ledger   {ledger.name}", f"origin   {ledger.origin}", f"budget   {founding.budget}"]
    for person, token in zip(founding.founders, tokens, strict=True):
        lines += [f"founder  {person}", f"  token  {token.text}"]
    lines += [f"vkey     {vkey}" for vkey in vkeys]
    lines.append(
        f"Each founder keeps their own token, which is not shown again and lasts"
        f" {ADMIN_TOKEN_DAYS} days; auditors keep the vkeys."
    )
    tell("\n".join(lines), facts, as_json)


def _id(kind: str) -> str:
    return new_id(kind, os.urandom(16))


@click.command(short_help="Load the sample programme.")
@click.option("--if-missing", is_flag=True, help="Do nothing where there is a ledger already.")
@as_json
def demo(if_missing: bool, as_json: bool) -> None:
    """Load the sample programme: a ledger beiyuan-… with organisations and made-up members.

    \b
    Example:
      points demo --if-missing
    """
    prepare()
    with installed() as installation:
        names = installation.names()
        if if_missing and names:
            tell(f"There is a ledger already: {names[0]}.", {"ledger": None}, as_json)
            return
        made = load_demo(installation)
        facts = made.to_json()
    lines = [f"{name:<9}{facts[name]}" for name in ("ledger", "origin", "budget", "entries")]
    lines += [f"founder  {person}" for person in facts["founders"]]
    tell("\n".join(lines), facts, as_json)


@click.command()
@click.option(
    "--down-to",
    metavar="REVISION",
    help="Undo the migrations after this one; what only their tables held is gone.",
)
@as_json
def migrate(down_to: str | None, as_json: bool) -> None:
    """Bring the database's tables up to this version, or back down to that of an older one.

    \b
    Example:
      points migrate
      points migrate --down-to 0002
    """
    settings = read_settings(os.environ)
    if settings.database_url.startswith("sqlite"):
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if down_to is not None:
        known = revisions()
        if down_to not in known:
            raise click.UsageError(f"No migration is {down_to[:20]!r}: {', '.join(known)} are.")
        migrate_down(settings.database_url, down_to)
        tell(f"The tables are those of migration {down_to}.", {"migrated": True}, as_json)
        return
    migrate_tables(settings.database_url)
    tell("The tables are those of this version.", {"migrated": True}, as_json)
