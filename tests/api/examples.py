"""The story that the document's examples are from: a request for each operation and outcome.

It is told to a real application.  When it changes on purpose, or an operation is new, tell it here,
then write `api/examples/` and the snapshot anew, and read the diff:

.venv/bin/python -m tests.api.test_examples && .venv/bin/python -m tests.api.test_openapi
"""

import base64
import io
import re
import zipfile
from typing import Any

from werkzeug.test import TestResponse

from api.resource import spelled
from ledger.journal.commands import StateOfAll
from ledger.journal.orders import Group, Order
from ledger.programme.people import codes, devices
from ledger.programme.people.contacts import contact_of
from ledger.programme.recording import Change, save
from ledger.programme.trail import bind
from tests.api.conftest import FOUNDING, Desk

COMMITMENT = base64.b64encode(bytes(range(32))).decode()

NOTICE = {
    "holder": {"zh": "北苑街道党建办公室。", "en": "The office of Beiyuan sub-district."},
    "contact": {"zh": "电话 010-6000 0000。", "en": "Telephone 010-6000 0000."},
    "purpose": {"zh": "在街道公众号刊登活动照片。", "en": "Pictures of activities on our page."},
    "method": {"zh": "仅刊登，不转交他人。", "en": "They are shown, and given to nobody."},
    "kinds": {"zh": "能认出您的照片。", "en": "Pictures in which you can be recognised."},
    "retention": {"zh": "两年。", "en": "Two years."},
    "rights": {
        "zh": "可随时撤回，不影响参加。",
        "en": "Withdraw at any time; you still take part.",
    },
}


class Scribe(Desk):
    """A desk that writes down each exchange which was given a title just before."""

    def __init__(self, *place: Any) -> None:
        self.exchanges: list[dict[str, Any]] = []
        self.title: str | None = None
        super().__init__(*place)

    def key(self) -> str:
        self._keys += 1
        return f"2026-11-24-{self._keys:04}"

    def told(self, title: str) -> "Scribe":
        """Names the next exchange, which is thereby written down."""
        self.title = title
        return self

    def ask(
        self, method: str, path: str, role: str = "nobody", body: Any = None, **headers: str
    ) -> TestResponse:
        title, self.title = self.title, None
        answer = super().ask(method, path, role, body, **headers)
        if title is not None:
            assert answer.status_code < 400, answer.text
            rule = self.rule_of(method, path.partition("?")[0])
            assert rule is not None, path
            self.exchanges.append(
                {"operation": f"{method} {spelled(rule)}", "title": title, "path": path}
                | {"headers": {name.replace("_", "-"): value for name, value in headers.items()}}
                | {"token": role != "nobody", "status": answer.status_code}
                | sent(body)
                | shown(answer)
            )
        return answer

    def code(self, contact: str, purpose: str = "contact") -> str:
        """A code that this contact was sent."""
        here = self.installation
        place = (here.database, here.ledger("beiyuan"), here.clock)
        made = codes.make_code(*place, purpose, contact_of(contact))
        assert made is not None
        return made

    def ref(self, kind: str) -> dict[str, str]:
        return {"commitment": COMMITMENT, "id": f"{kind}/{'a' * 26}"}


def sent(body: Any) -> dict[str, Any]:
    """A body as an example shows it: a file as its text."""
    if isinstance(body, bytes):
        return {"file": body.decode()}
    return {} if body is None else {"body": body}


def shown(answer: TestResponse) -> dict[str, Any]:
    """An answer as an example shows it: bytes in base64, names in a zip, of a page its title,
    of the service's figures those on publishing."""
    if answer.status_code == 204:
        return {}
    kind = answer.headers["Content-Type"]
    if answer.is_json:
        return {"type": "application/json", "answer": answer.json}
    if kind.startswith("image/svg+xml"):
        return {"type": "image/svg+xml", "answer": answer.text.partition(" d=")[0] + " …/></svg>"}
    if kind.startswith("text/csv"):
        return {"type": "text/csv", "answer": answer.data.decode()}
    if kind == "application/zip":
        with zipfile.ZipFile(io.BytesIO(answer.data)) as bundle:
            return {"type": kind, "answer": "\n".join(sorted(bundle.namelist()))}
    if kind == "application/octet-stream":
        return {"type": kind, "answer": base64.b64encode(answer.data).decode()}
    if kind.startswith("text/plain; version="):
        figures = [each for each in answer.text.splitlines() if "points_publish_lag_" in each]
        return {"type": kind, "answer": "\n".join(figures)}
    if kind.startswith("text/html"):
        return {"type": "text/html", "answer": re.findall("<title>.*</title>", answer.text)[0]}
    return {"type": kind, "answer": answer.text}


