"""What the append path takes and what it answers: orders, groups, companions, outcomes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Table

from ledger.journal.book import Made
from ledger.journal.bulk import Lookup
from ledger.journal.commands import Command
from ledger.journal.state import State

GROUP_COMMANDS_MAX = 1_000

CompanionRow = Mapping[str, Any]


class Done(NamedTuple):
    """Entered: the entries `first` to `last`, what was due included; none made: both -1.

    `made` are the entries themselves, unless this answer is `replayed` from an earlier time.
    """

    first: int
    last: int
    made: tuple[Made, ...] = ()
    replayed: bool = False


class Refusal(NamedTuple):
    """Refused by the rule of that id (or by a companion's own word), and nothing was entered."""

    rule: str
    message: str
    replayed: bool = False


class KeyReused(NamedTuple):
    """The idempotency key was used before, for another request; nothing was entered."""

    message: str = (
        "This idempotency key was used for another request: send the same request, or a new key."
    )


class Deferred(NamedTuple):
    """Nothing was entered: what was ordered waits; `replayed` where it did so before."""

    replayed: bool = False
    message: str = "This waits for somebody's decision."


Outcome = Done | Refusal | KeyReused | Deferred


@dataclass(frozen=True, slots=True)
class Companion:
    """Rows of another room that change together with an entry, or refuse it.

    `table`'s primary key is led by `ledger_id`; `keys` are the rows to load under the lock: of one
    further key column its values, of several a tuple of theirs each.  `change` is pure: it gets
    each key's row (None when absent) as the commands before left it, and the command's outcome, and
    returns the new rows, or a refusal.
    """

    table: Table
    keys: tuple[Any, ...]
    change: Callable[
        [Mapping[Any, CompanionRow | None], Done], Mapping[Any, CompanionRow] | Refusal
    ]


CREDENTIAL = "credential"
"""The word of a refusal whose order's credential lasts no longer; nothing is remembered of it."""


class Credentials(NamedTuple):
    """How credentials are asked about: which rows to look up, each with its `id` and `person`.

    `lasts` is pure: it gets such a row, the standing of its person in the log, and the time.
    """

    lookup: Callable[[Collection[str]], Lookup]
    lasts: Callable[[Any, str | None, datetime], bool]


class Deferral(NamedTuple):
    """What is stored in a command's place while it waits for somebody's decision.

    `wanted` is asked under the lock, of the books as the commands before left them and their local
    day; it is pure.  Where one of the companion's rows is there already, the request was deferred
    before, and `wanted` is not asked again; if that was another request under the same key, the
    companion refuses, and the outcome is `KeyReused`.  Nothing is remembered but the companion's
    rows, since the command may still be entered under the same request.
    """

    companion: Companion
    wanted: Callable[[State, str], bool]


HoldCompanions = Mapping[str, Callable[[Any], Companion]]
"""By kind: makes the companion of a stored key, to run with whatever closes the hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A command with what belongs to it.

    Without `command` it is an order of companions alone and makes no entry.  `request` is the
    journal's id of the idempotency key and `fingerprint` that of the whole request; an order
    without them is not remembered.  `on_close` is (kind, key) of a companion for a new hold.
    `credential` is what its sender was admitted by a while ago, if that is to be asked again under
    the lock: where it lasts no longer, the order's whole group is refused with `CREDENTIAL`.
    """

    command: Command | None = None
    request: str | None = None
    fingerprint: bytes | None = None
    companions: tuple[Companion, ...] = ()
    on_close: tuple[str, Any] | None = None
    deferral: Deferral | None = None
    credential: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """1 to 1,000 orders: all or nothing when `atomic`, otherwise each on its own.

    Where they are the parts of one request, a key of it that was used for another refuses all.
    """

    orders: tuple[Order, ...]
    atomic: bool = True

    @property
    def is_one_request(self) -> bool:
        """Whether its orders are the parts of one request: they bear one fingerprint."""
        fingerprint = self.orders[0].fingerprint
        return fingerprint is not None and all(
            order.fingerprint == fingerprint for order in self.orders
        )

    def __post_init__(self) -> None:
        if not 1 <= len(self.orders) <= GROUP_COMMANDS_MAX:
            raise ValueError(
                f"a group has 1 to {GROUP_COMMANDS_MAX} orders, got {len(self.orders)}"
            )
