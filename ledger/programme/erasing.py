"""Doing what was decided on requests for erasure (`erasure_decisions.py`), right after or by a job.

Who is restricted is told so; what is kept of them is destroyed on the day that the log announced.
"""

from __future__ import annotations

import os

from sqlalchemy import Connection, update

from ledger.clock import Clock
from ledger.db import Database
from ledger.installation import OpenLedger
from ledger.journal.entry import new_id
from ledger.journal.times import format_time, to_us
from ledger.programme import messages, records
from ledger.programme.channels import Outgoing
from ledger.programme.erasure import erase_due
from ledger.programme.erasure_decisions import DECISION
from ledger.programme.erasure_requests import ERASED, RESTRICTED, Request, undone
from ledger.programme.messages import Kind, New, Text
from ledger.programme.reading.days import today_of
from ledger.programme.records import BASICS
from ledger.programme.tables import erasure_request as table
from ledger.programme.vault import lawful, living

_SUBJECT = "您的信息已删除 · What was kept of you is destroyed"
_TEXT = (
    "应您的申请，志愿服务账本所保存的您的个人信息已删除。"
    " As you asked, what this ledger kept of you has been destroyed."
)
messages.register(
    "erasure-restricted",
    Kind(
        frozenset({"reasons", "until"}),
        Text(
            "您的信息已停止使用",
            "您的个人信息除依法保存外已停止处理，将于 $until 销毁。理由：$reasons。",
        ),
        Text(
            "What is kept of you is used no more",
            "It is only kept as the law demands, and destroyed on $until, because: $reasons.",
        ),
    ),
)


def finish(
    database: Database, ledger: OpenLedger, clock: Clock
) -> tuple[tuple[str, Outgoing], ...]:
    """Does what was decided and is not done yet; again, it changes nothing.

    Tells who was restricted; destroys what is due by now.  What is to be sent at once to whoever
    was erased, each with its channel.  Raises what `erase_due`, `messages.post`
    and `Database.writing` raise.
    """
    with database.reading() as conn:
        today = today_of(conn, ledger.id, clock.now())
        waiting = undone(conn, ledger.id, table.c.state.in_((RESTRICTED, ERASED)))
        farewells = [
            _farewell(conn, ledger, each.person) for each in waiting if _is_due(each, today)
        ]
    for each in waiting:
        if each.state == RESTRICTED:
            _tell(database, ledger, clock, each)
    due = [each for each in waiting if each.state == ERASED]
    with database.reading() as conn:
        late = table.c.until <= today
        due += undone(conn, ledger.id, table.c.state == RESTRICTED, late, done=True)
    if due:
        erase_due(database, ledger, today)
    at = format_time(to_us(clock.now()))
    with database.writing() as conn:
        for each in waiting:
            _mark(conn, ledger.id, each.id, done_at=at)
        for each in due:
            _mark(conn, ledger.id, each.id, state=ERASED)
    return tuple(each for each in farewells if each is not None)


def _is_due(request: Request, today: str) -> bool:
    return request.state == ERASED and (request.until or today) <= today


def _tell(database: Database, ledger: OpenLedger, clock: Clock, request: Request) -> None:
    with database.reading() as conn:
        if not living(conn, ledger.id, {request.person}):
            return
        reasons = _reasons(conn, ledger, request)
    values = {"reasons": reasons, "until": request.until or ""}
    new = New(request.person, "erasure-restricted", values, request.id)
    messages.post(database, ledger, clock, new, by=request.decided_by or request.person)


def _reasons(conn: Connection, ledger: OpenLedger, request: Request) -> str:
    name, opened = request.decision or "", lawful(ledger, (request.person,))
    found = records.newest(conn, opened, DECISION, (name,)).get(name)
    return str(found.fields["reasons"]) if found is not None and found.fields else "–"


def _farewell(conn: Connection, ledger: OpenLedger, person: str) -> tuple[str, Outgoing] | None:
    opened = lawful(ledger, (person,))
    basics = records.newest(conn, opened, BASICS, (person,)).get(person)
    known = {} if basics is None or basics.fields is None else basics.fields
    for channel in ("phone", "email"):
        if channel in known:
            name = new_id("message", os.urandom(16))
            return channel, Outgoing(name, known[channel], "erased", _SUBJECT, _TEXT)
    return None


def _mark(conn: Connection, ledger_id: int, name: str, **values: str) -> None:
    mine = (table.c.ledger_id == ledger_id) & (table.c.id == name)
    conn.execute(update(table).where(mine).values(**values))
