"""The pages in a real browser: for everybody, with any means, in the light and in the dark."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ledger.audit.verify import verify_bundle
from ledger.tlog.note import parse_vkey
from tests.browser.axe import faults
from tests.browser.conftest import Served

Visit = Callable[..., Page]

WIDTHS = (390, 1280)
SCHEMES = ("light", "dark")


def paths(served: Served, page: Page) -> list[str]:
    """Every page, an account's and a refusal among them."""
    page.goto(served.url("/entries?before=86"))
    account = page.locator("a[href*='/accounts/member/']").first.get_attribute("href")
    below = [
        "",
        "/entries",
        "/entries?type=key",
        "/entries/0",
        "/entries/96",
        "/entries/96/receipt",
    ]
    below += ["/budgets", "/bundle", "/entries/999"]
    return [
        "/",
        "/ledgers/elsewhere",
        account,
        *(f"/ledgers/{served.ledger}{each}" for each in below),
    ]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_keeps_anybody_out(visit: Visit, served: Served, scheme: str, width: int) -> None:
    page = visit(color_scheme=scheme, viewport={"width": width, "height": 900})
    found = {}
    for path in paths(served, page):
        page.goto(served.address + path)
        if said := faults(page):
            found[path] = said
    assert found == {}


FIGURES = """table => [...table.querySelectorAll("tbody .figure")].filter((cell) => {
  const text = document.createRange();
  text.selectNodeContents(cell);
  const { left, right, width } = text.getBoundingClientRect();
  return width > 0 && left >= 0 && right <= document.documentElement.clientWidth;
}).length"""


@pytest.mark.parametrize("language", ["English", "中文"])
@pytest.mark.parametrize("width", [320, 390, 961, 1280])
def test_figures_are_seen_at_every_width(
    visit: Visit, served: Served, language: str, width: int
) -> None:
    page = visit(locale="en-US", viewport={"width": width, "height": 900})
    if language == "中文":
        page.get_by_role("button", name=language).click()
    page.goto(served.url("/entries?before=86"))
    account = page.locator("a[href*='/accounts/member/']").first.get_attribute("href")
    for path, figures in ((account, 2), (f"/ledgers/{served.ledger}/budgets", 3)):
        # Given a table with many digits
        page.goto(f"{served.address}{path}")
        table = page.locator("table.stacked")
        table.evaluate(
            """table => table.querySelectorAll("tbody .figure").forEach((cell) => {
              cell.textContent = "−12,345,678";
            })"""
        )
        # Then all of them lie in the window, without moving anything
        rows = table.locator("tbody tr").count()
        assert rows
        assert table.evaluate(FIGURES) == rows * figures
        box = table.locator("..")
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
        # And it is a table to whoever does not see it
        expect(page.get_by_role("columnheader")).to_have_count(6)
        expect(page.get_by_role("rowheader")).to_have_count(rows)


def test_everything_but_the_check_works_without_scripts(
    contexts: Callable[..., object], served: Served, tmp_path: Path
) -> None:
    # Given a browser that runs no scripts, and a token that was given by hand
    page = contexts(java_script_enabled=False).new_page()  # type: ignore[attr-defined]
    page.goto(served.url("/budgets"))
    page.get_by_label("Your token").fill(served.token)
    page.get_by_role("button", name="Look inside").click()
    # Then the page that was asked for is there, and those around it
    expect(page.get_by_role("heading", name="Budgets")).to_be_visible()
    page.get_by_role("link", name="Entries", exact=True).click()
    page.get_by_label("Kind of entry").select_option("capture")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="No. 96").click()
    expect(page.locator(".postings li")).to_have_count(3)
    page.get_by_role("link", name="See and check its receipt").click()
    said = page.locator("#verdict noscript").evaluate("element => element.innerText")
    assert said.startswith("Without JavaScript this page cannot check it")
    expect(page.get_by_label("The receipt", exact=True)).to_have_value(_is_receipt())
    # And the bundle is a plain link
    page.get_by_role("link", name="Take it home").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the bundle").click()
    download.value.save_as(tmp_path / "bundle.zip")
    assert verify_bundle(tmp_path / "bundle.zip").size == served.entries


def _is_receipt() -> re.Pattern[str]:
    return re.compile("^c2sp.org/tlog-proof@v1\n")


