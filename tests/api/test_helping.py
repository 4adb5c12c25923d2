"""Done for somebody over HTTP: begun by a card or on the telephone, and marked everywhere."""

import io
import json
import re
import zipfile

import pytest

from api import create_app
from ledger.programme.trail import list_lines
from ledger.programme.trailing import Trail
from tests.api.letters import Letters
from tests.programme.people.informing import parts

PHONE = "+8613912345678"


@pytest.fixture
def letters():
    return Letters()


@pytest.fixture
def mails():
    return Letters()


@pytest.fixture
def app(installation, letters, mails):
    made = create_app(installation, reached_by={"phone": letters, "email": mails})
    yield made
    made.extensions["points trail"].close()


@pytest.fixture
def house(desk, mails):
    """The desk, with a clerk of an organisation's desk, and a member with a card."""
    clerk = desk.person()
    desk.given(clerk, "desk", desk.org())
    desk.clerk, desk.tokens["desk"] = clerk, desk.session(clerk)
    desk.member_id = "person" + desk.member().removeprefix("member")
    desk.tokens["wang"] = desk.session(desk.member_id, "device")
    card = desk.post("/cards", {"person": desk.member_id, "name": "王阿姨"}, "desk")
    desk.card, desk.mails = card.json["number"], mails
    return desk


def begin(house, role="desk", **said):
    body = said or {"way": "present", "card": house.card}
    answer = house.ask("POST", f"{house.base}/helping", role, body)
    if answer.status_code == 201:
        house.tokens["helped"] = answer.json["session"]
    return answer


def slip(house, begun, role="desk", language="zh"):
    path = begun.json["slip"].removeprefix(house.base)
    return house.get(f"{path}?language={language}", role)


def problem(answer):
    return answer.status_code, answer.json["type"].removeprefix("/problems/")


def lines(house, **which):
    query = "&".join(f"{name}={value}" for name, value in which.items())
    return house.get(f"/trail?{query}", "admin").json["lines"]


def consented(house, role):
    path = f"{house.base}/consents/photos"
    return house.ask("POST", path, role, {"notice": 1})


@pytest.fixture
def noticed(house):
    """A notice, so that somebody can consent."""
    made = house.ask("PUT", f"{house.base}/notices/photos", "admin", parts(), If_None_Match="*")
    assert made.status_code < 300, made.text
    return house


def test_what_is_done_for_a_member_is_theirs_and_marked_as_the_helpers(noticed):
    house, begun = noticed, begin(noticed)
    assert begun.json["person"] == house.member_id
    assert begun.json["helper"] == house.clerk

    # when the helper consents for the member
    said = consented(house, "helped")

    # then it is the member's, with a helper, by the helper
    assert said.status_code == 201, said.text
    assert (said.json["how"], said.json["by"]) == ("helped", house.clerk)
    (seen,) = house.get("/consents", "wang").json["consents"]
    assert (seen["purpose"], seen["state"], seen["how"]) == ("photos", "given", "helped")
    # and stands in the trail as what the helper did for the member
    (line,) = lines(house, actor=house.clerk, action="consents:write")
    assert (line["subject"], line["outcome"]) == (house.member_id, "done")
    assert line["helping"] == begun.json["id"]
    assert lines(house, actor=house.member_id) == []


def test_what_is_read_for_a_member_stands_in_the_trail_too(house):
    begin(house)
    assert house.get("/memberships", "helped").status_code == 200

    (line,) = lines(house, actor=house.clerk, action="memberships:read")

    assert line["subject"] == house.member_id


def test_what_is_read_for_a_member_is_in_the_trail_before_it_is_shown(house, monkeypatch):
    # given that the thread which writes the trail beside requests never comes to it
    begin(house)
    house.app.extensions["points trail"].flush()
    house.keep(house.member_id, full_name="王芳", document_number="11010519491231002X")
    monkeypatch.setattr(Trail, "_begin", lambda _: None)

    # when a helper reads the member's document's number
    shown = house.get("/me/basics", "helped")

    # then the line was written by the request itself
    assert shown.json["document_number"] == "11010519491231002X"
    here = house.installation
    with here.database.reading() as conn:
        (line,) = list_lines(conn, here.ledger("beiyuan").id, action="own:read", limit=2)
    assert (line.line["actor"], line.line["subject"]) == (house.clerk, house.member_id)