def tell(s: Scribe) -> None:
    """The whole story."""
    _the_log(s)
    _people_and_their_tokens(s)
    _accounts(s)
    _a_balance_is_proven(s)
    _service_and_credit(s)
    _spending(s)
    _two_people(s)
    _the_log_is_read(s)
    _organisations(s)
    _memberships(s)
    _venues_and_teams(s)
    _duplicates(s)
    _cards(s)
    _merges(s)
    _training(s)
    _messages(s)
    _roles(s)
    _engagements(s)
    _signing_in(s)
    _notices_and_consents(s)
    _joining(s)
    _ones_own(s)
    _the_service_is_watched(s)


def _the_log(s: Scribe) -> None:
    s.publish()
    s.told("The newest checkpoint").ask("GET", "/log/beiyuan/checkpoint")
    s.told("The hashes of the first five entries").ask("GET", "/log/beiyuan/tile/0/000.p/5")
    s.told("The first five entries").ask("GET", "/log/beiyuan/tile/entries/000.p/5", "auditor")
    founding = {"name": "nanyuan", "utc_offset_minutes": 480} | FOUNDING
    s.told("A ledger with its first budget and policy").ask(
        "POST", "/v1/ledgers", "operator", founding
    )
    s.told("All ledgers").ask("GET", "/v1/ledgers", "operator")
    s.told("Where a ledger stands").get("")


def _people_and_their_tokens(s: Scribe) -> None:
    s.told("A partner's clerk").post("/persons", {"standing": "partner"}, "admin")
    s.told("To office, which needs a second person").post(
        "/persons", {"standing": "office"}, "admin"
    )
    s.told("Everybody").get("/persons")
    wanted = {"person": s.first, "role": "officer", "days": 90}
    made = s.told("An officer's token").ask("POST", f"{s.base}/tokens", "admin", wanted)
    s.told("All tokens").get("/tokens", "admin")
    s.told("A new token in its place").ask(
        "POST", f"{s.base}/tokens/{made.json['id'][6:]}/rotate", "admin", {"overlap_days": 1}
    )
    s.told("The end of a token").ask("DELETE", f"{s.base}/tokens/{made.json['id'][6:]}", "admin")


def _accounts(s: Scribe) -> None:
    opened = {"kind": "member", "reference": "volunteer-1001"}
    member = s.told("A member's account").post("/accounts", opened).json["account"]
    s.told("An account that is not needed any more").post(f"/accounts/{member}/close")
    s.told("The same account, needed again").post(f"/accounts/{member}/reopen")
    s.credit(member, 25, valid_until="2027-12-31")
    s.told("The account of a reference").get("/accounts?reference=volunteer-1001")
    s.told("An account with dated points").get(f"/accounts/{member}")
    s.told("Its newest postings").get(f"/accounts/{member}/history?limit=2")


def _a_balance_is_proven(s: Scribe) -> None:
    member = s.member(30)
    s.installation.ledger("beiyuan").appender.submit(Group((Order(command=StateOfAll()),)))
    s.told("A proof that is still to come").get(f"/accounts/{member}/proof")
    s.publish()
    s.told("The proof of a balance").get(f"/accounts/{member}/proof")


def _service_and_credit(s: Scribe) -> None:
    member = s.member()
    s.ready(member)
    recorder = s.post("/persons", {"standing": "partner"}, "admin").json["person"]
    service = {
        "member": member,
        "minutes": 90,
        "assurance": "roster",
        "effective_at": "2026-11-21T01:00:00Z",
        "recorder": recorder,
        "ref": s.ref("contribution"),
    }
    recorded = s.told("An hour and a half of service").post("/services", service)
    s.told("A back entry, which needs a second person").post(
        "/services", service | {"assurance": "back-entry"}
    )
    credit = {"account": member, "amount": 25, "budget": s.budget}
    s.told("Points for a service").post(
        "/credits?wait=0",
        credit | {"service": recorded.json["service"], "valid_until": "2027-12-31"},
    )
    s.told("A grant above the limit, which needs a second person").post(
        "/credits", credit | {"amount": 100_000}
    )


