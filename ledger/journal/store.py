"""The books in the database: what a batch needs is loaded as a `Books`, what it changed is saved.

Rows are the values of `state.py`; lists are kept as JSON text.  All reading and writing goes by
sets, in a fixed number of statements (`bulk.py`), and only inside a transaction of the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    bindparam,
    select,
)

from ledger.db import DATABASE_NOW
from ledger.errors import LedgerStopped
from ledger.journal import tables as t
from ledger.journal.bulk import Lookup, key_columns, look_up, write
from ledger.journal.entry import Entry, decode
from ledger.journal.parts import Parts
from ledger.journal.state import (
    Account,
    Budget,
    Head,
    Hold,
    KeySet,
    Policy,
    Service,
    Working,
)
from ledger.tlog.errors import RangeError
from ledger.tlog.merkle import CompactRange, Subtree


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _pairs(text: str) -> Parts:
    return () if text == "[]" else tuple((day, points) for day, points in orjson.loads(text))


_ACCOUNT = tuple(column for column in t.account.c if column.name not in ("ledger_id", "lapses"))


_ALL_ACCOUNTS = (
    select(*_ACCOUNT)
    .where(t.account.c.ledger_id == bindparam("of_ledger"))
    .order_by(t.account.c.name)
)


def read_accounts(
    conn: Connection, ledger_id: int, names: Collection[str] | None = None
) -> dict[str, Account]:
    """The accounts of these names, or all of a ledger in order of name."""
    wanted = _ALL_ACCOUNTS if names is None else _accounts(names)
    return _accounts_of(look_up(conn, ledger_id, [wanted])[0])


def _accounts(names: Collection[str]) -> Lookup:
    return Lookup(_ACCOUNT, t.account.c.name, names)


def _accounts_of(rows: Iterable[Any]) -> dict[str, Account]:
    return {
        name: Account(
            balance,
            last,
            nonce,
            count,
            _pairs(dated),
            open_,
            () if holds == "[]" else tuple(orjson.loads(holds)),
            until,
        )
        for name, balance, last, nonce, count, dated, open_, holds, until in rows
    }


def _keys(
    table: Table, by: Column[Any], keys: Collection[Any], *conditions: ColumnElement[bool]
) -> Lookup:
    return Lookup(tuple(table.c), by, keys, conditions)


@cache
def _all_of(table: Table) -> Select[Any]:
    mine = table.c.ledger_id == bindparam("of_ledger")
    return select(table).where(mine).order_by(*key_columns(table))


def account_row(name: str, account: Account) -> tuple[Any, ...]:
    """The values of a row of `account`."""
    dated, holds = account.dated, account.holds
    return (
        name,
        account.balance,
        account.last,
        account.nonce,
        account.count,
        _json(dated) if dated else "[]",
        account.open,
        _json(holds) if holds else "[]",
        account.until,
        dated[0][0] if dated else "",
    )


def policy_of(row: Row[Any]) -> Policy:
    """A row of `policy` as the book has it."""
    transfers = {
        (purpose, giver, receiver): limit
        for purpose, giver, receiver, limit in orjson.loads(row.transfers)
    }
    return Policy(row.seq, row.first, row.grant_limit, row.reversal_limit, row.hold_days, transfers)


def _policy_row(seq: int, policy: Policy) -> tuple[Any, ...]:
    transfers = [[*way, limit] for way, limit in sorted(policy.transfers.items())]
    return (
        seq,
        policy.first,
        policy.grant_limit,
        policy.reversal_limit,
        policy.hold_days,
        _json(transfers),
    )


class Position(NamedTuple):
    """The head row: the head of the books and the right edge of the tree."""

    head: Head
    edge: CompactRange


_HEAD = select(t.head).where(t.head.c.ledger_id == bindparam("of_ledger"))
_LOCKED_HEAD = _HEAD.with_for_update()


def load_position(
    conn: Connection, ledger_id: int, origin: str, *, lock: bool = False
) -> Position | None:
    """The ledger's head, locked against other appenders if so asked; None without a head row."""
    return _position(look_up(conn, ledger_id, [_LOCKED_HEAD if lock else _HEAD])[0], origin)


def _position(rows: Sequence[Any], origin: str) -> Position | None:
    if not rows:
        return None
    (row,) = rows
    head = Head(row.size, row.at, origin if row.size else "", row.utc_offset_minutes)
    return Position(head, decode_edge(row.size, row.edge))


