"""What is exported is checked elsewhere, with other people's keys, and damage is found."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from ledger.db import open_engine
from tests.cli.conftest import INIT, Terminal

UNCHECKED = "consistent with itself; whose it is was not checked"


@pytest.fixture
def sample(terminal: Terminal) -> Terminal:
    """A terminal with the sample programme."""
    terminal("demo")
    return terminal


@pytest.fixture
def bundle(sample: Terminal, tmp_path: Path) -> Path:
    path = tmp_path / "bundle.zip"
    sample("export", path)
    return path


@pytest.fixture
def keys(sample: Terminal, tmp_path: Path) -> Path:
    return _keys(sample, tmp_path)


def _keys(terminal: Terminal, tmp_path: Path) -> Path:
    path = tmp_path / "log.keys"
    path.write_text("# of the sample\n\n" + terminal("key", "show").stdout)
    return path


def test_a_bundle_is_checked_where_there_is_nothing_else(
    sample: Terminal, bundle: Path, keys: Path, tmp_path: Path
) -> None:
    # Given a machine that has no database and no keys
    elsewhere = Terminal(tmp_path / "elsewhere", "sqlite:////nowhere/points.db")
    elsewhere.environ["POINTS_PASSPHRASE"] = ""
    # Then the bundle verifies by a file of keys, and by keys on the command line
    assert (
        "all 105 entries are under a head" in elsewhere("verify", bundle, "--key-file", keys).stdout
    )
    vkeys = [f"--key={vkey}" for vkey in sample("key", "show").stdout.split()]
    assert elsewhere.facts("verify", bundle, *vkeys)["ok"] is True


def test_without_keys_it_says_what_was_not_checked(sample: Terminal, bundle: Path) -> None:
    assert sample.complaint("verify", bundle, exits=3) == UNCHECKED
    facts = sample.facts("verify", bundle, exits=3)
    assert (facts["ok"], facts["trust"], facts["says"]) == (False, "unchecked", UNCHECKED)


def test_somebody_elses_keys_do_not_vouch_for_it(
    sample: Terminal, bundle: Path, tmp_path: Path
) -> None:
    sample("init", "nanyuan", *INIT[2:])
    theirs = tmp_path / "theirs.keys"
    theirs.write_text(sample("key", "show", "--ledger", "nanyuan").stdout)
    assert "is signed by a key that you trust" in sample.complaint(
        "verify", bundle, "--key-file", theirs
    )


def test_a_key_that_is_none_is_named(sample: Terminal, bundle: Path, tmp_path: Path) -> None:
    assert sample.complaint("verify", bundle, "--key", "beiyuan+123")
    (tmp_path / "empty.keys").write_text("# nothing yet\n")
    told = sample("verify", bundle, "--key-file", tmp_path / "empty.keys", exits=2)
    assert "holds no keys" in told.stderr


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _flipped(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def _foreign(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("letter.txt", "Dear auditor")


def _no_zip(path: Path) -> None:
    path.write_text("this is not a zip\n")


@pytest.mark.parametrize("damage", [_truncated, _flipped, _foreign, _no_zip])
def test_a_damaged_bundle_is_refused_by_one_sentence(
    sample: Terminal, bundle: Path, keys: Path, damage: Callable[[Path], None]
) -> None:
    damage(bundle)
    assert sample.complaint("verify", bundle, "--key-file", keys)
    failed = sample.facts("verify", bundle, "--key-file", keys, exits=1)
    assert failed["ok"] is False
    assert failed["fault"]["message"]


def test_a_bundle_replaces_nothing_unless_told(sample: Terminal, bundle: Path) -> None:
    assert "is there already" in sample.complaint("export", bundle)
    assert sample.facts("export", bundle, "--overwrite")["bytes"] == bundle.stat().st_size
    assert "cannot be written" in sample.complaint("export", bundle.parent / "no" / "where.zip")


def test_a_receipt_proves_one_entry(sample: Terminal, keys: Path, tmp_path: Path) -> None:
    # Given a receipt in a file
    file = tmp_path / "30.tlog-proof"
    sample("receipt", 30, "-o", file)
    assert file.read_text() == sample("receipt", 30).stdout
    # Then it verifies under the keys, and says whose it is when there are none
    facts = sample.facts("verify", "--receipt", file, "--key-file", keys)
    assert (facts["seq"], facts["entry"]["seq"], facts["trust"]) == (30, 30, "checked")
    assert sample.complaint("verify", "--receipt", file, exits=3) == UNCHECKED
    # And no receipt is overwritten, or given for what is not there
    assert "File exists" in sample.complaint("receipt", 30, "-o", file)
    size = sample.facts("publish")["size"]
    assert f"There is no entry {size}" in sample.complaint("receipt", size)
    # And a damaged one proves nothing
    file.write_text(file.read_text().replace("index 30", "index 31"))
    assert sample.complaint("verify", "--receipt", file, "--key-file", keys)


def test_a_balance_is_proven_to_whoever_has_the_keys(
    sample: Terminal, keys: Path, tmp_path: Path
) -> None:
    # Given the proof of a member's balance in a file
    account = members_of(sample)[0]
    file = tmp_path / "member.balance"
    sample("receipt", "--balance", account, "-o", file)
    # Then it verifies where there is nothing but the keys
    elsewhere = Terminal(tmp_path / "elsewhere", "sqlite:////nowhere/points.db")
    elsewhere.environ["POINTS_PASSPHRASE"] = ""
    facts = elsewhere.facts("verify", "--balance", file, "--key-file", keys)
    assert (facts["ok"], facts["account"], facts["entry"]["type"]) == (True, account, "state")
    told = elsewhere("verify", "--balance", file, "--key-file", keys).stdout
    assert f"balance  {facts['balance']:,} points, and {facts['held']:,} held" in told
    assert f"as of    entry {facts['seq']}, {facts['entry']['at']}" in told
    # And without keys it says what was not checked
    assert elsewhere.complaint("verify", "--balance", file, exits=3) == UNCHECKED
    # And one that was changed proves nothing
    text = file.read_text()
    file.write_text(text.replace(f'{account}",{facts["balance"]},', f'{account}",9999,'))
    assert file.read_text() != text
    assert "lead to the root" in elsewhere.complaint(
        "verify", "--balance", file, "--key-file", keys
    )
    # And there is none as of when there was no state, or without an account
    assert "no state of all accounts" in sample.complaint("receipt", "--balance", account, 4)
    assert "Name an entry" in sample("receipt", exits=2).stderr
    # Nor of one that never was, which no later state will have
    nobody = f"issuer/{'a' * 26}"
    assert f"no account {nobody}" in sample.complaint("receipt", "--balance", nobody)


def members_of(sample: Terminal) -> list[str]:
    """The members whose accounts the sample opens, in order of their entries."""
    database = open_engine(sample.environ["POINTS_DATABASE_URL"])
    with database.reading() as conn:
        query = text("SELECT account FROM mention WHERE account LIKE 'member/%' ORDER BY seq")
        found = list(conn.execute(query).scalars())
    database.close()
    return found


def test_the_tables_are_compared_with_the_entries(either: Terminal) -> None:
    # Given tables as the append path left them
    either("demo")
    assert either.facts("verify", "--database")["ok"] is True
    # When somebody raises a balance by hand
    database = open_engine(either.environ["POINTS_DATABASE_URL"])
    with database.writing() as conn:
        conn.execute(text("UPDATE account SET balance = balance + 1 WHERE name = 'settled'"))
    database.close()
    # Then the difference is named, and the exit code is not 0
    told = either("verify", "--database", exits=1)
    assert "account settled" in told.stdout
    assert "are not what its entries say" in told.stderr
    difference = either.facts("verify", "--database", exits=1)["differences"][0]
    assert (difference["table"], difference["got"], difference["wanted"]) == ("account", 41, 40)


def test_a_forged_value_hides_nothing_from_who_reads_it_at_a_terminal(either: Terminal) -> None:
    # Given a row whose forger wants its line wiped from the screen, and another line there
    forged = "settled\x1b[1A\x1b[2K\n\u202ebeiyuan: the tables are what its entries say"
    either("demo")
    database = open_engine(either.environ["POINTS_DATABASE_URL"])
    with database.writing() as conn:
        query = text("UPDATE account SET name = :name WHERE name = 'settled'")
        conn.execute(query, {"name": forged})
    database.close()
    # Then it is shown as it is, on its own line
    told = either("verify", "--database", exits=1).stdout
    assert "settled\\x1b[1A\\x1b[2K\\n\\u202ebeiyuan" in told
    assert all(line.isprintable() for line in told.splitlines())


def test_a_forged_origin_is_shown_as_it_is(
    sample: Terminal, bundle: Path, keys: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(bundle) as whole:
        files = {name: whole.read(name) for name in whole.namelist()}
    forged = tmp_path / "forged.zip"
    with zipfile.ZipFile(forged, "w") as archive:
        for name, content in files.items():
            evil = content.replace(b"points.example.org", "\u009b2J\u202e".encode(), 1)
            archive.writestr(name, evil if name == "checkpoints/5" else content)
    assert "\\x9b2J\\u202e" in sample.complaint("verify", forged)


def test_a_head_that_the_log_did_not_sign_says_nothing_against_it(
    either: Terminal, tmp_path: Path
) -> None:
    # Given a log, its bundle, and a head that somebody wrote who has no key of it
    either("demo")
    bundle, kept = tmp_path / "bundle.zip", tmp_path / "kept"
    either("export", bundle)
    head = either.facts("publish")["checkpoint"]
    kept.write_text(head)
    checks = (("--database",), (bundle, "--key-file", _keys(either, tmp_path)))
    for check in checks:
        assert either.facts("verify", *check, "--head", kept)["ok"] is True
    kept.write_text(head.replace("\n105\n", "\n104\n"))
    # Then neither check takes it for a second history
    assert "no key of beiyuan-" in either.complaint("verify", "--database", "--head", kept)
    said = either.complaint("verify", bundle, "--head", kept, exits=1)
    assert "says nothing against the log" in said


def test_publish_prints_the_checkpoint_as_it_is_served(sample: Terminal) -> None:
    facts = sample.facts("publish")
    origin, size, root = facts["checkpoint"].splitlines()[:3]
    assert (origin, int(size), root) == (facts["origin"], facts["size"], facts["root"])
    assert sample("publish").stdout == facts["checkpoint"]