def _spending(s: Scribe) -> None:
    member, friend, org = s.member(200), s.member(), s.org()
    hold = {"account": member, "payee": org, "amount": 20, "until": "2026-12-01T00:00:00Z"}
    placed = s.told("Points set aside for a reward").post("/holds", hold).json["hold"]
    s.told("A hold").get(f"/holds/{placed}")
    s.told("Part of it is paid").post(f"/holds/{placed}/captures", {"amount": 15})
    s.told("The rest is given back").post(f"/holds/{placed}/release")
    many = [
        {"kind": "credit", "account": friend, "amount": 5, "budget": s.budget},
        {"kind": "debit", "account": friend, "amount": 100},
    ]
    s.told("Two commands, each on its own").post("/batch", {"atomic": False, "commands": many})
    gift = {"from": member, "to": friend, "amount": 30, "purpose": "gift"}
    s.told("A gift").post("/transfers", gift)
    debit = {"account": member, "amount": 10}
    taken = s.told("Points that leave circulation").post("/debits", debit)
    s.told("An overdraft, which needs a second person").post(
        "/debits", {"account": friend, "amount": 50, "overdraw": True}
    )
    seq = taken.json["entries"][-1]["seq"]
    s.told("Half of it is undone").post("/reversals", {"entry": seq, "amount": 5})


def _two_people(s: Scribe) -> None:
    org = s.org()
    s.credit(org, 500)
    s.told("What an organisation collected").post(
        "/settlements", {"account": org, "amount": 300, "ref": s.ref("settlement")}
    )
    friend = s.member(10)
    overdrawn = s.post("/debits", {"account": friend, "amount": 15, "overdraw": True})
    href = overdrawn.json["href"]
    s.told("What waits").get("/proposals?state=open", "admin")
    s.told("A proposal").ask("GET", href, "admin")
    s.told("A second person approves").ask("POST", f"{href}/approve", "second admin")
    s.told("A debt to be forgiven").post("/write-offs", {"account": friend, "amount": 5})
    declined = s.post("/write-offs", {"account": friend, "amount": 5}).json["href"]
    s.told("A second person declines").ask("POST", f"{declined}/decline", "second admin")
    budget = {"limit": 50_000, "from": "2027-01-01", "to": "2027-12-31"}
    s.told("Next year's budget").post("/budgets", budget, "admin")
    s.told("All budgets").get("/budgets")
    gift = {"purpose": "gift", "from": "member", "to": "member", "limit": 50}
    limits = {"grant_limit": 100, "reversal_limit": 100, "hold_days": 60}
    policy = {"from": "2027-01-01", "transfers": [gift]} | limits
    s.told("Next year's policy").post("/policies", policy, "admin")
    s.told("All policies").get("/policies")
    large = {"account": s.member(), "amount": 5_000, "budget": s.budget}
    href = s.post("/credits", large).json["href"]
    granted = s.ask("POST", f"{href}/approve", "second admin")
    entry = granted.json["entries"][-1]["seq"]
    s.told("A reversal above the limit, which needs a second person").post(
        "/reversals", {"entry": entry}
    )


def _the_log_is_read(s: Scribe) -> None:
    last = s.size() - 1
    s.told("A receipt that is still to come").get(f"/entries/{last}/receipt")
    s.publish()
    s.told("A receipt").get(f"/entries/{last}/receipt")
    s.told("One entry").get(f"/entries/{last}")
    s.told("Two credits").get("/entries?type=credit&limit=2")
    s.told("The names of the files in the bundle").get("/bundle")


def _organisations(s: Scribe) -> None:
    contact = {"name": "刘洋", "phone": "010-64850000", "role": "志愿服务负责人"}
    said = {
        "name_zh": "四美国际",
        "name_en": "Simei International",
        "credit_code": "91350100M000100Y43",
        "contacts": [contact],
    }
    made = s.told("An enterprise applies").post(
        "/organisations", {"kind": "enterprise", "subkind": "private"} | said, "admin"
    )
    path = f"/organisations/{made.json['id'].removeprefix('org/')}"
    s.told("It is admitted").post(
        f"{path}/status", {"status": "admitted", "reason": "材料齐全"}, "admin"
    )
    s.told("All enterprises").get("/organisations?kind=enterprise", "admin")
    s.told("One enterprise").get(path, "admin")
    s.told("Another contact").ask(
        *("PUT", f"{s.base}{path}", "admin", said | {"contacts": []}), If_Match='"1"'
    )
    s.told("How it came to be what it is").get(f"{path}/history", "admin")
    alliance = s.organisation("alliance", name_zh="北苑街道非公志愿服务联盟")
    joining = {"organisation": made.json["id"], "from": "2026-01-01"}
    members = f"/organisations/{alliance.removeprefix('org/')}/members"
    s.told("It is in an alliance").post(members, joining, "admin")
    s.told("The members of an alliance").get(members, "admin")


