"""Evidence over HTTP: sent once, kept encrypted, downloaded by few, and by none once erased."""

import hashlib
import io
import zipfile
from urllib.parse import quote

import orjson
import pytest

from api.document import FILE
from ledger.programme.erasure import destroy
from tests.api.enterprise import managed, member, problem
from tests.api.foreign import looks_like_none
from tests.api.test_joining import publish
from tests.api.test_merges import POLICY
from tests.api.test_training import INSURED
from tests.statements import statements

SCAN = b"%PDF-1.7\n" + "王芳 的签名".encode()
PHOTOGRAPH = b"\xff\xd8\xff\xe0" + bytes(range(256))
TITLE = "王芳 申请表.pdf"


@pytest.fixture
def house(desk):
    """An organisation with an organiser, a member of whom it keeps an attainment, and another."""
    managed(desk)
    organiser = desk.person()
    desk.given(organiser, "organiser", desk.org)
    desk.tokens["organiser"] = desk.session(organiser)
    desk.wang, desk.li = member(desk, "王芳"), member(desk, "李四")
    desk.ready(desk.wang, desk.li)
    desk.attainment = attained(desk, desk.org)
    return desk


def attained(desk, organisation):
    insured = INSURED | {"person": desk.wang, "organisation": organisation}
    answer = desk.post("/attainments", insured, "admin")
    assert answer.status_code == 201, answer.text
    return answer.json["id"]


def send(house, content=SCAN, role="officer", person=None, about=None, title=TITLE, **more):
    query = f"?person={person or house.wang}" + (f"&about={about}" if about else "")
    headers = {"Idempotency_Key": more.pop("key", None) or house.key(), **more}
    if title is not None:
        headers["Content_Disposition"] = f"attachment; filename*=UTF-8''{quote(title)}"
    return house.ask("POST", f"{house.base}/evidence{query}", role, content, **headers)


def one(name, more=""):
    return f"/evidence/{name.partition('/')[2]}{more}"


def looks(house, role="王芳"):
    found = house.get("/me/lookups?limit=100", role).json["lookups"]
    return [(each["actor"], each["action"]) for each in found]


# --- keeping and seeing --------------------------------------------------------------------------


def test_a_scan_of_a_signed_form_is_kept_and_its_member_sees_and_downloads_it(house):
    # given a clerk who took somebody up on paper
    sent = send(house)

    assert sent.status_code == 201, sent.text
    said = sent.json
    assert said == {
        "id": said["id"],
        "person": house.wang,
        "about": house.wang,
        "by": house.first,
        "at": "2026-11-24T02:03:04.000005Z",
        "media_type": "application/pdf",
        "bytes": len(SCAN),
        "sha256": hashlib.sha256(SCAN).hexdigest(),
        "title": TITLE,
    }
    # then the member finds it, and gets it as it was
    assert house.get("/evidence", "王芳").json == {"evidence": [said]}
    assert house.get(one(said["id"]), "王芳").json == said
    got = house.get(one(said["id"], "/file"), "王芳")
    assert (got.status_code, got.data) == (200, SCAN)
    # and no browser shows or runs it
    assert got.headers["Content-Type"] == FILE
    assert got.headers["Content-Security-Policy"] == "sandbox"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Cache-Control"] == "no-store"
    name = said["id"].replace("/", "-")
    assert got.headers["Content-Disposition"] == f'attachment; filename="{name}.pdf"'


def test_the_same_request_keeps_it_once_and_another_under_its_key_is_refused(house):
    key = house.key()
    first, again = send(house, key=key), send(house, key=key)

    assert (first.status_code, again.data) == (201, first.data)
    assert problem(send(house, PHOTOGRAPH, key=key)) == (422, "key-reused")
    assert problem(send(house, title="另一个", key=key)) == (422, "key-reused")
    assert len(house.get("/evidence", "officer").json["evidence"]) == 1


def test_an_organiser_keeps_a_certificate_with_what_they_keep_and_sees_no_more(house):
    # given evidence about the person, and about what each of two organisations keeps of them
    elsewhere = attained(house, house.organisation())
    others = [send(house), send(house, about=elsewhere)]
    mine = send(house, PHOTOGRAPH, "organiser", about=house.attainment)

    assert [each.status_code for each in (mine, *others)] == [201] * 3
    for role in ("organiser", "manager"):
        listed = house.get("/evidence", role).json["evidence"]
        assert [each["id"] for each in listed] == [mine.json["id"]]
        assert house.get(one(mine.json["id"], "/file"), role).data == PHOTOGRAPH
        for other in others:
            path = house.get(one(other.json["id"], "/file"), role)
            assert problem(path) == (404, "evidence-unknown")
    # and what is not theirs to add to looks as if it were not there
    for about in (house.wang, elsewhere, "attainment/" + "a" * 26):
        refused = send(house, role="organiser", about=about)
        assert problem(refused) == (422, "evidence-refused")
        assert refused.json["detail"].startswith(f"There is no {about} of {house.wang} that you")


