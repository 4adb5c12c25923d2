"""Who a caller is, and what they may do: `Authorization: Bearer …`, a token or a session.

A token (`pts_…`) has one role, a session (`pse_…`) all the roles that its person holds today; what
a role may do is said in `ledger.programme.roles`.  Both open one ledger.  For any other they get
the same 404, whether there is such a ledger or not.  A role lasts only as long as the person's
standing in the log fits it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

from flask import Response, current_app, g, request
from werkzeug.exceptions import HTTPException

from api.current import this_app, this_g, this_request
from api.limits import Limiter, address_of
from api.problems import Problem
from api.remembered import Remembered
from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import LedgerUnknown, PointsError
from ledger.installation import Installation, OpenLedger
from ledger.journal.times import format_time, to_us
from ledger.programme import tokens
from ledger.programme.calendar import Calendar
from ledger.programme.courier import Courier
from ledger.programme.people import helping, merges, sessions
from ledger.programme.roles import ACTIONS, Principal, roles_of
from ledger.programme.tokens import OPERATOR
from ledger.programme.trail import Line, write_lines
from ledger.programme.trailing import Trail
from ledger.programme.vault import subject_of_ledger

SCHEME = "bearer"

View = Callable[..., Any]
FORESEEN = (Problem, HTTPException, PointsError)
"""What a view raises where it did not do what was asked."""

_ID = re.compile(r"[a-z]{1,20}/[a-z2-7]{26}", re.ASCII)


def installation() -> Installation:
    """What the application serves."""
    found: Installation = this_app().extensions["points"]
    return found


def within(ledger: OpenLedger) -> tuple[Database, OpenLedger, Clock]:
    """What the domain's functions begin with: the database, one of its ledgers, the clock."""
    here = installation()
    return here.database, ledger, here.clock


def caller() -> Principal:
    """Who sends the request, once `requires` let it pass."""
    principal: Principal = this_g().principal
    return principal


def in_place_of() -> str | None:
    """In whose place the caller does what this request is for, if only as a deputy."""
    kept = this_g()
    stands_for: str | None = kept.principal.in_place_of(kept.action)
    return stands_for


def want_scope(action: str) -> None:
    """`Problem` unless the caller's token may be used for that."""
    me = caller()
    if me.allows(action):
        return
    if me.helped_by is not None:
        raise Problem("scope", "A helper does not do that for somebody: they do it themselves.")
    raise Problem(
        "scope",
        f"This token may not be used for {action}: it was made for"
        f" {', '.join(me.scopes or ())}. Ask an admin for a wider one.",
    )


def want_impartial(ledger: OpenLedger, *things: str) -> None:
    """`Problem` where the caller, or in whose place they act, helped somebody with one of these.

    To be asked by whatever verifies, honours or decides on a thing.
    """
    judges = {caller().author, caller().person, in_place_of()} - {None}
    with installation().database.reading() as conn:
        helped = helping.helpers_of(conn, ledger.id, things)
    helpers = frozenset[str]().union(*helped.values())
    if not all(helping.may_judge(judge, helpers) for judge in judges if judge):
        raise Problem(
            "helped",
            "You, or in whose place you act, helped somebody with this: another person decides it.",
        )


def requires(action: str, *, only_enters: bool = False) -> Callable[[View], View]:
    """Lets only those pass who may do the action somewhere; opens the path's ledger.

    The view gets the open ledger in place of its name.  How far the caller may go is
    `caller().reach(action)`, which a view of what is not the whole ledger's passes on.  One that
    `only_enters` something reads nothing before it calls `posting.place`, which asks again whether
    the token lasts; so that is not asked here of one that was found a moment ago.
    """
    roles = roles_of(action)

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(**path: Any) -> Any:
            name = path.get("ledger")
            kept = this_g()
            me = kept.principal = _bearer(name, may_be_remembered=only_enters)
            kept.action = action
            if not me.may(action):
                _note(name, action, "denied")
                raise Problem(
                    "role",
                    f"You come with the role {' and '.join(me.roles) or 'of nobody'}; the"
                    f" role {' or '.join(roles)} is needed. Ask an admin.",
                )
            _want_scope(name, action)
            if name is not None:
                path["ledger"] = installation().ledger(name)
            helped = me.helped_by is not None
            noted = ACTIONS[action].privileged or helped
            try:
                answer = _helped(view, action, path) if helped else view(**path)
            except FORESEEN:
                if noted:
                    _note(name, action, "refused")
                raise
            if kept.get("unconfirmed"):
                raise RuntimeError("a remembered token was not asked about again")
            if kept.get("shown"):
                _note_shown(path["ledger"])
            if noted and not kept.get("noted"):
                _note(name, action, "done")
            return answer

        guarded.action = action  # type: ignore[attr-defined]  # for the OpenAPI document, and tests
        guarded.only_enters = only_enters  # type: ignore[attr-defined]  # for tests
        return guarded

    return decorate


