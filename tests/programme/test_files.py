"""Evidence: files beside the database that only their person's key opens, until it is destroyed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from ledger.config import read_settings
from ledger.installation import OpenLedger
from ledger.journal.commands import Statement
from ledger.journal.orders import Done, Group, KeyReused, Order, Outcome, Refusal
from ledger.programme import files, records
from ledger.programme.courier import Courier
from ledger.programme.erasure import destroy
from ledger.programme.files import (
    FILE_BYTES_MAX,
    FILES_PER_THING_MAX,
    EvidenceDamaged,
    EvidenceRefused,
    EvidenceUnwritable,
    New,
    missing,
    sweep,
)
from ledger.programme.jobs import do_due_jobs
from ledger.programme.opening import open_installation
from ledger.programme.records import Record
from ledger.programme.restriction import restricting
from ledger.programme.tables import evidence
from ledger.programme.vault import Erased, Restricted, lawful
from ledger.programme.wishes import Wish
from tests.backups import Backups
from tests.programme.registry import TODAY, Registry, fresh

SCAN = b"%PDF-1.7\n" + "阿依古丽·买买提明 的签名".encode() * 20
DRAWING = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
TITLE = "签字的申请表"
PHOTOGRAPH = b"\xff\xd8\xff\xe0" + bytes(range(256))


class Cabinet:
    """Keeps files of one person, and reads them."""

    def __init__(self, registry: Registry) -> None:
        self.registry, self.ledger = registry, registry.ledger
        self.person = fresh("person")

    @property
    def place(self) -> tuple[Any, Any, Any]:
        return self.registry.database, self.ledger, self.registry.clock

    def wish(self, request: str, content: bytes) -> Wish:
        digest = hashlib.sha256(content).digest()
        return Wish("evidence", {}, self.registry.office, request, digest)

    def keep(self, content: bytes = SCAN, request: str = "", **said: Any) -> Outcome:
        asked = self.wish(request or fresh("request"), content)
        new = {"subject": self.person, "about": self.person, "organisation": None, "title": TITLE}
        return files.keep(*self.place, asked, New(content=content, **new | said))

    def kept(self, content: bytes = SCAN, **said: Any) -> str:
        """The id of what was kept."""
        request = fresh("request")
        outcome = self.keep(content, request, **said)
        assert isinstance(outcome, Done), outcome
        return files.id_of(request)

    def record(self, name: str) -> Record:
        with self.registry.database.reading() as conn:
            return records.one(conn, self.ledger, files.KIND, name)

    def read(self, name: str) -> bytes:
        with self.registry.database.reading() as conn:
            found = records.one(conn, self.ledger, files.KIND, name)
            return files.content(conn, self.ledger, found)


def lying(ledger: OpenLedger) -> list[Path]:
    """What is in the ledger's directory of evidence."""
    return sorted(ledger.evidence.iterdir()) if ledger.evidence.exists() else []


@pytest.fixture
def cabinet(registry: Registry) -> Cabinet:
    return Cabinet(registry)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


# --- keeping -------------------------------------------------------------------------------------


def test_a_file_is_read_as_it_was_and_lies_there_encrypted(cabinet: Cabinet) -> None:
    # given a scan of a signed form
    name = cabinet.kept(about="membership/" + "a" * 26)

    # then it reads the same, and its record says what it is
    assert cabinet.read(name) == SCAN
    found = cabinet.record(name)
    assert (found.subject, found.version) == (cabinet.person, 1)
    assert found.fields == {
        "about": "membership/" + "a" * 26,
        "media_type": "application/pdf",
        "bytes": len(SCAN),
        "sha256": hashlib.sha256(SCAN).hexdigest(),
        "title": TITLE,
    }
    # and nobody reads it off the disk
    (file,) = lying(cabinet.ledger)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    raw = file.read_bytes()
    assert "签名".encode() not in raw
    assert b"%PDF" not in raw
    assert len(raw) == len(SCAN) + 28


