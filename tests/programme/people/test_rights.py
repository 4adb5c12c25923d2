"""A member sees and downloads all that is held about them, and nothing of anybody else's."""

from __future__ import annotations

import base64
import csv
import io
import re
import zipfile
from typing import Any

import orjson
import pytest

from ledger.journal.entry import to_base64
from ledger.journal.times import format_time, to_us
from ledger.programme import messages
from ledger.programme.calendar import read_calendar
from ledger.programme.commitments import check_disclosure
from ledger.programme.erasure import destroy
from ledger.programme.messages import Choice, New
from ledger.programme.people import consents, download, rights
from ledger.programme.people.download import download_of
from ledger.programme.people.sessions import begin
from ledger.programme.people.tables import metadata
from ledger.programme.recording import Change
from ledger.programme.trail import Line, write_lines
from tests.programme.people.informing import inform, joined
from tests.programme.registry import Registry, fresh
from tests.programme.test_plans import plan
from tests.statements import statements

FORMULA = '=HYPERLINK("https://evil.example")'


def settled(registry: Registry, name: str = "王芳", phone: str = "139 1234 5678") -> str:
    """A member with something of each kind; the person."""
    place = (registry.database, registry.ledger, registry.clock)
    person = joined(registry, name, phone).person
    basics = {"full_name": name, "phone": "+8613912345678", "skills": ["急救", FORMULA]}
    registry.save(Change("basics", person, person, basics, seen=1))
    registry.save(Change("attainment", fresh("attainment"), person, {"issuer": FORMULA}))
    consents.give(*place, person, "photos", notice=1, how="self", by=person)
    consents.withdraw(*place, read_calendar({}), person, "photos", how="self", by=person)
    messages.post(*place, New(person, "proposal-approved", {"proposal": "p"}, "c"), by=person)
    messages.choose(*place, person, Choice("phone", "en"))
    begin(*place, person, "device")
    return person


@pytest.fixture
def two(registry: Registry) -> tuple[str, str]:
    """Two members who have each of everything."""
    inform(registry)
    inform(registry, "photos")
    return settled(registry), settled(registry, "李四", "138 0013 8000")


def looked(registry: Registry, actor: str, action: str, subject: str) -> None:
    at = format_time(to_us(registry.clock.now()))
    write_lines(registry.database, registry.ledger.id, [Line(at, actor, action, subject, "done")])


def unpacked(registry: Registry, person: str) -> dict[str, bytes]:
    chunks = list(download_of(registry.database, registry.ledger, registry.clock, person))
    with zipfile.ZipFile(io.BytesIO(b"".join(chunks))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_all_records_are_told_page_by_page_in_every_version(
    registry: Registry, two: tuple[str, str]
) -> None:
    person, _ = two
    pages, after = [], None
    while not pages or pages[-1]:
        with registry.database.reading() as conn, statements(registry.database) as sent:
            found = rights.records_of(conn, registry.ledger, person, after=after, limit=3)
        assert len(sent) <= 4
        pages.append(found)
        after = found[-1].place if found else None
    told = [each for page in pages for each in page]
    consented = [("consent", 1), ("consent", 1), ("consent", 2)]
    others = [("attainment", 1), ("basics", 1), ("basics", 2), ("message", 1)]
    told_of = sorted((each.record.kind, each.record.version) for each in told)
    assert told_of == sorted([*consented, *others])
    assert all(each.record.subject == person for each in told)
    # and each proves its fields by the commitment that stands in the database
    for each in told:
        place, fields = check_disclosure(each.shows, each.record.commitment)
        assert (place.kind, place.id, place.version) == tuple(each.place[1:])
        assert fields == each.record.fields
    (message,) = (each for each in told if each.record.kind == "message")
    assert message.says is not None
    assert message.says["zh"].body.endswith("p")


def test_who_looked_is_told_whatever_record_of_theirs_it_was(
    registry: Registry, two: tuple[str, str]
) -> None:
    person, other = two
    with registry.database.reading() as conn:
        found = rights.records_of(conn, registry.ledger, person, limit=1)
    attainment = found[0].record.id
    account = rights.account_of(person)
    for subject in (person, attainment, account, other, fresh("ledger")):
        looked(registry, registry.office, "engagements:use", subject)
    with registry.database.reading() as conn, statements(registry.database) as sent:
        lines = rights.lookups_of(conn, registry.ledger, person, limit=10)
        earlier = rights.lookups_of(conn, registry.ledger, person, before=1, limit=10)
    assert len(sent) == 8
    assert [each.line.line["subject"] for each in lines] == [account, attainment, person]
    assert [each.line.line["subject"] for each in earlier] == [person]
    assert lines[0].roles == ("auditor",)
    # and no statement walks over the lines about everybody
    told = "\n".join(plan(registry.database, *each) for each in sent)
    assert not re.search(r"(SEARCH|SCAN) trail.*\(ledger_id=\?\)$", told, re.MULTILINE), told


def test_the_entries_of_their_account_are_theirs_and_no_others(
    registry: Registry, two: tuple[str, str]
) -> None:
    person, other = two
    with registry.database.reading() as conn:
        (mine,) = rights.entries_of(conn, registry.ledger.id, person, limit=10)
        assert rights.has_entry(conn, registry.ledger.id, person, mine.seq)
        assert not rights.has_entry(conn, registry.ledger.id, other, mine.seq)
        assert rights.entries_of(conn, registry.ledger.id, person, after=mine.seq, limit=9) == []
    assert orjson.loads(mine.raw)["actor"] == person


def test_the_download_has_everything_and_nothing_of_anybody_else(
    registry: Registry, two: tuple[str, str]
) -> None:
    person, other = two
    looked(registry, registry.office, "engagements:use", person)
    looked(registry, person, "own:download", person)
    files = unpacked(registry, person)
    assert other.encode() not in b"".join(files.values())
    assert "李四".encode() not in b"".join(files.values())
    read: dict[str, Any] = {
        name: orjson.loads(raw) for name, raw in files.items() if name.endswith(".json")
    }
    # records with their proofs
    assert len(read["records.json"]) == 7
    for each in read["records.json"]:
        assert check_disclosure(each["proof"], _bytes(each["commitment"]))[1] == each["fields"]
    # the log's entry binds the consent to recording
    (opened,) = read["entries.json"]
    commitments = {each["id"]: each["commitment"] for each in read["records.json"]}
    assert commitments[opened["ref"]["id"]] == opened["ref"]["commitment"]
    # the notices agreed to are whole
    assert {each["purpose"] for each in read["notices.json"]} == {"photos", "recording"}
    assert read["notices.json"][0]["parts"]["rights"]["en"]
    # rows beside the records
    tables = {each["table"] for each in read["rows.json"]}
    assert {"consent", "message", "message_choice", "session", "blind_index"} <= tables
    assert [each["actor"] for each in read["lookups.json"]] == [person, registry.office]
    assert [each["action"] for each in read["deeds.json"]] == ["own:download"]
    # people read it
    page = files["index.html"].decode()
    assert "王芳" in page
    assert "技能 · Skills" in page
    assert "您提出的申请已由第二人批准" in page
    assert "王芳" not in files["README.txt"].decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)


