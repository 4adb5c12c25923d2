"""The pages for people: the interface, the problems, and `docs/errors.md`, which says the same.

.venv/bin/python -m tests.api.test_docs    writes docs/errors.md anew
"""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from api.docs import GROUPS
from api.problems import PROBLEMS
from tests.api.interface import operations, published

ERRORS = Path(__file__).parents[2] / "docs" / "errors.md"
VOID = {"meta", "link", "br"}
PAGES = ("/v1/docs", "/problems", *(f"/problems/{code}" for code in PROBLEMS))


class Page(HTMLParser):
    """What a page holds; that its elements are closed in order is checked on the way."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.inline: list[str] = []
        self.words = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.add(tag)
        self.links += [found[name] for name in ("href", "src") if name in found]
        self.ids += [found["id"]] if "id" in found else []
        self.inline += [name for name in found if name == "style" or name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


@pytest.fixture
def database_url(sqlite_url):
    """No page asks the database for anything."""
    return sqlite_url


@pytest.fixture
def visitor(client):
    """Somebody without a token."""
    return client


def resources() -> list[str]:
    return [tag["name"] for tag in published()["tags"]]


def all_pages() -> list[str]:
    return [*PAGES, *(f"/v1/docs/{name}" for name in resources())]


def test_every_page_stands_by_itself(visitor, subtests):
    for path in all_pages():
        with subtests.test(path):
            answer = visitor.get(path)
            page = Page(answer.text)

            # nothing is loaded from elsewhere or runs, and no style stands in the page itself
            assert answer.status_code == 200
            assert answer.mimetype == "text/html"
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert "unsafe" not in answer.headers["Content-Security-Policy"]
            assert page.tags & {"script", "style", "iframe", "img", "object", "form"} == set()
            assert page.inline == []
            assert len(page.ids) == len(set(page.ids))


def test_every_link_leads_somewhere(visitor):
    seen = {path: Page(visitor.get(path).text) for path in all_pages()}
    for path, page in seen.items():
        for link in page.links:
            target, _, place = link.partition("#")
            assert target.startswith("/") or not target, (path, link)
            if target and target not in seen:
                assert visitor.get(target).status_code == 200, (path, link)
            elif place:
                assert place in seen[target or path].ids, (path, link)


def test_the_pages_show_every_operation_with_its_problems(visitor):
    words = {name: Page(visitor.get(f"/v1/docs/{name}").text) for name in resources()}
    for name, operation in operations(published()):
        page = words[operation["tags"][0]]
        assert operation["summary"] in page.words
        assert f"{name.partition(' ')[0].upper()} {name.partition(' ')[2]}" in page.words
        for sample in operation["x-codeSamples"]:
            assert sample["source"] in page.words
        for status, response in operation["responses"].items():
            if status >= "4" and "application/json" not in response["content"]:
                for code in response["content"]["application/problem+json"]["examples"]:
                    assert f"/problems/{code}" in page.links


def test_a_problem_is_a_page_at_its_type(visitor):
    for code, kind in PROBLEMS.items():
        words = Page(visitor.get(f"/problems/{code}").text).words
        for text in (kind.title, kind.when, kind.act, kind.retry, kind.example):
            assert text.replace("`", "") in words.replace("`", ""), code


def test_what_is_no_page_is_a_problem(visitor):
    for path in ("/problems/nothing", "/v1/docs/nothing", "/v1/docs/nothing.css"):
        answer = visitor.get(path)
        assert (answer.status_code, answer.json["type"]) == (404, "/problems/not-found"), path


def test_no_problem_says_too_little():
    for code, kind in PROBLEMS.items():
        assert kind.group in GROUPS
        assert (kind.status == 503) == (kind.retry_after_seconds is not None), code
        for text in (kind.when, kind.act, kind.retry, kind.example):
            assert re.fullmatch(r"\S.*\.", text), (code, text)


def test_the_page_on_errors_is_the_table_of_problems():
    assert ERRORS.read_text(encoding="utf-8") == printed()


def printed() -> str:
    """The table of problems as Markdown: one section each."""
    lines = [
        "# Errors: every problem that the interface answers",
        "",
        "What is not fulfilled is answered as `application/problem+json` (RFC 9457). The `type` is",
        "one of the addresses below, relative to the service, and is a page there. What it means",
        "never changes; `detail` is a sentence for people and may. This page is printed from",
        "`api/problems.toml`.",
        "",
        "What cannot be read as HTTP, or has a first line of over 4,094 bytes or a header of over",
        "8,190, never gets so far: the server refuses it by a short page of HTML (400, 414, 417,",
        "431, 501) without an id, and closes the connection. So may a proxy before it.",
    ]
    for group, title in GROUPS.items():
        lines += ["", f"## {title}"]
        for code, kind in PROBLEMS.items():
            if kind.group == group:
                later = f"; `Retry-After: {kind.retry_after_seconds}`"
                after = later if kind.retry_after_seconds else ""
                lines += ["", f"### `/problems/{code}`", "", f"{kind.status}: {kind.title}{after}"]
                lines += ["", f"- **When:** {kind.when}", f"- **What to do:** {kind.act}"]
                lines += [f"- **Again:** {kind.retry}", f"- **Such as:** “{kind.example}”"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    ERRORS.write_text(printed(), encoding="utf-8")
