"""Everything this software refuses or cannot do, as exceptions with a stable code.

    PointsError
    ├── DatabaseUrlError        database-url       the address of the database is not one we can use
    ├── ConfigError             config             a setting cannot be used
    ├── DatabaseBusy            database-busy      a lock was not free in time; nothing was changed
    ├── DatabaseDown            database-down      unreachable, read-only, full or damaged
    │   └── OutcomeUnknown      outcome-unknown    it went away during the commit
    ├── MigrationError          migration          a migration was undone, nothing was changed
    ├── KeysError               keys               the key directory or its passphrase is unusable
    ├── ClockFault              clock              host, database and log disagree about the time
    ├── QueueFull               queue-full         too many commands wait; nothing was changed
    ├── AppendFailed            append-failed      the database refused one command's rows
    ├── LedgerStopped           ledger-stopped     the database contradicts a head that was signed
    ├── NotPublished            not-published      no checkpoint covers the entry yet
    ├── NoState                 no-state           no published state shows the account yet
    ├── AccountsDamaged         accounts-damaged   the account rows contradict a state in the log
    ├── BeforeLedger            before-ledger      a time before the ledger's first entry
    ├── LedgerUnknown           ledger-unknown     no ledger of that name
    ├── LedgerExists            ledger-exists      a ledger of that name or origin is there already
    ├── MalformedEntry          malformed-entry    bytes or values that have no entry's form
    └── Refused                 refused            a rule of the book says no (journal/rules.py)

The message is one or two sentences for a person: what was got, what was wanted, what to do next.
It holds no secret and never the words of the database or the driver, which `__cause__` keeps for
the log. The code is for programs: it is part of the interface and does not change.
"""

from typing import ClassVar


class PointsError(Exception):
    """The root of all errors of this software; `str()` of it may be shown to a person."""

    code: ClassVar[str] = "points"


class DatabaseUrlError(PointsError):
    """The database URL names a database that this software does not run on."""

    code = "database-url"


class ConfigError(PointsError):
    """A setting, or what one was told on the command line, cannot be used."""

    code = "config"


class DatabaseBusy(PointsError):
    """A lock, or a connection of the pool, was not free in time. Trying again is safe."""

    code = "database-busy"


class DatabaseDown(PointsError):
    """The database cannot be reached or cannot be written. Trying again at once is no use."""

    code = "database-down"


class OutcomeUnknown(DatabaseDown):
    """The database went away during the commit: the change was made either whole or not at all."""

    code = "outcome-unknown"


class MigrationError(PointsError):
    """No migrations lead there, or they were undone as they would have left it inconsistent."""

    code = "migration"


class KeysError(PointsError):
    """The keys cannot be made, read or trusted as they lie there."""

    code = "keys"


class MalformedEntry(PointsError):
    """Bytes or values that are not of the form of a journal entry."""

    code = "malformed-entry"


class ClockFault(PointsError):
    """Host and database, or host and log, disagree about the time: nothing can be entered."""

    code = "clock"


class QueueFull(PointsError):
    """Too many commands wait for this ledger. Trying again in a moment is safe."""

    code = "queue-full"


class AppendFailed(PointsError):
    """The database refused what one command would write, for a reason that nobody foresaw."""

    code = "append-failed"


class LedgerStopped(PointsError):
    """The database does not extend the last head that was signed; the ledger is read-only."""

    code = "ledger-stopped"


class NotPublished(PointsError):
    """No published checkpoint covers the entry yet. Asking again in a second helps."""

    code = "not-published"


class NoState(PointsError):
    """No published `state` entry shows the account, so its balance cannot be proven yet."""

    code = "no-state"


class AccountsDamaged(PointsError):
    """The account rows do not give the root that a `state` entry of the log states."""

    code = "accounts-damaged"


class BeforeLedger(PointsError):
    """A time before the ledger's first entry: there is nothing to be told of it."""

    code = "before-ledger"


class LedgerUnknown(PointsError):
    """There is no ledger of that name in this installation."""

    code = "ledger-unknown"


class LedgerExists(PointsError):
    """A ledger of that name or origin is there already; names are never reused."""

    code = "ledger-exists"