def test_a_desk_keeps_the_form_of_whom_it_took_up_and_of_nobody_else(house):
    # given two who work at desks, one of whom takes somebody up on paper
    for name in ("desk", "another desk"):
        person = house.person()
        house.given(person, "desk", house.org)
        house.tokens[name] = house.session(person)
    publish(house)
    body = {"name": "赵大爷", "notice": 1, "how": "paper", "reached": "3 号楼传达室"}
    zhao = house.post("/joining/desk", body, "desk").json["person"]

    # when they send the form that was signed
    key = house.key()
    kept, again = (send(house, role="desk", person=zhao, key=key) for _ in range(2))

    # then the office has it, and the desk is told once what it sent, and shown no more
    assert (kept.status_code, kept.json["about"], again.data) == (201, zhao, kept.data)
    assert house.get(one(kept.json["id"], "/file"), "officer").data == SCAN
    assert problem(house.get(one(kept.json["id"]), "desk")) == (404, "evidence-unknown")
    # and nothing is added to what others wrote down
    for role, person, about in (
        ("another desk", zhao, None),
        ("desk", house.wang, None),
        ("desk", house.wang, house.attainment),
        ("desk", house.wang, "person/" + "a" * 26),
    ):
        refused = send(house, role=role, person=person, about=about)
        assert problem(refused) == (422, "evidence-refused")


def test_the_office_keeps_it_with_whatever_is_kept_of_a_person(house):
    mother = {"name": "王母", "consents": ["join"], "how": "paper"}
    path = f"{house.base}/guardians/{house.wang.partition('/')[2]}"
    assert house.ask("PUT", path, "officer", mother, If_None_Match="*").status_code == 200
    guardian = house.get("/me/records?limit=200", "王芳").json["records"]
    consent = next(each["id"] for each in guardian if each["kind"].startswith("guardian"))
    membership = house.joined(house.org, house.wang)

    for about in (house.attainment, consent, membership):
        assert send(house, about=about).json["about"] == about
        assert problem(send(house, about=about, person=house.li)) == (422, "evidence-refused")
    listed = house.get(f"/evidence?about={membership}", "officer").json["evidence"]
    assert [each["about"] for each in listed] == [membership]
    assert problem(send(house, person="person/" + "a" * 26)) == (422, "evidence-refused")


def test_a_list_has_pages_of_one_person_or_all(house):
    ids = sorted(send(house, title=None).json["id"] for _ in range(3))
    other = send(house, person=house.li).json["id"]

    first = house.get(f"/evidence?person={house.wang}&limit=2", "officer")
    rest = house.ask("GET", first.headers["Link"].partition(">")[0][1:], "officer")

    assert [each["id"] for page in (first, rest) for each in page.json["evidence"]] == ids
    assert "title" not in first.json["evidence"][0]
    everything = house.get("/evidence", "admin").json["evidence"]
    assert {each["id"] for each in everything} == {*ids, other}
    assert house.get(f"/evidence?person={house.li}", "王芳").json == {"evidence": []}


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "more", "told"),
    [
        (b"", {}, (422, "evidence-refused")),
        (b"GIF89a", {}, (422, "evidence-refused")),
        (b"<svg onload=alert(1)>", {}, (422, "evidence-refused")),
        (b"%PDF-" + bytes(10_000_000), {}, (413, "too-large")),
        (SCAN, {"title": "a\nb"}, (400, "bad-request")),
        (SCAN, {"title": "x" * 201}, (400, "bad-request")),
        (SCAN, {"title": " "}, (400, "bad-request")),
        (SCAN, {"about": "申请表"}, (422, "fields")),
        ({"file": "x"}, {}, (415, "content-type")),
    ],
)
def test_what_cannot_be_kept_is_refused_and_leaves_nothing(house, content, more, told):
    assert problem(send(house, content, **more)) == told
    assert house.get("/evidence", "officer").json == {"evidence": []}
    assert not house.installation.settings.evidence.exists()


def test_about_one_thing_there_are_at_most_twenty(house):
    for number in range(20):
        assert send(house, SCAN + bytes([number])).status_code == 201
    assert problem(send(house)) == (409, "evidence-full")
    assert send(house, about=house.attainment).status_code == 201


