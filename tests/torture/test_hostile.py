"""10,000 hostile requests, each database: what the suite sends 600 of."""

from tests.api.conftest import (  # noqa: F401 (fixtures)
    app,
    cheap_keys,
    client,
    clock,
    desk,
    installation,
)
from tests.api.hostile import hostile_requests
from tests.api.test_abuse import refused
from tests.api.test_bad_input import everything

REQUESTS = 10_000


def test_ten_thousand_hostile_requests_leave_every_row_as_it_was(desk, installation):  # noqa: F811
    before = everything(installation)
    bearer = {role: token for role, token in desk.tokens.items() if token}

    for number, sent in enumerate(hostile_requests(2, REQUESTS, bearer)):
        refused(desk, sent)
        if number % 1_000 == 0:
            assert everything(installation) == before, sent

    assert everything(installation) == before
