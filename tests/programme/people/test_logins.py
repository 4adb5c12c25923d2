"""Signing in: what is right, what is refused, and that a refusal tells nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from ledger.programme.erasure import destroy
from ledger.programme.people import enrolment, logins
from ledger.programme.people.contacts import contact_of, nobody_of
from ledger.programme.people.logins import Proof, SignInRefused
from ledger.programme.people.passwords import is_outdated
from ledger.programme.recording import Change
from ledger.programme.tables import login, recovery_code
from tests.programme.people.signing import PASSWORD, Clerk, code_of, known
from tests.programme.registry import TODAY, Registry
from tests.programme.test_plans import faults, plan
from tests.statements import statements

NOBODYS = contact_of("nobody@example.org")


@pytest.fixture
def clerk(registry: Registry) -> Clerk:
    return Clerk(registry)


def refused(clerk: Clerk, proof: Proof | None = None, **how: Any) -> str:
    with pytest.raises(SignInRefused) as error:
        clerk.sign_in(proof, **how)
    return str(error.value)


def test_contact_password_and_code_sign_in(clerk: Clerk) -> None:
    assert clerk.sign_in() == clerk.person
    assert clerk.sign_in(contact=contact_of("+86 138 0013 8000")) == clerk.person


def test_whatever_is_wrong_is_refused_in_the_same_words(clerk: Clerk) -> None:
    right = clerk.proof()
    said = {
        refused(clerk, right, contact=NOBODYS),
        refused(clerk, Proof("another horse battery", right.second)),
        refused(clerk, Proof(PASSWORD, "000000" if right.second != "000000" else "000001")),
        refused(clerk, Proof(PASSWORD, "")),
    }
    assert len(said) == 1
    assert "王" not in said.pop()
    assert clerk.sign_in(right) == clerk.person


def test_a_code_of_the_application_is_taken_once(clerk: Clerk) -> None:
    proof = clerk.proof()
    assert clerk.sign_in(proof) == clerk.person
    refused(clerk, proof)


def test_a_recovery_code_stands_in_once_and_ten_of_them_do(clerk: Clerk) -> None:
    assert len(set(clerk.recovery)) == 10
    for code in clerk.recovery:
        assert clerk.sign_in(Proof(PASSWORD, code.upper())) == clerk.person
        refused(clerk, Proof(PASSWORD, code))


def test_a_recovery_code_is_not_used_up_by_a_wrong_password(clerk: Clerk) -> None:
    refused(clerk, Proof("another horse battery", clerk.recovery[0]))
    assert clerk.sign_in(Proof(PASSWORD, clerk.recovery[0])) == clerk.person


def test_after_five_failures_it_is_locked_until_time_unlocks_it(clerk: Clerk) -> None:
    wrong = Proof("another horse battery", "000000")
    said = {refused(clerk, wrong) for _ in range(5)}
    # when the right things are shown
    said.add(refused(clerk))
    said.add(refused(clerk, Proof(PASSWORD, clerk.recovery[0])))
    # then nothing says that it is locked, and nothing was used up
    assert len(said) == 1
    clerk.registry.clock.wait(minutes=15)
    assert clerk.sign_in(Proof(PASSWORD, clerk.recovery[0])) == clerk.person
    # and the count begins anew
    for _ in range(4):
        refused(clerk, wrong)
    assert clerk.sign_in() == clerk.person


def test_a_lock_is_of_one_login(clerk: Clerk) -> None:
    other = Clerk(clerk.registry, "li@example.org", "13900139000")
    for _ in range(5):
        refused(clerk, Proof("another horse battery", "000000"))
    for _ in range(5):
        refused(clerk, Proof("another horse battery", "000000"), contact=NOBODYS)
    assert other.sign_in() == other.person
    refused(clerk)


def test_whether_there_is_such_a_login_costs_the_same(clerk: Clerk) -> None:
    """The same statements, the same rows changed, the same hash, and one commit each."""
    proofs = [Proof("another horse battery", "000000"), Proof(PASSWORD, clerk.recovery[0])]
    invited = known(clerk.registry, email="invited@example.org")
    enrolment.invite(*clerk.place, invited)
    seen = []
    for contact in (clerk.contact, NOBODYS, contact_of("invited@example.org")):
        with statements(clerk.registry.database) as tried:
            refused(clerk, proofs[0], contact=contact)
        seen.append([each.text for each in tried])
    assert seen[0] == seen[1] == seen[2]
    with clerk.registry.database.reading() as conn:
        failures = conn.execute(select(login.c.failures)).scalars().all()
    assert failures == [1, 1, 1]
    # a locked one costs the same again
    for _ in range(4):
        refused(clerk, proofs[0])
    with statements(clerk.registry.database) as tried:
        refused(clerk, proofs[0])
    assert [each.text for each in tried] == seen[0]


def test_each_attempt_tries_one_hash_with_todays_parameters(
    clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    real = logins.is_password

    def spy(kept: str, password: str) -> bool:
        tried.append(kept)
        return real(kept, password)

    monkeypatch.setattr(logins, "is_password", spy)
    for contact in (clerk.contact, NOBODYS):
        refused(clerk, Proof("another horse battery", "000000"), contact=contact)
    clerk.sign_in()
    assert len(tried) == 3
    assert len(set(tried)) == 2
    assert not any(is_outdated(kept) for kept in tried)


def test_nobody_signs_in_as_nobody(clerk: Clerk) -> None:
    with clerk.registry.database.reading() as conn:
        people = set(conn.execute(select(login.c.subject)).scalars())
    assert people == {clerk.person, nobody_of(clerk.registry.ledger)}


def test_a_ledger_without_logins_refuses_too(registry: Registry) -> None:
    place = (registry.database, registry.ledger, registry.clock)
    with pytest.raises(SignInRefused):
        logins.sign_in(*place, NOBODYS, Proof(PASSWORD, "000000"))


def test_a_contact_of_two_logins_signs_neither_in_and_the_other_contact_does(
    clerk: Clerk,
) -> None:
    other = Clerk(clerk.registry, "li@example.org", "13800138000")
    shared = contact_of("13800138000")
    refused(clerk, contact=shared)
    refused(other, contact=shared)
    assert (clerk.sign_in(), other.sign_in()) == (clerk.person, other.person)


def test_only_ones_own_confirmed_contact_counts(clerk: Clerk) -> None:
    # given a record of another kind about the clerk, such as an emergency contact
    change = Change("emergency", clerk.person, clerk.person, {"phone": "13700137000"})
    clerk.registry.save(change)
    refused(clerk, contact=contact_of("13700137000"))
    # when the address is another one from now on
    basics = {"full_name": "王小明", "email": "ming@example.org", "phone": "13800138000"}
    clerk.registry.save(Change("basics", clerk.person, clerk.person, basics, seen=1))
    refused(clerk)
    assert clerk.sign_in(contact=contact_of("ming@example.org")) == clerk.person


def test_a_hash_of_old_parameters_is_made_anew_by_the_next_sign_in(clerk: Clerk) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(PASSWORD)
    mine = login.c.subject == clerk.person
    with clerk.registry.database.writing() as conn:
        conn.execute(update(login).where(mine).values(password=weak))
    refused(clerk, clerk.proof("another horse battery"))
    assert clerk.sign_in() == clerk.person
    with clerk.registry.database.reading() as conn:
        kept = conn.execute(select(login.c.password).where(mine)).scalar_one()
    assert not is_outdated(kept)
    assert clerk.sign_in() == clerk.person


def test_an_erased_person_has_no_login(clerk: Clerk) -> None:
    proof = clerk.proof()
    destroy(clerk.registry.database, clerk.registry.ledger, [clerk.person], TODAY)
    refused(clerk, proof)
    with clerk.registry.database.reading() as conn:
        assert clerk.person not in conn.execute(select(login.c.subject)).scalars().all()
        assert conn.execute(select(recovery_code)).all() == []


@pytest.mark.parametrize("kind", ["application", "recovery"])
def test_of_ten_who_show_one_code_at_once_one_signs_in(clerk: Clerk, kind: str) -> None:
    proof = clerk.proof() if kind == "application" else Proof(PASSWORD, clerk.recovery[0])
    done = at_once(10, lambda: clerk.sign_in(proof))
    assert [each for each in done if each == clerk.person] == [clerk.person]


def test_of_many_who_guess_at_once_five_are_counted_and_then_it_is_locked(clerk: Clerk) -> None:
    at_once(12, lambda: clerk.sign_in(Proof("another horse battery", "000000")))
    with clerk.registry.database.reading() as conn:
        row = conn.execute(select(login).where(login.c.subject == clerk.person)).one()
    assert row.failures == 5
    refused(clerk)


def at_once(number: int, job: Callable[[], str]) -> list[str | None]:
    """What each of so many threads got; None where it was refused."""
    barrier = threading.Barrier(number)
    got: list[str | None] = [None] * number

    def work(place: int) -> None:
        barrier.wait(10)
        try:
            got[place] = job()
        except SignInRefused:
            got[place] = None

    threads = [threading.Thread(target=work, args=(at,)) for at in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return got


def test_a_login_is_found_by_index(clerk: Clerk) -> None:
    with statements(clerk.registry.database) as tried:
        clerk.sign_in()
    reads = [each for each in tried if each.words.startswith("SELECT")]
    assert len(reads) == 4
    for each in reads:
        told = plan(clerk.registry.database, *each)
        assert faults(clerk.registry.database.dialect, told) == [], told


def test_nothing_secret_is_in_a_repr_or_a_row(clerk: Clerk) -> None:
    with clerk.registry.database.reading() as conn:
        rows = repr(conn.execute(select(login)).all()) + repr(
            conn.execute(select(recovery_code)).all()
        )
    code = code_of(clerk.secret, clerk.registry.clock.now())
    shown = rows + repr(Proof(PASSWORD, code))
    for secret in (
        PASSWORD,
        clerk.secret,
        code,
        *clerk.recovery,
        clerk.recovery[0].replace("-", ""),
    ):
        assert secret not in shown
