"""A receipt is checked by the browser itself: a good one holds, a changed one does not."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from api.console.pages import STATIC
from ledger.audit.faults import ReceiptFault
from ledger.audit.receipts import verify_receipt
from ledger.tlog.merkle import CompactRange, leaf_hash, prove_inclusion, range_at
from ledger.tlog.note import parse_vkey
from tests.browser.conftest import Served

ENTRY = 96  # a capture, well inside of the tree
STEPS = ("read", "leaf", "path", "head", "signature", "entry")

Visit = Callable[..., Page]


@pytest.fixture
def page(visit: Visit, served: Served) -> Page:
    """The receipt's page, the check done."""
    opened = visit()
    opened.goto(served.url(f"/entries/{ENTRY}/receipt"))
    expect(opened.locator("#verdict")).to_have_attribute("data-state", "good")
    return opened


def states(page: Page) -> list[str]:
    return [page.locator(f"#step-{step}").get_attribute("data-state") or "" for step in STEPS]


def module_of(page: Page) -> str:
    """The address of the module that checks."""
    style = page.locator("link[rel=stylesheet]").get_attribute("href") or ""
    return style.replace("console.css", "tlog.js")


def check(page: Page, receipt: str | None = None, vkey: str | None = None) -> None:
    """Puts another receipt or key into the page, and checks."""
    if receipt is not None:
        page.get_by_label("The receipt", exact=True).fill(receipt)
    if vkey is not None:
        page.get_by_label("The log's key").fill(vkey)
    page.get_by_role("button", name="Check", exact=True).click()


def flipped(line: str, place: int = 10) -> str:
    """The line with one letter of its base64 changed to another that is canonical there."""
    return line[:place] + ("A" if line[place] != "A" else "B") + line[place + 1 :]


def in_leaf(lines: list[str]) -> None:
    entry = base64.b64decode(lines[1].removeprefix("extra "))
    more = re.sub(
        rb'"amount":(\d)', lambda found: b'"amount":%d' % (int(found[1]) % 9 + 1), entry, count=1
    )
    lines[1] = "extra " + base64.b64encode(more).decode()


def in_path(lines: list[str]) -> None:
    lines[4] = flipped(lines[4])


def in_root(lines: list[str]) -> None:
    root = lines.index("") + 3
    lines[root] = flipped(lines[root])


def in_signature(lines: list[str]) -> None:
    line = lines.index("") + 5
    lines[line] = flipped(lines[line], len(lines[line]) - 20)


def in_size(lines: list[str]) -> None:
    size = lines.index("") + 2
    lines[size] = str(int(lines[size]) + 1)


def in_both(lines: list[str]) -> None:
    """Entry and root changed so that they fit each other: only the signature tells."""
    in_leaf(lines)
    leaf = leaf_hash(base64.b64decode(lines[1].removeprefix("extra ")))
    tree, _ = CompactRange.empty().extend([leaf])
    first = lines.index("")
    lines[2:first] = ["index 0"]
    lines[5], lines[6] = "1", base64.b64encode(tree.root()).decode()


# What is changed, the step that does not hold, and what the page says of it.
TAMPERED = {
    "leaf": (in_leaf, "head", "another root"),
    "path": (in_path, "head", "another root"),
    "root": (in_root, "head", "another root"),
    "signature": (in_signature, "signature", "not over this head"),
    "size": (in_size, "signature", "not over this head"),
    "leaf and root": (in_both, "signature", "not over this head"),
}


def test_a_good_receipt_holds_at_every_step(page: Page) -> None:
    assert states(page) == ["good"] * 6
    expect(page.locator("#verdict")).to_contain_text("The receipt holds")
    # And our verifier says the same of what the page shows
    receipt = page.get_by_label("The receipt", exact=True).input_value()
    key = parse_vkey(page.get_by_label("The log's key").input_value())
    report = verify_receipt(receipt.encode(), [key])
    assert (report.seq, report.trust) == (ENTRY, "checked")


