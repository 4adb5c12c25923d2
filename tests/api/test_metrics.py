"""The service's figures, for whoever runs it."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.metrics import LedgerMetrics
from ledger.programme.opening import open_installation


@pytest.fixture
def installation(installation):
    """The same, observed."""
    observed = open_installation(
        installation.settings,
        {"POINTS_PASSPHRASE": "a passphrase of the tests"},
        clock=installation.clock,
        observe=LedgerMetrics,
    )
    yield observed
    observed.close()


def figures(desk):
    """Each sample by its name and its labels."""
    answer = desk.ask("GET", "/metrics", "operator")
    assert answer.status_code == 200
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def grown(before, after, *name):
    return after[name] - before.get(name, 0)


def test_what_the_journal_does_is_counted(desk):
    # given figures
    member = desk.member()
    before = figures(desk)

    # when three credits are entered, one of them sent twice, and a debit is refused twice
    for key in ("one", "two", "three", "three"):
        desk.credit(member, 5, key=key)
    for _ in range(2):
        desk.post("/debits", {"account": member, "amount": 500}, key="refused")

    # then they grew by that
    after = figures(desk)
    assert grown(before, after, "points_batch_commands_count", "beiyuan") == 6
    assert grown(before, after, "points_append_seconds_count", "beiyuan") == 6
    assert grown(before, after, "points_lock_wait_seconds_count", "beiyuan") == 6
    assert grown(before, after, "points_refused_total", "beiyuan", "funds") == 1
    assert after["points_queue_groups", "beiyuan"] == 0
    route = "/v1/ledgers/<ledger:ledger>/credits"
    assert grown(before, after, "points_requests_total", *sorted(("POST", route, "201"))) == 4
    assert grown(before, after, "points_request_seconds_count", *sorted(("POST", route))) == 4


def test_the_lag_of_publishing_is_told_until_it_publishes(desk, clock):
    desk.publish()
    desk.member(5)
    clock.wait(seconds=90)

    late = figures(desk)
    desk.publish()
    caught_up = figures(desk)

    assert late["points_publish_lag_entries", "beiyuan"] == 2
    assert late["points_publish_lag_seconds", "beiyuan"] == pytest.approx(90, abs=0.001)
    assert caught_up["points_publish_lag_entries", "beiyuan"] == 0
    assert caught_up["points_publish_lag_seconds", "beiyuan"] == 0


def test_nothing_of_a_person_is_a_label(desk):
    member = desk.member(5)
    desk.get(f"/accounts/{member}")

    text = desk.ask("GET", "/metrics", "operator").text

    for secret in (
        member,
        member.partition("/")[2],
        desk.first,
        *filter(None, desk.tokens.values()),
    ):
        assert secret not in text
