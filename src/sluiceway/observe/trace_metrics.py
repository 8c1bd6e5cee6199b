"""What a record adds to the metrics of the conventions for generative AI (1.41). Pure.

Seen as a client of the upstreams, which is what the gateway is: `gen_ai.server.*` are for those who run a model.
"""

from __future__ import annotations

from typing import Final

import msgspec

from sluiceway.observe.record import Record, Try
from sluiceway.observe.trace_attempts import answering, attempt_ends_ms, error_of
from sluiceway.observe.trace_routes import operation_of
from sluiceway.observe.trace_upstreams import Destination, provider_of

Labels = dict[str, str | int]

# Distinct models in metrics; clients may ask for whatever name they like.
MAX_MODELS: Final = 100
OTHER: Final = "_OTHER"

_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS: Final = tuple(4**power for power in range(14))


class Instrument(msgspec.Struct, frozen=True):
    """A histogram. `bounds`: of its buckets, as the conventions advise."""

    name: str
    unit: str
    description: str
    bounds: tuple[float, ...]


DURATION: Final = Instrument(
    "gen_ai.client.operation.duration", "s", "How long upstreams took for one answer.", _SECONDS
)
FIRST_CHUNK: Final = Instrument(
    "gen_ai.client.operation.time_to_first_chunk", "s", "How long a stream's first event took.", _SECONDS
)
TOKENS: Final = Instrument(
    "gen_ai.client.token.usage", "{token}", "Tokens of one answer, as its upstream counted.", _TOKENS
)
INSTRUMENTS: Final = (DURATION, FIRST_CHUNK, TOKENS)

Measure = tuple[Instrument, float, Labels]


class Measures:
    """Makes measurements of records; keeps the names of models that were answered, up to `MAX_MODELS`."""

    __slots__ = ("_models",)

    def __init__(self) -> None:
        self._models: set[str] = set()

    def of(self, record: Record, upstreams: dict[str, Destination]) -> list[Measure]:
        """What to add: each attempt's duration, and what is known of the answer. Nothing where no model was asked."""
        operation = operation_of(record)
        if operation is None:
            return []
        heard = answering(record)
        measures: list[Measure] = []
        for index, attempt in enumerate(record.attempts):
            labels = self._labels(record, attempt, operation, upstreams.get(attempt.upstream))
            if index == heard:
                measures += _answer(record, attempt, labels)
            failed = _error_label(attempt, error_of(record, index))
            duration_s = max(0.0, attempt_ends_ms(record, index) - attempt.after_ms) / 1000
            measures.append((DURATION, duration_s, {**labels, "error.type": failed} if failed else labels))
        return measures

    def _labels(
        self, record: Record, attempt: Try, operation: str, destination: Destination | None
    ) -> Labels:
        labels: Labels = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": provider_of(record, destination),
        }
        if (model := record.upstream_model or record.model) is not None:
            labels["gen_ai.request.model"] = self._bounded(model, attempt)
        if destination is not None:
            labels["server.address"] = destination.address
            labels["server.port"] = destination.port
        return labels

    def _bounded(self, model: str, attempt: Try) -> str:
        """The model, if it is known to exist, since somebody answered for it."""
        if model in self._models:
            return model
        answered = attempt.status is not None and attempt.status < 300
        if not answered or len(self._models) >= MAX_MODELS:
            return OTHER
        self._models.add(model)
        return model


def _answer(record: Record, attempt: Try, labels: Labels) -> list[Measure]:
    measures: list[Measure] = []
    if record.stream and attempt.first_event_ms is not None:
        measures.append((FIRST_CHUNK, attempt.first_event_ms / 1000, labels))
    usage = record.usage
    if usage is None or record.usage_estimated:  # the conventions: what nobody counted must not be reported
        return measures
    if usage.input_tokens is not None:
        measures.append((TOKENS, usage.input_tokens, {**labels, "gen_ai.token.type": "input"}))
    if usage.output_tokens is not None:
        measures.append((TOKENS, usage.output_tokens, {**labels, "gen_ai.token.type": "output"}))
    return measures


def _error_label(attempt: Try, error: str | None) -> str | None:
    """`error.type`, of which there are few: an upstream's own words, as its codes, may be anything."""
    if error is None:
        return None
    if attempt.status is not None and attempt.status >= 400:
        return str(attempt.status)
    return error if error.startswith("upstream_") else OTHER
