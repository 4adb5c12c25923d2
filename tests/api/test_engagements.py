"""What an auditor may read of names and evidence: granted by two, counted, refused beyond."""

import pytest

from ledger.programme.recording import Change, save
from tests.api.conftest import Desk

WANTED = {
    "kinds": ["basics"],
    "from": "2026-11-24",
    "to": "2026-11-25",
    "records": 2,
    "reason": "Attendance of spring, sampled.",
}


@pytest.fixture
def auditor(desk: Desk) -> str:
    """Somebody outside of the office who comes with an auditor's token, `outside`."""
    person = desk.person("auditor")
    desk.tokens["outside"] = desk.token(person, "auditor")
    return person


def keep(desk: Desk, name: str, kind: str = "basics") -> str:
    """A member of whom a record is kept."""
    here, member = desk.installation, desk.member()
    change = Change(kind, member, member, {"full_name": name})
    save(here.database, here.ledger("beiyuan"), here.clock, (change,), by=desk.first)
    return member


def read(desk, engagement, member, caller="outside", kind="basics"):
    path = engagement.replace("engagement/", "/engagements/")
    return desk.get(f"{path}/record?kind={kind}&id={member}", caller)


def shown(desk, engagement, caller="outside"):
    return desk.get(engagement.replace("engagement/", "/engagements/"), caller).json


def problem(answer):
    return answer.status_code, answer.json["type"].removeprefix("/problems/")


def test_two_people_grant_it_and_each_record_is_counted_once_until_none_is_left(desk, auditor):
    # given three members, and an engagement for two records
    one, two, three = (keep(desk, name) for name in ("王小明", "买买提·艾力", "欧阳修"))
    engagement = desk.engaged(auditor, **WANTED)

    # when the auditor reads them, the first one twice
    answers = [read(desk, engagement, member) for member in (one, one, two, three)]

    # then two names are told, and the third is not
    names = [answer.json.get("fields") for answer in answers]
    assert names[:3] == [{"full_name": name} for name in ("王小明", "王小明", "买买提·艾力")]
    assert problem(answers[3]) == (422, "engagement-refused")
    assert "2 records" in answers[3].json["detail"]
    assert "欧阳修" not in answers[3].text
    assert shown(desk, engagement)["read"] == 2

    # and the first two can be read again, and the trail says of each member who looked
    assert read(desk, engagement, two).status_code == 200
    lines = desk.get(f"/trail?subject={one}", "admin").json["lines"]
    assert [(line["actor"], line["action"]) for line in lines] == [(auditor, "engagements:use")] * 2


def test_the_reason_is_read_before_it_is_approved_and_stands_nowhere_in_clear(desk, auditor):
    proposed = desk.post("/engagements", WANTED | {"auditor": auditor}, "admin", key="once")
    again = desk.post("/engagements", WANTED | {"auditor": auditor}, "admin", key="once")
    other = WANTED | {"auditor": auditor, "reason": "Something else."}
    reused = desk.post("/engagements", other, "admin", key="once")
    proposal = desk.ask("GET", proposed.json["href"], "second admin")
    path = proposal.json["values"]["engagement"].replace("engagement/", "/engagements/")

    assert (proposed.status_code, again.data) == (202, proposed.data)
    assert problem(reused) == (422, "key-reused")
    assert WANTED["reason"] not in proposal.text
    assert desk.get(f"{path}/reason", "second admin").json == {"reason": WANTED["reason"]}
    # nothing is granted yet, and so the auditor sees nothing of it
    assert problem(desk.get(f"{path}/reason", "outside")) == (404, "engagement-unknown")
    assert desk.get("/engagements", "outside").json == {"engagements": []}


