"""Rosters over HTTP: tried, entered whole or in part, reported, refused; and an organisation's
totals."""

import io
import tracemalloc
import zipfile

import pytest

from api.document import FILE
from tests.api.enterprise import claim, managed, member, problem, share
from tests.programme.spreadsheets.workbooks import workbook

GOOD = "姓名,手机号\n张三,13800138000\n李四,li@example.org\n".encode()
BAD = GOOD + "赵六,六\n".encode()


@pytest.fixture
def house(desk):
    return managed(desk)


def send(house, body, more="", role="manager", key=None, org=None):
    return house.post(f"/rosters?organisation={org or house.org}{more}", body, role, key)


def report(house, body, role="manager"):
    path = f"{house.base}/rosters/report?organisation={house.org}"
    return house.ask("POST", path, role, body)


def counts(answer):
    return [answer.json[name] for name in ("rows", "faulty", "invited")]


def test_a_roster_invites_its_people_once(house):
    tried = send(house, GOOD, "&dry_run=true")
    assert (tried.status_code, counts(tried), house.invitations()) == (200, [2, 0, 0], [])

    key = house.key()
    first, again = send(house, GOOD, key=key), send(house, GOOD, key=key)
    anew = send(house, GOOD)

    assert [counts(each) for each in (first, again, anew)] == [[2, 0, 2]] * 3
    assert len(house.invitations()) == 2
    # and a key is good for one file and one way to take it
    assert problem(send(house, BAD, "&partly=true", key=key)) == (422, "key-reused")
    assert "13800138000" not in first.text


def test_where_a_row_is_faulty_nobody_is_invited_unless_one_says_so(house):
    whole = send(house, BAD)
    assert counts(whole) == [3, 1, 0]
    assert [each["row"] for each in whole.json["faults"]] == [4]
    assert house.invitations() == []

    partly = send(house, BAD, "&partly=true")

    assert counts(partly) == [3, 1, 2]
    assert len(house.invitations()) == 2


def test_the_report_has_the_layout_of_the_roster_and_tells_of_no_member(house):
    # given a member of the enterprise, who is on its roster
    member(house, "王芳")
    claim(house, "王芳")
    rows = [["花名册"], ["姓名", "手机号"], ["王芳", "13912345678"], ["赵六", "六"]]

    book, text = (
        report(house, workbook(rows).getvalue()),
        report(house, BAD.decode().encode("gb18030")),
    )

    assert "spreadsheetml" in book.headers["Content-Type"]
    assert book.headers["Content-Disposition"] == 'attachment; filename="roster.xlsx"'
    with zipfile.ZipFile(io.BytesIO(book.data)) as package:
        sheet = package.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("Column B") == 1
    assert text.headers["Content-Type"] == "text/csv; charset=gb18030"
    lines = text.data.decode("gb18030").splitlines()
    assert lines[0] == "姓名,手机号,原因"
    assert lines[1:3] == ["张三,13800138000,", "李四,li@example.org,"]
    assert lines[3].startswith("赵六,六,Column B (手机号) holds neither")
    assert house.invitations() == []


def bomb() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/workbook.xml", "<workbook/>")
        package.writestr("xl/worksheets/sheet1.xml", b" " * 150_000_000)
    return made.getvalue()


def macros() -> bytes:
    made = io.BytesIO(workbook([["姓名", "手机号"]]).getvalue())
    with zipfile.ZipFile(made, "a") as package:
        package.writestr("xl/vbaProject.bin", b"x")
    return made.getvalue()


