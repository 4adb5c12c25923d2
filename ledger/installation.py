"""One installation: its database, its ledgers, their keys, appenders and publishers.

This is where everything is put together; API, command line and tests all start from it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import insert, select

from ledger.clock import Clock, SystemClock
from ledger.config import Settings
from ledger.db import Database, open_engine
from ledger.errors import ConfigError, KeysError, LedgerExists, LedgerUnknown, MalformedEntry
from ledger.journal import tables as t
from ledger.journal.append import Appender
from ledger.journal.bulk import write
from ledger.journal.founding import Founding, founding_commands, try_founding
from ledger.journal.keys import KeyRing, create_keys, load_keys, read_passphrase
from ledger.journal.masters import MasterKeys
from ledger.journal.names import check_ledger_name, origin_of
from ledger.journal.observer import Observer
from ledger.journal.orders import Credentials, Done, Group, HoldCompanions, Order, Refusal
from ledger.journal.publish import Publisher
from ledger.journal.rules import Refused
from ledger.journal.statetree import StateTrees
from ledger.journal.times import to_us


@dataclass(frozen=True, slots=True)
class OpenLedger:
    """A ledger with its keys loaded: what a request needs to read, append and publish."""

    id: int
    name: str
    origin: str
    keys: KeyRing
    appender: Appender
    publisher: Publisher
    masters: MasterKeys
    erased: Path  # the file of erased subjects, beside the high-water file
    evidence: Path  # the directory of encrypted files, made with the first of them
    opens: Container[str] = ()  # restricted subjects that are read all the same


BeforeServing = Callable[[Database, OpenLedger], None]


class Installation:
    """The ledgers of one database.  One a process; safe to share between threads.

    `before_serving` is called with each ledger that is opened, before anybody gets it; what it
    raises keeps the ledger closed.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        *,
        clock: Clock | None = None,
        hold_companions: HoldCompanions | None = None,
        credentials: Credentials | None = None,
        observe: Callable[[str], Observer] | None = None,
        before_serving: BeforeServing = lambda _database, _ledger: None,
    ) -> None:
        """`observe` makes the observer of the ledger of that name."""
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        _private_directory(settings.data)
        self.database: Database = open_engine(settings.database_url)
        self.state_trees = StateTrees(self.database)
        self._passphrase = read_passphrase(settings.passphrase_file, environ)
        self._hold_companions = hold_companions
        self._credentials = credentials
        self._observe = observe
        self._before_serving = before_serving
        self._open: dict[str, OpenLedger] = {}
        self._lock = threading.Lock()
        self._publishing = False

    def __repr__(self) -> str:
        return f"<installation in {self.settings.data}>"

    def names(self) -> list[str]:
        """The names of all ledgers, in order."""
        with self.database.reading() as conn:
            query = select(t.ledger.c.name).order_by(t.ledger.c.name)
            return list(conn.execute(query).scalars())

    def ledger(self, name: str) -> OpenLedger:
        """A ledger by its name, opened on first use; `LedgerUnknown`, `KeysError`."""
        known = self._open.get(name)
        if known is not None:
            return known
        with self.database.reading() as conn:
            query = select(t.ledger).where(t.ledger.c.name == name)
            row = conn.execute(query).one_or_none()
        if row is None:
            raise LedgerUnknown(f"There is no ledger {name[:40]!r} here.")
        with self._lock:
            if name not in self._open:
                self._open[name] = self._opened(row.ledger_id, row.name, row.origin)
            return self._open[name]

    def create_ledger(
        self, name: str, founding: Founding, next_vkeys: str | None = None
    ) -> OpenLedger:
        """Makes a ledger with its keys and its first five entries, and publishes them.

        `next_vkeys` commits to next keys that were made elsewhere, instead of making them here.
        Cut short, it can be called again.  Raises `LedgerExists`, `ConfigError` for a founding that
        the book does not allow (nothing is left of it), `KeysError`.
        """
        origin = origin_of(self.settings.public_host, check_ledger_name(name))
        try:
            try_founding(founding, origin, to_us(self.clock.now()))
        except (Refused, MalformedEntry) as refused:
            raise ConfigError(f"The ledger cannot be founded so: {refused}.") from refused
        self._create_keys(name, origin, generations=1 if next_vkeys else 2)
        self._insert_ledger(name, origin)
        ledger = self.ledger(name)
        self._found(ledger, founding, next_vkeys)
        ledger.publisher.publish()
        return ledger

    def keys_of(self, name: str, origin: str) -> KeyRing:
        """The keys of a ledger, which need not be in the database; `KeysError`, `VkeyError`."""
        return load_keys(self.settings.keys / name, origin, self._passphrase)

    def high_water_of(self, name: str) -> Path:
        """A ledger's high-water file, in a directory that is there."""
        _private_directory(self.settings.high_water)
        return self.settings.high_water / name

    def start_publishing(self) -> None:
        """Starts a publisher thread for each ledger, those opened later included."""
        with self._lock:
            self._publishing = True
            for ledger in self._open.values():
                ledger.publisher.start()
        for name in self.names():
            self.ledger(name)

    def close(self) -> None:
        """Publishes what is there, ends the threads, closes the database."""
        for ledger in list(self._open.values()):  # a request may open one meanwhile
            ledger.publisher.stop()
        self.database.close()

    def _opened(self, ledger_id: int, name: str, origin: str) -> OpenLedger:
        keys = self.keys_of(name, origin)
        publisher = Publisher(self.database, ledger_id, keys, self.clock, self.high_water_of(name))
        appender = Appender(
            self.database,
            ledger_id,
            origin,
            self.clock,
            guard=publisher.guard,
            hold_companions=self._hold_companions,
            credentials=self._credentials,
            observer=self._observe(name) if self._observe else None,
        )
        masters = MasterKeys(self.settings.keys / name, self._passphrase)
        opened = OpenLedger(
            ledger_id,
            name,
            origin,
            keys,
            appender,
            publisher,
            masters,
            erased=self.high_water_of(name).with_name(f"{name}.erased"),
            evidence=self.settings.evidence / name,
        )
        self._before_serving(self.database, opened)
        publisher.look()
        if self._publishing:
            publisher.start()
        return opened

    def _create_keys(self, name: str, origin: str, generations: int) -> None:
        directory = self.settings.keys / name
        if directory.exists():
            return
        _private_directory(self.settings.keys)
        try:
            create_keys(directory, origin, self._passphrase, generations=generations)
        except KeysError:
            if not directory.exists():  # else somebody made the same ledger meanwhile
                raise

    def _insert_ledger(self, name: str, origin: str) -> None:
        with self.database.writing() as conn:
            row = conn.execute(select(t.ledger).where(t.ledger.c.name == name)).one_or_none()
            if row is not None:
                size = select(t.head.c.size).where(t.head.c.ledger_id == row.ledger_id)
                if row.origin != origin or conn.execute(size).scalar_one():
                    raise LedgerExists(f"There is a ledger {name!r} already: choose another name.")
                return
            values = insert(t.ledger).values(name=name, origin=origin)
            ledger_id = conn.execute(values.returning(t.ledger.c.ledger_id)).scalar_one()
            write(conn, t.head, ledger_id, [(0, "", 0, b"")], "insert")
            write(conn, t.publication, ledger_id, [(0, b"")], "insert")

    def _found(self, ledger: OpenLedger, founding: Founding, next_vkeys: str | None) -> None:
        keys, first = ledger.keys, ledger.keys.generations[0]
        next_vkeys = next_vkeys or keys.vkeys_hash(first + 1)
        commands = founding_commands(founding, ledger.origin, keys.vkeys(first), next_vkeys)
        outcomes = ledger.appender.submit(Group(tuple(Order(command=c) for c in commands)))
        refused = [outcome for outcome in outcomes if not isinstance(outcome, Done)]
        reasons = [o.message for o in refused if not (isinstance(o, Refusal) and o.rule == "group")]
        if refused:
            raise ConfigError(f"The ledger cannot be founded so: {reasons[0]}.")


def _private_directory(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
