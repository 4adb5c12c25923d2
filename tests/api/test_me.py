"""Members see, download and follow what is held about them; it takes no role but one's own."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import orjson
import pytest

from tests.api.conftest import Desk


@pytest.fixture
def home(desk: Desk) -> Desk:
    """The desk, with a member who has points, some of them set aside."""
    account = desk.member(25)
    payee = desk.org()
    hold = {"account": account, "payee": payee, "amount": 10}
    assert desk.post("/holds", hold).status_code == 201
    desk.account = account
    desk.me = "person" + account.removeprefix("member")
    desk.keep(desk.me, full_name="王芳", phone="+8613912345678")
    desk.tokens["me"] = desk.session(desk.me, "device")
    return desk


def all_pages(desk: Desk, path: str, name: str) -> list[Any]:
    """A list, page by page, along its links."""
    found: list[Any] = []
    url: str | None = desk.base + path
    while url:
        answer = desk.ask("GET", url, "me")
        assert answer.status_code == 200, answer.text
        found += answer.json[name]
        link = answer.headers.get("Link")
        url = None if link is None else link.partition("<")[2].partition(">")[0]
    return found


def test_a_member_sees_who_they_are_here(home: Desk) -> None:
    me = home.get("/me", "me").json
    assert (me["person"], me["account"], me["name"]) == (home.me, home.account, "王芳")
    assert (me["balance"], me["held"]) == (15, 10)
    assert me["contacts"] == {"phone": "+8613912345678"}
    # and whoever is nobody's member has no account
    assert "account" not in home.get("/me", "admin").json


def test_records_come_page_by_page(home: Desk) -> None:
    found = all_pages(home, "/me/records?limit=1", "records")
    assert [(each["kind"], each["id"]) for each in found] == [("basics", home.me)]
    assert found[0]["fields"]["full_name"] == "王芳"
    assert home.get("/me/records", "admin").json == {"records": []}
    for wrong in ("x", "a.b.c.d", f"{home.me}.basics.{home.me}.0", f"{home.me}.basics.{home.me}"):
        assert home.get(f"/me/records?after={wrong}", "me").status_code == 422


def test_entries_of_the_account_have_receipts(home: Desk) -> None:
    home.publish()
    found = all_pages(home, "/me/entries?limit=1", "entries")
    assert [each["type"] for each in found] == ["open", "credit", "hold"]
    seq = found[1]["seq"]
    receipt = home.get(f"/me/entries/{seq}/receipt", "me")
    assert receipt.status_code == 200
    assert receipt.text == home.get(f"/entries/{seq}/receipt").text
    # and those of others look like none
    foreign = home.get("/me/entries/1/receipt", "me")
    absent = home.get("/me/entries/999/receipt", "me")
    assert foreign.status_code == absent.status_code == 404
    assert foreign.json["detail"].replace(" 1.", "") == absent.json["detail"].replace(" 999.", "")


def test_who_looked_is_told_to_the_member_alone(home: Desk) -> None:
    auditor = home.person("auditor")
    engagement = home.engaged(auditor).removeprefix("engagement/")
    home.given(auditor, "auditor")
    home.tokens["outside"] = home.session(auditor)
    read = home.get(f"/engagements/{engagement}/record?kind=basics&id={home.me}", "outside")
    assert read.status_code == 200, read.text
    (line,) = all_pages(home, "/me/lookups?limit=1", "lookups")
    assert (line["actor"], line["action"]) == (auditor, "engagements:use")
    assert (line["roles"], line["outcome"]) == (["auditor"], "done")
    others = home.get("/me/lookups", "admin").json["lookups"]
    assert all(each["subject"] != home.me for each in others)


def test_a_download_is_one_zip_and_is_told(home: Desk) -> None:
    answer = home.get("/me/download", "me")
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    assert answer.headers["Cache-Control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        records = orjson.loads(archive.read("records.json"))
        entries = orjson.loads(archive.read("entries.json"))
    assert [each["id"] for each in records] == [home.me]
    assert len(entries) == 3
    (line,) = home.get("/me/lookups", "me").json["lookups"]
    assert (line["actor"], line["action"]) == (home.me, "own:download")


def test_an_operator_and_strangers_have_nothing_here(home: Desk) -> None:
    for role, status in (("operator", 403), ("nobody", 401)):
        for path in ("/me/records", "/me/entries", "/me/lookups", "/me/download"):
            assert home.get(path, role).status_code == status
