"""What `/metrics` of a running gateway says, read by the library's own strict parsers."""

from __future__ import annotations

import math
from collections.abc import Mapping

from prometheus_client import parser as text_parser
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser
from served import ask

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Readings:
    """One page. `families`: its metrics, by name without `_total`."""

    def __init__(self, text: str, *, openmetrics: bool = False) -> None:
        self.text = text
        parse = (openmetrics_parser if openmetrics else text_parser).text_string_to_metric_families
        self.families: dict[str, Metric] = {family.name: family for family in parse(text)}
        self.samples = {
            (sample.name, frozenset(sample.labels.items())): float(sample.value)
            for family in self.families.values()
            for sample in family.samples
        }

    def total(self, name: str, /, **labels: str) -> float:
        """All samples of that name that have these labels, whatever others they have; 0 if there is none."""
        wanted = labels.items()
        return sum(
            value
            for (found, has), value in self.samples.items()
            if found == name and wanted <= dict(has).items()
        )

    def by(self, name: str, label: str, /, **labels: str) -> dict[str, float]:
        """The same, told apart by one label."""
        values = {
            value for (found, has) in self.samples if found == name for key, value in has if key == label
        }
        sums = {value: self.total(name, **{**labels, label: value}) for value in values}
        return {value: number for value, number in sums.items() if number}

    def counters(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """All that may never fall but by a restart of the service: counters and histograms of its own."""
        own = [
            family
            for name, family in self.families.items()
            if name.startswith("sluiceway_") and family.type in ("counter", "histogram")
        ]
        names = {sample.name for family in own for sample in family.samples}
        return {at: value for at, value in self.samples.items() if at[0] in names}

    def check(self) -> None:
        """As `promtool check metrics`: every metric has a type and a meaning, a unit where it has one, and a name as
        its kind has; no series comes twice; buckets grow and end in their count."""
        lines = [line for line in self.text.splitlines() if line and not line.startswith("#")]
        series = [line.rsplit(" ", 1)[0] for line in lines]
        assert len(series) == len(set(series))
        for name, family in self.families.items():
            assert family.documentation, name
            assert family.type in ("counter", "gauge", "histogram", "info"), name
            totals = [sample.name for sample in family.samples if sample.name.endswith("_total")]
            assert bool(totals) == (family.type == "counter" and bool(family.samples)), name
            assert not name.endswith(("_ms", "_milliseconds", "_minutes", "_kb")), name
            if family.type == "histogram":
                _check_buckets(family)


def readings(port: int, headers: Mapping[str, str] | None = None) -> Readings:
    """The page now; on a connection of its own, so that of several workers anyone may answer."""
    reply = ask(port, "GET", "/metrics", None, headers)
    assert reply.status == 200, reply
    openmetrics = reply.headers["content-type"].startswith("application/openmetrics-text")
    return Readings(reply.body.decode(), openmetrics=openmetrics)


def _check_buckets(family: Metric) -> None:
    buckets: dict[frozenset[tuple[str, str]], list[tuple[float, float]]] = {}
    counts: dict[frozenset[tuple[str, str]], float] = {}
    for sample in family.samples:
        series = frozenset(label for label in sample.labels.items() if label[0] != "le")
        if sample.name.endswith("_bucket"):
            buckets.setdefault(series, []).append((float(sample.labels["le"]), sample.value))
        elif sample.name.endswith("_count"):
            counts[series] = sample.value
    assert buckets.keys() == counts.keys()
    for series, found in buckets.items():
        assert found == sorted(found)
        assert [count for _, count in found] == sorted(count for _, count in found)
        assert found[-1] == (math.inf, counts[series])
