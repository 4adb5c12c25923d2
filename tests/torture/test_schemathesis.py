"""The document tried at random and in a row too, each database (tests/api/test_schemathesis.py)."""

from tests.api.conftest import (  # noqa: F401 (fixtures)
    app,
    cheap_keys,
    client,
    clock,
    desk,
    installation,
)
from tests.api.test_schemathesis import document, surprises

EXAMPLES = 50
PHASES = ("examples", "coverage", "fuzzing", "stateful")


def test_every_answer_is_documented(desk):  # noqa: F811
    assert list(surprises(document(desk, PHASES, EXAMPLES))) == []
