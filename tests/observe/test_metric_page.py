"""The page: what Prometheus' own parsers read from it is what was counted."""

from __future__ import annotations

import math
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_records import JSON_ANSWER, OPENMETRICS, REFUSED, WHOLE, families, like, summed, value
from prometheus_client.metrics_core import Metric

from sluiceway.dialects.base import Usage
from sluiceway.observe.metric_definitions import DEFINITIONS
from sluiceway.observe.metric_page import write_page
from sluiceway.observe.metric_series import Series
from sluiceway.observe.metric_sharing import Sum
from sluiceway.observe.record import Record

RECORDS = [
    WHOLE,
    like(WHOLE, model="claude", outcome="truncated", error_code="upstream_truncated"),
    JSON_ANSWER,
    REFUSED,
    like(WHOLE, usage=Usage(1, 2), usage_estimated=True, cost=None),
]


def page_of(*records: Record, accept: bytes = b"", shared: bool = False) -> tuple[bytes, bytes]:
    series = Series(10)
    for record in records:
        series.count(record)
    series.lag.observe(DEFINITIONS["sluiceway_loop_lag_seconds"].buckets, 0.004)
    readings = {
        (definition.name, "some" if definition.labels else ""): 1.0
        for definition in DEFINITIONS.values()
        if definition.table == "readings"
    }
    return write_page(Sum(series.totals, readings, [(0, os.getpid())]), accept, shared=shared)


def check_histogram(metric: Metric) -> None:
    """As promtool does: buckets grow, the last is infinity and equals the count, and there is a sum."""
    series: dict[frozenset[tuple[str, str]], list[tuple[float, float]]] = {}
    ends: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for sample in metric.samples:
        labels = dict(sample.labels)
        bound = labels.pop("le", None)
        key = frozenset(labels.items())
        if sample.name.endswith("_bucket"):
            assert bound is not None
            series.setdefault(key, []).append((float(bound), sample.value))
        else:
            ends[sample.name.removeprefix(metric.name), key] = sample.value
    for key, buckets in series.items():
        assert buckets == sorted(buckets)
        assert [count for _, count in buckets] == sorted(count for _, count in buckets)
        assert buckets[-1] == (math.inf, ends["_count", key])
        assert ends["_sum", key] >= 0


def check_page(body: bytes, accept: bytes) -> None:
    """Every metric has a type and a meaning; histograms are consistent; every defined metric is there."""
    read = families(body, accept)
    assert body.endswith(b"# EOF\n") == (accept == OPENMETRICS)
    names = [line.split()[2] for line in body.decode().splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names)), "one type for each name"
    for name, definition in DEFINITIONS.items():
        metric = read[name.removesuffix("_total")]
        assert metric.type == definition.kind
        assert metric.documentation == definition.help
        for sample in metric.samples:
            assert set(sample.labels) - {"le"} == set(definition.labels)
    for metric in read.values():
        assert metric.documentation
        assert metric.type != "unknown"
        if metric.type == "histogram":
            check_histogram(metric)


@pytest.mark.parametrize("accept", [b"", OPENMETRICS])
@pytest.mark.parametrize("shared", [False, True])
def test_a_page_is_read_by_the_parser_of_its_format(accept: bytes, shared: bool) -> None:
    _, body = page_of(*RECORDS, accept=accept, shared=shared)
    check_page(body, accept)


@pytest.mark.parametrize("accept", [b"", OPENMETRICS])
def test_a_page_without_any_request_is_one_too(accept: bytes) -> None:
    _, body = page_of(accept=accept)
    check_page(body, accept)
    assert summed(page_of()[1], "sluiceway_requests_total") == 0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_names_of_any_characters_do_not_break_the_page(names: list[str]) -> None:
    records = [like(WHOLE, model=name, key=name) for name in names]
    for accept in (b"", OPENMETRICS):
        check_page(page_of(*records, accept=accept)[1], accept)


