"""Organisations: taken up, admitted, changed by two at once, and found by nobody else."""

from itertools import pairwise, product

import pytest
from sqlalchemy import select

from ledger.programme.people.tables import metadata
from tests.api.enterprise import claim, managed, member, problem, share
from tests.statements import statements

CODE = "91350100M000100Y43"
SAID = {"name_zh": "四美国际", "name_en": "Simei International"}


def applied(desk, **said):
    made = desk.post("/organisations", {"kind": "enterprise"} | SAID | said, "admin")
    assert made.status_code == 201, made.text
    return made


def path_of(answer):
    return f"/organisations/{answer.json['id'].removeprefix('org/')}"


def set_status(desk, path, status, **more):
    return desk.post(f"{path}/status", {"status": status} | more, "admin")


def change(desk, path, said, version, role="admin"):
    return desk.ask("PUT", desk.base + path, role, said, If_Match=f'"{version}"')


# --- taken up ------------------------------------------------------------------------------------


def test_an_account_is_opened_by_the_first_admission_and_by_no_later_one(desk):
    # given an enterprise that applied
    made = applied(desk)
    name, path = made.json["id"], path_of(made)
    assert (made.json["status"], made.headers["ETag"]) == ("applied", '"1"')
    assert desk.get(f"/accounts/{name}").status_code == 404

    # when it is admitted, suspended, and admitted again
    size = desk.size()
    for status in ("admitted", "suspended", "admitted"):
        assert set_status(desk, path, status).json["status"] == status

    # then it has an account, and the log one entry more
    assert desk.get(f"/accounts/{name}").json["balance"] == 0
    assert desk.size() == size + 1


def test_the_same_request_takes_it_up_once(desk):
    body = {"kind": "enterprise"} | SAID

    first = desk.post("/organisations", body, "admin", key="once")
    again = desk.post("/organisations", body, "admin", key="once")
    other = desk.post("/organisations", body | {"name_zh": "中保伟业"}, "admin", key="once")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.data == again.data
    assert (other.status_code, other.json["type"]) == (422, "/problems/key-reused")
    assert len(desk.get("/organisations", "admin").json["organisations"]) == 1


def test_a_public_body_takes_part_with_its_people_as_an_enterprise_does(desk):
    bodies = ("government-body", "public-institution", "school")
    for kind, subkind in product(("enterprise", "office"), bodies):
        made = applied(desk, kind=kind, subkind=subkind)
        assert (made.json["kind"], made.json["subkind"]) == (kind, subkind)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"name_zh": None, "name_en": None}, "organisation-refused"),
        ({"subkind": "foundation"}, "organisation-refused"),
        ({"credit_code": CODE[:-1] + "A"}, "number"),
        ({"credit_code": "1"}, "field"),
        ({"name_zh": "名" * 201}, "fields"),
        ({"contacts": [{"name": "刘洋"}] * 21}, "fields"),
        ({"kind": "ministry"}, "fields"),
        ({"religion": "x"}, "fields"),
    ],
)
def test_what_does_not_fit_together_is_refused(desk, said, code):
    body = {"kind": "enterprise"} | SAID | said
    wish = {name: value for name, value in body.items() if value is not None}

    answer = desk.post("/organisations", wish, "admin")

    assert answer.json["type"] == f"/problems/{code}", answer.text
    assert desk.get("/organisations", "admin").json["organisations"] == []


@pytest.mark.parametrize("name", ["𠮷", "阿依古丽·买买提明公司", "名" * 200, "Ünï ☕ Ltd.", "㐀㐁"])
def test_a_name_is_kept_as_it_was_written(desk, name):
    made = applied(desk, name_zh=name)

    assert desk.get(path_of(made), "admin").json["name_zh"] == name


def test_a_code_is_one_organisations(desk):
    # given an organisation with a code, however it was written
    mine = applied(desk, credit_code=f" {CODE.lower()[:8]}-{CODE[8:]}")
    assert mine.json["credit_code"] == CODE

    # when another has it from the start, or later
    body = {"kind": "community", "credit_code": CODE} | SAID
    first = desk.post("/organisations", body, "admin")
    other = applied(desk)
    later = change(desk, path_of(other), SAID | {"credit_code": CODE}, 1)

    # then both are refused, and what was there stays
    for answer in (first, later):
        assert (answer.status_code, answer.json["type"]) == (
            409,
            "/problems/organisation-code-taken",
        )
    assert "credit_code" not in desk.get(path_of(other), "admin").json
    assert change(desk, path_of(mine), SAID | {"credit_code": CODE}, 1).status_code == 200


# --- status --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "status"),
    [((), "suspended"), (("admitted", "left"), "suspended")],
)
def test_a_status_follows_from_the_one_before(desk, before, status):
    path = path_of(applied(desk))
    for each in before:
        assert set_status(desk, path, each).status_code == 200

    answer = set_status(desk, path, status)

    assert (answer.status_code, answer.json["type"]) == (409, "/problems/organisation-status")