def _memberships(s: Scribe) -> None:
    org = s.organisation(name_zh="四美国际")
    invited = {"organisation": org, "name": "王小明", "contact": "138 0013 8000"}
    s.told("An enterprise invites somebody").post("/invitations", invited, "admin")
    roster = "姓名,手机号\n李四,13900139000\n赵六,139001\n".encode()
    query = f"?organisation={org}"
    s.told("A roster is tried").post(f"/rosters{query}&dry_run=true", roster, "admin")
    s.told("Its sound rows are invited").post(f"/rosters{query}&partly=true", roster, "admin")
    path = f"{s.base}/rosters/report{query}"
    s.told("What is wrong in it").ask("POST", path, "admin", roster)
    link = f"/organisations/{org.removeprefix('org/')}/joining-link"
    made = s.told("A link for the posters of an enterprise").post(link, None, "admin").json
    s.told("The link that it has").get(link, "admin")
    s.told("The code for its posters").get(f"{link}/poster", "admin")
    ids = []
    for title in ("Somebody belongs there", "Another one, too", "And a third"):
        person = "person" + s.member().removeprefix("member")
        s.tokens["a member"] = s.session(person, "device")
        claimed = s.told(title).ask(
            *("POST", f"{s.base}/memberships", "a member", {"code": made["code"]})
        )
        ids.append(claimed.json["id"].replace("membership/", "/memberships/"))
    s.told("The enterprise confirms it").ask("POST", f"{s.base}{ids[0]}/confirm", "admin")
    s.told("It does not know the second").ask("POST", f"{s.base}{ids[1]}/decline", "admin")
    s.told("Where one belongs").get("/memberships", "a member")
    s.told("One membership").get(ids[2], "a member")
    s.told("The third leaves").ask("POST", f"{s.base}{ids[2]}/end", "a member", {})
    code = {"code": made["code"]}
    s.told("Whose link it is").ask("POST", f"{s.base}/invitations/look", "nobody", code)
    code = {"code": s.invitations()[0].partition("#")[2]}
    s.told("Thank you, no").ask("POST", f"{s.base}/invitations/decline", "nobody", code)
    s.told("How many they are").get(f"/organisations/{org.removeprefix('org/')}/totals", "admin")
    s.told("The link is void").ask("DELETE", s.base + link, "admin")


def _cards(s: Scribe) -> None:
    person = "person" + s.member().removeprefix("member")
    wanted = {"person": person, "name": "王阿姨"}
    made = s.told("A card for a member").post("/cards", wanted, "admin").json
    path = made["id"].replace("card/", "/cards/")
    s.told("Who has that card").ask(
        *("POST", f"{s.base}/cards/find", "admin", {"number": made["number"]})
    )
    s.told("A member's card").get(path, "admin")
    s.told("The card, to be printed").get(f"{path}/sheet?language=en", "admin")
    org = s.get("/organisations", "admin").json["organisations"][0]["id"]
    given = {"person": s.second, "role": "desk", "organisation": org, "from": "2026-11-24"}
    s.post("/grants", given, "admin", key="a-clerk")
    s.tokens["clerk"] = s.session(s.second)
    shown = {"way": "present", "card": made["number"]}
    begun = s.told("Help for a member who shows a card").ask(
        *("POST", f"{s.base}/helping", "clerk", shown)
    )
    s.told("The slip for the member").ask("GET", begun.json["slip"] + "?language=en", "clerk")
    helped = begun.json["id"].replace("session/", "/helping/")
    s.told("The help is over").ask("DELETE", s.base + helped, "clerk")
    s.keep(person, full_name="王芳", phone="+8613800138001")
    s.told("A code for a member on the telephone").ask(
        *("POST", f"{s.base}/helping/codes", "clerk"), {"person": person}
    )
    called = {"way": "telephone", "person": person, "reason": "no-device"}
    called["code"] = s.code("+8613800138001", "helping")
    s.told("Help for a member who read it out").ask("POST", f"{s.base}/helping", "clerk", called)
    s.told("The card is lost").ask("DELETE", s.base + path, "admin")