def lock_head(
    conn: Connection, ledger_id: int, origin: str
) -> tuple[Position | None, datetime | None]:
    """The ledger's head, locked against other appenders, and the time that the database then tells.

    No head without a head row, no time from a database without a clock of its own.
    """
    asked = [_LOCKED_HEAD, DATABASE_NOW] if conn.dialect.name == "postgresql" else [_LOCKED_HEAD]
    rows, *told = look_up(conn, ledger_id, asked)
    return _position(rows, origin), told[0][0].now if told else None


def decode_edge(size: int, raw: bytes) -> CompactRange:
    """A stored right edge; `LedgerStopped` when it is not one of that size."""
    try:
        return CompactRange.decode(size, bytes(raw))
    except RangeError as error:
        raise LedgerStopped("The stored edge of the tree is damaged. Restore a backup.") from error


class Wanted(NamedTuple):
    """What a batch refers to, first round: keys that commands name."""

    requests: Collection[str]
    holds: Collection[int]
    originals: Collection[int]


class Touched(NamedTuple):
    """What a batch refers to, second round: known once holds and originals are."""

    accounts: Collection[str]
    services: Collection[int]
    people: Collection[str]
    all_accounts: bool
    all_budgets: bool
    keys: bool


class StoredRequest(NamedTuple):
    """The remembered outcome of one request."""

    fingerprint: bytes | None
    first: int | None
    last: int | None
    rule: str | None
    message: str | None


_STILL_OPEN = t.hold.c.lots != "[]"

BESIDE = ("answers", "closings", "companions")
"""What a batch keeps beside the books: answers by request, (kind, key) of the companion that runs
when a hold closes by its `seq`, and companions' rows by (table, key)."""


class Loaded:
    """What one batch reads: the books as far as it touches them, and what is kept beside them."""

    def __init__(self, conn: Connection, ledger_id: int, head: Head) -> None:
        self._conn = conn
        self._ledger_id = ledger_id
        self._originals: dict[int, Entry] = {}
        self.books = Working(self._originals.get, head, BESIDE)

    def first(self, wanted: Wanted, beside: Sequence[Lookup] = ()) -> list[Sequence[Any]]:
        """Requests, holds and originals that commands name; the rows of what is asked beside."""
        requests, holds, entries, reversed_, *others = self._look_up(
            _keys(t.request, t.request.c.request, wanted.requests),
            _keys(t.hold, t.hold.c.seq, wanted.holds),
            _keys(t.entry, t.entry.c.seq, wanted.originals),
            _keys(t.reversed_, t.reversed_.c.seq, wanted.originals),
            *beside,
        )
        for row in requests:
            fingerprint = None if row.fingerprint is None else bytes(row.fingerprint)
            stored = StoredRequest(fingerprint, row.first, row.last, row.rule, row.message)
            self.books.tables["answers"][row.request] = stored
            if row.last is not None:
                self.books.tables["requests"][row.request] = row.last
        self._take_holds(holds)
        for row in entries:
            self._originals[row.seq] = decode(bytes(row.raw))
        for row in reversed_:
            self.books.tables["reversed"][row.seq] = row.points
        return others

    def second(self, touched: Touched) -> None:
        """Accounts with their open holds, budgets, services, people, policies."""
        rows = self.books.tables
        issuers = [name for name in touched.accounts if name.startswith("issuer/")]
        accounts, budgets, services, people, policies, keys = self._look_up(
            _ALL_ACCOUNTS if touched.all_accounts else _accounts(touched.accounts),
            _all_of(t.budget)
            if touched.all_budgets
            else _keys(t.budget, t.budget.c.account, issuers),
            _keys(t.service, t.service.c.seq, touched.services),
            _keys(t.person, t.person.c.person, touched.people),
            _all_of(t.policy),
            _all_of(t.keyset) if touched.keys else _keys(t.keyset, t.keyset.c.seq, ()),
        )
        rows["accounts"] |= _accounts_of(accounts)
        for row in budgets:
            rows["budgets"][row.account] = Budget(row.limit, row.first, row.last, row.project)
        for row in people:
            rows["persons"][row.person] = row.standing
        for row in policies:
            rows["policies"][row.seq] = policy_of(row)
        for row in keys:
            rows["keys"][row.seq] = KeySet(tuple(orjson.loads(row.vkeys)), row.next)
        self._follow(touched, services)

    def _follow(self, touched: Touched, services: Iterable[Any]) -> None:
        """What the rows of the second round lead to: held accounts, open holds, first services."""
        rows = self.books.tables
        known = rows["accounts"]
        holders = [name for name in touched.accounts if (a := known.get(name)) and a.holds]
        roots = {row.root for row in services} - set(touched.services)
        held, holds, firsts = self._look_up(
            _accounts([name + "/held" for name in holders]),
            _keys(t.hold, t.hold.c.account, holders, _STILL_OPEN),
            _keys(t.service, t.service.c.seq, roots),
        )
        known |= _accounts_of(held)
        self._take_holds(holds)
        for row in (*services, *firsts):
            rows["services"][row.seq] = Service(
                row.member, row.root, row.minutes, row.effective_at, row.last, row.credit
            )

    def _look_up(self, *lookups: Lookup | Select[Any]) -> list[Sequence[Any]]:
        return look_up(self._conn, self._ledger_id, lookups)

    def _take_holds(self, found: Iterable[Row[Any]]) -> None:
        for row in found:
            hold = Hold(row.account, row.payee, row.until, _pairs(row.lots))
            self.books.tables["holds"][row.seq] = hold
            if row.companion:
                kind, key = orjson.loads(row.companion)
                self.books.tables["closings"][row.seq] = (kind, key)