def test_what_was_done_for_a_member_is_among_what_they_download(noticed):
    house, begun = noticed, begin(noticed)
    assert consented(house, "helped").status_code == 201

    with zipfile.ZipFile(io.BytesIO(house.get("/me/download", "wang").data)) as archive:
        rows = json.loads(archive.read("rows.json"))

    (errand,) = (each["row"] for each in rows if each["table"] == "errand")
    assert (errand["session"], errand["helper"]) == (begun.json["id"], house.clerk)
    assert (errand["action"], errand["outcome"]) == ("consents:write", "done")


def test_a_helper_writes_down_what_a_member_says_of_themselves(house):
    # given a member at a desk, who asks for the rest of what service needs to be written down
    house.keep(house.member_id, full_name="王芳", phone="+8613912345678")
    begin(house)
    path = f"{house.base}/me/basics"
    said = {"full_name": "王芳", "phone": "+8613912345678", "area": "北苑街道", "skills": []}

    # when the helper does it
    done = house.ask("PUT", path, "helped", said, If_Match='"1"')

    # then it is the member's, by the helper; a contact takes the codes that it takes of a member
    assert done.status_code == 200, done.text
    assert (done.json["area"], done.json["by"]) == ("北苑街道", house.clerk)
    moved = house.ask("PUT", path, "helped", said | {"phone": "+8613900000000"}, If_Match='"2"')
    assert problem(moved) == (422, "basics-refused")
    assert house.get("/me/basics", "wang").json["version"] == 2
    told = lines(house, actor=house.clerk, action="own:correct")
    assert [(each["subject"], each["outcome"]) for each in told] == [
        (house.member_id, "refused"),
        (house.member_id, "done"),
    ]


def code_at(house, letters, contact, role="helped"):
    """The code that is sent to a contact within a helping session, and what else is said."""
    path = f"{house.base}/me/basics/codes"
    assert house.ask("POST", path, role, {"contact": contact}).status_code == 202
    house.app.extensions["points courier"].wait()
    assert letters.sent[-1].to == contact
    (code,) = set(re.findall(r"(?<![0-9a-z])\d{6}(?![0-9a-z])", letters.sent[-1].text))
    return code, letters.sent[-1]


def test_a_helper_changes_a_contact_by_the_codes_that_the_member_reads_out(house, letters):
    # given a member with a telephone that they change, and an e-mail address that stays
    mail, new = "wang@example.org", "+8613800138000"
    kept = {"full_name": "王芳", "phone": PHONE, "email": mail}
    house.keep(house.member_id, **kept)
    officer = house.third_of_office()
    house.given(officer, "officer")
    house.tokens["officer at the desk"] = house.session(officer)
    begun = begin(house, "officer at the desk")
    path, said = f"{house.base}/me/basics", kept | {"phone": new}
    codes = {}

    # when the helper has a code sent to each, which says who helps and is read out to them
    for field, contact in (("phone", new), ("old_phone", PHONE)):
        codes[field], letter = code_at(house, letters, contact)
        assert letter.text.count("办公室 · the office") == 2
        assert "only if it is you who asked for that" in letter.text
        assert "signed in as you" not in letter.text
    alone = house.ask(
        "PUT", path, "helped", said | {"codes": {"phone": codes["phone"]}}, If_Match='"1"'
    )
    assert problem(alone) == (422, "basics-refused")
    done = house.ask("PUT", path, "helped", said | {"codes": codes}, If_Match='"1"')

    # then it is changed by the helper, the member is signed out elsewhere, and the visit goes on
    assert done.status_code == 200, done.text
    assert (done.json["phone"], done.json["by"]) == (new, officer)
    assert house.get("/me", "wang").status_code == 401
    told = {each["kind"]: each for each in house.get("/messages", "helped").json["messages"]}
    assert "电话" in told["basics-corrected"]["texts"]["zh"]["body"]
    # and the contact that goes is told, as is the one that stays
    house.app.extensions["points courier"].wait()
    assert [each.to for each in letters.sent if each.kind == "contact-changed"] == [PHONE]
    assert [each.to for each in house.mails.sent if each.kind == "contact-changed"] == [mail]
    assert slip(house, begun, "officer at the desk").text.count("<td>更正个人信息") == 2


