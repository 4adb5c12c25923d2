"""Joining: one screen with name, contact, code, notice and consent, and then one's own page.

Without scripts it is sent twice: for the code, and to join; what was typed stays.  The
code of a link that an enterprise gave out stands behind `#` in the address, where no server's log
has it; a module of the page puts it into a hidden field.
"""

from __future__ import annotations

from typing import Any

from flask import g, redirect, render_template, request, url_for
from flask_babel import get_locale, gettext

from api.auth import caller, courier, installation, within
from api.console import pages
from api.console.addresses import ONE, blueprint
from api.console.forms import JoinForm, LinkForm, blame, first_wrong, is_ours
from api.console.session import at_the_door, begin, visiting, whoever
from api.console.signing import MINUTES, WRONG
from ledger.installation import OpenLedger
from ledger.programme.people import entering, invitations, joining, notices
from ledger.programme.people.devices import CodeRefused
from ledger.programme.people.joining import Joiner, JoiningRefused, MemberAlready
from ledger.programme.people.links import LinkRefused
from ledger.programme.people.notices import RECORDING, Notice
from ledger.programme.people.sessions import DEVICE
from ledger.programme.roles import Principal


@blueprint.get(f"{ONE}/join")
@at_the_door
def show_join(ledger: OpenLedger) -> Any:
    """The screen; whoever is signed in already may say by a link where they belong."""
    if (me := whoever(ledger)) is not None:
        return _belong_page(ledger, me)
    return _page(ledger, JoinForm(formdata=None, stay=True), _notice(ledger))


@blueprint.post(f"{ONE}/join/organisation")
@visiting("sessions:write")
def belong(ledger: OpenLedger) -> Any:
    """A member says, by a link, that they belong to its organisation."""
    form = LinkForm()
    if not is_ours(form):
        return pages.refused("form")
    try:
        entering.enter(*within(ledger), caller().person, form.linked())
    except LinkRefused:
        problem = gettext(
            "The link is no longer good: it was replaced, used, or has run out. Ask for a new one."
        )
        return _belong_page(ledger, caller(), problem=problem)
    return redirect(url_for("console.show_me", ledger=ledger.name, entered=1), 303)


@blueprint.post(f"{ONE}/join")
@at_the_door
def join(ledger: OpenLedger) -> Any:
    """Sends a code, or takes the member up."""
    form, shown = JoinForm(), _notice(ledger)
    if not is_ours(form):
        return pages.refused("form")
    if shown is None:
        return _page(ledger, form, None)
    step = request.form.get("step")
    if step == "decline":
        return _decline(ledger, form, shown)
    if step == "send":
        return _send(ledger, form, shown)
    form.sent.data = "y"
    if form.notice.data != str(shown.version):
        form.consent.data = False
        problem = gettext("The notice was changed a moment ago. Please read it again.")
        return _page(ledger, form, shown, problem=problem)
    if form.errors:
        return _page(ledger, form, shown)
    return _join(ledger, form, shown)


def _send(ledger: OpenLedger, form: JoinForm, shown: Notice) -> Any:
    form.code.errors = form.consent.errors = ()
    form.code.data = ""
    if form.name.errors or form.contact.errors:
        return _page(ledger, form, shown)
    contact = form.contacted()
    message = joining.ask_code(*within(ledger), contact)
    if message is not None:
        courier().hand_over(contact.field, message)
    form.sent.data = "y"
    return _page(ledger, form, shown)


def _join(ledger: OpenLedger, form: JoinForm, shown: Notice) -> Any:
    joiner = Joiner(str(form.name.data), shown.version, form.contacted(), form.code.data)
    link = form.linked()

    def accepting() -> entering.Entering:
        return entering.entering(*within(ledger), link)

    try:
        joined = joining.join(*within(ledger), joiner, accepting if link else None)
    except LinkRefused:
        form.link.data = form.typed.data = ""
        return _page(ledger, form, shown, problem=_no_link())
    except CodeRefused:
        blame(form.code, gettext("This code is wrong, was used, or is too old."))
    except MemberAlready:
        problem = gettext(
            "A member of this name has this number or address already. If that is you, sign in."
        )
        return _page(ledger, form, shown, problem=problem, already=True)
    except JoiningRefused:
        problem = gettext("The ledger did not take this up; nothing was kept. Try again.")
        return _page(ledger, form, shown, problem=problem)
    else:
        begin(ledger, joined.person, DEVICE, stay=form.stay.data)
        return redirect(url_for("console.show_me", ledger=ledger.name, welcome=1), 303)
    return _page(ledger, form, shown)


def _decline(ledger: OpenLedger, form: JoinForm, shown: Notice) -> Any:
    try:
        invitations.decline(*within(ledger), form.linked())
    except LinkRefused:
        return _page(ledger, JoinForm(formdata=None, stay=True), shown, problem=_no_link())
    return _page(ledger, JoinForm(formdata=None, stay=True), shown, declined=True)


def _page(
    ledger: OpenLedger,
    form: JoinForm,
    shown: Notice | None,
    *,
    problem: str | None = None,
    already: bool = False,
    declined: bool = False,
) -> Any:
    g.again = url_for("console.show_join", ledger=ledger.name)
    wrong = first_wrong(form)
    page = render_template(
        "console/join.html",
        form=form,
        notice=shown,
        told=None if shown is None else told(shown),
        wrong=wrong,
        problem=problem,
        already=already,
        declined=declined,
        invited=form.linked().startswith("invitation."),
        minutes=MINUTES,
    )
    return page, WRONG if problem or wrong else 200


def _belong_page(ledger: OpenLedger, me: Principal, problem: str | None = None) -> Any:
    g.principal, g.again = me, url_for("console.show_join", ledger=ledger.name)
    values = {"form": LinkForm(formdata=None), "problem": problem}
    return render_template("console/belong.html", **values), WRONG if problem else 200


def _no_link() -> str:
    return gettext(
        "The link is no longer good: it was replaced, used, or has run out. You can join without"
        " it, or ask for a new one."
    )


def told(notice: Notice) -> list[tuple[str, str]]:
    """A notice's parts in the page's language, each under what it tells."""
    names = {
        "holder": gettext("Who keeps it"),
        "contact": gettext("Whom to ask"),
        "purpose": gettext("What for"),
        "method": gettext("How"),
        "kinds": gettext("What is kept"),
        "retention": gettext("How long"),
        "rights": gettext("Your rights"),
    }
    language = str(get_locale())
    return [(name, notice.parts[part][language]) for part, name in names.items()]


def _notice(ledger: OpenLedger) -> Notice | None:
    with installation().database.reading() as conn:
        return notices.current(conn, ledger).get(RECORDING)
