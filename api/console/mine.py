"""A page of one's own: what a person has, was told and agreed to, and where they are signed in.

Each view reads and changes what is the visitor's own, and nothing else: the person is always that
of the session.
"""

from __future__ import annotations

from typing import Any

from flask import render_template, request

from api.auth import caller, installation
from api.console.addresses import ONE, blueprint
from api.console.session import visiting
from ledger.installation import OpenLedger
from ledger.journal.asof import Span
from ledger.journal.entry import POINTS_MAX
from ledger.programme import records
from ledger.programme.reading.accounts import find_account
from ledger.programme.reading.histories import account_history
from ledger.programme.records import BASICS

LINES = 20
ALL = Span(0, POINTS_MAX)


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
                conn, ledger.id, account, ALL, page=asked, newest_first=True, limit=LINES
            ).lines
    known = {} if basics is None or basics.fields is None else basics.fields
    return render_template(
        "console/me.html",
        name=known.get("full_name"),
        account=found,
        lines=lines,
        before=before,
        following=lines[-1].seq if len(lines) == LINES else None,
    )


def _before() -> int | None:
    """The `seq` before which the history goes on; anything else counts as not given."""
    text = request.args.get("before", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 15 else None
