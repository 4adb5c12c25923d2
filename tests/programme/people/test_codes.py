"""Codes that are sent: one contact, one purpose, ten minutes, five tries, five an hour."""

from __future__ import annotations

import re
import threading
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from ledger.programme.courier import Courier
from ledger.programme.jobs import do_due_jobs
from ledger.programme.people import codes
from ledger.programme.people.contacts import Contact, contact_of
from ledger.programme.tables import sent_code
from tests.programme.registry import Registry, fresh

PHONE = contact_of("138 0013 8000")


def made(registry: Registry, contact: Contact = PHONE, purpose: str = "sign-in") -> str | None:
    return codes.make_code(registry.database, registry.ledger, registry.clock, purpose, contact)


def used(
    registry: Registry,
    code: str | None,
    contact: Contact = PHONE,
    purpose: str = "sign-in",
    **how: Any,
) -> bool:
    assert code is not None
    place = (registry.database, registry.ledger, registry.clock)
    return codes.use_code(*place, purpose, contact, code, **how)


def other_than(code: str | None) -> str:
    return f"{(int(code or 0) + 1) % 1_000_000:06d}"


def test_a_code_is_right_once(registry: Registry) -> None:
    code = made(registry)
    assert code is not None
    assert re.fullmatch(r"[0-9]{6}", code)
    assert used(registry, f" {code[:3]} {code[3:]}")
    assert not used(registry, code)


def test_a_code_that_is_kept_is_right_again(registry: Registry) -> None:
    code = made(registry)
    assert used(registry, code, keep=True)
    assert used(registry, code)
    assert not used(registry, code, keep=True)


def test_a_code_is_for_one_contact_and_one_purpose(registry: Registry) -> None:
    code = made(registry)
    other = contact_of("wang@example.org")
    made(registry, other)
    made(registry, PHONE, "contact")
    assert not used(registry, code, other)
    assert not used(registry, code, PHONE, "contact")
    assert used(registry, code)


def test_a_contact_is_the_same_however_it_is_written(registry: Registry) -> None:
    assert used(registry, made(registry), contact_of("+86-138-0013-8000"))
    assert contact_of("Wang@Example.org") == contact_of(" wang＠example.org")
    assert "13800138000" not in repr(PHONE)


def test_the_next_code_voids_the_one_before(registry: Registry) -> None:
    first, second = made(registry), made(registry)
    assert first == second or not used(registry, first)
    assert used(registry, second)


def test_a_code_lasts_ten_minutes(registry: Registry) -> None:
    code = made(registry)
    registry.clock.wait(minutes=9, seconds=59)
    assert used(registry, code, keep=True)
    registry.clock.wait(seconds=1)
    assert not used(registry, code)


def test_after_five_wrong_tries_the_right_one_is_wrong(registry: Registry) -> None:
    code = made(registry)
    for _ in range(4):
        assert not used(registry, other_than(code))
    assert used(registry, code, keep=True)
    assert not used(registry, other_than(code))
    assert not used(registry, code)


def test_a_contact_has_five_codes_an_hour_of_all_purposes(registry: Registry) -> None:
    for at in range(5):
        last = made(registry, purpose=codes.PURPOSES[at % 2])
        registry.clock.wait(minutes=1)
    assert made(registry) is None
    assert made(registry, purpose="contact") is None
    assert made(registry, contact_of("13900139000")) is not None
    assert used(registry, last)  # which the refused ones did not void
    registry.clock.wait(minutes=56)
    assert made(registry) is not None


def test_neither_code_nor_contact_is_kept(registry: Registry) -> None:
    code = made(registry)
    with registry.database.reading() as conn:
        (row,) = conn.execute(select(sent_code)).all()
    assert "13800138000" not in repr(row)
    assert (code or "").encode() not in bytes(row.code)
    assert len(bytes(row.code)) == 32


def test_the_job_forgets_codes_that_say_nothing_any_more(registry: Registry) -> None:
    made(registry)
    registry.clock.wait(minutes=119)
    made(registry, contact_of("13900139000"))
    registry.clock.wait(minutes=2)
    do_due_jobs(registry.installation, fresh("worker"), Courier({}))
    with registry.database.reading() as conn:
        kept = conn.execute(select(sent_code.c.sent)).all()
    assert len(kept) == 1
    assert made(registry) is not None


def test_one_code_used_by_ten_at_once_is_right_for_one(registry: Registry) -> None:
    code = made(registry)
    barrier, right = threading.Barrier(10), []

    def use() -> None:
        barrier.wait(10)
        if used(registry, code):
            right.append(True)

    threads = [threading.Thread(target=use) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert right == [True]


STEPS = st.lists(st.sampled_from(["make", "right", "wrong", "wait"]), max_size=25)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STEPS)
def test_whatever_happens_a_code_is_right_as_long_as_the_rules_say(
    sqlite_registry: Registry, steps: list[str]
) -> None:
    """Against the rules, told again: (code, minute made, tries left) and the hour's minutes."""
    registry, contact = sqlite_registry, contact_of(f"{fresh('a')[2:]}@example.org")
    codes_of_hour: list[float] = []
    current: tuple[str, float, int] | None = None
    minute = 0.0
    first = 0.0
    for step in steps:
        if step == "wait":
            registry.clock.wait(minutes=4)
            minute += 4
        elif step == "make":
            if codes_of_hour and minute - first >= 60:
                codes_of_hour = []
            code = made(registry, contact)
            assert (code is None) == (len(codes_of_hour) >= 5)
            if code is not None:
                first = first if codes_of_hour else minute
                codes_of_hour.append(minute)
                current = (code, minute, 5)
        elif current is not None:
            code, since, tries = current
            valid = tries > 0 and minute - since < 10
            if step == "right":
                assert used(registry, code, contact) == valid
                current = None if valid else current
            else:
                assert not used(registry, other_than(code), contact)
                current = (code, since, tries - 1)
