"""Records for the tests of metrics, and what is on a page."""

from __future__ import annotations

from typing import Any

import msgspec
from prometheus_client import parser as text_parser
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser

from sluiceway.dialects.base import Usage
from sluiceway.observe.record import Record, Try

OPENMETRICS = b"application/openmetrics-text; version=1.0.0"

WHOLE = Record(
    request_id="req_1",
    started=1_700_000_000.0,
    method="POST",
    path="/v1/chat/completions",
    outcome="ok",
    key="alice",
    dialect="chat",
    model="gpt-4o",
    upstream="openai",
    stream=True,
    status=200,
    upstream_status=200,
    attempts=(Try("openai", 0, 1.0, None, 80.0, 120.0, 200),),
    queued_ms=20.0,
    first_event_ms=150.0,
    first_content_ms=160.0,
    last_event_ms=2150.0,
    duration_ms=2200.0,
    events=101,
    largest_gap_ms=300.0,
    bytes_in=1000,
    bytes_out=30_000,
    heartbeats=2,
    usage=Usage(10, 20, 30, 4, 5),
    cost=0.25,
)

JSON_ANSWER = msgspec.structs.replace(
    WHOLE,
    stream=False,
    events=0,
    first_content_ms=None,
    last_event_ms=None,
    largest_gap_ms=None,
    heartbeats=0,
)

REFUSED = Record(
    request_id="req_2",
    started=1_700_000_000.0,
    method="POST",
    path="/v1/chat/completions",
    outcome="refused",
    dialect="chat",
    model="made-up",
    status=404,
    error_code="invalid_request",
    duration_ms=1.0,
)


def like(record: Record, **changes: Any) -> Record:
    return msgspec.structs.replace(record, **changes)


def families(body: bytes, accept: bytes = b"") -> dict[str, Metric]:
    """What the library's own strict parsers read from a page, by name without `_total`."""
    parse = (
        openmetrics_parser.text_string_to_metric_families
        if accept == OPENMETRICS
        else text_parser.text_string_to_metric_families
    )
    return {metric.name: metric for metric in parse(body.decode())}


def values(body: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample of a page."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for metric in families(body).values()
        for sample in metric.samples
    }


def value(body: bytes, name: str, /, **labels: str) -> float | None:
    """One sample; None where there is none."""
    return values(body).get((name, frozenset(labels.items())))


def summed(body: bytes, name: str, /, **labels: str) -> float:
    """All samples of that name with these labels, whatever others they have."""
    wanted = set(labels.items())
    return sum(number for (found, has), number in values(body).items() if found == name and wanted <= has)
