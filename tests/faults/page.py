"""The table of docs/faults.md: what goes wrong, what a client is told, what heals it.

    python -m tests.faults.page

writes it into the page.  Each row is a test of this folder, and each test holds what it saw
against its row.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from api.problems import PROBLEMS

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
HEADER = "| Fault | What a client sees | What heals it | Test |\n| --- | --- | --- | --- |\n"
ITSELF = "room on the disk; nothing else"
THE_NEWEST = "the first three lines of the newest checkpoint that anybody has, written into it"


class Fault(NamedTuple):
    """A row: `sees` are codes of problems, or one sentence that `points serve` ends with."""

    fault: str
    sees: tuple[str, ...] | str
    heals: str
    serves: str = "reading goes on"
    """What still works meanwhile."""


FAULTS: dict[str, Fault] = {
    "test_a_full_disk": Fault(
        "The database says that its disk is full", ("database-down",), ITSELF
    ),
    "test_a_file_that_may_not_grow": Fault(
        "SQLite's files may not grow: a quota, a limit on file sizes",
        ("database-down", "outcome-unknown"),
        ITSELF,
    ),
    "test_a_server_whose_log_may_not_grow": Fault(
        "PostgreSQL cannot write its log, and ends all sessions to recover",
        ("database-down", "outcome-unknown"),
        "room on the disk; the server recovers, the service connects again",
        "nothing until the server is back",
    ),
    "test_a_database_that_takes_no_writes": Fault(
        "The database is read-only: permissions, or `default_transaction_read_only`",
        ("database-down",),
        "permission to write",
    ),
    "test_a_server_that_is_stopped": Fault(
        "PostgreSQL is stopped",
        ("database-down", "outcome-unknown"),
        "starting it; the service connects again",
        "nothing until the server is back",
    ),
    "test_a_directory_that_is_gone": Fault(
        "The directory of the SQLite file is gone: a disk that was unplugged",
        ("database-down",),
        "putting it back",
    ),
    "test_a_slow_database": Fault(
        "The database takes seconds for a statement",
        ("database-busy",),
        "nothing to do: who leads waits and is answered, other processes are told to come again",
    ),
    "test_a_lock_of_a_process_that_is_stopped": Fault(
        "A process was stopped (SIGSTOP, a debugger) within a transaction and keeps the lock",
        ("database-busy",),
        "continuing or ending that process",
    ),
    "test_a_lock_of_a_process_that_stays_stopped": Fault(
        "The same on PostgreSQL, and nobody looks after that process",
        ("database-busy",),
        "nothing to do: the server ends an idle transaction after 10 seconds",
    ),
    "test_a_high_water_file_that_a_stopped_process_keeps": Fault(
        "A process was stopped while it wrote the high-water file",
        (),
        "continuing or ending that process",
        "201 for what is entered, 202 and `Retry-After` for its receipt",
    ),
    "test_a_clock_that_was_set_back": Fault(
        "The host's clock is set back by more than a minute", ("clock",), "setting the clock right"
    ),
    "test_a_clock_that_was_set_a_month_ahead": Fault(
        "The host's clock is set ahead by more than a day",
        ("clock",),
        "setting the clock right (or a restart, where the new time is the right one)",
    ),
    "test_clocks_that_are_apart": Fault(
        "The clocks of host and database are more than 5 seconds apart",
        ("clock",),
        "setting both by a time server",
    ),
    "test_a_key_that_is_missing": Fault(
        "A file of the ledger's keys is missing when the ledger is first asked for",
        ("keys-unusable",),
        "putting it back",
        "other ledgers",
    ),
    "test_a_start_without_a_key": Fault(
        "A file of the ledger's keys is missing at the start",
        "log-1.ed25519.pem. Restore it from a backup",
        "putting it back, starting again",
        "nothing was started",
    ),
    "test_a_start_with_a_wrong_passphrase": Fault(
        "The passphrase is another",
        "cannot be used: the passphrase does not open it, or it is damaged.",
        "the right one, starting again",
        "nothing was started",
    ),
    "test_a_start_without_a_server": Fault(
        "PostgreSQL cannot be reached at the start",
        "The database cannot be reached. Check that it runs, its address and its password.",
        "starting it, starting again",
        "nothing was started",
    ),
    "test_a_high_water_file_that_is_damaged": Fault(
        "The high-water file is damaged",
        ("ledger-stopped",),
        THE_NEWEST,
    ),
    "test_a_high_water_file_that_is_missing": Fault(
        "The high-water file is missing",
        ("ledger-stopped",),
        THE_NEWEST,
    ),
    "test_a_start_without_a_high_water_file": Fault(
        "The high-water file is missing at the start",
        ("ledger-stopped",),
        THE_NEWEST,
    ),
    "test_a_high_water_file_that_cannot_be_written": Fault(
        "The high-water file cannot be written: its disk is full, its directory closed",
        ("ledger-stopped",),
        "room and permission; nothing else",
        "reading goes on; the file is as it was, and nothing is signed",
    ),
    "test_evidence_that_cannot_be_written": Fault(
        "A file of evidence cannot be written: its disk is full, its directory closed",
        ("evidence-unwritable",),
        "room and permission; nothing else",
        "nothing is kept, and all else is served",
    ),
    "test_evidence_that_is_missing": Fault(
        "A file of evidence is missing or was changed",
        ("evidence-damaged",),
        "putting it back from a backup",
        "what its record says is shown, and all else is served",
    ),
    "test_a_log_that_nobody_reads_any_more": Fault(
        "Whoever read the service's log (stderr) is gone, or the disk that it goes to is full",
        (),
        "starting the service again with another; or room on the disk, and nothing else",
        "nothing: lines are lost, and all is served",
    ),
}


def table() -> str:
    """The table in Markdown."""
    rows = (
        f"| {fault.fault} | {_seen(fault)} | {fault.heals} | `{name}` |\n"
        for name, fault in FAULTS.items()
    )
    return HEADER + "".join(rows)


def _seen(fault: Fault) -> str:
    if isinstance(fault.sees, str):
        return f"`points serve` does not start: “… {fault.sees} …”"
    if not fault.sees:
        return fault.serves
    codes = (
        f"{PROBLEMS[code].status} `{code}`, again after {PROBLEMS[code].retry_after_seconds} s"
        for code in fault.sees
    )
    return f"{' or '.join(codes)}; {fault.serves}"


def written(page: str) -> str:
    """The page with the table as it is now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
