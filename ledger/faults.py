"""What an error of the database or its driver means to us, decided in one place.

`translate_errors()` turns the errors that anybody can meet (a lock not free, a server away, a disk
full) into `DatabaseBusy` and `DatabaseDown`. All others, such as a constraint that refused a row,
pass unchanged: the caller may expect them. The messages are ours, never the database's; the
original stays as `__cause__`.

Sources: https://www.sqlite.org/rescode.html, PostgreSQL 18 appendix A (error codes).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ledger.errors import DatabaseBusy, DatabaseDown, PointsError

BUSY = (
    "The database is busy: a lock was not free in time. Nothing was changed; try again in a moment."
)
_POOL = (
    "All connections to the database are in use. Nothing was changed; try again in a moment, or"
    " give the service more connections."
)
_IDLE = "The transaction was ended because it took too long. Nothing was changed; try again."
_AWAY = "The database cannot be reached. Check that it runs, its address and its password."
_READ_ONLY = "The database takes no writes here. Check its file's permissions or the server's role."
_FULL = "The database has no room left. Free some of its disk or memory, then try again."
_DAMAGED = "The database's files cannot be read or written. Check its disk and its permissions."
_NOT_WHOLE = "The database's file is damaged or is none. Keep it aside, and restore a backup."
_NOT_GRANTED = (
    "The database's role may not do this. Run the grants of docs/operating.md again; points migrate"
    " is run by the role that owns the tables."
)
_NOT_MIGRATED = "The database lacks tables of this version. Run: points migrate"

_Fault = tuple[type[PointsError], str]

# By primary result code.
_SQLITE: dict[int, _Fault] = {
    sqlite3.SQLITE_BUSY: (DatabaseBusy, BUSY),
    sqlite3.SQLITE_LOCKED: (DatabaseBusy, BUSY),
    sqlite3.SQLITE_PROTOCOL: (DatabaseBusy, BUSY),
    sqlite3.SQLITE_READONLY: (DatabaseDown, _READ_ONLY),
    sqlite3.SQLITE_PERM: (DatabaseDown, _READ_ONLY),
    sqlite3.SQLITE_FULL: (DatabaseDown, _FULL),
    sqlite3.SQLITE_NOMEM: (DatabaseDown, _FULL),
    sqlite3.SQLITE_CANTOPEN: (DatabaseDown, _DAMAGED),
    sqlite3.SQLITE_IOERR: (DatabaseDown, _DAMAGED),
    sqlite3.SQLITE_CORRUPT: (DatabaseDown, _NOT_WHOLE),
    sqlite3.SQLITE_NOTADB: (DatabaseDown, _NOT_WHOLE),
}

# By the longest SQLSTATE prefix that fits.
_POSTGRESQL: dict[str, _Fault] = {
    "08": (DatabaseDown, _AWAY),
    "25006": (DatabaseDown, _READ_ONLY),
    "25P03": (DatabaseBusy, _IDLE),
    "25P04": (DatabaseBusy, _IDLE),
    "28": (DatabaseDown, _AWAY),
    "3D000": (DatabaseDown, _AWAY),
    "40001": (DatabaseBusy, BUSY),
    "40P01": (DatabaseBusy, BUSY),
    "53": (DatabaseDown, _FULL),
    "53300": (DatabaseBusy, _POOL),
    "55P03": (DatabaseBusy, BUSY),
    "57014": (DatabaseBusy, BUSY),
    "57P": (DatabaseDown, _AWAY),
    "58": (DatabaseDown, _DAMAGED),
    "XX001": (DatabaseDown, _DAMAGED),
    "XX002": (DatabaseDown, _DAMAGED),
}


# What the database says of tables that it has not got, or not got yet.
_UNDEFINED = {"42P01", "42703"}  # a table, a column
_SQLITE_UNDEFINED = ("no such table", "no such column")
_INSUFFICIENT_PRIVILEGE = "42501"


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise `DatabaseBusy` or `DatabaseDown` for what SQLAlchemy raises, where it is either."""
    try:
        yield
    except PoolTimeoutError as error:
        raise DatabaseBusy(_POOL) from error
    except DBAPIError as error:
        fault = _fault(error)
        if fault is None:
            raise
        kind, message = fault
        raise kind(message) from error


def not_set_up(error: DBAPIError) -> str | None:
    """What somebody who runs a command has to do first, where the error says that it was not done.

    That is the grants or the migrations; requests are not told, `/readyz` is.
    """
    if isinstance(error.orig, sqlite3.Error):
        return _NOT_MIGRATED if str(error.orig).startswith(_SQLITE_UNDEFINED) else None
    state = getattr(error.orig, "sqlstate", None)
    if state in _UNDEFINED:
        return _NOT_MIGRATED
    return _NOT_GRANTED if state == _INSUFFICIENT_PRIVILEGE else None


def is_surely_undone(fault: DatabaseDown) -> bool:
    """Whether a commit that failed with this fault is known to have changed nothing."""
    cause = fault.__cause__
    return isinstance(cause, DBAPIError) and _sqlite_code(cause.orig) == sqlite3.SQLITE_FULL


def _fault(error: DBAPIError) -> _Fault | None:
    if isinstance(error.orig, sqlite3.Error):
        return _SQLITE.get(_sqlite_code(error.orig) or 0)
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        # psycopg gives no SQLSTATE where the connection itself failed.
        gone = isinstance(error, OperationalError) or error.connection_invalidated
        return (DatabaseDown, _AWAY) if gone else None
    prefixes = (state[:length] for length in (5, 3, 2))
    known = next((_POSTGRESQL[prefix] for prefix in prefixes if prefix in _POSTGRESQL), None)
    return known or ((DatabaseDown, _AWAY) if _has_ended(error.orig) else None)


def _has_ended(error: object) -> bool:
    """Whether the server ended the session with the error, or itself, whatever the error was."""
    severity = getattr(getattr(error, "diag", None), "severity_nonlocalized", None)
    return severity in ("FATAL", "PANIC")


def _sqlite_code(error: BaseException | None) -> int | None:
    # The low byte is the primary code; the driver's own complaints carry none.
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
