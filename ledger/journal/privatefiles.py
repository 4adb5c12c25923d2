"""Files and directories that only their owner may use: modes 0600 and 0700, or a refusal.

What is written is on disk when a function returns; a name that `write_private` makes lasts once its
directory is synced, too. What is wrong with the file system becomes a KeysError with the path.
"""

import fcntl
import os
import shlex
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import KeysError

_FILE_BYTES_MAX = 65_536


def check_mode(path: Path, status: os.stat_result) -> None:
    """KeysError unless group and others have no permission at all."""
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        wanted = "700" if stat.S_ISDIR(status.st_mode) else "600"
        raise KeysError(
            f"{path} has mode {mode:04o}, so others than its owner can use it. Run:"
            f" chmod {wanted} {shlex.quote(str(path))}"
        )


def read_private(path: Path) -> bytes:
    """The content, at most 64 KiB of it; KeysError if others than the owner may use the file."""
    with path.open("rb") as file:
        check_mode(path, os.fstat(file.fileno()))
        return file.read(_FILE_BYTES_MAX)


def write_private(path: Path, content: bytes) -> None:
    """Make a new file; FileExistsError if there is one."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_private(path: Path, content: bytes) -> None:
    """Put `content` where `path` is, whole or not at all; a plain OSError when that fails."""
    fresh = path.with_name(path.name + ".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with os.fdopen(os.open(fresh, flags, 0o600), "wb") as file:
        file.write(content)  # all of it, or an error: a full disk takes the first bytes of many
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    fsync_directory(path.parent)


def append_private(path: Path, content: bytes, at: int) -> None:
    """Put `content` after the first `at` bytes of a file, which is made where there is none.

    A plain OSError when that fails: then, as after a power cut, its beginning may be there.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        if not at:
            fsync_directory(path.parent)
        file.truncate(at)
        file.seek(at)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def fsync_directory(directory: Path) -> None:
    """Make the names in a directory last."""
    with _descriptor(directory) as descriptor:
        os.fsync(descriptor)


@contextmanager
def made_whole(directory: Path) -> Iterator[Path]:
    """A directory to fill, which becomes `directory` at the end, or on an exception goes.

    KeysError if something is in `directory` already.
    """
    if directory.exists() and any(directory.iterdir()):
        raise KeysError(f"{directory} is not empty, and nothing in it is ever overwritten.")
    directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        yield unfinished
        fsync_directory(unfinished)
        unfinished.rename(directory)  # fails if something has come into it since
    except BaseException:
        shutil.rmtree(unfinished)
        raise
    fsync_directory(directory.parent)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Alone with a directory, among those who ask in this way."""
    with _descriptor(directory) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextmanager
def os_errors(path: Path) -> Iterator[None]:
    """Raise a KeysError for each OSError; `path` is named where the error names none."""
    try:
        yield
    except OSError as error:
        raise KeysError(
            f"{error.filename or path} cannot be read or written: {error.strerror}. Check that the"
            " path is right and belongs to the service's user."
        ) from error


@contextmanager
def _descriptor(directory: Path) -> Iterator[int]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
