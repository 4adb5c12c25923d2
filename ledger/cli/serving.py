"""`points run` and `points serve`: the service."""

from __future__ import annotations

import errno
import importlib
import os
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import structlog
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.util import import_app  # type: ignore[import-untyped]

import ledger
from ledger.cli.cores import choose_core, keep_to_core
from ledger.cli.place import environment, installed, prepare, stored
from ledger.cli.terminal import note
from ledger.config import Settings
from ledger.demo import load_demo
from ledger.demo_tokens import demo_token, sample_ledger, token_file
from ledger.errors import ConfigError, PointsError
from ledger.installation import Installation
from ledger.settings import want_usable

WSGI = "wsgi:app"
THREADS = 32
GRACEFUL_SECONDS = 30

_logger = structlog.get_logger(__name__)

_workers = click.option(
    "--workers",
    type=click.IntRange(1, 256),
    help="Worker processes.  [as many as there are cores]",
)
_threads = click.option(
    "--threads",
    type=click.IntRange(1, 1_024),
    default=THREADS,
    show_default=True,
    help="Threads of each worker.",
)


@click.command(short_help="Set up what is missing, and serve.")
@_workers
@_threads
def run(workers: int | None, threads: int) -> None:
    """Set up what is missing, load the sample programme on first start, and serve it.

    Data, keys and a passphrase made for them lie in POINTS_DATA, .data by default; a second start
    finds them there.

    \b
    Example:
      points run
    """
    settings = want_usable(environment())
    _want_free(settings)
    prepare()
    with installed() as installation:
        fresh = not installation.names()
        if fresh:
            note("Loading the sample programme …")
        # Only who began with the sample programme finds a token here; other ledgers give none away.
        name = load_demo(installation).ledger if fresh else sample_ledger(installation)
        hint = _hint(settings, installation, name) if name else ""
    _serve(settings, workers, threads, hint)


@click.command(short_help="Serve API and console.")
@_workers
@_threads
def serve(workers: int | None, threads: int) -> None:
    """Serve API and console on POINTS_HOST and POINTS_PORT, 127.0.0.1:8000 by default.

    SIGTERM or Ctrl-C stops it: requests under way are answered, and the last heads published.

    \b
    Example:
      POINTS_HOST=0.0.0.0 points serve --workers 4
    """
    settings = want_usable(environment())
    _want_free(settings)
    with stored(settings):
        pass
    _serve(settings, workers, threads)


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn is untyped
    """Gunicorn without its command line; each worker loads the application after the fork."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        super().__init__(prog="points")

    def load_config(self) -> None:
        """Takes the options as they are: no file and no environment of gunicorn's own."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        """The WSGI application."""
        application: Callable[..., Any] = import_app(WSGI)
        return application


def _serve(settings: Settings, workers: int | None, threads: int, hint: str = "") -> None:
    def listening(_: Any) -> None:
        click.echo(f"Two-Way Points serves http://{_address(settings)} (Ctrl-C stops it)")
        if hint:
            click.echo(hint)
        sys.stdout.flush()

    with installed() as installation:  # one sentence now, not one of each worker's later
        for name in installation.names():
            installation.ledger(name)
    # Workers read the environment: they must find the passphrase that was found here.
    os.environ.update(environment())
    _share_figures(settings)
    root = str(Path(ledger.__file__).resolve().parent.parent)
    if root not in sys.path:
        sys.path.insert(0, root)  # where wsgi.py is
    _Server(
        {
            "bind": _address(settings),
            "workers": workers or os.cpu_count() or 1,
            "worker_class": "ledger.cli.patience.PatientWorker",
            "threads": threads,
            "graceful_timeout": GRACEFUL_SECONDS,
            "loglevel": "error",  # its warnings quote requests that could not be read
            "proc_name": "points",
            "control_socket_disable": True,
            "pre_fork": choose_core,
            "post_fork": keep_to_core,
            "when_ready": listening,
            "child_exit": _forget,
            "on_exit": _publish_last,
        }
    ).run()


def _share_figures(settings: Settings) -> None:
    """Gives the workers a private directory for their metrics, without those of an earlier start.

    The library looks for it once, when it is imported.
    """
    directory = settings.data / "metrics"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)


def _forget(_: Any, worker: Any) -> None:
    """Takes what a worker that is gone said of the present out of the metrics."""
    # Imported here, where the directory is known: the library looks for it when it is imported.
    importlib.import_module("prometheus_client.multiprocess").mark_process_dead(worker.pid)


def _publish_last(_: Any) -> None:
    """Publishes what the workers appended last, once they are gone."""
    with installed() as installation:
        for name in installation.names():
            try:
                installation.ledger(name).publisher.publish()
            except PointsError as error:
                _logger.warning("not published", ledger=name, code=error.code, reason=str(error))


def _want_free(settings: Settings) -> None:
    """`ConfigError` where nobody can listen at the address, said before anything is set up."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            used = error.errno == errno.EADDRINUSE
            reason = "is in use already" if used else f"cannot be served ({error.strerror})"
            raise ConfigError(
                f"{_address(settings)} {reason}. Set POINTS_PORT or POINTS_HOST to another."
            ) from error


def _address(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{host}:{settings.port}"


def _near(path: Path) -> Path:
    """The path as one would type it here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _hint(settings: Settings, installation: Installation, name: str) -> str:
    file = _near(token_file(settings))
    token = demo_token(installation, name)
    demo_token(installation, name, "auditor")  # which the console offers
    url = f"http://{_address(settings)}/v1/ledgers/{name}"
    return (
        f"An officer's token of the sample programme {name}, also in {file}:\n  {token}\n"
        f'Try:  curl -H "Authorization: Bearer $(cat {file})" {url}'
    )
