"""Codes of an authenticator application: the window, and each step once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.programme.people.totp import accepted_step, new_secret, setup_uri, step_of

SECRET = base64.b32encode(b"12345678901234567890").decode()
NOW = datetime(2026, 11, 24, 2, 3, 10, tzinfo=UTC)
STEPS = st.integers(-5, 5)


def code_at(step: int, secret: str = SECRET) -> str:
    """RFC 4226, section 5.3, written out."""
    mac = hmac.digest(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1)
    at = mac[19] & 15
    (number,) = struct.unpack(">I", mac[at : at + 4])
    return f"{(number & 0x7FFFFFFF) % 1_000_000:06d}"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_the_vectors_of_rfc_6238(seconds: int, code: str) -> None:
    # appendix B, the last six of its eight digits
    moment = datetime.fromtimestamp(seconds, UTC)
    assert accepted_step(SECRET, code, moment, None) == seconds // 30


@given(STEPS)
def test_one_step_to_either_side_is_taken_and_no_other(away: int) -> None:
    step = step_of(NOW) + away
    found = accepted_step(SECRET, code_at(step), NOW, None)
    assert found == (step if abs(away) <= 1 else None)


@given(st.lists(st.tuples(STEPS, st.integers(0, 90)), max_size=20))
def test_no_step_is_ever_taken_twice(tries: list[tuple[int, int]]) -> None:
    now, last, taken = NOW, None, []
    for away, seconds in tries:
        now += timedelta(seconds=seconds)
        step = accepted_step(SECRET, code_at(step_of(now) + away), now, last)
        if step is not None:
            taken.append(step)
            last = step
    assert taken == sorted(set(taken))


@pytest.mark.parametrize("written", ["{0} {1}", " {0}{1}\n", "{0}\u3000{1}"])
def test_spaces_and_wide_digits_do_not_matter(written: str) -> None:
    code = code_at(step_of(NOW))
    wide = written.format(code[:3], code[3:]).translate(
        {ord("0") + n: 0xFF10 + n for n in range(10)}
    )
    for each in (written.format(code[:3], code[3:]), wide):
        assert accepted_step(SECRET, each, NOW, None) == step_of(NOW)


@given(st.text(max_size=12).filter(lambda text: not any(each.isdigit() for each in text)))
def test_what_is_no_code_is_none(text: str) -> None:
    assert accepted_step(SECRET, text, NOW, None) is None


def test_a_secret_has_160_bits_and_is_set_up_by_its_uri() -> None:
    secret = new_secret()
    assert len(base64.b32decode(secret)) == 20
    assert new_secret() != secret
    uri = urlsplit(setup_uri(secret, "beiyuan", "points.example.org"))
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    asked = parse_qs(uri.query)
    assert asked["secret"] == [secret]
    assert asked["issuer"] == ["points.example.org"]
