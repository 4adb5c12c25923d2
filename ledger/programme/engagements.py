"""Engagements: what lets one auditor read names and evidence, and how much of it.

An auditor sees the log, opaque ids and totals.  Records are readable only within an *engagement*,
which two people of the office grant, neither of them that auditor: for some kinds of records,
perhaps of one subject alone, from one local day to another, and at most so many records.  Why it
was granted is a record itself (kind `engagement`, under the ledger's own key; it is not about
anybody: name nobody in it), bound by its commitment in the proposal.

Reading within one is in `inspecting.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.entry import to_base64
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order, Refusal
from ledger.journal.times import format_time, to_us
from ledger.programme import records
from ledger.programme.ids import id_from
from ledger.programme.reading.people import standing_of
from ledger.programme.recording import Change, save
from ledger.programme.roles import STANDINGS, Reach, fits
from ledger.programme.tables import engagement as table
from ledger.programme.tables import engagement_record as read
from ledger.programme.vault import subject_of_ledger

KIND = "engagement"
RECORDS_MAX = 10_000
KINDS_MAX = 16
NEEDS_TWO = "An engagement is granted by two people of the office."


class EngagementUnknown(PointsError):
    """The ledger has no engagement of that id that the caller may see."""

    code = "engagement-unknown"


class EngagementRefused(PointsError):
    """An engagement as asked for would be of no use, or does not reach what was asked for."""

    code = "engagement-refused"


@dataclass(frozen=True, slots=True)
class Engagement:
    """What an auditor may read; days are local, both included."""

    id: str
    auditor: str
    kinds: tuple[str, ...]
    subject: str | None
    first: str
    last: str
    records: int
    by: str
    approved_by: str
    at: str
    ended_by: str | None
    ended_at: str | None
    read: int


# --- granting ------------------------------------------------------------------------------------


def check(conn: Connection, ledger_id: int, values: Mapping[str, Any], by: str) -> None:
    """`EngagementRefused` where an engagement of these values, proposed by `by`, makes no sense.

    `values` are auditor, kinds, perhaps subject, first, last and records.
    """
    auditor = values["auditor"]
    if values["last"] < values["first"]:
        raise EngagementRefused(
            f"It would end on {values['last']}, before it begins. Mend the days."
        )
    if by == auditor:
        raise EngagementRefused("Nobody grants an engagement to themselves: ask two others.")
    standing = standing_of(conn, ledger_id, auditor)
    if not fits("auditor", standing):
        raise EngagementRefused(
            f"{auditor} has the standing {standing or 'of nobody'}; an auditor needs"
            f" {' or '.join(STANDINGS['auditor'])}. Enter that standing first."
        )


def id_of(request: str) -> str:
    """An engagement's id follows from its request's, so the same request never makes two."""
    return id_from("engagement", request)


def keep_reason(
    database: Database, ledger: OpenLedger, clock: Clock, request: str, reason: str, *, by: str
) -> str:
    """Keeps why an engagement is asked for, as a record of its id; its commitment, in base64.

    Where the same request kept a reason before, that one stays.  Raises what `save` raises.
    """
    engagement_id = id_of(request)
    with database.reading() as conn:
        known = records.newest(conn, ledger, KIND, (engagement_id,)).get(engagement_id)
    if known is None:
        change = Change(KIND, engagement_id, subject_of_ledger(ledger.origin), {"reason": reason})
        (known,) = save(database, ledger, clock, (change,), by=by)
    return to_base64(known.commitment)


def reason_of(conn: Connection, ledger: OpenLedger, engagement_id: str) -> str:
    """Why it was asked for, from before it is granted on; `EngagementUnknown`."""
    found = records.newest(conn, ledger, KIND, (engagement_id,)).get(engagement_id)
    if found is None or found.fields is None:
        raise EngagementUnknown(f"There is no {engagement_id} that you may see.")
    reason: str = found.fields["reason"]
    return reason


def engaging(
    values: Mapping[str, Any], *, request: str, by: str, approved_by: str, at: str
) -> Companion:
    """What stores the engagement of a request, once; `EngagementRefused` for the auditor's own."""
    if approved_by == values["auditor"]:
        raise EngagementRefused("Nobody approves an engagement of their own: ask somebody else.")
    engagement_id = id_of(request)
    row: CompanionRow = {
        "id": engagement_id,
        "auditor": values["auditor"],
        "kinds": " ".join(values["kinds"]),
        "subject": values.get("subject"),
        "first": values["first"],
        "last": values["last"],
        "records": values["records"],
        "by": by,
        "approved_by": approved_by,
        "at": at,
        "ended_by": None,
        "ended_at": None,
    }

    def change(rows: Mapping[Any, CompanionRow | None], _: Done) -> Mapping[Any, CompanionRow]:
        return {} if rows[engagement_id] is not None else {engagement_id: row}

    return Companion(table, (engagement_id,), change)


def end(ledger: OpenLedger, clock: Clock, engagement_id: str, *, by: str) -> None:
    """Ends an engagement now; one that has ended stays as it is.

    Raises `EngagementUnknown`, and what `Appender.submit` raises.
    """
    at = format_time(to_us(clock.now()))

    def change(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        row = rows[engagement_id]
        if row is None:
            return Refusal(EngagementUnknown.code, f"there is no {engagement_id}")
        if row["ended_at"] is not None:
            return {}
        return {engagement_id: {**row, "ended_by": by, "ended_at": at}}

    order = Order(companions=(Companion(table, (engagement_id,), change),))
    (outcome,) = ledger.appender.submit(Group((order,)))
    if not isinstance(outcome, Done):
        raise EngagementUnknown(f"There is no {engagement_id} that you may see.")


# --- looking -------------------------------------------------------------------------------------

_READ = (
    select(func.count())
    .where(read.c.ledger_id == table.c.ledger_id, read.c.engagement == table.c.id)
    .scalar_subquery()
    .label("read")
)


def find_engagement(
    conn: Connection, ledger_id: int, engagement_id: str, reach: Reach
) -> Engagement:
    """One engagement that `reach` reaches; `EngagementUnknown`, whether it is there or not."""
    query = select(table, _READ).where(
        table.c.ledger_id == ledger_id, table.c.id == engagement_id, reached(reach)
    )
    row = conn.execute(query).one_or_none()
    if row is None:
        raise EngagementUnknown(f"There is no {engagement_id} that you may see.")
    return _engagement(row)


def list_engagements(
    conn: Connection,
    ledger_id: int,
    reach: Reach,
    *,
    auditor: str | None = None,
    after: str | None = None,
    limit: int,
) -> list[Engagement]:
    """At most `limit` engagements that `reach` reaches, ended ones too, in order of their ids."""
    query = select(table, _READ).where(table.c.ledger_id == ledger_id, reached(reach))
    if auditor is not None:
        query = query.where(table.c.auditor == auditor)
    if after is not None:
        query = query.where(table.c.id > after)
    return [_engagement(row) for row in conn.execute(query.order_by(table.c.id).limit(limit))]


def reached(reach: Reach) -> ColumnElement[bool]:
    """The rows that belong to a reach: all, or an auditor's own."""
    if reach.everything:
        return table.c.ledger_id.is_not(None)
    return table.c.auditor == reach.own


def _engagement(row: Row[Any]) -> Engagement:
    return Engagement(
        row.id,
        row.auditor,
        tuple(row.kinds.split(" ")),
        row.subject,
        row.first,
        row.last,
        row.records,
        row.by,
        row.approved_by,
        row.at,
        row.ended_by,
        row.ended_at,
        row.read,
    )
