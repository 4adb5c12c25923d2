"""Signing in and out: members by a code that is sent, staff by password and second factor.

Each step is a page of its own that works without scripts.  What somebody typed stays in the bodies
of requests; nothing of it is in an address or in the cookie.  As with the API, nobody is told what
was wrong, or whether anybody has a contact.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from flask import g, redirect, render_template, request, url_for
from flask_babel import gettext
from markupsafe import Markup

from api.auth import courier, installation, within
from api.console import pages
from api.console.addresses import ONE, blueprint
from api.console.forms import (
    CodeForm,
    ContactForm,
    FirstPasswordForm,
    InvitedForm,
    StaffForm,
    blame,
    first_wrong,
    is_ours,
)
from api.console.session import at_the_door, begin, landing
from api.console.views import first_page
from ledger.installation import OpenLedger
from ledger.journal.entry import LEDGER_NAME
from ledger.programme.people import devices, enrolment, logins
from ledger.programme.people.codes import LASTS
from ledger.programme.people.devices import CodeRefused
from ledger.programme.people.logins import Proof, SignInRefused
from ledger.programme.people.passwords import CHARACTERS_MAX, CHARACTERS_MIN, PasswordRefused
from ledger.programme.people.sessions import DEVICE

WRONG = 422
MINUTES = LASTS // timedelta(minutes=1)


@blueprint.get("/enter")
def go() -> Any:
    """Leads from the first page to where one signs in to a ledger, by its name or an address."""
    typed = request.args.get("ledger", "").strip()
    found = re.fullmatch(rf"(?:.*/ledgers/)?({LEDGER_NAME})(?:[/?#].*)?", typed.casefold())
    if found is None:
        return first_page(no_ledger=typed), WRONG
    return redirect(url_for("console.show_sign_in", ledger=found[1]), 303)


@blueprint.get(f"{ONE}/sign-in")
@at_the_door
def show_sign_in(ledger: OpenLedger) -> Any:
    """Both ways to sign in."""
    return _sign_in_page(ledger, wanted=request.args.get("wanted", ""))


# --- members -------------------------------------------------------------------------------------


@blueprint.post(f"{ONE}/sign-in/code")
@at_the_door
def ask_code(ledger: OpenLedger) -> Any:
    """Sends a code, if a member has the contact, and asks for it."""
    form = ContactForm()
    if not is_ours(form):
        return pages.refused("form")
    if form.errors:
        return _sign_in_page(ledger, member=form)
    to_send = devices.ask_code(*within(ledger), form.contacted())
    if to_send is not None:
        courier().hand_over(to_send.contact.field, to_send.message())
    values = {"contact": form.contact.data, "wanted": form.wanted.data, "stay": True}
    return _code_page(ledger, CodeForm(formdata=None, **values))


@blueprint.post(f"{ONE}/sign-in/member")
@at_the_door
def enter_by_code(ledger: OpenLedger) -> Any:
    """Signs a member in, who says who they are if several have the telephone."""
    form = CodeForm()
    if not is_ours(form):
        return pages.refused("form")
    if form.contact.errors:
        return _sign_in_page(ledger, member=form)
    if form.errors:
        return _code_page(ledger, form)
    shown = (form.contacted(), form.code.data)
    try:
        found = devices.use_code(*within(ledger), *shown, form.person.data or None)
    except CodeRefused:
        blame(form.code, gettext("This code is wrong, was used, or is too old."))
        return _code_page(ledger, form)
    if isinstance(found, str):
        begun = begin(ledger, found, DEVICE, stay=form.stay.data)
        return redirect(landing(begun, form.wanted.data), 303)
    with installation().database.reading() as conn:
        names = devices.names_of(conn, ledger, found)
    named = [(each, name or each) for each, name in names.items()]
    return _page(ledger, "which", form=form, wanted=form.wanted.data, names=named)


# --- staff ---------------------------------------------------------------------------------------


@blueprint.post(f"{ONE}/sign-in")
@at_the_door
def enter_by_password(ledger: OpenLedger) -> Any:
    """Signs one of the staff in."""
    form = StaffForm()
    if not is_ours(form):
        return pages.refused("form")
    if form.errors:
        return _sign_in_page(ledger, staff=form)
    try:
        person = logins.sign_in(*within(ledger), form.contacted(), _proof(form))
    except SignInRefused:
        return _sign_in_page(ledger, staff=form, problem=_not_fitting())
    return redirect(landing(begin(ledger, person, "day"), form.wanted.data), 303)


@blueprint.get(f"{ONE}/sign-in/setup")
@at_the_door
def show_setup(ledger: OpenLedger) -> Any:
    """Asks for the code that an admin handed over."""
    return _page(ledger, "invited", form=InvitedForm(formdata=None))


@blueprint.post(f"{ONE}/sign-in/setup")
@at_the_door
def begin_setup(ledger: OpenLedger) -> Any:
    """Shows what an authenticator application is set up with, and asks for a password."""
    form = InvitedForm()
    if not is_ours(form):
        return pages.refused("form")
    if form.errors:
        return _page(ledger, "invited", form=form)
    code = form.invitation.data
    try:
        made = enrolment.begin_enrolment(*within(ledger), form.contacted(), code)
    except SignInRefused:
        return _page(ledger, "invited", form=form, problem=_not_fitting())
    values = {"contact": form.contact.data, "invitation": code, "secret": made.secret}
    return _password_page(ledger, FirstPasswordForm(formdata=None, **values))


@blueprint.post(f"{ONE}/sign-in/password")
@at_the_door
def finish_setup(ledger: OpenLedger) -> Any:
    """Sets the first password, signs in, and shows the recovery codes this once."""
    form = FirstPasswordForm()
    hidden = (form.secret, form.contact, form.invitation)
    if not is_ours(form) or any(each.errors for each in hidden):
        return pages.refused("form")
    if form.errors:
        return _password_page(ledger, form)
    contact, code = form.contacted(), form.invitation.data
    try:
        enrolled = enrolment.finish_enrolment(*within(ledger), contact, code, _proof(form))
    except PasswordRefused:
        blame(form.password, _better_password(form.password.data))
        return _password_page(ledger, form)
    except SignInRefused:
        return _password_page(ledger, form, problem=_not_fitting())
    begun = begin(ledger, enrolled.person, "day")
    return _page(ledger, "recovery", codes=enrolled.recovery_codes, onward=landing(begun, None))


# --- the pages -----------------------------------------------------------------------------------


def _sign_in_page(
    ledger: OpenLedger,
    *,
    member: ContactForm | None = None,
    staff: StaffForm | None = None,
    problem: str | None = None,
    wanted: str = "",
) -> Any:
    asked = staff or member
    wanted = wanted if asked is None else asked.wanted.data or ""
    return _page(
        ledger,
        "sign_in",
        form=asked,
        member=member or ContactForm(formdata=None, wanted=wanted),
        staff=staff or StaffForm(formdata=None, wanted=wanted),
        problem=problem,
        wanted=wanted,
    )


def _code_page(ledger: OpenLedger, form: CodeForm) -> Any:
    return _page(ledger, "code", form=form, wanted=form.wanted.data, minutes=MINUTES)


def _password_page(ledger: OpenLedger, form: FirstPasswordForm, problem: str | None = None) -> Any:
    made = enrolment.setup_of(ledger, form.secret.data)
    return _page(
        ledger,
        "password",
        form=form,
        problem=problem,
        uri=made.uri,
        qr=qr_of(made.uri),
        least=CHARACTERS_MIN,
        most=CHARACTERS_MAX,
    )


def _page(
    ledger: OpenLedger,
    name: str,
    *,
    form: Any = None,
    problem: str | None = None,
    wanted: str | None = None,
    **values: Any,
) -> Any:
    # The language can be changed on every page, and what a form came to cannot be asked for again.
    kept = {"wanted": wanted} if wanted else {}
    g.again = url_for(_AGAIN.get(name, "console.show_sign_in"), ledger=ledger.name, **kept)
    wrong = None if form is None else first_wrong(form)
    values |= {"form": form, "problem": problem, "wrong": wrong}
    page = render_template(f"console/signing/{name}.html", **values)
    return page, WRONG if problem or wrong else 200


_AGAIN = {"invited": "console.show_setup", "password": "console.show_setup"}


def qr_of(text: str) -> Markup:
    """A text to be scanned, as an SVG element that is black on white in both colour schemes."""
    import segno  # only this page needs it

    drawn = segno.make(text, error="m", micro=False)
    return Markup(drawn.svg_inline(svgclass="qr", lineclass="", light="#fff", omitsize=True))  # noqa: S704


def _proof(form: StaffForm | FirstPasswordForm) -> Proof:
    return Proof(form.password.data, form.code.data)


def _not_fitting() -> str:
    return gettext(
        "These do not fit together, or there were too many tries. Check each of them; if they are"
        " right, wait a quarter of an hour, or ask an admin for a code that sets a new password."
    )


def _better_password(password: str) -> str:
    if not CHARACTERS_MIN <= len(password) <= CHARACTERS_MAX:
        least, most = CHARACTERS_MIN, CHARACTERS_MAX
        return gettext("A password has %(least)s to %(most)s characters.", least=least, most=most)
    return gettext(
        "This password would be among the first that somebody tries. Take another, such as a few"
        " words that have nothing to do with each other."
    )
