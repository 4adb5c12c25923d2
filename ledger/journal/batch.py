"""One batch: the groups that one transaction decides and writes.

`run` is called with the head row locked.  It loads what the groups refer to in a fixed number of
statements, decides each order over an overlay that is dropped when one refuses, and writes
everything in bulk, the head last.  Nothing is read once deciding has begun: the entries of a large
batch are on their way to the database while those after them are being decided.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Table

from ledger.errors import MalformedEntry
from ledger.journal import log, store
from ledger.journal.book import Made, decide, next_at
from ledger.journal.bulk import Lookup, key_columns, look_up, pipelined, row_mapping
from ledger.journal.commands import Command, Reverse, Statement
from ledger.journal.entry import to_base64
from ledger.journal.orders import (
    CREDENTIAL,
    Companion,
    Credentials,
    Deferral,
    Deferred,
    Done,
    Group,
    HoldCompanions,
    KeyReused,
    Order,
    Outcome,
    Refusal,
)
from ledger.journal.rules import Refused, refuse
from ledger.journal.saving import Saving
from ledger.journal.state import Books, Overlay, Working
from ledger.journal.store import Loaded, Position, StoredRequest
from ledger.journal.times import local_day, to_us

NONCE_BYTES = 16
ENTRIES_AT_ONCE = 64
"""So many entries that nothing can drop any more are written while deciding goes on."""

PASSING_RULES = frozenset({"gap"})
"""Refusals that say nothing of the command: once the clock is accepted, it passes."""


def _nonces(at_once: int) -> Iterator[str]:
    """Fresh nonces without end, drawn so many at once: each draw lets go of the interpreter."""
    while True:
        drawn = os.urandom(NONCE_BYTES * at_once)
        for start in range(0, len(drawn), NONCE_BYTES):
            yield to_base64(drawn[start : start + NONCE_BYTES])


class Batch:
    """Decides and writes groups under one lock."""

    def __init__(
        self,
        conn: Connection,
        ledger_id: int,
        position: Position,
        hold_companions: HoldCompanions,
        credentials: Credentials | None,
    ) -> None:
        self._conn = conn
        self._ledger_id = ledger_id
        self._position = position
        self._hold_companions = hold_companions
        self._credentials = credentials
        self._ended: set[str] = set()
        self._tables: dict[str, Table] = {}
        self._roots: dict[int, str] = {}
        self._made: list[Made] = []

    def run(self, groups: Sequence[Group], now: datetime) -> list[list[Outcome]]:
        """The outcomes of each group's orders."""
        orders = [order for group in groups for order in group.orders]
        now_us = to_us(now)
        self._nonce = partial(next, _nonces(len(orders)))
        books = self._load(orders, now)
        with pipelined(self._conn):
            self._saving = Saving(self._conn, self._ledger_id, books, now_us)
            outcomes = [self._group(books, group, now_us) for group in groups]
            self._write_made()
            self._saving.finish(self._tables, self._position)
        return outcomes

    # --- loading -------------------------------------------------------------------------------

    def _load(self, orders: Sequence[Order], now: datetime) -> Working:
        loaded = Loaded(self._conn, self._ledger_id, self._position.head)
        commands = [order.command for order in orders if order.command is not None]
        needs = [command.needs() for command in commands]
        wanted = store.Wanted(
            requests={order.request for order in orders if order.request},
            holds={seq for need in needs for seq in need.holds},
            originals={seq for need in needs for seq in need.originals},
        )
        companions = self._companion_lookups(self._companions_of(orders))
        asked = {order.credential for order in orders if order.credential is not None}
        credentials = [self._credentials.lookup(asked)] if asked and self._credentials else []
        found = loaded.first(wanted, (*companions, *credentials))
        sent_with = found.pop() if credentials else ()
        self._take_companions(companions, found, loaded.books)
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
                | set(_services_of(commands, loaded.books)),
                people=people | {row.person for row in sent_with},
                all_accounts=any(need.everything for need in needs),
                all_budgets=any(need.budgets for need in needs),
                keys=any(isinstance(c, Statement) and c.kind == "key" for c in commands),
            )
        )
        self._load_closing(loaded.books)
        self._load_roots(commands)
        self._ended = asked - self._lasting(sent_with, loaded.books, now)
        return loaded.books

    def _lasting(self, found: Iterable[Any], books: Working, now: datetime) -> set[str]:
        """Which of the credentials found last."""
        if self._credentials is None:
            return set()
        lasts, persons = self._credentials.lasts, books.tables["persons"]
        return {row.id for row in found if lasts(row, persons.get(row.person), now)}

    def _load_closing(self, books: Working) -> None:
        """The rows of companions that run when one of the loaded holds closes."""
        stored = books.tables["closings"].values()
        lookups = self._companion_lookups(map(self._closing, stored))
        self._take_companions(lookups, look_up(self._conn, self._ledger_id, lookups), books)

    def _load_roots(self, commands: Iterable[Command]) -> None:
        """The roots of the heads that revocations name, as far as there are such heads."""
        sizes = {revoked["size"] for revoked in map(_revoked, commands) if revoked is not None}
        for size in sizes:
            if 0 <= size <= self._position.head.size:
                edge = log.edge_at(self._conn, self._ledger_id, size)
                self._roots[size] = to_base64(edge.root())

    def _companion_lookups(self, companions: Iterable[Companion]) -> list[Lookup]:
        """All rows of some companions: one lookup a table."""
        wanted: dict[str, set[Any]] = {}
        for companion in companions:
            self._tables[companion.table.name] = companion.table
            wanted.setdefault(companion.table.name, set()).update(companion.keys)
        tables = [self._tables[name] for name in sorted(wanted)]
        return [Lookup(tuple(table.c), key_columns(table), wanted[table.name]) for table in tables]

    def _take_companions(
        self, lookups: Sequence[Lookup], found: Sequence[Sequence[Any]], books: Working
    ) -> None:
        rows = books.tables["companions"]
        for lookup, of_table in zip(lookups, found, strict=True):
            table = self._tables[lookup.columns[0].table.name]
            by = key_columns(table)
            for row in of_table:
                mapping = row_mapping(table, row)
                key = tuple(mapping[column.name] for column in by)
                rows[table.name, key if len(by) > 1 else key[0]] = mapping

    def _companions_of(self, orders: Iterable[Order]) -> Iterator[Companion]:
        for order in orders:
            yield from order.companions
            if order.deferral is not None:
                yield order.deferral.companion
            if order.on_close is not None:
                yield self._closing(order.on_close)

    def _closing(self, stored: tuple[str, Any]) -> Companion:
        kind, key = stored
        return self._hold_companions[kind](key)

    # --- deciding ------------------------------------------------------------------------------

    def _group(self, batch: Working, group: Group, now_us: int) -> list[Outcome]:
        if any(order.credential in self._ended for order in group.orders):
            refusal = Refusal(CREDENTIAL, "what this was sent with has ended")
            return [refusal] * len(group.orders)
        if group.is_one_request:
            known = (_known(batch, order) for order in group.orders)
            if any(isinstance(answer, KeyReused) for answer in known):
                return [KeyReused()] * len(group.orders)
        if not group.atomic:
            return [self._loose(batch, order, now_us) for order in group.orders]
        draft, made_before = Overlay(batch), len(self._made)
        outcomes: list[Outcome] = []
        for order in group.orders:
            outcome = self._alone(draft, order, now_us)
            outcomes.append(outcome)
            if not isinstance(outcome, Done | Deferred):
                del self._made[made_before:]
                return self._refused_whole(batch, group, len(outcomes) - 1, outcome)
        batch.merge(draft)
        self._write_many()
        return outcomes

    def _loose(self, batch: Working, order: Order, now_us: int) -> Outcome:
        """The outcome of an order on which no other of its group depends."""
        outcome = self._alone(batch, order, now_us)
        self._write_many()
        return outcome

    def _alone(self, batch: Working | Overlay, order: Order, now_us: int) -> Outcome:
        """The outcome of one order, which changes `batch` unless it is refused."""
        known = _known(batch, order)
        if order.deferral is not None:
            before = _deferred_before(batch, order.deferral)
            if before or (known is None and self._is_deferred(batch, order.deferral, now_us)):
                return _defer(batch, order.deferral.companion, before=before)
        if known is not None:
            return known
        draft = Overlay(batch)
        try:
            done = self._decide(draft, order, now_us)
        except Refused as refused:
            outcome = Refusal(refused.rule, refused.message)
        except MalformedEntry as malformed:
            outcome = Refusal("form", str(malformed))
        except _CompanionRefused as refused:
            outcome = refused.refusal
        else:
            batch.merge(draft)
            self._made += done.made
            _remember(batch, order, done)
            return done
        _remember(batch, order, outcome)
        return outcome

    def _is_deferred(self, batch: Working | Overlay, deferral: Deferral, now_us: int) -> bool:
        at = next_at(batch.head, now_us)
        return deferral.wanted(batch, local_day(at, batch.head.utc_offset_minutes))

    def _refused_whole(
        self, batch: Working, group: Group, place: int, outcome: Outcome
    ) -> list[Outcome]:
        """All of a group refused since its order at `place` was; remembered for each.

        Unless that order was refused for a time only: then so were the others.
        """
        if isinstance(outcome, KeyReused):
            return [outcome] * len(group.orders)
        assert isinstance(outcome, Refusal)
        passing = outcome.rule in PASSING_RULES
        others = Refusal("group", f"nothing was entered since order {place} of it was refused")
        answers: list[Outcome] = []
        for at, order in enumerate(group.orders):
            answer = _known(batch, order)
            if answer is None:
                answer = outcome if at == place else others
                if not passing:
                    _remember(batch, order, answer)
            answers.append(answer)
        return answers

    def _decide(self, draft: Overlay, order: Order, now_us: int) -> Done:
        made: list[Made] = []
        if order.command is not None:
            self._check_revoked(order.command)
            made = decide(draft, order.command, now_us, self._nonce, order.request)
        first, last = (made[0].entry["seq"], made[-1].entry["seq"]) if made else (-1, -1)
        done = Done(first, last, tuple(made))
        if order.on_close is not None and made:
            draft.put("closings", last, order.on_close)
        for companion in order.companions:
            _accompany(draft, companion, done)
        for closed in self._of_closed(draft, made):
            _accompany(draft, closed, done)
        return done

    def _check_revoked(self, command: Command) -> None:
        """A revocation names a head that was: no bundle of a log with a wrong one would verify.

        Entries of this same batch are under no head yet, though the book knows them already.
        """
        revoked = _revoked(command)
        if revoked is None or revoked["size"] < 0:
            return  # the book refuses a size of no form
        root = self._roots.get(revoked["size"])
        if root is None:
            refuse("keys", "the last trusted size is beyond the log")
        if revoked["root"] != root:
            refuse("keys", f"the root at size {revoked['size']} is not the one to be trusted last")

    def _of_closed(self, draft: Overlay, made: Iterable[Made]) -> Iterator[Companion]:
        """The companions of holds that these entries closed."""
        for entry, _ in made:
            if entry["type"] not in ("capture", "release"):
                continue
            stored = draft.get("closings", entry["for"])
            if stored is not None and not draft.get("holds", entry["for"]).lots:
                yield self._closing(stored)

    # --- writing -------------------------------------------------------------------------------

    def _write_many(self) -> None:
        if len(self._made) >= ENTRIES_AT_ONCE:
            self._write_made()

    def _write_made(self) -> None:
        self._saving.write(self._made)
        self._made.clear()


