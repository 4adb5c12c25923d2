"""The page that says which test holds which demand of the specifications."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_conformance_page_names_exists() -> None:
    page = (ROOT / "docs/conformance.md").read_text()
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page))

    assert len(named) > 40
    for path, name in named:
        assert f"\ndef {name}(" in (ROOT / path).read_text(), f"{path}::{name}"
