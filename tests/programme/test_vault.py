"""Master keys: made, opened, replaced while the service runs, and a rotation cut short."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import select

from ledger.errors import KeysError
from ledger.journal.masters import MasterKeys, Wrapped
from ledger.journal.privatefiles import read_private
from ledger.programme import records, vault
from ledger.programme.erasure import destroy
from ledger.programme.restriction import restricting
from ledger.programme.tables import data_key
from ledger.programme.vault import generations_in_use, lawful, rewrap
from tests.journal.live import CHEAP, PASSPHRASE, copy_keys
from tests.programme.registry import TODAY, Registry, fresh

KEY, PLACE = bytes(range(32)), b"a place"


@pytest.fixture
def masters(tmp_path: Path) -> MasterKeys:
    return MasterKeys(copy_keys(tmp_path / "keys"), PASSPHRASE)


# --- master keys ---------------------------------------------------------------------------------


def test_a_ledger_is_made_with_a_first_master_key(masters: MasterKeys) -> None:
    assert masters.newest() == 1
    wrapped = masters.wrap(1, KEY, PLACE)
    assert KEY not in wrapped.raw
    assert masters.unwrap(wrapped, PLACE) == KEY
    assert masters.wrap(1, KEY, PLACE) != wrapped


def test_a_running_process_sees_a_generation_that_another_has_made(
    masters: MasterKeys, tmp_path: Path
) -> None:
    assert masters.newest() == 1
    other = MasterKeys(tmp_path / "keys", PASSPHRASE)
    assert other.add_generation(cost=CHEAP) == 2
    wrapped = other.wrap(2, KEY, PLACE)
    assert masters.newest() == 2
    assert masters.unwrap(wrapped, PLACE) == KEY
    assert masters.unwrap(masters.wrap(1, KEY, PLACE), PLACE) == KEY


def test_what_is_wrapped_opens_only_as_it_was(masters: MasterKeys) -> None:
    wrapped = masters.wrap(1, KEY, PLACE)
    masters.add_generation(cost=CHEAP)
    changed = bytes([wrapped.raw[0] ^ 1]) + wrapped.raw[1:]
    for other, place in (
        (wrapped, b"another place"),
        (Wrapped(2, wrapped.raw), PLACE),
        (Wrapped(1, changed), PLACE),
        (Wrapped(1, b"short"), PLACE),
    ):
        with pytest.raises(ValueError, match=r"another key|too short"):
            masters.unwrap(other, place)


def test_master_keys_that_are_not_here_are_asked_for(masters: MasterKeys, tmp_path: Path) -> None:
    with pytest.raises(KeysError, match=r"master-7\.secret\.pem"):
        masters.unwrap(Wrapped(7, b""), PLACE)
    (tmp_path / "keys" / "master-1.secret.pem").unlink()
    with pytest.raises(KeysError, match=r"holds no master key\. Restore"):
        MasterKeys(tmp_path / "keys", PASSPHRASE).newest()


def test_a_master_key_that_others_may_read_or_that_is_damaged_is_refused(tmp_path: Path) -> None:
    folder = copy_keys(tmp_path / "keys")
    path = folder / "master-1.secret.pem"
    path.chmod(0o640)
    with pytest.raises(KeysError, match=r"mode 0640.*chmod 600"):
        MasterKeys(folder, PASSPHRASE).wrap(1, KEY, PLACE)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(KeysError, match=r"master-1\.secret\.pem cannot be used"):
        MasterKeys(folder, PASSPHRASE).wrap(1, KEY, PLACE)


def test_a_generation_under_another_passphrase_is_refused(tmp_path: Path) -> None:
    folder = copy_keys(tmp_path / "keys")
    with pytest.raises(KeysError, match="the passphrase does not open it"):
        MasterKeys(folder, b"another").add_generation(cost=CHEAP)
    assert MasterKeys(folder, PASSPHRASE).newest() == 1


def test_no_secret_is_shown(masters: MasterKeys, tmp_path: Path) -> None:
    assert repr(masters) == f"<master keys in {tmp_path / 'keys'}>"
    assert "ENCRYPTED" in read_private(tmp_path / "keys" / "master-1.secret.pem").decode()


# --- rotation ------------------------------------------------------------------------------------


def generations(registry: Registry) -> dict[int, int]:
    with registry.database.reading() as conn:
        return generations_in_use(conn, registry.ledger.id)


def kept(registry: Registry, count: int) -> list[str]:
    members = [fresh("member") for _ in range(count)]
    for member in members:
        registry.keep(member, full_name=f"王{member[-4:]}")
    return members


def all_open(registry: Registry, members: list[str]) -> bool:
    return all(registry.read(each).fields == {"full_name": f"王{each[-4:]}"} for each in members)


def test_a_rotation_that_was_cut_short_is_taken_up_again(registry: Registry) -> None:
    # given seven members under the first master key, and a second one
    members = kept(registry, 7)
    registry.ledger.masters.add_generation(cost=CHEAP)
    # when the rotation is killed after its second batch of three
    running = rewrap(registry.database, registry.ledger, keys_per_batch=3)
    assert [next(running), next(running)] == [3, 3]
    running.close()
    # then some are under one and some under the other, all open, and new ones get the newest
    assert generations(registry) == {1: 1, 2: 6}
    members += kept(registry, 1)
    assert generations(registry) == {1: 1, 2: 7}
    assert all_open(registry, members)
    # and when it is begun again it does the rest, once
    assert list(rewrap(registry.database, registry.ledger, keys_per_batch=3)) == [1]
    assert list(rewrap(registry.database, registry.ledger)) == []
    assert generations(registry) == {2: 8}
    assert all_open(registry, members)


def test_a_batch_that_fails_changes_nothing(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = kept(registry, 3)
    registry.ledger.masters.add_generation(cost=CHEAP)
    write = vault._upsert

    def die(*arguments: object) -> None:
        write(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(vault, "_upsert", die)
    with pytest.raises(KeyboardInterrupt):
        list(rewrap(registry.database, registry.ledger))
    monkeypatch.undo()
    assert generations(registry) == {1: 3}
    assert all_open(registry, members)


def test_nobody_is_brought_back_by_a_rotation(registry: Registry) -> None:
    members = kept(registry, 2)
    destroy(registry.database, registry.ledger, members[:1], TODAY)
    registry.ledger.masters.add_generation(cost=CHEAP)
    assert list(rewrap(registry.database, registry.ledger)) == [1]
    with registry.database.reading() as conn:
        mine = data_key.c.subject == members[0]
        row = conn.execute(select(data_key).where(mine)).one()
    assert (row.wrapped, row.destroyed_on) == (None, TODAY)
    assert all_open(registry, members[1:])


def test_members_come_and_go_while_keys_are_rotated_by_two(registry: Registry) -> None:
    # given a dozen members, two rotations at once, two who join, one erased and one restricted
    members = kept(registry, 12)
    shut, gone, stay = members[0], members[5], members[1:5] + members[6:]
    registry.ledger.masters.add_generation(cost=CHEAP)
    barrier = threading.Barrier(5)
    faults: list[BaseException] = []

    def together(work: object) -> None:
        try:
            barrier.wait()
            work()  # type: ignore[operator]
        except BaseException as error:
            faults.append(error)

    def rotate() -> None:
        for _ in rewrap(registry.database, registry.ledger, keys_per_batch=2):
            pass

    jobs = (
        rotate,
        rotate,
        lambda: stay.extend(kept(registry, 2)),
        lambda: destroy(registry.database, registry.ledger, [gone], TODAY),
        lambda: registry.submit((restricting([shut], TODAY),)),
    )
    threads = [threading.Thread(target=together, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # then everybody's key is under the new master key but that of who is gone
    assert faults == []
    list(rewrap(registry.database, registry.ledger))
    assert generations(registry) == {2: 13}
    assert registry.read(gone).fields is None
    assert all_open(registry, stay)
    # and who is restricted stays so, and reads what is theirs
    assert registry.read(shut).fields is None
    with registry.database.reading() as conn:
        mine = records.one(conn, lawful(registry.ledger, (shut,)), "basics", shut)
    assert mine.fields == {"full_name": f"王{shut[-4:]}"}
