"""Engagements are read by index, however many there are and however much was read within them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection

from ledger.journal.entry import to_base64
from ledger.programme.engagements import engaging, find_engagement, id_of, list_engagements
from ledger.programme.inspecting import read_record
from ledger.programme.roles import Reach
from tests.programme.registry import TODAY, Registry, fresh
from tests.programme.test_plans import faults, plan, sent
from tests.statements import statements

REQUEST = to_base64(bytes(32))
EVERYTHING = Reach(everything=True)
Reads = Callable[[Connection, int, str], Any]
READS: dict[str, Reads] = {
    "all": lambda conn, ledger, _: list_engagements(conn, ledger, EVERYTHING, limit=5),
    "an auditor's own": lambda conn, ledger, auditor: list_engagements(
        conn, ledger, Reach(own=auditor), limit=5
    ),
    "one": lambda conn, ledger, auditor: find_engagement(
        conn, ledger, id_of(REQUEST), Reach(own=auditor)
    ),
}


@pytest.fixture
def auditor(registry: Registry) -> str:
    """Whose engagement was granted for today."""
    person = fresh("person")
    values = {"auditor": person, "kinds": ["basics"], "first": TODAY, "last": TODAY, "records": 9}
    made = engaging(
        values,
        request=REQUEST,
        by=registry.office,
        approved_by=registry.second,
        at=f"{TODAY}T00:00:00.000000Z",
    )
    registry.submit((made,))
    return person


@pytest.mark.parametrize("name", READS)
def test_engagements_are_read_by_index(registry: Registry, auditor: str, name: str) -> None:
    told = sent(registry.database, lambda conn: READS[name](conn, registry.ledger.id, auditor))

    assert told
    for each in told:
        found = plan(registry.database, *each)
        assert faults(registry.database.dialect, found) == [], found


def test_reading_a_record_takes_the_same_statements_however_many_were_read(
    registry: Registry, auditor: str
) -> None:
    # given six members, who are read one after the other
    members = [fresh("member") for _ in range(6)]
    for member in members:
        registry.keep(member, full_name="王小明")
    counts = []
    for member in members:
        with statements(registry.database) as seen:
            read_record(
                registry.database,
                registry.ledger,
                registry.clock,
                id_of(REQUEST),
                ("basics", member),
                Reach(own=auditor),
            )
        counts.append(len(seen))

    assert len(set(counts)) == 1, counts
