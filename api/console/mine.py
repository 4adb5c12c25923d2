"""A page of one's own: what a person has, was told and agreed to, and where they are signed in.

Each view reads and changes what is the visitor's own, and nothing else: the person is always that
of the session.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import abort, redirect, render_template, request, url_for
from flask_babel import get_locale, gettext
from sqlalchemy import Connection

from api.auth import about, calendar, caller, installation, note_now, within
from api.console import pages
from api.console.addresses import ONE, blueprint
from api.console.joining import told
from api.console.session import PlainForm, visiting
from api.downloads import zipped
from api.erasure_requests import OWN_MAX, shown
from ledger.installation import OpenLedger
from ledger.journal.asof import Span
from ledger.journal.entry import POINTS_MAX
from ledger.programme import erasure_requests, messages, records
from ledger.programme.erasure_requests import ErasureRefused, ErasureUnknown
from ledger.programme.messages import CHANNELS, Choice, ChoiceRefused, Message, MessageUnknown
from ledger.programme.people import consents, notices, sessions
from ledger.programme.people.consents import GIVEN, WITHDRAWN, Consent, NoticeNotSeen
from ledger.programme.people.download import download_of
from ledger.programme.people.notices import PURPOSES, RECORDING, Notice
from ledger.programme.people.sessions import SessionUnknown
from ledger.programme.reading.accounts import find_account
from ledger.programme.reading.histories import account_history
from ledger.programme.records import BASICS
from ledger.programme.vault import lawful

LINES = 20
MESSAGES = 10
ALL = Span(0, POINTS_MAX)


class Asked(NamedTuple):
    """A purpose: what it is called, what its notice tells now, and what the visitor said of it.

    `fresh` is whether they said it of that notice, and of none before.
    """

    purpose: str
    name: str
    notice: Notice
    parts: list[tuple[str, str]]
    given: bool
    at: str | None
    fresh: bool


@blueprint.get(f"{ONE}/me")
@visiting("sessions:read")
def show_me(ledger: OpenLedger) -> Any:
    """One's own page."""
    me, here = caller().person, installation()
    account = "member" + me.removeprefix("person")
    before = _before()
    with here.database.reading(snapshot=True) as conn:
        basics = records.newest(conn, ledger, BASICS, (me,)).get(me)
        found = find_account(conn, ledger.id, account, here.clock.now())
        lines = []
        if found is not None:
            asked = ALL if before is None else Span(0, before - 1)
            lines = account_history(
                conn, ledger.id, account, ALL, page=asked, newest_first=True, limit=LINES + 1
            ).lines
        inbox, more = _inbox(conn, ledger, me)
        choice = messages.choices_of(conn, ledger.id, {me})[me]
        said = consents.of_person(conn, ledger.id, me)
        requests = erasure_requests.list_requests(conn, ledger.id, person=me, limit=OWN_MAX)
        current = notices.current(conn, ledger)
        signed_in = sessions.list_sessions(conn, ledger.id, me, here.clock.now())
    known = {} if basics is None or basics.fields is None else basics.fields
    return render_template(
        "console/me.html",
        name=known.get("full_name"),
        account=found,
        lines=lines[:LINES],
        before=before,
        following=lines[LINES - 1].seq if len(lines) > LINES else None,
        inbox=inbox,
        newer="messages" in request.args,
        older=inbox[-1].id.partition("/")[2] if more else None,
        channels=_channels(known),
        channel=choice.channel,
        noted="noted" in request.args,
        asked=_asked(said, current),
        requests=shown(lawful(ledger, (me,)), requests),
        stays=said.get(RECORDING) is None or said[RECORDING].state == GIVEN,
        sessions=sorted(signed_in, key=lambda each: each.id != caller().id),
        own_session=caller().id,
        welcome="welcome" in request.args,
        entered="entered" in request.args,
        changed=request.args.get("changed"),
    )


@blueprint.post(f"{ONE}/me/messages/<id:random>/read")
@visiting("messages:write")
def read_message(ledger: OpenLedger, random: str) -> Any:
    """Notes that a message was read."""
    if not PlainForm().validate():
        return pages.refused("form")
    try:
        messages.mark_read(*within(ledger), caller().person, f"message/{random}")
    except MessageUnknown:
        abort(404)
    return _back(ledger, "messages")


@blueprint.post(f"{ONE}/me/reached")
@visiting("messages:write")
def choose(ledger: OpenLedger) -> Any:
    """Notes how the visitor wants to be told of messages, in the language of the page."""
    channel = request.form.get("channel", "")
    if not PlainForm().validate() or channel not in CHANNELS:
        return pages.refused("form")
    try:
        choice = Choice(channel, str(get_locale()))
        messages.choose(*within(ledger), caller().person, choice)
    except ChoiceRefused:  # the contact went while the page was open: it is not offered any more
        return _back(ledger, "messages")
    return _back(ledger, "messages", noted=channel)


