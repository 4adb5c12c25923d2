"""Merging: somebody who is in a ledger twice is there once from then on, and nothing is lost.

Two people of the office decide it (a proposal).  What was approved enters one group, all or
nothing:

    transfer   all points of the one account go to the other with their days, if there are any
    close      of the account that is empty now
    person     who is merged has the standing `none`: no role of theirs holds any more
    record     binds the record that says who was merged into whom, and why

Both histories stay where they are.  Whatever else is kept of who was merged stays theirs, and is
found together with what is kept of who remains (`belongs_to`).  Merges form no chains: who was
merged is merged into nobody else, and who others were merged into stays.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Row, or_, select

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.bulk import keyed
from ledger.journal.commands import Statement, TransferAll
from ledger.journal.entry import to_base64
from ledger.journal.orders import Companion, CompanionRow, Done, Order, Refusal
from ledger.journal.state import Account
from ledger.journal.store import read_accounts
from ledger.journal.times import format_time, to_us
from ledger.programme import proposals, records
from ledger.programme.deeds import Deed, register
from ledger.programme.ids import id_from
from ledger.programme.people import duplicates
from ledger.programme.people.sessions import end_sessions
from ledger.programme.people.tables import merged as table
from ledger.programme.reading.people import standing_of
from ledger.programme.recording import Change, save
from ledger.programme.records import Record, RecordUnknown
from ledger.programme.tokens import end_tokens
from ledger.programme.wishes import Values, Wish

KIND = "merge"
NEEDS_TWO = "People are merged by two people of the office."
REFUSED = "merge-refused"


class MergeRefused(PointsError):
    """These two cannot be merged, or not now; nothing was changed."""

    code = REFUSED


class MergeUnknown(PointsError):
    """The ledger has no merge of that id."""

    code = "merge-unknown"


class Merged(NamedTuple):
    """Who was merged into whom: by which merge, when, and which entry binds it."""

    person: str
    into: str
    merge: str
    at: str
    seq: int


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge with its record; `done` is None until somebody has approved it.

    `fields` are those of the record: from, into, reason, shared; None where it was erased.
    """

    id: str
    by: str
    fields: Mapping[str, Any] | None
    done: Merged | None

    def __repr__(self) -> str:
        return f"<{self.id}>"


# --- proposing -----------------------------------------------------------------------------------


def prepare(
    database: Database, ledger: OpenLedger, clock: Clock, wish: Wish, reason: str
) -> Values:
    """The values with which to submit the wish, whose own are `from` and `into`.

    Why they are one is kept as a record; where the same request kept it before, that one stays.
    Raises `MergeRefused`, and what `recording.save` raises.
    """
    person, into = wish.values["from"], wish.values["into"]
    merge_id = id_of(wish.request)
    with database.reading() as conn:
        if not proposals.made_proposal(conn, ledger.id, wish.request):
            check(conn, ledger, clock, person, into, by=wish.actor)
        before = records.history(conn, ledger, KIND, merge_id)
        shared = duplicates.shared_by(conn, ledger.id, (person, into))
    if not before:
        fields = {"from": person, "into": into, "reason": reason, "shared": list(shared)}
        change = Change(KIND, merge_id, into, fields)
        before = [*save(database, ledger, clock, [change], by=wish.actor)]
    told = before[0].fields
    if told is not None and (told["from"], told["into"]) != (person, into):
        raise MergeRefused("This request's key was used for other people. Send it with a new one.")
    ref = {"id": merge_id, "commitment": to_base64(before[0].commitment)}
    return {"from": person, "into": into, "ref": ref}


def id_of(request: str) -> str:
    """A merge's id follows from its request's, so the same request never makes two."""
    return id_from("merge", request)


def check(
    conn: Connection, ledger: OpenLedger, clock: Clock, person: str, into: str, *, by: str
) -> None:
    """`MergeRefused` where the books as they are now would not let `by` merge these two.

    What has changed until somebody approves, the book judges then.
    """
    if person == into:
        raise MergeRefused("Nobody is merged into themselves. Name two people.")
    if by in (person, into):
        raise MergeRefused("You are one of the two: ask two others of the office.")
    if said := _standing_in_the_way(_rows_of(conn, ledger.id, (person, into)), person, into):
        raise MergeRefused(f"{said[0].upper()}{said[1:]}.")
    old, kept = _account_of(person), _account_of(into)
    accounts = read_accounts(conn, ledger.id, (old, kept))
    for name in (old, kept):
        if name not in accounts or not accounts[name].open:
            raise MergeRefused(f"There is no open account {name}, which a merge needs.")
    _want_movable(old, accounts[old], format_time(to_us(clock.now())))
    standing = standing_of(conn, ledger.id, person)
    if standing not in (None, "member"):
        raise MergeRefused(
            f"{person} has the standing {standing}. Merge the other way round, or enter the"
            " standing member for them first."
        )


def _want_movable(name: str, account: Account, at: str) -> None:
    if account.balance < 0:
        raise MergeRefused(f"{name} owes {-account.balance} points: write that off first.")
    if account.holds and account.until >= at:  # the soonest; those that are due come to an end
        raise MergeRefused(
            f"{name} has {len(account.holds)} open holds: release or capture them first."
        )