def _helped(view: View, action: str, path: dict[str, Any]) -> Any:
    """Does for a member what a helper sends, which is on record before it is done, or shown."""
    here, ledger, me = installation(), path["ledger"], caller()
    if request.method in ("GET", "HEAD"):
        answer = view(**path)
        note_now(ledger)
        return answer
    what = (action, request.method.lower())
    errand = helping.begin_errand(*within(ledger), me.id, me.author, *what)
    try:
        answer = view(**path)
    except FORESEEN:
        helping.finish_errand(here.database, ledger, errand, helping.REFUSED, None)
        raise
    helping.finish_errand(here.database, ledger, errand, helping.DONE, _thing(answer))
    return answer


def _thing(answer: Any) -> str | None:
    """The id of what a request was about, as its answer or the view says, if either does."""
    body = answer.get_json(silent=True) if isinstance(answer, Response) else None
    name = body.get("id") if isinstance(body, dict) else None
    if isinstance(name, str) and _ID.fullmatch(name):
        return name
    found: str | None = g.get("subject")
    return found


def open_to_strangers(view: View) -> View:
    """Lets anybody pass, counted by their address; opens the path's ledger."""

    @wraps(view)
    def counted(**path: Any) -> Any:
        limiter().take_stranger(address_of(request))
        path["ledger"] = installation().ledger(path["ledger"])
        return view(**path)

    return counted


def about(subject: str) -> None:
    """Says whom or what this request is about, for its line in the audit trail: an opaque id."""
    g.subject = subject


def note_now(ledger: OpenLedger) -> None:
    """Has the line of this privileged request written before anything of it is shown."""
    trail: Trail = current_app.extensions["points trail"]
    _note(ledger.name, g.action, "done")
    trail.flush()
    g.noted = True


def _want_scope(ledger: str | None, action: str) -> None:
    try:
        want_scope(action)
    except Problem:
        _note(ledger, action, "denied")
        raise


def _note(ledger: str | None, action: str, outcome: str) -> None:
    """A line of the audit trail; what is the installation's as a whole is in no ledger's trail."""
    here = installation()
    if ledger is None or caller().ledger == OPERATOR:
        return
    opened, me = here.ledger(ledger), caller()
    subject = g.get("subject") or subject_of_ledger(opened.origin)
    if me.helped_by is not None:
        subject = me.person
    at = format_time(to_us(here.clock.now()))
    trail: Trail = current_app.extensions["points trail"]
    trail.note(
        opened.id,
        Line(at, me.author, action, subject, outcome, helping=me.id if me.helped_by else None),
    )


def shows(person: str, *texts: object) -> None:
    """Says that the answer has these texts of a person's, those that are not None or empty.

    If there are any, and the caller is somebody else, that is on record before the answer is sent.
    """
    if any(texts):
        g.setdefault("shown", set()).add(person)


def _note_shown(ledger: OpenLedger) -> None:
    """Writes to the audit trail, before the answer is sent, whose texts are in it.

    Raises what `Database.writing` raises: then nothing is shown.
    """
    here, me = installation(), caller()
    others = g.shown - {me.person}
    if others:
        with here.database.reading() as conn:
            now = merges.remaining(conn, ledger.id, others)
        others = {each for each in others if now[each] != me.person}
    if others:
        at = format_time(to_us(here.clock.now()))
        lines = [Line(at, me.author, g.action, each, "done") for each in sorted(others)]
        write_lines(here.database, ledger.id, lines)
    if g.get("subject") in others:
        g.noted = True