def _venues_and_teams(s: Scribe) -> None:
    org = s.organisation(name_zh="和众泽益")
    leader = s.belongs(s.person(), org)
    said = {
        "name": "社区公益空间",
        "address": "北苑路 1 号院 3 号楼一层",
        "capacity": 40,
        "accessible": True,
    }
    made = s.told("A venue").post("/venues", said | {"organisation": org}, "admin")
    path = made.json["id"].replace("venue/", "/venues/")
    s.told("The venues of an organisation").get(f"/venues?organisation={org}", "admin")
    s.told("One venue").get(path, "admin")
    s.told("It was made larger").ask(
        *("PUT", f"{s.base}{path}", "admin", said | {"capacity": 60}), If_Match='"1"'
    )
    team = {"name": "红V服务队", "leader": leader}
    made = s.told("A team with a leader").post("/teams", team | {"organisation": org}, "admin")
    path = made.json["id"].replace("team/", "/teams/")
    s.told("The teams of an organisation").get(f"/teams?organisation={org}", "admin")
    s.told("One team").get(path, "admin")
    s.told("Another name").ask(
        *("PUT", f"{s.base}{path}", "admin", team | {"name": "红V一队"}), If_Match='"1"'
    )
    joining = {"person": s.belongs(s.person(), org), "from": "2026-11-24"}
    s.told("Somebody joins the team").post(f"{path}/members", joining, "admin")
    s.told("Who is in the team").get(f"{path}/members", "admin")


def _duplicates(s: Scribe) -> None:
    people = ["person" + s.member().removeprefix("member") for _ in range(3)]
    for person, name in zip(people, ("王小明", "王 小明", "王芳"), strict=True):
        s.keep(person, full_name=name, phone="139 1234 5678")
    s.told("Who may be in it twice").get("/duplicates?grade=likely", "admin")
    s.told("A family's telephone").post("/duplicates/distinct", {"people": people[1:]}, "admin")


def _merges(s: Scribe) -> None:
    listed = [{"purpose": "merge", "from": "member", "to": "member", "limit": 1_000_000}]
    limits = {"grant_limit": 1_000, "reversal_limit": 1_000, "hold_days": 100}
    s.approved("/policies", {"from": "2026-11-24", "transfers": listed} | limits)
    old, kept = ("person" + s.member(points).removeprefix("member") for points in (20, 5))
    for person in (old, kept):
        s.keep(person, full_name="李娜", phone="137 0013 7000")
    wanted = {"from": old, "into": kept, "reason": "She joined twice, and says so at the desk."}
    told = s.told("One who joined twice").post("/merges", wanted, "admin")
    merge = s.ask("GET", told.json["href"], "second admin").json["values"]["ref"]["id"]
    path = merge.replace("merge/", "/merges/")
    s.told("Why, before it is approved").get(path, "second admin")
    s.ask("POST", f"{told.json['href']}/approve", "second admin")
    s.told("Who was merged into her").get(f"/merges?into={kept}", "admin")


def _training(s: Scribe) -> None:
    org, person = s.organisation("social-organisation", name_zh="北苑志愿服务中心"), s.person()
    s.ready(person)
    said = {
        "name": "急救入门",
        "content": "心肺复苏，止血包扎",
        "sessions": [{"day": "2026-11-01", "minutes": 120}, {"day": "2026-11-08", "minutes": 90}],
    }
    made = s.told("A course of two mornings").post(
        "/courses", said | {"organisation": org}, "admin"
    )
    course = made.json["id"]
    path = course.replace("course/", "/courses/")
    s.told("All courses").get("/courses", "admin")
    s.told("One course").get(path, "admin")
    s.told("A longer course").ask(
        *("PUT", f"{s.base}{path}", "admin", said | {"name": "急救初级"}), If_Match='"1"'
    )
    whose = {"person": person, "organisation": org}
    enrolled = {"kind": "training", "what": course, "result": "enrolled", "from": "2026-11-01"}
    kept = s.told("Somebody joins the course").post("/attainments", enrolled | whose, "admin")
    path = kept.json["id"].replace("attainment/", "/attainments/")
    passed = enrolled | {"result": "passed", "from": "2026-11-08"}
    s.told("They passed").ask(*("PUT", f"{s.base}{path}", "admin", passed), If_Match='"1"')
    s.told("The cohort of a course").get(f"/attainments?what={course}", "admin")
    s.told("What somebody attained").get(path, "admin")
    query = f"?person={person}&about={kept.json['id']}"
    scan = b"%PDF-1.7 and so on"
    named = {"Content_Disposition": "attachment; filename*=UTF-8''%E7%BB%93%E4%B8%9A%E8%AF%81.pdf"}
    sent = {"Idempotency_Key": f"scan-{person[-26:]}", **named}
    told = s.told("A scan of the certificate")
    scanned = told.ask("POST", f"{s.base}/evidence{query}", "admin", scan, **sent)
    path = scanned.json["id"].replace("evidence/", "/evidence/")
    s.told("What is kept of somebody").get(f"/evidence?person={person}", "admin")
    s.told("One of them").get(path, "admin")
    s.told("The scan itself").get(f"{path}/file", "admin")


