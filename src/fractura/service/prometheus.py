"""What Prometheus is told of one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from fractura.service.store.queue import State

_READING_BUCKETS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)


@dataclass(frozen=True)
class Metrics:
    """Counters of one process, in a registry of its own.

    Attributes:
        readings: readings done, by ``decision``.
        failures: radiographs that could not be read, by the error's ``type``.
        reading_seconds: from the claim to the stored answer.
        deliveries: results sent to a ``destination``, by ``outcome``: sent, postponed or dead.
        received: DICOM objects that came, by ``outcome``: stored, full or
            refused (several frames).
    """

    registry: CollectorRegistry
    readings: Counter
    failures: Counter
    reading_seconds: Histogram
    deliveries: Counter
    received: Counter


def make_metrics(queue_length: Callable[[], Mapping[State, int]]) -> Metrics:
    """Counters at zero; ``queue_length`` is asked for readings by state at each scrape."""
    registry = CollectorRegistry()
    registry.register(_Queue(queue_length))
    return Metrics(
        registry=registry,
        readings=Counter("fractura_readings", "Readings done.", ["decision"], registry=registry),
        failures=Counter(
            "fractura_failures", "Radiographs that could not be read.", ["type"], registry=registry
        ),
        reading_seconds=Histogram(
            "fractura_reading_seconds",
            "From taking a radiograph from the queue to its stored answer.",
            buckets=_READING_BUCKETS,
            registry=registry,
        ),
        deliveries=Counter(
            "fractura_deliveries",
            "Attempts to deliver a result.",
            ["destination", "outcome"],
            registry=registry,
        ),
        received=Counter(
            "fractura_received", "DICOM objects that came.", ["outcome"], registry=registry
        ),
    )


class _Queue(Collector):
    def __init__(self, queue_length: Callable[[], Mapping[State, int]]) -> None:
        self._queue_length = queue_length

    def describe(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily("fractura_queue", "Readings in the database.", labels=["state"])

    def collect(self) -> Iterator[GaugeMetricFamily]:
        (gauge,) = self.describe()
        for state, count in self._queue_length().items():
            gauge.add_metric([state], count)
        yield gauge
