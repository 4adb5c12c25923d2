"""Deciding on requests for erasure (`erasure_requests.py`): refused, restricted, or erased.

To refuse takes one person of the office, the other two take two people: they are a deed, which
enters the erasure with its day in the log (`erasure.py`).  The same order restricts the person:
from then on what is kept of them is read and written by nobody but themselves, and whom the law
obliges (`vault.lawful`).  Reasons are records about the person.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from ledger.clock import Clock
from ledger.db import Database
from ledger.installation import OpenLedger
from ledger.journal import tables as t
from ledger.journal.commands import Statement
from ledger.journal.entry import to_base64
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order, Outcome, Refusal
from ledger.journal.times import format_time, local_day, to_us
from ledger.programme import deeds, messages, records
from ledger.programme.deeds import Deed
from ledger.programme.erasure_requests import (
    ERASED,
    OPEN,
    REFUSED,
    RESTRICTED,
    ErasureRefused,
    Request,
    find_request,
)
from ledger.programme.ids import id_from
from ledger.programme.messages import Kind, New, Text
from ledger.programme.reading.days import offset_of, today_of
from ledger.programme.recording import Change, compose, save
from ledger.programme.restriction import restricting
from ledger.programme.tables import data_key
from ledger.programme.tables import erasure_request as table
from ledger.programme.vault import subjects_of
from ledger.programme.wishes import Wish

DECISION = DEED = "erasure-decision"
OPEN_ACCOUNT, DECIDED = "erasure-account", "erasure-decided"
NEEDS_TWO = "That all about somebody is destroyed is decided by two people of the office."

messages.register(
    "erasure-refused",
    Kind(
        frozenset({"reasons"}),
        Text(
            "删除申请未获同意",
            "您的个人信息删除申请未获同意，理由：$reasons。如不服，可向办公室申诉，也可依法向人民法院提起诉讼。",
        ),
        Text(
            "Your request for erasure was refused",
            "What is kept of you is not destroyed, because: $reasons. If you disagree, complain to"
            " the office, or go to a people's court.",
        ),
    ),
)


def refuse(
    database: Database, ledger: OpenLedger, clock: Clock, wish: Wish, name: str, reasons: str
) -> Outcome:
    """Refuses a request, and tells its person why.

    Raises `ErasureUnknown`, `ErasureRefused` for one that is decided, and what `compose` and
    `Appender.submit` raise.
    """
    found = _to_decide(database, ledger, name, wish)
    told, decision = {"outcome": REFUSED, "reasons": reasons}, _decision_id(wish.request)
    change = Change(DECISION, decision, found.person, told)
    composed = compose(database, ledger, clock, [change], by=wish.actor, duty=True)
    new = New(found.person, "erasure-refused", {"reasons": reasons}, name)
    posted = messages.posting(database, ledger, clock, [new], by=wish.actor)
    at = format_time(to_us(clock.now()))
    deciding = _deciding(
        name, {"state": REFUSED, "decided_by": wish.actor, "decision": decision, "done_at": at}, at
    )
    companions = (*composed.companions, *posted, deciding)
    order = Order(request=wish.request, fingerprint=wish.fingerprint, companions=companions)
    (outcome,) = ledger.appender.submit(Group((order,)))
    return outcome


def proposed(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    wish: Wish,
    name: str,
    reasons: str,
    *,
    people: Collection[str],
    retention_years: int | None,
) -> dict[str, Any]:
    """The values of a proposal to restrict for so many years, or, with None, to destroy at once.

    `people` are whoever asked, and who was merged into them.  Keeps the reasons as a record.

    Raises `ErasureUnknown`, `ErasureRefused` for a request that is decided or whose account is
    open, and what `save` raises.
    """
    found = _to_decide(database, ledger, name, wish)
    decision = _decision_id(wish.request)
    with database.reading() as conn:
        for person in people:
            want_closed(conn, ledger.id, person)
        today = today_of(conn, ledger.id, clock.now())
        offset = offset_of(conn, ledger.id)
        c = data_key.c
        mine = (c.ledger_id == ledger.id) & c.subject.in_(_subjects_of(people))
        kept = sorted(conn.execute(select(c.subject).where(mine, c.wrapped.is_not(None))).scalars())
        known = records.newest(conn, ledger, DECISION, (decision,)).get(decision)
    outcome = ERASED if retention_years is None else RESTRICTED
    on = today if retention_years is None else years_after(today, retention_years)
    if known is None:
        told = {"outcome": outcome, "reasons": reasons, "on": on}
        change = Change(DECISION, decision, found.person, told)
        (known,) = save(database, ledger, clock, [change], by=wish.actor, duty=True)
    return {
        "request": name,
        "person": found.person,
        "people": sorted(people),
        "subjects": kept or [found.person],
        "outcome": outcome,
        "on": on,
        "offset": offset,
        "ref": {"id": decision, "commitment": to_base64(known.commitment)},
    }


def years_after(day: str, years: int) -> str:
    """The same day so many years later; after 29 February 1 March, where there is none."""
    start = date.fromisoformat(day)
    try:
        return start.replace(year=start.year + years).isoformat()
    except ValueError:
        return date(start.year + years, 3, 1).isoformat()


def want_closed(conn: Connection, ledger_id: int, subject: str) -> None:
    """`ErasureRefused` while a person's account as a member is open, whatever is on it."""
    account = "member/" + subject.partition("/")[2]
    c = t.account.c
    query = select(c.name, c.balance, c.open).where(
        c.ledger_id == ledger_id, c.name.in_((account, f"{account}/held"))
    )
    found = {row.name: row for row in conn.execute(query)}
    if account in found and found[account].open:
        held = found[f"{account}/held"].balance if f"{account}/held" in found else 0
        raise ErasureRefused(
            f"{account} is open, with {found[account].balance} points and {held} set aside. Have"
            " them spent, given or withdrawn, and close the account first."
        )