def _messages(s: Scribe) -> None:
    clerk = s.person()
    s.tokens["reader"] = s.session(clerk)
    s.keep(clerk, full_name="周敏", phone="+8613800138000")
    s.given(clerk, "desk", s.org())
    first = s.message(clerk)
    s.told("One's inbox").get("/messages", "reader")
    path = first.replace("message/", "/messages/")
    s.told("It was read").ask("POST", f"{s.base}{path}/read", "reader")
    s.told("How messages come").get("/messages/choice", "reader")
    choice = {"channel": "paper", "language": "zh"}
    s.told("On paper from now on").ask("PUT", f"{s.base}/messages/choice", "reader", choice)
    second = s.message(clerk, "second")
    s.told("What is to be printed").get("/messages/paper", "officer")
    path = second.replace("message/", "/messages/")
    s.told("What waits for an officer").get("/tasks", "officer")
    s.told("It was handed over").ask("POST", f"{s.base}{path}/handed", "officer")


def _roles(s: Scribe) -> None:
    org, clerk, stand_in = s.org(), s.person(), s.person()
    given = {"person": clerk, "role": "manager", "organisation": org, "from": "2026-11-24"}
    made = s.told("A partner's manager").post("/grants", given, "admin")
    s.told("An officer, which needs a second person").post(
        "/grants", {"person": s.second, "role": "officer", "from": "2026-11-24"}, "admin"
    )
    s.tokens["manager"] = s.session(clerk)
    deputy = given | {"person": stand_in, "deputy_of": clerk, "to": "2026-12-08"}
    s.told("A deputy for two weeks").post("/grants", deputy, "manager")
    s.told("The roles of one organisation").get(f"/grants?organisation={org}", "manager")
    s.told("A manager").get("/me", "manager")
    (session,) = s.told("Where a manager is signed in").get("/sessions", "manager").json["sessions"]
    other = s.session(clerk)
    s.tokens["elsewhere"] = other
    s.told("Signing out here").ask("DELETE", f"{s.base}/sessions/{session['id'][8:]}", "manager")
    s.told("Signing out everywhere").ask("DELETE", f"{s.base}/sessions", "elsewhere")
    grant = made.json["grant"].removeprefix("grant/")
    s.told("A role is ended").ask("DELETE", f"{s.base}/grants/{grant}", "admin")
    member = s.member()
    s.post(f"/accounts/{member}/close")
    erased = {"subject": member, "on": "2026-12-01"}
    s.told("All about somebody is to be destroyed").post("/erasures", erased, "admin")
    s.get("/trail")  # which writes what waits
    bind(s.installation.database, s.installation.ledger("beiyuan"))
    s.told("What an admin did").get(f"/trail?actor={s.first}&limit=2")
    s.told("The proof of a line").get("/trail/1/proof")


def _engagements(s: Scribe) -> None:
    here, ledger = s.installation, s.installation.ledger("beiyuan")
    member, auditor = s.member(), s.person("auditor")
    s.tokens["outside"] = s.token(auditor, "auditor")
    change = Change("basics", member, member, {"full_name": "王小明"})
    save(here.database, ledger, here.clock, (change,), by=s.first)
    wanted = {
        "auditor": auditor,
        "kinds": ["basics", "evidence"],
        "from": "2026-11-24",
        "to": "2026-12-31",
        "records": 20,
        "reason": "The spring's attendance is to be compared with the members' own word.",
    }
    told = s.told("Twenty members' names for an auditor").post("/engagements", wanted, "admin")
    proposed = s.ask("GET", told.json["href"], "second admin").json
    path = f"/{proposed['values']['engagement']}".replace("engagement/", "engagements/")
    s.told("Why it is asked for").get(f"{path}/reason", "second admin")
    s.ask("POST", f"{told.json['href']}/approve", "second admin")
    s.told("A member's name is read").get(f"{path}/record?kind=basics&id={member}", "outside")
    sent = f"/evidence?person=person{member.removeprefix('member')}"
    scanned = s.post(sent, b"%PDF-1.7 and so on", "officer", f"scan-{member[-26:]}").json["id"]
    s.told("A scan is read").get(f"{path}/file?id={scanned}", "outside")
    s.told("How much was read").get(path, "outside")
    s.told("An auditor's own").get("/engagements", "outside")
    s.told("It is ended").ask("DELETE", s.base + path, "admin")