def test_no_cell_is_run_and_no_page_runs_what_somebody_wrote(
    registry: Registry, two: tuple[str, str]
) -> None:
    person, _ = two
    registry.save(Change("basics", person, person, {"full_name": "<script>x</script>"}, seen=2))
    files = unpacked(registry, person)
    rows = list(csv.reader(io.StringIO(files["records.csv"].decode("utf-8-sig"))))
    assert rows[0][-1] == "内容 · Value"
    issuer = next(row for row in rows if row[5] == "颁发单位 · Issuer")
    assert issuer[6] == "'" + FORMULA
    assert b"<script>" not in files["index.html"]
    assert b"&lt;script&gt;" in files["index.html"]


def test_what_was_erased_has_its_dates_alone(registry: Registry, two: tuple[str, str]) -> None:
    person, _ = two
    destroy(registry.database, registry.ledger, [person], "2026-11-24")
    files = unpacked(registry, person)
    assert "王芳".encode() not in b"".join(files.values())
    (first, *_) = orjson.loads(files["records.json"])
    assert "fields" not in first
    assert "已删除 · erased" in files["index.html"].decode()


def test_memory_does_not_grow_with_what_is_held(
    registry: Registry, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given pages of two
    person, _ = two
    monkeypatch.setattr(download, "RECORDS_PER_READ", 2)
    monkeypatch.setattr(download, "LINES_PER_READ", 2)
    monkeypatch.setattr(rights, "ROWS_PER_READ", 2)
    sizes = []
    real = rights.records_of

    def counted(*args: Any, **more: Any) -> Any:
        found = real(*args, **more)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(rights, "records_of", counted)
    for _ in range(5):
        looked(registry, registry.office, "engagements:use", person)
        begin(registry.database, registry.ledger, registry.clock, person, "device")
    files = unpacked(registry, person)
    # then nothing is lost and nothing told twice
    assert max(sizes) == 2
    told = orjson.loads(files["records.json"])
    assert len({(each["kind"], each["id"], each["version"]) for each in told}) == len(told) == 7
    lines = [each["seq"] for each in orjson.loads(files["lookups.json"])]
    assert lines == sorted(set(lines), reverse=True)
    assert len(lines) == 5
    rows = orjson.loads(files["rows.json"])
    assert len([each for each in rows if each["table"] == "session"]) == 6


def test_every_table_that_names_a_person_is_told_of() -> None:
    # a new table names whose its rows are by one of `rights.WHOSE`, or is put here
    told = {table.name for table in rights.tables_of_people()}
    names = {"person", "subject", "auditor", "volunteer", "member", "holder", "guardian", "leader"}
    others = {
        table.name
        for table in metadata.tables.values()
        if {column.name for column in table.c} & names
    } - told
    # services are in the log's entries; a lease's holder is a process
    assert others == {"lease", "record", "service", "token", "trail"}
    secret = {"session.hash", "login.totp", "login.password", "token.hash"}
    assert not secret & {
        f"{table.name}.{name}"
        for table in rights.tables_of_people()
        for name in rights._words(table, dict.fromkeys(table.c, "x"))
    }


def test_the_commitment_is_shown_as_the_log_has_it(
    registry: Registry, two: tuple[str, str]
) -> None:
    with registry.database.reading() as conn:
        (told, *_) = rights.records_of(conn, registry.ledger, two[0], limit=1)
    assert download.record_shown(told)["commitment"] == to_base64(told.record.commitment)
