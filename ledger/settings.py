"""The settings that there are: what each is now, its default, and which law asks for it.

    settings_of()   all of them, as an environment has them; nothing secret is in it
    faults_of()     which of them cannot be used, in sentences
    want_usable()   the first of these raised, before what would stumble over it later

Each room reads its own; here is the table of them all, which a test compares with what is read and
with the README's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from ledger.config import Settings, read_settings
from ledger.errors import ConfigError
from ledger.programme.calendar import read_calendar
from ledger.programme.channels import channels
from ledger.programme.delivery import read_quiet_hours

PREFIX = "POINTS_"
_LIMITS = "reads=12000,writes=12000,strangers=600"


class Known(NamedTuple):
    """A setting: its default (None for none), what it is, which law asks for it, if any does.

    `shows` gives what may be seen of a value.
    """

    default: str | None
    says: str
    source: str | None = None
    shows: Callable[[str], str] = str


class Setting(NamedTuple):
    """A setting as it is now; `value` is the default where it is not set."""

    name: str
    value: str | None
    default: str | None
    set: bool
    says: str
    source: str | None


def _hidden(_: str) -> str:
    return "(set, not shown)"


def _without_secrets(text: str) -> str:
    """A URL without its password and the values of its query; not at all where it is none."""
    try:
        url = urlsplit(text)
        host = url.hostname or ""
        where = f"{host}:{url.port}" if url.port else host
    except ValueError:
        return "(set, and no URL)"
    if not url.scheme:
        return "(set, and no URL)"
    user = f"{url.username}{':***' if url.password is not None else ''}@" if url.username else ""
    query = re.sub(r"=[^&]*", "=***", url.query)
    shown = SplitResult(url.scheme, user + where, url.path, query, "").geturl()
    # An empty host has its slashes all the same, as in sqlite:///path.
    return shown if user or where else f"{url.scheme}://{url.path}{'?' if query else ''}{query}"


_SAFE = "个人信息保护法 51"
KNOWN: Mapping[str, Known] = {
    "POINTS_DATA": Known(
        ".data", "directory of keys, high-water files, evidence and the embedded database", _SAFE
    ),
    "POINTS_DATABASE_URL": Known(
        "sqlite:///<POINTS_DATA>/points.db",
        "the database, on SQLite or PostgreSQL",
        shows=_without_secrets,
    ),
    "POINTS_PASSPHRASE_FILE": Known(
        None, "file with the passphrase of the keys", f"{_SAFE} (3): encryption"
    ),
    "POINTS_PASSPHRASE": Known(
        None, "the passphrase itself", f"{_SAFE} (3): encryption", shows=_hidden
    ),
    "POINTS_PUBLIC_HOST": Known("localhost:8000", "the host in the origin of new ledgers"),
    "POINTS_HOST": Known("127.0.0.1", "address to listen on"),
    "POINTS_PORT": Known("8000", "port to listen on"),
    "POINTS_RATE_LIMIT": Known(
        _LIMITS, "requests a minute of one token and worker process, or off", _SAFE
    ),
    "POINTS_LEDGER": Known(None, "the ledger that commands mean where none is named"),
    "POINTS_SMTP": Known(None, "mail server for messages", shows=_without_secrets),
    "POINTS_SMTP_PASSWORD_FILE": Known(None, "file with its password"),
    "POINTS_MAIL_FROM": Known(None, "address that mail comes from"),
    "POINTS_SMS_URL": Known(
        None, "service that takes messages for telephones", shows=_without_secrets
    ),
    "POINTS_SMS_SECRET_FILE": Known(None, "file with its secret"),
    "POINTS_QUIET_HOURS": Known("21-8", "hours in which nothing is sent but codes, or off"),
    "POINTS_RETENTION_YEARS": Known(
        "10",
        "years for which records are kept, restricted, before they are destroyed",
        "GB/T 40143-2021: at least 10 years; 个人信息保护法 47",
    ),
    "POINTS_CALENDAR": Known(
        None,
        "file with holidays and worked weekends of further years",
        "志愿服务记录与证明出具办法（试行） 11: working days; 全国年节及纪念日放假办法",
    ),
}
"""By their names, in the order in which they are told."""


def settings_of(environ: Mapping[str, str]) -> list[Setting]:
    """All settings as this environment has them, without anything secret."""
    return [
        Setting(
            name,
            known.shows(environ[name]) if environ.get(name) else known.default,
            known.default,
            bool(environ.get(name)),
            known.says,
            known.source,
        )
        for name, known in KNOWN.items()
    ]


_READERS: tuple[Callable[[Mapping[str, str]], Any], ...] = (
    read_settings,
    read_quiet_hours,
    read_calendar,
    channels,
)


def want_usable(environ: Mapping[str, str]) -> Settings:
    """What `read_settings` gives, once all others can be used as well; else `ConfigError`."""
    for read in _READERS:
        read(environ)
    return read_settings(environ)


def faults_of(environ: Mapping[str, str]) -> list[str]:
    """What of it cannot be used, and what is set and no setting, in sentences; changes nothing."""
    faults = []
    for read in _READERS:
        try:
            read(environ)
        except ConfigError as error:
            faults.append(str(error))
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in KNOWN)
    return faults + [f"{name[:60]} is set, and there is no such setting." for name in unknown]
