"""What is shown of the books: accounts, their histories, budgets, policies, people, entries.

Everything is read from committed rows in a transaction of the caller's; nothing is decided here.
Lists are bounded by the caller's `limit` and go on from a cursor that never repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, func, select

from ledger.journal import log, parts
from ledger.journal import tables as t
from ledger.journal.bulk import keyed
from ledger.journal.entry import Entry, decode
from ledger.journal.parts import NEVER, Parts
from ledger.journal.reversal import REVERSIBLE, original_sides
from ledger.journal.state import Account, Policy
from ledger.journal.store import read_accounts
from ledger.journal.times import format_time, local_day, to_us
from ledger.tlog.tiles import TILE_WIDTH, Tile

SCAN_ENTRIES_MAX = 4_096
TILE_BITS = 8


@dataclass(frozen=True, slots=True)
class Overview:
    """Where a ledger stands: entries in the log, entries published, number of budgets."""

    size: int
    at: str
    utc_offset_minutes: int
    published: int
    budgets: int


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account now.

    `balance`, `held`, `parts` and `holds` are as entered; `available` is what could be spent now,
    after the due work that any posting would bring first: held points are not in it, those of
    holds past their `until` are, lapsed ones are not, and a debt leaves 0.
    `parts` are days (None: for good) with points, the soonest first; `holds` its open holds.
    """

    account: str
    balance: int
    held: int
    available: int
    parts: tuple[tuple[str | None, int], ...]
    open: bool
    holds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One posting of an account, with what its entry says of it."""

    seq: int
    at: str
    type: str
    amount: int
    balance: int
    parts: tuple[tuple[str | None, int], ...]


@dataclass(frozen=True, slots=True)
class HoldView:
    """A hold: whose, for whom, until when, and what is left of it (0: closed)."""

    seq: int
    account: str
    payee: str
    until: str
    left: int


@dataclass(frozen=True, slots=True)
class BudgetView:
    """A budget, what was issued from it less what came back, and what is left."""

    budget: str
    limit: int
    first: str
    last: str
    project: str | None
    issued: int

    @property
    def left(self) -> int:
        """What can still be issued; 0 where the limit was lowered below what is."""
        return max(self.limit - self.issued, 0)


def overview(conn: Connection, ledger_id: int) -> Overview:
    """Where the ledger stands."""
    head = conn.execute(select(t.head).where(t.head.c.ledger_id == ledger_id)).one()
    newest = log.latest_checkpoint(conn, ledger_id)
    budgets = select(func.count()).select_from(t.budget).where(t.budget.c.ledger_id == ledger_id)
    return Overview(
        head.size,
        head.at,
        head.utc_offset_minutes,
        newest.size if newest else 0,
        conn.execute(budgets).scalar_one(),
    )


def find_account(conn: Connection, ledger_id: int, name: str, now: datetime) -> AccountView | None:
    """The account `member/…` or `org/…` as it stands `now`, None where there is none."""
    rows = read_accounts(conn, ledger_id, (name, name + "/held"))
    if name not in rows:
        return None
    account, held = rows[name], rows.get(name + "/held")
    return AccountView(
        name,
        account.balance,
        held.balance if held else 0,
        _available(conn, ledger_id, account, format_time(to_us(now))),
        _shown(parts.whole(account.balance, account.dated)),
        account.open,
        account.holds,
    )


def _available(conn: Connection, ledger_id: int, account: Account, at: str) -> int:
    """What is left to spend once holds past their `until` are released and lapsed points gone."""
    balance, dated = account.balance, account.dated
    if account.holds and account.until < at:
        for row in keyed(conn, t.hold.c, ledger_id, t.hold.c.seq, account.holds):
            lots = tuple((day, points) for day, points in orjson.loads(row.lots))
            if row.until < at:
                change = parts.receive(balance, lots)
                balance, dated = balance + parts.total(lots), parts.applied(dated, change)
    if dated:
        offset = select(t.head.c.utc_offset_minutes).where(t.head.c.ledger_id == ledger_id)
        today = local_day(at, conn.execute(offset).scalar_one())
        balance -= parts.total(part for part in dated if part[0] < today)
    return max(balance, 0)


def account_history(
    conn: Connection, ledger_id: int, name: str, *, before: int | None, limit: int
) -> list[Line]:
    """At most `limit` postings of an account, the newest first, those before the entry `before`."""
    joined = t.posting.join(
        t.entry,
        (t.entry.c.ledger_id == t.posting.c.ledger_id) & (t.entry.c.seq == t.posting.c.seq),
    )
    query = (
        select(t.posting, t.entry.c.raw)
        .select_from(joined)
        .where(t.posting.c.ledger_id == ledger_id, t.posting.c.account == name)
        .order_by(t.posting.c.seq.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(t.posting.c.seq < before)
    return [_line(row, name) for row in conn.execute(query)]


def find_hold(conn: Connection, ledger_id: int, seq: int) -> HoldView | None:
    """The hold that the entry `seq` placed."""
    query = select(t.hold).where(t.hold.c.ledger_id == ledger_id, t.hold.c.seq == seq)
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    left = sum(points for _, points in orjson.loads(row.lots))
    return HoldView(row.seq, row.account, row.payee, row.until, left)


def standing_of(conn: Connection, ledger_id: int, person: str) -> str | None:
    """The standing that a person's last `person` entry gave; None without one."""
    mine = (t.person.c.ledger_id == ledger_id) & (t.person.c.person == person)
    standing: str | None = conn.execute(
        select(t.person.c.standing).where(mine)
    ).scalar_one_or_none()
    return standing