@pytest.mark.parametrize(
    ("content", "media_type"),
    [(SCAN, "application/pdf"), (PHOTOGRAPH, "image/jpeg"), (DRAWING, "image/png")],
)
def test_what_a_file_is_its_first_bytes_say(
    cabinet: Cabinet, content: bytes, media_type: str
) -> None:
    fields = cabinet.record(cabinet.kept(content, title=None)).fields
    assert fields is not None
    assert fields["media_type"] == media_type
    assert "title" not in fields


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no PDF, JPEG or PNG"),
        (b"<html><script>", "no PDF, JPEG or PNG"),
        (b"PK\x03\x04", "no PDF, JPEG or PNG"),
        (b" %PDF-1.7", "no PDF, JPEG or PNG"),
        (b"%PDF-" + bytes(FILE_BYTES_MAX), "at most 10,000,000 bytes"),
    ],
)
def test_what_is_no_scan_is_refused_and_leaves_nothing(
    cabinet: Cabinet, content: bytes, says: str
) -> None:
    with pytest.raises(EvidenceRefused, match=says):
        cabinet.keep(content)
    assert lying(cabinet.ledger) == []


def test_the_largest_file_is_kept(cabinet: Cabinet) -> None:
    largest = b"%PDF-" + bytes(FILE_BYTES_MAX - 5)
    assert cabinet.read(cabinet.kept(largest)) == largest


def test_the_same_request_keeps_it_once(cabinet: Cabinet) -> None:
    request = fresh("request")
    first, again = (cabinet.keep(SCAN, request) for _ in range(2))
    other = cabinet.keep(PHOTOGRAPH, request)

    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert (first.replayed, again.replayed) == (False, True)
    assert isinstance(other, KeyReused)
    assert len(lying(cabinet.ledger)) == 1
    assert cabinet.read(files.id_of(request)) == SCAN


def test_about_one_thing_at_most_so_many_are_kept(cabinet: Cabinet) -> None:
    for _ in range(FILES_PER_THING_MAX):
        cabinet.kept()

    refused = cabinet.keep()

    assert isinstance(refused, Refusal)
    assert (refused.rule, "20 files are kept" in refused.message) == (files.FULL, True)
    assert len(lying(cabinet.ledger)) == FILES_PER_THING_MAX
    # and about another thing there is room
    cabinet.kept(about="attainment/" + "a" * 26)