def limiter() -> Limiter:
    """What counts the requests of this process."""
    found: Limiter = this_app().extensions["points limits"]
    return found


def courier() -> Courier:
    """What sends messages that somebody waits for."""
    found: Courier = current_app.extensions["points courier"]
    return found


def calendar() -> Calendar:
    """The office's working days."""
    found: Calendar = current_app.extensions["points calendar"]
    return found


def credential() -> str | None:
    """The token that the append path is to ask about again, if it was only remembered here.

    To be passed on by whoever asks for it.
    """
    kept = this_g()
    return kept.principal.id if kept.pop("unconfirmed", False) else None


def confirm() -> None:
    """Finds the caller anew, in the place of what was remembered of them; `Problem`."""
    g.principal = _bearer(caller().ledger)


def _bearer(ledger: str | None, *, may_be_remembered: bool = False) -> Principal:
    kind, _, text = this_request().headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        _refuse_stranger("Send a token: Authorization: Bearer pts_…", "")
    text = text.strip(" ")
    found = _remembered().find(text) if may_be_remembered else None
    this_g().unconfirmed = found is not None
    if found is None:
        return admitted(text, ledger, helped=True)
    _count(found)
    _want_ledger(found, ledger)
    return found


def _remembered() -> Remembered[Principal]:
    found: Remembered[Principal] = this_app().extensions["points remembered"]
    return found


def admitted(text: str, ledger: str | None, *, helped: bool = False) -> Principal:
    """Whose token or session that is, which lasts and opens the ledger, if one is named; `Problem`.

    A helper's session is taken only where what it does is put on record: `helped`.  This request is
    taken from what the token may send, or from what strangers may.
    """
    principal, fits = _of_token(text) or _of_session(text) or (None, False)
    if principal is not None and principal.helped_by is not None and not helped:
        principal = None
    if principal is None:
        _refuse_stranger(
            "This token is unknown, expired or revoked. Ask an admin for a new one, or sign in.",
            ', error="invalid_token"',
        )
    _count(principal)
    _want_ledger(principal, ledger)
    if principal.ledger != OPERATOR and not fits:
        raise Problem(
            "standing",
            f"{principal.person} no longer has a standing that the role"
            f" {' or '.join(principal.roles)} needs.",
        )
    return principal


def _want_ledger(principal: Principal, ledger: str | None) -> None:
    if principal.ledger not in (OPERATOR, ledger or principal.ledger):
        raise Problem("ledger-unknown", "There is no ledger of that name that this token opens.")


def _of_token(text: str) -> tuple[Principal, bool] | None:
    name = tokens.ledger_of(text)
    if name is None:
        return None
    here, opened = installation(), _opened(name)
    with here.database.reading() as conn:
        ledger_id = None if opened is None else opened.id
        found = tokens.find_token(conn, text, here.clock.now(), ledger_id)
    if found is None:
        return None
    if found.fits:
        _remembered().keep(text, found.token.principal)
    return found.token.principal, found.fits


def _of_session(text: str) -> tuple[Principal, bool] | None:
    """Whose session it is.  One without any role today may still see to itself."""
    name = sessions.ledger_of(text)
    opened = None if name is None else _opened(name)
    if opened is None:
        return None
    here = installation()
    now = here.clock.now()
    with here.database.reading() as conn:
        found = sessions.find_session(conn, opened, text, now)
    if found is None:
        return None
    if found.fresh:
        sessions.note_use(here.database, opened, found, now)
    return found.principal, True


def _opened(name: str) -> OpenLedger | None:
    if name == OPERATOR:
        return None
    try:
        return installation().ledger(name)
    except LedgerUnknown:
        return None


def _count(principal: Principal) -> None:
    if this_request().method in ("GET", "HEAD"):
        limiter().take_read(principal.id)
    else:
        limiter().take_write(principal.id)


def _refuse_stranger(detail: str, error: str) -> NoReturn:
    limiter().take_stranger(address_of(this_request()))
    raise Problem(
        "unauthorized", detail, headers={"WWW-Authenticate": f'Bearer realm="points"{error}'}
    )