class NewEntry(NamedTuple):
    """An entry to be written, with its bytes and leaf hash."""

    entry: Entry
    raw: bytes
    leaf: bytes


def save_entries(conn: Connection, ledger_id: int, entries: Collection[NewEntry]) -> None:
    """Writes entries with their postings, runs of one type, and mentions of accounts."""
    rows = [(new.entry["seq"], new.raw, new.leaf) for new in entries]
    write(conn, t.entry, ledger_id, rows, "insert")
    postings = [
        (p["account"], new.entry["seq"], p["amount"], p["balance"], p["prev"])
        for new in entries
        for p in new.entry.get("postings", ())
    ]
    write(conn, t.posting, ledger_id, postings, "insert")
    write(conn, t.run, ledger_id, runs_of(new.entry for new in entries), "insert")
    mentions = (mention_of(new.entry) for new in entries if new.entry["type"] in MENTIONING)
    write(conn, t.mention, ledger_id, mentions, "insert")


def runs_of(entries: Iterable[Entry]) -> Iterator[tuple[str, int, int]]:
    """The rows of `run` of entries that follow one another: type, last, first."""
    for kind, run in groupby(entries, key=itemgetter("type")):
        seqs = [entry["seq"] for entry in run]
        yield (kind, seqs[-1], seqs[0])


MENTIONING = {"open": "account", "close": "account", "budget": "budget"}
"""Types whose entries are about an account without posting to it, and the field that names it."""


def mention_of(entry: Entry) -> tuple[str, int]:
    """The row of `mention` of an entry of one of the types `MENTIONING`."""
    return (entry[MENTIONING[entry["type"]]], entry["seq"])


def save_changes(conn: Connection, ledger_id: int, books: Working, at: str) -> None:
    """Writes the rows of the books that a batch changed, table by table in a fixed order.

    `at` is the time of the answers.
    """
    changed = books.changed

    def upsert(table: Any, name: str, row_of: Callable[[Any, Any], tuple[Any, ...]]) -> None:
        rows = (row_of(key, value) for key, value in changed[name].items())
        write(conn, table, ledger_id, rows, "upsert")

    upsert(t.account, "accounts", account_row)
    upsert(t.hold, "holds", lambda seq, hold: _hold_row(seq, hold, books.get("closings", seq)))
    upsert(t.budget, "budgets", lambda name, budget: (name, *budget))
    upsert(t.policy, "policies", _policy_row)
    upsert(t.person, "persons", lambda person, standing: (person, standing))
    upsert(t.service, "services", lambda seq, service: (seq, *service))
    upsert(t.reversed_, "reversed", lambda seq, points: (seq, points))
    upsert(t.keyset, "keys", lambda seq, keys: (seq, _json(keys.vkeys), keys.next))
    answers = ((request, *stored, at) for request, stored in changed["answers"].items())
    write(conn, t.request, ledger_id, answers, "insert")


def _hold_row(seq: int, hold: Hold, closing: tuple[str, Any] | None) -> tuple[Any, ...]:
    companion = _json(closing) if closing else ""
    return (seq, hold.account, hold.payee, hold.until, _json(hold.lots), companion)


def save_position(
    conn: Connection, ledger_id: int, position: Position, subtrees: Iterable[Subtree]
) -> None:
    """Writes the finished subtrees and, last of all, the head."""
    write(conn, t.subtree, ledger_id, subtrees, "insert")
    head = position.head
    row = (head.size, head.at, head.utc_offset_minutes, position.edge.encode())
    write(conn, t.head, ledger_id, [row], "upsert")
