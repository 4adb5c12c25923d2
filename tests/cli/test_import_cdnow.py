"""A real history of earnings, whole: killed on the way, resumed, spent from, checked elsewhere.

`tests/data/cdnow.csv.gz` is the log of purchases of CDNOW (Fader and Hardie): 69,659 rows of 23,570
customers. What it amounts to as earnings was counted independently of this software.
"""

import shutil
import signal
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from ledger.journal import tables as t
from ledger.journal.commands import Capture, PlaceHold, Statement
from ledger.journal.entry import new_id
from ledger.journal.orders import Done, Group, Order
from ledger.programme.names import account_called, reference_index
from ledger.programme.tables import outside_name
from tests.cli.conftest import CDNOW, Terminal, make_cheap_keys
from tests.conftest import DIALECTS
from tests.postgres import fresh_database

ROWS = 69_659
MEMBERS = 23_570
POINTS = 2_453_159
ZERO = 80
BEST_CUSTOMER, BEST_POINTS = "07592", 13_860

# Ends the process as a power cut would: between writing its rows and committing them.
KILLED_AT_COMMIT = """
import os, signal
from sqlalchemy import Engine, event
commits = 0
@event.listens_for(Engine, "commit")
def commit(connection):
    global commits
    commits += connection.get_execution_options().get("points_purpose") == "writing"
    if commits == {number}:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@dataclass
class Imported:
    """A ledger that holds all of the file, and what was told on the way."""

    terminal: Terminal
    killed: int
    entries_after_kill: int
    resumed: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module", params=DIALECTS)
def imported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Imported]:
    """The file imported by a process that was killed half way, and then by another."""
    folder = tmp_path_factory.mktemp("cdnow")
    with ExitStack() as stack:
        make_cheap_keys(stack.enter_context(pytest.MonkeyPatch.context()))
        if request.param == "sqlite":
            path = folder / "points.db"
            shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
            url = f"sqlite:///{path}"
        else:
            server = request.getfixturevalue("postgres_url")
            template = request.getfixturevalue("migrated_postgres")
            name = f"points_{uuid.uuid4().hex}"
            url = stack.enter_context(fresh_database(server, name, template))
        terminal = Terminal(folder / "data", url)
        terminal.found()
        dying = KILLED_AT_COMMIT.format(number=60)
        process = terminal.start(*terminal.importing(CDNOW), before=dying)
        process.communicate()
        entries = _count(terminal, t.entry)
        resumed = terminal.facts(*terminal.importing(CDNOW))
        yield Imported(terminal, process.returncode, entries, resumed)


def _count(terminal: Terminal, table: Any, *conditions: Any) -> int:
    installation = terminal.installation()
    with installation.database.reading() as conn:
        query = select(func.count()).select_from(table).where(*conditions)
        count: int = conn.execute(query).scalar_one()
    installation.close()
    return count


def _account_of(terminal: Terminal, customer: str) -> Any:
    """The row of the account that a customer's reference names."""
    installation = terminal.installation()
    ledger = installation.ledger("beiyuan")
    with installation.database.reading() as conn:
        name = account_called(conn, ledger.id, reference_index(ledger.keys, f"cdnow:{customer}"))
        row = conn.execute(select(t.account).where(t.account.c.name == name)).one()
    installation.close()
    return row


def test_a_killed_import_goes_on_where_it_was(imported: Imported) -> None:
    assert imported.killed == -signal.SIGKILL
    assert 5_000 < imported.entries_after_kill < ROWS
    told = imported.resumed
    assert told["finished"] is True
    assert told["already"] > 1_000
    assert told["already"] + told["imported"] == ROWS - ZERO
    assert (told["rows"], told["zero"], told["bad"], told["refused"]) == (ROWS, ZERO, 0, 0)


def test_everything_is_there_exactly_once(imported: Imported) -> None:
    is_member = t.account.c.name.like("member/%") & ~t.account.c.name.like("%/held")
    assert _count(imported.terminal, t.account, is_member) == MEMBERS
    assert _count(imported.terminal, outside_name) == MEMBERS
    issuer = imported.terminal.founded["budget"]
    assert _count(imported.terminal, t.posting, t.posting.c.account == issuer) == ROWS - ZERO
    assert _account_of(imported.terminal, BEST_CUSTOMER).balance == BEST_POINTS


def test_a_second_run_enters_nothing(imported: Imported) -> None:
    before = _count(imported.terminal, t.entry)
    told = imported.terminal.facts(*imported.terminal.importing(CDNOW))
    assert (told["imported"], told["already"], told["accounts_opened"]) == (0, ROWS - ZERO, 0)
    assert _count(imported.terminal, t.entry) == before


def test_ten_redemptions_later_the_log_is_checked_in_another_place(
    imported: Imported, tmp_path: Path
) -> None:
    # Given ten redemptions by the best customer, one after the other
    terminal = imported.terminal
    best = _account_of(terminal, BEST_CUSTOMER)
    _redeem(terminal, best.name, times=10)
    assert _account_of(terminal, BEST_CUSTOMER).balance == best.balance - 1_000
    # When the log is exported, and checked where there is nothing but the bundle and the keys
    bundle, keys = tmp_path / "beiyuan.zip", tmp_path / "beiyuan.keys"
    keys.write_text(terminal("key", "show").stdout)
    terminal("export", bundle)
    elsewhere = Terminal(tmp_path / "elsewhere", "sqlite:////nowhere/points.db")
    report = elsewhere.facts("verify", bundle, "--key-file", keys)
    # Then all of it is under the keys, and amounts to what was counted elsewhere
    assert report["trust"] == "checked"
    assert report["accounts"]["member"] == MEMBERS
    assert report["points"]["issued"] == POINTS
    assert report["points"]["outstanding"] == POINTS
    assert report["entries"]["credit"] == ROWS - ZERO
    assert report["entries"]["capture"] == 10


def _redeem(terminal: Terminal, member: str, times: int) -> None:
    """Holds of 100 points that an organisation is paid."""
    actor, _ = terminal.people
    org = new_id("org", uuid.uuid4().bytes)
    installation = terminal.installation()
    appender = installation.ledger("beiyuan").appender

    def enter(command: Any) -> int:
        (outcome,) = appender.submit(Group((Order(command=command),)))
        assert isinstance(outcome, Done), outcome
        return outcome.last

    enter(Statement(kind="open", fields={"account": org}, actor=actor))
    for _ in range(times):
        hold = enter(PlaceHold(account=member, amount=100, payee=org, actor=actor))
        enter(Capture(hold=hold, actor=actor))
    installation.close()
