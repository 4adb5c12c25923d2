"""The console asked as a browser asks it, without a browser: who may look, and what is said."""

import re
from html import unescape

import pytest

from api.console import pages, words
from api.console.languages import written_catalogue
from api.console.messages import wanted_catalogue
from api.console.session import signing_secret
from ledger.demo import load_demo
from ledger.demo_tokens import demo_token, sample_ledger, token_file
from ledger.errors import KeysError
from ledger.journal.entry import TYPES
from tests.api.conftest import FOUNDING, spelled
from tests.api.visitor import Visitor

READERS = {"admin", "officer", "auditor"}
L = "/ledgers/{ledger}"
# Every address of the console, and who may look there.
TABLE = {
    "GET /": "anybody",
    "GET /console/{digest}/{name}": "anybody",
    "POST /sign-in": "anybody",
    "POST /sign-out": "anybody",
    "POST /language": "anybody",
    "POST /demo": "anybody",
    f"GET {L}/sign-in": "anybody",
    f"POST {L}/sign-in": "anybody",
    f"POST {L}/sign-in/code": "anybody",
    f"POST {L}/sign-in/member": "anybody",
    f"GET {L}/sign-in/setup": "anybody",
    f"POST {L}/sign-in/setup": "anybody",
    f"POST {L}/sign-in/password": "anybody",
    f"GET {L}/join": "anybody",
    f"POST {L}/join": "anybody",
    f"POST {L}/join/organisation": "oneself",
    "GET /enter": "anybody",
    f"GET {L}/me": "oneself",
    f"POST {L}/me/consents/{{purpose}}": "oneself",
    f"POST {L}/me/reached": "oneself",
    f"POST {L}/me/download": "oneself",
    f"POST {L}/me/messages/{{random}}/read": "oneself",
    f"POST {L}/me/sessions/{{random}}/end": "oneself",
    f"POST {L}/me/sessions/end": "oneself",
    f"POST {L}/me/erasure/{{random}}/back": "oneself",
    f"GET {L}": READERS,
    f"GET {L}/entries": READERS,
    f"GET {L}/entries/{{seq}}": READERS,
    f"GET {L}/entries/{{seq}}/receipt": READERS,
    f"GET {L}/entries/{{seq}}/entry.tlog-proof": READERS,
    f"GET {L}/accounts/{{kind}}/{{random}}": READERS,
    f"GET {L}/find": "readers, who are led on",
    f"GET {L}/budgets": READERS,
    f"GET {L}/bundle": READERS,
    f"GET {L}/bundle.zip": READERS,
}
GUARDED = [endpoint for endpoint, who in TABLE.items() if who is READERS]


@pytest.fixture
def database_url(sqlite_url):
    """Pages query nothing themselves: what they ask of the domain is tested on both databases."""
    return sqlite_url


@pytest.fixture
def visitor(app) -> Visitor:
    return Visitor(app.test_client())


def path_of(endpoint: str, ledger: str = "beiyuan", member: str = "a" * 26) -> str:
    return endpoint.split(" ")[1].format(ledger=ledger, kind="member", random=member, seq="4")


