"""The pages that show a ledger to whoever may read it, and the first page, which is for everybody.

Each parses its address, asks the domain, and is rendered by a template.
"""

from __future__ import annotations

import re
from typing import Any

from flask import Response, redirect, render_template, request, session, url_for

from api.auth import installation
from api.console import charts, pages, proofs
from api.console.addresses import ONE, blueprint
from api.console.session import (
    LanguageForm,
    PlainForm,
    SignInForm,
    landing,
    looking,
    own_page,
    sign_in,
    sign_out,
    signed_in_to,
)
from api.converters import Id
from api.downloads import attached, zipped
from api.problems import Problem
from ledger.audit.bundle import bundle_chunks
from ledger.audit.layout import count_tiles
from ledger.demo_tokens import offered_token
from ledger.installation import OpenLedger
from ledger.journal import log
from ledger.journal.asof import Span, resolve
from ledger.journal.entry import POINTS_MAX, TYPES, decode
from ledger.programme.glance import glance, log_keys
from ledger.programme.reading.accounts import find_account
from ledger.programme.reading.budgets import list_budgets
from ledger.programme.reading.entries import find_entry, list_entries, list_entries_of_type
from ledger.programme.reading.histories import account_history
from ledger.programme.reading.holds import find_holds

LATEST = 8
PER_PAGE = 25
BUDGETS_MAX = 1_000
ALL = Span(0, POINTS_MAX)


# --- for everybody -------------------------------------------------------------------------------


@blueprint.get("/")
def home() -> str:
    """What this is, signing in, and a look around the sample programme."""
    return first_page()


def first_page(no_ledger: str | None = None) -> str:
    """The first page; it says of what was typed for a ledger's name that it cannot be one."""
    return render_template(
        "console/home.html",
        sign_in_form=SignInForm(formdata=None),
        demo=offered_token(installation()) is not None,
        signed_in_to=signed_in_to(),
        no_ledger=no_ledger,
        left="left" in request.args,
    )


@blueprint.post("/sign-in")
def enter() -> Any:
    """Remembers the token, and shows the page that was asked for or its ledger's."""
    form = SignInForm()
    if not form.validate():
        missing = form.token.errors and not form.csrf_token.errors
        code = "unauthorized" if missing else "form"
        said = "token" if code == "unauthorized" and form.token.data else None
        return pages.refused(code, wanted=form.wanted.data, said=said)
    try:
        return _entered(form.token.data.strip(), form.wanted.data)
    except Problem as problem:
        if problem.code != "unauthorized":
            raise
        return pages.refused("unauthorized", wanted=form.wanted.data, said="token")


@blueprint.post("/demo")
def enter_demo() -> Any:
    """Shows the sample programme with its auditor's token."""
    if not PlainForm().validate():
        return pages.refused("form")
    offered = offered_token(installation())
    if offered is None:
        return pages.refused("not-found")
    return _entered(offered, None)


@blueprint.post("/sign-out")
def leave() -> Any:
    """Forgets the token, and ends the session."""
    if not PlainForm().validate():
        return pages.refused("form")
    sign_out()
    return redirect(url_for("console.home", left=1), 303)


@blueprint.post("/language")
def choose_language() -> Any:
    """Shows the pages in another language from now on."""
    form = LanguageForm()
    if not form.validate():
        return pages.refused("form")
    session["language"] = form.language.data
    return redirect(own_page(form.page.data), 303)


@blueprint.get("/console/<digest>/<name>")
def show_file(digest: str, name: str) -> Response:
    """A static file."""
    return pages.static_file(digest, name)


def _entered(text: str, wanted: str | None) -> Any:
    return redirect(landing(sign_in(text), wanted), 303)


# --- for whoever may read the ledger -------------------------------------------------------------


@blueprint.get(ONE)
@looking
def show_ledger(ledger: OpenLedger) -> str:
    """The head, how it grew, and the latest entries."""
    with installation().database.reading(snapshot=True) as conn:
        seen = glance(conn, ledger.id)
        latest = list_entries(conn, ledger.id, ALL, newest_first=True, limit=LATEST)
    return render_template(
        "console/ledger.html",
        origin=ledger.origin,
        seen=seen,
        growth=charts.columns(seen.days),
        latest=[decode(each.raw) for each in latest],
    )


@blueprint.get(f"{ONE}/entries")
@looking
def show_entries(ledger: OpenLedger) -> str:
    """A page of entries, the newest first, perhaps of one type only."""
    kind = request.args.get("type")
    kind = kind if kind in TYPES else None
    before = _before()
    asked = {"span": _until(before), "newest_first": True, "limit": PER_PAGE + 1}
    with installation().database.reading() as conn:
        if kind:
            found = list_entries_of_type(conn, ledger.id, kind, **asked)
        else:
            found = list_entries(conn, ledger.id, **asked)
        newest = resolve(conn, ledger.id)
    return render_template(
        "console/entries.html",
        entries=[decode(each.raw) for each in found[:PER_PAGE]],
        kind=kind,
        kinds=TYPES,
        before=before,
        following=found[PER_PAGE - 1].seq if len(found) > PER_PAGE else None,
        size=newest + 1,
    )


