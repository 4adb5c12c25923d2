"""Keys are replaced in an orderly way; tokens are made, listed and ended."""

from pathlib import Path

from tests.cli.conftest import Terminal


def _rotate(terminal: Terminal, *more: object) -> tuple[object, ...]:
    actor, approver = terminal.people
    return ("key", "rotate", "--actor", actor, "--approver", approver, *more)


def _states(terminal: Terminal) -> list[tuple[int, str]]:
    listed = terminal.facts("key", "list")["generations"]
    return [(one["number"], one["state"]) for one in listed]


def test_keys_are_rotated_and_the_old_ones_lead_to_the_new(
    either: Terminal, tmp_path: Path
) -> None:
    # Given an auditor who keeps the first keys
    either.found()
    assert _states(either) == [(1, "current"), (2, "next")]
    kept = tmp_path / "kept.keys"
    kept.write_text(either("key", "show").stdout)
    # When the keys are rotated twice
    assert either.facts(*_rotate(either))["generation"] == 2
    either(*_rotate(either))
    # Then the third generation signs, and a fourth is ready
    assert _states(either) == [(1, "former"), (2, "former"), (3, "current"), (4, "next")]
    assert either("key", "show").stdout != kept.read_text()
    # And the auditor's keys still vouch for all of the log
    bundle = tmp_path / "bundle.zip"
    either("export", bundle)
    assert either.facts("verify", bundle, "--key-file", kept)["trust"] == "checked"
    assert either.facts("verify", "--database")["ok"] is True


def test_a_rotation_that_was_cut_short_goes_on_with_the_keys_it_made(terminal: Terminal) -> None:
    # Given a rotation that made its keys and was then refused
    terminal.found()
    actor, _ = terminal.people
    alone = ("key", "rotate", "--actor", actor, "--approver", actor)
    assert "another person" in terminal.complaint(*alone)
    assert _states(terminal) == [(1, "current"), (2, "next"), (3, "next")]
    # When it is done again, then no further generation is made
    terminal(*_rotate(terminal))
    assert _states(terminal) == [(1, "former"), (2, "current"), (3, "next")]


def test_a_token_is_shown_once_listed_without_its_secret_and_ended(either: Terminal) -> None:
    # Given a token
    either.found()
    person, _ = either.people
    made = either.facts("token", "create", "--person", person, "--role", "auditor", "--days", 30)
    assert made["token"].startswith("pts_beiyuan_")
    # When tokens are listed, then it is among them, and its secret is not
    listed = either("token", "list").stdout
    assert made["id"] in listed
    assert made["token"] not in listed
    # When it is revoked, then it is listed as such
    either("token", "revoke", made["id"])
    tokens = {token["id"]: token for token in either.facts("token", "list")["tokens"]}
    assert tokens[made["id"]]["revoked_at"] is not None
    assert f"{made['id']}  auditor   {person}  revoked" in either("token", "list").stdout


def test_a_token_of_no_use_is_refused(terminal: Terminal) -> None:
    terminal.found()
    nobody = "person/" + "a" * 26
    words = ("token", "create", "--person", nobody, "--role", "officer")
    assert "has the standing of nobody" in terminal.complaint(*words)
    assert "has no token" in terminal.complaint("token", "revoke", "token/" + "a" * 26)


def test_the_operators_token_belongs_to_no_ledger(terminal: Terminal) -> None:
    terminal.found()
    person, _ = terminal.people
    made = terminal.facts("token", "create", "--person", person, "--role", "operator")
    assert made["token"].startswith("pts_operator_")
    listed = terminal.facts("token", "list", "--operator")["tokens"]
    assert [token["id"] for token in listed] == [made["id"]]
