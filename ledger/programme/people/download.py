"""All that is held about a person, as one zip: for people to read, and for programs.

    README.txt     what is in it, in Chinese and English
    index.html     the records, to be read; nothing is loaded from elsewhere
    records.csv    the same, a line a field, for spreadsheet programs
    records.json   the same with their commitments, and what proves each field by them
    notices.json   the notices that were agreed to, whole
    rows.json      the rows of ids, words and days that stand beside records
    entries.json   the entries of the log about one's account
    lookups.csv    who looked, or did something else that is about the person; also .json
    deeds.json     what the person did that the audit trail tells of

It is made while it is sent: page by page, in short transactions, in memory that does not grow with
what is held.  What is written meanwhile may be in one file and not yet in another.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection

from ledger.clock import Clock
from ledger.db import Database
from ledger.installation import OpenLedger
from ledger.journal.entry import to_base64
from ledger.journal.times import format_time, to_us
from ledger.programme.people import consents, notices, rights
from ledger.programme.people.labels import COLUMNS, FIELDS, KINDS, label
from ledger.programme.people.merges import together
from ledger.programme.people.rights import Lookup, Told
from ledger.programme.spreadsheets.cells import shown
from ledger.programme.trail import Kept
from ledger.zipstream import Sink

RECORDS_PER_READ = 100
LINES_PER_READ = 500

_T = TypeVar("_T")

_FILE_MODE = 0o100600
_UNIX = 3
_BOM = "\ufeff"  # which Excel asks for

_README = """\
{ledger}
{person}
{at}

本压缩包包含本账本所保存的关于您的全部信息（《个人信息保护法》第四十四、四十五条）。
This archive has all that this ledger keeps about you (PIPL, articles 44 and 45).

index.html     全部记录，供阅读 · your records, to be read
records.csv    同上，每项一行，可用表格软件打开 · the same, a line a field, for spreadsheet programs
records.json   同上，附承诺值及其证明 · the same with their commitments, and what proves them
notices.json   您所同意的告知书全文 · the notices that you agreed to
rows.json      记录之外的标识、状态和日期 · ids, words and days kept beside the records
entries.json   账本日志中关于您账户的凭证 · the entries of the signed log about your account
lookups.csv    谁查看或处理过您的信息 · who looked at what is yours, or did something with it
lookups.json   同上 · the same
deeds.json     审计日志中您本人的操作 · what you did that the audit trail tells of

证据材料（扫描件、照片）列在记录中，登录后可逐一下载。
Evidence (scans, photographs) is listed among the records; sign in to download each file.

已删除的内容只留有日期。时间均为 UTC。
Of what was erased only the dates are left. Times are in UTC.
"""

_HEAD = """\
<!doctype html>
<html lang="zh"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 sans-serif; max-width: 60rem; margin: auto; padding: 1rem }}
th {{ text-align: left; vertical-align: top; padding-right: 1rem; font-weight: normal }}
td {{ white-space: pre-wrap; overflow-wrap: anywhere }}
</style></head><body>
<h1>{title}</h1>
<p>{person}<br>{at}</p>
"""


@dataclass(frozen=True, slots=True)
class _Person:
    """Whose download it is, and where from."""

    database: Database
    ledger: OpenLedger
    person: str
    at: str

    def files(self) -> Iterator[tuple[str, Iterable[str]]]:
        """The archive's files in their order, each in pieces."""
        yield "README.txt", (_README.format(ledger=self.ledger.origin, **self._place()),)
        yield "index.html", self._page()
        yield "records.csv", _csv(_RECORD_COLUMNS, self._lines())
        yield "records.json", _json(_record(each) for each in self._records())
        yield "notices.json", _json(self._notices())
        yield "rows.json", _json(self._rows())
        yield "entries.json", _json(self._entries())
        yield "lookups.csv", _csv(_LOOKUP_COLUMNS, map(_lookup_cells, self._lookups()))
        yield "lookups.json", _json(map(_lookup, self._lookups()))
        yield "deeds.json", _json({"seq": each.seq, **each.line} for each in self._deeds())

    def _place(self) -> dict[str, str]:
        return {"person": self.person, "at": self.at}

    def _read(
        self, look: Callable[[Connection, Any], Sequence[_T]], place: Callable[[_T], Any], most: int
    ) -> Iterator[_T]:
        """All of a list, page by page; `place` is where the page after an item begins."""
        beyond = None
        while True:
            with self.database.reading() as conn:
                found = look(conn, beyond)
            yield from found
            if len(found) < most:
                return
            beyond = place(found[-1])

    def _records(self) -> Iterator[Told]:
        def look(conn: Connection, after: Any) -> Sequence[Told]:
            return rights.records_of(
                conn, self.ledger, self.person, after=after, limit=RECORDS_PER_READ
            )

        return self._read(look, lambda told: told.place, RECORDS_PER_READ)

    def _lines(self) -> Iterator[list[str]]:
        for told in self._records():
            found = told.record
            kind = str(label(KINDS, found.kind))
            place = [kind, found.id, str(found.version), found.at, found.by]
            for name, value in _said(told):
                yield [*place, name, value]

    def _page(self) -> Iterator[str]:
        title = "关于您的全部记录 · All records about you"
        yield _HEAD.format(title=title, **self._place())
        for told in self._records():
            found = told.record
            kind = escape(str(label(KINDS, found.kind)))
            yield f"<h2>{kind}</h2>\n<p>{found.id} · {found.version} · {found.at}</p>\n<table>\n"
            for name, value in _said(told):
                yield f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>\n"
            yield "</table>\n"
        yield "</body></html>\n"

    def _notices(self) -> Iterator[dict[str, Any]]:
        """Every version of those notices of whose purposes the person ever said something."""
        with self.database.reading() as conn:
            people = together(conn, self.ledger.id, self.person)
            said = [consents.of_person(conn, self.ledger.id, each) for each in people]
        for purpose in sorted({purpose for each in said for purpose in each}):
            with self.database.reading() as conn:
                found = notices.history(conn, self.ledger, purpose)
            for each in found:
                told = {"purpose": purpose, "version": each.version, "at": each.at}
                yield told | {"hash": each.hash, "parts": each.parts}

    def _rows(self) -> Iterator[dict[str, Any]]:
        for table, row in rights.rows_of(self.database, self.ledger, self.person):
            yield {"table": table, "row": row}

    def _entries(self) -> Iterator[Any]:
        def look(conn: Connection, after: Any) -> Sequence[Any]:
            return rights.entries_of(
                conn, self.ledger.id, self.person, after=after, limit=LINES_PER_READ
            )

        found = self._read(look, lambda listed: listed.seq, LINES_PER_READ)
        return (orjson.Fragment(each.raw) for each in found)

    def _lookups(self) -> Iterator[Lookup]:
        def look(conn: Connection, before: Any) -> Sequence[Lookup]:
            return rights.lookups_of(
                conn, self.ledger, self.person, before=before, limit=LINES_PER_READ
            )

        return self._read(look, lambda found: found.line.seq, LINES_PER_READ)

    def _deeds(self) -> Iterator[Kept]:
        def look(conn: Connection, before: Any) -> Sequence[Kept]:
            return rights.deeds_of(
                conn, self.ledger, self.person, before=before, limit=LINES_PER_READ
            )

        return self._read(look, lambda found: found.seq, LINES_PER_READ)


