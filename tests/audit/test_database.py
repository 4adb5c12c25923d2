"""The tables are what the entries make them, and a row that is not is named by its column."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from ledger.audit.database import verify_database
from ledger.audit.projections import Difference
from ledger.db import Database
from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.commands import Statement
from ledger.journal.entry import to_base64
from ledger.migrating import migrate, migrate_down
from ledger.tlog.note import Verifier
from tests.audit.lived import Lived, live

GRANTS = 300


@pytest.fixture
def whole(database: Database, tmp_path: Path) -> Lived:
    """A ledger after its two days, on each database in turn, which a test may damage."""
    return live(database, tmp_path, GRANTS)


def tamper(lived: Lived, statement: str, **values: Any) -> None:
    """What somebody with the database's password does, triggers put aside."""
    with lived.counter.database.writing() as conn:
        _without_triggers(conn)
        conn.execute(text(statement), values)


def _without_triggers(conn: Connection) -> None:
    if conn.dialect.name == "postgresql":
        conn.execute(text("SET LOCAL citus.propagate_set_commands = local"))  # on its workers too
        conn.execute(text("SET LOCAL session_replication_role = replica"))
        return
    names = conn.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars()
    for name in names.all():
        conn.execute(text(f'DROP TRIGGER "{name}"'))


def differences(lived: Lived, **options: Any) -> list[Difference]:
    """What verifying the database finds."""
    return verify_database(*lived.where, **options)


def test_the_tables_of_an_honest_ledger_are_what_its_entries_make_them(whole: Lived) -> None:
    keys: list[Verifier] = [signer.verifier for signer in whole.keys.signers(1)]
    told: list[tuple[int, int]] = []
    progress = lambda done, size: told.append((done, size))  # noqa: E731
    assert differences(whole, trusted=keys, progress=progress) == []
    assert told[-1] == (whole.published[-1], whole.published[-1])


def test_a_row_that_was_changed_is_named_by_table_key_and_column(whole: Lived) -> None:
    budget = whole.counter.budget
    balance = whole.counter.balance(budget)
    tamper(whole, "UPDATE account SET balance = balance + 7 WHERE name = :name", name=budget)
    assert differences(whole) == [Difference("account", budget, "balance", balance + 7, balance)]
    (difference,) = differences(whole)
    assert str(difference) == (
        f"account {budget}, column balance: got {balance + 7}, wanted {balance}"
    )


def test_a_hash_that_is_gone_is_named_where_keys_were_revoked_after_it(whole: Lived) -> None:
    # Given a ledger of several tiles whose keys were revoked by a head beyond the first
    counter, size = whole.counter, whole.published[-1]
    with counter.database.reading() as conn:
        root = to_base64(log.edge_at(conn, counter.id, size).root())
    rotation = {"next": to_base64(bytes(32)), "vkeys": list(whole.keys.vkeys(3))}
    statement = Statement(
        kind="key",
        fields={**rotation, "revoked": {"root": root, "size": size}},
        actor=counter.office,
        approver=counter.second,
    )
    counter.enter(statement)
    whole.publisher.publish()
    assert differences(whole) == []
    # When the hash of a tile is removed, then that row is named
    tamper(whole, "DELETE FROM subtree")
    assert [each.table for each in differences(whole)] == ["subtree"]


def test_a_database_of_an_older_version_is_given_its_runs_and_mentions(
    whole: Lived, database_url: str
) -> None:
    # Given a ledger in a database that does not know them
    mentions = whole.counter.rows(t.mention)
    migrate_down(database_url, "0002")
    # When it is migrated
    migrate(database_url)
    # Then they are as if they had been there from the start
    assert whole.counter.rows(t.mention) == mentions
    assert differences(whole) == []


def test_an_entry_that_breaks_a_rule_ends_the_comparison(whole: Lived) -> None:
    # Given an entry that was rewritten in place, and everything after it untouched
    tamper(
        whole,
        "UPDATE entry SET raw = (SELECT raw FROM entry AS other WHERE other.seq = 41"
        " AND other.ledger_id = entry.ledger_id) WHERE seq = 40",
    )
    # Then that entry is named with the rule, and nothing after it
    (difference,) = differences(whole)
    assert (difference.table, difference.key, difference.column) == ("entry", 40, "raw")
    assert "the rule `sequence`" in difference.wanted


def test_no_more_differences_are_told_than_are_wanted(whole: Lived) -> None:
    tamper(whole, "UPDATE posting SET prev = prev + 1")
    found = differences(whole, differences_max=3)
    assert [each.column for each in found] == ["prev"] * 3
    assert {each.table for each in found} == {"posting"}


def test_keys_that_are_not_the_logs_are_a_difference(lived: Lived) -> None:
    keys = [signer.verifier for signer in lived.keys.signers(3)]
    (difference,) = differences(lived, trusted=keys)
    assert (difference.table, difference.wanted) == ("keyset", "a key that you trust")
    assert "none of the keys that you trust is this log's" in difference.got


def test_an_origin_that_is_not_the_logs_is_a_difference(lived: Lived) -> None:
    database, ledger_id, origin = lived.where
    (difference,) = verify_database(database, ledger_id, "example.org/log/other")
    assert difference == Difference("ledger", ledger_id, "origin", "example.org/log/other", origin)


def test_more_rows_than_one_read_takes_are_compared(
    lived: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("database", "projections", "runs"):
        monkeypatch.setattr(f"ledger.audit.{module}.ROWS_PER_READ", 3)
    assert differences(lived) == []
