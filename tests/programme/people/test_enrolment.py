"""How a login is set, and changed by its own person."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ledger.programme.people import enrolment, sessions
from ledger.programme.people.contacts import contact_of
from ledger.programme.people.enrolment import NoContact
from ledger.programme.people.logins import Proof, SignInRefused
from ledger.programme.people.passwords import PasswordRefused
from tests.programme.people.signing import PASSWORD, Clerk, code_of, known
from tests.programme.registry import Registry, fresh

NEW = "seven quiet lanterns drift"


@pytest.fixture
def clerk(registry: Registry) -> Clerk:
    return Clerk(registry)


def begin(clerk: Clerk, code: str) -> Any:
    return enrolment.begin_enrolment(*clerk.place, clerk.contact, code)


def finish(clerk: Clerk, code: str, password: str, second: str) -> Any:
    proof = Proof(password, second)
    return enrolment.finish_enrolment(*clerk.place, clerk.contact, code, proof)


def test_only_who_has_a_contact_is_invited(registry: Registry) -> None:
    place = (registry.database, registry.ledger, registry.clock)
    for person in (fresh("person"), known(registry, full_name="张三")):
        with pytest.raises(NoContact, match="Enter an e-mail address"):
            enrolment.invite(*place, person)
    assert enrolment.invite(*place, known(registry, phone="13800138000")).code


def test_an_invitation_is_used_once_and_the_next_one_voids_it(clerk: Clerk) -> None:
    first = clerk.invited()
    second = clerk.invited()
    with pytest.raises(SignInRefused):
        begin(clerk, first)
    clerk.enrol(second)
    with pytest.raises(SignInRefused):
        begin(clerk, second)


def test_an_invitation_lasts_seven_days(clerk: Clerk) -> None:
    code = clerk.invited()
    clerk.registry.clock.wait(days=7, seconds=-1)
    begin(clerk, code)
    clerk.registry.clock.wait(seconds=1)
    with pytest.raises(SignInRefused):
        begin(clerk, code)


def test_an_invitation_needs_the_contact_of_its_person(clerk: Clerk) -> None:
    other = Clerk(clerk.registry, "li@example.org", "13900139000")
    code = clerk.invited()
    for contact in (other.contact, contact_of("nobody@example.org")):
        with pytest.raises(SignInRefused):
            enrolment.begin_enrolment(*clerk.place, contact, code)


def test_until_it_is_used_the_old_password_stays_and_then_it_goes(clerk: Clerk) -> None:
    text = sessions.begin(*clerk.place, clerk.person, "day").text
    recovery = clerk.recovery[0]
    code = clerk.invited()
    assert clerk.sign_in() == clerk.person
    clerk.enrol(code, NEW)
    # then the new one signs in, and nothing of the old one does
    assert clerk.sign_in(clerk.proof(NEW)) == clerk.person
    for old in (clerk.proof(PASSWORD), Proof(NEW, recovery)):
        with pytest.raises(SignInRefused):
            clerk.sign_in(old)
    with clerk.registry.database.reading() as conn:
        now = clerk.registry.clock.now()
        assert sessions.find_session(conn, clerk.registry.ledger, text, now) is None


def test_a_locked_login_is_opened_by_time_alone_also_for_a_code(clerk: Clerk) -> None:
    code = clerk.invited()
    for _ in range(5):
        with pytest.raises(SignInRefused):
            begin(clerk, "aaaa-aaaa-aaaa-aaaa")
    with pytest.raises(SignInRefused):
        begin(clerk, code)
    clerk.registry.clock.wait(minutes=15)
    clerk.enrol(code)


def test_the_application_has_to_show_a_code_before_anything_counts(clerk: Clerk) -> None:
    code = clerk.invited()
    setup = begin(clerk, code)
    with pytest.raises(SignInRefused):
        finish(clerk, code, NEW, code_of(clerk.secret, clerk.registry.clock.now()))
    assert clerk.sign_in() == clerk.person
    now = clerk.registry.clock.now()
    assert finish(clerk, code, NEW, code_of(setup.secret, now)).person == clerk.person


def test_a_bad_password_is_refused_with_its_reason_and_the_code_stays(clerk: Clerk) -> None:
    code = clerk.invited()
    second = code_of(begin(clerk, code).secret, clerk.registry.clock.now())
    for bad in (
        "short",
        "password1234",
        "13800138000",
        "wang@example.org",
        "王小明王小明王小明王小明",
    ):
        with pytest.raises(PasswordRefused):
            finish(clerk, code, bad, second)
    assert finish(clerk, code, NEW, second).person == clerk.person


def test_the_setup_names_the_ledger_and_nobody(clerk: Clerk) -> None:
    setup = begin(clerk, clerk.invited())
    uri = urlsplit(setup.uri)
    assert parse_qs(uri.query)["secret"] == [setup.secret]
    assert uri.path == "/points.example.org:beiyuan"
    assert setup.secret not in repr(setup)


def test_one_changes_ones_password_by_showing_both_factors(clerk: Clerk) -> None:
    text = sessions.begin(*clerk.place, clerk.person, "day").text
    with pytest.raises(SignInRefused):
        enrolment.change_password(*clerk.place, clerk.person, Proof("wrong", "000000"), NEW)
    with pytest.raises(PasswordRefused):
        enrolment.change_password(*clerk.place, clerk.person, clerk.proof(), "beiyuan123456")
    enrolment.change_password(*clerk.place, clerk.person, clerk.proof(), NEW)
    assert clerk.sign_in(clerk.proof(NEW)) == clerk.person
    with pytest.raises(SignInRefused):
        clerk.sign_in()
    with clerk.registry.database.reading() as conn:
        now = clerk.registry.clock.now()
        assert sessions.find_session(conn, clerk.registry.ledger, text, now) is None


def test_one_changes_the_application_and_the_old_one_counts_until_then(clerk: Clerk) -> None:
    with pytest.raises(SignInRefused):
        enrolment.confirm_totp(*clerk.place, clerk.person, "000000")
    setup = enrolment.renew_totp(*clerk.place, clerk.person, clerk.proof())
    assert clerk.sign_in() == clerk.person
    with pytest.raises(SignInRefused):
        clerk.sign_in(Proof(PASSWORD, code_of(setup.secret, clerk.registry.clock.now())))
    clerk.registry.clock.wait(seconds=30)
    code = code_of(setup.secret, clerk.registry.clock.now())
    enrolment.confirm_totp(*clerk.place, clerk.person, code)
    with pytest.raises(SignInRefused):  # it was taken
        clerk.sign_in(Proof(PASSWORD, code))
    with pytest.raises(SignInRefused):
        clerk.sign_in()
    clerk.secret = setup.secret
    assert clerk.sign_in() == clerk.person


def test_new_recovery_codes_void_the_old_ones(clerk: Clerk) -> None:
    before = clerk.recovery
    codes = enrolment.renew_recovery_codes(*clerk.place, clerk.person, clerk.proof())
    assert len(set(codes) | set(before)) == 20
    with pytest.raises(SignInRefused):
        clerk.sign_in(Proof(PASSWORD, before[0]))
    assert clerk.sign_in(Proof(PASSWORD, codes[0])) == clerk.person
