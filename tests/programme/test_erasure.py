"""Erasure: what was kept of somebody is nowhere any more, and no backup brings it back."""

from __future__ import annotations

import sqlite3
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from ledger.audit.bundle import write_bundle
from ledger.audit.trust import parse_keys
from ledger.audit.verify import verify_bundle
from ledger.config import read_settings
from ledger.db import Database
from ledger.errors import LedgerStopped
from ledger.journal.orders import Done, Refusal
from ledger.programme import files, records
from ledger.programme.calendar import read_calendar
from ledger.programme.courier import Courier
from ledger.programme.erasure import NotAnnounced, add_listed, announce, destroy, erase, read_listed
from ledger.programme.jobs import do_due_jobs
from ledger.programme.messages import Choice, New, choose, post
from ledger.programme.opening import open_installation
from ledger.programme.people import consents
from ledger.programme.people.download import download_of
from ledger.programme.recording import Change, compose
from ledger.programme.tables import blind_index, data_key
from ledger.programme.vault import Erased, lawful
from ledger.programme.wishes import Wish
from tests.backups import Backups
from tests.postgres import PACKAGE
from tests.programme.people.informing import inform
from tests.programme.registry import TODAY, Registry, fresh

PLAIN = {
    "full_name": "阿依古丽·买买提明",
    "phone": "13912345678",
    "document_number": "110105194912310021",
    "notes": "a sentence that nobody else has written",
}
POLICY_NUMBER = "PA-20261124-人保财险"
SIGNED = "%PDF- a form that 阿依古丽 has signed".encode()
TOLD = "a reason that only this member was told"
CORRECTED = {**PLAIN, "phone": "13887654321"}


def live_and_be_erased(registry: Registry) -> tuple[str, int]:
    """A member with a rich history, and the entry that announces their erasure for today."""
    member = fresh("person")
    place = (registry.database, registry.ledger, registry.clock)
    registry.keep(member, **PLAIN)
    registry.save(Change("basics", member, member, CORRECTED, seen=1))
    registry.save(Change("training", fresh("record"), member, {"course": PLAIN["notes"]}))
    registry.save(Change("attainment", fresh("attainment"), member, {"number": POLICY_NUMBER}))
    registry.save(Change("correction", fresh("correction"), member, {"reason": TOLD}))
    inform(registry, "photos")
    consents.give(*place, member, "photos", notice=1, how="self", by=member)
    consents.withdraw(*place, read_calendar({}), member, "photos", how="helped", by=registry.office)
    new = New(member, "erasure-refused", {"reasons": TOLD}, "a cause")
    post(*place, new, by=registry.office)
    scan = files.New(member, member, None, PLAIN["notes"], SIGNED)
    asked = Wish("evidence", {}, registry.office, fresh("request"), bytes(32))
    assert isinstance(files.keep(*place, asked, scan), Done)
    choose(*place, member, Choice("phone", "zh"))
    registry.find("full_name", PLAIN["full_name"])
    b"".join(download_of(*place, member))
    return member, announced(registry, member)


def announced(registry: Registry, member: str, on: str = TODAY) -> int:
    done = announce(
        registry.ledger, member, on, actor=registry.office, approver=registry.second, request=None
    )
    assert isinstance(done, Done)
    return done.last


def wrapped_key(database: Database, member: str) -> bytes | None:
    with database.reading() as conn:
        query = select(data_key.c.wrapped).where(data_key.c.subject == member)
        wrapped = conn.execute(query).scalar_one_or_none()
    return None if wrapped is None else bytes(wrapped)


# --- what erasure does ---------------------------------------------------------------------------


