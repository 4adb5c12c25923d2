"""A ledger that somebody with the database's password tampers with, and those who may notice.

The ledger is that of `tests/audit/lived.py`, once on each database; each case gets a copy, with the
keys and the high-water file where the service has them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, text

from api import create_app
from ledger.audit.bundle import write_bundle
from ledger.audit.database import verify_database
from ledger.audit.kept import KeptHead, read_kept
from ledger.audit.projections import Difference
from ledger.audit.verify import verify_bundle
from ledger.config import read_settings
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import Installation
from ledger.journal import log, triggers
from ledger.journal import tables as t
from ledger.journal.highwater import read_high_water
from ledger.tlog.note import Verifier
from tests.audit.lived import key_folder, three_generations
from tests.journal.live import ORIGIN, PASSPHRASE, TestClock

NAME = "beiyuan"
LEDGER_ID = 1

Tamper = Callable[["Scene"], None]


class Scene:
    """One ledger with everything around it, in `folder` and the database at `url`."""

    def __init__(self, url: str, folder: Path, high_water: Path) -> None:
        environ = {
            "POINTS_DATA": str(folder / "data"),
            "POINTS_DATABASE_URL": url,
            "POINTS_PASSPHRASE": PASSPHRASE.decode(),
            "POINTS_PUBLIC_HOST": ORIGIN.partition("/")[0],
        }
        self.folder = folder
        self.clock = TestClock()
        self.clock.wait(days=1)
        self.settings = read_settings(environ)
        self.installation = Installation(self.settings, environ, clock=self.clock)
        shutil.copytree(key_folder(), self.settings.keys / NAME)
        self.settings.high_water.mkdir()
        self.file = self.settings.high_water / NAME
        shutil.copy(high_water, self.file)
        self.kept = self._newest_head()

    @property
    def database(self) -> Database:
        """The database."""
        return self.installation.database

    @contextmanager
    def unguarded(self) -> Iterator[Connection]:
        """A transaction without the append-only triggers, which are put back at its end."""
        with self.database.writing() as conn:
            triggers.drop(conn)
            yield conn
            triggers.create(conn)

    def change(self, statement: str, **values: Any) -> int:
        """What somebody with the database's password does; how many rows it met."""
        with self.unguarded() as conn:
            return conn.execute(text(statement), values).rowcount

    def _newest_head(self) -> KeptHead:
        """What a person keeps who looks at the log today."""
        with self.database.reading() as conn:
            newest = log.latest_checkpoint(conn, LEDGER_ID)
        assert newest is not None
        path = self.folder / "kept.checkpoint"
        path.write_bytes(newest.note)
        return read_kept(path, trusted())

    # --- who may notice --------------------------------------------------------------------------

    def readyz(self) -> str:
        """What `/readyz` asks the ledger: `ready`, or why it is not (it answers a code only)."""
        try:
            (name,) = self.installation.names()
            with self.database.reading(snapshot=True) as conn:
                self.installation.ledger(name).publisher.check(conn)
        except PointsError as error:
            return str(error)
        return "ready"

    def probe(self) -> str:
        """What `/readyz` answers anybody: `ready`, or which check says what."""
        answer = create_app(self.installation).test_client().get("/readyz")
        failed = {name: said for name, said in answer.json["checks"].items() if said != "ok"}
        assert (answer.status_code == 200) == (not failed)
        return "; ".join(f"{name}: {said}" for name, said in failed.items()) or "ready"

    def publisher(self) -> str:
        """What the publisher does: `signs`, or why it stops."""
        try:
            (name,) = self.installation.names()
            self.installation.ledger(name).publisher.publish()
        except PointsError as error:
            return str(error)
        return "signs"

    def differences(self, heads: Sequence[KeptHead] = ()) -> list[Difference]:
        """What `points verify --database` finds, which looks at the high-water file too."""
        with self.database.reading() as conn:
            origin = conn.execute(select(t.ledger.c.origin)).scalar_one()
        signed = read_high_water(self.file, ORIGIN)
        known = [*(each.checkpoint for each in heads), *([signed] if signed else [])]
        return verify_database(self.database, LEDGER_ID, origin, trusted(), heads=known)

    def bundle(self, heads: Sequence[KeptHead] = ()) -> str:
        """What `points verify` says of a bundle that is exported now: `passes`, or the fault."""
        path = self.folder / "export.zip"
        try:
            write_bundle(self.database, LEDGER_ID, ORIGIN, path, overwrite=True)
            verify_bundle(path, trusted(), heads=heads)
        except PointsError as fault:
            return str(fault)
        return "passes"


def trusted() -> list[Verifier]:
    """The keys with which the log began, as an auditor has them from elsewhere."""
    return [signer.verifier for signer in three_generations().signers(1)]


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that somebody may try, and who notices it.

    `place` is the table, and the column where the case is about one; `what` says it in words.
    `stops` is why the service is not ready and its publisher signs nothing, `names` the table and
    column that verifying the database names first (`*`: a whole row), `bundle` what an auditor
    reads who verifies an export. None: not noticed there. `signs` where the publisher alone
    notices nothing, since nothing is new.
    """

    place: str
    what: str
    tamper: Tamper
    stops: str | None = None
    names: str | None = None
    bundle: str | None = None
    signs: bool = False

    @property
    def touches(self) -> tuple[str, ...]:
        """The columns that the case is about, as `table.column`."""
        table, _, columns = self.place.partition(".")
        return tuple(f"{table}.{column}" for column in columns.split("+")) if columns else ()


def sql(statement: str, **values: Any) -> Tamper:
    """One statement, which must meet a row."""

    def tamper(scene: Scene) -> None:
        assert scene.change(statement, **values) >= 1, statement

    return tamper
