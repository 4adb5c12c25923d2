"""Prometheus metrics of the service at `/metrics`.

They carry ledgers' names, the rules of refusals and the rules of routes as labels: no ids and
nothing of a person.  Each worker process counts for itself; where PROMETHEUS_MULTIPROC_DIR names a
directory (as `points serve` sees to) an answer sums up all of them.

An operator's token reads them.  An address would not do as the key: behind a reverse proxy on the
same machine everybody comes from the loopback.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache

from flask import Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from api.auth import installation
from api.resource import Resource
from ledger.installation import Installation
from ledger.journal.observer import BatchSeen
from ledger.programme.lags import Lag, publish_lags

blueprint = Resource(
    "metrics", __name__, description="Metrics: the figures of the service, for Prometheus."
)

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_COMMANDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1_000)

REQUESTS = Counter("points_requests_total", "Requests answered.", ("method", "route", "status"))
REQUEST_SECONDS = Histogram(
    "points_request_seconds",
    "From the request to the beginning of its answer.",
    ("method", "route"),
    buckets=_SECONDS,
)
QUEUED = Gauge(
    "points_queue_groups",
    "Groups of commands that wait for their ledger.",
    ("ledger",),
    multiprocess_mode="livesum",
)
BATCH_COMMANDS = Histogram(
    "points_batch_commands", "Commands entered by one transaction.", ("ledger",), buckets=_COMMANDS
)
LOCK_WAIT = Histogram(
    "points_lock_wait_seconds",
    "Until a batch had its ledger's lock.",
    ("ledger",),
    buckets=_SECONDS,
)
APPEND = Histogram(
    "points_append_seconds",
    "From the ledger's lock to the end of a batch's commit.",
    ("ledger",),
    buckets=_SECONDS,
)
REFUSED = Counter("points_refused_total", "Commands refused, by rule.", ("ledger", "rule"))


def answered(method: str, route: str, status: int, seconds: float) -> None:
    """Counts one request."""
    counter, times = _counting(method, route, status)
    counter.inc()
    times.observe(seconds)


@cache
def _counting(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """What counts such requests: there are as many kinds as rules and statuses, which are few."""
    return REQUESTS.labels(method, route, str(status)), REQUEST_SECONDS.labels(method, route)


class LedgerMetrics:
    """Counts what one ledger's journal tells."""

    def __init__(self, ledger: str) -> None:
        self._ledger = ledger
        self._queued = QUEUED.labels(ledger)
        self._commands = BATCH_COMMANDS.labels(ledger)
        self._wait = LOCK_WAIT.labels(ledger)
        self._append = APPEND.labels(ledger)

    def queued(self, groups: int) -> None:
        """Sets the depth of the queue."""
        self._queued.set(groups)

    def appended(self, batch: BatchSeen) -> None:
        """Counts a batch."""
        self._commands.observe(batch.commands)
        self._wait.observe(batch.waited)
        self._append.observe(batch.worked)

    def refused(self, rule: str) -> None:
        """Counts a refusal."""
        REFUSED.labels(self._ledger, rule).inc()


class _Lags(Collector):
    """How far publishing is behind, read from the database: true though a publisher be dead."""

    def __init__(self, lags: Iterable[Lag]) -> None:
        self._lags = lags

    def collect(self) -> Iterable[Metric]:
        """The two gauges."""
        entries = GaugeMetricFamily(
            "points_publish_lag_entries", "Entries under no checkpoint yet.", labels=("ledger",)
        )
        seconds = GaugeMetricFamily(
            "points_publish_lag_seconds", "Age of the oldest such entry.", labels=("ledger",)
        )
        for lag in self._lags:
            entries.add_metric((lag.ledger,), lag.entries)
            seconds.add_metric((lag.ledger,), lag.seconds)
        return entries, seconds


@blueprint.watches("/metrics", None, content_type=CONTENT_TYPE_LATEST, action="metrics:read")
def show_metrics() -> Response:
    """Read the figures of all worker processes together

    In Prometheus' text format, for an operator's token.
    """
    return Response(
        generate_latest(_registry()) + generate_latest(_of_database(installation())),
        content_type=CONTENT_TYPE_LATEST,
    )


def _registry() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return registry


def _of_database(here: Installation) -> CollectorRegistry:
    with here.database.reading() as conn:
        lags = publish_lags(conn, here.clock.now())
    registry = CollectorRegistry()
    registry.register(_Lags(lags))
    return registry