def test_two_who_decide_together_decide_once(desk, app, at_once):
    path = path_of(applied(desk))

    def deciding(status):
        headers = {"Authorization": f"Bearer {desk.tokens['admin']}"}
        url = f"{desk.base}{path}/status"
        return lambda: app.test_client().post(url, json={"status": status}, headers=headers)

    answers = at_once(*[deciding("admitted"), deciding("left")] * 3)

    # then the history is one chain, whoever was first
    told = desk.get(f"{path}/history", "admin").json["statuses"]
    chain = [each["status"] for each in told]
    assert chain[0] == "applied"
    assert all(one != other for one, other in pairwise(chain))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert desk.get(path, "admin").json["status"] == chain[-1]


def test_a_role_is_held_where_the_office_vouches_for_it(desk):
    # given an account that an officer opened for an organisation that nobody took up, and one that
    # was suspended and admitted again
    alone, path = desk.org(), path_of(applied(desk))
    name = f"org{path.removeprefix('/organisations')}"
    set_status(desk, path, "admitted")
    people = [desk.person() for _ in range(2)]
    for person, organisation in zip(people, (alone, name), strict=True):
        desk.given(person, "manager", organisation)
        desk.tokens[organisation] = desk.session(person)

    def managed():
        told = [
            desk.get("/me", organisation).json.get("roles", []) for organisation in (alone, name)
        ]
        return [[each["organisation"] for each in roles] for roles in told]

    assert managed() == [[alone], [name]]
    set_status(desk, path, "suspended")
    assert managed() == [[alone], []]
    set_status(desk, path, "admitted")
    assert managed() == [[alone], [name]]

    # then whom nobody took up has roles, and nothing that an admitted one is asked for
    invited = {"organisation": alone, "name": "王芳", "phone": "+8613912345678"}
    assert desk.post("/invitations", invited, alone).status_code in (404, 409, 422)
    assert desk.get(f"/organisations/{alone.removeprefix('org/')}", alone).status_code == 404


# --- changed -------------------------------------------------------------------------------------


def test_of_two_who_change_one_the_second_is_told_what_and_nothing_is_lost(desk):
    # given two people who look at one version
    path = path_of(applied(desk))
    contact = {"name": "刘洋", "phone": "010-64850000"}
    first = change(desk, path, SAID | {"contacts": [contact]}, 1)

    # when the second changes what they saw
    second = change(desk, path, SAID | {"name_en": "Simei Group"}, 1)

    # then they are told which fields are others by now
    assert (first.status_code, first.headers["ETag"]) == (200, '"2"')
    assert (second.status_code, second.json["type"]) == (412, "/problems/record-changed")
    assert second.json["changed"] == ["contacts"]
    kept = desk.get(path, "admin").json
    assert (kept["contacts"], kept["name_en"]) == ([contact], SAID["name_en"])


def test_a_change_names_what_its_sender_saw(desk):
    path = path_of(applied(desk))

    without = desk.ask("PUT", desk.base + path, "admin", SAID)
    wrong = desk.ask("PUT", desk.base + path, "admin", SAID, If_Match="*")

    assert (without.status_code, without.json["type"]) == (428, "/problems/match-missing")
    assert (wrong.status_code, wrong.json["type"]) == (400, "/problems/match-form")


def test_its_history_tells_who_changed_what_and_why(desk):
    path = path_of(applied(desk))
    set_status(desk, path, "admitted", reason="材料齐全")
    set_status(desk, path, "suspended", reason="合同到期")
    change(desk, path, SAID | {"name_zh": "四美集团"}, 1)

    told = desk.get(f"{path}/history", "admin").json

    assert [(each["status"], each.get("reason")) for each in told["statuses"]] == [
        ("applied", None),
        ("admitted", "材料齐全"),
        ("suspended", "合同到期"),
    ]
    assert [(each["version"], each["name_zh"]) for each in told["versions"]] == [
        (1, "四美国际"),
        (2, "四美集团"),
    ]
    assert {each["by"] for each in (*told["statuses"], *told["versions"])} == {desk.first}


# --- looked at -----------------------------------------------------------------------------------


def test_people_of_an_organisation_see_their_own(desk):
    mine, other = desk.organisation(), desk.organisation(name_zh="中保伟业")
    manager = desk.person()
    desk.given(manager, "manager", mine)
    desk.tokens["manager"] = desk.session(manager)

    seen = desk.get("/organisations", "manager").json["organisations"]

    assert [each["id"] for each in seen] == [mine]
    path = f"/organisations/{mine.removeprefix('org/')}"
    assert change(desk, path, SAID, 1, "manager").status_code == 200
    assert {each["id"] for each in desk.get("/organisations", "officer").json["organisations"]} == {
        mine,
        other,
    }


