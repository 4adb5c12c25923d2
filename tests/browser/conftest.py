"""The sample programme served on loopback, and a real Chromium that looks at it.

A page that logs an error or breaks its own policy fails the test that looked at it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from werkzeug.serving import make_server

from api import create_app
from ledger.config import read_settings
from ledger.demo import load_demo
from ledger.demo_tokens import demo_token
from ledger.migrating import migrate
from ledger.programme.opening import open_installation
from tests.api.letters import Letters
from tests.cli.conftest import make_cheap_keys
from tests.programme.registry import Registry

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL = "On Debian or Ubuntu: apt install chromium fonts-noto-cjk"


@dataclass(frozen=True)
class Served:
    """Where the sample programme is, and how large."""

    address: str
    ledger: str
    entries: int
    token: str
    data: Path

    def url(self, path: str = "") -> str:
        """A page of the ledger."""
        return f"{self.address}/ledgers/{self.ledger}{path}"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium, with a font that has Chinese; tests fail where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.fail(f"The console is tested in Chromium, and none was found. {INSTALL}")
    fonts = subprocess.run(["fc-list", ":lang=zh"], capture_output=True, text=True, check=False)
    if not fonts.stdout.strip():
        pytest.fail(f"The console is tested with Chinese text, and no font has it. {INSTALL}")
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    # Root may not use Chromium's sandbox.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium, args=[*options, "--disable-background-networking"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The sample programme; made once, since pages only read."""
    data = tmp_path_factory.mktemp("served")
    environ = {
        "POINTS_DATA": str(data),
        "POINTS_DATABASE_URL": f"sqlite:///{data}/points.db",
        "POINTS_PASSPHRASE": "a passphrase of the tests",
    }
    migrate(environ["POINTS_DATABASE_URL"])
    installation = open_installation(read_settings(environ), environ)
    with pytest.MonkeyPatch.context() as patch:
        make_cheap_keys(patch)
        made = load_demo(installation)
    token = demo_token(installation, made.ledger, "auditor")
    with serving(create_app(installation)) as address:
        yield Served(address, made.ledger, made.entries, token, data)
    installation.close()


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """An application served on loopback: its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    # By its name, since browsers hold that, too, for a secure place.
    yield f"http://localhost:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Office:
    """A ledger in which people sign in and join, and the letters that they are sent."""

    def __init__(self, registry: Registry, app: Flask, letters: Letters, address: str) -> None:
        self.registry, self.address = registry, address
        self._app, self._letters = app, letters

    def url(self, path: str = "") -> str:
        """A page of the ledger."""
        return f"{self.address}/ledgers/beiyuan{path}"

    def code(self) -> str:
        """The code in the newest letter."""
        self._app.extensions["points courier"].wait()
        (code,) = set(re.findall(r"\b\d{6}\b", self._letters.sent[-1].text))
        return str(code)


@pytest.fixture
def office(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """A ledger of the test's own, served."""
    make_cheap_keys(monkeypatch)
    registry, letters = Registry(tmp_path, sqlite_url), Letters()
    app = create_app(registry.installation, reached_by={"phone": letters, "email": letters})
    with serving(app) as address:
        yield Office(registry, app, letters, address)
    registry.installation.close()


@pytest.fixture
def contexts(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Opens windows of a visitor's own."""
    opened: list[BrowserContext] = []

    def open_context(**options: object) -> BrowserContext:
        context = browser.new_context(**{"locale": "en-GB"} | options)  # type: ignore[arg-type]
        opened.append(context)
        return context

    yield open_context
    for context in opened:
        context.close()


def _faults(said: ConsoleMessage) -> list[str]:
    """What a page complains of; that a page is not there is no fault of it."""
    missing = "Failed to load resource" in said.text and "/console/" not in said.location["url"]
    return [said.text] if said.type == "error" and not missing else []


@pytest.fixture
def window(contexts: Callable[..., BrowserContext]) -> Iterator[Callable[..., Page]]:
    """Opens pages that must not complain."""
    faults: list[str] = []

    def open_page(**options: object) -> Page:
        page = contexts(**options).new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.extend(_faults(said)))
        return page

    yield open_page
    assert faults == []


@pytest.fixture
def visit(window: Callable[..., Page], served: Served) -> Callable[..., Page]:
    """A page of an auditor who has signed in to the sample programme."""

    def signed_in(**options: object) -> Page:
        page = window(**options)
        page.goto(served.address)
        page.get_by_role("button", name="Look around the sample programme").click()
        page.wait_for_url(served.url())
        return page

    return signed_in
