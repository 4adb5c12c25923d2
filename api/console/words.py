"""Entries in words: one sentence that says what an entry did, for people who are no accountants.

`SENTENCES` has a function for each type of entry; each takes the entry and gives safe HTML, in
which accounts, entries and budgets are links.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_babel import gettext, ngettext
from markupsafe import Markup

from api.console import shown
from api.console.shown import said
from ledger.journal.entry import Entry
from ledger.programme.reading.histories import Line
from ledger.programme.reading.holds import HoldView

Sentence = Callable[[Entry], Markup]


def in_words(entry: Entry) -> Markup:
    """What the entry did."""
    return SENTENCES[entry["type"]](entry)


def in_reserve(hold: HoldView) -> Markup:
    """What an open hold sets aside, for whom and until when."""
    return said(
        gettext("%(points)s for %(payee)s, until %(until)s"),
        points=shown.points(hold.left),
        payee=shown.account(hold.payee),
        until=shown.local_time(hold.until),
    )


def type_name(kind: str) -> str:
    """What entries of a type are called."""
    return {
        "ledger": gettext("founding"),
        "person": gettext("person's standing"),
        "open": gettext("opening"),
        "close": gettext("closing"),
        "budget": gettext("budget set"),
        "policy": gettext("policy published"),
        "service": gettext("service"),
        "credit": gettext("credit"),
        "debit": gettext("debit"),
        "transfer": gettext("transfer"),
        "hold": gettext("hold"),
        "capture": gettext("capture"),
        "release": gettext("release"),
        "reversal": gettext("reversal"),
        "expiry": gettext("expiry"),
        "settlement": gettext("settlement"),
        "write-off": gettext("write-off"),
        "key": gettext("new keys"),
        "erasure": gettext("erasure"),
        "state": gettext("state of all accounts"),
        "record": gettext("bound record"),
    }[kind]


def own_words(line: Line) -> str:
    """What a line of somebody's own history was, said to them."""
    out = line.amount < 0
    return {
        "credit": gettext("Points for your service"),
        "debit": gettext("Points were taken off"),
        "transfer": gettext("You gave points") if out else gettext("Points were given to you"),
        "hold": gettext("Set aside for what you ordered"),
        "capture": gettext("Paid for what you ordered"),
        "release": gettext("Came back, since nothing was made of the order"),
        "reversal": gettext("An earlier entry was undone"),
        "expiry": gettext("Lapsed: their last day was over"),
        "write-off": gettext("What was below zero is forgiven"),
    }.get(line.type, type_name(line.type))


def standing_name(standing: str) -> str:
    """What a person's standing is called."""
    return {
        "auditor": gettext("auditor"),
        "member": gettext("member"),
        "none": gettext("none any more"),
        "office": gettext("office"),
        "partner": gettext("partner"),
    }[standing]


def purpose_name(purpose: str) -> str:
    """What a transfer is for."""
    return {
        "allocation": gettext("allocation"),
        "donation": gettext("donation"),
        "gift": gettext("gift"),
        "merge": gettext("merging of accounts"),
        "pooling": gettext("pooling"),
        "return": gettext("return"),
    }[purpose]


def assurance_name(assurance: str) -> str:
    """How a service came to be recorded."""
    return {
        "back-entry": gettext("entered afterwards"),
        "checked-in": gettext("checked in on the spot"),
        "imported": gettext("brought from another system"),
        "roster": gettext("from a list of who was there"),
    }[assurance]


