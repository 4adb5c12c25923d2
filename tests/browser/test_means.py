"""Pages on paper, in the reader's own colours, with wide letters; and those beside the console."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.axe import faults
from tests.browser.conftest import Served

Visit = Callable[..., Page]

OPEN = ("/v1/docs", "/v1/docs/accounts", "/v1/docs/rosters", "/problems", "/problems/self")

BRIGHTNESS = """selector => {
  const rgb = getComputedStyle(document.querySelector(selector)).color.match(/\\d+/g);
  return rgb.slice(0, 3).reduce((sum, each) => sum + Number(each), 0) / 3;
}"""
# What WCAG 1.4.12 wants pages to bear.
SPACING = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important;
    word-spacing: .16em !important } p { margin-bottom: 2em !important }`);
  document.adoptedStyleSheets = [sheet];
}"""
WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_about_the_interface_or_a_card_keeps_anybody_out(
    window: Callable[..., Page], served: Served, scheme: str
) -> None:
    page = window(color_scheme=scheme, viewport={"width": 390, "height": 844})
    found = {}
    for path in (*OPEN, f"/ledgers/{served.ledger}/card"):
        page.goto(served.address + path)
        if said := faults(page):
            found[path] = said
    assert found == {}


@pytest.mark.parametrize("path", ["/ledgers/{}/entries/96/receipt", "/v1/docs/accounts"])
def test_what_is_printed_is_dark_on_white_whatever_the_screen_has(
    visit: Visit, served: Served, path: str
) -> None:
    # Given a dark screen
    page = visit(color_scheme="dark")
    page.goto(served.address + path.format(served.ledger))
    assert page.evaluate(BRIGHTNESS, "h1") > 200
    # When the page is printed, then its words are dark, for paper is white
    page.emulate_media(media="print", color_scheme="dark")
    for words in ("h1", "main p", "code"):
        assert page.evaluate(BRIGHTNESS, words) < 120, words


def test_in_ones_own_colours_only_the_page_one_is_on_is_marked(
    visit: Visit, served: Served
) -> None:
    page = visit(forced_colors="active", color_scheme="dark")
    page.goto(served.url("/budgets"))
    lines = page.locator(".top nav a").evaluate_all(
        "all => all.map((each) => getComputedStyle(each).borderBottomColor)"
    )
    # The one of this page is drawn in the colour of words, the others in that of the ground
    assert len(set(lines)) == 2
    assert lines.count(lines[2]) == 1
    # And bars are drawn in the colour of words, too
    used = page.locator(".use .used").evaluate("each => getComputedStyle(each).fill")
    ink = page.locator("body").evaluate("each => getComputedStyle(each).color")
    assert used == ink


@pytest.mark.parametrize("language", ["English", "中文"])
def test_wide_letters_in_a_narrow_window_make_no_page_wider(
    visit: Visit, served: Served, language: str
) -> None:
    page = visit(viewport={"width": 320, "height": 700})
    if language == "中文":
        page.get_by_role("button", name=language).click()
    for path in ("", "/entries", "/entries/96", "/entries/96/receipt", "/budgets", "/bundle"):
        page.goto(served.url(path))
        page.evaluate(SPACING)
        assert not page.evaluate(WIDE), path


@pytest.mark.parametrize("width", [390, 1280])
def test_no_number_is_broken(visit: Visit, served: Served, width: int) -> None:
    # Given an entry with as many points as there can be
    page = visit(viewport={"width": width, "height": 800})
    page.goto(served.url("/entries/96"))
    amount = page.locator(".amount").first
    line = amount.bounding_box()
    amount.evaluate("each => { each.textContent = '−9,007,199,254,740,991'; }")
    # Then they stand on one line, and what they were is read beside or below them
    large = amount.bounding_box()
    assert line is not None
    assert large is not None
    assert large["height"] == line["height"]
    assert not page.evaluate(WIDE)
    said = page.locator(".postings li div").first.bounding_box()
    assert said is not None
    assert said["width"] > 190
