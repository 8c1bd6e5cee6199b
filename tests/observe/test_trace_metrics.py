"""Measurements of a record: names, bounds and labels of the conventions, whose number is bounded."""

from __future__ import annotations

from typing import Any

import opentelemetry.semconv._incubating.metrics.gen_ai_metrics as known
import pytest
from trace_records import DESTINATIONS, FAILED_TRY, GOOD_TRY, record

from sluiceway.dialects.base import Usage
from sluiceway.observe.record import Try
from sluiceway.observe.trace_metrics import (
    DURATION,
    FIRST_CHUNK,
    INSTRUMENTS,
    MAX_MODELS,
    OTHER,
    TOKENS,
    Measures,
)

LABELS = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "server.address": "api.openai.com",
    "server.port": 443,
}


def measures(**changes: Any) -> list[tuple[str, float, dict[str, str | int]]]:
    return [
        (one.name, value, labels) for one, value, labels in Measures().of(record(**changes), DESTINATIONS)
    ]


def test_an_answer_is_measured_by_its_duration_first_chunk_and_tokens() -> None:
    assert measures() == [
        ("gen_ai.client.operation.time_to_first_chunk", 0.06, LABELS),
        ("gen_ai.client.token.usage", 100, {**LABELS, "gen_ai.token.type": "input"}),
        ("gen_ai.client.token.usage", 20, {**LABELS, "gen_ai.token.type": "output"}),
        ("gen_ai.client.operation.duration", 0.23, LABELS),
    ]


def test_the_conventions_package_knows_the_instruments() -> None:
    names = {value for value in vars(known).values() if isinstance(value, str)}
    assert {one.name for one in INSTRUMENTS} <= names


def test_buckets_are_those_that_the_conventions_advise() -> None:
    assert TOKENS.bounds[:4] == (1, 4, 16, 64)
    assert TOKENS.bounds[-1] == 67108864
    for instrument in (DURATION, FIRST_CHUNK):
        assert (instrument.bounds[0], instrument.bounds[-1], len(instrument.bounds)) == (0.01, 81.92, 14)


def test_an_answer_that_is_no_stream_has_no_first_chunk() -> None:
    assert "gen_ai.client.operation.time_to_first_chunk" not in [
        name for name, _, _ in measures(stream=False)
    ]


@pytest.mark.parametrize(
    "changes", [{"usage": None}, {"usage_estimated": True}, {"usage": Usage(total_tokens=9)}]
)
def test_tokens_that_nobody_counted_are_not_measured(changes: dict[str, Any]) -> None:
    assert "gen_ai.client.token.usage" not in [name for name, _, _ in measures(**changes)]


@pytest.mark.parametrize("changes", [{"dialect": None, "path": "/v1/models"}, {"attempts": ()}])
def test_where_no_model_was_asked_there_is_nothing_to_measure(changes: dict[str, Any]) -> None:
    assert measures(**changes) == []


def test_each_attempt_is_an_operation_and_only_the_one_that_answered_has_tokens() -> None:
    durations = [
        (value, labels.get("error.type"), labels["server.address"])
        for name, value, labels in measures(attempts=(FAILED_TRY, GOOD_TRY))
        if name == "gen_ai.client.operation.duration"
    ]
    assert durations == [(0.01, "upstream_unreachable", "10.0.0.7"), (0.23, None, "api.openai.com")]
    tokens = [labels for name, _, labels in measures(attempts=(FAILED_TRY, GOOD_TRY)) if "token" in name]
    assert {labels["server.address"] for labels in tokens} == {"api.openai.com"}


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        (Try("openai", 0, 1.0, status=429, error_code="what an upstream says"), "429"),
        (Try("openai", 0, 1.0, status=200, error_code="what an upstream says"), OTHER),
        (Try("openai", 0, 1.0, error_code="upstream_timeout"), "upstream_timeout"),
    ],
)
def test_an_upstream_can_not_make_up_labels(attempt: Try, error: str) -> None:
    (labels,) = [labels for name, _, labels in measures(attempts=(attempt,), usage=None, stream=False)]
    assert labels["error.type"] == error


def test_clients_can_not_make_up_labels() -> None:
    own = Measures()

    def model(name: str, status: int) -> str | int:
        told = record(upstream_model=name, attempts=(Try("openai", 0, 1.0, status=status),))
        return own.of(told, DESTINATIONS)[-1][2]["gen_ai.request.model"]

    assert model("made-up", 404) == OTHER
    assert model("real", 200) == "real"
    assert model("real", 500) == "real"
    assert [model(f"m{number}", 200) for number in range(MAX_MODELS)][-2:] == [f"m{MAX_MODELS - 2}", OTHER]
    assert model("real", 200) == "real"