def test_a_helper_puts_no_contact_where_none_is_kept(house, letters):
    # given a member of whom no contact is kept, and a telephone of the helper's own
    house.keep(house.member_id, full_name="王芳", reached="北苑家园传达室")
    begin(house)
    code, _ = code_at(house, letters, PHONE)
    said = {"full_name": "王芳", "phone": PHONE, "codes": {"phone": code}}

    # then no code lets it in
    refused = house.ask("PUT", f"{house.base}/me/basics", "helped", said, If_Match='"1"')

    assert problem(refused) == (422, "basics-refused")
    assert "the office, which says why" in refused.json["detail"]
    assert house.get("/me/basics", "wang").json["version"] == 1


def test_a_helper_does_nothing_of_signing_in_and_nothing_of_their_own(house):
    begun = begin(house)
    random = begun.json["id"].removeprefix("session/")

    for method, path in (
        ("GET", "/me"),
        ("GET", "/sessions"),
        ("DELETE", "/sessions"),
        ("DELETE", f"/sessions/{random}"),
        ("POST", "/sign-out"),
        ("POST", "/login/password"),
        ("POST", "/login/setup"),
    ):
        answer = house.ask(method, house.base + path, "helped", {} if method == "POST" else None)
        assert problem(answer) == (403, "scope"), path
    assert problem(begin(house, "helped", way="present", card=house.card)) == (403, "role")
    for path in ("/organisations", "/courses", "/trail"):
        assert problem(house.get(path, "helped")) == (403, "role")
    # the member's own session is untouched
    assert house.get("/me", "wang").status_code == 200


def test_the_slip_says_in_words_what_was_done_and_what_was_not(noticed):
    # given a consent and its withdrawal, and a consent to a notice that there is not
    house, begun = noticed, begin(noticed)
    house.keep(house.member_id, full_name="<王>芳")
    consented(house, "helped")
    assert house.ask("DELETE", f"{house.base}/consents/photos", "helped").status_code == 204
    refused = house.ask("POST", f"{house.base}/consents/recording", "helped", {"notice": 7})
    assert refused.status_code >= 400

    for role in ("desk", "wang"):
        page = slip(house, begun, role)
        assert page.mimetype == "text/html"
        assert "代办单" in page.text
        assert [page.text.count(f"<td>{word}") for word in ("给出同意", "撤回同意")] == [2, 1]
        assert [page.text.count(word) for word in ("已办", "未办成", "中断")] == [2, 1, 0]
        assert "&lt;王&gt;芳" in page.text
        assert house.clerk in page.text
        assert "本人到场" in page.text
    assert "a consent was withdrawn" in slip(house, begun, language="en").text
    assert "<script" not in page.text


def test_an_errand_is_about_what_came_of_it(house):
    begun = begin(house)

    asked = house.post("/me/erasure", {}, "helped")

    assert asked.status_code == 201, asked.text
    page = slip(house, begun).text
    assert "申请删除个人信息" in page
    assert asked.json["id"] in page
    (line,) = lines(house, action="own:erase")
    assert (line["actor"], line["subject"]) == (house.clerk, house.member_id)


def test_whoever_helped_with_a_request_does_not_decide_it(house):
    # given an officer of the office, an admin too, who helps a member to ask for erasure
    officer = house.third_of_office()
    for role in ("officer", "admin"):
        house.given(officer, role)
    house.tokens["officer at the desk"] = house.session(officer)
    begin(house, "officer at the desk")
    asked = house.post("/me/erasure", {}, "helped").json["id"]
    account = house.member_id.replace("person/", "/accounts/member/")
    assert house.post(f"{account}/close").status_code == 201
    path = f"{asked.replace('erasure/', '/erasure-requests/')}/decision"

    # when they decide on it, or approve what another admin decided
    decided = {"outcome": "restricted", "reasons": "依法保存十年"}
    own = house.post(path, decided, "officer at the desk")
    proposed = house.post(path, decided, "admin")
    href = proposed.json["href"].removeprefix(house.base)
    approved = house.post(f"{href}/approve", role="officer at the desk")

    # then another person has to
    assert problem(own) == problem(approved) == (403, "helped")
    assert house.post(f"{href}/approve", role="second admin").status_code == 201


