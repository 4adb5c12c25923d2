"""One batch: the groups that one transaction decides and writes.

`run` is called with the head row locked.  It loads what the groups refer to in a fixed number of
statements, decides each order over an overlay that is dropped when one refuses, and writes
everything in bulk in a fixed order, the head last.
"""

from __future__ import annotations

import base64
import os
from collections import ChainMap
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table

from ledger.errors import MalformedEntry
from ledger.journal import store
from ledger.journal.book import Made, decide
from ledger.journal.bulk import key_column, keyed, row_mapping, write
from ledger.journal.commands import Command, Reverse, Statement
from ledger.journal.orders import (
    Companion,
    CompanionRow,
    Done,
    Group,
    HoldCompanions,
    KeyReused,
    Order,
    Outcome,
    Refusal,
)
from ledger.journal.rules import Refused
from ledger.journal.state import Overlay
from ledger.journal.store import Loaded, NewEntry, Position, StoredRequest
from ledger.journal.times import format_time
from ledger.tlog.merkle import leaf_hash

CompanionRows = MutableMapping[tuple[str, Any], CompanionRow | None]


def _nonce() -> str:
    return base64.b64encode(os.urandom(16)).decode("ascii")


@dataclass
class _Draft:
    """What has been decided so far, of the whole batch or of one group or order over it."""

    books: Overlay
    rows: CompanionRows
    requests: MutableMapping[str, StoredRequest]
    closing: MutableMapping[int, tuple[str, Any]]  # holds' companions
    made: list[Made] = field(default_factory=list)

    def layer(self) -> _Draft:
        """A draft over this one, to be merged or dropped."""
        return _Draft(
            Overlay(self.books),
            ChainMap({}, self.rows),
            ChainMap({}, self.requests),
            ChainMap({}, self.closing),
        )

    def merge(self, upper: _Draft) -> None:
        """Takes over what a layer over this draft decided."""
        self.books.merge(upper.books)
        self.made += upper.made
        for own, theirs in (
            (self.rows, upper.rows),
            (self.requests, upper.requests),
            (self.closing, upper.closing),
        ):
            assert isinstance(theirs, ChainMap)
            own.update(theirs.maps[0])


