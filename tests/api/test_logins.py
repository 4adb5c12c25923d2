"""Signing in over HTTP: the whole way, the lock, and that nothing is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from api import create_app
from ledger.config import RateLimit
from tests.api.conftest import SOMEBODY, Desk
from tests.statements import statements

PASSWORD = "correct horse battery staple"
EMAIL = "wang@example.org"


class Clerk:
    """Somebody of a partner's staff, with an address and an authenticator application."""

    def __init__(self, desk: Desk, email: str = EMAIL, standing: str = "partner") -> None:
        self.desk, self.email = desk, email
        self.person = desk.person(standing)
        desk.given(self.person, "desk", desk.org())
        desk.keep(self.person, full_name="王小明", email=email)
        self.enrolled = self.enrol()

    def invited(self) -> str:
        made = self.send("/logins", "admin", person=self.person)
        assert made.status_code == 201, made.text
        code: str = made.json["invitation"]
        return code

    def enrol(self, password: str = PASSWORD) -> Any:
        who = {"contact": self.email, "invitation": self.invited()}
        self.secret = self.send("/sign-in/setup", **who).json["secret"]
        code = self.desk.shows(self.secret)
        enrolled = self.send("/sign-in/password", **who, password=password, code=code)
        assert enrolled.status_code == 201, enrolled.text
        return enrolled.json

    def send(self, path: str, role: str = "nobody", **body: str) -> Any:
        return self.desk.ask("POST", self.desk.base + path, role, body or None)

    def shown(self, password: str = PASSWORD) -> dict[str, str]:
        """The password with a code that was not taken yet."""
        self.desk.installation.clock.wait(seconds=30)
        return {"password": password, "code": self.desk.shows(self.secret)}

    def sign_in(self, **shown: str) -> Any:
        return self.send("/sign-in", **{"contact": self.email, **(shown or self.shown())})


@pytest.fixture
def clerk(desk: Desk) -> Clerk:
    return Clerk(desk)


def refused(answer: Any) -> bool:
    return (answer.status_code, answer.json["type"]) == (422, "/problems/sign-in-refused")


def test_from_an_admins_code_to_a_session_and_out_again(clerk: Clerk) -> None:
    desk = clerk.desk
    # given the session that the first password began
    assert desk.get("/me", clerk.enrolled["session"]).json["person"] == clerk.person
    assert len(clerk.enrolled["recovery_codes"]) == 10

    # when the clerk signs in with both factors
    signed = clerk.sign_in()

    # then for twelve hours
    assert signed.status_code == 201
    assert signed.json["person"] == clerk.person
    assert signed.headers["Cache-Control"] == "no-store"
    assert desk.get("/me", signed.json["session"]).status_code == 200
    assert len(desk.get("/sessions", signed.json["session"]).json["sessions"]) == 2

    # and signs out here alone
    assert clerk.send("/sign-out", signed.json["session"]).status_code == 204
    assert desk.get("/me", signed.json["session"]).status_code == 401
    assert desk.get("/me", clerk.enrolled["session"]).status_code == 200


def test_a_refusal_is_the_same_bytes_and_statements_whoever_it_is(clerk: Clerk) -> None:
    desk = clerk.desk
    seen = []
    for contact in (EMAIL, "nobody@example.org", "13900139000"):
        with statements(desk.installation.database) as sent:
            answer = clerk.sign_in(contact=contact, password="another horse", code="000000")
        seen.append((answer.data, [each.text for each in sent], dict(answer.headers)))
        assert refused(answer)
    for each in seen:
        each[2].pop("X-Request-Id", None)
    assert seen[0] == seen[1] == seen[2]


def test_the_lock_tells_nothing_and_time_opens_it(clerk: Clerk) -> None:
    answers = [clerk.sign_in(password="another horse", code="000000") for _ in range(5)]
    answers.append(clerk.sign_in())
    assert all(map(refused, answers))
    assert len({answer.data for answer in answers}) == 1
    # when the admin hands a code over meanwhile, then that does not open it either
    who = {"contact": EMAIL, "invitation": clerk.invited()}
    assert refused(clerk.send("/sign-in/setup", **who))
    # when a quarter of an hour is over
    clerk.desk.installation.clock.wait(minutes=15)
    assert clerk.sign_in().status_code == 201


def test_a_code_used_twice_at_once_begins_one_session(clerk: Clerk, app: Any, at_once: Any) -> None:
    shown = clerk.shown() | {"contact": EMAIL}

    def job() -> int:
        answer = app.test_client().post(f"{clerk.desk.base}/sign-in", json=shown)
        return int(answer.status_code)

    assert sorted(at_once(*[job] * 6)) == [201] + [422] * 5


