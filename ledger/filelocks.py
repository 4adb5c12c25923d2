"""Two file locks that queue the writers of one SQLite file fairly, over threads and processes.

A writer takes `<file>.turn`, then `<file>.write`, then frees `<file>.turn`. So one waiter at a time
polls the write lock and the others poll the turn; with one lock, or with SQLite's `busy_timeout`
alone, one of several processes starves the others for seconds. The lock files are empty, are made
on first use and stay.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import DatabaseBusy, DatabaseDown
from ledger.faults import BUSY

_POLL_FIRST_SECONDS = 0.001
_POLL_LAST_SECONDS = 0.005
_POLL_GROWTH = 1.2


@contextmanager
def exclusive(path: Path, timeout_seconds: float) -> Iterator[None]:
    """Be the only writer of the file at `path`.

    Raises `DatabaseBusy` when either lock was not free within `timeout_seconds`, `DatabaseDown`
    when a lock file cannot be opened. Not reentrant: a thread that holds it waits for itself.
    """
    try:
        turn = _acquire(path.with_name(f"{path.name}.turn"), timeout_seconds)
        try:
            write = _acquire(path.with_name(f"{path.name}.write"), timeout_seconds)
        finally:
            _release(turn)
    except OSError as error:
        # A client may be told this, so it names the file and not where it lies.
        raise _cannot_open(Path(path.name)) from error
    try:
        yield
    finally:
        _release(write)


@contextmanager
def locked(path: Path, timeout_seconds: float) -> Iterator[None]:
    """Be the only one who has the lock file at `path`, which is made on first use and stays.

    Raises `DatabaseBusy` when it was not free within `timeout_seconds`, and OSError.
    """
    descriptor = _acquire(path, timeout_seconds)
    try:
        yield
    finally:
        _release(descriptor)


def create_private(path: Path) -> None:
    """Make an empty file for its owner alone; one that is there stays as it is.

    Raises `DatabaseDown`. The file is not opened if it is there: closing any descriptor of a SQLite
    file takes away the locks that this process holds on it (sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        if path.exists():
            return
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise _cannot_open(path) from error


def _cannot_open(path: Path) -> DatabaseDown:
    return DatabaseDown(
        f"{path} cannot be opened for writing. Check that it, its directory and its disk are there,"
        " belong to the service's user, and have room."
    )


def _acquire(path: Path, timeout_seconds: float) -> int:
    # A descriptor of its own for each acquisition: flock keeps descriptors apart, not processes,
    # so that the threads of one process exclude each other too.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _poll(descriptor, timeout_seconds)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _poll(descriptor: int, timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    pause = _POLL_FIRST_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise DatabaseBusy(BUSY) from None
            time.sleep(pause)
            pause = min(pause * _POLL_GROWTH, _POLL_LAST_SECONDS)
        else:
            return


def _release(descriptor: int) -> None:
    # Closing alone would not do: a child that was forked in the meantime holds a copy of the
    # descriptor, and the lock with it.
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
