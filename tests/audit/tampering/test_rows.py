"""Whatever row somebody changes in the database, somebody notices, and names it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Table, select

from ledger.audit.projections import Difference
from ledger.journal import tables as t
from ledger.journal import triggers
from tests.audit.tampering.rows import ROWS
from tests.audit.tampering.scene import LEDGER_ID, Case, Scene


@pytest.mark.parametrize("case", ROWS, ids=[f"{case.place}: {case.what}" for case in ROWS])
def test_a_row_that_was_tampered_with_is_noticed_and_named(scene: Scene, case: Case) -> None:
    # Given a sound ledger, of which somebody with the database's password changes something
    table = t.metadata.tables[case.place.partition(".")[0]]
    before = rows_of(scene, table)
    case.tamper(scene)
    touched = {row[: _width(table)] for row in before ^ rows_of(scene, table)}
    # When the tables are compared with the entries, then a row that was touched is named first
    (first, *_) = scene.differences()
    assert f"{first.table}.{first.column}" == case.names
    if first.table == table.name != "run":  # a run is named by the entry that none has
        assert key_of(first, table) in touched
    # And an auditor's export, the service and its publisher say what they can know
    assert (case.bundle or "passes") in scene.bundle()
    assert (case.stops or "ready") in scene.readyz()
    said = scene.publisher()
    assert said == "signs" if case.signs or case.stops is None else said != "signs"


def rows_of(scene: Scene, table: Table) -> set[tuple[Any, ...]]:
    """All rows of a table."""
    with scene.database.reading() as conn:
        return {tuple(map(_plain, row)) for row in conn.execute(select(table))}


def key_of(difference: Difference, table: Table) -> tuple[Any, ...]:
    """The key of the row that a difference names, as the table has it."""
    key = difference.key
    own = tuple(key) if isinstance(key, list | tuple) else (key,)
    return own if len(own) == _width(table) else (LEDGER_ID, *own)


def _width(table: Table) -> int:
    return len(table.primary_key)


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def test_triggers_that_are_left_out_are_named(scene: Scene) -> None:
    with scene.database.writing() as conn:
        triggers.drop(conn)
    said = scene.probe()
    assert said.startswith("triggers: missing: checkpoint_next, checkpoint_no_delete")
    assert scene.publisher() == "signs"
