"""`points token`: who may use the API."""

from __future__ import annotations

from dataclasses import asdict

import click
from sqlalchemy import select

from ledger.cli.place import environment, only_name, stored
from ledger.cli.terminal import PERSON, Commands, IdType, as_json, ledger_option, tell
from ledger.clock import SystemClock
from ledger.config import read_settings
from ledger.db import Database
from ledger.journal.tables import ledger as ledger_table
from ledger.programme.tokens import (
    DAYS_MAX,
    OPERATOR,
    ROLES,
    create_token,
    list_tokens,
    revoke_token,
)

_operator = click.option(
    "--operator", is_flag=True, help="The installation's tokens instead of a ledger's."
)


@click.group(cls=Commands)
def token() -> None:
    """Tokens of the API: each belongs to one person and has one role.

    \b
    Example:
      points token list --ledger beiyuan
    """


@token.command()
@ledger_option
@click.option("--person", type=PERSON, required=True, help="Whose token it is.")
@click.option("--role", type=click.Choice([*ROLES, OPERATOR]), required=True)
@click.option(
    "--days",
    type=click.IntRange(1, DAYS_MAX),
    default=90,
    show_default=True,
    help="How long it lasts.",
)
@as_json
def create(name: str | None, person: str, role: str, days: int, as_json: bool) -> None:
    """Make a token. It is shown once; hand it over in private.

    \b
    Example:
      points token create --ledger beiyuan --person person/… --role auditor --days 30
    """
    settings = read_settings(environment())
    with stored(settings) as database:
        ledger = OPERATOR if role == OPERATOR else _ledger(database, name)
        made = create_token(database, SystemClock(), ledger, person, role, days)
    facts = {"id": made.id, "token": made.text, "expires_at": made.expires_at}
    tell(f"{made.text}\n{made.id}, until {made.expires_at}", facts, as_json)


@token.command("list")
@ledger_option
@_operator
@as_json
def list_(name: str | None, operator: bool, as_json: bool) -> None:
    """List tokens, the newest first, without their secrets.

    \b
    Example:
      points token list --ledger beiyuan
    """
    with stored(read_settings(environment())) as database:
        tokens = list_tokens(database, OPERATOR if operator else _ledger(database, name))
    lines = [
        f"{one.id}  {one.role:<8}  {one.person}  "
        + (f"revoked {one.revoked_at}" if one.revoked_at else f"until {one.expires_at}")
        for one in tokens
    ]
    tell("\n".join(lines) or "No tokens.", {"tokens": [asdict(one) for one in tokens]}, as_json)


@token.command()
@click.argument("token_id", metavar="TOKEN-ID", type=IdType("token"))
@ledger_option
@_operator
@as_json
def revoke(token_id: str, name: str | None, operator: bool, as_json: bool) -> None:
    """End a token at once.

    \b
    Example:
      points token revoke token/… --ledger beiyuan
    """
    with stored(read_settings(environment())) as database:
        ledger = OPERATOR if operator else _ledger(database, name)
        revoke_token(database, SystemClock(), ledger, token_id)
    tell(f"{token_id} is revoked.", {"id": token_id, "revoked": True}, as_json)


def _ledger(database: Database, name: str | None) -> str:
    with database.reading() as conn:
        query = select(ledger_table.c.name).order_by(ledger_table.c.name)
        names = list(conn.execute(query).scalars())
    return only_name(names, name)
