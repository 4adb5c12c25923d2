"""Evidence about people, kept and found by those who may: what it is about, and who reaches it.

The office keeps what is about a person, or about a record or a membership of theirs; an
organisation what is about an attainment that it keeps; and any desk the papers of what it entered
itself, such as the form of somebody whom it took up.  Its person sees it, and so do the office and
that organisation.  The files themselves are in `ledger.programme.files`.

个人信息保护法, arts. 14 and 31 (consent, and a guardian's, given on paper too) and 51
(encryption); 志愿服务条例, arts. 16 and 17 (qualifications, accident insurance).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, literal, select, union_all

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.orders import Outcome
from ledger.programme import files, records
from ledger.programme.files import KIND, EvidenceRefused, New
from ledger.programme.pages import find, page
from ledger.programme.people.attainments import KIND as ATTAINMENT
from ledger.programme.people.merges import together
from ledger.programme.people.tables import attainment
from ledger.programme.reading.people import is_known
from ledger.programme.records import Record
from ledger.programme.roles import Reach
from ledger.programme.tables import evidence as table
from ledger.programme.tables import membership, record
from ledger.programme.vault import own
from ledger.programme.wishes import Wish


class EvidenceUnknown(PointsError):
    """The ledger has no evidence of that id that the caller may see."""

    code = "evidence-unknown"


class Scan(NamedTuple):
    """A file to be kept, of a person and a thing of theirs, or the person themselves."""

    person: str
    about: str
    title: str | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence with its record, whose fields are None where it was erased."""

    id: str
    person: str
    about: str
    record: Record

    @property
    def fields(self) -> Mapping[str, Any] | None:
        """What its record says of the file."""
        return self.record.fields


def keep(
    database: Database, ledger: OpenLedger, clock: Clock, wish: Wish, scan: Scan, reach: Reach
) -> Outcome:
    """Keeps a file about what `reach` reaches, or whoever has it wrote down; the same request again
    changes nothing.

    Raises `EvidenceRefused`, and what `files.keep` raises.
    """
    with database.reading() as conn:
        organisation = _keeper(conn, ledger.id, scan, reach)
    new = New(scan.person, scan.about, organisation, scan.title, scan.content)
    return files.keep(database, ledger, clock, wish, new)


def find_evidence(conn: Connection, ledger: OpenLedger, evidence_id: str, reach: Reach) -> Evidence:
    """The evidence of that id that `reach` reaches; `EvidenceUnknown`, whether it is there or not.

    At most four statements.
    """
    rows = find(conn, table, ledger.id, evidence_id, _ways(conn, ledger.id, reach))
    if not rows:
        raise EvidenceUnknown(f"There is no {evidence_id} that you may see.")
    return _opened(conn, own(ledger, reach.own), rows)[0]


def list_evidence(
    conn: Connection,
    ledger: OpenLedger,
    reach: Reach,
    *,
    person: str | None = None,
    about: str | None = None,
    after: str | None = None,
    limit: int,
) -> list[Evidence]:
    """At most `limit` of what `reach` reaches, in order of their ids.

    At most six statements.
    """
    ways, asked = _ways(conn, ledger.id, reach), None
    if person is not None:
        asked = [table.c.subject == each for each in together(conn, ledger.id, person)]
    of = [table.c.about == about] if about is not None else []
    rows = page(conn, table, ledger.id, ways, *of, asked=asked, after=after, limit=limit)
    return _opened(conn, own(ledger, reach.own), rows)


def _keeper(conn: Connection, ledger_id: int, scan: Scan, reach: Reach) -> str | None:
    """The organisation that keeps the thing; `EvidenceRefused` unless it is one's to add to."""
    if reach.everything and scan.about == scan.person:
        if is_known(conn, ledger_id, scan.person):
            return None
        raise _nothing(scan)
    found = conn.execute(_things(ledger_id, scan, reach)).scalars().all()
    if not found:
        raise _nothing(scan)
    return next((each for each in found if each is not None), None)


def _things(ledger_id: int, scan: Scan, reach: Reach) -> Any:
    a, m, r = attainment.c, membership.c, record.c
    mine = (a.ledger_id == ledger_id, a.id == scan.about, a.person == scan.person)
    attained = select(a.organisation).where(*mine)
    none = select(literal(None, a.organisation.type))
    said = none.where(r.ledger_id == ledger_id, r.subject == scan.person, r.id == scan.about)
    if not reach.everything:
        theirs = attained.where(a.organisation.in_(sorted(reach.organisations)))
        return union_all(theirs, said.where(r.by == reach.own, r.kind != ATTAINMENT))
    belongs = none.where(m.ledger_id == ledger_id, m.subject == scan.person, m.id == scan.about)
    return union_all(attained, said.where(r.version == 1), belongs)


def _nothing(scan: Scan) -> EvidenceRefused:
    return EvidenceRefused(
        f"There is no {scan.about} of {scan.person} that you may add to. Look up the thing and its"
        " person, or name the person alone."
    )


def _ways(conn: Connection, ledger_id: int, reach: Reach) -> list[ColumnElement[bool]]:
    """Which rows belong to a reach: a person's own, and those that their organisations keep."""
    c = table.c
    if reach.everything:
        return [c.ledger_id.is_not(None)]
    people = () if reach.own is None else together(conn, ledger_id, reach.own)
    kept = [c.organisation == each for each in sorted(reach.organisations)]
    return [*(c.subject == each for each in people), *kept]


def _opened(conn: Connection, ledger: OpenLedger, rows: Sequence[Row[Any]]) -> list[Evidence]:
    told = records.newest(conn, ledger, KIND, [row.id for row in rows])
    return [Evidence(row.id, row.subject, row.about, told[row.id]) for row in rows]