def test_who_was_erased_is_neither_read_nor_found_nor_written(registry: Registry) -> None:
    # given two members, of whom one is erased
    other = fresh("member")
    registry.keep(other, **PLAIN)
    member, seq = live_and_be_erased(registry)
    assert erase(registry.database, registry.ledger, registry.clock, seq) == member
    # then the records say that they were, and nothing else
    with registry.database.reading() as conn:
        about = records.about(conn, registry.ledger, member)
    assert [(each.kind, each.version) for each in about] == [
        ("attainment", 1),
        ("basics", 1),
        ("basics", 2),
        ("consent", 1),
        ("consent", 2),
        ("correction", 1),
        ("evidence", 1),
        ("message", 1),
        ("training", 1),
    ]
    assert all(each.fields is None for each in about)
    assert registry.read(other).fields == PLAIN
    assert registry.find("full_name", PLAIN["full_name"]) == [other]
    # and no key is made anew
    with pytest.raises(Erased, match="Nothing can be added"):
        registry.save(Change("basics", member, member, PLAIN, seen=2))
    with registry.database.reading() as conn, pytest.raises(Erased):
        records.disclosed(conn, registry.ledger, ("basics", member, 1), ["phone"])
    # and again it changes nothing
    before = registry.ledger.erased.read_bytes()
    assert erase(registry.database, registry.ledger, registry.clock, seq) == member
    assert registry.ledger.erased.read_bytes() == before == f"{member} {TODAY}\n".encode()


def test_a_change_that_was_composed_before_the_erasure_comes_too_late(registry: Registry) -> None:
    member, seq = live_and_be_erased(registry)
    change = Change("basics", member, member, PLAIN, seen=2)
    composed = compose(
        registry.database, registry.ledger, registry.clock, [change], by=registry.office
    )
    erase(registry.database, registry.ledger, registry.clock, seq)
    outcome = registry.submit(composed.companions)
    assert isinstance(outcome, Refusal)
    assert outcome.rule == "erased"
    assert registry.find("full_name", PLAIN["full_name"]) == []


def test_nobody_is_erased_before_the_log_says_so(registry: Registry) -> None:
    member = fresh("member")
    registry.keep(member, **PLAIN)
    tomorrow = announced(registry, member, "2026-11-25")
    for seq, says in ((0, "announces no erasure"), (99, "no erasure"), (tomorrow, "wait until")):
        with pytest.raises(NotAnnounced, match=says):
            erase(registry.database, registry.ledger, registry.clock, seq)
    assert registry.read(member).fields == PLAIN
    # the local day begins eight hours before that of UTC
    registry.clock.wait(hours=14)
    assert erase(registry.database, registry.ledger, registry.clock, tomorrow) == member
    assert registry.read(member).fields is None


def test_what_was_announced_is_done_on_its_day_although_nobody_comes_back(
    registry: Registry,
) -> None:
    # given two erasures that were announced for two days
    today, tomorrow = (fresh("member") for _ in range(2))
    for member, on in ((today, TODAY), (tomorrow, "2026-11-25")):
        registry.keep(member, **PLAIN)
        announced(registry, member, on)
    # when the jobs of both days are done
    do_due_jobs(registry.installation, "worker/me", Courier({}))
    assert registry.read(today).fields is None
    # then until its day who waits is restricted, and no more than that
    opened = lawful(registry.ledger, (tomorrow,))
    for fields in (PLAIN, None):
        assert registry.read(tomorrow).fields is None
        with registry.database.reading() as conn:
            assert records.one(conn, opened, "basics", tomorrow).fields == fields
        registry.clock.wait(days=1)
        do_due_jobs(registry.installation, "worker/me", Courier({}))
    assert read_listed(registry.ledger.erased) == {today: TODAY, tomorrow: "2026-11-25"}


def test_somebody_whom_the_log_never_knew_is_destroyed_without_an_entry(
    registry: Registry,
) -> None:
    invited, unknown = fresh("member"), fresh("member")
    registry.keep(invited, **PLAIN)
    destroy(registry.database, registry.ledger, [invited, unknown], TODAY)
    assert registry.read(invited).fields is None
    with pytest.raises(Erased):
        registry.keep(unknown, **PLAIN)
    with pytest.raises(ValueError, match="opaque id"):
        destroy(registry.database, registry.ledger, ["张三"], TODAY)