REFUSED = {
    "a zip bomb": (bomb, "is larger than any table makes it"),
    "macros": (macros, "has macros"),
    "a huge row": (lambda: b"name,phone\n" + b"x" * 300_000, "longer than"),
    "a renamed PDF": (lambda: b"%PDF-1.7\n" + b"x" * 99, "This is a PDF file"),
    "nothing": (lambda: b"", "The file is empty"),
    "documents": ("姓名,手机号,身份证号".encode, "identity documents"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_roster_is_refused_with_a_sentence(house, what):
    make, says = REFUSED[what]
    for answer in (send(house, make()), report(house, make())):
        assert problem(answer) == (422, "sheet")
        assert says in answer.json["detail"]
    assert house.invitations() == []


def test_a_file_is_of_a_bounded_size_and_a_known_kind(house):
    path = f"{house.base}/rosters/report?organisation={house.org}"
    sent = {"Authorization": f"Bearer {house.tokens['manager']}"}
    long = house.client.post(path, data=b"x" * 20_000_001, headers=sent, content_type=FILE)
    form = house.client.post(path, data={"a": "b"}, headers=sent)
    assert (problem(long), problem(form)) == ((413, "too-large"), (415, "content-type"))


def test_a_roster_is_for_the_own_organisation_alone(house):
    for org in (house.organisation(), "org/" + "a" * 26):
        assert problem(send(house, GOOD, org=org)) == (404, "organisation-unknown")


def test_ten_thousand_rows_with_three_hundred_bad_ones(house):
    bad = set(range(2, 2 + 33 * 300, 33))
    lines = [f"员工{at},{'无' if at in bad else 13800000000 + at}" for at in range(2, 10_002)]
    body = "\n".join(["姓名,手机号", *lines]).encode()

    tracemalloc.start()
    told, file = send(house, body, "&dry_run=true"), report(house, body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert counts(told) == [10_000, 300, 0]
    assert {each["row"] for each in told.json["faults"]} == bad
    marked = {
        number
        for number, line in enumerate(file.data.decode("utf-8-sig").splitlines(), 1)
        if line.rstrip(",").count(",") == 2
    }
    assert marked == bad | {1}
    assert peak < 40_000_000


# --- totals --------------------------------------------------------------------------------------


def totals(house, role="manager"):
    return house.get(f"/organisations/{house.org.removeprefix('org/')}/totals", role).json


def belonging(house, name):
    """The account of a confirmed member of the enterprise."""
    person = member(house, name)
    made = claim(house, name).json["id"].replace("membership/", "/memberships/")
    house.ask("POST", f"{house.base}{made}/confirm", "admin")
    return person.replace("person/", "member/")


def test_points_of_totals_are_what_is_left_of_what_corrected_service_earned(house):
    # given service that earned points, of which a third went back
    accounts = [belonging(house, f"王{number}") for number in range(5)]
    house.ready(accounts[0])
    service = {
        "member": accounts[0],
        "minutes": 90,
        "assurance": "roster",
        "recorder": house.person(),
        "effective_at": "2026-11-24T02:00:00Z",
        "ref": {"id": "contribution/" + "a" * 26, "commitment": "A" * 43 + "="},
    }
    first = house.post("/services", service).json["service"]
    credit = house.credit(accounts[0], 15, service=first).json["entries"][-1]["seq"]
    assert house.post("/reversals", {"entry": credit, "amount": 5}).status_code == 201
    assert (totals(house)["minutes"], totals(house)["points"]) == (90, 10)

    # when it is corrected
    waits = house.post("/services", service | {"minutes": 60, "replaces": first}).json["href"]
    approved = house.ask("POST", f"{waits}/approve", "second admin")
    second = approved.json["entries"][-1]["seq"]

    # then its minutes are the new ones, and its points are there still
    assert (totals(house)["minutes"], totals(house)["points"]) == (60, 10)
    # and once they went back those of the correction take their place
    assert house.post("/reversals", {"entry": credit}).status_code == 201
    assert (totals(house)["minutes"], totals(house)["points"]) == (60, 0)
    assert house.credit(accounts[0], 8, service=second).status_code == 201
    assert (totals(house)["minutes"], totals(house)["points"]) == (60, 8)


def test_totals_are_of_five_people_at_the_least(house):
    # given four members of the enterprise, and four who are invited
    people = []
    for number in range(5):
        people.append("person" + belonging(house, f"王{number}").removeprefix("member"))
        if number == 3:
            send(
                house,
                b"name,phone\n" + b"\n".join(b"x%d,1380013800%d" % (n, n) for n in range(4)),
            )
            few = totals(house)
    send(house, b"name,phone\ny,13900139000")
    assert few == {"organisation": house.org, "shown_from": 5}

    told = totals(house)

    assert told == few | {"members": 5, "minutes": 0, "points": 0}
    assert totals(house, "auditor") == told
    # and their service counts together from the day on which they belong to it
    ref = {"id": "contribution/" + "a" * 26, "commitment": "A" * 43 + "="}
    account = people[0].replace("person/", "member/")
    service = {
        "member": account,
        "minutes": 90,
        "assurance": "roster",
        "recorder": house.second,
        "effective_at": "2026-11-24T02:00:00Z",
        "ref": ref,
    }
    house.ready(account)
    entered = house.post("/services", service)
    assert entered.status_code == 201, entered.text
    earlier = service | {"effective_at": "2026-11-01T02:00:00Z"}
    assert house.post("/services", earlier).status_code == 201
    seq = entered.json["service"]
    assert house.credit(account, 15, service=seq).status_code == 201
    assert (totals(house)["minutes"], totals(house)["points"]) == (90, 15)
    # and one by one of those who share it
    share(house, people[0])
    share(house, people[1])
    listed = house.get("/memberships", "manager").json["memberships"]
    assert {each["name"]: each["minutes"] for each in listed} == {"王0": 90, "王1": 0}
    # then those of the other three cannot be had by taking these off the total
    assert totals(house) == few | {"members": 5}
    for person in people[2:]:
        share(house, person)
    assert totals(house)["minutes"] == 90
