"""The books in the database: what a batch needs is loaded as a `Books`, what it changed is saved.

Rows are the values of `state.py`; lists are kept as JSON text.  All reading and writing goes by
sets, in a fixed number of statements (`bulk.py`), and only inside a transaction of the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, select

from ledger.errors import LedgerStopped
from ledger.journal import tables as t
from ledger.journal.bulk import key_columns, keyed, write
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


def read_accounts(
    conn: Connection, ledger_id: int, names: Collection[str] | None = None
) -> dict[str, Account]:
    """The accounts of these names, or all of a ledger in order of name."""
    rows: Iterable[Any]
    if names is None:
        query = select(*_ACCOUNT).where(t.account.c.ledger_id == ledger_id)
        rows = conn.execute(query.order_by(t.account.c.name))
    else:
        rows = keyed(conn, _ACCOUNT, ledger_id, t.account.c.name, names)
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


def _policy_of(row: Row[Any]) -> Policy:
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


def load_position(
    conn: Connection, ledger_id: int, origin: str, *, lock: bool = False
) -> Position | None:
    """The ledger's head, locked against other appenders if so asked; None without a head row."""
    query = select(t.head).where(t.head.c.ledger_id == ledger_id)
    row = conn.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        return None
    head = Head(row.size, row.at, origin if row.size else "", row.utc_offset_minutes)
    return Position(head, decode_edge(row.size, row.edge))


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

    def first(self, wanted: Wanted) -> None:
        """Requests, holds and originals that commands name."""
        for row in self._keyed(t.request, t.request.c.request, wanted.requests):
            fingerprint = None if row.fingerprint is None else bytes(row.fingerprint)
            stored = StoredRequest(fingerprint, row.first, row.last, row.rule, row.message)
            self.books.tables["answers"][row.request] = stored
            if row.last is not None:
                self.books.tables["requests"][row.request] = row.last
        self._take_holds(self._keyed(t.hold, t.hold.c.seq, wanted.holds))
        for row in self._keyed(t.entry, t.entry.c.seq, wanted.originals):
            self._originals[row.seq] = decode(bytes(row.raw))
        for row in self._keyed(t.reversed_, t.reversed_.c.seq, wanted.originals):
            self.books.tables["reversed"][row.seq] = row.points

    def second(self, touched: Touched) -> None:
        """Accounts with their open holds, budgets, services, people, policies."""
        rows = self.books.tables
        names = touched.accounts
        rows["accounts"] |= self._accounts(None if touched.all_accounts else names)
        holders = [name for name in names if (a := rows["accounts"].get(name)) and a.holds]
        if holders:
            rows["accounts"] |= self._accounts([name + "/held" for name in holders])
            self._take_holds(self._keyed(t.hold, t.hold.c.account, holders, _STILL_OPEN))
        issuers = [name for name in names if name.startswith("issuer/")]
        for row in self._budgets(issuers, touched.all_budgets):
            rows["budgets"][row.account] = Budget(row.limit, row.first, row.last, row.project)
        for row in self._services(touched.services):
            service = Service(
                row.member, row.root, row.minutes, row.effective_at, row.last, row.credit
            )
            rows["services"][row.seq] = service
        for row in self._keyed(t.person, t.person.c.person, touched.people):
            rows["persons"][row.person] = row.standing
        for row in self._all(t.policy):
            rows["policies"][row.seq] = _policy_of(row)
        if touched.keys:
            for row in self._all(t.keyset):
                rows["keys"][row.seq] = KeySet(tuple(orjson.loads(row.vkeys)), row.next)

    def _keyed(
        self, table: Any, column: Any, keys: Collection[Any], *conditions: Any
    ) -> Sequence[Row[Any]]:
        return keyed(self._conn, table.c, self._ledger_id, column, keys, *conditions)

    def _all(self, table: Any) -> Iterable[Row[Any]]:
        mine = table.c.ledger_id == self._ledger_id
        return self._conn.execute(select(table).where(mine).order_by(*key_columns(table))).all()

    def _accounts(self, names: Collection[str] | None) -> dict[str, Account]:
        return read_accounts(self._conn, self._ledger_id, names)

    def _budgets(self, issuers: Collection[str], everything: bool) -> Iterable[Row[Any]]:
        if everything:
            return self._all(t.budget)
        return self._keyed(t.budget, t.budget.c.account, issuers)

    def _services(self, seqs: Collection[int]) -> Iterable[Row[Any]]:
        """The services named, and the first of each one's chain."""
        named = self._keyed(t.service, t.service.c.seq, seqs)
        roots = {row.root for row in named} - set(seqs)
        return (*named, *self._keyed(t.service, t.service.c.seq, roots))

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