def _standing_in_the_way(
    rows: Mapping[Any, CompanionRow | None], person: str, into: str
) -> str | None:
    """Why one of two people cannot be merged any more, from their rows of the table."""
    gone, kept = rows.get(person), rows.get(into)
    if gone is not None and gone["into"] != person:
        return f"{person} was merged into {gone['into']} before"
    if gone is not None:
        return f"others were merged into {person}: merge {into} into {person} instead"
    if kept is not None and kept["into"] != into:
        return f"{into} was merged into {kept['into']}: merge into that one"
    return None


# --- doing it ------------------------------------------------------------------------------------


def _orders(wish: Wish, approver: str | None, _at: str) -> tuple[Order, ...]:
    person, into, ref = (wish.values[name] for name in ("from", "into", "ref"))
    who: dict[str, Any] = {"actor": wish.actor, "approver": approver}
    old, kept = _account_of(person), _account_of(into)
    commands = (
        TransferAll(account=old, receiver=kept, purpose="merge", ref=ref, **who),
        Statement(kind="close", fields={"account": old}, ref=ref, **who),
        Statement(kind="person", fields={"person": person, "standing": "none"}, **who),
    )
    last = Statement(kind="record", ref=ref, **who)
    return (
        *(Order(command=command) for command in commands),
        Order(command=last, companions=(_merging(person, into, ref["id"]),)),
    )


def _merging(person: str, into: str, merge_id: str) -> Companion:
    def change(
        rows: Mapping[Any, CompanionRow | None], done: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        said = _standing_in_the_way(rows, person, into)
        if said is not None:
            return Refusal(REFUSED, said)
        entry = done.made[-1].entry
        row = {"into": into, "merge": merge_id, "at": entry["at"], "seq": entry["seq"]}
        # Who is kept has a row of their own, into themselves: it keeps merges from forming chains.
        root = {"person": into, "into": into, "merge": None, "at": entry["at"], "seq": None}
        return {person: {"person": person, **row}, into: rows[into] or root}

    return Companion(table, (person, into), change)


def _end_signing_in(database: Database, ledger: OpenLedger, clock: Clock, wish: Wish) -> None:
    """Ends sessions and tokens of who was merged, which open nothing any more."""
    now, person = clock.now(), wish.values["from"]
    with database.writing() as conn:
        end_sessions(conn, ledger.id, person, now)
        end_tokens(conn, ledger.name, person, now)


register(KIND, Deed(lambda _values: NEEDS_TWO, _orders, _end_signing_in))


# --- looking it up -------------------------------------------------------------------------------


def find_merge(conn: Connection, ledger: OpenLedger, merge_id: str) -> Merge:
    """One merge, proposed or done; `MergeUnknown`, and what `records.one` raises."""
    try:
        kept = records.one(conn, ledger, KIND, merge_id)
    except RecordUnknown:
        raise MergeUnknown(f"There is no {merge_id} in this ledger.") from None
    rows = _all(conn, ledger.id, table.c.merge == merge_id)
    return _merge(kept, _merged(rows[0]) if rows else None)


def list_merged(
    conn: Connection,
    ledger_id: int,
    *,
    into: str | None = None,
    after: str | None = None,
    limit: int,
) -> list[Merged]:
    """At most `limit` people who were merged, in order of their ids; one statement.

    `into` is whom they were merged into.
    """
    conditions = [table.c.merge.is_not(None), table.c.person > (after or "person/")]
    conditions += [table.c.into == into] if into is not None else []
    return [_merged(row) for row in _all(conn, ledger_id, *conditions, limit=limit)]


def remaining(conn: Connection, ledger_id: int, people: Collection[str]) -> dict[str, str]:
    """Who each of these people is now: whom they were merged into, or themselves; one statement."""
    into = {each: row["into"] for each, row in _rows_of(conn, ledger_id, people).items()}
    return {each: into.get(each, each) for each in people}


def together(conn: Connection, ledger_id: int, person: str) -> tuple[str, ...]:
    """A person, and whoever was merged into them, in order of their ids; one statement."""
    c = table.c
    query = select(c.person).where(c.ledger_id == ledger_id, c.into == person, c.person != person)
    return (person, *conn.execute(query.order_by(c.person)).scalars())


def belongs_to(column: Column[Any], person: str | None) -> ColumnElement[bool]:
    """Rows that are a person's: their own, and those of whoever was merged into them."""
    c = table.c
    theirs = select(c.person).where(c.ledger_id == column.table.c.ledger_id, c.into == person)
    return or_(column == person, column.in_(theirs))


def _rows_of(
    conn: Connection, ledger_id: int, people: Collection[str]
) -> dict[str, dict[str, Any]]:
    c = table.c
    found = keyed(conn, (c.person, c.into), ledger_id, c.person, people)
    return {row.person: {"into": row.into} for row in found}


def _all(
    conn: Connection, ledger_id: int, *conditions: ColumnElement[bool], limit: int = 1
) -> list[Row[Any]]:
    query = select(table).where(table.c.ledger_id == ledger_id, *conditions)
    return list(conn.execute(query.order_by(table.c.person).limit(limit)))


def _merged(row: Row[Any]) -> Merged:
    return Merged(row.person, row.into, row.merge, row.at, row.seq)


def _merge(kept: Record, done: Merged | None) -> Merge:
    return Merge(kept.id, kept.by, kept.fields, done)


def _account_of(person: str) -> str:
    return "member" + person.removeprefix("person")