def test_a_disk_that_takes_nothing_leaves_no_record(
    cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ledger.programme.files.replace_private", full)
    request = fresh("request")
    with pytest.raises(EvidenceUnwritable, match="nothing was kept"):
        cabinet.keep(SCAN, request)
    monkeypatch.undo()
    assert lying(cabinet.ledger) == []
    # and the same request is taken once there is room
    assert isinstance(cabinet.keep(SCAN, request), Done)
    assert cabinet.read(files.id_of(request)) == SCAN


# --- damage --------------------------------------------------------------------------------------


def swap(ours: Path, other: Path) -> None:
    ours.write_bytes(other.read_bytes())


DAMAGE = {
    "gone": lambda ours, _: ours.unlink(),
    "empty": lambda ours, _: ours.write_bytes(b""),
    "cut short": lambda ours, _: ours.write_bytes(ours.read_bytes()[:-1]),
    "longer": lambda ours, _: ours.write_bytes(ours.read_bytes() + b"x"),
    "one byte changed": lambda ours, _: ours.write_bytes(b"x" + ours.read_bytes()[1:]),
    "another of the same person's": swap,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_file_that_is_not_as_it_was_kept_is_told_of(cabinet: Cabinet, damage: str) -> None:
    # given two files of one person, under one key
    name = cabinet.kept()
    (ours,) = lying(cabinet.ledger)
    cabinet.kept(PHOTOGRAPH)
    (other,) = set(lying(cabinet.ledger)) - {ours}

    DAMAGE[damage](ours, other)

    with pytest.raises(EvidenceDamaged, match=f"{name} is not there as it was kept"):
        cabinet.read(name)


def test_a_row_that_names_another_file_opens_nothing(cabinet: Cabinet) -> None:
    name, other = cabinet.kept(), cabinet.kept(PHOTOGRAPH)
    for file in ("../../keys/beiyuan/log-1.ed25519.pem", fresh("file")[5:]):
        with cabinet.registry.database.writing() as conn:
            conn.execute(update(evidence).where(evidence.c.id == name).values(file=file))
        with pytest.raises(EvidenceDamaged):
            cabinet.read(name)
    assert cabinet.read(other) == PHOTOGRAPH


def test_how_many_files_are_missing_is_counted_in_a_bounded_look(cabinet: Cabinet) -> None:
    for _ in range(5):
        cabinet.kept()
    looked = []
    with cabinet.registry.database.reading() as conn:
        place = conn, cabinet.ledger.id, cabinet.ledger.evidence
        looked.append(missing(*place))
        for path in lying(cabinet.ledger)[:2]:
            path.unlink()
        looked.append(missing(*place))
        bounded, _ = missing(*place, most=3)
    assert (looked, bounded) == ([(5, 0), (5, 2)], 3)


# --- erasure -------------------------------------------------------------------------------------


def test_who_was_erased_leaves_no_file_and_others_keep_theirs(cabinet: Cabinet) -> None:
    name, other = cabinet.kept(), Cabinet(cabinet.registry)
    theirs = other.kept()
    found = cabinet.record(name)

    destroy(cabinet.registry.database, cabinet.ledger, [cabinet.person], TODAY)

    assert len(lying(cabinet.ledger)) == 1
    assert other.read(theirs) == SCAN
    assert cabinet.record(name).fields is None
    with cabinet.registry.database.reading() as conn, pytest.raises(Erased):
        files.content(conn, cabinet.ledger, found)
    with pytest.raises(Erased):
        cabinet.keep()
    assert len(lying(cabinet.ledger)) == 1


def test_a_file_that_was_written_while_its_person_was_erased_is_not_kept(
    cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an upload between whose file and record an erasure comes
    write = files.replace_private

    def erased_after(path: Path, content: bytes) -> None:
        write(path, content)
        destroy(cabinet.registry.database, cabinet.ledger, [cabinet.person], TODAY)

    cabinet.kept()
    monkeypatch.setattr("ledger.programme.files.replace_private", erased_after)

    refused = cabinet.keep()

    assert isinstance(refused, Refusal)
    assert refused.rule == "erased"
    assert lying(cabinet.ledger) == []


def test_yesterday_s_backup_brings_no_file_back(cabinet: Cabinet, stack: ExitStack) -> None:
    # given copies of the database and of the files from before the erasure
    registry = cabinet.registry
    cabinet.kept()
    yesterday = Backups(stack).copy(registry.database)
    copies = {path: path.read_bytes() for path in lying(cabinet.ledger)}
    destroy(registry.database, cabinet.ledger, [cabinet.person], TODAY)

    # when both are put back, and the service is started
    for path, raw in copies.items():
        path.write_bytes(raw)
    url = yesterday.engine.url.render_as_string(hide_password=False)
    environ = {**registry.environ, "POINTS_DATABASE_URL": url}
    restored = open_installation(read_settings(environ), environ, clock=registry.clock)
    stack.callback(restored.close)
    ledger = restored.ledger("beiyuan")

    # then the files are gone before anybody can ask
    assert lying(ledger) == []


def test_of_who_is_restricted_the_file_opens_to_themselves_and_legal_duties_alone(
    cabinet: Cabinet,
) -> None:
    # given somebody who is restricted
    name = cabinet.kept()
    assert isinstance(cabinet.registry.submit((restricting([cabinet.person], TODAY),)), Done)

    # then nobody reads or adds anything, and the file stays
    with pytest.raises(Erased):
        cabinet.read(name)
    with pytest.raises(Restricted):
        cabinet.keep()
    assert len(lying(cabinet.ledger)) == 1
    # but they, and whom the law obliges
    for opened in (lawful(cabinet.ledger, (cabinet.person,)), lawful(cabinet.ledger)):
        with cabinet.registry.database.reading() as conn:
            found = records.one(conn, opened, files.KIND, name)
            assert files.content(conn, opened, found) == SCAN


# --- what nothing names --------------------------------------------------------------------------


def test_what_no_row_names_goes_with_the_daily_job_once_it_is_a_day_old(cabinet: Cabinet) -> None:
    # given a file that is kept, and others that a cut left
    name, folder = cabinet.kept(), cabinet.ledger.evidence
    (ours,) = lying(cabinet.ledger)
    left, half, young = (
        folder / fresh("file")[5:],
        folder / f"{fresh('file')[5:]}.new",
        folder / fresh("file")[5:],
    )
    now = cabinet.registry.clock.now().timestamp()
    for path, hours in ((left, 25), (half, 25), (young, 23), (ours, 9_999)):
        path.touch()
        os.utime(path, (now, now - hours * 3_600))

    do_due_jobs(cabinet.registry.installation, "worker/me", Courier({}))

    assert lying(cabinet.ledger) == sorted([ours, young])
    assert cabinet.read(name) == SCAN


def test_a_database_that_was_not_rolled_forward_yet_deletes_nothing(
    cabinet: Cabinet, stack: ExitStack
) -> None:
    # given a copy of the database from before a file was kept, and before the log went on
    registry = cabinet.registry
    yesterday = Backups(stack).copy(registry.database)
    cabinet.kept()
    (file,) = lying(cabinet.ledger)
    os.utime(file, (0, 0))
    command = Statement(
        kind="person",
        actor=registry.office,
        fields={"person": fresh("person"), "standing": "member"},
    )
    registry.ledger.appender.submit(Group((Order(command=command),)))
    registry.ledger.publisher.publish()

    # when it is put back, and what time brings is to be done
    url = yesterday.engine.url.render_as_string(hide_password=False)
    environ = {**registry.environ, "POINTS_DATABASE_URL": url}
    restored = open_installation(read_settings(environ), environ, clock=registry.clock)
    stack.callback(restored.close)
    done = do_due_jobs(restored, "worker/me", Courier({}))

    # then the job is not done, and the file is there for a newer backup
    assert "forget" not in [each.job for each in done]
    assert lying(cabinet.ledger) == [file]


def test_an_erasure_that_was_cut_short_leaves_a_file_that_nobody_opens_until_the_next_day(
    cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    name, registry = cabinet.kept(), cabinet.registry
    found = cabinet.record(name)
    monkeypatch.setattr("ledger.programme.erasure.remove_files", die)
    with pytest.raises(KeyboardInterrupt):
        destroy(registry.database, cabinet.ledger, [cabinet.person], TODAY)
    monkeypatch.undo()
    (file,) = lying(cabinet.ledger)
    with registry.database.reading() as conn, pytest.raises(Erased):
        files.content(conn, cabinet.ledger, found)

    os.utime(file, (0, 0))
    do_due_jobs(registry.installation, "worker/me", Courier({}))

    assert lying(cabinet.ledger) == []


def test_more_than_one_look_of_them_goes(cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SWEPT_PER_LOOK", 2)
    assert sweep(*cabinet.place) == 0
    name = cabinet.kept()
    for path in (*(cabinet.ledger.evidence / fresh("file")[5:] for _ in range(5)),):
        path.touch()
    for path in lying(cabinet.ledger):
        os.utime(path, (0, 0))
    assert sweep(*cabinet.place) == 5
    assert cabinet.read(name) == SCAN
