"""Somebody of the staff who signs in, and the short ways to what they do."""

from __future__ import annotations

from datetime import datetime

import pyotp

from ledger.journal.commands import Statement
from ledger.journal.orders import Done, Group, Order
from ledger.programme.people import enrolment, logins
from ledger.programme.people.contacts import Contact, contact_of
from ledger.programme.people.logins import Proof
from ledger.programme.recording import Change
from tests.programme.registry import Registry, fresh

PASSWORD = "correct horse battery staple"


def code_of(secret: str, moment: datetime) -> str:
    """What an authenticator application shows."""
    return pyotp.TOTP(secret).at(moment)


def known(registry: Registry, **basics: str) -> str:
    """Somebody of whom these basics are kept."""
    person = fresh("person")
    registry.save(Change("basics", person, person, basics))
    return person


def member(registry: Registry, **basics: str) -> str:
    """Somebody with a member's account."""
    person = known(registry, **basics)
    account = "member" + person.removeprefix("person")
    enter(registry, Order(command=opening(registry, account)))
    return person


def opening(registry: Registry, account: str) -> Statement:
    """What opens an account."""
    return Statement(kind="open", actor=registry.office, fields={"account": account})


def enter(registry: Registry, order: Order) -> None:
    (outcome,) = registry.ledger.appender.submit(Group((order,)))
    assert isinstance(outcome, Done), outcome


class Clerk:
    """Somebody of the staff with a telephone, an address and an authenticator application."""

    def __init__(
        self, registry: Registry, email: str = "wang@example.org", phone: str = "13800138000"
    ) -> None:
        self.registry = registry
        self.place = (registry.database, registry.ledger, registry.clock)
        self.contact = contact_of(email)
        self.person = known(registry, full_name="王小明", email=email, phone=phone)
        self.secret = ""
        self.recovery: tuple[str, ...] = ()
        self.enrol(self.invited())

    def invited(self) -> str:
        """A code as an admin hands it over."""
        return enrolment.invite(*self.place, self.person).code

    def enrol(self, code: str, password: str = PASSWORD) -> None:
        setup = enrolment.begin_enrolment(*self.place, self.contact, code)
        proof = Proof(password, code_of(setup.secret, self.registry.clock.now()))
        enrolled = enrolment.finish_enrolment(*self.place, self.contact, code, proof)
        assert enrolled.person == self.person
        self.secret, self.recovery = setup.secret, enrolled.recovery_codes

    def proof(self, password: str = PASSWORD) -> Proof:
        """The password with a code that was not taken yet."""
        self.registry.clock.wait(seconds=30)
        return Proof(password, code_of(self.secret, self.registry.clock.now()))

    def sign_in(self, proof: Proof | None = None, contact: Contact | None = None) -> str:
        return logins.sign_in(*self.place, contact or self.contact, proof or self.proof())
