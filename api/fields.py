"""Fields of requests, each of exactly one JSON type.

`Formed` takes the journal's own forms (`ledger.journal.entry`), so that the API takes what an entry
can say: no float, boolean or text where a whole number belongs.  Days and times lie in the years
1900 to 2999.
"""

from __future__ import annotations

import re
from typing import Any

import orjson
from marshmallow import ValidationError, fields, validate

from ledger.journal import entry as e
from ledger.journal import times
from ledger.programme.names import REFERENCE_CHARACTERS_MAX, is_printable

PAGE_MAX = 200
WAIT_SECONDS_MAX = 10

_YEARS = ("1900", "2999")
_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2}T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d{1,6}))?Z", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SCHEMAS: dict[str, dict[str, Any]] = {
    "keys": {"type": "array", "items": {"type": "string"}},
    "ref": {
        "type": "object",
        "properties": {"commitment": {"type": "string"}, "id": {"type": "string"}},
        "required": ["commitment", "id"],
    },
    "transfers": {
        "type": "array",
        "maxItems": e.TRANSFER_RULES_MAX,
        "items": {
            "type": "object",
            "properties": {
                "from": {"type": "string"},
                "limit": {"type": "integer"},
                "purpose": {"type": "string"},
                "to": {"type": "string"},
            },
            "required": ["from", "limit", "purpose", "to"],
        },
    },
    "integer": {"type": "integer"},
}


def id_form(kind: str) -> e.Form:
    """The form of the ids of one kind."""
    return e.Form("id", f'"{kind}/{e.RANDOM}"', f"`{kind}/…`")


ANY_ID = e.Form("id", f'"[a-z]+/{e.RANDOM}"', "a kind, `/`, 26 characters")
ORGANISATION = id_form("org")


class Formed(fields.Field[Any]):
    """A value of one of the journal's forms."""

    def __init__(self, form: e.Form, *, description: str | None = None, **rest: Any) -> None:
        self._form = form
        self._matches = re.compile(form.text.encode("ascii"), re.ASCII).fullmatch
        super().__init__(metadata=_described(form, description), **rest)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        form = self._form
        try:
            raw = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:
            raw = b""  # an integer beyond 64 bits, which no form has
        # A float such as 25.0 is spelled with its point and so never passes for 25.
        if not self._matches(raw) or (form.holds is not None and not form.holds(value)):
            raise ValidationError(f"Wanted {form.name}: {form.says}.")
        if form is e.DATE and not _YEARS[0] <= value[:4] <= _YEARS[1]:
            raise ValidationError("Wanted a day in the years 1900 to 2999.")
        return value


class Time(fields.Field[str]):
    """A time in UTC as RFC 3339 spells it, with `Z` and at most six decimals."""

    def __init__(self, *, description: str | None = None, **rest: Any) -> None:
        metadata = {"type": "string", "format": "date-time"} | _saying(description)
        super().__init__(metadata=metadata, **rest)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        found = _RFC3339.fullmatch(value) if isinstance(value, str) else None
        if found is None or not times.is_day(value[:10]) or not _YEARS[0] <= value[:4] <= _YEARS[1]:
            raise ValidationError(
                "Wanted a time in UTC of the years 1900 to 2999, such as 2026-11-24T02:03:04Z."
            )
        return f"{found[1]}.{found[2] or '':0<6}Z"


class Moment(Time):
    """A time as above, or a local day; a day stays as it is."""

    def __init__(self, *, description: str | None = None, **rest: Any) -> None:
        super().__init__(description=description, **rest)
        self.metadata["format"] = "date or date-time"

    def _deserialize(self, value: Any, *rest: Any, **more: Any) -> str:
        if isinstance(value, str) and _DAY.fullmatch(value):
            if times.is_day(value) and _YEARS[0] <= value[:4] <= _YEARS[1]:
                return value
            raise ValidationError("Wanted a day in the years 1900 to 2999.")
        return super()._deserialize(value, *rest, **more)


class Flag(fields.Field[bool]):
    """`true` or `false`, and nothing that is merely taken for one."""

    def __init__(self, *, description: str | None = None, **rest: Any) -> None:
        super().__init__(metadata={"type": "boolean"} | _saying(description), **rest)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("Wanted true or false.")
        return value


class Reference(fields.String):
    """A name that another system has for something: 1 to 200 characters, trimmed, printable."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(
            validate=[validate.Length(1, REFERENCE_CHARACTERS_MAX), _printable], **rest
        )


class Reason(fields.String):
    """Why something is asked for, in a person's words: 1 to 2,000 characters, lines allowed.

    It is kept as a record, encrypted, and nowhere else.
    """

    def __init__(self, **rest: Any) -> None:
        super().__init__(validate=[validate.Length(1, 2_000), _legible], **rest)


class Count(fields.Field[int]):
    """A whole number in a query, as its decimal digits."""

    def __init__(self, low: int, high: int, *, description: str | None = None, **rest: Any) -> None:
        self._low, self._high = low, high
        metadata = {"type": "integer", "minimum": low, "maximum": high} | _saying(description)
        super().__init__(metadata=metadata, **rest)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if not re.fullmatch(r"0|[1-9]\d{0,15}", value, re.ASCII) or not (
            self._low <= int(value) <= self._high
        ):
            raise ValidationError(f"Wanted a whole number from {self._low} to {self._high}.")
        return int(value)


def limit() -> Count:
    """How many items of a list are wanted."""
    return Count(1, PAGE_MAX, load_default=50)


class After(fields.String):
    """Where a list of who was where goes on: after an id and a first day, which are its value."""

    def __init__(self, form: e.Form, says: str) -> None:
        who = form.text.strip('"')
        self._shape = re.compile(rf"({who})@(\d{{4}}-\d\d-\d\d)", re.ASCII)
        super().__init__(
            validate=validate.Regexp(self._shape),
            load_default=None,
            metadata={"description": f"{says}, as `Link` names them"},
        )

    def deserialize(self, value: Any, *rest: Any, **more: Any) -> Any:
        found = self._shape.fullmatch(super().deserialize(value, *rest, **more) or "")
        return found and found.groups()


def _saying(description: str | None) -> dict[str, Any]:
    return {"description": description} if description else {}


def _printable(text: str) -> None:
    if not is_printable(text) or text != text.strip():
        raise ValidationError("Wanted printable characters, without spaces at the ends.")


def _described(form: e.Form, description: str | None) -> dict[str, Any]:
    schema = dict(_SCHEMAS.get(form.name, {"type": "string"}))
    if schema == {"type": "string"}:
        schema["pattern"] = "^" + form.text.strip('"').replace(r"\d", "[0-9]") + "$"
    schema["description"] = f"{description}; {form.says}" if description else form.says
    return schema


def _legible(text: str) -> None:
    if not text.strip() or not is_printable(text.replace("\n", "")):
        raise ValidationError("Wanted printable characters and line ends.")
