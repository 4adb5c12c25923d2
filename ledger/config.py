"""The settings: where things lie and what the outside calls us.  Each has a default.

Settings come from the environment, named `POINTS_<NAME>`; the README has the same table.  One that
is empty is not set, here and wherever else they are read; but an empty passphrase is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ledger.errors import ConfigError


class RateLimit(NamedTuple):
    """Requests a minute, in each worker process: of one token to read and to change, of strangers.

    Strangers are all without a valid token who share a network address.
    """

    reads: int = 12_000
    writes: int = 12_000
    strangers: int = 600


RETENTION_YEARS = 10
"""GB/T 40143-2021 asks organisations to keep service records at least so long."""

_YEARS_MAX = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation is configured with."""

    data: Path
    database_url: str
    passphrase_file: Path | None
    public_host: str
    host: str
    port: int
    rate_limit: RateLimit | None
    retention_years: int = RETENTION_YEARS

    @property
    def keys(self) -> Path:
        """The directory that holds a directory of keys for each ledger."""
        return self.data / "keys"

    @property
    def high_water(self) -> Path:
        """The directory of the high-water files, one a ledger."""
        return self.data / "high-water"

    @property
    def evidence(self) -> Path:
        """The directory that holds a directory of encrypted files for each ledger."""
        return self.data / "evidence"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in `environ`; `ConfigError` when one of them cannot be used."""
    data = Path(environ.get("POINTS_DATA") or ".data").absolute()
    passphrase_file = environ.get("POINTS_PASSPHRASE_FILE")
    return Settings(
        data=data,
        database_url=environ.get("POINTS_DATABASE_URL") or f"sqlite:///{data}/points.db",
        passphrase_file=Path(passphrase_file) if passphrase_file else None,
        public_host=environ.get("POINTS_PUBLIC_HOST") or "localhost:8000",
        host=environ.get("POINTS_HOST") or "127.0.0.1",
        port=_port(environ.get("POINTS_PORT") or "8000"),
        rate_limit=_rate_limit(environ.get("POINTS_RATE_LIMIT", "")),
        retention_years=_years(environ.get("POINTS_RETENTION_YEARS") or str(RETENTION_YEARS)),
    )


def _rate_limit(text: str) -> RateLimit | None:
    if text == "off":
        return None
    named = dict(part.partition("=")[::2] for part in text.split(",") if part)
    numbers = {name: int(number) for name, number in named.items() if _is_rate(number)}
    if len(numbers) < len(named) or not set(named) <= set(RateLimit._fields):
        raise ConfigError(
            f"POINTS_RATE_LIMIT is {text[:60]!r}, wanted `off`, or requests a minute such as"
            " reads=12000,writes=12000,strangers=600."
        )
    return RateLimit(**numbers)


def _years(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) < 4
    if not (is_number and RETENTION_YEARS <= int(text) <= _YEARS_MAX):
        raise ConfigError(
            f"POINTS_RETENTION_YEARS is {text[:20]!r}, wanted {RETENTION_YEARS} to {_YEARS_MAX}"
            " years."
        )
    return int(text)


def _is_rate(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):
        raise ConfigError(f"POINTS_PORT is {text[:20]!r}, wanted a number from 1 to 65535.")
    return int(text)
