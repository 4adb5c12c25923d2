"""Clocks that are wrong: nothing is entered under a time that would have to be taken back."""

from __future__ import annotations

from datetime import timedelta

from tests.faults.conftest import Customer
from tests.journal.live import TestClock


def test_a_clock_that_was_set_back(customer: Customer, clock: TestClock) -> None:
    clock.set(minutes=-2)
    customer.meets("clock")

    clock.set(minutes=2)

    customer.is_served_again()


def test_a_clock_that_was_set_a_month_ahead(customer: Customer, clock: TestClock) -> None:
    clock.set(days=30)
    customer.meets("clock")

    clock.set(days=-30)

    customer.is_served_again()


def test_clocks_that_are_apart(customer: Customer, clock: TestClock) -> None:
    clock.apart = timedelta(seconds=6)
    customer.meets("clock")

    clock.apart = timedelta(0)

    customer.is_served_again()