def duration(minutes: int) -> str:
    """Minutes as hours and minutes."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return ngettext("%(num)s minute", "%(num)s minutes", rest)
    if not rest:
        return ngettext("%(num)s hour", "%(num)s hours", hours)
    return gettext("%(hours)s h %(minutes)s min", hours=hours, minutes=rest)


def _moved(entry: Entry) -> dict[str, Any]:
    """Points, giver and receiver of an entry with postings."""
    gives = min(entry["postings"], key=lambda each: each["amount"])
    takes = max(entry["postings"], key=lambda each: each["amount"])
    return {
        "points": shown.points(takes["amount"]),
        "giver": shown.account(gives["account"]),
        "receiver": shown.account(takes["account"]),
    }


def _person(entry: Entry) -> Markup:
    return said(
        gettext("A person has the standing %(standing)s from now on"),
        standing=standing_name(entry["standing"]),
    )


def _budget(entry: Entry) -> Markup:
    return said(
        gettext("%(budget)s may issue up to %(points)s from %(first)s to %(last)s"),
        budget=shown.account(entry["budget"]),
        points=shown.points(entry["limit"]),
        first=shown.day(entry["from"]),
        last=shown.day(entry["to"]),
    )


def _policy(entry: Entry) -> Markup:
    return said(gettext("New rules are in force from %(first)s on"), first=shown.day(entry["from"]))


def _service(entry: Entry) -> Markup:
    values = {
        "member": shown.account(entry["member"]),
        "time": duration(entry["minutes"]),
        "served": shown.local_time(entry["effective_at"]),
    }
    if "for" not in entry:
        return said(gettext("%(member)s served %(time)s, on %(served)s"), **values)
    return said(
        gettext("Corrects %(earlier)s: %(member)s served %(time)s, on %(served)s"),
        earlier=shown.entry_link(entry["for"]),
        **values,
    )


def _credit(entry: Entry) -> Markup:
    if "for" not in entry:
        return said(gettext("%(points)s from %(giver)s to %(receiver)s"), **_moved(entry))
    return said(
        gettext("%(points)s from %(giver)s to %(receiver)s for service %(service)s"),
        service=shown.entry_link(entry["for"]),
        **_moved(entry),
    )


def _debit(entry: Entry) -> Markup:
    return said(gettext("%(points)s taken from %(giver)s"), **_moved(entry))


def _transfer(entry: Entry) -> Markup:
    return said(
        gettext("%(points)s from %(giver)s to %(receiver)s (%(purpose)s)"),
        purpose=purpose_name(entry["purpose"]),
        **_moved(entry),
    )


def _hold(entry: Entry) -> Markup:
    return said(
        gettext("%(giver)s sets %(points)s aside for %(payee)s, until %(until)s"),
        payee=shown.account(entry["payee"]),
        until=shown.local_time(entry["until"]),
        **_moved(entry),
    )


def _capture(entry: Entry) -> Markup:
    paid = next(p for p in entry["postings"] if _is_payee(p["account"], entry))
    return said(
        gettext("%(points)s that were set aside in %(hold)s are paid to %(payee)s"),
        points=shown.points(paid["amount"]),
        hold=shown.entry_link(entry["for"]),
        payee=shown.account(paid["account"]),
    )


def _is_payee(account: str, entry: Entry) -> bool:
    """Of a capture's accounts the payee's is neither the held one nor its owner's."""
    held = next(p["account"] for p in entry["postings"] if p["account"].endswith("/held"))
    return account not in (held, held.removesuffix("/held"))


def _release(entry: Entry) -> Markup:
    return said(
        gettext("%(points)s that were set aside in %(hold)s go back to %(receiver)s"),
        hold=shown.entry_link(entry["for"]),
        **_moved(entry),
    )


def _reversal(entry: Entry) -> Markup:
    return said(
        gettext("Undoes %(original)s: %(points)s go back from %(giver)s to %(receiver)s"),
        original=shown.entry_link(entry["for"]),
        **_moved(entry),
    )


def _expiry(entry: Entry) -> Markup:
    return said(gettext("%(points)s of %(giver)s lapse: their last day is over"), **_moved(entry))


def _settlement(entry: Entry) -> Markup:
    return said(
        gettext("%(points)s that %(giver)s collected are settled and leave circulation"),
        **_moved(entry),
    )


def _write_off(entry: Entry) -> Markup:
    return said(gettext("A debt of %(points)s of %(receiver)s is written off"), **_moved(entry))


SENTENCES: dict[str, Sentence] = {
    "ledger": lambda _: said(gettext("The ledger is founded, with its first keys")),
    "person": _person,
    "open": lambda entry: said(
        gettext("The account %(account)s is opened"), account=shown.account(entry["account"])
    ),
    "close": lambda entry: said(
        gettext("The account %(account)s is closed"), account=shown.account(entry["account"])
    ),
    "budget": _budget,
    "policy": _policy,
    "service": _service,
    "credit": _credit,
    "debit": _debit,
    "transfer": _transfer,
    "hold": _hold,
    "capture": _capture,
    "release": _release,
    "reversal": _reversal,
    "expiry": _expiry,
    "settlement": _settlement,
    "write-off": _write_off,
    "key": lambda _: said(gettext("The log's keys change to new ones, announced before")),
    "erasure": lambda entry: said(
        gettext("The outside record of a %(kind)s is erased"),
        kind=shown.kind_name(entry["subject"].partition("/")[0]),
    ),
    "state": lambda _: said(gettext("One sum over all accounts is entered, to prove balances by")),
    "record": lambda _: said(gettext("A record kept outside the log is bound to it")),
}
