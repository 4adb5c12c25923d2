"""The high-water file: the last head that may have been signed, kept outside the database.

It is written and fsynced before each signature, so that a database which was restored from a
backup, or rewritten, can be told from one that merely grew: it does not extend this head.  One line
each of origin, size, and root in base64, like the text of a checkpoint.
"""

from __future__ import annotations

from pathlib import Path

from ledger.errors import DatabaseBusy, LedgerStopped
from ledger.filelocks import locked
from ledger.journal.privatefiles import replace_private
from ledger.tlog.checkpoint import Checkpoint, parse_checkpoint
from ledger.tlog.errors import TlogError

FILE_BYTES_MAX = 1_000
LOCK_TIMEOUT_SECONDS = 1.0  # short: on SQLite, who waits here keeps all writers waiting


def read_high_water(path: Path, origin: str) -> Checkpoint | None:
    """The head in the file, None when there is no file yet; `LedgerStopped` when it is damaged."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LedgerStopped(f"The high-water file {path} cannot be read.") from error
    try:
        mark = parse_checkpoint(raw[:FILE_BYTES_MAX])
    except TlogError as error:
        raise LedgerStopped(
            f"The high-water file {path} is damaged. Write the first three lines of the newest"
            " checkpoint that anybody has into it."
        ) from error
    if mark.origin != origin:
        raise LedgerStopped(f"The high-water file {path} is of {mark.origin}, not of {origin}.")
    return mark


class Watched:
    """A high-water file that is looked at often, and read when it is another than it was."""

    def __init__(self, path: Path, origin: str) -> None:
        self._path = path
        self._origin = origin
        self._read: tuple[tuple[int, ...], Checkpoint | None] | None = None

    def mark(self) -> Checkpoint | None:
        """The head in the file, None when there is no file; raises what `read_high_water` does."""
        try:
            found = self._path.stat()
        except OSError:
            return read_high_water(self._path, self._origin)
        state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if self._read is None or self._read[0] != state:
            self._read = state, read_high_water(self._path, self._origin)
        return self._read[1]


def write_high_water(path: Path, mark: Checkpoint) -> None:
    """Replaces the file by `mark`, durably: on return it survives a power cut.

    The file only grows, whatever became of the lock in the database: `DatabaseBusy` when another
    process has written a larger head meanwhile or keeps the file to itself, `LedgerStopped` for
    another root of the same size or when the file cannot be written.
    """
    try:
        with locked(path.with_name(path.name + ".lock"), LOCK_TIMEOUT_SECONDS):
            before = read_high_water(path, mark.origin)
            if before is not None and before.size > mark.size:
                raise DatabaseBusy("Another process published more meanwhile. Nothing was signed.")
            if before is not None and before.size == mark.size and before.root != mark.root:
                raise LedgerStopped(f"Another root of size {mark.size} was signed already.")
            replace_private(path, mark.encode())
    except OSError as error:
        raise LedgerStopped(
            f"The high-water file {path} cannot be written, so nothing is signed. Check the disk"
            " and the permissions of its directory."
        ) from error
