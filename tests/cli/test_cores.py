"""Which core a worker gets."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from ledger.cli.cores import choose_core, keep_to_core, least_taken


@pytest.mark.parametrize(
    ("cores", "taken", "core"),
    [
        ({0, 1}, [], 0),
        ({0, 1}, [0], 1),
        ({0, 1}, [0, 1], 0),
        ({2, 3}, [0, 1, 2], 3),
        ({0, 1}, [None, 1, 1], 0),
        (set(), [0], None),
    ],
)
def test_a_worker_gets_the_first_core_that_the_fewest_have(
    cores: set[int], taken: list[int | None], core: int | None
) -> None:
    assert least_taken(cores, taken) == core


def test_a_worker_that_replaces_one_gets_its_core() -> None:
    # given workers on all cores, of which one dies
    cores = sorted(os.sched_getaffinity(0))
    server = SimpleNamespace(WORKERS={})
    for pid, _ in enumerate(cores):
        server.WORKERS[pid] = SimpleNamespace()
        choose_core(server, server.WORKERS[pid])
    gone = server.WORKERS.pop(len(cores) - 1)

    fresh = SimpleNamespace()
    choose_core(server, fresh)

    assert fresh.core == gone.core


def test_it_keeps_to_its_core() -> None:
    before = os.sched_getaffinity(0)
    core = min(before)
    try:
        keep_to_core(None, SimpleNamespace(core=core))
        assert os.sched_getaffinity(0) == {core}
        keep_to_core(None, SimpleNamespace(core=None))
        assert os.sched_getaffinity(0) == {core}
    finally:
        os.sched_setaffinity(0, before)
