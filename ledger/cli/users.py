"""`points user`: the people of the staff, their standing in the log and their roles."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import click
from sqlalchemy import Connection

from ledger.cli.place import chosen, installed
from ledger.cli.terminal import PERSON, Commands, actor_option, as_json, ledger_option, tell
from ledger.clock import SystemClock
from ledger.journal.entry import RANDOM, new_id
from ledger.programme.grants import GRANTED_ROLES, Grant, list_grants
from ledger.programme.people.contacts import contact_of
from ledger.programme.people.enrolment import Invitation, invite
from ledger.programme.people.staff import STANDINGS, Given, add_person
from ledger.programme.reading.people import list_people
from ledger.programme.roles import ORGANISATION_ROLES, Reach

ROWS_PER_READ = 200

_ORGANISATION = re.compile(f"org/{RANDOM}", re.ASCII)


class RoleType(click.ParamType[Given]):
    """A role, with the organisation that it is of where it is of one: `manager:org/…`."""

    name = "role[:org/…]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Given:
        """The role itself, or a usage error."""
        role, colon, organisation = str(value).partition(":")
        if role not in GRANTED_ROLES:
            self.fail(f"{role[:40]!r} is none of {', '.join(GRANTED_ROLES)}.", param, ctx)
        if (role in ORGANISATION_ROLES) != bool(colon):
            of = ", ".join(ORGANISATION_ROLES)
            self.fail(
                f"{role} wants {role}:org/… ."
                if not colon
                else f"only {of} are of an organisation.",
                param,
                ctx,
            )
        if colon and not _ORGANISATION.fullmatch(organisation):
            self.fail(
                f"{organisation[:60]!r} is not an id: wanted org/ and 26 characters.", param, ctx
            )
        return Given(role, organisation or None)


@click.group(cls=Commands)
def user() -> None:
    """People of the staff: their standing in the log, and the roles that they hold.

    \b
    Example:
      points user list --ledger beiyuan
    """


@user.command(short_help="Add a person with a standing and roles.")
@ledger_option
@click.option("--standing", type=click.Choice(STANDINGS), required=True)
@click.option(
    "--role",
    "roles",
    type=RoleType(),
    multiple=True,
    help="A role from today on, such as officer or manager:org/…; may be given several times.",
)
@click.option("--person", type=PERSON, help="Somebody who has an id already.  [a new one]")
@actor_option
@click.option(
    "--approver",
    type=PERSON,
    help="Who approves it, of standing office too: for the office, and for auditors.",
)
@click.option(
    "--invite",
    "invited",
    is_flag=True,
    help="Ask for their e-mail address or telephone number, and give a code for their password.",
)
@as_json
def add(
    name: str | None,
    standing: str,
    roles: tuple[Given, ...],
    person: str | None,
    actor: str,
    approver: str | None,
    invited: bool,
    as_json: bool,
) -> None:
    """Add a person of the staff, with a standing in the log and roles from today on.

    With --invite, what they sign in with is read from standard input, a line, so that it is in no
    history of the shell; it is kept encrypted. The code is shown once: hand it over in private.

    \b
    Example:
      points user add --ledger beiyuan --standing partner --role manager:org/… \\
          --actor person/… --invite
    """
    with installed() as installation:
        ledger = chosen(installation, name)
        contact = None
        if invited:
            contact = contact_of(click.prompt("E-mail or telephone", err=True))
        database, system_clock = installation.database, SystemClock()
        added = add_person(
            database,
            ledger,
            system_clock,
            person or new_id("person", os.urandom(16)),
            standing,
            roles,
            actor=actor,
            approver=approver,
            contact=contact,
        )
        ledger.publisher.publish()
        made = invite(database, ledger, system_clock, added.person) if invited else None
    facts: dict[str, Any] = {
        "person": added.person,
        "standing": standing,
        "entry": added.seq,
        "grants": [_fact(grant, given) for grant, given in zip(added.grants, roles, strict=True)],
    }
    held = ", ".join(" of ".join(filter(None, given)) for given in roles) or "no role"
    line = f"{added.person}: {standing}, {held}. Entry {added.seq}."
    if made is None:
        tell(line, facts, as_json)
    else:
        tell(f"{line}\n{_spelled(made)}", facts | _code_facts(made), as_json)


@user.command("invite", short_help="Give a code for a new password.")
@click.argument("person", metavar="PERSON-ID", type=PERSON)
@ledger_option
@as_json
def invite_(person: str, name: str | None, as_json: bool) -> None:
    """Give a code with which a person of the staff sets a password, also after a lost one.

    It voids the code before; until it is used, the old password stays. It is shown once: hand it
    over in private.

    \b
    Example:
      points user invite person/… --ledger beiyuan
    """
    with installed() as installation:
        ledger = chosen(installation, name)
        made = invite(installation.database, ledger, SystemClock(), person)
    tell(_spelled(made), {"person": person, **_code_facts(made)}, as_json)


@user.command("list")
@ledger_option
@as_json
def list_(name: str | None, as_json: bool) -> None:
    """List the people whom the log introduces, with the roles that were given and have not ended.

    \b
    Example:
      points user list --ledger beiyuan
    """
    with installed() as installation:
        ledger = chosen(installation, name)
        with installation.database.reading() as conn:
            people = list(_people(conn, ledger.id))
            held: dict[str, list[Grant]] = {}
            for grant in _grants(conn, ledger.id):
                if grant.ended_at is None:
                    held.setdefault(grant.person, []).append(grant)
    facts = [
        {
            "person": person,
            "standing": standing,
            "roles": [
                _fact(each.id, Given(each.role, each.organisation)) for each in held.get(person, ())
            ],
        }
        for person, standing in people
    ]
    lines = [_line(person, standing, held.get(person, [])) for person, standing in people]
    tell("\n".join(lines), {"people": facts}, as_json)


def _people(conn: Connection, ledger_id: int) -> Iterator[tuple[str, str]]:
    after: str | None = None
    while page := list_people(conn, ledger_id, after=after, limit=ROWS_PER_READ):
        yield from page
        after = page[-1][0]


def _grants(conn: Connection, ledger_id: int) -> Iterator[Grant]:
    everything, after = Reach(everything=True), None
    while page := list_grants(conn, ledger_id, everything, after=after, limit=ROWS_PER_READ):
        yield from page
        after = page[-1].id


def _fact(grant: str, given: Given) -> dict[str, Any]:
    fact = {"grant": grant, "role": given.role}
    return fact if given.organisation is None else fact | {"organisation": given.organisation}


def _line(person: str, standing: str, held: list[Grant]) -> str:
    roles = ", ".join(
        f"{each.role} of {each.organisation}" if each.organisation else each.role for each in held
    )
    return f"{person}  {standing:<8}  {roles}".rstrip()


def _spelled(made: Invitation) -> str:
    return f"{made.code}\nfor a new password, until {made.until}"


def _code_facts(made: Invitation) -> dict[str, str]:
    return {"code": made.code, "until": made.until}