def test_of_two_who_send_the_last_one_at_once_one_is_refused(house, at_once):
    for number in range(19):
        send(house, SCAN + bytes([number]))
    path = f"{house.base}/evidence?person={house.wang}"
    headers = {"Authorization": f"Bearer {house.tokens['officer']}"}

    def last(key):
        sent = headers | {"Idempotency-Key": key}
        client = house.app.test_client()
        return client.post(path, data=SCAN, headers=sent, content_type=FILE).status_code

    assert sorted(at_once(lambda: last("one"), lambda: last("another"))) == [201, 409]
    assert len(house.get("/evidence?limit=100", "officer").json["evidence"]) == 20
    assert len(list((house.installation.settings.evidence / "beiyuan").iterdir())) == 20


@pytest.mark.parametrize("kind", [FILE, "application/pdf", "image/jpeg", "image/png"])
def test_a_file_comes_under_any_of_these_content_types_and_is_what_it_is(house, kind):
    headers = {"Authorization": f"Bearer {house.tokens['officer']}", "Idempotency-Key": "one"}
    path = f"{house.base}/evidence?person={house.wang}"
    answer = house.client.post(path, data=PHOTOGRAPH, headers=headers, content_type=kind)
    assert (answer.status_code, answer.json["media_type"]) == (201, "image/jpeg")


def test_a_file_that_is_gone_or_changed_is_told_in_a_sentence(house):
    name = send(house).json["id"]
    (file,) = (house.installation.settings.evidence / "beiyuan").iterdir()
    *others, last = file.read_bytes()
    file.write_bytes(bytes([*others, last ^ 1]))
    changed = house.get(one(name, "/file"), "王芳")
    file.unlink()
    gone = house.get(one(name, "/file"), "王芳")

    assert problem(changed) == problem(gone) == (503, "evidence-damaged")
    assert "is not there as it was kept" in gone.json["detail"]
    assert str(file) not in gone.text
    # and what it was is still told
    assert house.get(one(name), "王芳").json["title"] == TITLE


