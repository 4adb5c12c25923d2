"""The books as values: what the rules of `book.py` read and change.

A state is a handful of tables (dictionaries) and a head.  `Books` keeps them whole: it is what an
offline check builds up, entry by entry.  `Overlay` lies over another state and remembers only what
changed, so that a command or a group of them can be dropped without a trace.  Nothing here does
input or output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from ledger.journal.entry import FIXED_ACCOUNTS, Entry
from ledger.journal.parts import Parts


class Account(NamedTuple):
    """One account after some entry.

    `last` is the `seq` of its last posting (before the first: of the entry that opened it) and
    `nonce` that entry's; `count` the number of its postings.  `holds` are its open holds' `seq`s,
    oldest first, and `until` the soonest time that one of them is due (empty without holds).
    """

    balance: int
    last: int
    nonce: str
    count: int = 0  # type: ignore[assignment]  # nobody counts in an account: hides tuple.count
    dated: Parts = ()
    open: bool = True
    holds: tuple[int, ...] = ()
    until: str = ""


class Hold(NamedTuple):
    """Points of `account` set aside for `payee`; `lots` are all its parts, none left: closed."""

    account: str
    payee: str
    until: str
    lots: Parts


class Budget(NamedTuple):
    """What an issuer may issue: up to `limit`, for the local days `first` to `last`, a project."""

    limit: int
    first: str
    last: str
    project: str | None


class Policy(NamedTuple):
    """A published policy, known by the `seq` of its entry, in force from the day `first`."""

    seq: int
    first: str
    grant_limit: int
    reversal_limit: int
    hold_days: int
    transfers: dict[tuple[str, str, str], int]


class Service(NamedTuple):
    """A `service` entry: whose, the first of its chain, whether the last, and on the first
    the `seq` of the unreversed credit that the chain bears (0: none)."""

    member: str
    root: int
    minutes: int
    effective_at: str
    last: bool = True
    credit: int = 0


class KeySet(NamedTuple):
    """The log's keys from one `ledger` or `key` entry on, and the hash of those that follow."""

    vkeys: tuple[str, ...]
    next: str


class Head(NamedTuple):
    """Where the log stands: `size` entries, the last one's time, and what entry 0 fixed."""

    size: int = 0
    at: str = ""
    origin: str = ""
    utc_offset_minutes: int = 0


Change = tuple[str, Any, Any]
"""(table, key, new value): one row of one table after an entry."""

TABLES = (
    "accounts",
    "holds",
    "budgets",
    "policies",
    "persons",
    "services",
    "reversed",
    "requests",
    "keys",
)


class State(Protocol):
    """What the rules may ask; a key that is not there is None."""

    head: Head

    def account(self, name: str) -> Account | None:
        """The account of that name."""

    def request(self, request: str) -> int | None:
        """The `seq` of the entry that carries this request."""

    def get(self, table: str, key: Any) -> Any:
        """One row of one of `TABLES`."""

    def rows(self, table: str) -> Iterable[tuple[Any, Any]]:
        """All rows of a table, in order of their keys."""

    def policies(self) -> Iterable[Policy]:
        """All policies, in the order in which they were published."""

    def original(self, seq: int) -> Entry | None:
        """An earlier entry, read back from where the log is kept."""

    def apply(self, head: Head, changes: Iterable[Change]) -> None:
        """Takes over an entry's changes and the head after it."""


def fixed_accounts(nonce: str) -> list[Change]:
    """The four accounts that exist from entry 0 on, whose nonce they bear."""
    return [("accounts", name, Account(0, 0, nonce)) for name in FIXED_ACCOUNTS]