def test_nobody_grants_an_engagement_to_themselves(desk):
    # given two people of the office, each of whom may come as an auditor
    own = desk.post("/engagements", WANTED | {"auditor": desk.first}, "admin")
    others = desk.post("/engagements", WANTED | {"auditor": desk.second}, "admin")
    href = others.json["href"].removeprefix(desk.base)

    approved = desk.post(f"{href}/approve", role="second admin")

    assert problem(own) == problem(approved) == (422, "engagement-refused")
    # the proposal stays open, for somebody else
    assert desk.get(href, "admin").json["state"] == "open"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"to": "2026-11-23"}, "before it begins"),
        ({"auditor": "person/" + "a" * 26}, "standing of nobody"),
    ],
)
def test_an_engagement_of_no_use_is_refused(desk, auditor, changes, why):
    answer = desk.post("/engagements", WANTED | {"auditor": auditor} | changes, "admin")

    assert problem(answer) == (422, "engagement-refused")
    assert why in answer.json["detail"]


@pytest.mark.parametrize(
    "changes",
    [
        {"kinds": []},
        {"kinds": ["basics", "basics"]},
        {"kinds": ["Basics"]},
        {"kinds": ["basics\n"]},
        {"records": 0},
        {"records": 10_001},
        {"records": "2"},
        {"reason": " "},
        {"reason": "\u202e"},
        {"reason": "x" * 2_001},
        {"until": "2026-12-01"},
    ],
)
def test_an_engagement_that_is_not_well_formed_is_refused(desk, auditor, changes):
    answer = desk.post("/engagements", WANTED | {"auditor": auditor} | changes, "admin")

    assert problem(answer) == (422, "fields")


def test_it_reaches_its_kinds_its_subject_and_its_days(desk, auditor, clock):
    # given an engagement for the basics of one member, until tomorrow
    mine, other = keep(desk, "王小明"), keep(desk, "欧阳修")
    engagement = desk.engaged(auditor, **WANTED | {"subject": mine})

    assert problem(read(desk, engagement, mine, kind="consent")) == (422, "engagement-refused")
    assert problem(read(desk, engagement, other)) == (404, "record-unknown")
    absent = read(desk, engagement, "member/" + "a" * 26)
    assert read(desk, engagement, other).json["detail"].replace(other, "") == absent.json[
        "detail"
    ].replace("member/" + "a" * 26, "")
    clock.wait(days=1)
    assert read(desk, engagement, mine).status_code == 200
    clock.wait(days=1)
    assert problem(read(desk, engagement, mine)) == (422, "engagement-refused")
    assert shown(desk, engagement)["read"] == 1


def test_once_it_is_ended_nothing_more_is_read(desk, auditor):
    member = keep(desk, "王小明")
    engagement = desk.engaged(auditor, **WANTED)
    path = desk.base + engagement.replace("engagement/", "/engagements/")
    ended = [desk.ask("DELETE", path, "admin") for _ in range(2)]

    assert [answer.status_code for answer in ended] == [204, 204]
    assert problem(read(desk, engagement, member)) == (422, "engagement-refused")
    assert shown(desk, engagement)["ended_by"] == desk.first


def test_of_many_who_read_at_once_no_more_are_served_than_were_granted(desk, auditor, at_once):
    # given five members, and an engagement for three of them
    members = [keep(desk, f"成员{number}") for number in range(5)]
    engagement = desk.engaged(auditor, **WANTED | {"records": 3})

    answers = at_once(*(lambda m=m: read(desk, engagement, m) for m in members))

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 422, 422]
    assert shown(desk, engagement)["read"] == 3


def test_an_admin_sees_all_and_an_auditor_their_own(desk, auditor):
    mine, others = desk.engaged(auditor, **WANTED), desk.engaged()

    def seen(caller, query=""):
        found = desk.get(f"/engagements{query}", caller).json["engagements"]
        return {each["id"] for each in found}

    assert seen("admin") == {mine, others}
    assert seen("outside") == {mine}
    assert seen("admin", f"?auditor={auditor}") == {mine}
    assert desk.get("/engagements", "officer").status_code == 403
