"""Messages to people: what they say, each person's inbox, and how somebody wants to be reached.

A message is a kind, a person and values; what it says, in Chinese and in English, follows from its
kind (`KINDS`, to which rooms below add theirs).  The values are a record of the person, so that
they go with the person's data key; the row beside it holds ids, words and times alone:

    kept      in the inbox alone
    waiting   to be sent (`delivery.py`), besides
    sent      taken by the mail server or the message service
    paper     to be printed, or told by telephone: as the person chose, or since nothing took it
    handed    that was done

Every message is in the inbox, however it goes out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from string import Template
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, tuple_, update

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.bulk import keyed, write
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order, Refusal
from ledger.journal.times import format_time, to_us
from ledger.programme import records
from ledger.programme.ids import id_from
from ledger.programme.recording import Change, compose
from ledger.programme.records import BASICS
from ledger.programme.tables import message as table
from ledger.programme.tables import message_choice as choice_table
from ledger.programme.vault import ERASED, Erased, lawful

RECORD = "message"
CHANNELS = ("inbox", "email", "phone", "paper")
LANGUAGES = ("zh", "en")
STATES = {"inbox": "kept", "email": "waiting", "phone": "waiting", "paper": "paper"}
"""What a new message is, by how its person wants to be reached."""


class MessageUnknown(PointsError):
    """There is no message of that id that the caller may do this with."""

    code = "message-unknown"


class ChoiceRefused(PointsError):
    """Nobody could be reached so."""

    code = "choice-refused"


# --- what messages say ---------------------------------------------------------------------------


class Text(NamedTuple):
    """What a message says in one language; `$name` stands for a value."""

    subject: str
    body: str


class Kind(NamedTuple):
    """A kind of message: the values that it has, and what it says."""

    fields: frozenset[str]
    zh: Text
    en: Text

    def text(self, language: str, values: Mapping[str, str]) -> Text:
        """What it says with these values; KeyError where one is missing."""
        text: Text = getattr(self, language)
        return Text(text.subject, Template(text.body).substitute(values))


KINDS: dict[str, Kind] = {
    "sign-in-code": Kind(
        frozenset({"code"}),
        Text("登录验证码", "您的登录验证码是 $code，10 分钟内有效。请勿告诉任何人。"),
        Text("Your sign-in code", "Your sign-in code is $code, for 10 minutes. Tell it nobody."),
    ),
    "contact-code": Kind(
        frozenset({"code"}),
        Text("联系方式确认码", "您的确认码是 $code，10 分钟内有效。如非本人操作，请忽略。"),
        Text(
            "Confirm your contact",
            "Your confirmation code is $code, for 10 minutes. If you did not ask for it, ignore"
            " this.",
        ),
    ),
    "invitation": Kind(
        frozenset({"organisation", "url"}),
        Text(
            "邀请您参加志愿服务",
            "$organisation 邀请您参加志愿服务积分计划。参加与否完全自愿，30 天内未接受，您的姓名和"
            "联系方式即被删除。You are invited to take part in voluntary service, if you like: "
            "$url",
        ),
        Text(
            "An invitation to voluntary service",
            "$organisation invites you to take part in voluntary service. It is for you to decide;"
            " what is kept of you is erased unless you accept within 30 days. 邀请您自愿参加志愿"
            "服务：$url",
        ),
    ),
    "proposal-approved": Kind(
        frozenset({"proposal"}),
        Text("申请已批准", "您提出的申请已由第二人批准。编号：$proposal"),
        Text("Approved", "A second person approved what you proposed. Its id: $proposal"),
    ),
    "proposal-declined": Kind(
        frozenset({"proposal"}),
        Text("申请未批准", "您提出的申请未获批准。编号：$proposal"),
        Text("Declined", "What you proposed was declined. Its id: $proposal"),
    ),
    "proposal-refused": Kind(
        frozenset({"proposal"}),
        Text(
            "申请未能记账",
            "您提出的申请已获批准，但不符合记账规则，未能记账，请查看后重新提出。编号：$proposal",
        ),
        Text(
            "Not entered",
            "What you proposed was approved, but the book refused it. Look at it, and propose it"
            " anew. Its id: $proposal",
        ),
    ),
}
"""By their words.  A kind stays for as long as there may be messages of it."""


def register(word: str, kind: Kind) -> None:
    """Adds a kind of message; ValueError where there is one, or its texts want other values."""
    if word in KINDS:
        raise ValueError(f"there are messages of the kind {word} already")
    for language in LANGUAGES:
        wanted = set(Template(getattr(kind, language).body).get_identifiers())
        if wanted != kind.fields:
            raise ValueError(f"the kind {word} has other values than its text in {language}")
    KINDS[word] = kind


# --- posting -------------------------------------------------------------------------------------


class New(NamedTuple):
    """A message to post.  The same person, kind and cause make one message, however often."""

    person: str
    kind: str
    values: Mapping[str, str]
    cause: str
    channel: str | None = None  # to reach whoever could not choose one

    @property
    def id(self) -> str:
        """Follows from person, kind and cause."""
        return id_from("message", self.person, self.kind, self.cause)


def posting(
    database: Database, ledger: OpenLedger, clock: Clock, new: Sequence[New], *, by: str
) -> tuple[Companion, ...]:
    """What posts messages together with whatever else an order does.

    An order that posts one a second time is refused as `recording.CHANGED`.  Raises ValueError for
    other values than its kind has, and what `recording.compose` raises.
    """
    for each in new:
        if set(each.values) != KINDS[each.kind].fields:
            raise ValueError(f"a message of kind {each.kind} with {sorted(each.values)}")
    changes = [Change(RECORD, each.id, each.person, dict(each.values)) for each in new]
    composed = compose(database, ledger, clock, changes, by=by, duty=True)
    with database.reading() as conn:
        chosen = choices_of(conn, ledger.id, {each.person for each in new})
    at = format_time(to_us(clock.now()))
    rows = {each.id: _row(each, each.channel or chosen[each.person].channel, at) for each in new}

    def change(found: Mapping[Any, CompanionRow | None], _: Done) -> Mapping[Any, CompanionRow]:
        return {name: row for name, row in rows.items() if found[name] is None}

    return (*composed.companions, Companion(table, (*rows,), change))


def post(database: Database, ledger: OpenLedger, clock: Clock, new: New, *, by: str) -> str:
    """Posts one message by itself, once; its id.

    Raises what `posting` and `Appender.submit` raise, but not that it was posted before.
    """
    with database.reading() as conn:
        known = keyed(conn, (table.c.id,), ledger.id, table.c.id, [new.id])
    if not known:
        companions = posting(database, ledger, clock, (new,), by=by)
        (outcome,) = ledger.appender.submit(Group((Order(companions=companions),)))
        # Somebody who was quicker posted the same.
        if isinstance(outcome, Refusal) and outcome.rule == ERASED:
            raise Erased(f"All that was kept of {new.person} has been erased.")
    return new.id


def _row(new: New, channel: str, at: str) -> CompanionRow:
    state = STATES[channel]
    return {
        "id": new.id,
        "subject": new.person,
        "kind": new.kind,
        "channel": channel,
        "state": state,
        "tries": 0,
        "next_at": None if state == "kept" else at,
        "at": at,
        "read_at": None,
        "done_at": None,
        "done_by": None,
    }


# --- the inbox -----------------------------------------------------------------------------------


class Message(NamedTuple):
    """One message as its person reads it; `texts` are by language."""

    id: str
    kind: str
    texts: Mapping[str, Text]
    at: str
    read_at: str | None


def inbox(
    conn: Connection, ledger: OpenLedger, person: str, *, before: str | None, limit: int
) -> list[Message]:
    """At most `limit` messages of a person, the newest first, those before the message `before`.

    Raises `MessageUnknown` for a `before` that is none of theirs, and what `records.newest` raises.
    """
    mine = (table.c.ledger_id == ledger.id) & (table.c.subject == person)
    query = select(table).where(mine)
    if before is not None:
        last = conn.execute(query.where(table.c.id == before)).one_or_none()
        if last is None:
            raise _unknown(before)
        query = query.where(tuple_(table.c.at, table.c.id) < tuple_(last.at, last.id))
    order = (table.c.at.desc(), table.c.id.desc())
    rows = conn.execute(query.order_by(*order).limit(limit)).all()
    values = values_of(conn, ledger, [row.id for row in rows])
    return [
        Message(row.id, row.kind, texts_of(row.kind, values[row.id]), row.at, row.read_at)
        for row in rows
        if row.id in values
    ]


def values_of(
    conn: Connection, ledger: OpenLedger, ids: Collection[str]
) -> dict[str, Mapping[str, Any]]:
    """The values of each of these messages; without those that were erased.  Two statements."""
    found = records.newest(conn, lawful(ledger), RECORD, ids)
    return {name: each.fields for name, each in found.items() if each.fields is not None}


def texts_of(kind: str, values: Mapping[str, str]) -> dict[str, Text]:
    """What a message says, by language."""
    return {language: KINDS[kind].text(language, values) for language in LANGUAGES}


def mark_read(database: Database, ledger: OpenLedger, clock: Clock, person: str, name: str) -> None:
    """Notes that a person read a message of theirs, the first time; `MessageUnknown`."""
    mine = (table.c.ledger_id == ledger.id) & (table.c.id == name) & (table.c.subject == person)
    at = format_time(to_us(clock.now()))
    with database.writing() as conn:
        change = update(table).where(mine).values(read_at=func.coalesce(table.c.read_at, at))
        if not conn.execute(change).rowcount:
            raise _unknown(name)


def _unknown(name: str) -> MessageUnknown:
    return MessageUnknown(f"There is no {name[:60]} that you may see.")


# --- how people want to be reached ---------------------------------------------------------------


class Choice(NamedTuple):
    """How a person wants to be told what is in their inbox, and in which language."""

    channel: str = "inbox"
    language: str = "zh"


def choices_of(conn: Connection, ledger_id: int, people: Collection[str]) -> dict[str, Choice]:
    """The choice of each of these people, whether they ever made one or not.  One statement."""
    c = choice_table.c
    rows = keyed(conn, (c.subject, c.channel, c.language), ledger_id, c.subject, people)
    made = {row.subject: Choice(row.channel, row.language) for row in rows}
    return {person: made.get(person, Choice()) for person in people}


def choose(
    database: Database, ledger: OpenLedger, clock: Clock, person: str, choice: Choice
) -> None:
    """Notes how a person wants to be reached from now on.

    Raises `ChoiceRefused` where their basics have no such contact, and what `Database.writing`
    raises.
    """
    if choice.channel in ("email", "phone"):
        with database.reading() as conn:
            basics = records.newest(conn, lawful(ledger), BASICS, (person,)).get(person)
        if basics is None or not (basics.fields or {}).get(choice.channel):
            what = "e-mail address" if choice.channel == "email" else "telephone number"
            raise ChoiceRefused(f"No {what} of yours is known here. Give one first.")
    at = format_time(to_us(clock.now()))
    with database.writing() as conn:
        write(conn, choice_table, ledger.id, [(person, *choice, at)], "upsert")
