"""Lists send the same number of statements however many rows they show."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.api import examples
from tests.api.examples import Scribe
from tests.api.interface import published
from tests.statements import statements

BESIDE = "trail"
"""In each statement of a thread that writes the audit trail meanwhile."""


class Reader(Scribe):
    """A scribe who remembers who asked for what."""

    def __init__(self, *place):
        self.asked = {}
        super().__init__(*place)

    def ask(self, method, path, role="nobody", body=None, **headers):
        if method == "GET":
            self.asked.setdefault(path.partition("?")[0], set()).update({role, "admin"})
        return super().ask(method, path, role, body, **headers)


@pytest.fixture
def reader(app, client, installation):
    """A ledger in which everything has happened, some of it twice."""
    reader = Reader(app, client, installation)
    examples.tell(reader)
    examples._merges(reader)
    examples._training(reader)
    return reader


def lists(reader):
    """The lists that the story asked for: of each its greatest limit, the paths, and who asked."""
    found = {}
    for path, roles in list(reader.asked.items()):
        rule = examples.spelled(reader.rule_of("GET", path) or "")
        parameters = published()["paths"].get(rule, {}).get("get", {}).get("parameters", [])
        for each in parameters:
            if each["name"] == "limit":
                most = each["schema"]["maximum"]
                found.setdefault((rule, most), []).extend((path, role) for role in sorted(roles))
    return found


def sent(reader, path, role, limit):
    """How many rows a list shows, none where it is not for that role, and what that sends."""
    with statements(reader.installation.database) as seen:
        answer = reader.ask("GET", f"{path}?limit={limit}", role)
    if answer.status_code != 200:
        return 0, []
    rows = max((each for each in answer.json.values() if isinstance(each, list)), key=len)
    texts = (each.text for each in seen)
    return len(rows), [text for text in texts if BESIDE not in text]


def test_no_list_sends_more_for_more_rows(reader, subtests):
    compared = set()
    for (rule, most), asked in lists(reader).items():
        for path, role in asked:
            with subtests.test(rule=rule, role=role):
                sent(reader, path, role, most)  # what a process remembers from the first time on
                few, short = sent(reader, path, role, 1)
                many, long = sent(reader, path, role, most)
                # what looks something up for some kinds of rows alone is sent once at the most
                more = Counter(long) - Counter(short)
                assert [text for text in more if more[text] > 1 or text in short] == []
                if few < many:
                    compared.add(rule.rpartition("/")[2])
    # and most of them had more to show
    assert compared >= {
        *("accounts", "attainments", "courses", "duplicates", "entries", "evidence", "grants"),
        *("ledgers", "memberships", "merges", "organisations", "persons", "policies"),
        *("proposals", "tokens", "trail"),
    }
