"""Doing what the log announced of erasures, and what was decided on requests for them
(`erasure_decisions.py`): right after, or by a job.

Who is restricted is told so; what is kept of them is destroyed on the day that the log announced.
Whoever is erased is told so too, as they asked or since the office decided it, where they were
reached.  Where that is, is read before the key goes, and lies in memory alone until the message is
sent: a process that dies between the two sends none, and nobody can send it later.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from sqlalchemy import Connection, update

from ledger.clock import Clock
from ledger.db import Database
from ledger.installation import OpenLedger
from ledger.journal.entry import new_id
from ledger.journal.times import format_time, to_us
from ledger.programme import messages, records
from ledger.programme.channels import Outgoing
from ledger.programme.erasure import due_by, erase_due
from ledger.programme.erasure_decisions import DECISION
from ledger.programme.erasure_requests import ERASED, RESTRICTED, Request, undone
from ledger.programme.messages import Kind, New, Text
from ledger.programme.reading.days import today_of
from ledger.programme.records import BASICS
from ledger.programme.tables import erasure_request as table
from ledger.programme.vault import lawful, living

_SUBJECT = "您的信息已删除 · What was kept of you is destroyed"
_ASKED = (
    "应您的申请，志愿服务账本所保存的您的个人信息已删除。"
    " As you asked, what this ledger kept of you has been destroyed."
)
_BY_OFFICE = (
    "经办公室决定，志愿服务账本所保存的您的个人信息已删除。如有疑问，请联系办公室。"
    " By a decision of the office, what this ledger kept of you has been destroyed. If you have"
    " questions, ask the office."
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
    """Does what was decided or announced and is not done yet; again, it changes nothing.

    Tells who was restricted; destroys what is due by now.  What is to be sent at once to whoever
    was erased, each with its channel.  Raises what `erase_due`, `messages.post`
    and `Database.writing` raise.
    """
    with database.reading() as conn:
        today = today_of(conn, ledger.id, clock.now())
        waiting = undone(conn, ledger.id, table.c.state.in_((RESTRICTED, ERASED)))
    for each in waiting:
        if each.state == RESTRICTED:
            _tell(database, ledger, clock, each)
    due = [each for each in waiting if each.state == ERASED]
    with database.reading() as conn:
        late = table.c.until <= today
        due += undone(conn, ledger.id, table.c.state == RESTRICTED, late, done=True)
        people = {each for each in due_by(conn, ledger, today) if each.startswith("person/")}
        farewells = _farewells(conn, ledger, people, {each.person for each in (*waiting, *due)})
    erase_due(database, ledger, today)
    at = format_time(to_us(clock.now()))
    with database.writing() as conn:
        for each in waiting:
            _mark(conn, ledger.id, each.id, done_at=at)
        for each in due:
            _mark(conn, ledger.id, each.id, state=ERASED)
    return farewells


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


def _farewells(
    conn: Connection, ledger: OpenLedger, people: Collection[str], asked: Collection[str]
) -> tuple[tuple[str, Outgoing], ...]:
    """One to each contact; who was merged into somebody who `asked` has theirs."""
    basics = records.newest(conn, lawful(ledger, people), BASICS, people)
    found: dict[tuple[str, str], str] = {}
    for person in sorted(basics, key=lambda each: (each not in asked, each)):
        known = basics[person].fields or {}
        channel = next((each for each in ("phone", "email") if each in known), None)
        if channel is not None:
            text = _ASKED if person in asked else _BY_OFFICE
            found.setdefault((channel, known[channel]), text)
    return tuple(
        (channel, Outgoing(new_id("message", os.urandom(16)), to, "erased", _SUBJECT, text))
        for (channel, to), text in found.items()
    )


def _mark(conn: Connection, ledger_id: int, name: str, **values: str) -> None:
    mine = (table.c.ledger_id == ledger_id) & (table.c.id == name)
    conn.execute(update(table).where(mine).values(**values))
