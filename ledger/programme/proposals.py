"""Wishes that need a second person, and the one way in for all wishes.

`submit` enters a wish at once where one person is enough.  Otherwise it becomes a proposal: a row,
nothing in the log.  A second person approves it, and only then is it queued, naming both; or
declines it.  Rows change through the append path alone, by companions under the ledger's lock, so
of two people who decide at once one is told that it is decided.

    open ─── approved   its entries are in the log, the last of them `seq`
      ├───── declined   by somebody else, or withdrawn by the actor
      └───── refused    the book refused it when it was approved; propose it anew

A proposal's id follows from its request's, so the same request never makes two, and the entry that
it becomes carries that request: the journal sees that nothing was doubled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, bindparam, select, tuple_

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal import tables as t
from ledger.journal.batch import PASSING_RULES
from ledger.journal.orders import (
    Companion,
    CompanionRow,
    Deferral,
    Deferred,
    Done,
    Group,
    Order,
    Outcome,
    Refusal,
)
from ledger.journal.postings import policy_on
from ledger.journal.reversal import points_left
from ledger.journal.state import State
from ledger.journal.times import format_time, to_us
from ledger.programme import telling
from ledger.programme.deeds import DEEDS, order_of_one, orders_of_two
from ledger.programme.ids import id_from
from ledger.programme.reading.people import standing_of
from ledger.programme.tables import proposal as table
from ledger.programme.wishes import Wish, approval_reason, may_need_approval

STATES = ("open", "approved", "declined", "refused")
DECIDED = "proposal-decided"


class ProposalUnknown(PointsError):
    """The ledger has no proposal of that id."""

    code = "proposal-unknown"


class OwnProposal(PointsError):
    """Nobody approves what they proposed."""

    code = "own-proposal"


class NoOffice(PointsError):
    """Who approves must be of standing office."""

    code = "standing"


NO_OFFICE = "no-office"
_OFFICE_WANTED = "People of standing office may approve, and you are none of them now."


class Proposed(NamedTuple):
    """The wish waits for a second person, as the proposal of that id."""

    id: str
    kind: str
    replayed: bool = False


class Decider(NamedTuple):
    """Who decides; `stands_for` is the person in whose place a deputy does."""

    person: str
    stands_for: str | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A stored proposal; `values` are as the API took them."""

    id: str
    actor: str
    kind: str
    values: Mapping[str, Any]
    state: str
    decided_by: str | None
    seq: int | None
    at: str
    actor_for: str | None = None
    decided_for: str | None = None


def submit(
    ledger: OpenLedger,
    clock: Clock,
    wish: Wish,
    companions: tuple[Companion, ...] = (),
    *,
    credential: str | None = None,
) -> Outcome | Proposed:
    """Enters the wish, or makes it a proposal; the same request gets the same answer.

    Which of the two, is decided under the ledger's lock, by the policy that is in force then.
    Companions go with wishes that one person is enough for.  `credential` is that of the order.
    Raises what `Appender.submit` raises.
    """
    proposal_id = _id_of(wish.request)
    at = format_time(to_us(clock.now()))
    order = replace(
        order_of_one(wish, at, companions),
        request=wish.request,
        fingerprint=wish.fingerprint,
        deferral=Deferral(
            _making(proposal_id, wish, at), lambda state, day: _needs_two(wish, state, day)
        ),
        credential=credential,
    )
    outcome = _only(ledger, order)
    if isinstance(outcome, Deferred):
        return Proposed(proposal_id, wish.kind, outcome.replayed)
    return outcome


def approve(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    proposal_id: str,
    by: Decider,
    conditions: tuple[Companion, ...] = (),
) -> Outcome:
    """Enters what is proposed, in the name of its actor and of `by`; or does it, if a deed.

    `conditions` refuse it under the lock, for what may have changed since the caller looked; then
    it is closed, as by the book.  Asked again by the same person, it gives the same answer.  Raises
    `ProposalUnknown`, `OwnProposal`, `NoOffice`, and what `Appender.submit` raises.
    """
    with database.reading() as conn:
        row = _row(conn, ledger.id, proposal_id)
        _check_approver(conn, ledger.id, row, by)
    outcome = _approved(database, ledger, clock, row, by, conditions)
    deed = DEEDS.get(row.kind)
    if isinstance(outcome, Done) and deed is not None and deed.after is not None:
        deed.after(database, ledger, clock, _wish(row))
    return outcome


