"""Keys are replaced in an orderly way; tokens are made, listed and ended."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ledger.tlog.checkpoint import parse_checkpoint, sign_checkpoint
from ledger.tlog.note import Signer, split_note
from tests.audit.lived import pack, unpack
from tests.cli.conftest import INIT, Terminal
from tests.journal.live import ORIGIN, START


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
    assert _states(terminal) == [(1, "current"), (2, "next"), (3, "later")]
    # When it is done again, then no further generation is made
    terminal(*_rotate(terminal))
    assert _states(terminal) == [(1, "former"), (2, "current"), (3, "next")]


# --- next keys that lie elsewhere -----------------------------------------------------------------


def _made_elsewhere(terminal: Terminal, folder: Path) -> str:
    """Next keys made on another machine, under a passphrase of its own; the hash."""
    elsewhere = Terminal(folder.parent / "elsewhere", "sqlite:///none.db")
    elsewhere.environ["POINTS_PASSPHRASE"] = "of the other machine"
    made = elsewhere.facts("key", "make", folder, "--origin", ORIGIN)
    (folder.parent / "passphrase").write_text("of the other machine\n")
    (folder.parent / "passphrase").chmod(0o600)
    return str(made["hash"])


def _bring(folder: Path) -> tuple[object, ...]:
    return ("key", "bring", folder, "--passphrase-file", folder.parent / "passphrase")


def test_next_keys_lie_on_another_machine_until_their_turn_comes(
    either: Terminal, tmp_path: Path
) -> None:
    # Given a ledger that was made with next keys of which it knows the hash only
    folder, later = tmp_path / "a" / "next", tmp_path / "b" / "next"
    first = _made_elsewhere(either, folder)
    either.founded = either.facts(*INIT, "--next-hash", first)
    assert _states(either) == [(1, "current")]
    assert either.facts("key", "list")["next"] == {"hash": first, "here": False}
    assert f"not here; the log is committed to {first}" in either("key", "list").stdout
    kept = tmp_path / "kept.keys"
    kept.write_text(either("key", "show").stdout)
    # When somebody rotates without them, then it says where to get them
    second = _made_elsewhere(either, later)
    assert "Fetch them with `points key bring`" in either.complaint(*_rotate(either))
    # When others are brought, then these are refused and not kept
    assert "are not those to which" in either.complaint(*_bring(later))
    assert _states(either) == [(1, "current")]
    # When they are brought and the keys are rotated, committing to others that lie elsewhere
    assert either.facts(*_bring(folder))["generation"] == 2
    assert _states(either) == [(1, "current"), (2, "next")]
    assert either.facts(*_rotate(either, "--next-hash", second))["next"] == second
    # Then they sign, and those after them are not here
    assert _states(either) == [(1, "former"), (2, "current")]
    bundle = tmp_path / "bundle.zip"
    either("export", bundle)
    assert either.facts("verify", bundle, "--key-file", kept)["trust"] == "checked"
    # And they can be brought in their turn
    either(*_bring(later))
    either(*_rotate(either))
    assert _states(either) == [(1, "former"), (2, "former"), (3, "current"), (4, "next")]
    assert either.facts("verify", "--database")["ok"] is True


def test_next_keys_are_never_overwritten_and_need_their_passphrase(
    terminal: Terminal, tmp_path: Path
) -> None:
    folder = tmp_path / "next"
    first = _made_elsewhere(terminal, folder)
    again = terminal.complaint("key", "make", folder, "--origin", ORIGIN)
    assert "nothing in it is ever overwritten" in again
    terminal.facts(*INIT, "--next-hash", first)
    (tmp_path / "passphrase").write_text("another")
    assert "cannot be used" in terminal.complaint(*_bring(folder))
    folder.chmod(0o755)
    assert "others than its owner" in terminal.complaint(*_bring(folder))
    assert "is not a hash" in terminal(*INIT, "--next-hash", first[:-2], exits=2).stderr


# --- compromise -----------------------------------------------------------------------------------


def _revoke(terminal: Terminal, size: int, root: str) -> tuple[object, ...]:
    actor, approver = terminal.people
    named = ("--size", size, "--root", root)
    return ("key", "revoke", *named, "--actor", actor, "--approver", approver)


def test_keys_that_somebody_else_has_are_revoked(either: Terminal, tmp_path: Path) -> None:
    # Given a log, an auditor's copy of its head, and somebody who copied the keys that sign
    either.found()
    kept, fresh = tmp_path / "kept.keys", tmp_path / "fresh.keys"
    kept.write_text(either("key", "show").stdout)
    head = either.facts("publish")
    installation = either.installation()
    stolen = installation.ledger("beiyuan").keys.signers(1)
    installation.close()
    # When a root is named that never was, then it is refused
    wrong = either.complaint(*_revoke(either, head["size"], "A" * 43 + "="))
    assert "is not the one to be trusted last" in wrong
    # When the keys are revoked after the auditor's head
    told = either.facts(*_revoke(either, head["size"], head["root"]))
    assert (told["seq"], told["generation"]) == (5, 2)
    fresh.write_text("\n".join(told["vkeys"]))
    # Then a bundle verifies under the new keys, and under the old ones up to that head only
    bundle = tmp_path / "bundle.zip"
    either("export", bundle)
    assert either.facts("verify", bundle, "--key-file", fresh)["trust"] == "checked"
    said = either.complaint("verify", bundle, "--key-file", kept)
    assert "they vouch for the first 5 entries only" in said
    assert either.facts("verify", "--database")["ok"] is True
    # And the new head with the thief's signature in place of the new keys' does not
    forged = _signed_by(bundle, stolen, tmp_path / "forged.zip")
    said = either.complaint("verify", forged, "--key-file", kept)
    assert "checkpoints/6: none of the 2 signatures is by one of the 2 known keys" in said
    assert "signed by a key that you trust" in either.complaint(
        "verify", forged, "--key-file", fresh
    )


def test_a_head_of_a_busy_day_that_was_trusted_last_is_in_the_bundle(
    either: Terminal, tmp_path: Path, written: Callable[[str], Path]
) -> None:
    # Given three heads of one day, of which an auditor has the second
    either.found()
    kept = tmp_path / "kept.keys"
    kept.write_text(either("key", "show").stdout)
    heads = []
    for number in range(2):
        table = f"customer,dollars,date\n{number},5,1997-01-01\n"
        either(*either.importing(written(table)))
        heads.append(either.facts("publish"))
    # When the keys are revoked after it
    said = either(*_revoke(either, heads[0]["size"], heads[0]["root"])).stdout
    # Then the bundle has it, so that the old keys vouch for all that they may
    vouched = heads[0]["size"]
    assert f"the keys before it vouch for nothing after the first {vouched} entries." in said
    bundle = tmp_path / "bundle.zip"
    either("export", bundle)
    assert f"checkpoints/{vouched}" in unpack(bundle)
    partly = f"vouch for the first {vouched} entries only"
    assert partly in either.complaint("verify", bundle, "--key-file", kept)


def _signed_by(bundle: Path, signers: Sequence[Signer], forged: Path) -> Path:
    """The bundle with its newest checkpoint signed by these keys instead."""
    files = unpack(bundle)
    head = parse_checkpoint(split_note(files["checkpoint"]).text)
    note = sign_checkpoint(head, signers, int(START.timestamp()))
    return pack({**files, "checkpoint": note, f"checkpoints/{head.size}": note}, forged)


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


def test_a_token_is_narrowed_and_rotated(either: Terminal) -> None:
    # Given a token for reading the log
    either.found()
    person, _ = either.people
    words = ("--person", person, "--role", "auditor", "--scope", "log:read")
    old = either.facts("token", "create", *words)
    # When it is rotated without an overlap
    new = either.facts("token", "rotate", old["id"], "--overlap-days", 0)
    # Then the new one is for the same, and the old one has ended
    tokens = {token["id"]: token for token in either.facts("token", "list")["tokens"]}
    assert tokens[new["id"]]["scopes"] == tokens[old["id"]]["scopes"] == ["log:read"]
    assert tokens[old["id"]]["expires_at"] <= tokens[new["id"]]["created_at"]
    assert "for log:read" in either("token", "list").stdout
    assert f"{new['id']} took its place" in either.complaint("token", "rotate", old["id"])
    # And a scope of another role is refused
    beyond = ("token", "create", *words, "--scope", "points:write")
    assert "has no scope points:write" in either.complaint(*beyond)
