"""Days as people write them in tables."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

_DAY = re.compile(
    r"(\d{4})(?:(?P<sep>[-/.])(\d{1,2})(?P=sep)(\d{1,2})|年(\d{1,2})月(\d{1,2})日?|(\d\d)(\d\d))"
    r"(?: 00:00:00)?",
    re.ASCII,
)
YEARS = range(1900, 2100)


def read_day(text: str) -> date | None:
    """The day that a cell says, year first: 2026-1-2, 2026/01/02, 2026.1.2, 20260102, 2026年1月2日.

    Full-width digits are read too.  None for what is no day of 1900 to 2099; a day in another order
    is none, because 3/4 is two days.
    """
    found = _DAY.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if found is None:
        return None
    year, month, day = (int(part) for part in found.groups() if part and part.isdigit())
    if year not in YEARS:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None