@pytest.mark.parametrize("what", TAMPERED)
def test_a_tampered_receipt_does_not_hold(page: Page, what: str) -> None:
    change, step, said = TAMPERED[what]
    # When one thing of the receipt is changed
    good = page.get_by_label("The receipt", exact=True).input_value()
    lines = good.split("\n")
    change(lines)
    check(page, "\n".join(lines))
    # Then the page says at which step it does not hold, and why; nothing after it is claimed
    expect(page.locator("#verdict")).to_have_attribute("data-state", "bad")
    expect(page.locator("#verdict")).to_contain_text("The receipt does not hold")
    expect(page.locator("#verdict")).to_contain_text(said)
    at = STEPS.index(step)
    assert states(page) == ["good"] * at + ["bad"] + ["waiting"] * (5 - at)
    # And as it was, it holds again
    page.get_by_role("button", name="As it was").click()
    expect(page.locator("#verdict")).to_have_attribute("data-state", "good")


def test_as_it_was_brings_key_and_receipt_back_and_checks_them(page: Page) -> None:
    # Given a key that is none
    key = page.get_by_label("The log's key").input_value()
    check(page, vkey=key[:-4])
    expect(page.locator("#verdict")).to_contain_text("is no Ed25519 key")
    # When both are set back
    page.get_by_role("button", name="As it was").click()
    # Then the verdict is of what stands there
    expect(page.locator("#verdict")).to_have_attribute("data-state", "good")
    expect(page.get_by_label("The log's key")).to_have_value(key)
    assert states(page) == ["good"] * 6


def test_a_receipt_of_another_entry_is_said_to_be_one(page: Page, served: Served) -> None:
    # Given another entry's receipt, which was handed over
    own = page.locator(".proof").inner_text()
    answer = page.request.get(served.url("/entries/33/entry.tlog-proof"))
    # When it is checked on this page
    check(page, answer.text())
    expect(page.locator("#verdict")).to_have_attribute("data-state", "good")
    # Then the page says of which entry it is, and shows nothing of its own entry's receipt
    expect(page.locator("#verdict")).to_have_text(
        "The receipt holds: entry 33 is in the log, and the key signed for it."
        " But it is not the entry of this page."
    )
    expect(page.locator("#step-read")).to_contain_text("number of the entry: 33")
    page.get_by_text("The hashes of the path").click()
    lines = answer.text().split("\n")
    said = page.locator("[data-hashes] li").all_inner_texts()
    assert said == lines[3 : lines.index("")]
    expect(page.locator("#step-read")).to_contain_text(f"hashes listed: {len(said)}")
    # And its own is said to be its own
    page.get_by_role("button", name="As it was").click()
    expect(page.locator("#verdict")).to_have_text(
        f"The receipt holds: entry {ENTRY} is in the log, and the key signed for it."
    )
    page.get_by_text("The hashes of the path").click()
    assert page.locator(".proof").inner_text() == own


@pytest.mark.parametrize("field", ["The receipt", "The log's key"])
def test_what_is_changed_counts_as_not_checked(page: Page, field: str) -> None:
    # When a letter is put in
    page.get_by_label(field, exact=True).press_sequentially("x")
    # Then nothing is claimed of it any more
    expect(page.locator("#verdict")).to_have_attribute("data-state", "waiting")
    expect(page.locator("#verdict")).to_have_text("You changed something: check again.")
    assert states(page) == ["waiting"] * 6
    expect(page.locator("#step-head [data-found=root]")).to_be_hidden()


def test_a_check_that_was_overtaken_says_nothing(page: Page) -> None:
    # Given digests that take their time
    page.evaluate(
        """() => {
          const digest = crypto.subtle.digest.bind(crypto.subtle);
          crypto.subtle.digest = async (...asked) => {
            await new Promise((go) => setTimeout(go, 50));
            return digest(...asked);
          };
        }"""
    )
    # When somebody goes on writing while the check runs
    page.get_by_role("button", name="Check", exact=True).click()
    page.get_by_label("The log's key").press_sequentially("x")
    page.wait_for_timeout(1_500)
    # Then its end is not said of what stands there now
    expect(page.locator("#verdict")).to_have_attribute("data-state", "waiting")
    assert states(page) == ["waiting"] * 6


