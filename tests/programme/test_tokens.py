"""Tokens as they are stored."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from ledger.journal.times import format_time, to_us
from ledger.programme.tables import token as table
from ledger.programme.tokens import (
    OPERATOR,
    TokenRefused,
    TokenUnknown,
    create_token,
    find_token,
    list_tokens,
    revoke_token,
    rotate_token,
)
from tests.journal.live import TestClock

SOMEBODY = "person/" + "a" * 26


def made(database, clock=None, days=30):
    return create_token(database, clock or TestClock(), OPERATOR, SOMEBODY, OPERATOR, days)


def test_only_the_hash_of_a_token_is_stored(database):
    token = made(database)

    with database.reading() as conn:
        (row,) = conn.execute(select(table)).all()
    secret = token.text.removeprefix("pts_operator_")
    assert len(secret) == 43
    assert bytes(row.hash) == hashlib.sha256(token.text.encode()).digest()
    assert secret not in repr(tuple(row))
    assert secret not in token.id


def test_a_token_does_not_show_its_secret_by_accident(database):
    token = made(database)

    assert token.text not in repr(token)
    assert token.text not in f"{list_tokens(database, OPERATOR)}"


def test_a_token_is_found_by_its_whole_text_until_it_expires(database):
    clock = TestClock()
    token = made(database, clock, days=1)

    def found(text):
        with database.reading() as conn:
            return find_token(conn, text, clock.now(), None)

    assert found(token.text).token.person == SOMEBODY
    assert found(token.text[:-1]) is None
    assert found(token.text.swapcase()) is None
    clock.wait(days=1)
    assert found(token.text) is None


def test_a_revoked_token_keeps_the_time_of_its_first_revocation(database):
    clock = TestClock()
    token = made(database, clock)
    revoke_token(database, clock, OPERATOR, token.id)
    (first,) = list_tokens(database, OPERATOR)

    clock.wait(hours=1)
    revoke_token(database, clock, OPERATOR, token.id)

    assert list_tokens(database, OPERATOR) == [first]
    with database.reading() as conn:
        assert find_token(conn, token.text, clock.now(), None) is None


def test_a_token_of_another_ledger_is_not_revoked(database):
    token = made(database)

    with pytest.raises(TokenUnknown, match="beiyuan has no token"):
        revoke_token(database, TestClock(), "beiyuan", token.id)


@pytest.mark.parametrize(
    ("ledger", "role", "days", "why"),
    [
        (OPERATOR, OPERATOR, 0, "1 to 366 days"),
        (OPERATOR, OPERATOR, 367, "1 to 366 days"),
        (OPERATOR, "admin", 1, "the installation's"),
        ("beiyuan", OPERATOR, 1, "the installation's"),
        ("beiyuan", "owner", 1, "no role 'owner'"),
        ("beiyuan", "admin", 1, "no ledger 'beiyuan'"),
    ],
)
def test_a_token_that_would_be_of_no_use_is_refused(database, ledger, role, days, why):
    with pytest.raises(TokenRefused, match=why):
        create_token(database, TestClock(), ledger, SOMEBODY, role, days)
    assert list_tokens(database, ledger) == []


# --- rotation ------------------------------------------------------------------------------------


def test_a_token_has_one_successor_however_often_it_is_rotated(database):
    # given a token of 90 days that was rotated, and whose overlap is not over
    clock = TestClock()
    first = made(database, clock, days=90)
    clock.wait(days=10)
    second = rotate_token(database, clock, OPERATOR, first.id)
    before = list_tokens(database, OPERATOR)

    # when it is rotated again, now and when it has ended, then it is said what to rotate instead
    for _ in range(2):
        with pytest.raises(TokenRefused, match=f"{first.id} .*already.* {second.id}"):
            rotate_token(database, clock, OPERATOR, first.id)
        assert list_tokens(database, OPERATOR) == before
        clock.wait(days=2)

    # and whoever does so has one that lasts as long as the first was to
    third = rotate_token(database, clock, OPERATOR, second.id)
    tokens = {token.id: token for token in list_tokens(database, OPERATOR)}
    assert set(tokens) == {first.id, second.id, third.id}
    assert tokens[third.id].expires_at == format_time(to_us(clock.now() + timedelta(days=90)))


def test_a_token_that_is_rotated_by_several_at_once_has_one_successor(database):
    clock = TestClock()
    token = made(database, clock)

    def rotate():
        try:
            return rotate_token(database, clock, OPERATOR, token.id).id
        except TokenRefused as refused:
            return str(refused)

    with ThreadPoolExecutor(4) as pool:
        answers = [job.result() for job in [pool.submit(rotate) for _ in range(4)]]

    (successor,) = {answer for answer in answers if answer.startswith("token/")} & {
        each.id for each in list_tokens(database, OPERATOR)
    }
    assert sum(successor in answer for answer in answers) == 4
    assert len(list_tokens(database, OPERATOR)) == 2
