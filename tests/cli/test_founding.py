"""A ledger is made, or the sample programme, or one sentence says why not."""

import stat
from pathlib import Path

import pytest

from ledger.errors import ConfigError
from ledger.journal.founding import Founding
from tests.cli.conftest import INIT, Terminal


def test_init_makes_a_ledger_with_two_founders_who_can_use_the_api(either: Terminal) -> None:
    # When a ledger is made
    made = either.found()
    # Then it has an origin, a budget, keys, and a token for each founder that is stored
    assert made["origin"] == "points.example.org/log/beiyuan"
    assert made["budget"].startswith("issuer/")
    assert made["vkeys"] == either("key", "show").stdout.split()
    assert len({founder["token"] for founder in made["founders"]}) == 2
    tokens = either.facts("token", "list")["tokens"]
    assert {token["person"] for token in tokens} == set(either.people)
    assert {token["role"] for token in tokens} == {"admin"}
    # And its first five entries are published
    assert either.facts("publish")["size"] == 5


def test_init_tells_a_person_the_same_as_a_script(terminal: Terminal) -> None:
    told = terminal(*INIT).stdout
    assert "origin   points.example.org/log/beiyuan" in told
    assert told.count("founder  person/") == 2
    assert told.count("  token  pts_beiyuan_") == 2


def test_a_name_is_never_used_twice(terminal: Terminal) -> None:
    terminal.found()
    assert "There is a ledger 'beiyuan' already" in terminal.complaint(*INIT)


def test_a_name_that_cannot_be_one_is_refused(terminal: Terminal) -> None:
    assert "cannot be called 'Bei Yuan'" in terminal.complaint("init", "Bei Yuan", *INIT[2:])


def test_what_cannot_be_a_ledger_is_refused_before_anything_is_made(terminal: Terminal) -> None:
    words = ("--budget-limit", "1", "--budget-from", "2026-01-01", "--budget-to", "2026-12-31")
    backwards = (*words[:2], "--budget-from", "2027-01-01", "--budget-to", "2026-12-31")
    assert "covers no day" in terminal("init", "beiyuan", *backwards, exits=2).stderr
    assert not terminal.data.exists()


def test_a_passphrase_is_made_where_none_is_named_and_found_again(terminal: Terminal) -> None:
    # Given that nobody named a passphrase
    terminal.environ["POINTS_PASSPHRASE"] = ""
    # When a ledger is made
    told = terminal(*INIT)
    # Then its passphrase lies in a file that nobody else can read, is told of, and not shown
    file = terminal.data / "passphrase"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert str(file) in told.stderr
    assert file.read_text().strip() not in told.output
    # And the next command finds it there
    assert terminal.facts("publish")["size"] == 5


def test_keys_without_their_passphrase_get_no_new_one(terminal: Terminal) -> None:
    terminal.found()
    terminal.environ["POINTS_PASSPHRASE"] = ""
    assert "The keys need a passphrase" in terminal.complaint("demo")
    assert not (terminal.data / "passphrase").exists()


def test_commands_before_there_is_anything_say_what_to_run(terminal: Terminal) -> None:
    assert "Run: points init, or points demo" in terminal.complaint("publish")
    terminal.environ["POINTS_DATABASE_URL"] = f"sqlite:///{terminal.data}/elsewhere.db"
    assert "There is no database at" in terminal.complaint("publish")
    assert not terminal.data.exists() or not (terminal.data / "elsewhere.db").exists()


def test_a_database_without_tables_is_migrated_first(
    empty_database_url: str, tmp_path: Path, cheap_passphrase: None
) -> None:
    terminal = Terminal(tmp_path / "data", empty_database_url)
    if empty_database_url.startswith("sqlite"):
        (tmp_path / "empty.db").touch()
    assert "Run: points migrate" in terminal.complaint("token", "list")
    terminal("migrate")
    terminal("migrate")
    assert "There is no ledger here yet" in terminal.complaint("token", "list")


def test_where_there_are_two_ledgers_one_must_be_named(terminal: Terminal) -> None:
    terminal.found()
    terminal("init", "nanyuan", *INIT[2:])
    assert "Say which ledger with --ledger: beiyuan, nanyuan" in terminal("publish", exits=2).stderr
    assert terminal.facts("publish", "--ledger", "nanyuan")["size"] == 5
    assert "no ledger 'xiyuan'" in terminal.complaint("publish", "--ledger", "xiyuan")


def test_the_sample_programme_is_loaded_once_and_verifies(either: Terminal, tmp_path: Path) -> None:
    # When the demo is loaded
    made = either.facts("demo", "--if-missing")
    # Then its name has a suffix of its own, and it has lived
    assert made["ledger"].startswith("beiyuan-")
    assert made["entries"] == 105
    # And where there is a ledger, nothing more is loaded
    assert either.facts("demo", "--if-missing") == {"ledger": None}
    # And what was loaded keeps every rule
    bundle, keys = tmp_path / "demo.zip", tmp_path / "demo.keys"
    keys.write_text(either("key", "show").stdout)
    either("export", bundle)
    report = either.facts("verify", bundle, "--key-file", keys)
    assert report["accounts"] == {"issuer": 1, "member": 20, "org": 6, "closed": 0}
    kinds = {"service", "credit", "hold", "capture", "release", "transfer", "reversal"}
    assert kinds | {"settlement", "state"} <= set(report["entries"])


def test_each_sample_programme_has_another_origin(terminal: Terminal) -> None:
    assert terminal.facts("demo")["origin"] != terminal.facts("demo")["origin"]


def test_a_ledger_cannot_bear_the_name_of_the_operators_tokens(terminal: Terminal) -> None:
    said = terminal.complaint(
        "init", "operator", "--budget-limit", "1", "--budget-from", "2026-01-01",
        "--budget-to", "2026-12-31",
    )  # fmt: skip
    assert "the software takes that name" in said


def test_a_founding_that_the_book_refuses_leaves_nothing_behind(either: Terminal) -> None:
    # Given one person who would be both founders
    alone = "person/" + "a" * 26
    founding = Founding(
        founders=(alone, alone),
        budget="issuer/" + "a" * 26,
        budget_limit=1,
        budget_from="2026-01-01",
        budget_to="2026-12-31",
        policy_from="2026-01-01",
    )
    # When the ledger is made, then the book's reason is given
    installation = either.installation()
    with pytest.raises(ConfigError, match="two founders are two different people"):
        installation.create_ledger("beiyuan", founding)
    # And neither its name nor its keys are taken
    assert installation.names() == []
    installation.close()
    assert not (either.data / "keys").exists()
    assert either.found()["ledger"] == "beiyuan"
