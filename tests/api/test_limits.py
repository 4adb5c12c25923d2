"""One client's loop does not take the service from the others."""

from dataclasses import replace

import pytest

from api import create_app
from api.limits import Limiter
from api.problems import Problem
from ledger.config import RateLimit, read_settings
from ledger.errors import ConfigError
from tests.api.conftest import Desk
from tests.api.visitor import Visitor

FEW = RateLimit(reads=3, writes=20, strangers=2)


class Minutes:
    """A clock in seconds that stands still."""

    seconds = 6_000.0

    def __call__(self) -> float:
        return self.seconds


def limited(answer):
    return (answer.status_code, answer.json.get("type")) == (429, "/problems/rate-limited")


def taken(take, key):
    """How many requests pass before one does not; at most ten."""
    for count in range(10):
        try:
            take(key)
        except Problem:
            return count
    return 10


@pytest.fixture
def desk(installation):
    """A desk where little is allowed."""
    app = create_app(installation, replace(installation.settings, rate_limit=FEW))
    return Desk(app, app.test_client(), installation)


def test_a_token_that_reads_too_much_waits_and_others_do_not(desk):
    answers = [desk.get("", "auditor") for _ in range(5)]

    assert [limited(answer) for answer in answers] == [False] * 3 + [True] * 2
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 61
    assert desk.get("", "admin").status_code == 200


def test_reading_takes_nothing_from_changing(desk):
    for _ in range(5):
        desk.get("", "officer")

    assert desk.post("/accounts", {"kind": "member"}).status_code == 201
    assert limited(desk.get("", "officer"))


def test_whoever_guesses_tokens_is_stopped_and_the_public_log_is_not(desk):
    answers = [desk.get("", "pts_beiyuan_" + "A" * 43) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [401, 401, 429, 429]
    desk.publish()
    for path in ("/healthz", "/readyz", "/log/beiyuan/checkpoint"):
        assert all(desk.ask("GET", path).status_code != 429 for _ in range(5))


@pytest.mark.parametrize(
    ("peer", "said", "counted"),
    [
        ("127.0.0.1", "192.0.2.{}", [401] * 4),
        ("::1", "203.0.113.7, 192.0.2.{}", [401] * 4),
        ("::ffff:127.0.0.1", "192.0.2.{}", [401] * 4),
        ("127.0.0.1", "192.0.2.{}, 203.0.113.7", [401, 401, 429, 429]),
        ("127.0.0.1", "nonsense {}", [401, 401, 429, 429]),
        ("198.51.100.1", "192.0.2.{}", [401, 401, 429, 429]),
    ],
)
def test_strangers_behind_a_proxy_on_this_host_are_told_apart(desk, peer, said, counted):
    answers = [
        desk.client.get(
            "/v1/ledgers/beiyuan",
            headers={"X-Forwarded-For": said.format(number)},
            environ_base={"REMOTE_ADDR": peer},
        )
        for number in range(4)
    ]

    assert [answer.status_code for answer in answers] == counted


def test_asking_for_other_ledgers_is_counted_too(desk):
    token = desk.tokens["auditor"]
    answers = [desk.ask("GET", "/v1/ledgers/nanyuan", token) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [404] * 3 + [429] * 2


def test_the_consoles_pages_are_counted_with_the_tokens_other_requests(desk):
    # given somebody who signed in, and who did not
    signed_in, stranger = Visitor(desk.app.test_client()), Visitor(desk.app.test_client())
    signed_in.sign_in(desk.tokens["auditor"])
    # when they look at more pages than they may
    page = "/ledgers/beiyuan"
    seen = [signed_in.get(page, **{"Accept-Language": "en"}) for _ in range(4)]
    asked = [stranger.get(page).status_code for _ in range(3)]
    # then they are told to wait, in words, and the same token has no more elsewhere
    assert [answer.status_code for answer in seen] == [200] * 3 + [429]
    assert "Wait a minute" in seen[-1].text
    assert 1 <= int(seen[-1].headers["Retry-After"]) <= 61
    assert limited(desk.get("", "auditor"))
    assert asked == [401, 401, 429]
    # and a token that does not hold is a stranger's
    assert stranger.sign_in("pts_beiyuan_" + "A" * 43).status_code == 429


def test_a_thread_that_is_late_does_not_begin_the_minute_anew():
    clock = Minutes()
    limiter = Limiter(FEW, now=clock)
    clock.seconds += 60
    assert taken(limiter.take_read, "token/a") == 3
    # when one comes that looked at the clock a minute ago, then the count goes on
    clock.seconds -= 60
    assert taken(limiter.take_read, "token/a") == 0


def test_a_new_minute_begins_anew():
    clock = Minutes()
    limiter = Limiter(FEW, now=clock)

    assert taken(limiter.take_read, "token/a") == 3
    clock.seconds += 60
    assert taken(limiter.take_read, "token/a") == 3


def test_without_a_limit_nobody_waits():
    limiter = Limiter(None)

    assert [taken(take, "x") for take in (limiter.take_read, limiter.take_stranger)] == [10, 10]


def test_addresses_beyond_those_told_apart_count_as_one():
    limiter = Limiter(FEW, now=Minutes(), addresses_max=2)

    assert [taken(limiter.take_stranger, f"192.0.2.{n}") for n in (1, 2, 3, 4)] == [2, 2, 2, 0]


def test_one_customers_ipv6_addresses_count_as_one():
    limiter = Limiter(FEW, now=Minutes())

    assert taken(limiter.take_stranger, "2001:db8::1") == 2
    assert taken(limiter.take_stranger, "2001:db8::2:1") == 0
    assert taken(limiter.take_stranger, "2001:db8:0:1::1") == 2


@pytest.mark.parametrize("text", ["on", "reads=0", "reads=-1", "reads", "walks=3", "reads=1e3"])
def test_a_limit_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match="POINTS_RATE_LIMIT"):
        read_settings({"POINTS_RATE_LIMIT": text})


def test_a_limit_is_read_from_the_settings():
    assert read_settings({}).rate_limit == RateLimit()
    assert read_settings({"POINTS_RATE_LIMIT": "off"}).rate_limit is None
    assert read_settings({"POINTS_RATE_LIMIT": "reads=5"}).rate_limit == RateLimit(reads=5)
