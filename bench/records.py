"""Records: a list of a hundred decrypted, and look-ups by document number among a million."""

from __future__ import annotations

import time

from sqlalchemy import text

from bench.desk import BenchDesk
from ledger.programme import records
from ledger.programme.recording import Change, save

LIST = 100
OTHERS = 1_000_000

# Rows of members whom nobody looks for: what they are found by is as long as a real one.
_FILL = {
    "postgresql": "SELECT n FROM generate_series(1, :others) AS n",
    "sqlite": "WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c WHERE n < :others)"
    " SELECT n FROM c",
}
_ROWS = """
INSERT INTO blind_index (ledger_id, kind, id, field, value, subject)
SELECT :ledger, 'basics', 'member/' || n, 'document_number', n % 99991 || ' of others ' || n,
  'member/' || n
FROM ({numbers}) AS numbers
"""


class BenchRecords:
    """A hundred members with records, among a million others that only the index knows."""

    def __init__(self, desk: BenchDesk) -> None:
        self._desk = desk
        self._members = [desk.member(number) for number in range(LIST)]
        changes = [
            Change("basics", member, member, _basics(number))
            for number, member in enumerate(self._members)
        ]
        here = desk.installation
        save(here.database, desk.ledger, here.clock, changes, by=desk.actor)
        rows = _ROWS.format(numbers=_FILL[here.database.dialect])
        with here.database.writing() as conn:
            conn.execute(text(rows), {"ledger": desk.ledger.id, "others": OTHERS})

    def lists_per_second(self, count: int) -> float:
        """Lists of a hundred newest versions, read and decrypted."""
        start = time.perf_counter()
        for _ in range(count):
            with self._desk.installation.database.reading() as conn:
                found = records.newest(conn, self._desk.ledger, "basics", self._members)
            if len(found) != LIST:
                raise RuntimeError(f"{len(found)} records were found of {LIST}")
        return count / (time.perf_counter() - start)

    def lookups_per_second(self, count: int) -> float:
        """Look-ups by document number, one at a time."""
        start = time.perf_counter()
        for number in range(count):
            wanted = _basics(number % LIST)["document_number"]
            with self._desk.installation.database.reading() as conn:
                found = records.found_by(conn, self._desk.ledger, "document_number", [wanted])
            if found[wanted] != [("basics", self._members[number % LIST])]:
                raise RuntimeError("a member was not found by their document number")
        return count / (time.perf_counter() - start)


def _basics(number: int) -> dict[str, str]:
    return {
        "full_name": f"成员{number}",
        "phone": f"138{number:08d}",
        "document_number": f"110105{19500101 + number}002X",
        "residence": "北苑街道",
        "skills": "急救, 摄影, 翻译",
    }