@blueprint.get(f"{ONE}/find")
@looking
def find(ledger: OpenLedger) -> Any:
    """Leads to the entry of a number, or to an account."""
    what = request.args.get("what", "").strip().casefold().replace(",", "")
    if re.fullmatch("[0-9]{1,15}", what):
        return redirect(url_for("console.show_entry", ledger=ledger.name, seq=int(what)), 303)
    account = re.fullmatch(f"(member|org)/({Id.regex})(?:/held)?", what)
    if account is None:
        return pages.refused("not-found", said="find")
    kind, random = account.groups()
    found = url_for("console.show_account", ledger=ledger.name, kind=kind, random=random)
    return redirect(found, 303)


@blueprint.get(f"{ONE}/entries/<seq:seq>")
@looking
def show_entry(ledger: OpenLedger, seq: int) -> str:
    """One entry, whole."""
    with installation().database.reading() as conn:
        raw = _existing(find_entry(conn, ledger.id, seq))
        size = log.log_size(conn, ledger.id)
    return render_template("console/entry.html", entry=decode(raw), raw=raw.decode(), size=size)


@blueprint.get(f"{ONE}/entries/<seq:seq>/receipt")
@looking
def show_receipt(ledger: OpenLedger, seq: int) -> str:
    """A receipt step by step, with what the browser needs to check it."""
    with installation().database.reading(snapshot=True) as conn:
        _existing(find_entry(conn, ledger.id, seq))
        receipt = log.receipt(conn, ledger.id, seq)
        vkeys = log_keys(conn, ledger.id)
    return render_template(
        "console/receipt.html",
        seq=seq,
        receipt=receipt.encode().decode(),
        proof=proofs.explained(receipt, vkeys),
    )


@blueprint.get(f"{ONE}/accounts/<any(member, org):kind>/<id:random>")
@looking
def show_account(ledger: OpenLedger, kind: str, random: str) -> str:
    """An account and its statement."""
    name, here = f"{kind}/{random}", installation()
    before = _before()
    with here.database.reading(snapshot=True) as conn:
        found = find_account(conn, ledger.id, name, here.clock.now())
        if found is None:
            raise Problem("account", f"There is no account {name} in this ledger.")
        lines = account_history(
            conn, ledger.id, name, ALL, page=_until(before), newest_first=True, limit=PER_PAGE + 1
        ).lines
        holds = find_holds(conn, ledger.id, found.holds)
    return render_template(
        "console/account.html",
        account=found,
        holds=holds,
        lines=lines[:PER_PAGE],
        before=before,
        following=lines[PER_PAGE - 1].seq if len(lines) > PER_PAGE else None,
    )


@blueprint.get(f"{ONE}/budgets")
@looking
def show_budgets(ledger: OpenLedger) -> str:
    """Budgets and how much of them is used."""
    with installation().database.reading() as conn:
        newest = resolve(conn, ledger.id)
        budgets = list_budgets(conn, ledger.id, newest, after=None, limit=BUDGETS_MAX)
    return render_template("console/budgets.html", budgets=budgets, bars=charts.bars(budgets))


@blueprint.get(f"{ONE}/bundle")
@looking
def show_bundle(ledger: OpenLedger) -> str:
    """How to take the log home and check it there."""
    with installation().database.reading() as conn:
        newest = log.latest_checkpoint(conn, ledger.id)
        vkeys = log_keys(conn, ledger.id)
    size = newest.size if newest else 0
    return render_template(
        "console/bundle.html", size=size, files=count_tiles(size) + 2, vkey=proofs.ed25519(vkeys)
    )


@blueprint.get(f"{ONE}/bundle.zip")
@looking
def download_bundle(ledger: OpenLedger) -> Response:
    """The bundle itself."""
    chunks = bundle_chunks(installation().database, ledger.id, ledger.origin)
    return zipped(chunks, f"{ledger.name}.zip")


@blueprint.get(f"{ONE}/entries/<seq:seq>/entry.tlog-proof")
@looking
def download_receipt(ledger: OpenLedger, seq: int) -> Response:
    """A receipt as a file."""
    with installation().database.reading(snapshot=True) as conn:
        _existing(find_entry(conn, ledger.id, seq))
        receipt = log.receipt(conn, ledger.id, seq)
    response = Response(receipt.encode(), mimetype="text/plain")
    return attached(response, f"{ledger.name}-{seq}.tlog-proof")


def _existing(raw: bytes | None) -> bytes:
    if raw is None:
        raise Problem("not-found", "The log of this ledger has no such entry.")
    return raw


def _before() -> int | None:
    """The `seq` before which a list goes on; anything else in the address counts as not given."""
    text = request.args.get("before", "")
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


def _until(before: int | None) -> Span:
    return ALL if before is None else Span(0, before - 1)