class Books:
    """A whole state in memory.

    `read` gives back an earlier entry by its `seq`; `beside` names tables that the book does not
    know, kept for the owner.
    """

    def __init__(
        self,
        read: Callable[[int], Entry | None],
        head: Head | None = None,
        beside: Iterable[str] = (),
    ) -> None:
        self.head = head or Head()
        self.tables: dict[str, dict[Any, Any]] = {name: {} for name in (*TABLES, *beside)}
        self.account: Callable[[str], Account | None] = self.tables["accounts"].get
        self.request: Callable[[str], int | None] = self.tables["requests"].get
        self.policies: Callable[[], Iterable[Policy]] = self.tables["policies"].values
        self.original = read

    def get(self, table: str, key: Any) -> Any:
        """One row of one of `TABLES`, None when it is not there."""
        return self.tables[table].get(key)

    def put(self, table: str, key: Any, row: Any) -> None:
        """Sets one row."""
        self.tables[table][key] = row

    def rows(self, table: str) -> list[tuple[Any, Any]]:
        """All rows of a table, in order of their keys."""
        return sorted(self.tables[table].items(), key=lambda row: row[0])

    def apply(self, head: Head, changes: Iterable[Change]) -> None:
        """Takes over an entry's changes and the head after it."""
        self.head = head
        tables = self.tables
        for table, key, value in changes:
            tables[table][key] = value


class Working(Books):
    """Books that take over overlays and know what these changed, by table."""

    def __init__(
        self, read: Callable[[int], Entry | None], head: Head, beside: Iterable[str] = ()
    ) -> None:
        super().__init__(read, head, beside)
        self.changed: dict[str, dict[Any, Any]]
        self.forget_changed()

    def forget_changed(self) -> None:
        """From here on, only what changes then is told as changed."""
        self.changed = {name: {} for name in self.tables}

    def put(self, table: str, key: Any, row: Any) -> None:
        """Sets one row."""
        self.tables[table][key] = self.changed[table][key] = row

    def merge(self, upper: Overlay) -> None:
        """Takes over all that an overlay on these books changed."""
        self.head = upper.head
        tables, changed = self.tables, self.changed
        for (table, key), row in upper.own.items():
            tables[table][key] = changed[table][key] = row


class Overlay:
    """Changes over a state below, which stays as it is until `merge`.

    It also carries what its owner keeps beside the books under tables of other names, as long as
    the state at the bottom knows those tables.
    """

    __slots__ = ("_entries", "_policies", "below", "head", "own")

    def __init__(self, below: State) -> None:
        self.below = below
        self.head = below.head
        self.own: dict[tuple[str, Any], Any] = {}
        self._entries: dict[int, Entry] = {}
        self._policies: tuple[Policy, ...] = ()

    @property
    def changed(self) -> dict[str, dict[Any, Any]]:
        """The rows that changed, by table; only tables of which some did."""
        changed: dict[str, dict[Any, Any]] = {}
        for (table, key), row in self.own.items():
            changed.setdefault(table, {})[key] = row
        return changed

    def get(self, table: str, key: Any) -> Any:
        """One row, None when it is not there."""
        own = self.own.get((table, key))
        return own if own is not None else self.below.get(table, key)

    def put(self, table: str, key: Any, row: Any) -> None:
        """Sets one row."""
        self.own[table, key] = row

    def account(self, name: str) -> Account | None:
        """The account of that name."""
        own: Account | None = self.own.get(("accounts", name))
        return own if own is not None else self.below.account(name)

    def request(self, request: str) -> int | None:
        """The `seq` of the entry that carries this request."""
        own: int | None = self.own.get(("requests", request))
        return own if own is not None else self.below.request(request)

    def rows(self, table: str) -> Iterator[tuple[Any, Any]]:
        """All rows of a table, in order of their keys."""
        merged = dict(self.below.rows(table)) | self.changed.get(table, {})
        return iter(sorted(merged.items(), key=lambda row: row[0]))

    def policies(self) -> Iterable[Policy]:
        """All policies, in the order in which they were published."""
        below = self.below.policies()
        return (*below, *self._policies) if self._policies else below

    def original(self, seq: int) -> Entry | None:
        """An earlier entry, one of this overlay's own included."""
        own = self._entries.get(seq)
        return own if own is not None else self.below.original(seq)

    def apply(self, head: Head, changes: Iterable[Change]) -> None:
        """Takes over an entry's changes and the head after it."""
        self.head = head
        own = self.own
        for table, key, row in changes:
            own[table, key] = row
            if table == "policies":
                self._policies = (*self._policies, row)

    def remember(self, entry: Entry) -> None:
        """Keeps an entry of this overlay for commands that name it."""
        self._entries[entry["seq"]] = entry

    def merge(self, upper: Overlay) -> None:
        """Takes over all that an overlay on top of this one changed."""
        self.head = upper.head
        self.own.update(upper.own)
        self._entries.update(upper._entries)
        self._policies += upper._policies
