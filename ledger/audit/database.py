"""Compares a ledger's tables with its entries: `points verify --database`.

The entry rows' bytes are the truth. Everything else that the append path writes follows from them:

1. Each entry row is read in order of `seq`: its leaf hash follows from its bytes, the book allows
   it, and its postings are the rows of `posting`. Where an entry breaks a rule the comparison ends,
   since nothing follows from a broken log.
2. `account`, `hold`, `budget`, `policy`, `person`, `service`, `reversed`, `keyset` are, row by row,
   what the books then are; `subtree` and `head` what the tree is.
3. Published checkpoints state the roots of this log and bear its keys' signatures.

One snapshot is read, in chunks; memory is that of the books. `hold.companion` is not in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, Table, func, select, tuple_

from ledger.audit.faults import BundleFault
from ledger.audit.offline import OfflineBooks
from ledger.audit.trust import KEY_TYPES, KeyRule
from ledger.db import Database
from ledger.errors import MalformedEntry
from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.book import check
from ledger.journal.bulk import among
from ledger.journal.entry import Entry, decode
from ledger.journal.rules import Refused
from ledger.journal.store import account_row
from ledger.tlog.errors import TlogError
from ledger.tlog.merkle import CompactRange, Subtree, leaf_hash
from ledger.tlog.note import Verifier

ROWS_PER_READ = 1_024
DIFFERENCES_MAX = 20
MISSING = "no row"
"""What stands for `got` or `wanted` where one side has no such row."""


class Difference(NamedTuple):
    """One value of one row that is not what the entries make it.

    `column` is `*` where the whole row is too much or missing. Bytes are shown in hex.
    """

    table: str
    key: Any
    column: str
    got: Any
    wanted: Any

    def __str__(self) -> str:
        where = f"{self.table} {self.key}"
        if self.column != "*":
            where += f", {self.column}"
        return f"{where}: got {self.got}, wanted {self.wanted}"


class _Enough(Exception):
    """As many differences as are wanted were found."""


Progress = Callable[[int, int], None]
"""Told how many entries are done, and of how many."""


def verify_database(
    database: Database,
    ledger_id: int,
    origin: str,
    trusted: Sequence[Verifier] | None = None,
    *,
    differences_max: int = DIFFERENCES_MAX,
    progress: Progress | None = None,
) -> list[Difference]:
    """The first differences between a ledger's tables and its entries; none: all is as it should.

    With `trusted` keys, those must vouch for the log, as in `verify_bundle`. Raises what
    `Database.reading` does.
    """
    with database.reading(snapshot=True) as conn:
        comparison = _Comparison(conn, ledger_id, origin, differences_max)
        try:
            comparison.run(trusted, progress or (lambda *_: None))
        except _Enough:
            pass
        return comparison.differences
