"""Statements that PostgreSQL gets together: sent as they come, and waited for once.

The driver's own pipeline asks the operating system twice for each statement whether it may go on,
and each time lets go of the interpreter, which the threads beside it then take.  This one fills
libpq's pipeline (PostgreSQL 18 manual, section 32.5) and waits at its end alone.  A statement is
prepared when a connection first sends it.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Generator, MutableMapping, Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.generators import fetch_many, send
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

Driver = psycopg.Connection[Any]
Parameter = str | int | bytes | None
Prepared = MutableMapping[str, bytes]
"""The names under which one connection has prepared statements, by their text.

It may be emptied at any time: what is still there is closed before it is prepared again.
"""

_FAILED = (ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED)
_NO_SUCH_STATEMENT = "26000"
_CLOSES = ""


class Pipeline:
    """One run of statements on one connection, which nothing else may use meanwhile.

    It begins the transaction, if none is under way and the connection wants one.  Left without
    `answers`, it is finished all the same, and what came of it is not told.
    """

    def __init__(self, driver: Driver, prepared: Prepared) -> None:
        self._driver = driver
        self._libpq: PGconn = driver.pgconn
        self._prepared = prepared
        self._fresh: dict[str, bytes] = {}
        self._sent: list[str | None] = []  # the statement that a message prepares; None of others
        self._before = 0  # messages that are no statement of the caller's
        self._open = False

    def __enter__(self) -> Self:
        self._libpq.enter_pipeline_mode()
        self._open = True
        if self._libpq.transaction_status == TransactionStatus.IDLE and not self._driver.autocommit:
            self._libpq.send_query_params(_begin(self._driver), None)
            self._sent.append(None)
        self._before = len(self._sent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._open:
            with suppress(psycopg.Error):
                self._finish()

    def send(self, statement: str, parameters: Sequence[Parameter]) -> None:
        """Sends a statement with its parameters, `$1` and so on; bytes as the server's binary form.

        Of more than 8 kB, most leaves at once, so that the server works while the next is made.
        """
        name = self._prepared.get(statement) or self._fresh.get(statement)
        if name is None:
            text = statement.encode()
            name = self._fresh[statement] = b"points_" + sha256(text).hexdigest()[:32].encode()
            self._libpq.send_close_prepared(name)
            self._libpq.send_prepare(name, text)
            self._sent += [_CLOSES, statement]
        forms = [Format.BINARY if isinstance(each, bytes) else Format.TEXT for each in parameters]
        values = [_encoded(each) for each in parameters]
        self._libpq.send_query_prepared(name, values, forms, result_format=Format.BINARY)
        self._sent.append(None)

    def answers(self) -> list[list[Any]]:
        """The rows of each statement, once all are carried out; columns' names are attributes.

        psycopg.Error of the first that failed; then none after it was carried out.
        """
        results = self._finish()
        failed = next((each for each in results if each.status in _FAILED), None)
        if failed is not None:
            error = error_from_result(failed, encoding=self._driver.info.encoding)
            if error.sqlstate == _NO_SUCH_STATEMENT:  # somebody made the server forget all of them
                self._prepared.clear()
            raise error
        asked = zip(self._sent, results, strict=True)
        told = [result for prepares, result in asked if prepares is None]
        return [_rows(self._driver, result) for result in told[self._before :]]

    def _finish(self) -> list[PGresult]:
        """The result of each message, or of those up to the one at which the server went away.

        Unless all of them came, the connection is closed.
        """
        self._open = False
        try:
            self._libpq.pipeline_sync()
            with self._driver.lock:
                results = self._driver.wait(_collected(self._libpq))
            if self._libpq.status == ConnStatus.BAD:
                self._driver.close()
            else:
                self._libpq.exit_pipeline_mode()
        except BaseException:
            self._driver.close()  # nobody can tell what is still under way
            raise
        for statement, result in zip(self._sent, results, strict=False):
            if statement and result.status == ExecStatus.COMMAND_OK:
                self._prepared[statement] = self._fresh[statement]
        return results


def _encoded(parameter: Parameter) -> bytes | None:
    if parameter is None or isinstance(parameter, bytes):
        return parameter
    return str(parameter).encode()


def _collected(libpq: PGconn) -> Generator[Any, Any, list[PGresult]]:
    """The results up to the synchronisation point, one of each message."""
    yield from send(libpq)
    found: list[PGresult] = []
    while True:
        try:
            results = yield from fetch_many(libpq)
        except psycopg.OperationalError:
            found += _last_word(libpq)
            if not found or found[-1].status != ExecStatus.FATAL_ERROR:
                raise
            return found  # the last one says why
        if not results:
            raise psycopg.OperationalError("the connection was lost")
        if results[-1].status == ExecStatus.PIPELINE_SYNC:
            return found
        found.append(results[-1])


def _last_word(libpq: PGconn) -> list[PGresult]:
    """The error that the server sent before it went away, where nobody has read it yet."""
    left = (libpq.get_result() for _ in range(3))  # there is a None between two messages' results
    return [each for each in left if each is not None and each.status == ExecStatus.FATAL_ERROR][:1]


def _rows(driver: Driver, result: PGresult) -> list[Any]:
    if not result.ntuples:
        return []
    transformer = Transformer(driver)
    transformer.set_pgresult(result)
    make = _row_maker(tuple(result.fname(at) for at in range(result.nfields)))
    return transformer.load_rows(0, result.ntuples, make)


@lru_cache(maxsize=512)
def _row_maker(names: tuple[bytes, ...]) -> Callable[[Sequence[Any]], Any]:
    row: Any = namedtuple("Row", [name.decode() for name in names])  # type: ignore[misc]
    maker: Callable[[Sequence[Any]], Any] = row._make
    return maker


def _begin(driver: Driver) -> bytes:
    level = driver.isolation_level
    return b"BEGIN" if level is None else _BEGINS[level]


_BEGINS = {
    level: f"BEGIN ISOLATION LEVEL {level.name.replace('_', ' ')}".encode()
    for level in psycopg.IsolationLevel
}
