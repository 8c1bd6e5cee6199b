"""The page that Prometheus reads, made from what was counted. prometheus_client writes the format.

Runs in a thread: a page of many models takes tens of milliseconds, in which streams go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from sluiceway.observe.metric_definitions import DEFINITIONS, Definition
from sluiceway.observe.metric_series import Histogram, Row, Totals
from sluiceway.observe.metric_sharing import Sum

_OPENMETRICS: Final = "application/openmetrics-text"
# The library does not type these.
_write_openmetrics: Final[Callable[[Collector], bytes]] = openmetrics.generate_latest
_number: Final[Callable[[float], str]] = floatToGoString
_PLAIN: Final = ("text/plain", "text/*", "*/*")


def write_page(figures: Sum, accept: bytes, *, shared: bool) -> tuple[bytes, bytes]:
    """Content type and body, in the first format that `accept` (RFC 9110 section 12.5.1) names and there is:
    OpenMetrics 1.0 or Prometheus text 0.0.4; the latter where it names none.

    `shared`: the figures are those of several workers, and each process is told apart.
    """
    page = _Page(figures, shared=shared)
    if _wants_openmetrics(accept.decode("latin-1")):
        return openmetrics.CONTENT_TYPE_LATEST.encode(), _write_openmetrics(page)
    return CONTENT_TYPE_PLAIN_0_0_4.encode(), generate_latest(page)


class _Page(Collector):
    """What the library asks for metrics."""

    def __init__(self, figures: Sum, *, shared: bool) -> None:
        self._figures = figures
        self._shared = shared

    def collect(self) -> Iterator[Metric]:
        for definition in DEFINITIONS.values():
            yield family(definition, self._figures)
        if self._shared:
            yield from _processes(self._figures.living)
        else:
            own = CollectorRegistry(auto_describe=False)
            ProcessCollector(registry=own)
            GCCollector(registry=own)
            yield from own.collect()
        platform = CollectorRegistry(auto_describe=False)
        PlatformCollector(registry=platform)
        yield from platform.collect()


def family(definition: Definition, figures: Sum) -> Metric:
    """One metric with all its series."""
    name, text, labels = definition.name, definition.help, definition.labels
    if definition.kind == "histogram":
        histogram = HistogramMetricFamily(name, text, labels=labels)
        for values, seen in _histograms(definition, figures.totals):
            histogram.add_metric(values, _cumulative(definition.buckets, seen), seen.total)
        return histogram
    plain: CounterMetricFamily | GaugeMetricFamily
    plain = (CounterMetricFamily if definition.kind == "counter" else GaugeMetricFamily)(
        name, text, labels=labels
    )
    for values, value in _numbers(definition, figures):
        plain.add_metric(values, value)
    return plain


def _numbers(definition: Definition, figures: Sum) -> Iterable[tuple[tuple[str, ...], float]]:
    totals = figures.totals
    match definition.table:
        case "errors":
            return totals.errors.items()
        case "attempts":
            return totals.attempts.items()
        case "readings":
            return [
                ((label,) if definition.labels else (), value)
                for (name, label), value in figures.readings.items()
                if name == definition.name
            ]
        case "requests" if definition.per_kind:
            return _per_kind(definition, totals.requests)
        case "requests":
            return _summed(definition, definition.figure, totals.requests).items()
        case _:
            return _summed(definition, definition.figure, totals.flows).items()


def _summed(definition: Definition, figure: str, entries: Iterable[object]) -> dict[tuple[str, ...], float]:
    """A table's figure by the labels of the metric, which may be fewer than the table's."""
    sums: dict[tuple[str, ...], float] = {}
    labels = [label for label in definition.labels if label != "kind"]
    for entry in entries:
        values = tuple([getattr(entry, label) for label in labels])
        sums[values] = sums.get(values, 0) + getattr(entry, figure)
    return sums


def _per_kind(definition: Definition, rows: list[Row]) -> Iterator[tuple[tuple[str, ...], float]]:
    for kind, figure in definition.per_kind:
        for values, value in _summed(definition, figure, rows).items():
            if value:  # most models have no such kind at all
                yield (kind, *values), value


def _histograms(definition: Definition, totals: Totals) -> Iterator[tuple[tuple[str, ...], Histogram]]:
    """Those without any observation are left out: JSON answers have no events."""
    if definition.table == "lag":
        yield (), totals.lag
        return
    merged: dict[tuple[str, ...], Histogram] = {}
    for flow in totals.flows:
        seen: Histogram = getattr(flow, definition.figure)
        values = tuple([getattr(flow, label) for label in definition.labels])
        if any(seen.counts):
            merged.setdefault(values, Histogram([0] * len(seen.counts))).add(seen)
    yield from merged.items()


def _cumulative(bounds: tuple[float, ...], seen: Histogram) -> list[tuple[str, float]]:
    """As the format has it: how many were at most so large, for each bound and for infinity."""
    result: list[tuple[str, float]] = []
    so_far = 0
    for bound, count in zip((*bounds, float("inf")), seen.counts, strict=True):
        so_far += count
        result.append((_number(bound), so_far))
    return result


def _processes(living: list[tuple[int, int]]) -> list[Metric]:
    """Memory, processor time and files of each worker. What a process used is gone with it, so that a sum of
    them would go backwards; hence each has a label."""
    metrics: dict[str, Metric] = {}
    for worker, pid in sorted(living):
        for one in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():  # type: ignore[misc]
            metric = metrics.setdefault(one.name, Metric(one.name, one.documentation, one.type))
            for sample in one.samples:
                metric.add_sample(sample.name, {**sample.labels, "worker": str(worker)}, sample.value)
    return list(metrics.values())


def _wants_openmetrics(accept: str) -> bool:
    for kind in accept.split(","):
        name = kind.partition(";")[0].strip().lower()
        if name == _OPENMETRICS:
            return True
        if name in _PLAIN:
            return False
    return False
