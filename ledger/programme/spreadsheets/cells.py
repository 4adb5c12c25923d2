"""Cells as text, in and out.

What a spreadsheet would take for a formula gets an apostrophe before it on the way out, and loses
it on the way in, so that a report which comes back corrected says what it said.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time
from typing import Any

_FORMULA = "=+-@\t\r\n"
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


def read_cell(value: Any) -> str:
    """What a cell of a workbook shows, as text: numbers without `.0`, days as YYYY-MM-DD."""
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case float() if value.is_integer():
            return str(int(value))
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime():
            return value.isoformat(" ", "seconds")
        case date() | time():
            return value.isoformat()
        case _:
            return read_text(str(value))


def read_text(text: str) -> str:
    """A cell without the spaces around it, and without the apostrophe that `shown` puts."""
    text = text.strip()
    return text[1:] if text.startswith("'") and _is_formula(text[1:]) else text


def shown(text: str) -> str:
    """A cell that no spreadsheet program runs (OWASP, CSV Injection)."""
    text = _CONTROLS.sub("", text)
    return f"'{text}" if _is_formula(text) else text


def _is_formula(text: str) -> bool:
    # Programs skip spaces and apostrophes differ: whatever comes first is what counts.
    bare = text.lstrip(" \u00a0\u3000\u200b\ufeff'")
    return bool(bare) and unicodedata.normalize("NFKC", bare[0])[:1] in _FORMULA