def test_the_bundle_comes_with_progress_and_holds_under_the_key_of_the_command(
    visit: Visit, served: Served, tmp_path: Path
) -> None:
    page = visit()
    page.goto(served.url("/bundle"))
    bar, said = page.get_by_label("Progress of the download"), page.locator("#progress p")
    expect(bar).to_be_hidden()
    # When it is downloaded
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the bundle").click()
    # Then the bar is full, and the file is whole under the key that the page names
    expect(said).to_contain_text("MB were saved")
    assert bar.evaluate("bar => bar.value === bar.max && bar.max >= 4")
    download.value.save_as(tmp_path / download.value.suggested_filename)
    vkey = page.locator("#command").inner_text().split("'")[1]
    report = verify_bundle(tmp_path / f"{served.ledger}.zip", [parse_vkey(vkey)])
    assert (report.size, report.trust) == (served.entries, "checked")


SLOW_BUNDLE = """() => {
  const file = [0x50, 0x4b, 3, 4];
  const bytes = [1, 0x50, ...file, 9, ...file, 0x50, 0x4b, 1, 2, ...file];
  window.fetch = async () =>
    new Response(new ReadableStream({ start: (to) => { window.to = to; } }));
  window.send = (many) =>
    bytes.splice(0, many).forEach((byte) => window.to.enqueue(Uint8Array.of(byte)));
}"""


def test_files_of_the_bundle_are_counted_as_they_come(visit: Visit, served: Served) -> None:
    # Given a bundle of three files of which every byte comes alone, and then the end
    page = visit()
    page.goto(served.url("/bundle"))
    page.evaluate(SLOW_BUNDLE)
    page.get_by_role("link", name="Download the bundle").click()
    expect(page.locator("#progress p")).to_have_text("Downloading …")
    bar = page.get_by_label("Progress of the download")
    for many, files in ((4, 0), (2, 1), (8, 2), (5, 3)):
        page.evaluate("many => window.send(many)", many)
        expect(bar).to_have_js_property("value", files)
    # When it breaks off, then the page says so, and it can be tried again
    page.evaluate("() => window.to.error(new Error('gone'))")
    expect(page.locator("#progress p")).to_contain_text("broke off")
    page.get_by_role("link", name="Download the bundle").click()
    expect(page.locator("#progress p")).to_have_text("Downloading …")


def test_a_download_that_is_refused_says_why(visit: Visit, served: Served) -> None:
    page = visit()
    page.goto(served.url("/bundle"))
    page.context.clear_cookies()
    page.get_by_role("link", name="Download the bundle").click()
    expect(page.get_by_role("heading", name="Please sign in")).to_be_visible()
    # And whoever signs in there gets the bundle
    page.get_by_label("Your token").fill(served.token)
    with page.expect_download() as download:
        page.get_by_role("button", name="Look inside").click()
    assert download.value.suggested_filename == f"{served.ledger}.zip"


def test_the_command_can_be_copied(visit: Visit, served: Served) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.goto(served.url("/bundle"))
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copy")).to_contain_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#command").inner_text()


def test_the_keyboard_alone_leads_everywhere(
    contexts: Callable[..., object], served: Served
) -> None:
    page = contexts().new_page()  # type: ignore[attr-defined]
    page.goto(served.address)
    # The first stop skips what every page repeats
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    # The next is the ledger to sign in to, and then the token, and Enter sends it
    page.keyboard.press("Tab")
    expect(page.get_by_label("Name of your ledger")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Your token")).to_be_focused()
    page.keyboard.type(served.token)
    page.keyboard.press("Enter")
    page.wait_for_url(served.url())
    # And where one is can be seen
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"


def test_the_language_is_one_button_away_and_stays(visit: Visit, served: Served) -> None:
    page = visit()
    page.goto(served.url("/entries?type=credit"))
    page.get_by_role("button", name="中文").click()
    expect(page).to_have_url(served.url("/entries?type=credit"))
    expect(page.get_by_role("heading", name="记账凭证")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "zh-Hans"
    page.get_by_role("link", name="预算", exact=True).click()
    expect(page.get_by_role("heading", name="预算")).to_be_visible()


def test_a_screen_reader_finds_its_way(visit: Visit, served: Served) -> None:
    page = visit()
    # Each page has one heading of the first level, its landmarks, and a name
    for path in paths(served, page):
        page.goto(served.address + path)
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        expect(page.get_by_role("main")).to_have_count(1)
        assert page.title().endswith(" · Two-Way Points")
        # And no landmark leads to nothing
        assert page.locator("nav:not(:has(a))").count() == 0, path
    # What the check comes to is announced, and a chart has a table
    page.goto(served.url("/entries/96/receipt"))
    expect(page.locator("#verdict")).to_have_role("status")
    page.goto(served.url())
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("table", name="Entries per day")).to_contain_text(str(served.entries))
