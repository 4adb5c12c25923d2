"""What the tables should hold, and the comparison of a table with that, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Table, select, tuple_

from ledger.journal import tables as t
from ledger.journal.state import Books, Policy
from ledger.journal.store import account_row
from ledger.tlog.merkle import CompactRange, Subtree

ROWS_PER_READ = 1_024
ABSENT = "no such row"
"""What stands for `got` or `wanted` where one side has no row of that key."""

NOT_IN_THE_LOG = {"hold": ("companion",)}

Values = tuple[Any, ...]


class Difference(NamedTuple):
    """One value that is not what the entries make it.

    `key` is that of the row, a list of values where it has several; `column` is `*` where the whole
    row is missing or too much. Bytes are in hex.
    """

    table: str
    key: Any
    column: str
    got: Any
    wanted: Any

    def __str__(self) -> str:
        where = f"{self.table} {self.key}"
        if self.column != "*":
            where += f", column {self.column}"
        return f"{where}: got {self.got}, wanted {self.wanted}"


class Enough(Exception):
    """As many differences as are wanted were found."""


class Differences:
    """Collects differences up to a number, then raises `Enough`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.differences: list[Difference] = []

    def add(self, table: str, key: Any, column: str, got: Any, wanted: Any) -> None:
        """One difference."""
        self.differences.append(Difference(table, key, column, _shown(got), _shown(wanted)))
        if len(self.differences) >= self._most:
            raise Enough

    def row(
        self,
        table: str,
        key: Any,
        columns: Sequence[str],
        got: Values | None,
        wanted: Values | None,
    ) -> None:
        """The differences of one row, given as the values of `columns`; None: there is none."""
        if got == wanted:
            return
        if got is None or wanted is None:
            rows = (ABSENT if values is None else "a row" for values in (got, wanted))
            self.add(table, key, "*", *rows)
            return
        for column, has, wants in zip(columns, got, wanted, strict=True):
            if has != wants:
                self.add(table, key, column, has, wants)


def expected_rows(
    books: Books, edge: CompactRange, subtrees: Iterable[Subtree]
) -> Iterator[tuple[Table, Iterable[Values]]]:
    """For each projection of the log, its rows in order of their keys, without `ledger_id`."""
    head = books.head
    yield t.head, [(head.size, head.at, head.utc_offset_minutes, edge.encode())]
    yield t.subtree, sorted(subtrees)
    yield t.account, (account_row(*item) for item in books.rows("accounts"))
    yield (
        t.hold,
        (
            (seq, hold.account, hold.payee, hold.until, _json(hold.lots))
            for seq, hold in books.rows("holds")
        ),
    )
    yield t.budget, ((name, *budget) for name, budget in books.rows("budgets"))
    yield t.policy, (_policy_row(*item) for item in books.rows("policies"))
    yield t.person, books.rows("persons")
    yield t.service, ((seq, *service) for seq, service in books.rows("services"))
    yield t.reversed_, books.rows("reversed")
    yield t.keyset, ((seq, _json(keys.vkeys), keys.next) for seq, keys in books.rows("keys"))


def _policy_row(seq: int, policy: Policy) -> Values:
    transfers = _json([[*way, limit] for way, limit in sorted(policy.transfers.items())])
    limits = policy.grant_limit, policy.reversal_limit
    return (seq, policy.first, *limits, policy.hold_days, transfers)


def compare(
    conn: Connection, ledger_id: int, table: Table, wanted: Iterable[Values], found: Differences
) -> None:
    """Compares a ledger's rows of a table with those `wanted`; both are in order of their keys."""
    ignored = ("ledger_id", *NOT_IN_THE_LOG.get(table.name, ()))
    names = [column.name for column in table.c if column.name not in ignored]
    keys = sum(column.name != "ledger_id" for column in table.primary_key)
    have = _rows(conn, ledger_id, table, names, keys)
    for got, want in _merged(have, iter(wanted), keys):
        key = (got or want or ())[:keys]
        shown = key[0] if keys == 1 else list(key) or ledger_id
        found.row(table.name, shown, names, got, want)


def _merged(
    have: Iterator[Values], want: Iterator[Values], keys: int
) -> Iterator[tuple[Values | None, Values | None]]:
    """Pairs the rows of equal keys of two sorted runs; None where one has no such row."""
    got, wanted = next(have, None), next(want, None)
    while got is not None or wanted is not None:
        if wanted is None or (got is not None and got[:keys] < wanted[:keys]):
            yield got, None
            got = next(have, None)
        elif got is None or wanted[:keys] < got[:keys]:
            yield None, wanted
            wanted = next(want, None)
        else:
            yield got, wanted
            got, wanted = next(have, None), next(want, None)


def _rows(
    conn: Connection, ledger_id: int, table: Table, names: Sequence[str], keys: int
) -> Iterator[Values]:
    """The rows of a table as plain values, in order of their keys, a chunk at a time."""
    columns = [table.c[name] for name in names]
    query = select(*columns).where(table.c.ledger_id == ledger_id).limit(ROWS_PER_READ)
    key = columns[:keys]
    chunk = conn.execute(query.order_by(*key)).all()
    while chunk:
        yield from (tuple(map(_plain, row)) for row in chunk)
        if not key or len(chunk) < ROWS_PER_READ:
            return
        after = tuple_(*key) > tuple_(*chunk[-1][:keys])
        chunk = conn.execute(query.where(after).order_by(*key)).all()


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def _shown(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
