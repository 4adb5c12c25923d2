"""Names of ledgers and their logs."""

from __future__ import annotations

import re

from ledger.errors import ConfigError
from ledger.journal.entry import HOST, LEDGER_NAME

_NAME = re.compile(LEDGER_NAME, re.ASCII)
_HOST = re.compile(HOST, re.ASCII)


RESERVED = frozenset({"operator"})
"""A token of that name is the operator's, of no ledger."""


def check_ledger_name(name: str) -> str:
    """The name itself, 3 to 32 characters; `ConfigError` when a ledger cannot be called so."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"A ledger cannot be called {name[:40]!r}: 3 to 32 characters, lower-case letters,"
            " digits and hyphens, a letter first."
        )
    if name in RESERVED:
        raise ConfigError(f"A ledger cannot be called {name!r}: the software takes that name.")
    return name


def origin_of(public_host: str, name: str) -> str:
    """The origin of a ledger's log, under which it is served, fixed for ever."""
    if not _HOST.fullmatch(public_host):
        raise ConfigError(
            f"The public host is {public_host[:80]!r}, wanted a host name in lower case with an"
            " optional port, such as points.example.org."
        )
    return f"{public_host}/log/{name}"