def _to_decide(database: Database, ledger: OpenLedger, name: str, wish: Wish) -> Request:
    with database.reading() as conn:
        found = find_request(conn, ledger.id, name)
    if found.person == wish.actor:
        raise ErasureRefused("Nobody decides on a request of their own.")
    if found.state != OPEN and not (found.state == REFUSED and found.decided_by == wish.actor):
        raise ErasureRefused(f"This request is {found.state} already.")
    return found


def _decision_id(request: str) -> str:
    return id_from("erasure-decision", request, kind="record")


def _deciding(name: str, decided: Mapping[str, Any], at: str) -> Companion:
    def change(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        row = rows[name]
        if row is None or row["state"] != OPEN:
            return Refusal(DECIDED, "this request is decided, or taken back, already")
        return {name: {**row, **decided, "decided_at": at}}

    return Companion(table, (name,), change)


def _closed(people: Collection[str]) -> Companion:
    def change(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        for account, row in rows.items():
            if row is not None and row["open"]:
                return Refusal(OPEN_ACCOUNT, f"{account} is open again: close it first")
        return {}

    accounts = ("member" + person.removeprefix("person") for person in people)
    return Companion(t.account, (*accounts,), change)


def _subjects_of(people: Collection[str]) -> list[str]:
    return [subject for person in people for subject in subjects_of(person)]


def _orders(wish: Wish, approver: str | None, at: str) -> tuple[Order, ...]:
    values, today = wish.values, local_day(at, wish.values["offset"])
    day = max(values["on"], today)
    people = {"actor": wish.actor, "approver": approver}
    orders = [
        Order(
            command=Statement(
                kind="erasure", fields={"subject": subject, "on": day}, ref=values["ref"], **people
            )
        )
        for subject in values["subjects"]
    ]
    decided = {
        "state": values["outcome"],
        "decided_by": wish.actor,
        "approved_by": approver,
        "until": day,
        "decision": values["ref"]["id"],
    }
    companions = (
        _closed(values["people"]),
        _deciding(values["request"], decided, at),
        restricting(_subjects_of(values["people"]), today),
    )
    return (*orders[:-1], replace(orders[-1], companions=companions))


deeds.register(DEED, Deed(lambda _: NEEDS_TWO, _orders))