def test_lists_are_filtered_and_paged_by_as_many_statements_whatever_their_length(desk):
    for kind in ("enterprise", "enterprise", "community"):
        desk.organisation(kind)
    applied(desk)

    def listed(query):
        found = desk.get(f"/organisations?{query}", "admin")
        return len(found.json["organisations"]), "Link" in found.headers

    assert listed("kind=community") == (1, False)
    assert listed("status=applied") == (1, False)
    assert listed("limit=3") == (3, True)
    counts = []
    for query in ("limit=1", "limit=4"):
        with statements(desk.installation.database) as sent:
            listed(query)
        counts.append(len(sent))
    assert counts[0] == counts[1]


def test_no_name_or_number_of_it_is_stored_in_clear(desk, installation):
    contact = {"name": "刘洋", "phone": "010-64850000"}
    applied(desk, credit_code=CODE, contacts=[contact])
    with installation.database.reading() as conn:
        stored = "".join(
            repr(row) for table in metadata.sorted_tables for row in conn.execute(select(table))
        )

    for text in (*SAID.values(), CODE, *contact.values()):
        assert text not in stored


# --- alliances -----------------------------------------------------------------------------------


def test_an_alliance_has_members_from_day_to_day_page_by_page(desk):
    # given an alliance of two enterprises, one of which left
    alliance, firms = desk.organisation("alliance"), sorted(desk.organisation() for _ in range(2))
    path = f"/organisations/{alliance.removeprefix('org/')}/members"
    for firm in firms:
        joined = desk.post(path, {"organisation": firm, "from": "2026-01-01"}, "admin")
        assert joined.status_code == 201, joined.text
    left = {"organisation": firms[1], "from": "2026-01-01", "to": "2026-06-30"}
    desk.post(path, left, "admin")

    page, found = f"{desk.base}{path}?limit=1", []
    while page:
        answer = desk.ask("GET", page, "admin")
        found += answer.json["members"]
        page = answer.headers.get("Link", "").partition(">")[0].lstrip("<")

    assert found == [{"organisation": firms[0], "from": "2026-01-01"}, left]
    refused = desk.post(
        f"/organisations/{firms[0].removeprefix('org/')}/members",
        {"organisation": alliance, "from": "2026-01-01"},
        "admin",
    )
    assert (refused.status_code, refused.json["type"]) == (422, "/problems/organisation-refused")


# --- while it does not take part -----------------------------------------------------------------


@pytest.mark.parametrize("status", ["suspended", "left"])
def test_while_it_does_not_take_part_nobody_acts_for_it_or_comes_to_it(desk, status):
    # given an enterprise with a manager, their deputy, who leads a team of it, and a member
    house = managed(desk)
    path = house.link.removesuffix("/joining-link")
    chief, deputy = desk.person(), desk.person()
    desk.given(chief, "organiser", house.org)
    desk.post("/teams", {"organisation": house.org, "name": "红V", "leader": chief}, "manager")
    chiefs = desk.tokens["chief"] = desk.session(chief)
    named = {"person": deputy, "role": "organiser", "organisation": house.org}
    named |= {"from": "2026-11-24", "to": "2026-12-08", "deputy_of": chief}
    assert desk.post("/grants", named, chiefs).status_code == 201
    share(house, member(house, "王芳"))
    belongs = claim(house, "王芳").json["id"]
    staff = [house.tokens["manager"], chiefs, desk.session(deputy)]
    invited = {"organisation": house.org, "name": "李四", "contact": "13700137000"}
    held = [desk.get("/me", each).json["roles"] for each in staff]

    # when the office lets it take part no longer
    set_status(desk, path, status)

    # then nobody holds a role in it, or sees or changes anything there
    assert [[role["role"] for role in each] for each in held] == [["manager"], *[["organiser"]] * 2]
    assert [desk.get("/me", each).status_code for each in staff] == [403, 403, 403]
    assert desk.get(f"{path}/totals", "manager").status_code == 403
    assert desk.post("/invitations", invited, "manager").status_code == 403
    # nobody is invited to it by the office either, and nobody comes by its link
    for _ in range(2):
        refused = desk.post("/invitations", invited, "admin", key="invite")
        assert problem(refused) == (409, "not-admitted")
    assert desk.invitations() == []
    member(house, "赵六")
    assert problem(claim(house, "赵六")) == (422, "link-refused")
    # its member is one still, belongs to it, and leaves when they like
    assert desk.get("/me", "王芳").json["roles"] == [{"role": "member"}]
    seen = desk.get("/memberships", "王芳").json["memberships"]
    assert [(each["id"], each["state"]) for each in seen] == [(belongs, "claimed")]

    # and once it is admitted again all is as it was
    set_status(desk, path, "admitted")
    assert [desk.get("/me", each).json["roles"] for each in staff] == held
    assert desk.post("/invitations", invited, "manager").status_code == 201
    assert claim(house, "赵六").status_code == 201
