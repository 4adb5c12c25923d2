"""Who holds which role: grants, from a local day to another, and deputies (代理).

Grants of the office's roles and of auditors are given by two people, through `proposals.py`; those
of an organisation's roles by whoever may (`roles.py`).  A *deputy* is named beforehand by a person
for a role of theirs, from one day to another, and holds it while that person does.  Nothing is ever
deleted: a grant that ended says when, and by whom.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_

from ledger.clock import Clock
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order, Refusal
from ledger.journal.times import format_time, to_us
from ledger.programme.ids import id_from
from ledger.programme.pages import find, page
from ledger.programme.reading.accounts import account_exists
from ledger.programme.reading.people import standing_of
from ledger.programme.roles import (
    OFFICE_ROLES,
    ORGANISATION_ROLES,
    STANDINGS,
    Held,
    Reach,
    fits,
)
from ledger.programme.tables import role_grant as table

GRANTED_ROLES = (*OFFICE_ROLES, *ORGANISATION_ROLES, "auditor")
"""The roles that are given; who has a member's account is a member without."""

TWO_PEOPLE_ROLES = (*OFFICE_ROLES, "auditor")
"""Those of them that two people of the office give."""


class GrantUnknown(PointsError):
    """The ledger has no grant of that id that the caller may see."""

    code = "grant-unknown"


class GrantRefused(PointsError):
    """A grant as asked for would be of no use, or of too much."""

    code = "grant-refused"


@dataclass(frozen=True, slots=True)
class Grant:
    """A role of a person's; days are local, both included, and `last` None means until ended."""

    id: str
    person: str
    role: str
    organisation: str | None
    deputy_of: str | None
    first: str
    last: str | None
    by: str
    by_for: str | None
    at: str
    ended_by: str | None = None
    ended_at: str | None = None


def check(
    conn: Connection, ledger_id: int, values: Mapping[str, Any], *, becoming: str | None = None
) -> None:
    """`GrantRefused` where a grant of these values would be of no use.

    `values` are person, role, organisation where the role is of one, first, and perhaps last and
    deputy_of.  `becoming` is the standing that an entry of the same order gives the person.
    """
    role, organisation = values["role"], values.get("organisation")
    if (role in ORGANISATION_ROLES) != (organisation is not None):
        raise GrantRefused(
            f"The roles {', '.join(ORGANISATION_ROLES)} are of one organisation: name it. The other"
            " roles are of none."
        )
    if values.get("last") is not None and values["last"] < values["first"]:
        raise GrantRefused(f"It would end on {values['last']}, before it begins. Mend the days.")
    if organisation is not None and not account_exists(conn, ledger_id, organisation):
        raise GrantRefused(f"There is no {organisation} in this ledger. Open its account first.")
    standing = becoming or standing_of(conn, ledger_id, values["person"])
    if not fits(role, standing):
        raise GrantRefused(
            f"{values['person']} has the standing {standing or 'of nobody'}; the role {role} needs"
            f" {' or '.join(STANDINGS[role])}. Enter that standing first."
        )


def check_deputy(
    conn: Connection, ledger_id: int, values: Mapping[str, Any], held: tuple[Held, ...]
) -> None:
    """`GrantRefused` unless these values name a deputy for one of the roles `held`, for some days.

    Who is a deputy names none in turn.
    """
    own = [each for each in held if each.deputy_of is None]
    if not any((each.role, each.organisation) == _place(values) for each in own):
        raise GrantRefused("You name a deputy for a role that you hold yourself.")
    if values["person"] == values["deputy_of"]:
        raise GrantRefused("A deputy is somebody else.")
    if values.get("last") is None:
        raise GrantRefused("A deputy is named from one day to another: give the last one too.")
    check(conn, ledger_id, values)


def id_of(request: str) -> str:
    """A grant's id follows from its request's, so that the same request never makes two."""
    return id_from("grant", request)


def granting(
    values: Mapping[str, Any], *, request: str, by: str, at: str, by_for: str | None = None
) -> Companion:
    """What stores the grant of a request, once; `by_for` is in whose place a deputy gave it."""
    grant_id = id_of(request)
    row: CompanionRow = {
        "id": grant_id,
        "person": values["person"],
        "role": values["role"],
        "organisation": values.get("organisation"),
        "deputy_of": values.get("deputy_of"),
        "first": values["first"],
        "last": values.get("last"),
        "by": by,
        "by_for": by_for,
        "at": at,
        "ended_by": None,
        "ended_at": None,
    }

    def change(rows: Mapping[Any, CompanionRow | None], _: Done) -> Mapping[Any, CompanionRow]:
        return {} if rows[grant_id] is not None else {grant_id: row}

    return Companion(table, (grant_id,), change)


def end(ledger: OpenLedger, clock: Clock, grant_id: str, *, by: str) -> None:
    """Ends a grant now; one that has ended stays as it is.

    Raises `GrantUnknown`, and what `Appender.submit` raises.
    """
    at = format_time(to_us(clock.now()))

    def change(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        row = rows[grant_id]
        if row is None:
            return Refusal(GrantUnknown.code, f"there is no {grant_id}")
        if row["ended_at"] is not None:
            return {}
        return {grant_id: {**row, "ended_by": by, "ended_at": at}}

    order = Order(companions=(Companion(table, (grant_id,), change),))
    (outcome,) = ledger.appender.submit(Group((order,)))
    if not isinstance(outcome, Done):
        raise GrantUnknown(f"There is no {grant_id} in this ledger.")


def find_grant(conn: Connection, ledger_id: int, grant_id: str, reach: Reach) -> Grant:
    """One grant that `reach` reaches; `GrantUnknown`, whether it is there or not."""
    rows = find(conn, table, ledger_id, grant_id, _ways(reach))
    if not rows:
        raise GrantUnknown(f"There is no {grant_id} that you may see.")
    return grant_of(rows[0])


def list_grants(
    conn: Connection,
    ledger_id: int,
    reach: Reach,
    *,
    person: str | None = None,
    organisation: str | None = None,
    after: str | None = None,
    limit: int,
) -> list[Grant]:
    """At most `limit` grants that `reach` reaches, ended ones too, in order of their ids."""
    c = table.c
    of = [c.person == person] if person is not None else []
    of += [c.organisation == organisation] if organisation is not None else []
    asked = [and_(*of)] if of else None
    rows = page(conn, table, ledger_id, _ways(reach), asked=asked, after=after, limit=limit)
    return [grant_of(row) for row in rows]


def grant_of(row: Row[Any]) -> Grant:
    """A row as a grant."""
    return Grant(
        row.id,
        row.person,
        row.role,
        row.organisation,
        row.deputy_of,
        row.first,
        row.last,
        row.by,
        row.by_for,
        row.at,
        row.ended_by,
        row.ended_at,
    )


def _ways(reach: Reach) -> list[ColumnElement[bool]]:
    """In which ways grants belong to a reach: as a person's own, as those of an organisation."""
    c = table.c
    if reach.everything:
        return [c.ledger_id.is_not(None)]
    own = [c.person == reach.own] if reach.own is not None else []
    return [*own, *(c.organisation == each for each in sorted(reach.organisations))]


def _place(values: Mapping[str, Any]) -> tuple[str, str | None]:
    return values["role"], values.get("organisation")