def text_of(answer) -> str:
    """What is on the page, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", answer.text)).split())


# --- who may look --------------------------------------------------------------------------------


def test_every_address_of_the_console_has_a_row(app):
    served = {
        f"{method} {spelled(rule.rule)}"
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("console.")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert served == set(TABLE)


def test_every_reader_sees_every_page(desk, app, subtests):
    member = desk.member(5).partition("/")[2]
    desk.publish()
    for role in sorted(READERS):
        visitor = Visitor(app.test_client())
        assert visitor.sign_in(desk.tokens[role]).headers["Location"] == "/ledgers/beiyuan"
        for endpoint in GUARDED:
            with subtests.test(role=role, endpoint=endpoint):
                answer = visitor.get(path_of(endpoint, member=member))
                assert answer.status_code == 200
                assert answer.headers["Cache-Control"] == "no-store"


def test_whoever_has_not_signed_in_is_asked_to_and_comes_back(desk, visitor, subtests):
    for endpoint in GUARDED:
        with subtests.test(endpoint=endpoint):
            answer = visitor.get(path_of(endpoint))
            assert answer.status_code == 401
            assert answer.mimetype == "text/html"
    # when they sign in on the page that stopped them, then they come to where they wanted
    page = "/ledgers/beiyuan/entries?type=credit"
    wanted = re.search(r'name="wanted" type="hidden" value="([^"]+)"', visitor.get(page).text)
    assert visitor.sign_in(desk.tokens["auditor"], unescape(wanted[1])).headers["Location"] == page


@pytest.mark.parametrize(
    "wanted",
    ["https://elsewhere.example/", "//elsewhere.example", "/ledgers/beiyuanx", "/ledgers/a\n/b"],
)
def test_signing_in_leads_nowhere_else(desk, visitor, wanted):
    answer = visitor.sign_in(desk.tokens["auditor"], wanted)
    assert answer.headers["Location"] == "/ledgers/beiyuan"


def test_a_wrong_token_and_the_operators_open_nothing(desk, visitor):
    good = desk.tokens["auditor"]
    for token in (good[:-1], f"{good[:-1]}!", "pts", "", "x" * 5_000):
        assert visitor.sign_in(token).status_code == 401
    assert visitor.sign_in(desk.tokens["operator"]).status_code == 403
    assert visitor.get("/ledgers/beiyuan").status_code == 401


def test_another_ledger_looks_the_same_whether_it_is_there_or_not(desk, visitor, subtests):
    assert desk.ask("POST", "/v1/ledgers", "operator", {"name": "nanyuan"} | FOUNDING)
    visitor.sign_in(desk.tokens["auditor"])
    for endpoint in GUARDED:
        with subtests.test(endpoint=endpoint):
            there, nowhere = (
                visitor.get(path_of(endpoint, ledger)) for ledger in ("nanyuan", "xiyuan")
            )
            assert there.status_code == nowhere.status_code == 404
            assert text_of(there) == text_of(nowhere)


def test_a_revoked_token_opens_nothing_from_then_on(desk, visitor):
    # given an auditor who looks around
    made = desk.post("/tokens", {"person": desk.first, "role": "auditor"}, "admin").json
    visitor.sign_in(made["token"])
    assert visitor.get("/ledgers/beiyuan").status_code == 200
    # when the token is revoked
    desk.ask("DELETE", f"{desk.base}/tokens/{made['id'].partition('/')[2]}", "admin")
    # then the next page asks for another
    assert visitor.get("/ledgers/beiyuan").status_code == 401


def test_a_token_lasts_no_longer_than_it_should(desk, visitor, clock):
    visitor.sign_in(desk.token(desk.first, "auditor", days=1))
    clock.wait(days=1, seconds=1)
    assert visitor.get("/ledgers/beiyuan").status_code == 401


def test_who_lost_their_standing_no_longer_looks(desk, visitor):
    third = desk.third_of_office()
    visitor.sign_in(desk.token(third, "auditor"))
    desk.approved("/persons", {"person": third, "standing": "none"})
    assert visitor.get("/ledgers/beiyuan").status_code == 403


def test_signing_out_forgets_the_token(desk, visitor):
    visitor.sign_in(desk.tokens["auditor"])
    assert visitor.post("/sign-out", {}).status_code == 303
    assert visitor.get("/ledgers/beiyuan").status_code == 401


# --- the session ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/language", "/demo"])
def test_a_form_from_elsewhere_is_refused(desk, visitor, path):
    visitor.sign_in(desk.tokens["auditor"])
    for guard in ("", "made-up"):
        values = {"csrf_token": guard, "token": desk.tokens["auditor"], "language": "en"}
        assert visitor.client.post(path, data=values).status_code == 422
    assert visitor.get("/ledgers/beiyuan").status_code == 200


def test_the_cookie_is_kept_from_scripts_and_other_sites(desk, visitor):
    plain = visitor.client.get("/").headers["Set-Cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=Lax" in plain
    assert "Secure" not in plain
    safe = visitor.client.get("/", base_url="https://points.example.org").headers["Set-Cookie"]
    assert "Secure" in safe


def test_a_cookie_that_somebody_else_signed_is_none(desk, visitor, app):
    visitor.sign_in(desk.tokens["auditor"])
    value = visitor.client.get_cookie("points").value
    other = app.test_client()
    other.set_cookie("points", value[:-2] + ("aa" if value[-2:] != "aa" else "bb"))
    assert other.get("/ledgers/beiyuan").status_code == 401
    other.set_cookie("points", value)
    assert other.get("/ledgers/beiyuan").status_code == 200


def test_all_processes_sign_with_one_secret_that_is_the_owners_alone(installation):
    file = installation.settings.data / "console-secret"
    secret = signing_secret(installation.settings)
    assert len(secret) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert signing_secret(installation.settings) == secret
    # one that was cut short is made anew
    file.write_bytes(secret[:7])
    assert len(signing_secret(installation.settings)) == 32
    # and one that others may read is refused
    file.chmod(0o644)
    with pytest.raises(KeysError, match="chmod 600"):
        signing_secret(installation.settings)


def test_the_api_has_no_cookies(desk):
    answer = desk.get("/entries")
    assert "Set-Cookie" not in answer.headers
    assert "Vary" not in answer.headers


# --- the sample programme ------------------------------------------------------------------------


def test_only_the_sample_programme_is_offered_and_looked_at(desk, visitor, installation):
    # given an ledger of real people, then nothing is offered
    assert 'action="/demo"' not in visitor.get("/").text
    assert visitor.post("/demo", {}).status_code == 404
    # when the sample programme is loaded as `points run` does it
    made = load_demo(installation)
    demo_token(installation, made.ledger, "auditor")
    # then it is offered, and opens that ledger alone
    assert 'action="/demo"' in visitor.get("/").text
    assert visitor.post("/demo", {}).headers["Location"] == f"/ledgers/{made.ledger}"
    assert visitor.get(f"/ledgers/{made.ledger}").status_code == 200
    assert visitor.get("/ledgers/beiyuan").status_code == 404


def test_a_sample_token_that_has_ended_is_offered_no_more(installation, visitor, clock):
    made = load_demo(installation)
    first = demo_token(installation, made.ledger, "auditor")
    assert demo_token(installation, made.ledger, "auditor") == first
    clock.wait(days=91)
    assert 'action="/demo"' not in visitor.get("/").text
    # until it is made anew, as the next `points run` does
    assert demo_token(installation, made.ledger, "auditor") != first
    assert 'action="/demo"' in visitor.get("/").text


def test_the_sample_programme_is_known_by_its_token_and_not_by_its_place(desk, installation):
    # given a ledger whose name comes first, and a sample programme after it
    assert sample_ledger(installation) is None
    made = load_demo(installation)
    demo_token(installation, made.ledger)
    assert installation.names()[0] == "beiyuan"
    # then that one's token is renewed, and the other gives none away
    assert sample_ledger(installation) == made.ledger
    token_file(installation.settings).unlink()
    assert sample_ledger(installation) is None


# --- what the pages say --------------------------------------------------------------------------


def test_a_page_may_load_its_own_things_and_nothing_else(desk, visitor, subtests):
    visitor.sign_in(desk.tokens["auditor"])
    member = desk.member(5).partition("/")[2]
    desk.publish()
    paths = ["/", "/ledgers/nowhere", *(path_of(endpoint, member=member) for endpoint in GUARDED)]
    paths += [f"/ledgers/beiyuan/{each}" for each in ("sign-in", "sign-in/setup", "join", "me")]
    for path in paths:
        with subtests.test(path=path):
            answer = visitor.get(path)
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            if answer.mimetype == "text/html":
                assert not re.search(
                    r'<style| style="| on\w+="|<script(?! type="module" src="/)', answer.text
                )
                assert not re.search(r'(?:src|href|action)="(?!/|#)', answer.text)


def test_static_files_are_kept_for_good_under_the_digest_of_today(visitor):
    address = re.search(r'href="(/console/\w+/console\.css)"', visitor.get("/").text)[1]
    fresh, stale = visitor.get(address), visitor.get("/console/0000/console.css")
    assert fresh.headers["Cache-Control"] == pages.FOR_GOOD
    assert fresh.mimetype == "text/css"
    assert stale.headers["Cache-Control"] == "no-cache"
    assert stale.data == fresh.data
    for name in ("views.py", "..", "nothing.js"):
        assert visitor.get(f"/console/0000/{name}").status_code == 404


def test_chinese_comes_first_and_whoever_wants_english_gets_it(visitor):
    assert "服务累积分" in visitor.get("/").text
    assert "Service earns" in visitor.get("/", **{"Accept-Language": "en-GB,fr;q=0.8"}).text
    answer = visitor.post("/language", {"language": "en", "page": "/ledgers/beiyuan?x=1"})
    assert answer.headers["Location"] == "/ledgers/beiyuan?x=1"
    assert "Service earns" in visitor.get("/", **{"Accept-Language": "zh"}).text
    assert visitor.post("/language", {"language": "en", "page": "//x.example"}).location == "/"
    assert visitor.post("/language", {"language": "xx", "page": "/"}).status_code == 422


def test_the_catalogue_says_everything_that_the_sources_say():
    written, wanted = written_catalogue(), wanted_catalogue()
    messages = {message.id for message in wanted if message.id}
    assert {message.id for message in written if message.id} == messages
    for message in wanted:
        if message.id:
            said = message.string if isinstance(message.string, tuple) else (message.string,)
            assert all(said), f"no translation of {message.id!r}"
            first = message.id[0] if isinstance(message.id, tuple) else message.id
            named = set(re.findall(r"%\(\w+\)s|\{\w+\}", first))
            assert all(set(re.findall(r"%\(\w+\)s|\{\w+\}", each)) == named for each in said)


def test_every_type_of_entry_can_be_said_in_words(desk, visitor):
    assert set(words.SENTENCES) == set(TYPES)
    # given a ledger in which nearly everything has happened
    made = load_demo(desk.installation)
    visitor.sign_in(demo_token(desk.installation, made.ledger))
    # then its pages say so
    said = ""
    for language in ("zh", "en"):
        for before in range(25, made.entries + 25, 25):
            path = f"/ledgers/{made.ledger}/entries?before={before}"
            said += text_of(visitor.get(path, **{"Accept-Language": language}))
    for sentence in (
        "服务 1 小时 30 分钟",
        "发放 15 积分",
        "served 1 h 30 min",
        "15 points from budget",
        "sets 20 points aside for organisation",
        "go back to member",
        "10 points from member",
        "(gift)",
        "are settled and leave circulation",
        "Undoes No.",
    ):
        assert sentence in said, sentence


def test_a_statement_links_every_line_to_the_one_before(desk, visitor):
    # given a member with three postings
    member = desk.member()
    opened = desk.size() - 1
    seqs = [desk.credit(member, points).json["entries"][0]["seq"] for points in (5, 7, 1_000)]
    visitor.sign_in(desk.tokens["auditor"])
    # when the statement is looked at
    page = visitor.get(f"/ledgers/beiyuan/accounts/{member}", **{"Accept-Language": "en"})
    # then each line names the one before, and the first the entry that opened the account
    rows = re.findall(r'<tr id="e(\d+)"[^>]*>(.*?)</tr>', page.text, re.DOTALL)
    links = {int(seq): int(re.findall(r"/entries/(\d+)", row)[-1]) for seq, row in rows}
    assert links == {seqs[2]: seqs[1], seqs[1]: seqs[0], seqs[0]: opened}
    assert "+1,000" in page.text
    assert "1,012" in text_of(page)


def test_lists_go_on_page_by_page(desk, visitor):
    member = desk.member()
    for _ in range(26):
        desk.credit(member, 1)
    visitor.sign_in(desk.tokens["auditor"])
    for path in ("/ledgers/beiyuan/entries", f"/ledgers/beiyuan/accounts/{member}"):
        first = visitor.get(path)
        following = re.search(r'rel="next" href="([^"]+)"', first.text)
        second = visitor.get(unescape(following[1]))
        assert second.status_code == 200
        assert 'rel="next"' not in second.text
    assert visitor.get("/ledgers/beiyuan/entries?before=x&type=nonsense").status_code == 200


def test_times_are_the_ledgers_own(desk, visitor):
    visitor.sign_in(desk.tokens["auditor"])
    page = visitor.get("/ledgers/beiyuan/entries/0")
    assert (
        '<time datetime="2026-11-24T02:03:04.000005Z">2026年11月24日 10:03:04</time>' in page.text
    )


def test_what_is_not_there_is_said_as_a_page(desk, visitor):
    visitor.sign_in(desk.tokens["auditor"])
    for path in (
        "/nothing",
        "/ledgers/beiyuan/entries/999",
        "/ledgers/beiyuan/entries/999/receipt",
        f"/ledgers/beiyuan/accounts/member/{'a' * 26}",
        "/ledgers/beiyuan/accounts/issuer/x",
    ):
        answer = visitor.get(path)
        assert answer.status_code == 404
        assert answer.mimetype == "text/html"
    for path in ("/v1/nothing", "/log/nothing", "/log/"):  # where there are no sessions
        answer = visitor.get(path)
        assert answer.status_code == 404
        assert answer.mimetype == "application/problem+json"
    assert visitor.client.get("/nothing").mimetype == "application/problem+json"
    assert visitor.get("/sign-in").status_code == 405


def test_a_page_with_a_session_is_not_kept_by_caches(visitor):
    for path in ("/problems/nothing", "/nothing"):
        answer = visitor.get(path)
        assert answer.status_code == 404
        assert answer.headers["Cache-Control"] == "no-store"
    assert visitor.get("/problems").headers["Cache-Control"] == "public, max-age=300"


def test_a_narrowed_token_is_told_why_it_opens_no_page(desk, visitor):
    token = desk.token(desk.first, "auditor", scopes=["log:read"])
    answer = visitor.sign_in(token)
    assert answer.status_code == 403
    assert "审计员令牌" in answer.text
    assert 'name="token"' in answer.text
    assert visitor.get("/ledgers/beiyuan").status_code == 401


def test_what_is_not_published_yet_is_said_so(desk, visitor):
    desk.member()
    visitor.sign_in(desk.tokens["auditor"])
    answer = visitor.get(f"/ledgers/beiyuan/entries/{desk.size() - 1}/receipt")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"


def test_growth_counts_the_entries_of_each_local_day(desk, visitor, clock):
    # given entries on two days
    first = desk.size()
    clock.wait(days=2)
    desk.member(5)
    visitor.sign_in(desk.tokens["auditor"])
    # then the page's table has both, and no day between
    page = visitor.get("/ledgers/beiyuan", **{"Accept-Language": "en"})
    table = re.search(r'<table class="narrow">(.*?)</table>', page.text, re.DOTALL)[1]
    counted = re.findall(r'datetime="([\d-]+)".*?<td class="figure">(\d+)</td>', table, re.DOTALL)
    assert counted == [("2026-11-26", "2"), ("2026-11-24", str(first))]


def test_a_fault_of_ours_is_logged_and_said_plainly(desk, visitor, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("secret words")

    visitor.sign_in(desk.tokens["auditor"])
    monkeypatch.setattr("api.console.views.glance", broken)
    answer = visitor.get("/ledgers/beiyuan")
    assert answer.status_code == 500
    assert answer.mimetype == "text/html"
    assert "secret words" not in answer.text


@pytest.mark.parametrize("body", ['{"contact": null}', "[]", "{", '{"contact": ["a", {}]}'])
def test_what_is_no_form_is_refused(desk, body):
    answer = desk.client.post(
        "/ledgers/beiyuan/sign-in", data=body, content_type="application/json"
    )

    assert 400 <= answer.status_code < 500
