"""`points key master`: records stay readable while the key that wraps theirs is replaced."""

from __future__ import annotations

from contextlib import closing

from ledger.clock import SystemClock
from ledger.programme import records
from ledger.programme.recording import Change, save
from tests.cli.conftest import Terminal
from tests.programme.registry import fresh


def test_a_master_key_is_replaced_and_a_replacement_taken_up_again(either: Terminal) -> None:
    # given a member with a record
    either.found()
    member, (office, _) = fresh("member"), either.people
    with closing(either.installation()) as here:
        ledger = here.ledger("beiyuan")
        change = Change("basics", member, member, {"full_name": "张三"})
        save(here.database, ledger, SystemClock(), [change], by=office)
    # when the master key is replaced, and the replacement is resumed although nothing is left
    first = either.facts("key", "master", "--ledger", "beiyuan")
    again = either.facts("key", "master", "--resume")
    assert first == again == {"ledger": "beiyuan", "generation": 2, "data_keys": 1}
    # then the record opens without the older key, and not without the newer one
    folder = either.data / "keys" / "beiyuan"
    (folder / "master-1.secret.pem").unlink()
    with closing(either.installation()) as here, here.database.reading() as conn:
        assert records.one(conn, here.ledger("beiyuan"), "basics", member).fields == change.fields


def test_a_ledger_of_an_earlier_version_gets_its_first_master_key(terminal: Terminal) -> None:
    terminal.found()
    folder = terminal.data / "keys" / "beiyuan"
    (folder / "master-1.secret.pem").unlink()
    assert "run: points key master" in terminal.complaint("key", "master", "--resume")
    assert terminal.facts("key", "master")["generation"] == 1


def test_what_a_command_opens_is_rid_of_whom_the_file_lists(terminal: Terminal) -> None:
    # given a database in which somebody is kept whom the file says was erased
    terminal.found()
    member, (office, _) = fresh("member"), terminal.people
    with closing(terminal.installation()) as here:
        change = Change("basics", member, member, {"full_name": "张三"})
        save(here.database, here.ledger("beiyuan"), SystemClock(), [change], by=office)
    (terminal.data / "high-water" / "beiyuan.erased").write_text(f"{member} 2026-11-24\n")
    # when any command opens the ledger, then they are gone
    terminal("key", "list")
    with closing(terminal.installation()) as here, here.database.reading() as conn:
        assert records.one(conn, here.ledger("beiyuan"), "basics", member).fields is None