class _CompanionRefused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def _revoked(command: Command) -> Mapping[str, Any] | None:
    """The last head that a command wants trusted of the keys that it revokes."""
    revoked: Mapping[str, Any] | None = None
    if isinstance(command, Statement):
        revoked = command.fields.get("revoked")
    return revoked


def _accompany(draft: Overlay, companion: Companion, done: Done) -> None:
    name = companion.table.name
    before = {key: draft.get("companions", (name, key)) for key in companion.keys}
    after = companion.change(before, done)
    if isinstance(after, Refusal):
        raise _CompanionRefused(after)
    for key, row in after.items():
        draft.put("companions", (name, key), row)


def _deferred_before(draft: Working | Overlay, deferral: Deferral) -> bool:
    name = deferral.companion.table.name
    rows = (draft.get("companions", (name, key)) for key in deferral.companion.keys)
    return any(row is not None for row in rows)


def _defer(batch: Working | Overlay, companion: Companion, *, before: bool) -> Outcome:
    """Stores what waits in a command's place."""
    draft = Overlay(batch)
    try:
        _accompany(draft, companion, Done(-1, -1))
    except _CompanionRefused:
        return KeyReused()
    batch.merge(draft)
    return Deferred(before)


def _known(draft: Working | Overlay, order: Order) -> Outcome | None:
    """The stored answer to an order that was given before."""
    stored: StoredRequest | None = draft.get("answers", order.request) if order.request else None
    if stored is None:
        return None
    if stored.fingerprint is not None and stored.fingerprint != order.fingerprint:
        return KeyReused()
    if stored.rule is not None:
        return Refusal(stored.rule, stored.message or "", replayed=True)
    assert stored.first is not None
    assert stored.last is not None
    return Done(stored.first, stored.last, replayed=True)


def _remember(draft: Working | Overlay, order: Order, outcome: Outcome) -> None:
    """Keeps the answer under the order's request, unless it is one that time alone will change."""
    if order.request is None or (isinstance(outcome, Refusal) and outcome.rule in PASSING_RULES):
        return
    if isinstance(outcome, Done):
        stored = StoredRequest(order.fingerprint, outcome.first, outcome.last, None, None)
    else:
        assert isinstance(outcome, Refusal)
        stored = StoredRequest(order.fingerprint, None, None, outcome.rule, outcome.message)
    draft.put("answers", order.request, stored)


def _services_of(commands: Iterable[Command], books: Books) -> Iterator[int]:
    """The services whose credits are to be reversed."""
    for command in commands:
        if isinstance(command, Reverse):
            original = books.original(command.original)
            if original is not None and original["type"] == "credit" and "for" in original:
                yield original["for"]