def list_budgets(conn: Connection, ledger_id: int) -> list[BudgetView]:
    """All budgets, in order of their ids."""
    joined = t.budget.join(
        t.account,
        (t.account.c.ledger_id == t.budget.c.ledger_id) & (t.account.c.name == t.budget.c.account),
    )
    query = (
        select(t.budget, t.account.c.balance)
        .select_from(joined)
        .where(t.budget.c.ledger_id == ledger_id)
        .order_by(t.budget.c.account)
    )
    return [
        BudgetView(row.account, row.limit, row.first, row.last, row.project, -row.balance)
        for row in conn.execute(query)
    ]


def list_policies(conn: Connection, ledger_id: int) -> list[Policy]:
    """All policies, in the order in which they were published."""
    query = select(t.policy).where(t.policy.c.ledger_id == ledger_id).order_by(t.policy.c.seq)
    return [_policy(row) for row in conn.execute(query)]


def policy_in_force(conn: Connection, ledger_id: int, at: str) -> Policy | None:
    """The policy in force on the local day of the time `at`: the last that starts by then."""
    offset = select(t.head.c.utc_offset_minutes).where(t.head.c.ledger_id == ledger_id)
    day = local_day(at, conn.execute(offset).scalar_one())
    query = (
        select(t.policy)
        .where(t.policy.c.ledger_id == ledger_id, t.policy.c.first <= day)
        .order_by(t.policy.c.seq.desc())
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else _policy(row)


def list_people(
    conn: Connection, ledger_id: int, *, after: str | None, limit: int
) -> list[tuple[str, str]]:
    """At most `limit` people that the log introduces with their standing, in order of their ids."""
    query = (
        select(t.person.c.person, t.person.c.standing)
        .where(t.person.c.ledger_id == ledger_id)
        .order_by(t.person.c.person)
        .limit(limit)
    )
    if after is not None:
        query = query.where(t.person.c.person > after)
    return [(row.person, row.standing) for row in conn.execute(query)]


def list_entries(
    conn: Connection, ledger_id: int, *, after: int, limit: int, kind: str | None
) -> tuple[list[bytes], int | None]:
    """The bytes of at most `limit` entries after `after`, and where to go on (None: at the end).

    With a `kind` only entries of that type; the search stops after 4,096 entries, so that a page
    may be short, or empty, and there is more all the same.
    """
    reach = limit if kind is None else SCAN_ENTRIES_MAX
    run = log.raw_entries(conn, ledger_id, after + 1, after + 1 + reach)
    found: list[bytes] = []
    # No value in an entry has a quotation mark, so these bytes can only be its type.
    mark = b"" if kind is None else b'"type":"%b"' % kind.encode("ascii")
    for place, raw in enumerate(run):
        if mark in raw:
            found.append(raw)
        if len(found) == limit:
            return found, after + 1 + place
    return found, after + reach if len(run) == reach else None


def find_entry(conn: Connection, ledger_id: int, seq: int) -> bytes | None:
    """The bytes of one entry."""
    found = log.raw_entries(conn, ledger_id, seq, seq + 1)
    return found[0] if found else None


def reversible_points(conn: Connection, ledger_id: int, seq: int) -> int | None:
    """What is left to reverse of an entry; None where it is no entry that can be reversed."""
    raw = find_entry(conn, ledger_id, seq)
    original = decode(raw) if raw is not None else {"type": ""}
    if original["type"] not in REVERSIBLE:
        return None
    query = select(t.reversed_.c.points).where(
        t.reversed_.c.ledger_id == ledger_id, t.reversed_.c.seq == seq
    )
    done: int = conn.execute(query).scalar_one_or_none() or 0
    return original_sides(original)[2] - done


def is_published_tile(conn: Connection, ledger_id: int, tile: Tile) -> bool:
    """Whether the tile is full within the newest published tree, or as wide as one tree has it."""
    newest = log.latest_checkpoint(conn, ledger_id)
    shift = TILE_BITS * (tile.level or 0)
    hashes = tile.index * TILE_WIDTH + tile.width
    if newest is None or hashes > newest.size >> shift:
        return False
    if tile.width == TILE_WIDTH:
        return True
    # The trees whose row of this level ends just there.
    first, end = hashes << shift, (hashes + 1) << shift
    query = select(t.checkpoint.c.size).where(
        t.checkpoint.c.ledger_id == ledger_id,
        t.checkpoint.c.size >= first,
        t.checkpoint.c.size < min(end, newest.size + 1),
    )
    return conn.execute(query.limit(1)).one_or_none() is not None


def _policy(row: Row[Any]) -> Policy:
    transfers = {
        (purpose, giver, receiver): limit
        for purpose, giver, receiver, limit in orjson.loads(row.transfers)
    }
    return Policy(row.seq, row.first, row.grant_limit, row.reversal_limit, row.hold_days, transfers)


def _line(row: Row[Any], name: str) -> Line:
    entry: Entry = decode(bytes(row.raw))
    posting = next(p for p in entry["postings"] if p["account"] == name)
    listed: Sequence[Any] = posting.get("parts", ((NEVER, row.amount),))
    change = _shown(tuple((day, points) for day, points in listed))
    return Line(row.seq, entry["at"], entry["type"], row.amount, row.balance, change)


def _shown(change: Parts) -> tuple[tuple[str | None, int], ...]:
    return tuple((None if day == NEVER else day, points) for day, points in change)