def download_of(
    database: Database, ledger: OpenLedger, clock: Clock, person: str
) -> Iterator[bytes]:
    """The zip, in chunks.  Raises, as it goes on, what reading records and the database raises."""
    at = format_time(to_us(clock.now()))
    return _zipped(_Person(database, ledger, person, at).files(), at)


def record_shown(told: Told) -> dict[str, Any]:
    """A version of a record as JSON has it, without its proof; `fields` left out where erased."""
    found = told.record
    values: dict[str, Any] = {
        "kind": found.kind,
        "id": found.id,
        "version": found.version,
        "at": found.at,
        "by": found.by,
        "commitment": to_base64(found.commitment),
    }
    if found.fields is not None:
        values["fields"] = found.fields
    if told.says is not None:
        values["says"] = {language: text._asdict() for language, text in told.says.items()}
    return values


# --- as text -------------------------------------------------------------------------------------

_RECORD_COLUMNS = ("kind", "id", "version", "at", "by", "field", "value")
_LOOKUP_COLUMNS = ("at", "actor", "roles", "action", "subject", "outcome")


def _record(told: Told) -> dict[str, Any]:
    values = record_shown(told)
    return values if told.shows is None else values | {"proof": told.shows}


def _said(told: Told) -> Iterator[tuple[str, str]]:
    """The fields of a record, or what a message says, as they are called and as text."""
    if told.record.fields is None:
        yield "", "已删除 · erased"
    elif told.says is not None:
        for says in told.says.values():
            yield says.subject, says.body
    else:
        for name, value in sorted(told.record.fields.items()):
            text = value if isinstance(value, str) else orjson.dumps(value).decode()
            yield str(label(FIELDS, name)), text


def _lookup(found: Lookup) -> dict[str, Any]:
    return {"seq": found.line.seq, "roles": found.roles, **found.line.line}


def _lookup_cells(found: Lookup) -> list[str]:
    values: Mapping[str, str] = {**found.line.line, "roles": " ".join(found.roles)}
    return [values[column] for column in _LOOKUP_COLUMNS]


def _json(items: Iterable[Any]) -> Iterator[str]:
    before = "[\n"
    for item in items:
        yield before + orjson.dumps(item).decode()
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield _BOM + _csv_line([str(label(COLUMNS, column)) for column in columns])
    for row in rows:
        yield _csv_line(row)


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([shown(cell) for cell in cells])
    return line.getvalue()


# --- the zip -------------------------------------------------------------------------------------


def _zipped(files: Iterable[tuple[str, Iterable[str]]], at: str) -> Iterator[bytes]:
    sink = Sink()
    with zipfile.ZipFile(sink, "w") as archive:  # type: ignore[call-overload]  # it needs no more
        for path, pieces in files:
            with archive.open(_info(path, at), "w") as file:
                for piece in pieces:
                    file.write(piece.encode())
                    if chunk := sink.take():
                        yield chunk
    yield sink.take()


def _info(path: str, at: str) -> zipfile.ZipInfo:
    day, time = at[:10], at[11:19]
    made = (*map(int, day.split("-")), *map(int, time.split(":")))
    info = zipfile.ZipInfo(path, made)  # type: ignore[arg-type]  # six numbers
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = _UNIX
    info.external_attr = _FILE_MODE << 16
    return info
