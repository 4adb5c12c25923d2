"""The settings: where things lie and what the outside calls us.  Each has a default.

Settings come from the environment, named `POINTS_<NAME>`; the README has the same table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ledger.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation is configured with."""

    data: Path
    database_url: str
    passphrase_file: Path | None
    public_host: str
    host: str
    port: int

    @property
    def keys(self) -> Path:
        """The directory that holds a directory of keys for each ledger."""
        return self.data / "keys"

    @property
    def high_water(self) -> Path:
        """The directory of the high-water files, one a ledger."""
        return self.data / "high-water"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in `environ`; `ConfigError` when one of them cannot be used."""
    data = Path(environ.get("POINTS_DATA", ".data")).absolute()
    passphrase_file = environ.get("POINTS_PASSPHRASE_FILE")
    return Settings(
        data=data,
        database_url=environ.get("POINTS_DATABASE_URL", f"sqlite:///{data}/points.db"),
        passphrase_file=Path(passphrase_file) if passphrase_file else None,
        public_host=environ.get("POINTS_PUBLIC_HOST", "localhost:8000"),
        host=environ.get("POINTS_HOST", "127.0.0.1"),
        port=_port(environ.get("POINTS_PORT", "8000")),
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):
        raise ConfigError(f"POINTS_PORT is {text[:20]!r}, wanted a number from 1 to 65535.")
    return int(text)