def test_a_bad_password_says_why_and_the_code_stays(clerk: Clerk) -> None:
    who = {"contact": EMAIL, "invitation": clerk.invited()}
    secret = clerk.send("/sign-in/setup", **who).json["secret"]
    code = clerk.desk.shows(secret)
    bad = clerk.send("/sign-in/password", **who, password="wang1234567", code=code)
    assert (bad.status_code, bad.json["type"]) == (422, "/problems/password-refused")
    assert "wang1234567" not in bad.text
    good = clerk.send("/sign-in/password", **who, password="a boat upon a hill", code=code)
    assert good.status_code == 201
    # and the sessions that the old password began are over
    assert clerk.desk.get("/me", clerk.enrolled["session"]).status_code == 401


def test_one_changes_ones_own_login_by_both_factors(clerk: Clerk) -> None:
    session = clerk.sign_in().json["session"]
    # when the password is changed, then all sessions end and a new one begins
    new = {"new_password": "a boat upon a hill"}
    assert refused(clerk.send("/login/password", session, password="no", code="000000", **new))
    changed = clerk.send("/login/password", session, **clerk.shown(), **new)
    assert changed.status_code == 201
    assert clerk.desk.get("/me", session).status_code == 401
    session = changed.json["session"]
    # when another application is set up
    shown = clerk.shown("a boat upon a hill")
    other = clerk.send("/login/setup", session, **shown).json["secret"]
    assert refused(clerk.send("/login/setup/confirm", session, code="000000"))
    done = clerk.send("/login/setup/confirm", session, code=clerk.desk.shows(other))
    assert done.status_code == 204
    clerk.secret = other
    # and new recovery codes replace the old ones
    shown = clerk.shown("a boat upon a hill")
    codes = clerk.send("/login/recovery-codes", session, **shown).json["recovery_codes"]
    old = clerk.enrolled["recovery_codes"][0]
    assert refused(clerk.sign_in(password="a boat upon a hill", code=old))
    assert clerk.sign_in(password="a boat upon a hill", code=codes[0]).status_code == 201


def test_an_admin_gives_no_code_to_another_of_the_office(desk: Desk) -> None:
    desk.keep(desk.second, email=EMAIL)
    for person in (desk.second, SOMEBODY):
        answer = desk.ask("POST", f"{desk.base}/logins", "admin", {"person": person})
        assert answer.json["type"] == "/problems/invitation-refused"


def test_a_code_needs_a_contact_and_is_in_the_trail(clerk: Clerk) -> None:
    desk = clerk.desk
    stranger = desk.person()
    answer = clerk.send("/logins", "admin", person=stranger)
    assert (answer.status_code, answer.json["type"]) == (409, "/problems/no-contact")
    lines = desk.get("/trail?action=logins:invite", "admin").json["lines"]
    assert [(each["subject"], each["outcome"]) for each in lines] in (
        [(clerk.person, "done"), (stranger, "refused")],
        [(stranger, "refused"), (clerk.person, "done")],
    )


@pytest.mark.parametrize("contact", ["", "wang", "a@b", "12", "x" * 255])
def test_what_is_no_contact_is_a_field_to_correct(desk: Desk, contact: str) -> None:
    body = {"contact": contact, "password": PASSWORD, "code": "000000"}
    answer = desk.ask("POST", f"{desk.base}/sign-in", "nobody", body)
    assert (answer.status_code, answer.json["type"]) == (422, "/problems/fields")
    assert [each["field"] for each in answer.json["errors"]] == ["contact"]


def test_another_ledger_knows_nothing_of_a_login(clerk: Clerk) -> None:
    answer = clerk.desk.ask(
        "POST", "/v1/ledgers/xiyuan/sign-in", "nobody", clerk.shown() | {"contact": EMAIL}
    )
    assert (answer.status_code, answer.json["type"]) == (404, "/problems/ledger-unknown")


def test_strangers_are_counted_by_their_address(installation: Any) -> None:
    few = RateLimit(reads=100, writes=100, strangers=2)
    app = create_app(installation, replace(installation.settings, rate_limit=few))
    desk = Desk(app, app.test_client(), installation)
    body = {"contact": EMAIL, "password": PASSWORD, "code": "000000"}
    answers = [desk.ask("POST", f"{desk.base}/sign-in", "nobody", body) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [422, 422, 429, 429]


def test_nothing_of_a_sign_in_is_logged(clerk: Clerk, capsys: pytest.CaptureFixture[str]) -> None:
    shown = clerk.shown()
    clerk.sign_in(**shown)
    clerk.sign_in(contact=EMAIL, password="another horse", code="000000")
    logged = "".join(capsys.readouterr())
    for secret in (EMAIL, "wang", PASSWORD, shown["code"], clerk.secret, "another horse"):
        assert secret not in logged
