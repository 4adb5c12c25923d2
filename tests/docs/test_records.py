"""docs/records.md lists every column that may still name somebody after their erasure."""

from __future__ import annotations

import re

from ledger.programme.erasure import GONE_WITH_SUBJECT
from tests.cli.conftest import ROOT
from tests.programme.registry import fresh
from tests.test_personal import TEXTS

PAGE = (ROOT / "docs" / "records.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| [a-z_, ]+ \| (`[a-z_]+\.[a-z_]+`(?:, `[a-z_]+\.[a-z_]+`)*) \|", re.MULTILINE)

# Columns of ids that are never a person's or an account's of theirs.
OF_THINGS = {
    *("attainment.organisation", "attainment.what", "blind_index.id", "budget.project"),
    *("course.organisation", "data_key.key", "engagement_record.engagement"),
    *("engagement_record.record", "erasure_request.decision", "errand.session"),
    *("evidence.about", "evidence.organisation"),  # about its own subject, with whom its row goes
    *("invitation.organisation", "invitation_batch.organisation", "joining_link.organisation"),
    "lease.holder",
    *("membership.organisation", "merged.merge", "organisation_code.organisation"),
    *("organisation_member.alliance", "organisation_member.organisation"),
    *("organisation_status.organisation", "outside_name.account", "record.key"),
    *("role_grant.organisation", "team.organisation", "team_member.team", "venue.organisation"),
}
WITHIN_OTHER_TEXT = {"entry.raw", "trail.raw", "proposal.command"}
"""Columns whose values hold ids among other things."""


def naming() -> set[str]:
    """The columns that may hold an erased person's id, by the forms that all columns have."""
    ids = (fresh("person"), fresh("member"), fresh("member") + "/held")
    held = {name for name, form in TEXTS.items() if any(re.fullmatch(form, each) for each in ids)}
    # Of the row itself; but basics are a record of the person's own id.
    own = {name for name in held if name.endswith(".id")} - {"record.id"}
    gone = {f"{column.table.name}.{column.name}" for column in GONE_WITH_SUBJECT}
    return (held - own - gone - OF_THINGS) | WITHIN_OTHER_TEXT


def test_every_column_that_may_name_an_erased_person_is_listed_with_why() -> None:
    # a new column is put into the table of the page, or among those of things
    listed = [name for row in ROW.findall(PAGE) for name in re.findall(r"[a-z_]+\.[a-z_]+", row)]
    assert sorted(listed) == sorted(naming())


def test_what_is_said_to_be_no_person_s_is_still_there() -> None:
    assert TEXTS.keys() >= OF_THINGS
