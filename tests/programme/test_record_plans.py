"""Records are read by index, whatever the planner believes of a table that was small once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection

from ledger.programme import records
from ledger.programme.recording import Change
from ledger.programme.vault import keys_of
from tests.programme.registry import Registry, fresh
from tests.programme.test_plans import faults, plan, sent

Reads = Callable[[Connection, Registry, list[str]], Any]
READS: dict[str, Reads] = {
    "the newest of many": lambda conn, r, ids: records.newest(conn, r.ledger, "basics", ids),
    "a history": lambda conn, r, ids: records.history(conn, r.ledger, "basics", ids[0]),
    "all about a subject": lambda conn, r, ids: records.about(conn, r.ledger, ids[0]),
    "who has a phone": lambda conn, r, _: records.found_by(
        conn, r.ledger, "phone", ["13800138000", "13900139000"]
    ),
    "one version": lambda conn, r, ids: records.disclosed(
        conn, r.ledger, ("basics", ids[0], 1), ["phone"]
    ),
    "data keys": lambda conn, r, ids: keys_of(conn, r.ledger, ids),
}


@pytest.mark.parametrize("name", READS)
def test_each_read_goes_by_index(registry: Registry, name: str) -> None:
    # given a few members with two versions each
    members = [fresh("member") for _ in range(5)]
    for member in members:
        registry.keep(member, phone="13800138000")
        registry.save(Change("basics", member, member, {"phone": "13900139000"}, seen=1))
    # then no statement of the read scans a table or sorts what it found
    statements = sent(registry.database, lambda conn: READS[name](conn, registry, members))
    told = [plan(registry.database, *statement) for statement in statements]
    assert told
    for each in told:
        assert faults(registry.database.dialect, each) == [], each
