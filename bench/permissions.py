"""The check of a permission, as each request makes it: who sends it, and how far that reaches."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from bench.desk import BenchDesk
from ledger.journal.commands import Statement
from ledger.journal.entry import new_id, to_base64
from ledger.journal.orders import Companion, Done, Group, Order
from ledger.journal.times import format_time, to_us
from ledger.programme.grants import granting
from ledger.programme.people.sessions import begin, find_session
from ledger.programme.roles import Reach
from ledger.programme.tokens import create_token, find_token

ORGANISATIONS = 3
ACTION = "attainments:read"


class BenchPermissions:
    """One of the staff of some organisations, signed in, and an officer's token."""

    def __init__(self, desk: BenchDesk) -> None:
        self._desk = desk
        here, person = desk.installation, new_id("person", os.urandom(16))
        place = (here.database, desk.ledger, here.clock)
        command = Statement(
            kind="person", actor=desk.actor, fields={"person": person, "standing": "partner"}
        )
        orders = [Order(command=command)]
        orders += [Order(companions=(self._grant(person),)) for _ in range(ORGANISATIONS)]
        outcomes = desk.ledger.appender.submit(Group(tuple(orders)))
        if not all(isinstance(outcome, Done) for outcome in outcomes):
            raise RuntimeError(f"nobody was given a role: {outcomes}")
        self._session = begin(*place, person, "day").text
        self._token = create_token(
            here.database, here.clock, desk.ledger.name, desk.actor, "officer", 30
        ).text

    def sessions_per_second(self, count: int) -> float:
        """Checks of a session: one look-up with all roles, and the table of actions."""
        return self._per_second(count, self._of_session)

    def tokens_per_second(self, count: int) -> float:
        """Checks of a token, which has one role."""
        return self._per_second(count, self._of_token)

    def _per_second(self, count: int, check: Callable[[], Reach]) -> float:
        start = time.perf_counter()
        for _ in range(count):
            if not check():
                raise RuntimeError("the check let nobody pass")
        return count / (time.perf_counter() - start)

    def _of_session(self) -> Reach:
        here = self._desk.installation
        with here.database.reading() as conn:
            found = find_session(conn, self._desk.ledger, self._session, here.clock.now())
        if found is None or len(found.principal.held) < ORGANISATIONS:
            raise RuntimeError("the session was not found with its roles")
        return found.principal.reach(ACTION)

    def _of_token(self) -> Reach:
        here = self._desk.installation
        with here.database.reading() as conn:
            found = find_token(conn, self._token, here.clock.now(), self._desk.ledger.id)
        if found is None:
            raise RuntimeError("the token was not found")
        return found.token.principal.reach(ACTION)

    def _grant(self, person: str) -> Companion:
        values = {
            "person": person,
            "role": "manager",
            "organisation": new_id("org", os.urandom(16)),
            "first": "2020-01-01",
        }
        at = format_time(to_us(self._desk.installation.clock.now()))
        request = to_base64(os.urandom(32))
        return granting(values, request=request, by=self._desk.actor, at=at)
