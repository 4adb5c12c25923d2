"""Alliances and federations: organisations whose members are organisations, from day to day."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select, tuple_

from ledger.installation import OpenLedger
from ledger.journal.orders import Companion, Group, Order, Outcome
from ledger.programme.people.organisations import Organisation, OrganisationRefused
from ledger.programme.people.tables import organisation_member as table


def join_alliance(
    ledger: OpenLedger, alliance: Organisation, member: Organisation, first: str, last: str | None
) -> Outcome:
    """Says that an organisation is in an alliance from a local day on; the same again changes it.

    Raises `OrganisationRefused` where the one is no alliance, or the other is itself.
    """
    if alliance.kind != "alliance" or member.id == alliance.id:
        raise OrganisationRefused("An alliance has other organisations as its members.")
    if last is not None and last < first:
        raise OrganisationRefused(f"It would end on {last}, before it begins. Mend the days.")
    key = (alliance.id, member.id, first)
    row = {"alliance": alliance.id, "organisation": member.id, "first": first, "last": last}
    companion = Companion(table, (key,), lambda _rows, _done: {key: row})
    (outcome,) = ledger.appender.submit(Group((Order(companions=(companion,)),)))
    return outcome


class Membership(NamedTuple):
    """An organisation in an alliance, for some local days; `last` None: until further notice."""

    organisation: str
    first: str
    last: str | None


def members_of(
    conn: Connection,
    ledger_id: int,
    alliance: str,
    *,
    after: tuple[str, str] | None,
    limit: int,
) -> list[Membership]:
    """At most `limit` memberships of an alliance in order of organisation and first day.

    They are those after the one of that organisation and first day.
    """
    c = table.c
    query = select(c.organisation, c.first, c.last).where(
        c.ledger_id == ledger_id, c.alliance == alliance
    )
    if after is not None:
        query = query.where(tuple_(c.organisation, c.first) > tuple_(*after))
    rows = conn.execute(query.order_by(c.organisation, c.first).limit(limit))
    return [Membership(*row) for row in rows]