def _approved(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    row: Row[Any],
    by: Decider,
    conditions: tuple[Companion, ...],
) -> Outcome:
    proposal_id = row.id
    if row.state != "open":
        return _decided_before(database, ledger, row, by.person)
    told = telling.decided(
        database, ledger, clock, proposal_id, _whose(row), "approved", by=by.person
    )
    outcome = _entered(ledger, clock, _wish(row), proposal_id, by, (*conditions, *told))
    if isinstance(outcome, Done) and outcome.replayed:
        with database.reading() as conn:
            row = _row(conn, ledger.id, proposal_id)
        return _decided_before(database, ledger, row, by.person)
    if isinstance(outcome, Refusal) and outcome.rule not in (DECIDED, *PASSING_RULES):
        told = telling.decided(
            database, ledger, clock, proposal_id, _whose(row), "refused", by=by.person
        )
        _only(ledger, Order(companions=(_deciding(proposal_id, "refused", by), *told)))
    return outcome


def _entered(
    ledger: OpenLedger,
    clock: Clock,
    wish: Wish,
    proposal_id: str,
    by: Decider,
    beside: tuple[Companion, ...],
) -> Outcome:
    """What a wish becomes once `by` approves it; the decision travels along, and what is beside."""
    *before, last = orders_of_two(wish, by.person, format_time(to_us(clock.now())))
    deciding = _deciding(proposal_id, "approved", by)
    last = replace(last, companions=(*last.companions, deciding, *beside))
    if last.command is None:  # else the book asks who approves
        last = replace(last, companions=(_vouching(by), *last.companions))
    else:
        last = replace(last, request=wish.request, fingerprint=wish.fingerprint)
    outcomes = ledger.appender.submit(Group((*before, last)))
    refused = (each for each in outcomes if isinstance(each, Refusal) and each.rule != "group")
    outcome = next(refused, outcomes[-1])
    if isinstance(outcome, Refusal) and outcome.rule == NO_OFFICE:
        raise NoOffice(outcome.message)
    return outcome


def decline(
    database: Database, ledger: OpenLedger, clock: Clock, proposal_id: str, by: Decider
) -> Outcome:
    """Closes an open proposal without an entry; its actor may withdraw it so.

    Raises `ProposalUnknown`, and what `Appender.submit` raises.
    """
    with database.reading() as conn:
        row = _row(conn, ledger.id, proposal_id)
    if row.state == "declined" and row.decided_by == by.person:
        return Done(-1, -1, replayed=True)
    told = telling.decided(
        database, ledger, clock, proposal_id, _whose(row), "declined", by=by.person
    )
    return _only(ledger, Order(companions=(_deciding(proposal_id, "declined", by), *told)))


def made_proposal(conn: Connection, ledger_id: int, request: str) -> bool:
    """Whether the request became a proposal, whatever became of that."""
    return _known(conn, ledger_id, _id_of(request)) is not None


def find_proposal(conn: Connection, ledger_id: int, proposal_id: str) -> Proposal:
    """One proposal; `ProposalUnknown`."""
    return _proposal(_row(conn, ledger_id, proposal_id))


def list_proposals(
    conn: Connection, ledger_id: int, *, state: str | None, before: str | None, limit: int
) -> list[Proposal]:
    """At most `limit` proposals, the newest first, those made before the proposal `before`."""
    place = tuple_(table.c.at, table.c.id)
    query = select(table).where(table.c.ledger_id == ledger_id)
    if state is not None:
        query = query.where(table.c.state == state)
    if before is not None:
        last = _row(conn, ledger_id, before)
        query = query.where(place < tuple_(last.at, last.id))
    query = query.order_by(table.c.at.desc(), table.c.id.desc()).limit(limit)
    return [_proposal(row) for row in conn.execute(query)]


# --- making one ----------------------------------------------------------------------------------


def _needs_two(wish: Wish, state: State, day: str) -> bool:
    if wish.kind in DEEDS:
        return DEEDS[wish.kind].reason(wish.values) is not None
    if not may_need_approval(wish.kind):
        return False
    reversible = None
    if wish.kind == "reversal":
        reversible = points_left(state, wish.values["entry"])
    standing = state.get("persons", wish.values["person"]) if "person" in wish.values else None
    return approval_reason(wish, policy_on(state, day), reversible, standing) is not None