def test_every_figure_of_a_request_is_where_it_belongs() -> None:
    _, body = page_of(WHOLE, WHOLE)
    whole = {"dialect": "chat", "upstream": "openai"}
    bill = {"key": "alice", "model": "gpt-4o", "upstream": "openai"}
    labels = {"outcome": "ok", "stream": "true", "dialect": "chat", **bill}
    assert value(body, "sluiceway_requests_total", **labels) == 2
    assert value(body, "sluiceway_tokens_total", kind="output", **bill) == 40
    assert value(body, "sluiceway_cost_total", **bill) == 0.5
    assert value(body, "sluiceway_events_total", **whole) == 202
    assert value(body, "sluiceway_heartbeats_total", **whole) == 4
    assert value(body, "sluiceway_first_event_seconds_bucket", le="0.1", **whole) == 0
    assert value(body, "sluiceway_first_event_seconds_bucket", le="0.25", **whole) == 2
    assert value(body, "sluiceway_first_event_seconds_count", **whole) == 2
    assert value(body, "sluiceway_first_event_seconds_sum", **whole) == pytest.approx(0.3)
    assert value(body, "sluiceway_request_duration_seconds_count", stream="true", **whole) == 2
    assert value(body, "sluiceway_attempts_total", upstream="openai", result="ok") == 2
    assert value(body, "sluiceway_loop_lag_seconds_bucket", le="0.005") == 1
    assert value(body, "sluiceway_queue_depth") == 1


def test_streams_and_json_answers_are_one_flow_but_for_their_duration() -> None:
    _, body = page_of(WHOLE, JSON_ANSWER)
    assert value(body, "sluiceway_request_body_bytes_total", dialect="chat", upstream="openai") == 2000
    assert value(body, "sluiceway_queue_wait_seconds_count", dialect="chat", upstream="openai") == 2
    assert value(body, "sluiceway_first_event_seconds_count", dialect="chat", upstream="openai") == 1
    counts = [
        value(body, "sluiceway_request_duration_seconds_count", dialect="chat", upstream="openai", stream=s)
        for s in ("true", "false")
    ]
    assert counts == [1, 1]


def test_tokens_of_all_outcomes_are_one_sum() -> None:
    _, body = page_of(WHOLE, like(WHOLE, outcome="client_gone", client_left=True))
    bill = {"key": "alice", "model": "gpt-4o", "upstream": "openai"}
    assert value(body, "sluiceway_tokens_total", kind="input", **bill) == 20
    assert value(body, "sluiceway_tokens_total", kind="image", **bill) is None, "there were none at all"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (b"", b"text/plain; version=0.0.4"),
        (b"*/*", b"text/plain; version=0.0.4"),
        (b"text/html,*/*;q=0.8", b"text/plain; version=0.0.4"),
        (b"application/json", b"text/plain; version=0.0.4"),
        (b"text/plain;version=0.0.4;q=1,application/openmetrics-text", b"text/plain; version=0.0.4"),
        (b"application/openmetrics-text", b"application/openmetrics-text; version=1.0.0"),
        (b"application/openmetrics-text;version=junk", b"application/openmetrics-text; version=1.0.0"),
        # What Prometheus 3 sends.
        (
            b"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
            b"application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
            b"text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            b"application/openmetrics-text; version=1.0.0",
        ),
        (b"\xff\xfe;;,,", b"text/plain; version=0.0.4"),
    ],
)
def test_the_first_format_that_there_is_is_taken(accept: bytes, kind: bytes) -> None:
    content_type, body = page_of(accept=accept)
    assert content_type.startswith(kind)
    assert content_type.endswith(b"charset=utf-8")
    assert body.endswith(b"# EOF\n") == kind.startswith(b"application/")


def test_one_process_tells_its_own_figures_and_several_are_told_apart() -> None:
    _, alone = page_of()
    assert value(alone, "process_resident_memory_bytes")
    assert summed(alone, "python_gc_collections_total") > 0
    _, shared = page_of(shared=True)
    assert value(shared, "process_resident_memory_bytes", worker="0")
    assert value(shared, "process_cpu_seconds_total", worker="0") is not None
    assert b"python_gc" not in shared
    assert b"python_info" in alone
    assert b"python_info" in shared
