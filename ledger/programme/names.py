"""Outside references: what another system calls an account.

A reference never enters the log and is not kept in clear: it is stored, and found again, as a blind
index under a secret of the ledger.  It is taken in Unicode's form NFC, so that the same name typed
on two machines is one.  A reference belongs to one account for good.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from ledger.journal.entry import to_base64
from ledger.journal.keys import KeyRing
from ledger.journal.orders import Companion, CompanionRow, Done, Refusal
from ledger.programme.tables import outside_name

REFERENCE_CHARACTERS_MAX = 200
TAKEN = "reference-taken"

# Han characters that were added to Unicode after Python's tables were made, many of them for names
# of people, and the private ones that older systems wrote in the place of such.
_HAN_TO_COME = re.compile("[\ue000-\uf8ff\U00020000-\U0002fffd\U00030000-\U0003fffd]")


def is_printable(text: str) -> bool:
    """Whether every character can be seen, or is a space: no control, no turn of direction."""
    return _HAN_TO_COME.sub("", text).isprintable()


def reference_index(keys: KeyRing, reference: str) -> str:
    """What a reference is stored and found by."""
    return to_base64(keys.blind_index("reference", unicodedata.normalize("NFC", reference)))


def naming(index: str, account: str) -> Companion:
    """Gives the reference of that index to `account`, or refuses with `TAKEN`."""

    def change(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        if rows[index] is not None:
            return Refusal(
                TAKEN, "another account has this reference already: look that account up by it"
            )
        return {index: {"index": index, "account": account}}

    return Companion(outside_name, (index,), change)


def account_called(conn: Connection, ledger_id: int, index: str) -> str | None:
    """The account that the reference of that index belongs to."""
    query = select(outside_name.c.account).where(
        outside_name.c.ledger_id == ledger_id, outside_name.c.index == index
    )
    account: str | None = conn.execute(query).scalar_one_or_none()
    return account