def test_whoever_helped_decides_on_what_they_did_not_help_with(house):
    # given somebody of the office who helps a member to ask for erasure, and their deputy
    officer, deputy = house.third_of_office(), house.third_of_office()
    for role in ("officer", "admin"):
        house.given(officer, role)
    house.tokens["helper"] = house.session(officer)
    stands = {"person": deputy, "role": "admin", "deputy_of": officer}
    days = {"from": "2026-11-24", "to": "2026-12-08"}
    assert house.post("/grants", stands | days, "helper").status_code == 201
    house.tokens["deputy"] = house.session(deputy)
    begin(house, "helper")
    asked = house.post("/me/erasure", {}, "helped").json["id"]
    account = house.member_id.replace("person/", "/accounts/member/")
    assert house.post(f"{account}/close").status_code == 201
    decision = f"{asked.replace('erasure/', '/erasure-requests/')}/decision"
    decided = {"outcome": "restricted", "reasons": "依法保存十年"}

    def proposed(path, body):
        return house.post(path, body, "admin").json["href"].removeprefix(house.base)

    def approved(href, role):
        answer = house.post(f"{href}/approve", role=role)
        return answer.status_code if answer.status_code == 201 else problem(answer)

    # then neither they nor whoever stands in for them decides on it
    href = proposed(decision, decided)
    assert problem(house.post(decision, decided, "deputy")) == (403, "helped")
    assert [approved(href, role) for role in ("helper", "deputy")] == [(403, "helped")] * 2

    # and each does on what is about the same member, and was not helped with
    standing = {"person": house.member_id, "standing": "office"}
    assert approved(proposed("/persons", standing), "helper") == 201
    standing |= {"standing": "member"}
    assert approved(proposed("/persons", standing), "deputy") == 201
    assert approved(href, "second admin") == 201


def test_whoever_helped_to_withdraw_what_all_rests_on_does_not_decide_what_follows(house):
    path = f"{house.base}/consents/recording"
    told = house.ask("PUT", f"{house.base}/notices/recording", "admin", parts(), If_None_Match="*")
    assert told.status_code < 300, told.text
    assert house.ask("POST", path, "wang", {"notice": 1}).status_code == 201
    officer = house.third_of_office()
    for role in ("officer", "admin"):
        house.given(officer, role)
    house.tokens["officer at the desk"] = house.session(officer)
    begin(house, "officer at the desk")

    asked = house.ask("DELETE", path, "helped").json["request"]

    decision = f"{asked.replace('erasure/', '/erasure-requests/')}/decision"
    decided = {"outcome": "refused", "reasons": "有未结投诉"}
    assert problem(house.post(decision, decided, "officer at the desk")) == (403, "helped")
    assert house.post(decision, decided, "admin").status_code == 201


def test_help_is_ended_by_the_helper(house):
    begun = begin(house)
    random = begun.json["id"].removeprefix("session/")

    assert house.ask("DELETE", f"{house.base}/helping/{random}", "desk").status_code == 204

    assert house.get("/memberships", "helped").status_code == 401
    assert "没有改动任何内容" in slip(house, begun).text


def read_out(house, letters, role="desk", **whom):
    """The code that a member on the telephone reads out, from where it was sent."""
    whom = whom or {"person": house.member_id}
    asked = house.ask("POST", f"{house.base}/helping/codes", role, whom)
    assert (asked.status_code, asked.json) == (202, {"contact": "phone", "minutes": 10})
    house.app.extensions["points courier"].wait()
    assert letters.sent[-1].to == PHONE
    (code,) = set(re.findall(r"(?<![0-9a-z])\d{6}(?![0-9a-z])", letters.sent[-1].text))
    return code