def test_without_scripts_the_receipt_is_there_to_read(
    contexts: Callable[..., BrowserContext], served: Served
) -> None:
    # Given an auditor whose browser runs no scripts
    page = contexts(java_script_enabled=False).new_page()
    page.goto(served.url(f"/entries/{ENTRY}/receipt"))
    page.get_by_label("Your token").fill(served.token)
    page.get_by_role("button", name="Look inside").click()
    # Then nothing offers what cannot be done
    expect(page.get_by_text("Try it yourself")).to_be_hidden()
    expect(page.get_by_role("button", name="Check", exact=True)).to_be_hidden()
    # And the receipt's numbers and text are there, which Enter does not send
    expect(page.locator("#step-read")).to_contain_text(f"number of the entry: {ENTRY}")
    expect(page.get_by_label("The receipt", exact=True)).not_to_be_editable()
    page.get_by_label("The log's key").press("Enter")
    page.wait_for_timeout(300)
    expect(page).to_have_url(served.url(f"/entries/{ENTRY}/receipt"))


def test_a_tampered_receipt_from_the_server_does_not_hold_either(
    visit: Visit, served: Served
) -> None:
    # Given a server that shows another entry than the log has
    page = visit()

    def lie(route) -> None:
        answer = route.fetch()
        lines = answer.text().split("\n")
        place = next(n for n, line in enumerate(lines) if line.startswith("extra "))
        proof = lines[place - 1 :]
        in_leaf(proof)
        route.fulfill(response=answer, body="\n".join(lines[: place - 1] + proof))

    page.route("**/receipt", lie)
    page.goto(served.url(f"/entries/{ENTRY}/receipt"))
    expect(page.locator("#verdict")).to_have_attribute("data-state", "bad")


def test_a_key_of_ones_own_decides(page: Page) -> None:
    mine = page.get_by_label("The log's key").input_value()
    for other in ("", "x", mine[:-4] + "AAA=", mine.replace("+", "-", 1), f"{mine}+"):
        check(page, vkey=other)
        expect(page.locator("#verdict")).to_contain_text("is no Ed25519 key")
        assert states(page)[4] == "bad"
    # A sound key that did not sign
    check(page, vkey="example.org/log/other+3a8de4c5+" + "A" * 44)
    assert states(page)[4] == "bad"


def test_spellings_are_as_strict_as_the_verifiers(page: Page) -> None:
    good = page.get_by_label("The receipt", exact=True).input_value()
    lines = good.split("\n")
    spellings = {
        "no receipt": "",
        "another header": good.replace("proof@v1", "proof@v2", 1),
        "no entry": "\n".join([lines[0], *lines[2:]]),
        "leading zero": good.replace(f"index {ENTRY}", f"index 0{ENTRY}"),
        "beyond the log": good.replace(f"index {ENTRY}", "index 9007199254740991"),
        "beyond all numbers": good.replace(f"index {ENTRY}", "index 9007199254740992"),
        "a hash too many": "\n".join([*lines[:3], lines[3], *lines[3:]]),
        "a hash too few": "\n".join([*lines[:3], *lines[4:]]),
        "unpadded": good.replace(lines[3], lines[3].rstrip("=")),
        "unused bits": good.replace(lines[3], lines[3][:-2] + chr(ord(lines[3][-2]) + 1) + "="),
        "extension line": good.replace("\n— ", "more\n\n— ", 1),
        "no last newline": good[:-1],
        "a control character": good.replace("— ", "— \x07", 1),
    }
    for what, text in spellings.items():
        check(page, text)
        expect(page.locator("#verdict"), what).to_have_attribute("data-state", "bad")
        with pytest.raises(ReceiptFault):
            verify_receipt(text.encode())


SPELLINGS = [
    '{"v":1}',
    '{"v": 1}',
    '{"v":1.0}',
    '{"v":1,"a":2}',
    '{"a":"\\u0041","v":1}',
    '{"v":1,"v":1}',
    '{"a":null,"v":1}',
    '{"a":9007199254740992,"v":1}',
    "[1]",
    "v",
    '{"v":2}',
]