# --- nothing is left -----------------------------------------------------------------------------


def secrets_of(registry: Registry, member: str) -> dict[str, bytes]:
    """Everything that must be nowhere: each plain value, what it was found by, the wrapped key."""
    wanted = {f"plain {name}": value.encode() for name, value in PLAIN.items()}
    wanted["plain phone, corrected"] = CORRECTED["phone"].encode()
    wanted |= {"policy number": POLICY_NUMBER.encode(), "what was told": TOLD.encode()}
    wanted |= {"what was signed": SIGNED}
    wrapped = wrapped_key(registry.database, member)
    assert wrapped is not None
    wanted |= {"wrapped key": wrapped, "wrapped key in hexadecimal": wrapped.hex().encode()}
    with registry.database.reading() as conn:
        mine = select(blind_index.c.field, blind_index.c.value).where(
            blind_index.c.subject == member
        )
        wanted |= {f"index of {row.field}": row.value.encode() for row in conn.execute(mine)}
    return wanted


def evidence_of(registry: Registry, member: str) -> dict[str, bytes]:
    """What lies in each file that is kept of somebody."""
    with registry.database.reading() as conn:
        names = files.files_of(conn, registry.ledger.id, [member])
    return {f"file {name}": (registry.ledger.evidence / name).read_bytes() for name in names}


def files_of_evidence(registry: Registry) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(registry.ledger.evidence.iterdir()))


def found_in(raw: bytes, wanted: dict[str, bytes]) -> list[str]:
    return sorted(name for name, value in wanted.items() if value in raw)


def files_of_sqlite(database: Database) -> bytes:
    assert database.path is not None
    return b"".join(
        path.read_bytes()
        for path in sorted(database.path.parent.glob(f"{database.path.name}*"))
        if path.is_file()
    )


def test_nothing_of_who_was_erased_is_left_among_the_files_of_evidence(
    registry: Registry,
) -> None:
    # given two members with a file each, of whom one is erased
    other = files.New(fresh("person"), fresh("person"), None, None, SIGNED)
    asked = Wish("evidence", {}, registry.office, fresh("request"), bytes(32))
    files.keep(registry.database, registry.ledger, registry.clock, asked, other)
    member, seq = live_and_be_erased(registry)
    sealed = evidence_of(registry, member)
    wanted = secrets_of(registry, member) | sealed
    assert len(sealed) == 1
    assert found_in(files_of_evidence(registry), wanted) == [*sealed]
    # then neither what was signed nor what it was encrypted to lies there, and the other's does
    erase(registry.database, registry.ledger, registry.clock, seq)
    assert found_in(files_of_evidence(registry), wanted) == []
    assert len(list(registry.ledger.evidence.iterdir())) == 1


def test_nothing_of_who_was_erased_is_left_in_sqlite_s_files(sqlite_registry: Registry) -> None:
    registry = sqlite_registry
    member, seq = live_and_be_erased(registry)
    wanted = secrets_of(registry, member)
    before = found_in(files_of_sqlite(registry.database), wanted)
    assert before == sorted(
        ["index of document_number", "index of full_name", "index of phone", "wrapped key"]
    )
    erase(registry.database, registry.ledger, registry.clock, seq)
    truncate_wal(registry.database)
    assert found_in(files_of_sqlite(registry.database), wanted) == []


def truncate_wal(database: Database) -> None:
    """As the docs tell an operator: the write-ahead log is copied into the file and emptied."""
    database.close()
    conn = sqlite3.connect(database.path)
    assert conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    conn.close()


