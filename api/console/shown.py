"""How ids, points, days and times are written on a page.

A long id is shown by its kind and first six characters, as a link to the page where it stands
whole.  Times are the ledger's local ones, with UTC in the element's `datetime`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal
from flask import g, url_for
from flask_babel import get_locale, gettext, ngettext
from markupsafe import Markup

from ledger.journal.times import US_PER_SECOND, parse_time

SHORT_CHARS = 6


def said(sentence: str, **values: Any) -> Markup:
    """One of the catalogue's sentences with its values, escaped unless they are safe HTML."""
    safe = {name: Markup("{}").format(value) for name, value in values.items()}
    return Markup(sentence) % safe  # noqa: S704 (the sentence is ours)


def number(value: int) -> str:
    """With thousands separators, and a minus sign that is one."""
    return str(format_decimal(value, locale=get_locale())).replace("-", "−")


def change(value: int) -> str:
    """A number with its sign, whichever it is."""
    return f"+{number(value)}" if value > 0 else number(value)


def points(value: int) -> str:
    """`12 points`."""
    return ngettext("%(shown)s point", "%(shown)s points", value, shown=number(value))


def day(text: str) -> Markup:
    """A local day."""
    shown = format_date(date.fromisoformat(text), "medium", locale=_calendar())
    return Markup('<time datetime="{}">{}</time>').format(text, shown)


def local_time(at: str) -> Markup:
    """A journal time in the ledger's own time zone."""
    moment = datetime.fromtimestamp(parse_time(at) // US_PER_SECOND, UTC)
    zone = timezone(timedelta(minutes=g.utc_offset_minutes))
    shown = format_datetime(moment.astimezone(zone), "medium", locale=_calendar())
    return Markup('<time datetime="{}">{}</time>').format(at, shown)


def _calendar() -> Locale:
    """In English the day comes before the month, which is a word, and the day has 24 hours."""
    chosen: Locale = get_locale()
    return Locale("en", "GB") if chosen.language == "en" else chosen


def in_fours(text: str) -> str:
    """A long code in groups that can be typed without losing one's place."""
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def zone_name() -> str:
    """The ledger's time zone, such as `UTC+8`."""
    minutes = g.utc_offset_minutes
    hours, rest = divmod(abs(minutes), 60)
    sign = "−" if minutes < 0 else "+"
    return f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")


def entry_link(seq: int) -> Markup:
    """`No. 1,041`, leading to that entry."""
    href = url_for("console.show_entry", ledger=g.ledger, seq=seq)
    return Markup('<a href="{}">{}</a>').format(href, gettext("No. %(seq)s", seq=number(seq)))


def kind_name(kind: str) -> str:
    """What an id's kind is called."""
    return {
        "member": gettext("member"),
        "org": gettext("organisation"),
        "issuer": gettext("budget"),
        "person": gettext("person"),
        "project": gettext("project"),
        "expired": gettext("expired points"),
        "settled": gettext("settled points"),
        "withdrawn": gettext("withdrawn points"),
        "written-off": gettext("written-off debts"),
    }.get(kind, kind)


def account(name: str) -> Markup:
    """`member k3mv7q…`, leading to the account; held points say whose they are."""
    kind, _, rest = name.partition("/")
    random, _, held = rest.partition("/")
    if not random:
        return Markup("{}").format(kind_name(kind))
    shown = Markup('<a class="id" href="{}">{} <code>{}…</code></a>').format(
        _where(kind, random), kind_name(kind), random[:SHORT_CHARS]
    )
    if held:
        return said(gettext("points set aside of %(account)s"), account=shown)
    return shown


def _where(kind: str, random: str) -> str:
    if kind == "issuer":
        return url_for("console.show_budgets", ledger=g.ledger, _anchor=random)
    return url_for("console.show_account", ledger=g.ledger, kind=kind, random=random)