def _signing_in(s: Scribe) -> None:
    def send(title: str, path: str, role: str, **body: str) -> Any:
        return s.told(title).ask("POST", s.base + path, role, body or None).json

    clerk = s.person()
    s.given(clerk, "desk", s.org())
    s.keep(clerk, full_name="陈静", email="chen.jing@example.org")
    made = send("A code for a partner's clerk", "/logins", "admin", person=clerk)
    who = {"contact": "chen.jing@example.org", "invitation": made["invitation"]}
    setup = send("The authenticator application", "/sign-in/setup", "nobody", **who)
    shown = {"password": "seven quiet lanterns drift", "code": s.shows(setup["secret"])}
    begun = send("The first password", "/sign-in/password", "nobody", **who, **shown)
    recovery = begun["recovery_codes"]
    shown["code"] = recovery[0]
    contact = who["contact"]
    signed = send("With a recovery code", "/sign-in", "nobody", contact=contact, **shown)
    s.tokens["clerk"] = signed["session"]
    shown["code"] = recovery[1]
    other = send("Another telephone", "/login/setup", "clerk", **shown)
    code = s.shows(other["secret"])
    send("The other telephone is confirmed", "/login/setup/confirm", "clerk", code=code)
    shown["code"] = recovery[2]
    codes = send("New recovery codes", "/login/recovery-codes", "clerk", **shown)["recovery_codes"]
    shown["code"] = codes[0]
    changed = send(
        *("Another password", "/login/password", "clerk"),
        **shown,
        new_password="a boat upon a hill",
    )
    s.tokens["clerk"] = changed["session"]
    send("Signing out", "/sign-out", "clerk")
    here, phone = s.installation, {"contact": "138 0013 8000"}
    for name, title in (("王小明", "A member signs in"), ("王芳", "Two members of one family")):
        s.keep("person" + s.member().removeprefix("member"), full_name=name, phone="13800138000")
        place = (here.database, here.ledger("beiyuan"), here.clock)
        sent = devices.ask_code(*place, contact_of(phone["contact"]))
        assert sent is not None
        send(title, "/sign-in/codes/confirm", "nobody", **phone, code=sent.code)
    send("A code for a member", "/sign-in/codes", "nobody", **phone)


def _notices_and_consents(s: Scribe) -> None:
    path = f"{s.base}/notices/photos"
    first = s.told("The first notice of a purpose")
    first.ask("PUT", path, "admin", NOTICE, If_None_Match="*")
    newer = NOTICE | {"retention": {"zh": "一年。", "en": "One year."}}
    s.told("A notice's next version").ask("PUT", path, "admin", newer, If_Match='"1"')
    s.told("What one is told").ask("GET", f"{s.base}/notices")
    s.told("What one was told").ask("GET", f"{s.base}/notices/photos/history?limit=1")
    who = "person" + s.member().removeprefix("member")
    s.tokens["somebody"] = s.session(who)
    path = f"{s.base}/consents/photos"
    s.told("Pictures may be shown").ask("POST", path, "somebody", {"notice": 2})
    s.told("They may not any more").ask("DELETE", path, "somebody")
    s.told("What one agrees to").ask("GET", f"{s.base}/consents", "somebody")
    s.told("What was said, with its proof").ask("GET", f"{path}/history?limit=1", "somebody")
    s.told("Whether somebody agrees").ask("GET", f"{s.base}/consents?person={who}", "officer")