@blueprint.post(f"{ONE}/me/consents/<any({', '.join(PURPOSES)}):purpose>")
@visiting("consents:write")
def say(ledger: OpenLedger, purpose: str) -> Any:
    """Gives a consent to the notice that was shown, or withdraws it."""
    if not PlainForm().validate():
        return pages.refused("form")
    me = caller().person
    if request.form.get("state") == WITHDRAWN:
        consents.withdraw(*within(ledger), calendar(), me, purpose, how="self", by=me)
        return _back(ledger, "consents")
    shown = request.form.get("notice", "")
    try:
        version = int(shown) if shown.isascii() and shown.isdecimal() and len(shown) < 10 else 0
        consents.give(*within(ledger), me, purpose, notice=version, how="self", by=me)
    except NoticeNotSeen:
        return _back(ledger, "consents", changed=purpose)
    return _back(ledger, "consents")


@blueprint.post(f"{ONE}/me/erasure/<id:random>/back")
@visiting("own:erase")
def take_back_request(ledger: OpenLedger, random: str) -> Any:
    """Takes back that the visitor asked to be erased; one that was decided meanwhile stays so."""
    if not PlainForm().validate():
        return pages.refused("form")
    me, name = caller().person, f"erasure/{random}"
    about(name)
    try:
        consents.take_back_request(*within(ledger), me, name, by=me)
    except ErasureUnknown:
        abort(404)
    except ErasureRefused:
        return _back(ledger, "erasure")
    note_now(ledger)
    return _back(ledger, "erasure")


@blueprint.post(f"{ONE}/me/download")
@visiting("own:download")
def download_own(ledger: OpenLedger) -> Any:
    """All that is held about the visitor, as one zip; the audit trail tells of it."""
    if not PlainForm().validate():
        return pages.refused("form")
    me, now = caller().person, installation().clock.now()
    about(me)
    response = zipped(download_of(*within(ledger), me), f"{ledger.name}-{now:%Y-%m-%d}.zip")
    note_now(ledger)
    return response


@blueprint.post(f"{ONE}/me/sessions/end")
@visiting("sessions:write")
def end_other_sessions(ledger: OpenLedger) -> Any:
    """Signs out on every device but this one."""
    if not PlainForm().validate():
        return pages.refused("form")
    sessions.revoke_all(*within(ledger), caller().person, but=caller().id)
    return _back(ledger, "sessions")


@blueprint.post(f"{ONE}/me/sessions/<id:random>/end")
@visiting("sessions:write")
def end_session(ledger: OpenLedger, random: str) -> Any:
    """Signs out on another device."""
    if not PlainForm().validate():
        return pages.refused("form")
    try:
        sessions.revoke(*within(ledger), caller().person, f"session/{random}")
    except SessionUnknown:
        abort(404)
    return _back(ledger, "sessions")


def _inbox(conn: Connection, ledger: OpenLedger, me: str) -> tuple[list[Message], bool]:
    """Some messages, the newest first or those before the one in the address; whether more are."""
    random = request.args.get("messages", "")
    asked = {"limit": MESSAGES + 1}
    try:
        before = f"message/{random}" if random else None
        found = messages.inbox(conn, ledger, me, before=before, **asked)
    except MessageUnknown:
        found = messages.inbox(conn, ledger, me, before=None, **asked)
    return found[:MESSAGES], len(found) > MESSAGES


def _channels(known: Mapping[str, Any]) -> dict[str, str]:
    """What the ways are called in which somebody with these basics can be told of messages."""
    names = {
        "inbox": gettext("here alone"),
        "email": gettext("by e-mail, too"),
        "phone": gettext("by a message to my telephone, too"),
        "paper": gettext("on paper, or by a call"),
    }
    return {each: names[each] for each in CHANNELS if each in ("inbox", "paper") or known.get(each)}


def _asked(said: Mapping[str, Consent], current: Mapping[str, Notice]) -> list[Asked]:
    names = {
        "recording": gettext("Recording who I am, my service and my points"),
        "employer": gettext("Showing my name and hours to the organisation that I belong to"),
        "public": gettext("Showing my name in public, as in a list of honours"),
        "photos": gettext("Publishing pictures in which I can be recognised"),
    }
    return [
        Asked(
            purpose,
            names[purpose],
            notice,
            told(notice),
            given=(mine := said.get(purpose)) is not None and mine.state == GIVEN,
            at=None if mine is None else mine.at,
            fresh=mine is not None and mine.notice == notice.version,
        )
        for purpose, notice in current.items()
    ]


def _back(ledger: OpenLedger, part: str, **query: str) -> Any:
    address = url_for("console.show_me", ledger=ledger.name, _anchor=part, **query)
    return redirect(address, 303)


def _before() -> int | None:
    """The `seq` before which the history goes on; anything else counts as not given."""
    text = request.args.get("before", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 15 else None