def test_entries_have_one_spelling(page: Page) -> None:
    said = page.evaluate(
        """async ([module, texts]) => {
          const { parseEntry } = await import(module);
          return texts.map((text) => {
            try { return parseEntry(new TextEncoder().encode(text)) && "ok"; }
            catch (fault) { return fault.code; }
          });
        }""",
        [module_of(page), SPELLINGS],
    )
    assert said == ["ok"] + ["spelling"] * 10


def test_paths_are_climbed_as_the_verifier_climbs_them(page: Page) -> None:
    # Given proofs of every leaf of every small tree, by the log's own code
    leaves = [leaf_hash(bytes((n,))) for n in range(20)]
    cases = []
    for size in range(1, len(leaves) + 1):
        nodes = _nodes(leaves[:size])
        root = range_at(size, nodes).root()
        for index in range(size):
            path = prove_inclusion(index, size, nodes)
            cases.append([index, size, [each.hex() for each in (leaves[index], root, *path)]])
    # Then the page's module comes to the same root, and to none with a hash less or more
    wrong = page.evaluate(
        """async ([module, cases]) => {
          const { rootOf } = await import(module);
          const bytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
          const hex = (raw) => [...raw].map((b) => b.toString(16).padStart(2, "0")).join("");
          const wrong = [];
          for (const [index, size, hashes] of JSON.parse(cases)) {
            const [leaf, , ...path] = hashes.map(bytes);
            if (hex(await rootOf(leaf, index, size, path)) !== hashes[1]) wrong.push([index, size]);
            for (const other of [path.slice(1), [...path, leaf]]) {
              if (other.length === path.length) continue;
              const said = await rootOf(leaf, index, size, other).then(() => "ok", (e) => e.code);
              if (said !== "length") wrong.push([index, size, said]);
            }
          }
          return wrong;
        }""",
        [
            module_of(page),
            json.dumps(cases),
        ],
    )
    assert wrong == []


def _nodes(leaves: list[bytes]) -> Callable[[int, int], bytes]:
    def node(level: int, index: int) -> bytes:
        span = leaves[index << level : (index + 1) << level]
        return CompactRange.empty().extend(span)[0].root()

    return node


WITHOUT_ED25519 = """
const original = crypto.subtle.importKey.bind(crypto.subtle);
crypto.subtle.importKey = (format, key, algorithm, ...rest) =>
  algorithm === "Ed25519"
    ? Promise.reject(new DOMException("unknown", "NotSupportedError"))
    : original(format, key, algorithm, ...rest);
"""


@pytest.mark.parametrize(
    "removed", [WITHOUT_ED25519, "Object.defineProperty(crypto, 'subtle', { value: undefined });"]
)
def test_a_browser_that_cannot_check_says_so_and_names_the_command(
    visit: Visit, served: Served, removed: str
) -> None:
    page = visit()
    page.add_init_script(removed)
    page.goto(served.url(f"/entries/{ENTRY}/receipt"))
    expect(page.locator("#verdict")).to_contain_text("This browser cannot verify Ed25519")
    expect(page.locator("#command")).to_contain_text("points verify --receipt")
    assert states(page) == ["waiting"] * 6
    expect(page.get_by_role("button", name="Check", exact=True)).to_be_hidden()


def test_every_fault_that_the_module_names_has_its_sentence(page: Page) -> None:
    source = (STATIC / "tlog.js").read_text()
    codes = set(re.findall(r'"(?:read|leaf|path|head|signature|entry)", "([a-z-]+)"\)', source))
    codes |= {"base64"}
    said = page.locator("#faults [data-code]").evaluate_all("all => all.map(x => x.dataset.code)")
    assert set(said) == codes
    assert len(said) == len(set(said))


def test_the_saved_receipt_is_the_one_that_was_checked(page: Page, tmp_path: Path) -> None:
    with page.expect_download() as download:
        page.get_by_role("link", name="Save the receipt").click()
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    assert saved.name in page.locator("#command").inner_text()
    assert saved.read_text() == page.get_by_label("The receipt", exact=True).input_value()