def _joining(s: Scribe) -> None:
    s.ask("PUT", f"{s.base}/notices/recording", "admin", NOTICE, If_None_Match="*")

    path, fang = f"{s.base}/joining", "136 2001 3344"
    s.told("A code to join with").ask("POST", f"{path}/codes", "nobody", {"contact": fang})
    joins = {"name": "周敏", "notice": 1, "contact": fang, "code": s.code(fang)}
    s.told("Somebody joins").ask("POST", path, "nobody", joins)
    hua = {"name": "李小华", "notice": 1, "contact": fang, "code": s.code(fang)}
    hua |= {"birth_date": "2017-03-08"}
    mother = {"name": "周敏", "consents": ["join", "data", "volunteer"]}
    child = s.told("A child joins, on the mother's telephone").ask(
        "POST", path, "nobody", hua | {"guardian": mother}
    )
    hers = f"{s.base}/guardians/{child.json['person'].partition('/')[2]}"
    s.told("A child's guardian").ask("GET", hers, "officer")
    no_more = {"name": "周敏", "consents": ["join", "data"], "how": "paper"}
    s.told("She withdraws one consent").ask("PUT", hers, "officer", no_more, If_Match='"1"')
    paper = {"how": "paper", "name": "赵大爷", "notice": 1, "reached": "北苑家园 3 号楼传达室。"}
    s.told("Somebody without a telephone joins by a signed form").post("/joining/desk", paper)
    path = f"{s.base}/consents/recording"
    s.ask("POST", path, "somebody", {"notice": 1})
    s.told("Nothing may be recorded any more").ask("DELETE", path, "somebody")
    s.ask("POST", path, "somebody", {"notice": 1})


def _ones_own(s: Scribe) -> None:
    account = s.member(25)
    person = "person" + account.removeprefix("member")
    s.keep(person, full_name="王小明", phone="+8613800138000")
    s.tokens["me"] = s.session(person, "device")
    newest = s.get("/me/entries", "me").json["entries"][-1]["seq"]
    s.told("A receipt that is still to come").get(f"/me/entries/{newest}/receipt", "me")
    s.publish()
    s.told("Everything that is held about oneself").get("/me/records?limit=1", "me")
    opened = s.told("What the log says of one's account").get("/me/entries?limit=1", "me")
    seq = opened.json["entries"][0]["seq"]
    s.told("The receipt of one of these").get(f"/me/entries/{seq}/receipt", "me")
    said = {"full_name": "王小明", "phone": "+8613800138000", "skills": ["急救"]}
    s.told("Asking for a code to confirm a new contact").ask(
        *("POST", f"{s.base}/me/basics/codes", "me"), {"contact": "xiaoming@example.org"}
    )
    s.told("One's basics").get("/me/basics", "me")
    s.told("A correction").ask("PUT", f"{s.base}/me/basics", "me", said, If_Match='"1"')
    helped = f"{s.base}/persons/{person.removeprefix('person/')}/basics"
    s.told("Asking for a code for a member").ask(
        *("POST", f"{helped}/codes", "officer"), {"contact": "xiaoming@example.org"}
    )
    s.told("A member's basics, which the trail tells").ask("GET", helped, "officer")
    helped_said = said | {"area": "北苑街道", "reason": "本人在服务台要求"}
    s.told("A correction for a member").ask("PUT", helped, "officer", helped_said, If_Match='"2"')
    s.told("All of it, to keep").get("/me/download", "me")
    s.told("Who looked at it").get("/me/lookups", "me")
    _erasure_is_asked_for(s, account)


def _erasure_is_asked_for(s: Scribe, account: str) -> None:
    asked = s.told("Asking to be erased").post("/me/erasure", {"reason": "我搬家了"}, "me").json
    s.told("What became of one's requests").get("/me/erasure", "me")
    s.told("Requests that wait").get("/erasure-requests?state=open", "officer")
    path = f"/erasure-requests/{asked['id'].removeprefix('erasure/')}"
    s.told("A request").get(path, "officer")
    again = s.post("/me/erasure", {}, "reader").json["id"].removeprefix("erasure/")
    s.told("Taking it back").ask("DELETE", f"{s.base}/me/erasure/{again}", "reader")
    s.post("/debits", {"account": account, "amount": 25})
    s.post(f"/accounts/{account}/close")
    why = {"outcome": "restricted", "reasons": "服务记录须保存十年"}
    s.told("Restricting, which needs a second person").post(f"{path}/decision", why, "admin")
    why = {"outcome": "refused", "reasons": "有未结投诉"}
    s.told("A refusal").post(f"{path}/decision", why, "admin")
    s.get("/trail")  # which writes what waits


def _the_service_is_watched(s: Scribe) -> None:
    s.told("Whether the process answers").ask("GET", "/healthz")
    s.told("Whether it can do its work").ask("GET", "/readyz")
    s.told("The figures on publishing, which are some of all").ask("GET", "/metrics", "operator")
