"""Accounts of members and organisations: as they stand now, and as they stood."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import Connection, select

from ledger.journal import asof, log, parts
from ledger.journal import tables as t
from ledger.journal.bulk import keyed
from ledger.journal.entry import HOLDER_KINDS, decode
from ledger.journal.parts import NEVER, Parts
from ledger.journal.state import Account
from ledger.journal.store import read_accounts
from ledger.journal.times import format_time, local_day, to_us
from ledger.programme.reading.days import offset_of

Shown = tuple[tuple[str | None, int], ...]
"""Parts as they are shown: days (None: for good) with points, the soonest first."""

_PAST_SLASH = chr(ord("/") + 1)


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account now.

    `balance`, `held`, `parts` and `holds` are as entered; `available` is what could be spent now,
    after the due work that any posting would bring first: held points are not in it, those of
    holds past their `until` are, lapsed ones are not, and a debt leaves 0.
    `holds` are its open holds. `last` is its last posting, the entry that opened it before the
    first.
    """

    account: str
    balance: int
    held: int
    last: int
    open: bool
    available: int
    parts: Shown
    holds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PastView:
    """One account as of an earlier entry: what its postings and openings tell of it.

    Its parts, its holds and what was available take a replay, and are not told.
    """

    account: str
    balance: int
    held: int
    last: int
    open: bool


def find_account(conn: Connection, ledger_id: int, name: str, now: datetime) -> AccountView | None:
    """The account `member/…` or `org/…` as it stands `now`, None where there is none."""
    rows = read_accounts(conn, ledger_id, (name, name + "/held"))
    return _views(conn, ledger_id, (name,), rows, now)[0] if name in rows else None


def account_exists(conn: Connection, ledger_id: int, name: str) -> bool:
    """Whether there is such an account."""
    mine = (t.account.c.ledger_id == ledger_id) & (t.account.c.name == name)
    return conn.execute(select(t.account.c.name).where(mine)).one_or_none() is not None


def find_past_account(conn: Connection, ledger_id: int, name: str, seq: int) -> PastView | None:
    """The account `member/…` or `org/…` as it was after the entry `seq`, None where none was."""
    opened, changed = asof.mentions_as_of(conn, ledger_id, name, seq)
    if opened is None or changed is None:
        return None
    (raw,) = log.raw_entries(conn, ledger_id, changed, changed + 1)
    balance, last = asof.balance_as_of(conn, ledger_id, name, seq) or (0, opened)
    held, _ = asof.balance_as_of(conn, ledger_id, name + "/held", seq) or (0, opened)
    return PastView(name, balance, held, last, decode(raw)["type"] == "open")


def list_accounts(
    conn: Connection,
    ledger_id: int,
    now: datetime,
    *,
    kind: str | None,
    after: str | None,
    limit: int,
) -> list[AccountView]:
    """At most `limit` accounts of members, organisations or both, as they stand `now`, by name."""
    kinds = HOLDER_KINDS if kind is None else (kind,)
    c = t.account.c
    # An account's name is followed by that of its `/held`, and the two kinds by nothing between.
    query = (
        select(c.name)
        .where(
            c.ledger_id == ledger_id,
            c.name > max(after or "", kinds[0] + "/"),
            c.name < kinds[-1] + _PAST_SLASH,
        )
        .order_by(c.name)
        .limit(2 * limit + 1)  # the first may be the held side of `after`
    )
    names = list(conn.execute(query).scalars())
    own = [name for name in names if not name.endswith("/held")][:limit]
    rows = read_accounts(conn, ledger_id, (*own, *(name + "/held" for name in own)))
    return _views(conn, ledger_id, own, rows, now)


def _views(
    conn: Connection,
    ledger_id: int,
    names: Iterable[str],
    rows: Mapping[str, Account],
    now: datetime,
) -> list[AccountView]:
    at = format_time(to_us(now))
    own = [rows[name] for name in names]
    lots = _lots_run_out(conn, ledger_id, own, at)
    today = local_day(at, offset_of(conn, ledger_id))
    return [
        AccountView(
            name,
            account.balance,
            rows[name + "/held"].balance if name + "/held" in rows else 0,
            account.last,
            account.open,
            _available(account, lots, today),
            shown(parts.whole(account.balance, account.dated)),
            account.holds,
        )
        for name, account in zip(names, own, strict=True)
    ]


def _lots_run_out(
    conn: Connection, ledger_id: int, accounts: Collection[Account], at: str
) -> dict[int, Parts]:
    """What is left of those of the accounts' holds that are past their end, by hold."""
    due = {seq for each in accounts if each.holds and each.until < at for seq in each.holds}
    return {
        row.seq: tuple((day, points) for day, points in orjson.loads(row.lots))
        for row in keyed(conn, t.hold.c, ledger_id, t.hold.c.seq, due, t.hold.c.until < at)
    }


def _available(account: Account, run_out: Mapping[int, Parts], today: str) -> int:
    """What is left to spend once holds that have run out are released and lapsed points gone."""
    balance, dated = account.balance, account.dated
    for lots in (run_out[seq] for seq in account.holds if seq in run_out):
        change = parts.receive(balance, lots)
        balance, dated = balance + parts.total(lots), parts.applied(dated, change)
    if dated:
        balance -= parts.total(part for part in dated if part[0] < today)
    return max(balance, 0)


def shown(change: Parts) -> Shown:
    """Parts as they are shown."""
    return tuple((None if day == NEVER else day, points) for day, points in change)
