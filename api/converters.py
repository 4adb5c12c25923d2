"""What a part of a path is: a ledger's name, the end of an id, the number of an entry."""

from __future__ import annotations

from typing import Any

from werkzeug.routing import BaseConverter, ValidationError

from ledger.journal.entry import LEDGER_NAME, POINTS_MAX


class LedgerName(BaseConverter):
    """A ledger's name."""

    regex = LEDGER_NAME


class Id(BaseConverter):
    """What follows the `/` in an id."""

    regex = "[a-z2-7]{25}[aeimquy4]"


class Seq(BaseConverter):
    """An entry's number."""

    regex = r"0|[1-9][0-9]{0,15}"

    def to_python(self, value: str) -> int:
        seq = int(value)
        if seq > POINTS_MAX:
            raise ValidationError
        return seq


CONVERTERS: dict[str, type[BaseConverter]] = {"ledger": LedgerName, "id": Id, "seq": Seq}
"""Each by the name that rules call it by."""


def described(converter: BaseConverter) -> dict[str, Any]:
    """How OpenAPI describes what one of these takes."""
    if isinstance(converter, Seq):
        return {"type": "integer", "minimum": 0, "maximum": POINTS_MAX, "description": "an entry"}
    says = (
        "a ledger's name" if isinstance(converter, LedgerName) else "what follows the `/` in an id"
    )
    return {"type": "string", "pattern": f"^{converter.regex}$", "description": says}