def test_where_the_disk_takes_nothing_the_same_request_is_taken_later(house, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    key = house.key()
    with monkeypatch.context() as patched:
        patched.setattr("ledger.programme.files.replace_private", full)
        refused = send(house, key=key)
    assert problem(refused) == (503, "evidence-unwritable")
    assert send(house, key=key).status_code == 201


# --- who looked, and who may not -----------------------------------------------------------------


def test_whoever_downloads_it_is_on_record_before_it_is_sent(house, monkeypatch):
    name = send(house).json["id"]
    before = looks(house)
    assert house.get(one(name, "/file"), "officer").data == SCAN
    assert house.get(one(name, "/file"), "王芳").data == SCAN
    assert looks(house)[: -len(before)] == [(house.first, "evidence:read")]

    def broken(*_):
        raise RuntimeError("the trail's disk is full")

    monkeypatch.setattr("api.auth.write_lines", broken)
    unseen = house.get(one(name, "/file"), "officer")
    assert (unseen.status_code, "签名".encode() in unseen.data) == (500, False)


@pytest.mark.parametrize("more", ["", "/file"])
def test_somebody_else_s_looks_like_none(house, more):
    name = send(house).json["id"]
    looks_like_none(house, "GET", f"/evidence/{{id}}{more}", "李四", foreign=name)
    looks_like_none(house, "GET", f"/evidence/{{id}}{more}", "manager", foreign=name)


def test_what_belongs_to_another_organisation_takes_as_many_statements_as_nothing(house):
    elsewhere = attained(house, house.organisation())
    sent = []
    for about in (elsewhere, "attainment/" + "a" * 26):
        with statements(house.installation.database) as seen:
            assert problem(send(house, role="manager", about=about)) == (422, "evidence-refused")
        sent.append([each.text for each in seen if "trail" not in each.text])
    assert sent[0] == sent[1]


def test_an_auditor_reads_it_within_an_engagement_alone_and_each_is_counted(house):
    # given three files, and an engagement for two records of the kind
    names = [send(house, SCAN + bytes([number])).json["id"] for number in range(3)]
    auditor = house.person("auditor")
    house.tokens["outside"] = house.token(auditor, "auditor")
    other = house.engaged(auditor, kinds=["basics"], records=2)
    engagement = house.engaged(auditor, kinds=["evidence"], records=2)
    base = engagement.replace("engagement/", "/engagements/")

    # when the auditor reads two of them, one with its record and twice
    record = house.get(f"{base}/record?kind=evidence&id={names[0]}", "outside")
    told = [house.get(f"{base}/file?id={name}", "outside") for name in (names[0], *names)]

    # then two were counted, and the third is not shown
    assert record.json["fields"]["title"] == TITLE
    assert [each.data for each in told[:3]] == [SCAN + b"\0", SCAN + b"\0", SCAN + b"\1"]
    assert told[0].headers["Content-Security-Policy"] == "sandbox"
    assert problem(told[3]) == (422, "engagement-refused")
    assert house.get(base, "outside").json["read"] == 2
    # and nothing beside: not by another engagement, nor by the list, nor by the address
    beside = other.replace("engagement/", "/engagements/")
    assert problem(house.get(f"{beside}/file?id={names[0]}", "outside"))[1] == "engagement-refused"
    assert house.get("/evidence", "outside").json == {"evidence": []}
    assert problem(house.get(one(names[0], "/file"), "outside")) == (404, "evidence-unknown")
    # and the member sees who looked
    assert (auditor, "engagements:use") in looks(house)


def test_what_an_auditor_is_shown_is_on_record_first(house, monkeypatch):
    name = send(house).json["id"]
    auditor = house.person("auditor")
    house.tokens["outside"] = house.token(auditor, "auditor")
    engagement = house.engaged(auditor, kinds=["evidence"], records=2)

    def broken(*_):
        raise RuntimeError("the trail's disk is full")

    monkeypatch.setattr("ledger.programme.trailing.write_lines", broken)
    path = f"{engagement.replace('engagement/', '/engagements/')}/file?id={name}"
    unseen = house.get(path, "outside")
    monkeypatch.undo()

    assert (unseen.status_code, "签名".encode() in unseen.data) == (500, False)


def test_what_is_kept_of_whom_one_was_merged_with_is_ones_own(house):
    house.approved("/policies", POLICY)
    old = house.member(20).replace("member/", "person/")
    name = send(house, person=old).json["id"]
    body = {"from": old, "into": house.wang, "reason": "她在服务台说她注册过两次。"}
    href = house.post("/merges", body, "admin").json["href"].removeprefix(house.base)
    assert house.get("/evidence", "王芳").json == {"evidence": []}
    assert house.post(f"{href}/approve", role="second admin").status_code == 201
    before = looks(house)

    listed = house.get(f"/evidence?person={house.wang}", "王芳").json["evidence"]

    assert [each["id"] for each in listed] == [name]
    assert house.get(one(name, "/file"), "王芳").data == SCAN
    assert looks(house) == before


def test_a_helper_gets_it_for_a_member_who_is_there_on_record(house):
    # given a member at a desk, with a card
    name = send(house).json["id"]
    card = house.post("/cards", {"person": house.wang, "name": "王芳"}, "officer").json
    shown = {"way": "present", "card": card["number"]}
    clerk = house.person()
    house.given(clerk, "desk", house.org)
    helping = house.post("/helping", shown, house.session(clerk)).json["session"]

    got = house.get(one(name, "/file"), helping)

    assert got.data == SCAN
    assert (clerk, "evidence:read") in looks(house)


# --- erasure -------------------------------------------------------------------------------------


def test_of_who_was_erased_nothing_is_shown(house):
    name, kept = send(house).json["id"], send(house, person=house.li).json["id"]
    here = house.installation
    destroy(here.database, here.ledger("beiyuan"), [house.wang], "2026-11-24")

    for path in (one(name), one(name, "/file")):
        assert problem(house.get(path, "officer")) == (404, "evidence-unknown")
    assert [each["id"] for each in house.get("/evidence", "officer").json["evidence"]] == [kept]
    assert len(list((here.settings.evidence / "beiyuan").iterdir())) == 1
    assert house.get(one(kept, "/file"), "李四").data == SCAN
    assert problem(send(house)) == (410, "erased")


def test_the_download_of_everything_lists_it(house):
    name = send(house).json["id"]
    got = house.get("/me/download", "王芳")
    with zipfile.ZipFile(io.BytesIO(got.data)) as archive:
        told = orjson.loads(archive.read("records.json"))
        page = archive.read("index.html").decode()
        rows = orjson.loads(archive.read("rows.json"))
    (record,) = [each for each in told if each["kind"] == "evidence"]
    assert record["id"] == name
    assert TITLE in page
    assert "证据材料" in page
    (row,) = [each["row"] for each in rows if each["table"] == "evidence"]
    assert row["id"] == name