def files_of_postgresql(url: str) -> bytes:
    """All files of one database's tables; what is in memory is written first."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CHECKPOINT")
        (folder,) = conn.execute("SHOW data_directory").fetchone()
        (oid,) = conn.execute(
            "SELECT oid FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    # Their names are numbers; the server makes and removes others, of its catalogue, at any time.
    files = sorted(Path(folder, "base", str(oid)).glob("[0-9]*"))
    return b"".join(path.read_bytes() for path in files)


def test_nothing_of_who_was_erased_is_left_in_postgresql_s_tables(
    postgresql_registry: Registry,
) -> None:
    registry, url = postgresql_registry, postgresql_registry.environ["POINTS_DATABASE_URL"]
    member, seq = live_and_be_erased(registry)
    wanted = secrets_of(registry, member)
    assert "wrapped key" in found_in(files_of_postgresql(url), wanted)
    erase(registry.database, registry.ledger, registry.clock, seq)
    # rewritten tables are new files: a plain VACUUM would only give the old rows' room free
    with psycopg.connect(url, autocommit=True) as conn:
        for table in ("data_key", "blind_index"):
            conn.execute(f"VACUUM (FULL) {table}")
    assert found_in(files_of_postgresql(url), wanted) == []


def dump_of(database: Database, url: str) -> bytes:
    if database.path is not None:
        conn = sqlite3.connect(database.path)
        dumped = "\n".join(conn.iterdump()).encode()
        conn.close()
        return dumped
    tool = PACKAGE / "pginstall" / "bin" / "pg_dump"
    return subprocess.run([tool, url], capture_output=True, check=True).stdout


def unpacked(bundle: Path) -> bytes:
    with zipfile.ZipFile(bundle) as archive:
        return b"".join(archive.read(name) for name in archive.namelist())


def test_dump_logs_and_export_tell_nothing_and_the_log_still_verifies(
    registry: Registry, tmp_path: Path
) -> None:
    with capture_logs() as logs:
        member, seq = live_and_be_erased(registry)
        wanted = secrets_of(registry, member)
        erase(registry.database, registry.ledger, registry.clock, seq)
        registry.read(member)
        registry.ledger.publisher.publish()
        bundle = tmp_path / "bundle.zip"
        write_bundle(registry.database, registry.ledger.id, registry.ledger.origin, bundle)
    url = registry.environ["POINTS_DATABASE_URL"]
    assert found_in(dump_of(registry.database, url), wanted) == []
    assert found_in(repr(logs).encode(), wanted) == []
    exported = unpacked(bundle)
    assert found_in(exported, wanted) == []
    assert member.encode() in exported  # the log says that there was somebody, and no more
    trusted = parse_keys(registry.ledger.keys.vkeys(1))
    assert verify_bundle(bundle, trusted).size == seq + 1


# --- nothing comes back --------------------------------------------------------------------------


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def test_yesterday_s_backup_restored_and_started_brings_nobody_back(
    registry: Registry, stack: ExitStack
) -> None:
    # given a backup of the database from before the erasure
    member, seq = live_and_be_erased(registry)
    other = fresh("member")
    registry.keep(other, full_name="李四")
    yesterday = Backups(stack).copy(registry.database)
    erase(registry.database, registry.ledger, registry.clock, seq)
    assert wrapped_key(yesterday, member) is not None
    # when the service is started over it
    environ = {
        **registry.environ,
        "POINTS_DATABASE_URL": yesterday.engine.url.render_as_string(hide_password=False),
    }
    restored = open_installation(read_settings(environ), environ, clock=registry.clock)
    stack.callback(restored.close)
    ledger = restored.ledger("beiyuan")
    # then the key is gone before anybody can ask, and so is what found the member; others stay
    assert wrapped_key(yesterday, member) is None
    with restored.database.reading() as conn:
        assert all(each.fields is None for each in records.about(conn, ledger, member))
        found = records.found_by(conn, ledger, "full_name", [PLAIN["full_name"], "李四"])
    assert found == {PLAIN["full_name"]: [], "李四": [("basics", other)]}


def test_an_erasure_that_was_cut_short_is_finished_at_the_next_start(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, stack: ExitStack
) -> None:
    # given a process that died after the file was written and before the key was destroyed
    member, seq = live_and_be_erased(registry)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ledger.programme.erasure.destroy_keys", die)
    with pytest.raises(KeyboardInterrupt):
        erase(registry.database, registry.ledger, registry.clock, seq)
    monkeypatch.undo()
    assert wrapped_key(registry.database, member) is not None
    assert read_listed(registry.ledger.erased) == {member: TODAY}
    # when another starts
    again = registry.open()
    stack.callback(again.close)
    again.ledger("beiyuan")
    assert wrapped_key(registry.database, member) is None


def test_a_file_that_cannot_be_written_leaves_the_key(registry: Registry) -> None:
    member, seq = live_and_be_erased(registry)
    registry.ledger.erased.mkdir()
    with pytest.raises(LedgerStopped, match="nothing is erased"):
        erase(registry.database, registry.ledger, registry.clock, seq)
    assert registry.read(member).fields == CORRECTED


def test_a_line_is_added_and_what_was_there_stays_as_it_is(sqlite_registry: Registry) -> None:
    registry = sqlite_registry
    first, second, third = (fresh("member") for _ in range(3))
    destroy(registry.database, registry.ledger, [first], TODAY)
    file = registry.ledger.erased
    number, mode = file.stat().st_ino, file.stat().st_mode & 0o777

    destroy(registry.database, registry.ledger, [third, second], TODAY)
    destroy(registry.database, registry.ledger, [second, first], "2026-11-25")

    assert (file.stat().st_ino, mode) == (number, 0o600)
    assert file.read_text() == "".join(f"{each} {TODAY}\n" for each in (first, third, second))


@pytest.mark.parametrize("torn", range(len("\nmember/ 2026-11-24") + 26))
def test_a_line_that_was_cut_short_is_none_unless_it_is_whole(tmp_path: Path, torn: int) -> None:
    # given a file whose last line a power cut left so long
    first, last, added = (fresh("member") for _ in range(3))
    line = f"{last} {TODAY}\n"[: torn + 1]
    file = tmp_path / "beiyuan.erased"
    file.write_text(f"{first} {TODAY}\n{line}")
    whole = {first: TODAY} | ({last: TODAY} if len(line) >= len(f"{last} {TODAY}") else {})
    assert read_listed(file) == whole

    # when another is added
    assert add_listed(file, {added: TODAY}) == {added: TODAY}

    # then what was whole is there, and nothing else
    assert read_listed(file) == whole | {added: TODAY}
    assert file.read_text() == "".join(f"{each} {day}\n" for each, day in read_listed(file).items())


@pytest.mark.parametrize(
    "content", ["张三\n", "member/" + "a" * 26 + "\n", "member/" + "a" * 26 + " 2026-02-30\n", "\n"]
)
def test_a_damaged_file_keeps_the_ledger_closed(
    sqlite_registry: Registry, stack: ExitStack, content: str
) -> None:
    sqlite_registry.ledger.erased.write_text(content, encoding="utf-8")
    again = sqlite_registry.open()
    stack.callback(again.close)
    with pytest.raises(LedgerStopped, match="erased"):
        again.ledger("beiyuan")


def test_a_start_with_nothing_to_destroy_writes_nothing(
    registry: Registry, stack: ExitStack
) -> None:
    member, seq = live_and_be_erased(registry)
    erase(registry.database, registry.ledger, registry.clock, seq)
    with registry.database.writing() as conn:
        conn.execute(update(data_key).values(destroyed_on="1999-12-31"))
    again = registry.open()
    stack.callback(again.close)
    again.ledger("beiyuan")
    query = select(data_key.c.destroyed_on).where(data_key.c.subject == member)
    with registry.database.reading() as conn:
        assert conn.execute(query).scalar_one() == "1999-12-31"
