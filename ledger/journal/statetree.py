"""The tree over all accounts that a `state` entry states the root of, and paths in it (rule 12).

The tree of an earlier entry is made anew from the account rows as they were (`asof.py`) and is
held against the entry's root before anything of it is given out. Of the last trees the leaf hashes
are kept, 32 bytes an account, so that only the first proof of each takes the work.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple

from sqlalchemy import Connection, select

from ledger.db import Database
from ledger.errors import AccountsDamaged, NoState, NotPublished
from ledger.journal import asof, log
from ledger.journal import tables as t
from ledger.journal.entry import Entry, decode, to_base64
from ledger.journal.statements import state_leaf
from ledger.tlog.merkle import (
    HASH_BYTES,
    CompactRange,
    inclusion_sides,
    leaf_hash,
    prove_inclusion,
)
from ledger.tlog.tiles import TILE_WIDTH, Tile, TileHashes

LEAVES_KEPT_MAX = 2_000_000

Step = tuple[str, bytes]
"""A hash on the way from a leaf to the root, and the side on which it stands: left or right."""


class StateTree(NamedTuple):
    """The leaf hashes of all accounts, one after another, and above them those of each 256."""

    leaves: bytes
    above: dict[int, bytes]

    @property
    def size(self) -> int:
        """The number of accounts."""
        return len(self.leaves) // HASH_BYTES

    def path(self, leaf: bytes) -> tuple[Step, ...] | None:
        """From the leaf of that hash to the root; None where it is not in the tree."""
        at = self.leaves.find(leaf)
        while at >= 0 and at % HASH_BYTES:
            at = self.leaves.find(leaf, at + 1)
        if at < 0:
            return None
        place = at // HASH_BYTES
        hashes = prove_inclusion(place, self.size, TileHashes(self._tile, self.size))
        sides = inclusion_sides(place, self.size)
        return tuple(zip(sides, hashes, strict=True))

    def _tile(self, tile: Tile) -> bytes:
        row = self.above[tile.level] if tile.level else self.leaves
        start = tile.index * TILE_WIDTH * HASH_BYTES
        return row[start : start + tile.width * HASH_BYTES]


class Proven(NamedTuple):
    """One account's leaf in the tree of the published `state` entry `seq`, and the path to it."""

    seq: int
    leaf: bytes
    path: tuple[Step, ...]


class StateTrees:
    """Makes state trees, and keeps the last ones. One a process; safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._making: dict[int, threading.Lock] = {}
        self._trees: OrderedDict[tuple[int, int], StateTree] = OrderedDict()

    def prove(self, ledger_id: int, account: str, as_of: int | None = None) -> Proven:
        """The proof of an account's balance by the last published state, up to an entry `as_of`.

        Raises `NoState`, `NotPublished` while the first is not published yet, `AccountsDamaged`.
        """
        with self._database.reading(snapshot=True) as conn:
            state = _published_state(conn, ledger_id, as_of)
            found = asof.state_of(conn, ledger_id, account, state["seq"])
        if found is None:
            raise NoState(
                f"{account} is not in the newest state before or at what you ask for, entry"
                f" {state['seq']}. Ask again after the next one, which comes within a day."
            )
        leaf = state_leaf(account, *found)
        tree = self._tree(ledger_id, state)
        path = tree.path(leaf_hash(leaf))
        if path is None:  # rows were changed since the tree was made, or beside those it is of
            raise _damaged(state["seq"])
        return Proven(state["seq"], leaf, path)

    def _tree(self, ledger_id: int, state: Entry) -> StateTree:
        """The tree of a state; a ledger's are made one at a time, who waits finds it made."""
        key = (ledger_id, state["seq"])
        with self._lock:
            making = self._making.setdefault(ledger_id, threading.Lock())
        with making:  # held for long, so that no other ledger's proofs wait for it
            with self._lock:
                tree = self._trees.get(key)
            tree = tree or self._made(ledger_id, state)
            with self._lock:
                self._trees[key] = tree
                self._trees.move_to_end(key)
                self._forget()
        return tree

    def _made(self, ledger_id: int, state: Entry) -> StateTree:
        with self._database.reading(snapshot=True) as conn:
            leaves = [
                leaf_hash(state_leaf(name, account, held))
                for name, account, held in asof.accounts_as_of(conn, ledger_id, state["seq"])
            ]
        edge, subtrees = CompactRange.empty().extend(leaves)
        if to_base64(edge.root()) != state["root"]:
            raise _damaged(state["seq"])
        above: dict[int, bytes] = {}
        for level, _, each in subtrees:
            above[level] = above.get(level, b"") + each
        return StateTree(b"".join(leaves), above)

    def _forget(self) -> None:
        """Lets the trees go that were not asked for longest, down to a bound; never the last."""
        while len(self._trees) > 1:
            if sum(tree.size for tree in self._trees.values()) <= LEAVES_KEPT_MAX:
                return
            self._trees.popitem(last=False)


def _damaged(seq: int) -> AccountsDamaged:
    return AccountsDamaged(
        f"The accounts do not give the root that entry {seq} states. Whoever runs the service finds"
        " out why by: points verify --database"
    )


def _published_state(conn: Connection, ledger_id: int, as_of: int | None) -> Entry:
    """The last `state` entry under a checkpoint, up to `as_of`."""
    newest = asof.resolve(conn, ledger_id, as_of)
    published = log.latest_checkpoint(conn, ledger_id)
    under = min(newest, published.size - 1 if published else -1)
    seq = _last_state(conn, ledger_id, under)
    if seq is None:
        if _last_state(conn, ledger_id, newest) is not None:
            raise NotPublished("The first state is not under a published checkpoint yet.")
        raise NoState(
            "There is no state of all accounts in the log by then, so no balance can be proven. One"
            " is entered each day on which something was, and before each settlement."
        )
    (raw,) = log.raw_entries(conn, ledger_id, seq, seq + 1)
    return decode(raw)


def _last_state(conn: Connection, ledger_id: int, newest: int) -> int | None:
    """The last entry of type `state` up to `newest`."""
    c = t.run.c
    mine = (c.ledger_id == ledger_id, c.type == "state")
    columns = select(c.first, c.last).where(*mine)
    beyond = conn.execute(columns.where(c.last >= newest).order_by(c.last).limit(1)).one_or_none()
    if beyond is not None and beyond.first <= newest:
        return newest
    below = columns.where(c.last < newest).order_by(c.last.desc()).limit(1)
    row = conn.execute(below).one_or_none()
    return None if row is None else row.last