def test_help_on_the_telephone_needs_no_card_but_a_reason_and_a_code(house, letters):
    house.keep(house.member_id, full_name="王芳", phone=PHONE)
    by_phone = {"way": "telephone", "person": house.member_id}

    # what somebody knows of another is not enough
    assert problem(begin(house, **by_phone, reason="asked")) == (422, "fields")
    wrong = by_phone | {"reason": "asked", "code": "1234567"}
    assert problem(begin(house, **wrong)) == (422, "code-refused")
    assert problem(begin(house, **by_phone, code="1")) == (422, "helping-refused")

    code = read_out(house, letters)
    begun = begin(house, **by_phone, reason="no-device", code=code)
    assert begun.status_code == 201, begun.text
    assert "own:read" in begun.json["actions"]
    code = read_out(house, letters, card=house.card)
    card = {"way": "telephone", "card": house.card}
    assert begin(house, **card, reason="asked", code=code).status_code == 201


def test_on_the_telephone_nobody_takes_all_along_or_destroys_it(house, letters):
    house.keep(house.member_id, full_name="王芳", phone=PHONE)
    called = {"way": "telephone", "person": house.member_id, "reason": "asked"}
    begin(house, **called, code=read_out(house, letters))

    assert problem(house.get("/me/download", "helped")) == (403, "scope")
    assert problem(house.post("/me/erasure", {}, "helped")) == (403, "scope")
    assert house.get("/me/basics", "helped").json["full_name"] == "王芳"


def test_the_member_is_told_whenever_they_are_helped_by_telephone(house, letters):
    # given a clerk of an enterprise's desk, and an officer
    house.keep(house.member_id, full_name="王芳", phone=PHONE)
    enterprise, clerk, officer = house.organisation(), house.person(), house.third_of_office()
    house.given(clerk, "desk", enterprise)
    house.given(officer, "officer")
    called = {"way": "telephone", "person": house.member_id, "reason": "asked"}

    helpers = {clerk: "四美国际", officer: "办公室 · the office"}
    for helper, who in helpers.items():
        house.tokens["helper"] = house.session(helper)
        code = read_out(house, letters, "helper")
        assert who in letters.sent[-1].text
        assert begin(house, "helper", **called, code=code).status_code == 201

    # then who helps, and when, is in their inbox
    told = house.get("/messages", "wang").json["messages"]
    assert {each["kind"] for each in told} == {"helped"}
    texts = [each["texts"][language]["body"] for each in told for language in ("zh", "en")]
    for who in helpers.values():
        assert len([text for text in texts if who in text]) == 2
    assert all("2026-11-24 10:03" in text and "person/" not in text for text in texts)


def test_whom_no_code_reaches_is_helped_at_a_desk_alone(house):
    for path, said in (("/codes", {}), ("", {"way": "telephone", "reason": "asked", "code": "1"})):
        body = said | {"person": house.member_id}
        refused = house.ask("POST", f"{house.base}/helping{path}", "desk", body)
        assert problem(refused) == (422, "helping-refused")

    assert begin(house).status_code == 201


def test_a_token_helps_nobody(house):
    shown = {"way": "present", "card": house.card}

    assert problem(begin(house, "officer", **shown)) == (422, "helping-refused")
    asked = house.ask("POST", f"{house.base}/helping/codes", "officer", {"card": house.card})
    assert problem(asked) == (422, "helping-refused")
    (*_, line) = lines(house, action="helping:write")
    assert line["outcome"] == "refused"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"way": "present"}, (422, "fields")),
        ({"way": "present", "person": "person/" + "a" * 26}, (422, "fields")),
        ({"way": "present", "card": "1234 5678 9012"}, (422, "number")),
        ({"way": "telephone", "reason": "because"}, (422, "fields")),
        ({"way": "present", "card": "1234 5678 9012", "code": "123456"}, (422, "fields")),
        (
            {"way": "telephone", "reason": "asked", "person": "person/" + "a" * 26, "code": "1"},
            (422, "helping-refused"),
        ),
    ],
)
def test_nobody_is_helped_who_is_not_known(house, said, code):
    assert problem(begin(house, **said)) == code


def test_a_card_that_was_replaced_begins_nothing(house):
    house.post("/cards", {"person": house.member_id, "name": "王芳"}, "desk")

    assert problem(begin(house)) == (404, "card-unknown")


def test_who_helps_whom_is_on_record(house):
    begun = begin(house)

    (line,) = lines(house, actor=house.clerk, action="helping:write")

    assert (line["subject"], line["outcome"]) == (house.member_id, "done")
    assert begun.json["session"] not in str(line)