class Batch:
    """Decides and writes groups under one lock."""

    def __init__(
        self, conn: Connection, ledger_id: int, position: Position, hold_companions: HoldCompanions
    ) -> None:
        self._conn = conn
        self._ledger_id = ledger_id
        self._position = position
        self._hold_companions = hold_companions
        self._tables: dict[str, Table] = {}

    def run(self, groups: Sequence[Group], now_us: int) -> tuple[list[list[Outcome]], int]:
        """The outcomes of each group's orders, and the size of the log after them."""
        orders = [order for group in groups for order in group.orders]
        loaded = self._load(orders)
        draft = _Draft(
            Overlay(loaded.books),
            self._companion_rows(orders, loaded),
            dict(loaded.requests),
            dict(loaded.companions),
        )
        outcomes = [self._group(draft, group, now_us) for group in groups]
        fresh = {key: draft.requests[key] for key in draft.requests.keys() - loaded.requests.keys()}
        self._save(draft, fresh, now_us)
        return outcomes, draft.books.head.size

    # --- loading -------------------------------------------------------------------------------

    def _load(self, orders: Sequence[Order]) -> Loaded:
        loaded = Loaded(self._conn, self._ledger_id, self._position.head)
        commands = [order.command for order in orders if order.command is not None]
        needs = [command.needs() for command in commands]
        loaded.first(
            store.Wanted(
                requests={order.request for order in orders if order.request},
                holds={seq for need in needs for seq in need.holds},
                originals={seq for need in needs for seq in need.originals},
            )
        )
        people = {person for need in needs for person in need.people}
        accounts = {name for need in needs for name in need.accounts}
        accounts |= {"member" + person.removeprefix("person") for person in people}
        for command in commands:
            accounts.update(command.touches(loaded.books))
        accounts |= {"withdrawn", "expired", "settled", "written-off"}
        loaded.second(
            store.Touched(
                accounts=accounts,
                services={seq for need in needs for seq in need.services}
                | set(_services_of(commands, loaded)),
                people=people,
                all_accounts=any(need.everything for need in needs),
                all_budgets=any(need.budgets for need in needs),
                keys=any(isinstance(c, Statement) and c.kind == "key" for c in commands),
            )
        )
        return loaded

    def _companion_rows(self, orders: Iterable[Order], loaded: Loaded) -> CompanionRows:
        """Every companion's rows: one SELECT a table."""
        wanted: dict[str, set[Any]] = {}
        for companion in self._all_companions(orders, loaded):
            self._tables[companion.table.name] = companion.table
            wanted.setdefault(companion.table.name, set()).update(companion.keys)
        rows: CompanionRows = {}
        for name in sorted(wanted):
            table = self._tables[name]
            column = key_column(table)
            rows.update({(name, key): None for key in wanted[name]})
            for row in keyed(self._conn, table, self._ledger_id, column, wanted[name]):
                mapping = row_mapping(table, row)
                rows[name, mapping[column.name]] = mapping
        return rows

    def _all_companions(self, orders: Iterable[Order], loaded: Loaded) -> Iterator[Companion]:
        for order in orders:
            yield from order.companions
            if order.on_close is not None:
                yield self._closing(order.on_close)
        for stored in loaded.companions.values():
            yield self._closing(stored)

    def _closing(self, stored: tuple[str, Any]) -> Companion:
        kind, key = stored
        return self._hold_companions[kind](key)

    # --- deciding ------------------------------------------------------------------------------

    def _group(self, batch: _Draft, group: Group, now_us: int) -> list[Outcome]:
        if not group.atomic:
            return [self._alone(batch, order, now_us) for order in group.orders]
        draft = batch.layer()
        outcomes: list[Outcome] = []
        for order in group.orders:
            outcome = self._known(draft, order) or self._order(draft, order, now_us)
            outcomes.append(outcome)
            if not isinstance(outcome, Done):
                return self._refused_whole(batch, group, len(outcomes) - 1, outcome)
        batch.merge(draft)
        return outcomes

    def _alone(self, batch: _Draft, order: Order, now_us: int) -> Outcome:
        known = self._known(batch, order)
        if known is not None:
            return known
        draft = batch.layer()
        outcome = self._order(draft, order, now_us)
        if isinstance(outcome, Done):
            batch.merge(draft)
        else:
            _remember(batch, order, outcome)
        return outcome

    def _refused_whole(
        self, batch: _Draft, group: Group, place: int, outcome: Outcome
    ) -> list[Outcome]:
        """All of a group refused since its order at `place` was; remembered for each."""
        if isinstance(outcome, KeyReused):
            return [outcome] * len(group.orders)
        assert isinstance(outcome, Refusal)
        if outcome.replayed:
            known = [self._known(batch, order) for order in group.orders]
            return [other or outcome for other in known]
        message = f"nothing was entered since order {place} of the group was refused"
        others = Refusal("group", message)
        refused = [outcome if at == place else others for at in range(len(group.orders))]
        for order, answer in zip(group.orders, refused, strict=True):
            if self._known(batch, order) is None:
                _remember(batch, order, answer)
        return list(refused)

    def _known(self, draft: _Draft, order: Order) -> Outcome | None:
        """The stored answer to an order that was given before."""
        stored = draft.requests.get(order.request) if order.request else None
        if stored is None:
            return None
        if stored.fingerprint is not None and stored.fingerprint != order.fingerprint:
            return KeyReused()
        if stored.rule is not None:
            return Refusal(stored.rule, stored.message or "", replayed=True)
        assert stored.first is not None
        assert stored.last is not None
        return Done(stored.first, stored.last, replayed=True)

    def _order(self, draft: _Draft, order: Order, now_us: int) -> Outcome:
        try:
            made = self._decide(draft, order.command, order.request, now_us)
        except Refused as refused:
            return Refusal(refused.rule, refused.message)
        except MalformedEntry as malformed:
            return Refusal("form", str(malformed))
        first, last = (made[0].entry["seq"], made[-1].entry["seq"]) if made else (-1, -1)
        done = Done(first, last, tuple(made))
        if order.on_close is not None and made:
            draft.closing[last] = order.on_close
        for companion in (*order.companions, *self._of_closed(draft, made)):
            refusal = self._accompany(draft, companion, done)
            if refusal is not None:
                return refusal
        draft.made += made
        _remember(draft, order, done)
        return done

    def _decide(
        self, draft: _Draft, command: Command | None, request: str | None, now_us: int
    ) -> list[Made]:
        if command is None:
            return []
        return decide(draft.books, command, now_us, _nonce, request)

    def _of_closed(self, draft: _Draft, made: Iterable[Made]) -> Iterator[Companion]:
        """The companions of holds that these entries closed."""
        for entry, _ in made:
            if entry["type"] not in ("capture", "release"):
                continue
            stored = draft.closing.get(entry["for"])
            if stored is not None and not draft.books.get("holds", entry["for"]).lots:
                yield self._closing(stored)

    def _accompany(self, draft: _Draft, companion: Companion, done: Done) -> Refusal | None:
        name = companion.table.name
        before = {key: draft.rows.get((name, key)) for key in companion.keys}
        after = companion.change(before, done)
        if isinstance(after, Refusal):
            return after
        for key, row in after.items():
            draft.rows[name, key] = row
        return None

    # --- writing -------------------------------------------------------------------------------

    def _save(self, draft: _Draft, fresh: dict[str, StoredRequest], now_us: int) -> None:
        conn, ledger_id = self._conn, self._ledger_id
        made = [NewEntry(entry, raw, leaf_hash(raw)) for entry, raw in draft.made]
        head = draft.books.head
        store.save_entries(conn, ledger_id, made)
        store.save_changes(conn, ledger_id, draft.books.changed, draft.closing)
        store.save_requests(conn, ledger_id, fresh, format_time(now_us))
        self._save_companions(draft.rows)
        if made:
            edge, subtrees = self._position.edge.extend([new.leaf for new in made])
            store.save_position(conn, ledger_id, Position(head, edge), subtrees)

    def _save_companions(self, rows: CompanionRows) -> None:
        by_table: dict[str, list[tuple[Any, ...]]] = {}
        for (name, _), row in rows.items():
            if row is not None:
                columns = [c.name for c in self._tables[name].c if c.name != "ledger_id"]
                by_table.setdefault(name, []).append(tuple(row[column] for column in columns))
        for name in sorted(by_table):
            write(self._conn, self._tables[name], self._ledger_id, by_table[name], "upsert")


def _remember(draft: _Draft, order: Order, outcome: Outcome) -> None:
    if order.request is None:
        return
    if isinstance(outcome, Done):
        stored = StoredRequest(order.fingerprint, outcome.first, outcome.last, None, None)
    else:
        assert isinstance(outcome, Refusal)
        stored = StoredRequest(order.fingerprint, None, None, outcome.rule, outcome.message)
    draft.requests[order.request] = stored


def _services_of(commands: Iterable[Command], loaded: Loaded) -> Iterator[int]:
    """The services whose credits are to be reversed."""
    for command in commands:
        if isinstance(command, Reverse):
            original = loaded.books.original(command.original)
            if original is not None and original["type"] == "credit" and "for" in original:
                yield original["for"]
