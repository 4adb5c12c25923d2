"""`points token`: who may use the API."""

from __future__ import annotations

from collections.abc import Iterator
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
    OVERLAP_DAYS_MAX,
    ROLES,
    SCOPES,
    NewToken,
    Token,
    create_token,
    list_tokens,
    revoke_token,
    rotate_token,
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
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(list(SCOPES)),
    multiple=True,
    help="Narrow it to this; may be given several times.  [all of the role's]",
)
@as_json
def create(
    name: str | None, person: str, role: str, days: int, scopes: tuple[str, ...], as_json: bool
) -> None:
    """Make a token. It is shown once; hand it over in private.

    \b
    Example:
      points token create --ledger beiyuan --person person/… --role auditor --days 30 \\
          --scope log:read
    """
    settings = read_settings(environment())
    with stored(settings) as database:
        ledger = OPERATOR if role == OPERATOR else _ledger(database, name)
        made = create_token(database, SystemClock(), ledger, person, role, days, scopes or None)
    _tell_made(made, as_json)


@token.command()
@click.argument("token_id", metavar="TOKEN-ID", type=IdType("token"))
@ledger_option
@_operator
@click.option(
    "--overlap-days",
    type=click.IntRange(0, OVERLAP_DAYS_MAX),
    default=1,
    show_default=True,
    help="How long the old one is still good.",
)
@as_json
def rotate(
    token_id: str, name: str | None, operator: bool, overlap_days: int, as_json: bool
) -> None:
    """Replace a token by a new one of the same person, role and scopes.

    The new one is shown once, and lasts as long as the old one was to. A token is rotated once:
    whoever lost the new one's text rotates that.

    \b
    Example:
      points token rotate token/… --ledger beiyuan --overlap-days 2
    """
    with stored(read_settings(environment())) as database:
        ledger = OPERATOR if operator else _ledger(database, name)
        made = rotate_token(database, SystemClock(), ledger, token_id, overlap_days)
    _tell_made(made, as_json)


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
        tokens = list(_all_tokens(database, OPERATOR if operator else _ledger(database, name)))
    lines = [_line(one) for one in tokens]
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


def _all_tokens(database: Database, ledger: str) -> Iterator[Token]:
    page = list_tokens(database, ledger)
    while page:
        yield from page
        page = list_tokens(database, ledger, before=page[-1].id)


def _line(one: Token) -> str:
    ends = f"revoked {one.revoked_at}" if one.revoked_at else f"until {one.expires_at}"
    narrowed = "" if one.scopes is None else f"  for {' '.join(one.scopes)}"
    return f"{one.id}  {one.role:<8}  {one.person}  {ends}{narrowed}"


def _tell_made(made: NewToken, as_json: bool) -> None:
    facts = {"id": made.id, "token": made.text, "expires_at": made.expires_at}
    tell(f"{made.text}\n{made.id}, until {made.expires_at}", facts, as_json)


def _ledger(database: Database, name: str | None) -> str:
    with database.reading() as conn:
        query = select(ledger_table.c.name).order_by(ledger_table.c.name)
        names = list(conn.execute(query).scalars())
    return only_name(names, name)