def _making(proposal_id: str, wish: Wish, at: str) -> Companion:
    """Stores the proposal; the same request again changes nothing, another one is refused."""

    def change(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        row = rows[proposal_id]
        if row is None:
            return {proposal_id: _row_of(proposal_id, wish, at)}
        if bytes(row["fingerprint"]) != wish.fingerprint:
            return Refusal("once", "the request's key was used for another proposal")
        return {}

    return Companion(table, (proposal_id,), change)


def _row_of(proposal_id: str, wish: Wish, at: str) -> CompanionRow:
    return {
        "id": proposal_id,
        "actor": wish.actor,
        "actor_for": wish.actor_for,
        "kind": wish.kind,
        "command": orjson.dumps(wish.values, option=orjson.OPT_SORT_KEYS).decode(),
        "fingerprint": wish.fingerprint,
        "request": wish.request,
        "state": "open",
        "decided_by": None,
        "decided_for": None,
        "seq": None,
        "at": at,
    }


def _id_of(request: str) -> str:
    return id_from("proposal", request)


_ONE = select(table).where(
    table.c.ledger_id == bindparam("of_ledger"), table.c.id == bindparam("wanted")
)


def _known(conn: Connection, ledger_id: int, proposal_id: str) -> Row[Any] | None:
    return conn.execute(_ONE, {"of_ledger": ledger_id, "wanted": proposal_id}).one_or_none()


# --- deciding ------------------------------------------------------------------------------------


def _check_approver(conn: Connection, ledger_id: int, row: Row[Any], by: Decider) -> None:
    # Asked here as well as by the book, whose refusal would end the proposal for everybody.
    # A deputy is no second person beside the one in whose place they act.
    if {row.actor, row.actor_for} & {by.person, by.stands_for} - {None}:
        raise OwnProposal(
            "You proposed this yourself, or stand in for who did: another person of the office has"
            " to approve it."
        )
    if standing_of(conn, ledger_id, by.person) != "office":
        raise NoOffice(_OFFICE_WANTED)


def _vouching(by: Decider) -> Companion:
    """Refuses where who approves is no longer of standing office, as the book does for entries."""

    def change(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        row = rows[by.person]
        if row is None or row["standing"] != "office":
            return Refusal(NO_OFFICE, _OFFICE_WANTED)
        return {}

    return Companion(t.person, (by.person,), change)


def _deciding(proposal_id: str, state: str, by: Decider) -> Companion:
    def change(
        rows: Mapping[Any, CompanionRow | None], done: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        row = rows[proposal_id]
        if row is None or row["state"] != "open":
            return _already(row["state"] if row else "gone")
        seq = done.last if state == "approved" and done.made else None
        decided = {"decided_by": by.person, "decided_for": by.stands_for}
        return {proposal_id: {**row, **decided, "state": state, "seq": seq}}

    return Companion(table, (proposal_id,), change)


def _already(state: str) -> Refusal:
    return Refusal(DECIDED, f"this proposal is {state} already: nothing was changed")


def _decided_before(database: Database, ledger: OpenLedger, row: Row[Any], person: str) -> Outcome:
    """The answer to an approval that comes after the decision."""
    if row.state != "approved" or row.decided_by != person:
        return _already(row.state)
    if row.seq is None:
        return Done(-1, -1, replayed=True)  # it entered nothing
    mine = (t.request.c.ledger_id == ledger.id) & (t.request.c.request == row.request)
    with database.reading() as conn:
        kept = conn.execute(select(t.request.c.first, t.request.c.last).where(mine)).one()
    return Done(kept.first, kept.last, replayed=True)


# --- rows ----------------------------------------------------------------------------------------


def _only(ledger: OpenLedger, order: Order) -> Outcome:
    (outcome,) = ledger.appender.submit(Group((order,)))
    return outcome


def _row(conn: Connection, ledger_id: int, proposal_id: str) -> Row[Any]:
    row = _known(conn, ledger_id, proposal_id)
    if row is None:
        raise ProposalUnknown(f"There is no {proposal_id} in this ledger.")
    return row


def _wish(row: Row[Any]) -> Wish:
    values = orjson.loads(row.command)
    return Wish(row.kind, values, row.actor, row.request, bytes(row.fingerprint), row.actor_for)


def _whose(row: Row[Any]) -> tuple[str, str | None]:
    """Who is told what became of it."""
    return row.actor, row.actor_for


def _proposal(row: Row[Any]) -> Proposal:
    values = orjson.loads(row.command)
    return Proposal(
        row.id,
        row.actor,
        row.kind,
        values,
        row.state,
        row.decided_by,
        row.seq,
        row.at,
        row.actor_for,
        row.decided_for,
    )
