"""Whether a page keeps anybody out, as axe-core judges it, and as wide as the window."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"]}


def faults(page: Page) -> str:
    """What keeps people out of a page, empty where nothing does."""
    # What can be opened is open while it is judged
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true; })")
    results = Axe().run(page, options=OPTIONS)
    found = results.generate_report() if results.violations_count else ""
    # And nothing is wider than the window
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        found += "\nwider than the window"
    return found
